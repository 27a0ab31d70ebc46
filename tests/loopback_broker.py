"""A broker's server on loopback that can be told to fail in every way the contract of brokers knows."""

import json
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.broker_side import AfterFault, Fault

MEGABYTE = b" " * 1_000_000
PAGE = b"<html><title>Maintenance</title></html>"
STATUSES = {Fault.SERVER_ERROR: 500, Fault.BUSY: 503, Fault.TOO_MANY: 429}
SURELY_OVER = 20  # seconds after which a hanging answer gives up, whatever happens


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What is said to a request; `took_order` where it made an order."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    took_order: bool = False


def as_json(found: object, status: int = 200, *, took_order: bool = False) -> Reply:
    """JSON with decimals as plain numbers and NaN as brokers' machines write it."""
    return Reply(status, json.dumps(found, default=_number).encode(), took_order=took_order)


def _number(found: object) -> float:
    assert isinstance(found, Decimal)
    return float(found)


@dataclass
class LoopbackBroker(ABC):
    """The machinery: one thread for each request, and the faults.

    Attributes:
        fault: what every request meets.
        after_fault: what the answer to the next accepted order meets.
        asked: every request that arrived.
        orders_asked: how many of them wanted to place an order.
    """

    fault: Fault | None = None
    after_fault: AfterFault | None = None
    asked: list[Asked] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _server: ThreadingHTTPServer | None = field(default=None, repr=False)
    _recovered: threading.Event = field(default_factory=threading.Event, repr=False)
    _port: int = 0

    @abstractmethod
    def reply(self, asked: Asked) -> Reply:
        """What the broker says when nothing is wrong."""

    @abstractmethod
    def places_order(self, asked: Asked) -> bool:
        """Whether the request wants to place an order."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def orders_asked(self) -> int:
        return sum(self.places_order(asked) for asked in self.asked)

    def __enter__(self) -> Any:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.recover()
        self._stop()

    def suffer(self, fault: Fault) -> None:
        self._recovered.clear()
        self.fault = fault
        if fault == Fault.REFUSED:
            self._stop()

    def suffer_after(self, fault: AfterFault) -> None:
        self._recovered.clear()
        self.after_fault = fault

    def recover(self) -> None:
        self.fault = self.after_fault = None
        self._recovered.set()
        if self._server is None:
            self._listen()

    def _listen(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), _handler_of(self))
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def _stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def serve(self, handler: "BaseHTTPRequestHandler") -> None:
        """Take one request and answer it, or fail as told."""
        length = int(handler.headers.get("Content-Length") or 0)
        address = urlsplit(handler.path)
        body = handler.rfile.read(length)
        asked = Asked(handler.command, address.path, address.query, dict(handler.headers), body)
        self.asked.append(asked)
        if self.fault is not None and self.fault not in (Fault.TRUNCATED, Fault.REFUSED):
            self._fail(handler, self.fault)
            return
        if self.fault == Fault.TRUNCATED and self.places_order(asked):
            _say(handler, as_json({"message": "nothing was done"}), half=True)
            return
        with self.lock:
            reply = self.reply(asked)
        if self.fault == Fault.TRUNCATED and not reply.body:
            reply = as_json({"message": "half of nothing is nothing"})
        if reply.took_order and self.after_fault is not None:
            fault, self.after_fault = self.after_fault, None
            self._fail_after(handler, fault, reply)
            return
        _say(handler, reply, half=self.fault == Fault.TRUNCATED)

    def _fail(self, handler: BaseHTTPRequestHandler, fault: Fault) -> None:
        if fault in STATUSES:
            _say(handler, Reply(STATUSES[fault], b"oops", "text/plain"))
        elif fault == Fault.NOT_JSON:
            _say(handler, Reply(200, PAGE, "text/html"))
        elif fault == Fault.REDIRECT:
            _start(handler, 302, {"Location": "http://127.0.0.1:9/", "Content-Length": "0"})
        elif fault == Fault.HANG:
            self._recovered.wait(SURELY_OVER)
        elif fault == Fault.HUGE:
            _start(handler, 200, {"Content-Type": "application/json"})
            for _ in range(200):
                handler.wfile.write(MEGABYTE)
        elif fault == Fault.DRIP:
            _start(handler, 200, {"Content-Length": "1000"})
            while not self._recovered.wait(0.02):
                handler.wfile.write(b" ")

    def _fail_after(self, handler: BaseHTTPRequestHandler, fault: AfterFault, reply: Reply) -> None:
        if fault == AfterFault.GATEWAY:
            _say(handler, Reply(504, b"gateway", "text/plain"))
        elif fault == AfterFault.TRUNCATED:
            _say(handler, reply, half=True)
        elif fault == AfterFault.NOT_JSON:
            _say(handler, Reply(200, PAGE, "text/html"))
        elif fault == AfterFault.HANG:
            self._recovered.wait(SURELY_OVER)
        else:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is what these tests are about."""


def _handler_of(broker: LoopbackBroker) -> type[BaseHTTPRequestHandler]:
    methods = {f"do_{method}": broker.serve for method in ("GET", "POST", "PUT", "DELETE")}
    deeds = {name: lambda handler, serve=serve: serve(handler) for name, serve in methods.items()}
    return type("Handler", (BaseHTTPRequestHandler,), {**deeds, "log_message": lambda *_: None})


def _start(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def _say(handler: BaseHTTPRequestHandler, reply: Reply, *, half: bool = False) -> None:
    _start(handler, reply.status, {"Content-Type": reply.kind, "Content-Length": str(len(reply.body))})
    handler.wfile.write(reply.body[: len(reply.body) // 2] if half else reply.body)
