"""Last trades from Alpaca's market data: American shares and funds only, one request for all of them.

https://docs.alpaca.markets/reference/stocklatesttrades ; without a subscription the trades are those of one exchange, IEX.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from allocation.adapters.exact_json import AnswerError, exact_json
from allocation.exchanges import exchange_of
from allocation.guard import DoubtfulPriceError, PriceCode, Reading, read_quote, refuse_old, way_out
from allocation.model import PriceSource, Quote
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault, TradingSessions
from allocation.symbols import SpellingError, Venue, spelled

HOST: Final = "https://data.alpaca.markets"
LATEST_TRADES: Final = "/v2/stocks/trades/latest"
CURRENCY: Final = "USD"
MOST_BYTES: Final = 1_000_000  # a trade takes 120
_LOOPBACK: Final = ("127.0.0.1", "localhost")
_NAME: Final = "Alpaca"

# Alpaca answers 400 for all when one symbol is none: only what looks like an American one is sent.
_SYMBOL = re.compile(r"[A-Z]{1,6}(\.[A-Z]{1,2})?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class AlpacaKeys:
    """A pair of keys, as Alpaca shows them to whoever made it."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)


class AlpacaSource:
    """A `QuoteSource`.

    Args:
        keys: of any Alpaca account, paper accounts included.
        sessions: when exchanges are open; a price of many sessions ago is none.
        base_url: where the server is; another one than Alpaca's on loopback only.
    """

    def __init__(
        self,
        keys: AlpacaKeys,
        sessions: TradingSessions,
        deadline: float = 5.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        base_url: str = HOST,
    ) -> None:
        if base_url != HOST and urlsplit(base_url).hostname not in _LOOPBACK:
            raise ValueError("keys of Alpaca are sent to Alpaca alone")
        self._keys = keys
        self._sessions = sessions
        self._deadline = deadline
        self._clock = clock
        self._base_url = base_url

    def quotes(self, symbols: Iterable[str], within: float | None = None) -> QuoteAnswer:
        """Last trades under the caller's spelling, and for every other symbol the reason."""
        wanted = tuple(dict.fromkeys(symbols))
        spellings = {symbol: theirs for symbol in wanted if (theirs := _spelled(symbol))}
        others = {symbol: _unknown(symbol) for symbol in wanted if symbol not in spellings}
        if not spellings:
            return QuoteAnswer({}, others)
        seconds = min(within or self._deadline, self._deadline)
        try:
            trades = _trades(self._fetch(spellings.values(), seconds))
        except _NoAnswerError as error:
            return QuoteAnswer({}, others | {symbol: error.failure(symbol, seconds) for symbol in spellings})
        read = [self._read(symbol, theirs, trades) for symbol, theirs in spellings.items()]
        failures = {each.symbol: each for each in read if isinstance(each, QuoteFailure)}
        return QuoteAnswer({each.symbol: each for each in read if isinstance(each, Quote)}, others | failures)

    def _read(self, symbol: str, theirs: str, trades: Mapping[str, Any]) -> Quote | QuoteFailure:
        if theirs not in trades:
            return _unknown(symbol)
        try:
            quote = _quote(symbol, theirs, trades[theirs], self._clock())
            missed = self._sessions.missed(exchange_of(theirs, CURRENCY), quote.time, self._clock())
            refuse_old(quote, missed)
        except DoubtfulPriceError as error:
            message = f"{_NAME} gave no usable price for {symbol}: {error.message}. {way_out()}"
            return QuoteFailure(symbol, QuoteFault.UNUSABLE, message, PriceCode(error.code), source=PriceSource.ALPACA)
        return quote

    def _fetch(self, spellings: Iterable[str], seconds: float) -> bytes:
        """The answer; what may be a passing weakness of Alpaca's is asked once more."""
        ends = monotonic() + seconds
        query = {"symbols": ",".join(sorted(set(spellings))), "currency": CURRENCY}
        try:
            return self._fetch_once(query, ends)
        except _NoAnswerError as error:
            if error.code != PriceCode.UNAVAILABLE or error.fault == QuoteFault.OFFLINE:
                raise
            return self._fetch_once(query, ends)

    def _fetch_once(self, query: Mapping[str, str], ends: float) -> bytes:
        left = ends - monotonic()
        if left <= 0:
            raise _NoAnswerError(QuoteFault.TIMEOUT)
        headers = {
            "APCA-API-KEY-ID": self._keys.key_id,
            "APCA-API-SECRET-KEY": self._keys.secret,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "Evenkeel",
        }
        through_proxy = self._base_url == HOST
        try:
            with (
                httpx.Client(timeout=left, trust_env=through_proxy) as client,
                client.stream("GET", f"{self._base_url}{LATEST_TRADES}", params=query, headers=headers) as response,
            ):
                self._refuse_status(response)
                return _read_in_time(response, ends)
        except httpx.TimeoutException:
            raise _NoAnswerError(QuoteFault.TIMEOUT) from None
        except (httpx.ConnectError, httpx.ProxyError):
            raise _NoAnswerError(QuoteFault.OFFLINE) from None
        except httpx.TransportError:  # without its cause: the request in it carries the keys
            raise _NoAnswerError(QuoteFault.UNUSABLE, PriceCode.UNAVAILABLE, "the connection broke off") from None

    def _refuse_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 429:
            raise _NoAnswerError(QuoteFault.RATE_LIMITED, retry_at=_reset(response.headers, self._clock()))
        if status in (401, 403):
            raise _NoAnswerError(QuoteFault.UNUSABLE, PriceCode.AUTH, "it does not accept the keys; renew them")
        if 300 <= status < 400:
            raise _NoAnswerError(QuoteFault.UNUSABLE, PriceCode.REDIRECT, "it sends us to another address")
        if status != 200:
            raise _NoAnswerError(QuoteFault.UNUSABLE, PriceCode.UNAVAILABLE, f"it answered with HTTP status {status}")


class _NoAnswerError(Exception):
    """Nothing for any symbol, for one reason. Says nothing of what was sent."""

    def __init__(
        self, fault: QuoteFault, code: PriceCode | None = None, why: str = "", retry_at: datetime | None = None
    ) -> None:
        super().__init__(why or fault.value)
        self.fault = fault
        self.code = code
        self.retry_at = retry_at

    def failure(self, symbol: str, seconds: float) -> QuoteFailure:
        """The same about one symbol, in a sentence."""
        sentences = {
            QuoteFault.OFFLINE: f"{_NAME} cannot be reached.",
            QuoteFault.RATE_LIMITED: f"{_NAME} takes no more requests from here for now. Try again in a few minutes.",
            QuoteFault.TIMEOUT: f"{_NAME} did not answer within {round(seconds, 1):g} seconds.",
        }
        message = sentences.get(self.fault, f"{_NAME} gave no usable prices: {self}. {way_out()}")
        return QuoteFailure(symbol, self.fault, message, self.code, self.retry_at, source=PriceSource.ALPACA)


def _spelled(symbol: str) -> str:
    """Alpaca's spelling; empty for what is not listed in the United States."""
    try:
        theirs = spelled(symbol, Venue.ALPACA)
    except SpellingError:
        return ""
    return theirs if _SYMBOL.fullmatch(theirs) else ""


def _unknown(symbol: str) -> QuoteFailure:
    message = f"{_NAME} does not know {symbol[:40]}. Check its spelling or enter a price by hand."
    return QuoteFailure(symbol, QuoteFault.UNKNOWN_SYMBOL, message, source=PriceSource.ALPACA)


def _trades(body: bytes) -> Mapping[str, Any]:
    try:
        answer = exact_json(body)
    except AnswerError:
        raise _NoAnswerError(QuoteFault.UNUSABLE, PriceCode.MALFORMED, "its answer cannot be read") from None
    match answer:
        case {"trades": dict() as trades, **rest}:
            if rest.get("currency", CURRENCY) == CURRENCY:
                return trades
            raise _NoAnswerError(QuoteFault.UNUSABLE, PriceCode.CURRENCY, "its prices are not in dollars")
    raise _NoAnswerError(QuoteFault.UNUSABLE, PriceCode.MALFORMED, "its answer holds no trades")


def _quote(symbol: str, theirs: str, trade: object, now: datetime) -> Quote:
    told = trade if isinstance(trade, dict) else {}
    if told.get("u") in ("canceled", "incorrect"):
        raise DoubtfulPriceError(PriceCode.INVALID, symbol, "its last trade was taken back")
    reading = Reading(symbol, theirs, theirs, told.get("p"), CURRENCY, _seconds(told.get("t")))
    return read_quote(reading, PriceSource.ALPACA, now)


def _seconds(said: object) -> object:
    """Seconds since 1970 of "2026-11-20T20:59:59.123456789Z"; anything else stays what it is."""
    found = _MOMENT.fullmatch(said) if isinstance(said, str) else None
    if found is None:
        return said
    try:
        return int(datetime.fromisoformat(f"{found[1]}+00:00").timestamp())
    except ValueError:
        return said


def _reset(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When the quota is new again, if that is within the hour."""
    said = headers.get("X-RateLimit-Reset", "")
    if not (said.isascii() and said.isdigit() and len(said) < 12):
        return None
    seconds = int(said) - int(now.timestamp())
    return datetime.fromtimestamp(int(said), UTC) if 0 < seconds <= 3600 else None


def _read_in_time(response: httpx.Response, ends: float) -> bytes:
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if monotonic() > ends:  # httpx limits each read, not the whole answer
            raise _NoAnswerError(QuoteFault.TIMEOUT)
        if len(body) > MOST_BYTES:
            raise _NoAnswerError(QuoteFault.UNUSABLE, PriceCode.TOO_LARGE, "its answer is too large")
    return bytes(body)
