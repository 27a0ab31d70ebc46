"""One request to a broker: to a fixed host, within a deadline, of bounded size, never repeated; its numbers stay exact."""

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from ssl import SSLContext
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from allocation.brokers import BrokerAnswerError, BrokerAuthError, BrokerUnavailableError, OrderUncertainError

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 5.0
ORDER_SECONDS: Final = 15.0  # an order is worth waiting for: without an answer nobody knows whether it exists
LARGEST_ANSWER: Final = 8 * 1024 * 1024
_NOT_OFFERED: Final = 501  # for good, unlike its neighbours
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status and the bytes. Says neither in a repr, which may reach a log."""

    status: int
    body: bytes = field(repr=False)


class _NothingSentError(Exception):
    """No connection: the broker has seen nothing of the request."""


class _NoAnswerError(Exception):
    """The request left, and no whole answer came back. `broke_off` where one had begun that was not just slow."""

    def __init__(self, why: str, *, broke_off: bool) -> None:
        super().__init__(why)
        self.broke_off = broke_off


class Wire:
    """A broker's server. Safe to share between threads.

    Each request has a connection of its own: one that was kept open may be closed by the other side just as an order
    leaves, and then nobody knows whether it arrived.
    """

    def __init__(
        self, broker: str, base_url: str, *, read_seconds: float = READ_SECONDS, order_seconds: float = ORDER_SECONDS
    ) -> None:
        """Talk to one host and no other.

        Args:
            broker: its name for customers, for refusals.
            base_url: scheme and host; plain http on loopback only.
            read_seconds: how long a question may take.
            order_seconds: how long an order may take.
        """
        host = urlsplit(base_url)
        if host.scheme != "https" and host.hostname not in _LOOPBACK:
            raise ValueError(f"{broker} is spoken to over https only")
        self.broker = broker
        self.base_url = base_url.rstrip("/")
        self._read_seconds = read_seconds
        self._order_seconds = order_seconds
        self._through_proxy = host.hostname not in _LOOPBACK  # a proxy could not reach it

    def read(
        self, method: str, path: str, headers: Mapping[str, str], *, query: str = "", body: bytes | None = None
    ) -> Answer:
        """The answer to a question, one that changes nothing at the broker.

        Raises:
            BrokerUnavailableError: no answer in time, or one that says "not now".
            BrokerAnswerError: BROKER_MALFORMED, an answer that broke off, is too large, or sends us elsewhere.
        """
        try:
            answer = self._send(method, path, headers, query, body, self._read_seconds)
        except _NothingSentError as error:
            raise self.unavailable(str(error)) from error
        except _NoAnswerError as error:
            if error.broke_off:
                raise self.malformed(f"it broke off ({error})") from error
            raise self.unavailable(str(error)) from error
        if (answer.status >= 500 and answer.status != _NOT_OFFERED) or answer.status == 429:
            raise self.unavailable(f"status {answer.status}")
        if 300 <= answer.status < 400:
            raise self.malformed("it sends us to another address")
        return answer

    def order(
        self, method: str, path: str, headers: Mapping[str, str], *, query: str = "", body: bytes | None = None
    ) -> Answer:
        """The answer to an order or a cancellation, asked once; its status is below 500.

        Raises:
            BrokerUnavailableError: nothing was sent, or the broker takes nothing for now and says so.
            OrderUncertainError: it was sent, and what came back does not say what became of it.
        """
        try:
            answer = self._send(method, path, headers, query, body, self._order_seconds)
        except _NothingSentError as error:
            raise self.unavailable(str(error)) from error
        except _NoAnswerError as error:
            raise self.uncertain(str(error)) from error
        if answer.status == 429:
            raise self.unavailable("it takes no more requests for now")
        if answer.status >= 500 or 300 <= answer.status < 400:
            raise self.uncertain(f"status {answer.status}")
        return answer

    def unavailable(self, why: str) -> BrokerUnavailableError:
        """The refusal of a broker that cannot be reached or cannot serve."""
        return BrokerUnavailableError(
            f"{self.broker} does not answer ({why}). Nothing was placed or changed. Try again in a minute.",
            (self.broker,),
        )

    def uncertain(self, why: str) -> OrderUncertainError:
        """The refusal of an answer that leaves open whether there is an order."""
        return OrderUncertainError(
            f"{self.broker} did not say what became of the order ({why}); it may or may not exist there. Look at the "
            "orders of the account before anything is sent again.",
            (self.broker,),
        )

    def malformed(self, why: str) -> BrokerAnswerError:
        """The refusal of an answer that cannot be read."""
        return BrokerAnswerError(
            "BROKER_MALFORMED",
            f"{self.broker}'s answer cannot be read: {why}. Try again in a minute; if it stays, import a file instead.",
            (self.broker,),
        )

    def no_access(self, way_out: str) -> BrokerAuthError:
        """The refusal of a link that the broker does not accept any more."""
        return BrokerAuthError(f"{self.broker} does not accept the link any more. {way_out}", (self.broker,))

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], query: str, body: bytes | None, seconds: float
    ) -> Answer:
        ends = monotonic() + seconds
        url = f"{self.base_url}{path}{'?' if query else ''}{query}"
        # Unpacked as it comes, so that a small answer cannot grow on our side.
        told = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Evenkeel", **headers}
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        begun, leash = False, _Leash(seconds)
        try:
            with (
                leash,
                httpx.Client(timeout=timeout, trust_env=self._through_proxy, verify=_certificates()) as client,
                client.stream(method, url, headers=told, content=body, extensions={"trace": leash.note}) as response,
            ):
                begun = True
                return Answer(response.status_code, _read_in_time(response, ends))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            raise _NothingSentError(type(error).__name__) from None
        except (httpx.TimeoutException, TimeoutError):
            raise _NoAnswerError("no whole answer in time", broke_off=False) from None
        except (httpx.TransportError, _TooLargeError) as error:
            if leash.is_cut:
                raise _NoAnswerError("no whole answer in time", broke_off=False) from None
            # Without its cause: what it was about to send may stand in there.
            raise _NoAnswerError(type(error).__name__, broke_off=begun) from None


class _Leash:
    """Cuts a connection when its time is over, wherever it waits just then.

    httpx limits each wait, not their sum: a server that drips its headers, or drips and then falls silent, would hold us
    longer than we said.
    """

    def __init__(self, seconds: float) -> None:
        self.is_cut = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore tells of every step; with the end of these two there is another socket to cut."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")
            if self.is_cut:
                self._shut()

    def _cut(self) -> None:
        self.is_cut = True
        self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it was closed a moment ago
                self._socket.shutdown(socket.SHUT_RDWR)


class _TooLargeError(Exception):
    """More bytes than an answer may have."""


def exact_json(body: bytes) -> Any:
    """What a JSON text says, with every number as it is written: Decimal for those with a point, and for NaN.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=Decimal)
    except (RecursionError, InvalidOperation) as error:
        raise ValueError("too deep, or a number beyond all bounds") from error


@lru_cache(maxsize=1)
def _certificates() -> SSLContext:
    return httpx.create_ssl_context()


def _read_in_time(response: httpx.Response, ends: float) -> bytes:
    # httpx limits each read, not the whole answer: a server that drips would hold us for ever.
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if monotonic() > ends:
            raise TimeoutError
        if len(body) > LARGEST_ANSWER:
            raise _TooLargeError
    return bytes(body)
