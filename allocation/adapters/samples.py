"""Embedded samples for the demo: real prices and exchange rates of one day, old on purpose, and what each security is.

See sample/NOTICE.
"""

import csv
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from allocation.currencies import Rate, RateOrigin
from allocation.model import PriceSource, Quote
from allocation.money import to_decimal
from allocation.securities import FactsSource, SecurityFacts

_SAMPLE = Path(__file__).parent.parent / "sample"


def sample_quotes() -> dict[str, Quote]:
    """The sample quote of each sample security, by symbol."""
    return {row["symbol"]: _quote(row) for row in _rows("prices.csv")}


def sample_names() -> dict[str, str]:
    """What each sample security is called, by symbol."""
    return {row["symbol"]: row["name"] for row in _rows("prices.csv")}


def sample_facts() -> tuple[SecurityFacts, ...]:
    """What each sample security is."""
    return tuple(
        SecurityFacts(
            row["symbol"], {row["class"]: Decimal(1)}, row["sector"], row["region"], source=FactsSource.SAMPLE
        )
        for row in _rows("securities.csv")
    )


class SampleRates:
    """A `RateSource`: what one euro cost in a dozen currencies on the day of the sample prices, by the central bank."""

    def rates(self, currencies: Iterable[str]) -> tuple[Rate, ...]:
        """The euro's rates in those of these currencies that there is a sample of."""
        quoted = {row["currency"]: row for row in _rows("rates.csv")}
        return tuple(_rate(quoted[code]) for code in dict.fromkeys(currencies) if code in quoted)


@cache
def _rows(name: str) -> tuple[dict[str, str], ...]:
    with (_SAMPLE / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _rate(row: dict[str, str]) -> Rate:
    price = to_decimal(row["price"], f"The sample rate of {row['currency']}")
    return Rate("EUR", row["currency"], price, datetime.fromisoformat(row["time"]), RateOrigin.SAMPLE)


def _quote(row: dict[str, str]) -> Quote:
    symbol = row["symbol"]
    price = to_decimal(row["price"], f"The sample price of {symbol}")
    return Quote(symbol, price, row["currency"], datetime.fromisoformat(row["time"]), PriceSource.SAMPLE)
