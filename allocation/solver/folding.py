"""Fold every criterion of a plan into one integer cost, so that comparing two costs compares plans in full order.

Most important first: the objective, misplacement, costs and taxes, what is sold in a taxable account, the number of
trades, turnover:

    cost = ((((φ·u₁ + misplaced)·u₂ + costs)·u₃ + sold)·u₄ + trades)·u₅ + turnover

Each unit exceeds all that the criteria below it can add up to, so the least cost is the best plan. Along a `Leg`, a run
of trades on one side of zero, every criterion is linear, and so is what the leg spends; φ is convex. Nothing else is ever
asked of a line, which is why costs, tax lots, minimum trades, bands and forced sales need no code of their own.
"""

from dataclasses import dataclass
from math import gcd
from typing import NamedTuple

from allocation.rules import Objective
from allocation.solver.problem import Line, Problem
from allocation.solver.question import Run


class Leg(NamedTuple):
    """Neighbouring trades of one line on one side of zero.

    Attributes:
        low, high: the trades, in steps.
        spends, per_step: cash that `low` uses, and each further step.
        off: what `low` leaves the line off its target.
        lesser, lesser_per_step: the lesser criteria of `low`, folded, and of each further step.
    """

    low: int
    high: int
    spends: int
    per_step: int
    off: int
    lesser: int
    lesser_per_step: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what a step is worth, what a unit of its φ costs, and its legs in ascending order."""

    step: int
    weight: int
    legs: tuple[Leg, ...]

    def leg(self, steps: int) -> Leg:
        """The leg that holds a trade."""
        for leg in self.legs:
            if leg.low <= steps <= leg.high:
                return leg
        raise ValueError(f"{steps} steps are not an allowed trade")

    def allows(self, steps: int) -> bool:
        """Whether the line may make this trade."""
        return any(leg.low <= steps <= leg.high for leg in self.legs)

    def spends(self, steps: int) -> int:
        """Cash that a trade uses."""
        leg = self.leg(steps)
        return leg.spends + leg.per_step * (steps - leg.low)

    def off(self, steps: int) -> int:
        """How far from its target a trade leaves the line."""
        leg = self.legs[0]
        return abs(leg.off + self.step * (steps - leg.low))

    @property
    def spends_of_ends(self) -> list[int]:
        """Cash that the outermost trades of each leg use; the least and the most are among them."""
        return [s for leg in self.legs for s in (leg.spends, leg.spends + leg.per_step * (leg.high - leg.low))]


@dataclass(frozen=True, slots=True)
class Folded:
    """A problem with its criteria folded.

    Attributes:
        whole: the cost of one unit of φ.
        cash_weight: the cost of one unit of what cash is off by, squared or absolute.
        grid: every cash balance that trades can leave is congruent to `cash` modulo this.
        most_cash: no trades leave more.
    """

    rows: tuple[Row, ...]
    squared: bool
    whole: int
    cash: int
    cash_target: int
    cash_weight: int
    highest_cash: int | None
    grid: int
    most_cash: int

    @classmethod
    def of(cls, problem: Problem) -> "Folded | None":
        """None where a line has no allowed trade at all, or all sales together raise too little."""
        runs = [_one_sided(line.allowed()) for line in problem.lines]
        if not all(runs):
            return None
        units = _Units.of(problem, runs)
        rows = [
            Row(line.step, units.whole * line.weight, tuple([units.leg(line, run, floor) for run in own]))
            for line, own, floor in zip(problem.lines, runs, units.floors, strict=True)
        ]
        least = [min(row.spends_of_ends) for row in rows]
        most_cash = problem.cash - sum(least)
        if most_cash < 0:
            return None
        spends = [
            s for row in rows for leg in row.legs for s in (leg.spends, leg.per_step if leg.low < leg.high else 0)
        ]
        return cls(
            tuple([_affordable(row, most_cash + own) for row, own in zip(rows, least, strict=True)]),
            problem.objective == Objective.L2,
            units.whole,
            problem.cash,
            problem.cash_target,
            units.whole * problem.cash_weight,
            problem.highest_cash,
            gcd(*spends) or 1,
            most_cash,
        )

    def restricted(self, legs: dict[int, tuple[Leg, ...]]) -> "Folded":
        """The same with other legs for some lines; costs stay comparable."""
        rows = tuple(Row(row.step, row.weight, legs[i]) if i in legs else row for i, row in enumerate(self.rows))
        most_cash = self.cash - sum(min(row.spends_of_ends) for row in rows)
        return Folded(
            rows,
            self.squared,
            self.whole,
            self.cash,
            self.cash_target,
            self.cash_weight,
            self.highest_cash,
            self.grid,
            most_cash,
        )


def part(leg: Leg, step: int, low: int, high: int) -> Leg:
    """The part of a leg from `low` to `high`."""
    more = low - leg.low
    return Leg(
        low,
        high,
        leg.spends + leg.per_step * more,
        leg.per_step,
        leg.off + step * more,
        leg.lesser + leg.lesser_per_step * more,
        leg.lesser_per_step,
    )


def _affordable(row: Row, most: int) -> Row:
    """The line without the trades that would use more than all others can raise."""
    if all(leg.spends + leg.per_step * (leg.high - leg.low) <= most for leg in row.legs if leg.per_step > 0):
        return row
    legs = []
    for leg in row.legs:
        if leg.per_step > 0 and leg.low < leg.high:
            high = min(leg.high, leg.low + (most - leg.spends) // leg.per_step)
            if high >= leg.low:
                legs.append(part(leg, row.step, leg.low, high))
        elif leg.spends <= most:
            legs.append(leg)
    return Row(row.step, row.weight, tuple(legs))


def _one_sided(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """The same trades in runs that do not reach across zero."""
    if not any(run.low <= 0 <= run.high and run.low < run.high for run in runs):
        return runs
    pieces = []
    for run in runs:
        for low, high in (
            (run.low, min(run.high, -1)),
            (max(run.low, 0), min(run.high, 0)),
            (max(run.low, 1), run.high),
        ):
            if low <= high:
                pieces.append(Run(low, high, run.spent(low), run.per_step))
    return tuple(pieces)


@dataclass(frozen=True, slots=True)
class _Units:
    """What one unit of each criterion costs, and the least of the lesser criteria by line, from which they count."""

    whole: int
    per_misplaced: int
    per_cost: int
    per_sold: int
    per_trade: int
    floors: tuple[int, ...]

    @classmethod
    def of(cls, problem: Problem, runs: list[tuple[Run, ...]]) -> "_Units":
        turnover = sold = misplaced = cost = 0
        floors = []
        for line, own in zip(problem.lines, runs, strict=True):
            low, high = own[0].low, own[-1].high
            turnover += line.step * max(-low, high, 0)
            sold += line.step * max(-low, 0)
            misplaced += line.misplaced * line.step * (high - low)
            least_cost = most_cost = 0
            if line.runs is not None:
                costs = [
                    c
                    for run in own
                    for c in (run.spends - line.step * run.low, run.spent(run.high) - line.step * run.high)
                ]
                least_cost, most_cost = min(costs), max(costs)
                cost += most_cost - least_cost
            floors.append((line.misplaced * line.step * low, least_cost))
        per_trade = turnover + 1
        per_sold = per_trade * (len(problem.lines) + 1)
        per_cost = per_sold * (sold + 1) if problem.taxable else per_sold
        per_misplaced = per_cost * (cost + 1)
        return cls(
            per_misplaced * (misplaced + 1),
            per_misplaced,
            per_cost,
            per_sold if problem.taxable else 0,
            per_trade,
            tuple(per_misplaced * m + per_cost * c for m, c in floors),
        )

    def leg(self, line: Line, run: Run, floor: int) -> Leg:
        """A run with its lesser criteria folded, counted from `floor`."""
        low, step = run.low, line.step
        lesser = per_step = 0
        if low or run.high:
            moved, side = (self.per_sold + 1, -1) if low < 0 else (1, 1)
            lesser, per_step = self.per_trade + moved * side * step * low, moved * side * step
        if line.runs is not None:
            lesser += self.per_cost * (run.spends - step * low)
            per_step += self.per_cost * (run.per_step - step)
        if line.misplaced:
            lesser += self.per_misplaced * line.misplaced * step * low
            per_step += self.per_misplaced * line.misplaced * step
        return Leg(
            low, run.high, run.spends, run.per_step, line.held + step * low - line.target, lesser - floor, per_step
        )
