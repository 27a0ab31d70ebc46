"""Embedded sample prices for the demo: real closing prices of one day, old on purpose and labelled so (see sample/NOTICE)."""

import csv
from datetime import datetime
from functools import cache
from pathlib import Path

from allocation.model import PriceSource, Quote
from allocation.money import to_decimal

_PRICES = Path(__file__).parent.parent / "sample" / "prices.csv"


def sample_quotes() -> dict[str, Quote]:
    """The sample quote of each sample security, by symbol."""
    return {row["symbol"]: _quote(row) for row in _rows()}


def sample_names() -> dict[str, str]:
    """What each sample security is called, by symbol."""
    return {row["symbol"]: row["name"] for row in _rows()}


@cache
def _rows() -> tuple[dict[str, str], ...]:
    with _PRICES.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _quote(row: dict[str, str]) -> Quote:
    symbol = row["symbol"]
    price = to_decimal(row["price"], f"The sample price of {symbol}")
    return Quote(symbol, price, row["currency"], datetime.fromisoformat(row["time"]), PriceSource.SAMPLE)
