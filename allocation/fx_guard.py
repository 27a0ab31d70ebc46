"""The guard of exchange rates: believed only if plain, of the pair asked for, current, and near the last rate known.

What a source says is read like a price (`guard.read_quote`); a rate that follows is then held against the last one of the
same pair, or a central bank's. The codes of a refusal are those of rates, since they concern every line of a currency.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from allocation.currencies import Rate, RateOrigin, significant
from allocation.errors import AllocationError, listed
from allocation.exchanges import Weekdays
from allocation.guard import REACH, DoubtfulPriceError, PriceCode
from allocation.model import Quote
from allocation.moments import date_text
from allocation.money import plain

MOST_DAYS_OLD: Final = 3  # business days
# Seen from the other side, a rate near one is as near to the last as a lively month would bring it. So close to the last
# one's inverse, and so far from the last itself, it is taken for inverted; after two months nothing can be said.
_AT_THE_INVERSE: Final = Decimal("0.015")
_OFF_THE_LAST: Final = ((timedelta(days=10), Decimal("0.03")), (timedelta(days=60), Decimal("0.08")))
_HUNDREDFOLD: Final = (Decimal(65), Decimal(150))


class RateCode(StrEnum):
    """Why there is no rate, for programs; stable for ever."""

    INVALID = "FX_INVALID"
    JUMP = "FX_JUMP"
    PAIR = "FX_PAIR"
    STALE = "FX_STALE"
    UNAVAILABLE = "FX_UNAVAILABLE"


_CODES: Final = {
    PriceCode.INVALID: RateCode.INVALID,
    PriceCode.ABSURD: RateCode.INVALID,
    PriceCode.TIMESTAMP: RateCode.INVALID,
    PriceCode.FUTURE: RateCode.INVALID,
    PriceCode.MALFORMED: RateCode.INVALID,
    PriceCode.JUMP: RateCode.JUMP,
    PriceCode.UNIT_SUSPECT: RateCode.JUMP,
    PriceCode.SYMBOL: RateCode.PAIR,
    PriceCode.CURRENCY: RateCode.PAIR,
    PriceCode.STALE: RateCode.STALE,
}


class StaleRateError(AllocationError):
    """Rates that are too old to plan with."""

    code = RateCode.STALE

    def __init__(self, rates: Iterable[Rate], now: datetime, reasons: Iterable[str] = ()) -> None:
        old, because = tuple(rates), "".join(f"{reason} " for reason in reasons)
        named = listed(f"{rate} is of {date_text(rate.time)}, {days_old(rate, now)} business days ago" for rate in old)
        super().__init__(
            f"Old exchange {'rate' if len(old) == 1 else 'rates'}: {named}; after {MOST_DAYS_OLD} there is no plan. "
            f"{because}Refresh rates, or confirm or enter today's by hand.",
            (rate.name for rate in old),
        )


def rate_code(code: PriceCode) -> RateCode:
    """The same reason where it concerns a rate; whatever kept the source from answering makes it unavailable."""
    return _CODES.get(code, RateCode.UNAVAILABLE)


def refuse_rate(quote: Quote, rate: Rate | None, known: Iterable[Rate], now: datetime) -> None:
    """Raise where a rate is not of its pair, too old, or does not follow from the last one known.

    Args:
        rate: the rate in the quote; None where its currency is not the pair's.
        known: earlier rates of the same pair, a central bank's or one entered by hand to confirm it among them.
    """
    if rate is None:
        raise DoubtfulPriceError(
            PriceCode.SYMBOL, quote.symbol, f"it is told in {quote.currency}, which is another pair"
        )
    if (days := days_old(rate, now)) > MOST_DAYS_OLD:
        cause = f"{rate} is of {date_text(rate.time)}, {days} business days ago"
        raise DoubtfulPriceError(PriceCode.STALE, quote.symbol, cause)
    last = max(known, key=lambda each: (each.time, each.source == RateOrigin.MANUAL), default=None)
    if last is not None and (told := _leap(rate, last)):
        kind, right = told
        cause = (
            f"{rate} on {date_text(rate.time)} {kind}: the last known is {plain(last.price)} of {date_text(last.time)}"
        )
        readings = (quote, *((replace(quote, price=right),) if right else ()))
        raise DoubtfulPriceError(PriceCode.JUMP, quote.symbol, f"{cause}. If it is right, confirm it", readings)


def refuse_old_rates(rates: Iterable[Rate], now: datetime, reasons: Iterable[str] = ()) -> None:
    """Raise `StaleRateError` for the rates nobody should plan with; samples and what was entered by hand are as they are.

    Sample rates go with sample prices of the same day, and their label says so.

    Args:
        reasons: why there are no newer ones, in sentences.
    """
    as_they_are = (RateOrigin.SAMPLE, RateOrigin.MANUAL)
    old = [rate for rate in rates if rate.source not in as_they_are and days_old(rate, now) > MOST_DAYS_OLD]
    if old:
        raise StaleRateError(old, now, reasons)


def days_old(rate: Rate, now: datetime) -> int:
    """Business days that began after a rate was struck and are over by now; a weekend makes none older."""
    return Weekdays().missed("", rate.time, now)


def rate_way_out(last: Quote | None = None) -> str:
    """What can be done about a rate that was refused, as a sentence."""
    return "Refresh later, or enter the rate by hand." + (" The last good one stays." if last else "")


def _leap(rate: Rate, last: Rate) -> tuple[str, Decimal | None] | None:
    """In words how a rate does not follow from the last one, and what it may have meant."""
    ratio, age = rate.price / last.price, abs(rate.time - last.time)
    if _is_inverse(rate, last, ratio, age):
        return "looks inverted", significant(1 / Fraction(rate.price))
    for times, right in ((ratio, rate.price / 100), (1 / ratio, rate.price * 100)):
        if _HUNDREDFOLD[0] <= times <= _HUNDREDFOLD[1]:
            return "is about a hundred times too large or too small", significant(Fraction(right))
    lowest, highest = next((low, high) for limit, low, high in REACH if age <= limit)
    return None if lowest <= ratio <= highest else ("is a jump", None)


def _is_inverse(rate: Rate, last: Rate, ratio: Decimal, age: timedelta) -> bool:
    off = next((off for limit, off in _OFF_THE_LAST if age <= limit), None)
    near_one = off is not None and abs(ratio - 1) > off and abs(rate.price * last.price - 1) <= _AT_THE_INVERSE
    lowest, highest = next((low, high) for limit, low, high in REACH if age <= limit)
    return near_one or (not lowest <= ratio <= highest and lowest <= rate.price * last.price <= highest)
