"""What an analyst chooses becomes rules, and is kept as it was chosen."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from allocation.choices import PLAIN, Choices, Mode, read_choices, told
from allocation.errors import RulesError
from allocation.plan import plan_trades
from allocation.rules import Combine, Destination, LotMethod, Objective, OutsideTarget, Rules, Taxes
from allocation.targets import TargetAllocation
from allocation.trade_plan import Side
from tests.builders import a_portfolio

TODAY = date(2026, 11, 20)
PRICES = {"VTI": Decimal(100), "BND": Decimal(50), "GLD": Decimal(20)}
TARGET = TargetAllocation({"VTI": Decimal("0.6"), "BND": Decimal("0.3"), "GLD": Decimal("0.1")})


def rules_of(**chosen: Any) -> Rules:
    return Choices(**chosen).rules(PRICES, TODAY)


def trades_of(cash_flow: int = 0, **chosen: Any) -> dict[str, Decimal]:
    """What is planned for 75, 20, 0 and 5 % where 60, 30, 10 and 0 % are wanted."""
    holdings = a_portfolio({"VTI": 75, "BND": 40}, 500)
    return plan_trades(holdings, TARGET, PRICES, rules_of(**chosen), Decimal(cash_flow)).shares


def test_nothing_chosen_is_the_plain_case() -> None:
    assert PLAIN.rules(PRICES, TODAY) == Rules(taxes=Taxes(as_of=TODAY))


def test_a_full_rebalance_trades_every_line() -> None:
    assert trades_of() == {"VTI": -15, "BND": 20, "GLD": 50}


def test_only_lines_out_of_band_trade() -> None:
    # Of 0.30 and 0.20 the band of a third of the target is 0.10; of 0.10 it is 0.0333.
    chosen = {"band_absolute": None, "band_relative": Decimal("33.34")}

    trades = trades_of(mode=Mode.OUT_OF_BAND, **chosen)

    assert set(trades) == {"GLD"}


def test_a_band_without_a_width_is_refused() -> None:
    with pytest.raises(RulesError, match="neither"):
        rules_of(mode=Mode.OUT_OF_BAND, band_absolute=None, band_relative=None)


def test_a_band_counts_in_its_own_mode_only() -> None:
    assert rules_of(destination=Destination.EDGE, band_absolute=None, band_relative=None) == rules_of()


def test_who_invests_sells_nothing() -> None:
    assert all(quantity > 0 for quantity in trades_of(2000, mode=Mode.INVEST).values())


def test_who_raises_cash_buys_nothing_and_sells_what_is_needed() -> None:
    trades = trades_of(-1500, mode=Mode.RAISE_CASH)

    assert trades == {"VTI": -10}  # 500 were there


def test_who_only_sells_buys_nothing() -> None:
    trades = trades_of(mode=Mode.SELL_ONLY)

    assert trades
    assert all(quantity < 0 for quantity in trades.values())


def test_so_many_trades_and_no_more() -> None:
    assert len(trades_of(mode=Mode.FEWEST_TRADES, max_trades=1)) == 1


def test_a_tax_budget_caps_the_tax_and_percents_become_fractions() -> None:
    taxes = rules_of(mode=Mode.TAX_BUDGET, max_tax=Decimal(100), short_rate=Decimal(37), long_rate=Decimal(20)).taxes

    assert taxes == Taxes(Decimal("0.37"), Decimal("0.20"), LotMethod.LEAST_TAX, TODAY, Decimal(100))


def test_costs_and_turnover_count_in_every_mode() -> None:
    rules = rules_of(per_trade=Decimal(1), rate=Decimal("0.1"), max_turnover=Decimal(10))

    assert (rules.costs.per_trade, rules.costs.rate, rules.max_turnover) == (1, Decimal("0.001"), Decimal("0.10"))


money = some.decimals(-(10**6), 10**6, places=2)
percents = some.decimals(0, 100, places=2)


@given(
    some.builds(
        Choices,
        mode=some.sampled_from(Mode),
        cash_flow=money,
        outside=some.sampled_from(OutsideTarget),
        objective=some.sampled_from(Objective),
        band_absolute=some.none() | percents,
        band_relative=some.none() | percents,
        combine=some.sampled_from(Combine),
        max_trades=some.integers(0, 50),
        max_turnover=some.none() | percents,
        lot_method=some.sampled_from(LotMethod),
        max_tax=money,
    )
)
def test_choices_are_read_as_they_were_told(choices: Choices) -> None:
    assert read_choices(told(choices)) == choices


@pytest.mark.parametrize(
    "kept",
    [{}, {"mode": "hope"}, {"mode": None}, {"max_trades": "many"}, {"cash_flow": "NaN"}, {"of_tomorrow": "1"}],
)
def test_what_another_version_kept_counts_as_not_chosen(kept: dict[str, Any]) -> None:
    assert read_choices(kept) == PLAIN


def test_every_mode_says_what_it_does_and_none_advises() -> None:
    for mode in Mode:
        assert mode.label
        assert mode.sentence.endswith(".")
        assert "recommend" not in mode.sentence


def test_a_full_rebalance_buys_and_sells() -> None:
    holdings = a_portfolio({"VTI": 75, "BND": 40}, 500)

    plan = plan_trades(holdings, TARGET, PRICES, rules_of())

    assert {trade.side for trade in plan.trades} == set(Side)
