"""What Yahoo's words mean: how it spells a symbol, and which price its chart holds. Pure; refuses whatever is not plain."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from allocation.adapters.exact_json import AnswerError, exact_json
from allocation.guard import DoubtfulPriceError, PriceCode, Reading, read_quote, way_out
from allocation.model import PriceSource, Quote
from allocation.ports import QuoteFailure, QuoteFault
from allocation.symbols import canonical

LONGEST_PAUSE: Final = timedelta(days=1)

# Ten characters at most: an ISIN (12) would send yfinance searching, and the first hit may be of another exchange.
_TICKER = re.compile(r"[A-Z0-9]{1,10}(-[A-Z0-9]{1,6})?(\.[A-Z]{1,3})?")


class NoPriceError(Exception):
    """An answer that holds no usable price; says why in half a sentence."""

    def __init__(self, why: str, code: PriceCode) -> None:
        super().__init__(why)
        self.code = code


def yahoo_ticker(symbol: str) -> str:
    """Yahoo's spelling of a symbol (BRK.B, BRK/B and "BRK B" are BRK-B there); empty when it cannot be a ticker."""
    text = canonical(symbol)
    return text if _TICKER.fullmatch(text) and not symbol.rstrip().endswith("*") else ""


def read_chart(symbol: str, ticker: str, status: int, text: str, now: datetime) -> Quote:
    """The quote in Yahoo's answer, under our spelling of the symbol and in whole currency units.

    Raises:
        NoPriceError: there is none that we would stand behind.
    """
    meta = _meta(status, text)
    said, *told = (meta.get(key) for key in ("symbol", "regularMarketPrice", "currency", "regularMarketTime"))
    try:
        return read_quote(Reading(symbol, ticker, answered_as(ticker, said), *told), PriceSource.YAHOO, now)
    except DoubtfulPriceError as error:
        raise NoPriceError(error.message, PriceCode(error.code)) from None


def answered_as(ticker: str, said: object) -> object:
    """The symbol an answer is about: Yahoo may call the dollar's pairs by their other half alone (JPY=X for USDJPY=X)."""
    return ticker if isinstance(said, str) and ticker == f"USD{said}" and ticker.endswith("=X") else said


def retry_time(said: str, now: datetime) -> datetime | None:
    """When a server that had too many requests wants to be asked again (RFC 9110, 10.2.3); within a day, if it says so."""
    try:
        at = now + timedelta(seconds=int(said)) if said.isascii() and said.isdigit() else parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(at, now + LONGEST_PAUSE) if at > now else None


def failure(symbol: str, error: NoPriceError) -> QuoteFailure:
    """The same in a sentence with its way out."""
    if error.code == PriceCode.UNKNOWN_SYMBOL:
        message = f"Yahoo does not know {symbol}. Check its spelling or enter a price by hand."
        return QuoteFailure(symbol, QuoteFault.UNKNOWN_SYMBOL, message)
    message = f"Yahoo gave no usable price for {symbol}: {error}. {way_out()}"
    return QuoteFailure(symbol, QuoteFault.UNUSABLE, message, error.code)


def refuse_status(status: int) -> None:
    """Raise `NoPriceError` for every HTTP status but 200."""
    if status != 200:
        raise NoPriceError(f"it answered with HTTP status {status}", _code_of(status))


def parsed(text: str) -> Any:
    """JSON with its numbers as they were written; `NoPriceError` for what is none, is too deep or repeats a key."""
    try:
        return exact_json(text)
    except AnswerError:
        raise NoPriceError("its answer cannot be read", PriceCode.MALFORMED) from None


def chart_in(status: int, text: str) -> Mapping[str, Any]:
    """The one chart of an answer, with its "meta".

    Raises:
        NoPriceError: there is none.
    """
    if status == 404:
        raise NoPriceError("not found", PriceCode.UNKNOWN_SYMBOL)
    refuse_status(status)
    match parsed(text):
        case {"chart": {"error": {"code": "Not Found"}}}:
            raise NoPriceError("not found", PriceCode.UNKNOWN_SYMBOL)
        case {"chart": {"result": [{"meta": dict()} as found]}}:
            chart: Mapping[str, Any] = found
            return chart
    raise NoPriceError("its answer is not a chart", PriceCode.MALFORMED)


def _meta(status: int, text: str) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = chart_in(status, text)["meta"]
    return meta


def _code_of(status: int) -> PriceCode:
    if 300 <= status < 400:
        return PriceCode.REDIRECT
    return PriceCode.AUTH if status in (401, 403) else PriceCode.UNAVAILABLE
