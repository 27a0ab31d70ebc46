"""The independent check finds planted faults, one at a time."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from allocation import plan as planning
from allocation.errors import PlanNotVerifiedError
from allocation.facts import Facts
from allocation.plan_id import identify
from allocation.planning import writing
from allocation.rules import OutsideTarget, Rules, Selling
from allocation.targets import TargetAllocation
from allocation.trade_plan import Side, Snapshot, Status, Trade, TradePlan
from allocation.verify import verify_plan
from tests.builders import a_portfolio, an_account, exact
from tests.planted import codes_of, with_trade

PRICES = exact({"A": 10, "B": 20, "X": 50})
TARGET = TargetAllocation.of({"A": "0.6", "B": "0.3"})
HELD = {"A": 10, "B": 30, "X": 3}


class Asked:
    """One request, its plan, and the check of any other answer to it."""

    def __init__(self, cash_flow: str = "0", prices: dict[str, Decimal] = PRICES, **rules: Any) -> None:
        self.portfolio, self.prices = a_portfolio(HELD, cash=55), prices
        self.rules, self.cash_flow = Rules(**rules), Decimal(cash_flow)
        self.plan = planning.plan_trades(self.portfolio, TARGET, prices, self.rules, self.cash_flow)

    def facts(self, **changed: Any) -> Facts:
        told = {"prices": self.prices, "rules": self.rules, "cash_flows": {"main": self.cash_flow}, **changed}
        return Facts((self.portfolio,), TARGET, **told)

    def faults(self, plan: TradePlan, **changed: Any) -> set[str]:
        """The codes found; the plan id is made to fit, so that only the planted fault shows."""
        rules = changed.get("rules", self.rules)
        plan_id = identify(self.facts(rules=rules), plan.trades)
        fitted = replace(plan, plan_id=plan_id)
        found = verify_plan(fitted, self.facts(rules=rules))
        return codes_of(found)


def rescaled(trade: Trade, quantity: int) -> Trade:
    return replace(trade, quantity=Decimal(quantity), value=quantity * trade.price)


def with_after(plan: TradePlan, **changes: Any) -> TradePlan:
    return replace(plan, after=replace(plan.after, **changes))


def test_an_honest_plan_has_no_fault():
    asked = Asked()

    assert len(asked.plan.trades) == 3
    assert asked.faults(asked.plan) == set()


def test_prices_swapped_between_two_lines_are_found():
    asked = Asked()
    swapped = {"A": Decimal(20), "B": Decimal(10)}

    bad = replace(
        asked.plan,
        trades=tuple(
            replace(t, price=swapped[t.symbol], value=t.quantity * swapped[t.symbol]) if t.symbol in swapped else t
            for t in asked.plan.trades
        ),
    )

    assert "price" in asked.faults(bad)


def test_quantities_that_slipped_a_row_are_found():
    asked = Asked()
    quantities = [t.quantity for t in asked.plan.trades]

    slipped = zip(asked.plan.trades, quantities[1:] + quantities[:1], strict=True)
    bad = replace(asked.plan, trades=tuple(rescaled(t, int(q)) for t, q in slipped))

    assert {"cash", "weights", "objective", "totals"} <= asked.faults(bad)


def test_more_sold_than_held_is_found():
    asked = Asked()

    assert "oversold" in asked.faults(with_trade(asked.plan, "X", lambda t: rescaled(t, 4)))


def test_money_spent_twice_is_found():
    asked = Asked()
    bought = next(t for t in asked.plan.trades if t.side == Side.BUY)

    bad = with_trade(asked.plan, bought.symbol, lambda t: rescaled(t, 10 * int(t.quantity)))

    assert "overspent" in asked.faults(bad)


def test_cash_counted_twice_is_found():
    asked = Asked()

    assert asked.faults(with_after(asked.plan, cash=asked.plan.after.cash * 2 + 1)) == {"cash"}


def test_a_total_that_leaks_is_found():
    asked = Asked()

    assert asked.faults(with_after(asked.plan, total=asked.plan.after.total - 1)) == {"total"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_wrong_weight_is_found(moment):
    asked = Asked()
    snapshot: Snapshot = getattr(asked.plan, moment)

    bad = replace(snapshot, weights={**snapshot.weights, "A": snapshot.weights["A"] + Decimal("0.000001")})

    assert asked.faults(replace(asked.plan, **{moment: bad})) == {"weights"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_wrong_figure_is_told_with_its_moment_and_what_it_should_be(moment):
    asked = Asked()
    snapshot: Snapshot = getattr(asked.plan, moment)

    found = verify_plan(replace(asked.plan, **{moment: replace(snapshot, total=Decimal("1.5"))}), asked.facts())

    assert [fault.message for fault in found] == [f"{moment}.total is 1.5, not 905.00."]


def test_a_weight_that_is_missing_or_strange_is_found():
    asked = Asked()

    assert asked.faults(with_after(asked.plan, weights={"A": asked.plan.after.weights["A"]})) == {"weights"}
    assert asked.faults(with_after(asked.plan, weights={**asked.plan.after.weights, "Q": Decimal(0)})) == {"weights"}


def test_a_wrong_drift_is_found():
    asked = Asked()

    assert asked.faults(with_after(asked.plan, drift=asked.plan.after.drift / 2 + 1)) == {"drift"}


@pytest.mark.parametrize("name", ["weight_before", "weight_after", "weight_target"])
def test_a_wrong_weight_beside_a_trade_is_found(name):
    asked = Asked()

    bad = with_trade(asked.plan, "A", lambda t: replace(t, **{name: getattr(t, name) + Decimal("0.01")}))

    assert asked.faults(bad) == {"weights"}


def test_a_fee_or_a_tax_that_nobody_charges_is_found():
    asked = Asked()

    assert asked.faults(with_trade(asked.plan, "A", lambda t: replace(t, cost=Decimal(1)))) == {"cost"}
    assert asked.faults(replace(asked.plan, totals=replace(asked.plan.totals, tax=Decimal(1)))) == {"tax"}


@pytest.mark.parametrize(("name", "value"), [("buys", 1), ("sells", 1), ("turnover", 2), ("trades", 9)])
def test_totals_that_do_not_add_up_are_found(name, value):
    asked = Asked()

    assert asked.faults(replace(asked.plan, totals=replace(asked.plan.totals, **{name: value}))) == {"totals"}


def test_a_bound_above_the_value_is_found():
    asked = Asked()
    stale = replace(asked.plan.objective, bound=asked.plan.objective.value + 1)

    assert "bound" in asked.faults(replace(asked.plan, objective=stale))


def test_a_prettier_objective_than_the_trades_reach_is_found():
    asked = Asked()
    prettier = replace(asked.plan.objective, value=asked.plan.objective.value / 2, bound=Decimal(0))

    assert "objective" in asked.faults(replace(asked.plan, objective=prettier))


def test_a_proof_that_is_none_is_found():
    asked = Asked()
    open_gap = replace(asked.plan.objective, bound=Decimal(0))

    assert "gap" in asked.faults(replace(asked.plan, objective=open_gap))
    assert "gap" in asked.faults(replace(asked.plan, status=Status.FEASIBLE))


@pytest.mark.parametrize(
    ("rules", "symbol"),
    [
        (Rules(lock=frozenset("A")), "A"),
        (Rules(do_not_buy=frozenset("A")), "A"),
        (Rules(do_not_sell=frozenset("B")), "B"),
        (Rules(selling=Selling.NEVER), "X"),
        (Rules(outside_target=OutsideTarget.HOLD), "X"),
    ],
)
def test_a_broken_rule_is_found(rules, symbol):
    asked = Asked()

    assert symbol in {t.symbol for t in asked.plan.trades}
    assert "rule_broken" in asked.faults(asked.plan, rules=rules)


def test_a_trade_below_the_minimum_is_found():
    asked = Asked()

    assert "min_trade_value" in asked.faults(asked.plan, rules=Rules(min_trade_value=Decimal(10_000)))


def test_a_broken_step_is_found():
    asked = Asked()

    assert "quantity" in asked.faults(asked.plan, rules=Rules(increment=Decimal(7)))


def test_a_reserve_that_was_spent_is_found():
    asked = Asked()

    assert "overspent" in asked.faults(asked.plan, rules=Rules(cash_reserve=asked.plan.after.cash + 1))


def test_a_trade_of_an_excluded_line_is_found():
    asked = Asked()

    assert asked.faults(asked.plan, rules=Rules(outside_target=OutsideTarget.EXCLUDE)) == {"symbol_unknown"}


def test_a_sale_that_the_withdrawal_does_not_need_is_found():
    asked = Asked(cash_flow="-100", selling=Selling.TO_RAISE_CASH)
    sale = asked.plan.trades[0]

    bad = with_trade(asked.plan, sale.symbol, lambda t: rescaled(t, int(t.quantity) + 1))

    assert asked.faults(asked.plan) == set()
    assert "sale_not_needed" in asked.faults(bad)


def test_a_purchase_while_raising_cash_is_found():
    asked = Asked()

    assert "rule_broken" in asked.faults(asked.plan, rules=Rules(selling=Selling.TO_RAISE_CASH))


def test_a_line_traded_twice_is_found():
    asked = Asked()

    assert asked.faults(replace(asked.plan, trades=asked.plan.trades * 2)) == {"symbol_twice"}


def test_a_trade_in_another_account_is_found():
    asked = Asked()

    bad = with_trade(asked.plan, "A", lambda t: replace(t, account=an_account("other").id))

    assert asked.faults(bad) == {"account_unknown"}


def test_trades_out_of_order_are_found():
    asked = Asked()

    assert asked.faults(replace(asked.plan, trades=asked.plan.trades[::-1])) == {"order"}


def test_a_proved_plan_that_one_more_share_would_improve_is_found():
    asked = Asked()
    nothing = planning.plan_trades(asked.portfolio, TARGET, PRICES, Rules(lock=frozenset("ABX")))

    found = asked.faults(nothing)

    assert found == {"not_optimal"}


def test_a_plan_that_is_worse_than_doing_nothing_is_found():
    asked = Asked()

    # B is far above its target; this plan buys more of it.
    bad = with_trade(asked.plan, "B", lambda t: replace(t, side=Side.BUY))

    assert "worse_than_nothing" in asked.faults(bad)


def test_a_plan_id_of_another_request_is_found():
    asked = Asked()

    found = verify_plan(asked.plan, asked.facts(cash_flows={"main": Decimal("0.01")}))

    assert "plan_id" in {fault.code for fault in found}


def test_a_request_without_prices_cannot_verify_anything():
    asked = Asked()

    found = verify_plan(asked.plan, asked.facts(prices={}))

    assert [fault.code for fault in found] == ["price_missing"]


def test_a_plan_that_fails_is_withheld_and_the_faults_are_logged(monkeypatch, caplog):
    monkeypatch.setattr(writing, "nearest_ratio", lambda *_: Decimal("0.123"))

    with pytest.raises(PlanNotVerifiedError, match="withheld") as refused:
        Asked()

    assert "drift" in refused.value.culprits
    assert "drift: before.drift is 0.123" in caplog.text
