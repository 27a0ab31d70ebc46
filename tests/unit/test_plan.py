"""What a plan does with each rule, and what it refuses; expected numbers are worked out by hand."""

from decimal import Decimal

import pytest

from allocation import calculate_investment_allocation
from allocation.errors import (
    BadPriceError,
    EmptyPortfolioError,
    HoldingError,
    InfeasibleError,
    MissingPriceError,
    NumberError,
    TargetError,
    WithdrawalError,
)
from allocation.rules import Objective, OutsideTarget, Selling
from allocation.trade_plan import Side, Status
from tests.builders import a_plan, a_portfolio


def test_cash_is_invested_in_whole_shares_nearest_to_the_target():
    # V = 1000; targets A 600, B 400. 6×100 + 13×30 = 990 leaves 10; any other choice is further off.
    plan = a_plan({"A": 0.6, "B": 0.4}, {"A": 100, "B": 30}, cash=1000)

    assert plan.shares == {"A": 6, "B": 13}
    assert plan.after.cash == 10
    assert plan.status == Status.OPTIMAL
    assert plan.objective.gap == 0


def test_the_objective_is_money_with_the_cash_line_included():
    # Off by 0 (A), −10 (B) and +10 (cash): l1 = 20, l2 = √200.
    l1 = a_plan({"A": 0.6, "B": 0.4}, {"A": 100, "B": 30}, cash=1000, objective=Objective.L1)
    l2 = a_plan({"A": 0.6, "B": 0.4}, {"A": 100, "B": 30}, cash=1000)

    assert l1.objective.value == l1.objective.bound == 20
    assert (l2.objective.bound, l2.objective.value) == (Decimal("14.142135623730"), Decimal("14.142135623731"))


def test_a_symbol_outside_the_target_is_sold_completely():
    plan = a_plan({"A": 1}, {"A": 10, "X": 50}, {"X": 2})

    assert plan.shares == {"X": -2, "A": 10}
    assert plan.trades[0].reason == "Not in the target"


def test_a_symbol_outside_the_target_is_never_bought_to_use_up_cash():
    # 80 is left over beside one A; four of X would split it, but X has no target. Its one share stays: 10² + 70² < 80².
    plan = a_plan({"A": 1}, {"A": 100, "X": 10}, {"X": 1}, cash=170)

    assert plan.shares == {"A": 1}


def test_a_holding_named_with_weight_zero_is_sold_even_when_outside_holdings_are_kept():
    plan = a_plan({"A": 1, "Z": 0}, {"A": 10, "X": 50, "Z": 50}, {"X": 2, "Z": 2}, outside_target=OutsideTarget.HOLD)

    assert plan.shares["Z"] == -2
    assert "X" not in plan.shares


def test_a_holding_held_outside_the_target_counts_in_the_total_and_in_the_drift():
    # V = 200, of which 100 is X; the target of A is all 200, only 100 can be had.
    plan = a_plan({"A": 1}, {"A": 10, "X": 50}, {"X": 2}, cash=100, outside_target=OutsideTarget.HOLD)

    assert plan.shares == {"A": 10}
    assert plan.after.weights == {"A": Decimal("0.5"), "X": Decimal("0.5")}
    assert plan.after.drift == Decimal("0.5")
    assert [r.code for r in plan.remarks] == ["held_outside_target"]


def test_an_excluded_holding_is_out_of_the_total_and_needs_no_price():
    plan = a_plan({"A": 1}, {"A": 10}, {"X": 2}, cash=100, outside_target=OutsideTarget.EXCLUDE)

    assert plan.after.total == 100
    assert plan.after.weights == {"A": 1}
    assert plan.remarks[0].code == "excluded"
    assert plan.remarks[0].symbols == ("X",)


def test_a_reserve_stays_in_cash_and_outside_the_weights():
    plan = a_plan({"A": 1}, {"A": 10}, cash=150, cash_reserve=50)

    assert plan.shares == {"A": 10}
    assert (plan.after.total, plan.after.cash, plan.after.reserve) == (150, 50, 50)
    assert plan.after.weights == {"A": 1}
    assert plan.after.drift == 0


def test_a_contribution_is_part_of_the_total_before_trading():
    plan = a_plan({"A": 1}, {"A": 10}, {"A": 5}, cash_flow=50)

    assert (plan.before.total, plan.before.cash) == (100, 50)
    assert plan.shares == {"A": 5}


def test_a_withdrawal_is_raised_by_sales():
    plan = a_plan({"A": 1}, {"A": 10}, {"A": 10}, cash_flow=-35)

    assert plan.shares == {"A": -4}
    assert plan.after.cash == 5


def test_buying_only_never_sells_an_overweight_line():
    plan = a_plan({"A": 0.5, "B": 0.5}, {"A": 10, "B": 10}, {"A": 10}, cash=20, selling=Selling.NEVER)

    assert plan.shares == {"B": 2}


def test_a_locked_line_does_not_move():
    plan = a_plan({"A": 0.5, "B": 0.5}, {"A": 10, "B": 10}, {"A": 10}, lock={"A"})

    assert plan.trades == ()


def test_a_line_not_to_be_bought_may_still_be_sold():
    held = {"A": 10}

    more = a_plan({"A": 1}, {"A": 10}, held, cash=50, do_not_buy={"A"})
    less = a_plan({"A": 0.5}, {"A": 10}, held, do_not_buy={"A"})

    assert more.trades == ()
    assert less.shares == {"A": -5}


def test_a_line_not_to_be_sold_may_still_be_bought():
    held = {"A": 10}

    less = a_plan({"A": 0.5}, {"A": 10}, held, do_not_sell={"A"})
    more = a_plan({"A": 1}, {"A": 10}, held, cash=50, do_not_sell={"A"})

    assert less.trades == ()
    assert more.shares == {"A": 5}


def test_a_trade_is_nothing_or_at_least_the_minimum():
    # A is 15 above its target: selling 20 leaves it 5 below, selling 40 would leave it 25 below.
    small = a_plan({"A": 0.5}, {"A": 5}, {"A": 23}, cash=85, min_trade_value=40)
    large = a_plan({"A": 0.5}, {"A": 5}, {"A": 23}, cash=85, min_trade_value=20)

    assert small.trades == ()
    assert large.shares == {"A": -4}


def test_a_close_out_below_the_minimum_does_not_happen():
    plan = a_plan({"A": 1}, {"A": 10, "X": 10}, {"A": 9, "X": 1}, min_trade_value=20)

    assert plan.trades == ()


def test_trades_are_whole_steps_from_the_present_holding():
    lots = a_plan({"A": 1}, {"A": 1}, {"A": 30}, cash=290, increment=100)
    fractions = a_plan({"A": 1}, {"A": 3}, cash=1, increments={"A": "0.001"})

    assert lots.shares == {"A": 200}
    assert fractions.shares == {"A": Decimal("0.333")}


def test_a_fraction_that_cannot_be_sold_stays_and_is_named():
    plan = a_plan({"A": 1}, {"A": 10, "X": 100}, {"A": 1, "X": "2.5"})

    assert plan.shares["X"] == -2
    assert plan.remarks[0].code == "fractional_remainder"
    assert "X: 0.5 units" in plan.remarks[0].message


def test_no_remainder_is_reported_for_a_line_that_was_not_to_be_sold_out():
    plan = a_plan({"A": 1}, {"A": 10}, {"A": "2.5"})

    assert plan.remarks == ()


def test_raising_cash_sells_only_what_the_withdrawal_needs_and_buys_nothing():
    # 30 is needed. B alone is far off, but selling 3 of A leaves the account nearest to half and half.
    plan = a_plan(
        {"A": 0.5, "B": 0.5}, {"A": 10, "B": 10}, {"A": 10, "B": 4}, cash_flow=-30, selling=Selling.TO_RAISE_CASH
    )

    assert plan.shares == {"A": -3}
    assert plan.trades[0].reason == "Sold to raise the cash to withdraw"


def test_raising_cash_does_nothing_when_there_is_enough():
    plan = a_plan({"A": 1}, {"A": 10, "X": 10}, {"X": 5}, cash=50, cash_flow=-50, selling=Selling.TO_RAISE_CASH)

    assert plan.trades == ()


def test_raising_cash_respects_the_smallest_trade():
    # 10 is needed; a sale of less than 30 is not allowed, so 3 of A are sold although 1 would do.
    plan = a_plan({"A": 1}, {"A": 10}, {"A": 10}, cash_flow=-10, min_trade_value=30, selling=Selling.TO_RAISE_CASH)

    assert plan.shares == {"A": -3}


def test_sells_come_before_buys_and_the_largest_first():
    plan = a_plan({"A": 0.5, "B": 0.3, "C": 0.2}, {"A": 10, "B": 10, "C": 10, "X": 10, "Y": 10}, {"X": 4, "Y": 6})

    assert [(t.side, t.symbol) for t in plan.trades] == [
        (Side.SELL, "Y"),
        (Side.SELL, "X"),
        (Side.BUY, "A"),
        (Side.BUY, "B"),
        (Side.BUY, "C"),
    ]


def test_a_reason_says_how_far_the_line_was_off():
    # V = 10,000: A holds 7,000 of a target of 6,000.
    plan = a_plan({"A": 0.6, "B": 0.4}, {"A": 10, "B": 10}, {"A": 700, "B": 300})

    assert [t.reason for t in plan.trades] == [
        "Overweight by 10.0 points (1,000.00 above its target)",
        "Underweight by 10.0 points (1,000.00 below its target)",
    ]


def test_the_totals_add_up_the_trades():
    plan = a_plan({"A": 0.6, "B": 0.4}, {"A": 10, "B": 10}, {"A": 700, "B": 300})

    assert (plan.totals.buys, plan.totals.sells, plan.totals.turnover, plan.totals.trades) == (
        1000,
        1000,
        Decimal("0.1"),
        2,
    )


def test_a_rule_about_a_symbol_that_is_nowhere_is_remarked_on():
    plan = a_plan({"A": 1}, {"A": 10}, cash=100, lock={"NOPE"}, do_not_buy={"NADA"})

    assert [(r.code, r.symbols) for r in plan.remarks] == [("unused_rule", ("NOPE",)), ("unused_rule", ("NADA",))]


def test_every_missing_price_is_named():
    with pytest.raises(MissingPriceError, match="B and X") as refused:
        a_plan({"A": 0.5, "B": 0.5}, {"A": 10}, {"X": 1})

    assert refused.value.culprits == ("B", "X")


@pytest.mark.parametrize("price", [0, -5, "1e14"])
def test_a_price_that_nothing_costs_blocks_the_plan(price):
    with pytest.raises(BadPriceError, match="A") as refused:
        a_plan({"A": 0.5, "B": 0.5}, {"A": price, "B": price}, cash=100)

    assert refused.value.culprits == ("A", "B")


@pytest.mark.parametrize("price", [float("nan"), 1e308, True, "abc"])
def test_a_price_that_is_no_number_is_refused(price):
    with pytest.raises(NumberError, match="The price of A"):
        a_plan({"A": 1}, {"A": price}, cash=100)


def test_an_empty_account_is_refused():
    with pytest.raises(EmptyPortfolioError, match="nothing to divide"):
        a_plan({"A": 1}, {"A": 10})


def test_a_withdrawal_larger_than_the_account_names_both_amounts():
    with pytest.raises(WithdrawalError, match=r"5,000\.00.*1,100\.00"):
        a_plan({"A": 1}, {"A": 10}, {"A": 10}, cash=1000, cash_flow=-5000)


def test_a_reserve_that_is_the_whole_account_is_refused():
    with pytest.raises(EmptyPortfolioError, match=r"reserve of 100\.00"):
        a_plan({"A": 1}, {"A": 10}, cash=100, cash_reserve=100)


def test_a_withdrawal_that_the_rules_make_impossible_names_them():
    with pytest.raises(InfeasibleError, match=r"500\.00") as refused:
        a_plan(
            {"A": 1},
            {"A": 10, "B": 10, "C": 10},
            {"A": 60, "B": 5, "C": 5},
            cash_flow=-500,
            lock={"A"},
            do_not_sell={"B"},
        )

    assert "A (locked)" in str(refused.value)
    assert set(refused.value.culprits) == {"lock", "A", "do_not_sell", "B"}


def test_a_withdrawal_from_an_account_that_never_sells_is_refused():
    with pytest.raises(InfeasibleError, match="selling is never"):
        a_plan({"A": 1}, {"A": 10}, {"A": 10}, cash_flow=-50, selling=Selling.NEVER)


def test_a_withdrawal_is_not_raised_by_trades_below_the_minimum():
    with pytest.raises(InfeasibleError, match=r"allow 0\.00 at most: A .*smallest trade") as refused:
        a_plan({"A": 1}, {"A": 10}, {"A": 1}, cash=5, cash_flow=-10, min_trade_value=20)

    assert refused.value.culprits == ("min_trade_value", "A")


def test_a_withdrawal_is_not_raised_by_fractions_of_a_share():
    with pytest.raises(InfeasibleError, match="whole steps") as refused:
        a_plan({"A": 1}, {"A": 10}, {"A": "1.9"}, cash_flow=-15)

    assert refused.value.culprits == ("increment", "A")


def test_one_symbol_spelled_in_two_ways_is_refused_instead_of_sold_and_bought_again():
    with pytest.raises(TargetError, match="capitals"):
        a_plan({"VTI": 1}, {"VTI": 10, "vti": 10}, {"vti": 10})


def test_cash_beside_a_portfolio_that_brings_its_own_is_a_contradiction():
    with pytest.raises(HoldingError, match="cash=5"):
        calculate_investment_allocation({"A": 1}, {"A": 10}, a_portfolio({"A": 1}, cash=100), cash=5)


def test_a_portfolio_and_its_quantities_give_the_same_plan():
    from_portfolio = calculate_investment_allocation({"A": 1}, {"A": 10}, a_portfolio({"A": 1}, cash=100))

    assert from_portfolio == a_plan({"A": 1}, {"A": 10}, {"A": 1}, cash=100)


def test_the_plan_id_is_the_same_for_the_same_request_and_other_for_another():
    one = a_plan({"A": 0.6, "B": 0.4}, {"A": 100, "B": 30, "Z": 1}, {"B": 1}, cash="1000.00")
    same = a_plan({"B": "0.40", "A": 0.6, "Z": 0}, {"B": 30, "A": "100"}, {"B": "1.0"}, cash=1000)
    other = a_plan({"A": 0.6, "B": 0.4}, {"A": 100, "B": 30}, {"B": 1}, cash=1000, min_trade_value=1)

    assert one.plan_id == same.plan_id
    assert one.plan_id != other.plan_id
    assert one.plan_id.startswith("sha256:")


def test_weights_and_prices_straight_from_floats_are_exact() -> None:
    plan = calculate_investment_allocation({"A": 1 / 3, "B": 2 / 3}, {"A": 10, "B": 20.1}, cash=1000)

    assert plan.status == Status.OPTIMAL
    assert plan.shares == {"A": Decimal(33), "B": Decimal(33)}


def test_an_empty_target_is_refused_and_sells_nothing() -> None:
    with pytest.raises(TargetError, match="The target is empty"):
        calculate_investment_allocation({}, {"A": 10}, {"A": 5})


def test_everything_is_sold_when_the_target_says_so() -> None:
    plan = calculate_investment_allocation({"A": 0}, {"A": 10}, {"A": 5})

    assert plan.shares == {"A": Decimal(-5)}


def test_more_lines_than_can_be_planned_are_refused_with_their_number() -> None:
    symbols = [f"S{i}" for i in range(5_001)]

    with pytest.raises(TargetError, match="5,001 lines; at most 5,000"):
        calculate_investment_allocation(dict.fromkeys(symbols, "0.0001"), dict.fromkeys(symbols, 1), cash=1000)
