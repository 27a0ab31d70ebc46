"""Tell trades of equal objective apart with HiGHS, one criterion after the other, where every trade costs the same.

Each criterion is minimised while those before it stay at their best. HiGHS reckons in floats, so what it proposes is taken
only where `judge` finds it better by every digit.
"""

from fractions import Fraction

from allocation.rules import Objective
from allocation.solver.coupled.counted import fixed_cost
from allocation.solver.coupled.judge import Outcome, judge
from allocation.solver.coupled.programme import Programme, Sum, scaled, summed
from allocation.solver.question import Question

_NODES = 300
# Grains by which a criterion may seem to be passed in floats, as a part of the largest amount.
_SLACK = 1e-10
_MOST_ORDERED = 18


def is_free(question: Question) -> bool:
    """Whether nothing is paid for trading."""
    ends = ((line, run, k) for line in question.lines for run in line.runs for k in (run.low, run.high))
    return question.tax is None and all(run.spent(k) == line.step * k for line, run, k in ends)


def simplest(question: Question, steps: tuple[int, ...]) -> tuple[int, ...]:
    """Trades with the objective of the allowed ones given, and the best ties found."""
    outcome = judge(question, steps)
    return steps if outcome is None else _Ties(question, steps, outcome).settled()


class _Ties:
    def __init__(self, question: Question, steps: tuple[int, ...], outcome: Outcome) -> None:
        self._question, self.steps, self._outcome = question, steps, outcome
        self._programme = Programme(question, most_nodes=_NODES)
        self._unit = self._programme.unit
        self._offs = self._deviations()
        if question.objective == Objective.L1:
            self._keep_sum()
        else:
            self._keep_cells()
            self._keep_costs()

    def settled(self) -> tuple[int, ...]:
        """The trades once every criterion has had its turn."""
        question, programme = self._question, self._programme
        if any(line.misplaced for line in question.lines):
            self._settle(programme.misplaced(), 1, self._unit)
        cost = fixed_cost(question.lines)
        if cost:
            self._settle(scaled(self._trades(), cost / self._unit), 2, self._unit)
        if any(purse.taxable for purse in question.purses):
            self._settle(programme.sold(), 3, self._unit)
        self._settle(self._trades(), 4, 1.0)
        self._settle(programme.turnover(), 5, self._unit)
        if question.objective == Objective.L1:
            self._settle(self._largest(), 6, self._unit)
        if len(question.lines) <= _MOST_ORDERED:
            self._settle_order()
        return self.steps

    def _settle(self, cost: Sum, place: int, unit: float) -> None:
        """Minimise one criterion and keep it there."""
        if not cost:
            return
        found = self._programme.minimise(cost)
        if found is not None:
            self._take(found[0])
        best = float(Fraction(str(self._outcome.rank[place]))) / unit
        self._programme.add_row(cost, -float("inf"), best + max(1.0, abs(best)) * _SLACK)

    def _settle_order(self) -> None:
        """Larger trades of earlier lines first, sales before purchases."""
        for index in range(len(self._question.lines)):
            steps = self._programme.steps(index)
            for side in (1.0, -1.0):
                found = self._programme.minimise(scaled(steps, side))
                if found is not None:
                    self._take(found[0])
            self._programme.add_row(steps, float(self.steps[index]), float(self.steps[index]))

    def _take(self, steps: tuple[int, ...]) -> None:
        outcome = judge(self._question, steps)
        if outcome is not None and outcome.rank < self._outcome.rank:
            self.steps, self._outcome = steps, outcome

    def _deviations(self) -> dict[int, int]:
        """By cell that lines move, how far it is from its target."""
        offs: dict[int, int] = {}
        for line, k in zip(self._question.lines, self.steps, strict=True):
            for cell, worth in line.worth:
                told = self._question.cells[cell]
                offs[cell] = offs.get(cell, told.held - told.target) + worth * k
        return offs

    def _keep_cells(self) -> None:
        """Under l2 other deviations with the same objective are next to impossible: keep these."""
        for cell, off in self._offs.items():
            start = self._question.cells[cell].held - self._question.cells[cell].target
            worths = {worth for line in self._question.lines for c, worth in line.worth if c == cell}
            grid = worths.pop() if len(worths) == 1 else self._unit
            moved = scaled(self._programme.moved(cell), self._unit / grid)
            self._programme.add_row(moved, (off - start) / grid, (off - start) / grid)

    def _keep_costs(self) -> None:
        """With other costs the cash left would be another, and so the objective."""
        if fixed_cost(self._question.lines):
            trades = sum(1 for k in self.steps if k)
            self._programme.add_row(self._trades(), trades, trades)

    def _trades(self) -> Sum:
        """How many lines trade; at least that."""
        return summed(self._programme.traded(i) for i in range(len(self._question.lines)))

    def _keep_sum(self) -> None:
        """Under l1 many deviations come to one sum."""
        question, programme = self._question, self._programme
        sizes: Sum = {}
        still = sum(
            cell.weight * abs(cell.held - cell.target) for n, cell in enumerate(question.cells) if n not in self._offs
        )
        for number in self._offs:
            cell = question.cells[number]
            sizes[self._size(programme.moved(number), cell.held - cell.target)] = float(cell.weight)
        idle = sum(purse.cash for purse in question.purses) - question.reserve - question.cash_target
        sizes[self._size(scaled(programme.all_spent(), -1.0), idle)] = float(question.cash_weight)
        best = float(self._outcome.value - still) / self._unit
        programme.add_row(sizes, -float("inf"), best + max(1.0, best) * _SLACK)

    def _largest(self) -> Sum:
        """No deviation of a cell exceeds this column."""
        question, programme = self._question, self._programme
        largest = programme.add_column(0.0, float("inf"), whole=False)
        for number in self._offs:
            cell = question.cells[number]
            self._above(largest, programme.moved(number), cell.held - cell.target)
        return {largest: 1.0}

    def _size(self, moved: Sum, start: int) -> int:
        """A column that is at least |start + moved|."""
        size = self._programme.add_column(0.0, float("inf"), whole=False)
        self._above(size, moved, start)
        return size

    def _above(self, size: int, moved: Sum, start: int) -> None:
        for side in (1.0, -1.0):
            row = {size: 1.0, **scaled(moved, -side)}
            self._programme.add_row(row, side * start / self._unit, float("inf"))
