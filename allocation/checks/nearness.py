"""How near a plan comes to its target: the objective, its bound, and whether a single change would do better."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from allocation.checks.exact import DIGITS, Grains, is_near, size
from allocation.checks.fault import Fault
from allocation.checks.ledger import Ledger
from allocation.checks.outcome import Outcome
from allocation.rules import Destination, Objective
from allocation.trade_plan import Status, TradePlan


@dataclass(frozen=True, slots=True)
class Goal:
    """What the objective measures, in whole numbers.

    Attributes:
        aims: by cell, what its value in grains·parts·weight units should be; the edge of a band where rules say so.
        cash_aim: the same for the cash beside the reserve.
        factors: by cell, what its deviation is multiplied by; 0 where it does not count.
        unit: what an objective in these units is divided by to be one in money (for `relative`: a pure number).
        emptied: the cells that come first: their value is to be as small as the rules allow.
    """

    squared: bool
    share: int
    aims: tuple[int, ...]
    cash_aim: int
    factors: tuple[int, ...]
    cash_factor: int
    unit: int
    emptied: frozenset[int]

    def distance(self, ledger: Ledger, worth: Sequence[int], spare: Grains) -> Grains:
        """Σ of the squared or absolute deviations, with cash."""
        whole, cash = ledger.cells.whole, self.cash_factor * self.off_cash(ledger, spare)
        offs = (f * (v * whole - aim) for v, aim, f in zip(worth, self.aims, self.factors, strict=True))
        if self.squared:
            return cash * cash + sum(off * off for off in offs)
        return size(cash) + sum(abs(off) for off in offs)

    def off_cash(self, ledger: Ledger, spare: Grains) -> Grains:
        """How far the cash beside the reserve is from what it should be."""
        return spare * self.share * ledger.cells.whole - self.cash_aim

    def rest(self, worth: Sequence[int]) -> int:
        """What remains in the cells that are to be emptied."""
        return sum(worth[cell] for cell in self.emptied)


def read_goal(ledger: Ledger) -> Goal:
    """The goal of the request."""
    cells, objective = ledger.cells, ledger.rules.objective
    share = ledger.whole * cells.share
    weights = _aims(ledger)
    relative = objective == Objective.RELATIVE
    common = lcm(*(w for w in (*weights, cells.cash) if w)) if relative else 1
    return Goal(
        squared=objective != Objective.L1,
        share=cells.share,
        aims=tuple(w * share for w in weights),
        cash_aim=cells.cash * share,
        factors=tuple((common // w if w else 0) if relative else 1 for w in weights),
        cash_factor=(common // cells.cash if cells.cash else 0) if relative else 1,
        unit=common * share if relative else ledger.grain * cells.share * cells.whole,
        emptied=frozenset(i for i, w in enumerate(weights) if not w) if relative else frozenset(),
    )


def _aims(ledger: Ledger) -> tuple[int, ...]:
    """The weight that the objective wants of each cell: its target, or the nearer edge of its band."""
    cells = ledger.cells
    if ledger.rules.destination == Destination.TARGET:
        return cells.weights
    share = ledger.whole * cells.share
    aims = []
    for value, weight, half in zip(ledger.worth, cells.weights, cells.half_widths, strict=True):
        off = value * cells.whole - weight * share
        inside = abs(off) <= half * share
        aims.append(weight if inside else weight + half if off > 0 else weight - half)
    return tuple(aims)


def check_objective(plan: TradePlan, outcome: Outcome, goal: Goal) -> Iterator[Fault]:
    """The objective is that of the trades, and its bound, gap and status agree."""
    told, ledger = plan.objective, outcome.ledger
    value, bound = Fraction(told.value), Fraction(told.bound)
    if told.name != ledger.rules.objective:
        yield Fault("objective", f"The objective is {told.name}, the request asks for {ledger.rules.objective}.")
    if not _is_root(value, goal.distance(ledger, outcome.worth, outcome.spare), goal):
        yield Fault("objective", f"The objective value {told.value} is not that of the trades.")
    if not 0 <= bound <= value:
        yield Fault("bound", f"The bound {told.bound} is not between zero and the value {told.value}.")
    proved = plan.status == Status.OPTIMAL
    money = ledger.rules.objective != Objective.RELATIVE
    gap = (value - bound) / (Fraction(ledger.whole, ledger.grain) if money else 1)
    last = Fraction(1, DIGITS)
    agreed = told.gap == 0 and value - bound <= last if proved else told.gap > 0 and is_near(told.gap, gap, 1)
    if not agreed:
        yield Fault("gap", f"Status {plan.status}, value {told.value}, bound {told.bound}, gap {told.gap} disagree.")


def _is_root(value: Fraction, distance: Grains, goal: Goal) -> bool:
    """Whether a value is the objective, rounded up at its last digit."""
    power = 2 if goal.squared else 1
    below = max(0, value.numerator * DIGITS - value.denominator)
    unit, denominator = goal.unit**power, value.denominator**power
    return (
        value >= 0
        and below**power * unit <= distance * denominator * DIGITS**power
        and distance * denominator <= value.numerator**power * unit
    )
