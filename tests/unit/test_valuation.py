"""An account in money, as its broker prints it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from allocation.model import Portfolio, PriceSource, Quote
from allocation.valuation import printed_total, value_portfolio
from tests.builders import a_portfolio

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def quotes(**prices: str) -> dict[str, Quote]:
    return {symbol: Quote(symbol, Decimal(price), "USD", NOON, PriceSource.FILE) for symbol, price in prices.items()}


def at(broker: str) -> Portfolio:
    """28.12 × 582.90 = 16,391.148 and 61.575 × 242.67 = 14,942.40525, beside 770.41 in cash."""
    held = a_portfolio({"META": "28.12", "AMZN": "61.575"}, cash="770.41")
    return replace(held, account=replace(held.account, broker=broker))


@pytest.mark.parametrize(("broker", "total"), [("Fidelity", "32103.95"), ("Schwab", "32103.97"), ("", "32103.97")])
def test_the_total_is_that_of_lines_in_cents_which_fidelity_cuts_and_others_round(broker: str, total: str):
    held = at(broker)

    valuation = value_portfolio(held, quotes(META="582.90", AMZN="242.67"))

    assert printed_total(held, valuation) == Decimal(total)


def test_a_line_without_a_price_is_in_no_total():
    held = at("Schwab")

    valuation = value_portfolio(held, quotes(META="582.90"))

    assert valuation.unpriced == ("AMZN",)
    assert printed_total(held, valuation) == Decimal("17161.56")
