"""The trade-off between closeness and what it takes: the best plan for each budget of trades, tax or turnover."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Any

from allocation.errors import InfeasibleError
from allocation.facts import Facts
from allocation.money import plain
from allocation.plan import TradePlan, plan_facts
from allocation.rules import Rules

# Budgets between nothing and what the best plan uses, on the axes that have no natural steps.
BUDGETS = 12


class Over(StrEnum):
    """What is budgeted."""

    TRADES = "trades"
    TAX = "tax"
    TURNOVER = "turnover"


_PLACES = {Over.TAX: Decimal("0.01"), Over.TURNOVER: Decimal("0.000001")}


@dataclass(frozen=True, slots=True)
class Point:
    """The best plan within a budget.

    Attributes:
        budget: the most trades (a count), tax (money) or turnover (a fraction of the total) allowed.
    """

    budget: Decimal
    plan: TradePlan

    def as_dict(self) -> dict[str, Any]:
        """The point of the command line: what it takes, how close it comes, and the whole plan."""
        totals = self.plan.totals
        numbers = {
            "budget": self.budget,
            "objective": self.plan.objective.value,
            "gap": self.plan.objective.gap,
            "drift": self.plan.after.drift,
            "turnover": totals.turnover,
            "cost": totals.cost,
            "tax": totals.tax,
        }
        told = {name: plain(number) for name, number in numbers.items()}
        return {**told, "trades": totals.trades, "status": str(self.plan.status), "plan": self.plan.as_dict()}


def trace_frontier(facts: Facts, over: Over = Over.TRADES) -> tuple[Point, ...]:
    """From doing nothing, or as little as the rules allow, to the best plan; each point the best for its budget.

    Raises:
        AllocationError: not even the whole budget leaves a plan.
    """
    return tuple(sorted(points_of(facts, over), key=lambda point: point.budget))


def points_of(facts: Facts, over: Over = Over.TRADES) -> Iterator[Point]:
    """The same points as they are found: the best plan first, then the others from the smallest budget on.

    Raises:
        AllocationError: not even the whole budget leaves a plan.
    """
    best = plan_facts(facts)
    yield Point(_used(best, over), best)
    within = (_best_within(facts, over, budget) for budget in _budgets(best, over))
    yield from (point for point in within if point is not None)


def how_many(best: TradePlan, over: Over) -> int:
    """How many points there may be, the best plan's included."""
    return sum(1 for _ in _budgets(best, over)) + 1


def _best_within(facts: Facts, over: Over, budget: Decimal) -> Point | None:
    """The best plan for one budget; None where the rules cannot be kept with so little."""
    try:
        return Point(budget, plan_facts(replace(facts, rules=_capped(facts.rules, over, budget))))
    except InfeasibleError:
        return None


def _budgets(best: TradePlan, over: Over) -> Iterator[Decimal]:
    """Every budget below what the best plan uses: each number of trades, or even parts of the money."""
    used = _used(best, over)
    if over == Over.TRADES:
        yield from map(Decimal, range(int(used)))
    elif used:
        parts = ((used * i / BUDGETS).quantize(_PLACES[over], ROUND_DOWN) for i in range(BUDGETS))
        yield from dict.fromkeys(parts)


def _used(plan: TradePlan, over: Over) -> Decimal:
    if over == Over.TRADES:
        return Decimal(plan.totals.trades)
    return plan.totals.tax if over == Over.TAX else plan.totals.turnover


def _capped(rules: Rules, over: Over, budget: Decimal) -> Rules:
    if over == Over.TRADES:
        return replace(rules, max_trades=int(budget))
    if over == Over.TAX:
        return replace(rules, taxes=replace(rules.taxes, max_tax=budget))
    return replace(rules, max_turnover=budget)
