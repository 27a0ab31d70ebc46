"""A question as a programme in whole numbers for HiGHS, in floats: it proposes trades, `judge` says what they are worth.

A line that trades freely along one range is one column. Any other has for each run a column that says whether the run is
taken and one that counts the steps from its start.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from allocation.solver.question import Holding, Question, Run

if TYPE_CHECKING:
    import highspy

Sum: TypeAlias = dict[int, float]
"""A linear expression: factors by column."""

_REST = Run(0, 0, 0, 0)
_HALF = 0.5
# kSolutionStatusFeasible
_FEASIBLE = 2
_OPTIONS = {
    "output_flag": False,
    "threads": 1,
    "mip_abs_gap": 1e-9,
    "mip_feasibility_tolerance": 1e-9,
    # A restart goes over the root again, which is where most of the time goes.
    "mip_allow_restart": False,
    "primal_feasibility_tolerance": 1e-9,
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of a line as columns: whether it is `taken`, and how many steps `more` than its lowest.

    `taken` is None for a line that is one column, which then counts its steps from none; `more` for a single trade.
    """

    run: Run
    taken: int | None
    more: int | None


@dataclass(slots=True)
class Programme:
    """Columns and rows; money counts in `unit` grains.

    Attributes:
        whether: always tell whether a line trades, by a column for each run.
        most_nodes: nodes that one search may look at.
    """

    question: Question
    whether: bool = False
    most_nodes: int = 200
    unit: float = 1.0
    stretches: list[list[Stretch]] = field(default_factory=list)
    _columns: list[tuple[float, float, bool]] = field(default_factory=list)
    _rows: list[tuple[float, float, Sum]] = field(default_factory=list)

    def __post_init__(self) -> None:
        question = self.question
        self.unit = float(max(line.step for line in question.lines))
        self.stretches = [self._lay_out(line) for line in question.lines]
        for number, purse in enumerate(question.purses):
            own = summed(self.spent(i) for i, line in enumerate(question.lines) if line.account == number)
            least = -inf if purse.highest is None else (purse.cash - purse.highest) / self.unit
            self.add_row(own, least, purse.cash / self.unit)
        idle = sum(purse.cash for purse in question.purses) - question.reserve
        least = -inf if question.highest_cash is None else (idle - question.highest_cash) / self.unit
        self.add_row(self.all_spent(), least, idle / self.unit)
        if question.most_trades is not None:
            self.add_row(summed(self.traded(i) for i in range(len(question.lines))), -inf, question.most_trades)
        if question.most_turnover is not None:
            self.add_row(self.turnover(), -inf, question.most_turnover / self.unit)

    def add_column(self, low: float, high: float, *, whole: bool) -> int:
        """A new column between two bounds."""
        self._columns.append((low, high, whole))
        return len(self._columns) - 1

    def add_row(self, expression: Sum, low: float, high: float) -> None:
        """Keep an expression between two bounds."""
        self._rows.append((low, high, expression))

    def steps(self, index: int) -> Sum:
        """The trade of a line."""
        return self._linear(index, lambda run: (run.low, 1.0))

    def spent(self, index: int) -> Sum:
        """What a line spends."""
        return self._linear(index, lambda run: (run.spends / self.unit, run.per_step / self.unit))

    def all_spent(self) -> Sum:
        """What all lines spend."""
        return summed(self.spent(i) for i in range(len(self.question.lines)))

    def moved(self, cell: int) -> Sum:
        """What all lines add to a cell."""
        worths = [(i, dict(line.worth).get(cell)) for i, line in enumerate(self.question.lines)]
        return summed(scaled(self.steps(i), worth / self.unit) for i, worth in worths if worth)

    def misplaced(self) -> Sum:
        """Σ rank · value."""
        lines = enumerate(self.question.lines)
        return summed(scaled(self.steps(i), line.misplaced * line.step / self.unit) for i, line in lines)

    def traded(self, index: int) -> Sum:
        """Whether a line trades; at least that."""
        line, (first, *others) = self.question.lines[index], self.stretches[index]
        if first.taken is None and first.more is not None:
            taken = self.add_column(0, 1, whole=True)
            self.add_row({first.more: 1.0, taken: -float(line.runs[-1].high)}, -inf, 0)
            self.add_row({first.more: 1.0, taken: -float(line.runs[0].low)}, 0, inf)
            return {taken: 1.0}
        return {each.taken: 1.0 for each in (first, *others) if each.taken is not None and each.run != _REST}

    def turnover(self) -> Sum:
        """Σ |value|; at least that."""
        return summed(self.size(i, both=True) for i in range(len(self.question.lines)))

    def sold(self) -> Sum:
        """What is sold in taxable accounts; at least that."""
        taxable = [self.question.purses[line.account].taxable for line in self.question.lines]
        return summed(self.size(i, both=False) for i, owes in enumerate(taxable) if owes)

    def size(self, index: int, *, both: bool) -> Sum:
        """The value that a line sells, or that it trades."""
        step, first = self.question.lines[index].step / self.unit, self.stretches[index][0]
        if first.taken is not None or first.more is None:
            return self._linear(index, lambda run: _sized(run, step, both=both))
        size = self.add_column(0, inf, whole=False)
        for side in (-1.0, 1.0) if both else (-1.0,):
            self.add_row({size: 1.0, first.more: -side * step}, 0, inf)
        return {size: 1.0}

    def minimise(self, cost: Sum, near: float = 0.0) -> tuple[tuple[int, ...], float] | None:
        """The trades of the least cost found, and a cost that none is below by HiGHS's reckoning; None where none are found.

        Args:
            near: how far, as a part of the cost, the trades may be from the best.
        """
        highs = self.solver(cost, near)
        highs.run()
        values = list(highs.getSolution().col_value)
        if highs.getInfo().primal_solution_status != _FEASIBLE or not values:
            return None
        return self.trades(values), highs.getInfo().mip_dual_bound

    def trades(self, values: list[float]) -> tuple[int, ...]:
        """The trade of each line, by the values of all columns."""
        return tuple(map(round, self._read(values)))

    def _lay_out(self, line: Holding) -> list[Stretch]:
        low, high = line.runs[0].low, line.runs[-1].high
        together = all(a.high + 1 == b.low for a, b in zip(line.runs, line.runs[1:], strict=False))
        free = all(run.spent(k) == line.step * k for run in line.runs for k in (run.low, run.high))
        if together and free and not self.whether and low < high:
            return [Stretch(Run(0, 0, 0, line.step), None, self.add_column(low, high, whole=True))]
        found = []
        for run in line.runs:
            taken = self.add_column(0, 1, whole=True)
            more = None
            if run.low < run.high:
                more = self.add_column(0, run.high - run.low, whole=True)
                self.add_row({more: 1.0, taken: -float(run.high - run.low)}, -inf, 0)
            found.append(Stretch(run, taken, more))
        self.add_row({each.taken: 1.0 for each in found if each.taken is not None}, 1, 1)
        return found

    def _linear(self, index: int, at: Callable[[Run], tuple[float, float]]) -> Sum:
        """What is linear along each run of a line: `at` tells it for the lowest trade and for each further step."""
        terms: Sum = {}
        for each in self.stretches[index]:
            start, slope = at(each.run)
            if each.taken is not None and start:
                terms[each.taken] = start
            if each.more is not None and slope:
                terms[each.more] = slope
        return terms

    def _read(self, values: list[float]) -> Iterator[float]:
        """The trade of each line."""
        for own in self.stretches:
            steps = 0.0
            for each in own:
                if each.taken is None or values[each.taken] > _HALF:
                    steps += (each.run.low if each.taken is not None else 0) + (
                        values[each.more] if each.more is not None else 0
                    )
            yield steps

    def solver(self, cost: Sum, near: float) -> "highspy.Highs":
        """HiGHS with all of this, to minimise a cost."""
        import highspy  # noqa: PLC0415 - both take a tenth of a second to load, and only coupled questions need them
        import numpy as np  # noqa: PLC0415

        programme = highspy.HighsLp()
        programme.num_col_, programme.num_row_ = len(self._columns), len(self._rows)
        costs = np.zeros(len(self._columns))
        costs[list(cost)] = list(cost.values())
        programme.col_cost_ = costs
        low, high, _ = zip(*self._columns, strict=True)
        programme.col_lower_, programme.col_upper_ = np.array(low, float), np.array(high, float)
        kinds = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger
        programme.integrality_ = [kinds[whole] for _, _, whole in self._columns]
        programme.row_lower_ = np.array([low for low, _, _ in self._rows], float)
        programme.row_upper_ = np.array([high for _, high, _ in self._rows], float)
        programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        programme.a_matrix_.start_ = np.cumsum([0, *(len(terms) for _, _, terms in self._rows)])
        programme.a_matrix_.index_ = np.array([column for _, _, terms in self._rows for column in terms])
        programme.a_matrix_.value_ = np.array([factor for _, _, terms in self._rows for factor in terms.values()])
        highs = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in _OPTIONS.items():
            highs.setOptionValue(option, value)
        highs.setOptionValue("mip_rel_gap", near)
        highs.setOptionValue("mip_max_nodes", self.most_nodes)
        highs.passModel(programme)
        return highs


def summed(sums: Iterable[Sum]) -> Sum:
    """The sum of several expressions."""
    total: Sum = {}
    for each in sums:
        for column, factor in each.items():
            total[column] = total.get(column, 0.0) + factor
    return total


def scaled(each: Sum, factor: float) -> Sum:
    """An expression so many times."""
    return {column: factor * old for column, old in each.items()} if factor else {}


def _sized(run: Run, step: float, *, both: bool) -> tuple[float, float]:
    """The size of the lowest trade of a run and what each further step adds; of sales alone, or of both."""
    if run.low < 0:
        return -run.low * step, -step
    return (run.low * step, step) if both else (0.0, 0.0)
