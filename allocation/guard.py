"""The guard before the engine: what a source says about a price is believed only if it is plain, current and near the last.

A refusal has a stable code and a sentence that names the symbol, the value, the cause and the way out. Nothing is put
right here but the hundredths in which some exchanges quote.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Final

from allocation.errors import AllocationError
from allocation.model import LARGEST_PRICE, SMALLEST_PRICE, PriceSource, Quote
from allocation.moments import date_text

# Hundredths in which some exchanges quote. Case matters: GBP is a hundred times GBp.
MINOR_UNITS: Final = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
CLOCKS_MAY_DIFFER: Final = timedelta(minutes=15)
MOST_SESSIONS_MISSED: Final = 3  # a small share may go without a trade for days
# How far a price may be from the last known close, by the age of that close: as a factor down and up.
REACH: Final = (
    (timedelta(days=10), Decimal("0.65"), Decimal("1.5")),
    (timedelta(days=366), Decimal("0.55"), Decimal("1.8")),
    (timedelta.max, Decimal("0.3"), Decimal("3.5")),
)
_HUNDREDFOLD = (Decimal(65), Decimal(150))  # times the last close: what a mix-up of units looks like after a lively day

_PLAIN_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_NO_CURRENCY = ("XXX", "XTS")  # ISO 4217 for "none" and "test"


class PriceCode(StrEnum):
    """Why there is no price, for programs; stable for ever."""

    INVALID = "PRICE_INVALID"
    ABSURD = "PRICE_ABSURD"
    UNIT_SUSPECT = "PRICE_UNIT_SUSPECT"
    CURRENCY = "PRICE_CURRENCY"
    STALE = "PRICE_STALE"
    FUTURE = "PRICE_FUTURE"
    TIMESTAMP = "PRICE_TIMESTAMP"
    SYMBOL = "PRICE_SYMBOL"
    JUMP = "PRICE_JUMP"
    UNAVAILABLE = "PRICE_UNAVAILABLE"
    TIMEOUT = "PRICE_TIMEOUT"
    RATE_LIMITED = "PRICE_RATE_LIMITED"
    AUTH = "PRICE_AUTH"
    UNKNOWN_SYMBOL = "PRICE_UNKNOWN_SYMBOL"
    MALFORMED = "PRICE_MALFORMED"
    REDIRECT = "PRICE_REDIRECT"
    TOO_LARGE = "PRICE_TOO_LARGE"
    SWITCHED_OFF = "PRICE_SWITCHED_OFF"


class DoubtfulPriceError(AllocationError):
    """A price nobody should plan with. The message is the cause, in half a sentence without its end.

    `readings` are the quotes it may have meant, for somebody to choose from.
    """

    def __init__(self, code: PriceCode, symbol: str, cause: str, readings: Iterable[Quote] = ()) -> None:
        super().__init__(cause, (symbol,))
        self.code = code
        self.readings = tuple(readings)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source said about one symbol, word for word, before anything of it is believed.

    Attributes:
        symbol: our spelling.
        asked: the source's spelling, which the answer is to repeat.
        time: seconds since 1970.
    """

    symbol: str
    asked: str
    answered: object
    price: object
    currency: object
    time: object


def read_quote(reading: Reading, source: PriceSource, now: datetime) -> Quote:
    """The quote in a reading, in whole currency units.

    Raises:
        DoubtfulPriceError: it is about another security, or its price, currency or time is not plain.
    """
    if not isinstance(reading.answered, str) or reading.answered.upper() != reading.asked.upper():
        raise DoubtfulPriceError(
            PriceCode.SYMBOL, reading.symbol, f"the answer is about {_shown(reading.answered)}, another security"
        )
    currency, unit = _currency(reading)
    price = _price(reading, currency, unit)
    return Quote(reading.symbol, price, currency, _time(reading, now), source)


def refuse_old(quote: Quote, sessions_missed: int) -> None:
    """Raise where the exchange has been open too often since the price was struck."""
    if sessions_missed > MOST_SESSIONS_MISSED:
        raise too_old(quote, sessions_missed)


def too_old(quote: Quote, sessions_missed: int) -> DoubtfulPriceError:
    """The refusal of a price that was struck too many sessions ago."""
    cause = f"the price of {_money(quote)} is of {date_text(quote.time)}, and its exchange has been open on {sessions_missed} days since"
    return DoubtfulPriceError(PriceCode.STALE, quote.symbol, cause)


def refuse_leap(quote: Quote, known: Iterable[Quote]) -> None:
    """Raise where a quote does not follow from the last one known, which may have been entered by hand to confirm it.

    Args:
        known: earlier quotes of the same symbol, in any order and currency.
    """
    last = _last(quote, known)
    if last is None:
        return
    if last.currency != quote.currency:
        cause = f"the price is {_money(quote)}, but was quoted in {last.currency} on {date_text(last.time)} ({_money(last)})"
        raise DoubtfulPriceError(PriceCode.CURRENCY, quote.symbol, cause, (quote,))
    ratio = quote.price / last.price
    for times, reading in ((ratio, quote.price / 100), (1 / ratio, quote.price * 100)):
        if _HUNDREDFOLD[0] <= times <= _HUNDREDFOLD[1]:
            cause = (
                f"it may be in another unit: the price is {_money(quote)} as it stands or "
                f"{_plain(reading)} {quote.currency} if units were mixed up, and the last close was {_money(last)} on {date_text(last.time)}"
            )
            raise DoubtfulPriceError(
                PriceCode.UNIT_SUSPECT, quote.symbol, cause, (quote, replace(quote, price=reading))
            )
    lowest, highest = next((low, high) for age, low, high in REACH if abs(quote.time - last.time) <= age)
    if not lowest <= ratio <= highest:
        cause = (
            f"the price jumped from {_money(last)} on {date_text(last.time)} to {_money(quote)} on {date_text(quote.time)}; "
            "a split, or an error. If the new price is right, confirm it"
        )
        raise DoubtfulPriceError(PriceCode.JUMP, quote.symbol, cause, (quote,))


def way_out(last: Quote | None = None) -> str:
    """What can be done about a price that was refused, as a sentence."""
    close = f"use the last close of {date_text(last.time)} ({_money(last)}), " if last else ""
    return f"Refresh later, {close}leave the line out, or enter a price by hand."


def _last(quote: Quote, known: Iterable[Quote]) -> Quote | None:
    """The newest quote that says something about this one: a file may value a share in the account's own currency."""
    telling = [
        each
        for each in known
        if each.source != PriceSource.SAMPLE and (each.currency == quote.currency or each.source == PriceSource.YAHOO)
    ]
    return max(telling, key=lambda each: (each.time, each.source == PriceSource.MANUAL), default=None)


def _currency(reading: Reading) -> tuple[str, Decimal]:
    said = reading.currency
    code, unit = said if isinstance(said, str) else "", Decimal(1)
    if code in MINOR_UNITS:
        return MINOR_UNITS[code], Decimal("0.01")
    if not _CURRENCY.fullmatch(code) or code in _NO_CURRENCY:
        raise DoubtfulPriceError(
            PriceCode.CURRENCY, reading.symbol, f"its currency is {_shown(said)}, which is no currency code"
        )
    return code, unit


def _price(reading: Reading, currency: str, unit: Decimal) -> Decimal:
    number = _number(reading.price)
    if number is None or number <= 0:
        raise DoubtfulPriceError(PriceCode.INVALID, reading.symbol, f"its price is {_shown(reading.price)}")
    price = number * unit
    if not SMALLEST_PRICE <= price <= LARGEST_PRICE:
        cause = f"its price is {_shown(number)} {currency}; a price must lie between {SMALLEST_PRICE:f} and {LARGEST_PRICE:,}"
        raise DoubtfulPriceError(PriceCode.ABSURD, reading.symbol, cause)
    return _without_noise(price)


def _number(said: object) -> Decimal | None:
    if isinstance(said, str):
        return Decimal(said) if _PLAIN_NUMBER.fullmatch(said) else None
    if isinstance(said, bool) or not isinstance(said, int | Decimal):
        return None
    number = Decimal(said)
    return number if number.is_finite() else None


def _without_noise(price: Decimal) -> Decimal:
    """A price without the digits that only a binary fraction has; every digit of a real one stays."""
    step = Decimal("0.000001") if price >= 1 else Decimal("0.000000000001")
    return price.quantize(step, ROUND_HALF_EVEN).normalize()


def _time(reading: Reading, now: datetime) -> datetime:
    said = reading.time
    if isinstance(said, Decimal) and said.is_finite() and said == said.to_integral_value():
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        cause = f"it does not say when the price of {_shown(reading.price)} was struck ({_shown(said)})"
        raise DoubtfulPriceError(PriceCode.TIMESTAMP, reading.symbol, cause)
    if said > (now + CLOCKS_MAY_DIFFER).timestamp():
        cause = f"the price of {_shown(reading.price)} is of a time still to come; check this computer's clock"
        raise DoubtfulPriceError(PriceCode.FUTURE, reading.symbol, cause)
    return datetime.fromtimestamp(said, UTC)


def _shown(said: object) -> str:
    if said is None:
        return "missing"
    if isinstance(said, dict | list | tuple):
        return "several values"
    return ascii(said)[:40] if isinstance(said, str) else str(said)[:40]


def _plain(price: Decimal) -> str:
    return f"{price.normalize():f}"


def _money(quote: Quote) -> str:
    return f"{_plain(quote.price)} {quote.currency}"
