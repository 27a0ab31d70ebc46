"""The trade-off between closeness and what it takes."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from allocation.facts import Facts
from allocation.frontier import Over, trace_frontier
from allocation.model import Account, Portfolio, Position, TaxLot
from allocation.rules import Rules, Selling, Taxes
from allocation.targets import TargetAllocation

PRICES = {"A": Decimal(10), "B": Decimal(25), "C": Decimal(7), "D": Decimal(40)}
WEIGHTS = {"A": "0.25", "B": "0.25", "C": "0.25", "D": "0.25"}


def facts(cash: int = 0, flow: int = 0, **rules: Any) -> Facts:
    # 100 of A bought at 4 long ago, 10 of B at 30 lately: a gain and a loss.
    lots = {"A": TaxLot(Decimal(100), Decimal(4)), "B": TaxLot(Decimal(10), Decimal(30))}
    positions = tuple(Position(s, lot.quantity, (lot,)) for s, lot in lots.items())
    account = Portfolio(Account("main", "Main"), positions, Decimal(cash))
    return Facts((account,), TargetAllocation.of(WEIGHTS), PRICES, Rules(**rules), {"main": Decimal(flow)})


@pytest.mark.parametrize("over", Over)
def test_a_larger_budget_never_ends_farther_from_the_target(over: Over) -> None:
    taxes = Taxes(short_term_rate=Decimal("0.3"), long_term_rate=Decimal("0.15"))

    points = trace_frontier(facts(taxes=taxes), over)

    assert len(points) > 3
    assert all(low.plan.objective.value >= high.plan.objective.value for low, high in pairwise(points))
    assert all(low.budget < high.budget for low, high in pairwise(points))


def test_the_first_point_does_nothing_and_the_last_is_the_best_plan() -> None:
    first, *_, last = trace_frontier(facts())

    assert (first.budget, first.plan.trades) == (0, ())
    assert last.plan.totals.trades == last.budget


@pytest.mark.parametrize(
    ("over", "used"),
    [
        (Over.TRADES, lambda plan: plan.totals.trades),
        (Over.TAX, lambda plan: plan.totals.tax),
        (Over.TURNOVER, lambda plan: plan.totals.turnover),
    ],
)
def test_no_point_spends_more_than_its_budget(over: Over, used: Any) -> None:
    taxes = Taxes(short_term_rate=Decimal("0.3"), long_term_rate=Decimal("0.15"))

    for point in trace_frontier(facts(taxes=taxes), over):
        assert used(point.plan) <= point.budget


def test_the_frontier_begins_where_the_rules_can_first_be_kept() -> None:
    points = trace_frontier(facts(flow=-100, selling=Selling.ALLOWED))

    # The withdrawal needs a sale.
    assert points[0].budget == 1


def test_an_account_on_target_has_one_point() -> None:
    account = Portfolio(Account("main", "Main"), (Position("A", Decimal(10)),), Decimal(0))

    (point,) = trace_frontier(Facts((account,), TargetAllocation.of({"A": 1}), PRICES))

    assert point.plan.trades == ()


def test_a_point_tells_what_it_takes() -> None:
    told = trace_frontier(facts())[-1].as_dict()

    assert told["trades"] == len(told["plan"]["trades"])
    assert told["objective"] == told["plan"]["objective"]["value"]
