"""A loopback Yahoo that unmodified yfinance talks to, through the proxy variables of the environment.

It answers CONNECT for Yahoo's hosts only, ends the TLS of the tunnel with a certificate of its own, and so keeps the
client's addresses, cookies, crumb and certificate checks in play. Nothing can leave the machine: other hosts get 403.
"""

import json
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

import trustme

HOSTS = ("fc.yahoo.com", "query1.finance.yahoo.com", "query2.finance.yahoo.com", "guce.yahoo.com", "consent.yahoo.com")
TABLE = "/v7/finance/quote"
NEW_YORK_CLOSE = 1_795_208_400  # Friday 20 November 2026, 16:00 in New York


@dataclass(frozen=True)
class Answer:
    """What goes over the wire. `missing` bytes are promised and never sent; `wait` seconds pass before it.

    With `drip`, so many seconds pass before each byte.
    """

    body: bytes | str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    missing: int = 0
    wait: float = 0
    dropped: bool = False
    drip: float = 0


def chart(symbol: str, price: object = 100.5, currency: object = "USD", time: object = NEW_YORK_CLOSE) -> str:
    """A chart of one day as Yahoo sends it, cut down to what yfinance and we look at."""
    meta = {
        "currency": currency,
        "symbol": symbol,
        "exchangeName": "NMS",
        "instrumentType": "EQUITY",
        "regularMarketTime": time,
        "exchangeTimezoneName": "America/New_York",
        "regularMarketPrice": price,
        "priceHint": 2,
        "dataGranularity": "1d",
        "range": "1d",
    }
    quote = {name: [100.0] for name in ("open", "high", "low", "close", "volume")}
    result = {"meta": meta, "timestamp": [NEW_YORK_CLOSE], "indicators": {"quote": [quote]}}
    return json.dumps({"chart": {"result": [result], "error": None}})


def days_chart(
    symbol: str,
    closes: Mapping[str, object],
    splits: Mapping[str, tuple[int, int]] | None = None,
    dividends_out: float = 1,
    currency: str = "USD",
    session_ends: int = NEW_YORK_CLOSE,
) -> str:
    """A chart of many days as Yahoo sends it: closes by ISO day, in New York, adjusted for dividends by one factor."""

    def opening(day: str) -> int:
        return int(datetime.fromisoformat(f"{day}T09:30").replace(tzinfo=ZoneInfo("America/New_York")).timestamp())

    told = json.loads(chart(symbol, currency=currency))["chart"]["result"][0]
    told["meta"]["currentTradingPeriod"] = {"regular": {"end": session_ends}}
    told["timestamp"] = [opening(day) for day in closes]
    prices = list(closes.values())
    adjusted = [price * dividends_out if isinstance(price, int | float) else price for price in prices]
    told["indicators"] = {"quote": [{"close": prices}], "adjclose": [{"adjclose": adjusted}]}
    told["events"] = {
        "splits": {
            str(opening(day)): {
                "date": opening(day),
                "numerator": new,
                "denominator": old,
                "splitRatio": f"{new}:{old}",
            }
            for day, (new, old) in (splits or {}).items()
        }
    }
    return json.dumps({"chart": {"result": [told], "error": None}})


NOT_FOUND = Answer(
    '{"chart": {"result": null, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}}',
    404,
)
TOO_MANY_REQUESTS = Answer("Too Many Requests\r\n", 429)


@dataclass
class YahooStub:
    """What Yahoo knows, and what it was asked.

    Attributes:
        answers: by Yahoo's symbol; unknown symbols get 404.
        first: by symbol, what is said before that, once each.
        asked: the path of every request that reached us through the tunnel, in order.
        silent: take connections and never say a word.
        histories: by Yahoo's symbol, what is said when more than one day is asked for.
        table: whether many quotes can be had in one answer; an `Answer` is said in its place.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    first: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    silent: bool = False
    histories: dict[str, Answer] = field(default_factory=dict)
    table: bool | Answer = False
    url: str = ""
    certificate: str = ""

    def knows(
        self, symbol: str, price: object = 100.5, currency: object = "USD", time: object = NEW_YORK_CLOSE
    ) -> None:
        """Give a symbol a chart."""
        self.answers[symbol] = Answer(chart(symbol, price, currency, time))

    @property
    def charts(self) -> list[str]:
        """The symbols whose charts were asked for."""
        return [unquote(path.rsplit("/", 1)[1]) for path in self.asked if "/v8/finance/chart/" in path]

    @property
    def tables(self) -> int:
        """How many tables of quotes were asked for."""
        return sum(path == TABLE for path in self.asked)

    def answer(self, host: str, path: str, query: str = "") -> Answer:
        """What Yahoo says to one request."""
        self.asked.append(path)
        if host == "fc.yahoo.com":
            cookie = "A3=d=stub; Max-Age=31557600; Domain=.yahoo.com; Path=/; SameSite=None; Secure; HttpOnly"
            return Answer("", 404, (("Set-Cookie", cookie),))
        if path == "/v1/test/getcrumb":
            return Answer("StUbCrUmB")
        if path == TABLE and self.table:
            return self.table if isinstance(self.table, Answer) else self._table_of(parse_qs(query))
        if path.startswith("/v8/finance/chart/"):
            symbol = unquote(path.rsplit("/", 1)[1])
            if parse_qs(query).get("range") != ["1d"]:
                return self.histories.get(symbol, NOT_FOUND)
            if self.first.get(symbol):
                return self.first[symbol].pop(0)
            return self.answers.get(symbol) or self.answers.get("*") or NOT_FOUND
        return Answer("<html></html>")

    def _table_of(self, asked: dict[str, list[str]]) -> Answer:
        """A row for every symbol whose chart can be read; unknown ones are absent. It takes the crumb, and 200 symbols."""
        symbols = asked["symbols"][0].split(",")
        if asked.get("crumb") != ["StUbCrUmB"] or len(symbols) > 200:
            return Answer('{"finance": {"result": null, "error": {"code": "Unauthorized"}}}', 401)
        metas = [meta for symbol in symbols if (meta := _meta(self.answers.get(symbol)))]
        return Answer(json.dumps({"quoteResponse": {"result": metas, "error": None}}))


def _meta(answer: Answer | None) -> dict[str, object] | None:
    """The price with its currency and time, as the table repeats it."""
    if answer is None or answer.status != 200:
        return None
    try:
        meta: dict[str, object] = json.loads(answer.body)["chart"]["result"][0]["meta"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return meta


@contextmanager
def yahoo_on_loopback(folder: Path) -> Iterator[YahooStub]:
    """Run a stub while the block lasts; the environment is to send Yahoo's traffic to its `url`."""
    stub = YahooStub()
    authority = trustme.CA()
    stub.certificate = str(folder / "yahoo-ca.pem")
    authority.cert_pem.write_to_path(stub.certificate)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*HOSTS).configure_cert(tls)
    server = _Server(("127.0.0.1", 0), _handler(stub, tls))
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
    request_queue_size = 256
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the game."""


def _pieces(body: bytes, drip: float) -> Iterator[bytes]:
    if not drip:
        yield body
        return
    for byte in body:
        time.sleep(drip)
        yield bytes([byte])


def _handler(stub: YahooStub, tls: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        host = ""

        def do_CONNECT(self) -> None:
            self.host = self.path.split(":")[0]
            if self.host not in HOSTS:
                self.send_error(403)
                return
            if stub.silent:
                time.sleep(30)
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = socketserver._SocketWriter(self.connection)  # type: ignore[attr-defined]
            self.close_connection = False

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            self._send(stub.answer(self.host, asked.path, asked.query))

        def _send(self, answer: Answer) -> None:
            time.sleep(answer.wait)
            if answer.dropped:
                self.connection.close()
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
            self.send_response(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(body) + answer.missing))):
                self.send_header(name, value)
            self.end_headers()
            for piece in _pieces(body, answer.drip):
                self.wfile.write(piece)
            self.close_connection = answer.missing > 0

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
