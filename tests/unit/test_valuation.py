"""An account in money, as its broker prints it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from allocation.model import Portfolio, Position, PriceSource, Quote, TaxLot
from allocation.valuation import gain_of, printed_total, total_gain, value_portfolio
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


def test_the_gain_is_counted_where_cost_and_value_are_known_and_nowhere_else() -> None:
    lots = (TaxLot(Decimal(3), Decimal(90)), TaxLot(Decimal(5), Decimal(80)))
    known, costless = Position("VTI", Decimal(8), lots), Position("BND", Decimal(3))
    unpriced = replace(known, symbol="GLD")
    account = replace(a_portfolio(), positions=(known, costless, unpriced))

    valuation = value_portfolio(account, quotes(VTI="100", BND="50"))

    # 8 × 100 less 3 × 90 + 5 × 80.
    assert gain_of(known, valuation) == total_gain(account, valuation) == Decimal(130)
    assert gain_of(costless, valuation) is gain_of(unpriced, valuation) is None


def test_the_gain_of_an_account_without_a_known_cost_is_not_known() -> None:
    account = a_portfolio({"BND": 3})

    assert total_gain(account, value_portfolio(account, quotes(BND="50"))) is None
