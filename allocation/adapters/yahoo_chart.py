"""What Yahoo's words mean: how it spells a symbol, and which price its chart holds. Pure; refuses whatever is not plain."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

from allocation.errors import AllocationError
from allocation.model import PriceSource, Quote, check_price
from allocation.ports import QuoteFailure, QuoteFault

# Hundredths in which some exchanges quote. Case matters: GBP is a hundred times GBp.
MINOR_UNITS: Final = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
# Suffixes of one letter that are an exchange (Frankfurt, London, Tokyo, TSX Venture) and no share class.
EXCHANGE_LETTERS: Final = "FLTV"
# Fidelity and OFX leave the separator out; nothing else is called so.
WITHOUT_SEPARATOR: Final = {"BRKA": "BRK-A", "BRKB": "BRK-B"}
CLOCKS_MAY_DIFFER: Final = timedelta(minutes=15)

# Ten characters at most: an ISIN (12) would send yfinance searching, and the first hit may be of another exchange.
_TICKER = re.compile(r"[A-Z0-9]{1,10}(-[A-Z0-9]{1,6})?(\.[A-Z]{1,3})?")
_SHARE_CLASS = re.compile(rf"([A-Z]{{1,5}})(?:[ /]([A-Z])|\.([A-Z])(?<![{EXCHANGE_LETTERS}]))")
_SMALLEST_STEP = Decimal("0.000001")


class NoPriceError(Exception):
    """An answer that holds no usable price; says why in half a sentence."""

    def __init__(self, why: str, fault: QuoteFault = QuoteFault.UNUSABLE) -> None:
        super().__init__(why)
        self.fault = fault


def yahoo_ticker(symbol: str) -> str:
    """Yahoo's spelling of a symbol (BRK.B, BRK/B and "BRK B" are BRK-B there); empty when it cannot be a ticker."""
    text = symbol.strip().upper()
    if text in WITHOUT_SEPARATOR:
        return WITHOUT_SEPARATOR[text]
    if share_class := _SHARE_CLASS.fullmatch(text):
        return f"{share_class[1]}-{share_class[2] or share_class[3]}"
    return text if _TICKER.fullmatch(text) else ""


def read_chart(symbol: str, ticker: str, status: int, text: str, now: datetime) -> Quote:
    """The quote in Yahoo's answer, under our spelling of the symbol and in whole currency units.

    Raises:
        NoPriceError: there is none that we would stand behind.
    """
    meta = _meta(status, text)
    if str(meta.get("symbol", "")).upper() != ticker:
        raise NoPriceError("its answer is about another security")
    currency, unit = _currency(meta)
    try:
        price = check_price(symbol, _number(meta, "regularMarketPrice") * unit)
        price = price.quantize(_SMALLEST_STEP, ROUND_HALF_EVEN).normalize()
        return Quote(symbol, price, currency, _time(meta, now), PriceSource.YAHOO)
    except AllocationError as error:
        raise NoPriceError(str(error).rstrip(".")) from None


def failure(symbol: str, error: NoPriceError) -> QuoteFailure:
    """The same in a sentence with its way out."""
    if error.fault == QuoteFault.UNKNOWN_SYMBOL:
        return QuoteFailure(
            symbol, error.fault, f"Yahoo does not know {symbol}. Check its spelling or enter a price by hand."
        )
    message = f"Yahoo gave no usable price for {symbol}: {error}. Try again later or enter a price by hand."
    return QuoteFailure(symbol, error.fault, message)


def _meta(status: int, text: str) -> Mapping[str, Any]:
    if status == 404:
        raise NoPriceError("not found", QuoteFault.UNKNOWN_SYMBOL)
    if status != 200:
        raise NoPriceError(f"it answered with HTTP status {status}")
    match _parsed(text):
        case {"chart": {"error": {"code": "Not Found"}}}:
            raise NoPriceError("not found", QuoteFault.UNKNOWN_SYMBOL)
        case {"chart": {"result": [{"meta": dict() as meta}]}}:
            return meta
    raise NoPriceError("its answer is not a chart")


def _parsed(text: str) -> Any:
    try:
        return json.loads(
            text, parse_float=_exact, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated_keys
        )
    except (ValueError, RecursionError):
        raise NoPriceError("its answer cannot be read") from None


def _exact(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise ValueError from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _refuse_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _currency(meta: Mapping[str, Any]) -> tuple[str, Decimal]:
    code = meta.get("currency")
    if not isinstance(code, str):
        raise NoPriceError("it names no currency")
    if code in MINOR_UNITS:
        return MINOR_UNITS[code], Decimal("0.01")
    return code, Decimal(1)


def _number(meta: Mapping[str, Any], key: str) -> Decimal:
    value = meta.get(key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise NoPriceError("it names no price")
    return Decimal(value)


def _time(meta: Mapping[str, Any], now: datetime) -> datetime:
    seconds = meta.get("regularMarketTime")
    latest = now + CLOCKS_MAY_DIFFER
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        raise NoPriceError("it does not say when the price was struck")
    if seconds > latest.timestamp():
        raise NoPriceError("its price is of a time still to come; check this computer's clock")
    return datetime.fromtimestamp(seconds, UTC)
