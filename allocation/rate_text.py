"""What people read about exchange rates: where one comes from, how old it is, and what is exchanged for what."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from allocation.conversions import Conversion
from allocation.currencies import Rate, RateOrigin, smallest_unit
from allocation.moments import age_text, day_text
from allocation.money import plain

_NAMES = {RateOrigin.YAHOO: "Yahoo", RateOrigin.ECB: "ECB", RateOrigin.SAMPLE: "sample rate"}


def rate_in_words(rate: Rate) -> str:
    """The rate the way round in which it is the larger number: "1 EUR = 1.0624 USD", also for dollars in euro."""
    shown = rate if rate.price >= 1 else rate.inverse
    return f"1 {shown.base} = {_six_digits(shown.price)} {shown.counter}"


def rate_age(rate: Rate, now: datetime) -> str:
    """Where a rate comes from and when it was struck: "Yahoo, 4 minutes ago", "ECB, 30 Oct 2026, through EUR"."""
    through = f", through {rate.via}" if rate.via else ""
    if rate.source == RateOrigin.MANUAL:
        return f"entered by hand {day_text(rate.time, now)}{through}"
    return f"{_NAMES[rate.source]}, {age_text(rate.time, now)}{through}"


def amount(money: Decimal, currency: str) -> str:
    """Money to the smallest unit of its currency, with its code: "1,800.00 EUR", "16,000 JPY"."""
    return f"{money.quantize(smallest_unit(currency)):,f} {currency}".replace("-", "−")


def made_of(cash: Mapping[str, Decimal]) -> str:
    """What cash in several currencies is made of: "87.68 USD, 20.00 EUR"; currencies without any are left out."""
    return ", ".join(amount(money, code) for code, money in cash.items() if money)


def conversion_in_words(each: Conversion) -> str:
    """One exchange as an instruction: "Buy 1,800.00 EUR for 1,912.32 USD"."""
    return f"Buy {amount(each.bought_amount, each.bought)} for {amount(each.sold_amount, each.sold)}"


def short_sentence(short: Mapping[str, Decimal]) -> str:
    """What the exchanges leave unpaid, in a sentence; empty when nothing is."""
    if not short:
        return ""
    return f"Rounding to whole coins leaves {made_of(short)} unpaid: the plan leaves no cash for it. Keep a little in reserve."


def _six_digits(price: Decimal) -> str:
    """As many digits as dealers quote; the calculation keeps all twelve."""
    return plain(round(price, max(0, 5 - price.adjusted())))
