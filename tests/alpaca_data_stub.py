"""A loopback Alpaca that tells last trades. Every request and every good answer is held against Alpaca's own description."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.yahoo_stub import Answer

SPEC = json.loads((Path(__file__).parent / "specs" / "alpaca_market_data.json").read_text(encoding="utf-8"))
PATH = "/v2/stocks/trades/latest"
KEY_ID, SECRET = "PKCANARYOFTHESTANDIN", "canary-secret-of-the-stand-in"


def trade(price: object = 305.3, time: object = "2026-11-20T20:59:59.123456789Z") -> dict[str, Any]:
    """A last trade as Alpaca tells it."""
    return {"t": time, "x": "V", "p": price, "s": 100, "c": ["@"], "i": 52983525029461, "z": "B"}


@dataclass
class AlpacaDataStub:
    """What it knows, and what it was asked.

    Attributes:
        trades: by Alpaca's symbol; unknown symbols are absent from the answer.
        first: what is said before that, once each.
        instead: what is said in place of every answer.
        asked: the symbols of each request.
        violations: what did not follow Alpaca's description.
    """

    trades: dict[str, Any] = field(default_factory=dict)
    first: list[Answer] = field(default_factory=list)
    instead: Answer | None = None
    asked: list[list[str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, headers: Any) -> Answer:
        """What Alpaca says to one request."""
        asked = urlsplit(path)
        query = parse_qs(asked.query)
        if asked.path != PATH or not query.keys() <= _parameters() or "symbols" not in query:
            self.violations.append(path)
        self.asked.append(query.get("symbols", [""])[0].split(","))
        if self.first or self.instead:
            return self.first.pop(0) if self.first else self.instead or Answer("")
        if (headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")) != (KEY_ID, SECRET):
            return Answer('{"message": "forbidden."}', 403)
        found = {symbol: self.trades[symbol] for symbol in self.asked[-1] if symbol in self.trades}
        body = {"trades": found}
        self.violations += [error.message for error in _schema().iter_errors(body)]
        return Answer(json.dumps(body))


@contextmanager
def alpaca_data_on_loopback() -> Iterator[AlpacaDataStub]:
    """Run a stub while the block lasts."""
    stub = AlpacaDataStub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = stub.answer(self.path, self.headers)
            time.sleep(said.wait)
            if said.dropped:
                return
            body = said.body if isinstance(said.body, bytes) else said.body.encode()
            self.send_response(said.status)
            for name, value in (*said.headers, ("Content-Length", str(len(body) + said.missing))):
                self.send_header(name, value)
            self.end_headers()
            for piece in [bytes([byte]) for byte in body] if said.drip else [body]:
                time.sleep(said.drip)
                self.wfile.write(piece)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the game."""


def _parameters() -> set[str]:
    parts = SPEC["components"]["parameters"]
    listed = SPEC["paths"][PATH]["get"]["parameters"]
    return {parts[each["$ref"].rsplit("/", 1)[1]]["name"] for each in listed}


def _schema() -> OAS30Validator:
    registry = Registry().with_resource("urn:spec", Resource(contents=SPEC, specification=DRAFT4))
    return OAS30Validator({"$ref": "urn:spec#/components/schemas/stock_latest_trades_resp"}, registry=registry)
