"""What can befall an answer on its way from a loopback server, for every stand-in alike."""

import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from tests.broker_side import AfterFault, Fault

PAGE = b"<!doctype html><title>Sign in to the hotel's network</title>"


class Weather:
    """Faults for one server; whoever waits in a silent request is let go by `clear`."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def clear(self) -> None:
        """Let go of every request that hangs or drips; later ones are met by nothing."""
        self._over.set()
        self._over = threading.Event()

    def before(self, fault: Fault) -> Callable[[BaseHTTPRequestHandler], bool]:
        """Meets every request, which is not worked on."""

        def meet(handler: BaseHTTPRequestHandler) -> bool:
            self._meet(fault, handler)
            return True

        return meet

    def after(self, fault: AfterFault) -> Callable[[BaseHTTPRequestHandler, bytes], None]:
        """Meets the answer to a request that was worked on."""

        def meet(handler: BaseHTTPRequestHandler, content: bytes) -> None:
            if fault == AfterFault.GATEWAY:
                _send(handler, 504, b"{}")
            elif fault == AfterFault.RESET:
                reset(handler)
            elif fault == AfterFault.TRUNCATED:
                _send(handler, 200, content[: len(content) // 2], len(content))
            elif fault == AfterFault.NOT_JSON:
                _send(handler, 200, PAGE)
            else:
                self._over.wait(20)
            handler.close_connection = True

        return meet

    def _meet(self, fault: Fault, handler: BaseHTTPRequestHandler) -> None:
        status = {Fault.SERVER_ERROR: 500, Fault.BUSY: 503, Fault.TOO_MANY: 429}.get(fault)
        if status is not None:
            _send(handler, status, b"{}")
        elif fault == Fault.TRUNCATED:
            _send(handler, 200, b'{"id": "', 200)
        elif fault == Fault.NOT_JSON:
            _send(handler, 200, PAGE)
        elif fault == Fault.REDIRECT:
            _send(handler, 302, b"", location="http://127.0.0.1:9/")
        elif fault == Fault.HUGE:
            self._pour(handler)
        elif fault == Fault.DRIP:
            self._drip(handler)
        else:
            self._over.wait(20)
        handler.close_connection = True

    def _pour(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        try:
            while not self._over.is_set():
                handler.wfile.write(b" " * (1 << 20))
        except OSError:
            return

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        over = self._over
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        try:
            while not over.wait(0.02):
                handler.wfile.write(b" ")
                handler.wfile.flush()
        except OSError:
            return


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Cut the connection off without a word (RST)."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def _send(
    handler: BaseHTTPRequestHandler, status: int, content: bytes, length: int | None = None, location: str = ""
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    if location:
        handler.send_header("Location", location)
    handler.end_headers()
    handler.wfile.write(content)
