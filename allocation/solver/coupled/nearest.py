"""Look for the trades nearest to the target with HiGHS: a convex objective told by cuts, where the last answer touches it.

Deviations of a cell whose lines have one step come in whole steps, so a cut joins two neighbouring ones and tells both
exactly; elsewhere it is a tangent (Kelley, "The cutting-plane method", 1960).
"""

from fractions import Fraction
from typing import NamedTuple

from allocation.rules import Objective
from allocation.solver.coupled.judge import judge, the_run_of
from allocation.solver.coupled.programme import Programme, Sum, scaled
from allocation.solver.coupled.simplest import is_free
from allocation.solver.question import Question

# Where trading costs something each round takes HiGHS long, and from good trades the first finds most of the rest.
_ROUNDS, _COSTLY_ROUNDS = 8, 2
_NEAR = 1e-7
# Where the first cuts touch, as parts of the way between the ends of what a cell can reach.
_PARTS = 6


class Term(NamedTuple):
    """One weighted deviation: `start` and what is `moved` by the columns, in whole steps of `grid` (0: any amount)."""

    distance: int
    moved: Sum
    start: float
    grid: float
    weight: float


class Nearest:
    """The search, starting from the best trades known."""

    def __init__(self, question: Question, floor: int | Fraction, most_nodes: int) -> None:
        self._question, self._floor = question, floor
        self._programme = Programme(question, most_nodes=most_nodes)
        self._squared = question.objective != Objective.L1
        self._terms = [self._cell(cell) for cell in {cell for line in question.lines for cell, _ in line.worth}]
        self._terms.append(self._cash())

    def from_trades(self, steps: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """The best trades found, at least as near as those given."""
        outcome = None if steps is None else judge(self._question, steps)
        best = None if outcome is None or steps is None else (outcome.value, steps)
        for steps in self._ends() if best is None else [best[1]]:
            self._touch(steps)
        cost = {term.distance: 1.0 for term in self._terms}
        for _ in range(_ROUNDS if best is None or is_free(self._question) else _COSTLY_ROUNDS):
            if best is not None and best[0] <= self._floor:
                break
            found = self._programme.minimise(cost, _NEAR)
            if found is None:
                break
            outcome = judge(self._question, found[0])
            if outcome is not None and (best is None or outcome.value < best[0]):
                best = outcome.value, found[0]
            if outcome is not None and float(outcome.value) <= self._in_grains(found[1]) * (1 + 2 * _NEAR):
                break
            self._touch(found[0])
        return None if best is None else best[1]

    def _in_grains(self, cost: float) -> float:
        return cost * self._programme.unit ** (2 if self._squared else 1)

    def _ends(self) -> list[tuple[int, ...]]:
        runs = [line.runs for line in self._question.lines]
        return [tuple(own[0].low for own in runs), tuple(own[-1].high for own in runs)]

    def _cell(self, number: int) -> Term:
        question, unit = self._question, self._programme.unit
        cell = question.cells[number]
        worths = {worth for line in question.lines for c, worth in line.worth if c == number}
        grid = worths.pop() / unit if len(worths) == 1 else 0.0
        start, moved = (cell.held - cell.target) / unit, self._programme.moved(number)
        return self._term(moved, start, grid, float(cell.weight))

    def _cash(self) -> Term:
        question, unit = self._question, self._programme.unit
        start = sum(purse.cash for purse in question.purses) - question.reserve - question.cash_target
        spent = scaled(self._programme.all_spent(), -1.0)
        return self._term(spent, start / unit, 0.0, float(question.cash_weight))

    def _term(self, moved: Sum, start: float, grid: float, weight: float) -> Term:
        term = Term(self._programme.add_column(0.0, float("inf"), whole=False), moved, start, grid, weight)
        reach = abs(start) or 1.0
        for part in (0.0, *(side * reach * n / _PARTS for n in range(1, _PARTS + 1) for side in (1, -1))):
            self._cut(term, part)
        return term

    def _touch(self, steps: tuple[int, ...]) -> None:
        """Add the cuts that tell these trades exactly."""
        question, unit = self._question, self._programme.unit
        offs = {term.distance: term.start for term in self._terms}
        *cells, cash = self._terms
        numbers = {cell for line in question.lines for cell, _ in line.worth}
        for line, k in zip(question.lines, steps, strict=True):
            offs[cash.distance] -= the_run_of(line, k).spent(k) / unit
            for term, cell in zip(cells, numbers, strict=True):
                offs[term.distance] += dict(line.worth).get(cell, 0) * k / unit
        for term in self._terms:
            self._cut(term, offs[term.distance])

    def _cut(self, term: Term, off: float) -> None:
        """Keep the distance above the line that touches it at a deviation, or that joins the two steps around it."""
        if not term.grid:
            value, slope = self._value(term, off), self._slope(term, off)
            self._above(term, slope, value - slope * off)
            return
        step = round((off - term.start) / term.grid)
        for n in (step - 1, step):
            left, right = (term.start + term.grid * each for each in (n, n + 1))
            slope = (self._value(term, right) - self._value(term, left)) / term.grid
            self._above(term, slope, self._value(term, left) - slope * left)

    def _above(self, term: Term, slope: float, height: float) -> None:
        """distance ≥ slope · deviation + height."""
        row = {term.distance: 1.0, **scaled(term.moved, -slope)}
        self._programme.add_row(row, height + slope * term.start, float("inf"))

    def _value(self, term: Term, off: float) -> float:
        return term.weight * (off * off if self._squared else abs(off))

    def _slope(self, term: Term, off: float) -> float:
        return term.weight * (2 * off if self._squared else (1.0 if off >= 0 else -1.0))
