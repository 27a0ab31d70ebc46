"""Facts that exist are valid."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from allocation.errors import BadPriceError, CurrencyError, DuplicateSymbolError, HoldingError, NumberError, SymbolError
from allocation.model import Account, Position, PriceSource, Quote, TaxLot, check_price, parse_symbol
from tests.builders import a_portfolio, an_account


def test_a_symbol_loses_its_surrounding_blanks():
    assert parse_symbol("  BRK.B ") == "BRK.B"


@pytest.mark.parametrize(
    "text", ["", "  ", "АAPL", "=cmd", "+1", "@SUM", "-X", "A\tB", "A\u202eB", "<b>", "A" * 65, None, 7]
)
def test_text_that_no_exchange_uses_is_not_a_symbol(text):
    with pytest.raises(SymbolError):
        parse_symbol(text)


def test_a_short_position_is_refused():
    with pytest.raises(HoldingError, match="VTI") as refused:
        a_portfolio({"VTI": -1})

    assert refused.value.culprits == ("VTI",)


def test_lots_must_add_up_to_the_position():
    lots = (TaxLot(Decimal(4), Decimal(100)), TaxLot(Decimal(5), Decimal(100)))

    with pytest.raises(HoldingError, match="9 units"):
        Position("VTI", Decimal(10), lots)


def test_the_same_symbol_twice_is_refused_also_in_other_capitals():
    with pytest.raises(DuplicateSymbolError, match="VTI"):
        a_portfolio({"VTI": 1, "vti": 2})


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "0.0000001", "100000001"])
def test_a_price_that_nothing_costs_is_refused(price):
    with pytest.raises(BadPriceError, match="VTI"):
        check_price("VTI", Decimal(price))


def test_a_quote_needs_a_time_zone():
    naive = datetime(2026, 11, 20)  # noqa: DTZ001  the point of the case

    with pytest.raises(NumberError, match="time zone"):
        Quote("VTI", Decimal(250), "USD", naive, PriceSource.MANUAL)


def test_pence_are_not_a_currency():
    with pytest.raises(CurrencyError, match="GBp"):
        Quote("VOD.L", Decimal(80), "GBp", datetime(2026, 11, 20, tzinfo=UTC), PriceSource.YAHOO)


def test_an_account_number_is_shown_by_its_last_digits_only():
    assert Account("a", "A", number="X12345678").masked_number == "…5678"
    assert an_account().masked_number == ""
