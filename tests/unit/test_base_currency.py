"""An account in several currencies, told in its own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from allocation.base_currency import currency_lines, foreign_currencies, in_base_currency
from allocation.currencies import Rate, RateOrigin, Rates
from allocation.errors import CurrencyError, MissingRateError
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.plan import plan_trades
from allocation.rules import Rules
from allocation.targets import TargetAllocation
from allocation.valuation import value_portfolio

D = Decimal
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RATES = Rates(
    [
        Rate("EUR", "USD", D("1.0624"), NOON, RateOrigin.YAHOO),
        Rate("USD", "JPY", D("160"), NOON, RateOrigin.ECB),
    ]
)


def quotes(**prices: tuple[str, str]) -> dict[str, Quote]:
    return {s: Quote(s, D(price), currency, NOON, PriceSource.YAHOO) for s, (price, currency) in prices.items()}


def held(
    quantities: Mapping[str, str], cash: str = "0", balances: Mapping[str, str] | None = None, currency: str = "USD"
) -> Portfolio:
    positions = tuple(Position(s, D(q)) for s, q in quantities.items())
    money = {code: D(amount) for code, amount in (balances or {}).items()}
    return Portfolio(Account("main", "Main", currency=currency), positions, D(cash), balances=money)


TWO = held({"VTI": "10", "SAP": "4"}, "100", {"EUR": "50", "JPY": "-1600"})
PRICES = quotes(VTI=("250", "USD"), SAP=("200.5", "EUR"))


def test_a_position_counts_at_its_price_times_the_rate_and_foreign_cash_at_its_rate() -> None:
    valuation = value_portfolio(TWO, PRICES, RATES)

    # 4 × 200.50 × 1.0624 = 852.0448; 100 + 50 × 1.0624 − 1600 / 160 = 143.12
    assert dict(valuation.values) == {"VTI": D(2500), "SAP": D("852.0448")}
    assert valuation.cash == D("143.12")
    assert valuation.unpriced == valuation.unrated == ()
    assert valuation.weight("SAP") == D("852.0448") / D("3495.1648")


def test_a_currency_with_a_target_is_a_line_and_no_longer_cash() -> None:
    told = in_base_currency(TWO, PRICES, RATES, ("VTI", "EUR", "GBP"))

    assert told.lines == ("EUR", "GBP")
    assert told.portfolio.quantities == {"VTI": D(10), "SAP": D(4), "EUR": D(50), "GBP": D(0)}
    assert told.portfolio.cash == D(90)
    assert told.prices["EUR"] == D("1.0624")
    assert told.portfolio.balances == {}
    assert "GBP" in told.unrated


def test_what_is_owed_in_a_currency_with_a_target_stays_in_the_cash() -> None:
    told = in_base_currency(TWO, PRICES, RATES, ("JPY",))

    assert (told.portfolio.quantities["JPY"], told.portfolio.cash) == (D(0), D("143.12"))


def test_without_a_rate_a_line_is_unpriced_and_its_currency_named_and_nothing_has_a_weight() -> None:
    valuation = value_portfolio(TWO, PRICES)

    assert (valuation.unpriced, valuation.unrated, valuation.total) == (("SAP",), ("EUR", "JPY"), D(2600))
    assert valuation.weight("VTI") is None
    assert valuation.cash_weight is None


def test_the_refusal_for_a_missing_rate_names_every_pair_and_what_needs_it() -> None:
    with pytest.raises(MissingRateError) as refusal:
        in_base_currency(TWO, PRICES).refuse_unrated()

    assert refusal.value.code == "FX_UNAVAILABLE"
    assert refusal.value.culprits == ("EUR/USD", "JPY/USD")
    assert str(refusal.value) == (
        "No exchange rate for EUR/USD and JPY/USD. USD for EUR is needed for cash in EUR and SAP. USD for JPY is needed for "
        "cash in JPY. Refresh rates, or enter the rates by hand."
    )


def test_the_code_of_a_currency_that_is_also_a_symbol_means_the_security() -> None:
    assert currency_lines(held({}), ("BND", "ALL", "EUR", "USD")) == ("EUR",)
    assert currency_lines(held({"EUR": "1"}), ("EUR",)) == ()
    assert currency_lines(held({}, balances={"PLN": "0"}), ("PLN",)) == ("PLN",)


def test_the_rates_that_are_needed_are_those_of_foreign_money_prices_and_lines() -> None:
    zero = held({"SAP": "1"}, balances={"JPY": "0", "CHF": "1"})

    assert foreign_currencies(zero, quotes(SAP=("1", "EUR")), ("GBP",)) == ("CHF", "GBP", "EUR")


def test_a_plan_buys_a_currency_like_a_security_in_steps_of_its_smallest_coin() -> None:
    told = in_base_currency(held({"VTI": "10"}, "2500", {"JPY": "100"}), PRICES, RATES, ("VTI", "EUR", "JPY"))
    target = TargetAllocation.of({"VTI": "0.5", "EUR": "0.25", "JPY": "0.25"})

    plan = plan_trades(told.portfolio, target, told.prices, told.adapt(Rules()))

    # A quarter of 5,000.625 is 1,250.15625. The 31 cents that ten shares lack to a half are shared out between euro, yen and
    # cash: 1,250.26 are 1,176.83 euro and 200,041 yen, of which there are 100.
    assert plan.shares == {"EUR": D("1176.83"), "JPY": D(199941)}


def test_steps_the_rules_name_are_kept() -> None:
    told = in_base_currency(held({}), {}, RATES, ("EUR", "JPY"))

    assert told.adapt(Rules(increments={"EUR": D(100)})).increments == {"EUR": D(100), "JPY": D(1)}
    assert in_base_currency(held({}), {}, RATES).adapt(Rules()) == Rules()


def test_money_the_engine_could_not_see_is_refused_and_never_forgotten() -> None:
    with pytest.raises(CurrencyError, match="cash in EUR and JPY"):
        plan_trades(TWO, TargetAllocation.of({"VTI": 1}), {"VTI": D(250), "SAP": D(1)})
