"""A question made ready for the search: taxes in whole grains, ties folded into one cost, cells told apart by who shares them.

Every criterion of an answer but the last two is folded into one integer cost, most important first:

    cost = ((((φ·… + misplaced)·… + costs and taxes)·… + sold)·… + trades)·… + turnover

Each unit exceeds all that the lesser criteria can add up to.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import lcm

from allocation.rules import Objective
from allocation.solver.coupled.judge import gains_of, the_run_of
from allocation.solver.coupled.tax import Box, whole_tax
from allocation.solver.question import Cell, Holding, Purse, Question, Run, TaxRates

# A unit of φ where nothing else counts: prices need parts of it.
_FINE = 1 << 60


@dataclass(frozen=True, slots=True)
class Units:
    """What one unit of each criterion costs; `whole` is worth one unit of φ, a grain of turnover costs 1."""

    whole: int
    misplaced: int
    paid: int
    sold: int
    trade: int


class Model:
    """A question whose taxes are whole, with its units and its couplings.

    Attributes:
        finer: grains of this model in one grain of the question asked.
        shared: the cells that two or more lines can move.
        own, joint: by line, the cells that only this line can move and those it shares, with what a step adds.
        movable: by line, whether it has a choice.
        still: the cells that no line can move.
        start: by cell, how far it is from its target before any line moves that can.
        taxed: whether any tax can be due.
        gains: all net gains that can be realised, or the part of them to be looked at.
        tax: the tax on net gains.
    """

    def __init__(self, asked: Question, *, ties: bool = True, part: int | None = None) -> None:
        """Without `ties` nothing but φ counts; `part` is one of those over which the tax is convex."""
        self.finer = _fineness(asked)
        self.question = question = _refined(asked, self.finer)
        self.squared = question.objective != Objective.L1
        self.cash = sum(purse.cash for purse in question.purses)
        self.movable = [_is_movable(line) for line in question.lines]
        self.shared, self.own = _told_apart(question, self.movable)
        self.joint = [
            [(cell, worth) for cell, worth in line.worth if cell in self.shared] if moves else []
            for line, moves in zip(question.lines, self.movable, strict=True)
        ]
        moved = {*self.shared, *(cell for cells in self.own for cell, _ in cells)}
        self.still = [cell for cell in range(len(question.cells)) if cell not in moved]
        self.start = _start(question, self.movable)
        self.taxed = question.tax is not None and any(map(self.realises, range(len(question.lines))))
        self.tax = whole_tax(question.tax or TaxRates(Fraction(0), Fraction(0)))
        reach = self._gains()
        self.gains = reach if part is None else self.parts(reach)[part]
        units, self.most_misplaced = _units(question)
        # Turnover is counted either way.
        self.units = units if ties else Units(_FINE + units.trade, 0, 0, 0, 0)
        self.most_misplaced = self.most_misplaced if ties else 0

    @property
    def unit(self) -> int:
        """What one unit of the φ asked for is in this model's."""
        return self.finer**2 if self.squared else self.finer

    def realises(self, index: int) -> bool:
        """Whether trades of a line can bring taxable gains or losses."""
        line, tax = self.question.lines[index], self.question.tax
        if tax is None or not self.question.purses[line.account].taxable or not (tax.short or tax.long):
            return False
        return any(run.short or run.short_per_step or run.long or run.long_per_step for run in line.runs)

    def lesser(self, index: int, run: Run, k: int) -> int:
        """What a trade costs by the criteria below φ, taxes apart."""
        if k == 0 and run.spends == 0:
            return 0
        line, units = self.question.lines[index], self.units
        value = line.step * k
        cost = units.misplaced * line.misplaced * value + units.paid * (run.spent(k) - value)
        if k:
            cost += units.trade + abs(value)
        if value < 0 and self.question.purses[line.account].taxable:
            cost -= units.sold * value
        return cost

    def cost(self, steps: tuple[int, ...]) -> int:
        """The folded cost of trades that are allowed."""
        question = self.question
        offs, spent, lesser, short, long = list(self.start), 0, 0, 0, 0
        for index, (line, k) in enumerate(zip(question.lines, steps, strict=True)):
            run = the_run_of(line, k)
            spent, lesser = spent + run.spent(k), lesser + self.lesser(index, run, k)
            for cell, worth in line.worth if self.movable[index] else ():
                offs[cell] += worth * k
            if self.realises(index):
                gains = gains_of(run, k)
                short, long = short + gains[0], long + gains[1]
        owed = self.tax(short, long)
        idle = self.cash - spent - owed - question.reserve - question.cash_target
        weighted = [*zip((cell.weight for cell in question.cells), offs, strict=True), (question.cash_weight, idle)]
        distance = sum(weight * (off * off if self.squared else abs(off)) for weight, off in weighted)
        return self.units.whole * distance + lesser + self.units.paid * owed

    def parts(self, gains: Box) -> list[Box]:
        """The parts over which the tax is convex."""
        return gains.convex_parts(self.question.tax) if self.question.tax is not None else [gains]

    def _gains(self) -> Box:
        """All net gains that trades can realise."""
        sums = [0, 0, 0, 0]
        for index, line in enumerate(self.question.lines):
            if self.realises(index):
                ends = [gains_of(run, k) for run in line.runs for k in (run.low, run.high)]
                for term in (0, 1):
                    sums[2 * term] += min(end[term] for end in ends)
                    sums[2 * term + 1] += max(end[term] for end in ends)
        return Box(*sums)


def _fineness(question: Question) -> int:
    """How many parts a grain needs so that the tax on every gain is whole."""
    if question.tax is None:
        return 1
    denominators = [question.tax.short.denominator, question.tax.long.denominator]
    return lcm(*denominators)


def _refined(question: Question, parts: int) -> Question:
    """The same question in grains of a fraction of the size, its runs split where a gain changes its sign."""
    tax = question.tax

    def finer_run(run: Run) -> Run:
        return Run(
            run.low,
            run.high,
            run.spends * parts,
            run.per_step * parts,
            run.short * parts,
            run.short_per_step * parts,
            run.long * parts,
            run.long_per_step * parts,
        )

    def finer_line(line: Holding) -> Holding:
        runs = tuple(part for run in line.runs for part in _split(finer_run(run)))
        lots = tuple(replace(lot, gain=lot.gain * parts) for lot in line.lots)
        worth = tuple((c, w * parts) for c, w in line.worth if w)
        return replace(line, step=line.step * parts, runs=runs, worth=worth, lots=lots)

    def scaled(amount: int | None) -> int | None:
        return None if amount is None else amount * parts

    return replace(
        question,
        lines=tuple(map(finer_line, question.lines)),
        cells=tuple(Cell(c.held * parts, c.target * parts, c.weight) for c in question.cells),
        purses=tuple(Purse(p.cash * parts, p.taxable, scaled(p.highest)) for p in question.purses),
        cash_target=question.cash_target * parts,
        reserve=question.reserve * parts,
        highest_cash=scaled(question.highest_cash),
        most_turnover=scaled(question.most_turnover),
        tax=None if tax is None else replace(tax, most=scaled(tax.most)),
    )


def _split(run: Run) -> list[Run]:
    """A run as runs along which no gain changes its sign."""
    cuts = {run.low, run.high + 1}
    for start, slope in ((run.short, run.short_per_step), (run.long, run.long_per_step)):
        if slope and run.high > run.low:
            cut = run.low + -start // slope + 1
            if run.low < cut <= run.high:
                cuts.add(cut)
    ordered = sorted(cuts)
    return [_part(run, low, high - 1) for low, high in pairwise(ordered)]


def _part(run: Run, low: int, high: int) -> Run:
    short, long = gains_of(run, low)
    return replace(run, low=low, high=high, spends=run.spent(low), short=short, long=long)


def _is_movable(line: Holding) -> bool:
    return len(line.runs) > 1 or any(run.low < run.high for run in line.runs)


def _told_apart(question: Question, movable: list[bool]) -> tuple[list[int], list[list[tuple[int, int]]]]:
    """The shared cells, and every line's own."""
    movers = [0] * len(question.cells)
    for line, moves in zip(question.lines, movable, strict=True):
        for cell, _ in line.worth:
            movers[cell] += moves
    shared = [cell for cell, count in enumerate(movers) if count > 1]
    own = [
        [(cell, worth) for cell, worth in line.worth if movers[cell] == 1] if moves else []
        for line, moves in zip(question.lines, movable, strict=True)
    ]
    return shared, own


def _start(question: Question, movable: list[bool]) -> list[int]:
    offs = [cell.held - cell.target for cell in question.cells]
    for line, moves in zip(question.lines, movable, strict=True):
        for cell, worth in () if moves else line.worth:
            offs[cell] += worth * line.runs[0].low
    return offs


def _units(question: Question) -> tuple[Units, int]:
    """Units large enough that no sum of a lesser criterion reaches one unit of a greater one."""
    sold = moved = least_paid = most_paid = least_misplaced = most_misplaced = taxed = 0
    for line in question.lines:
        ends = [(run, k) for run in line.runs for k in (run.low, run.high)]
        lowest, highest = line.runs[0].low, line.runs[-1].high
        moved += line.step * max(abs(lowest), abs(highest))
        sold += line.step * max(0, -lowest)
        costs = [run.spent(k) - line.step * k for run, k in ends]
        least_paid, most_paid = least_paid + min(costs), most_paid + max(costs)
        places = [line.misplaced * line.step * k for _, k in ends]
        least_misplaced, most_misplaced = least_misplaced + min(places), most_misplaced + max(places)
        taxed += max(sum(max(0, gain) for gain in gains_of(run, k)) for run, k in ends)
    rate = 0 if question.tax is None else max(question.tax.short, question.tax.long)
    per_trade = moved + 1
    per_sold = per_trade * (len(question.lines) + 1)
    per_paid = per_sold * (sold + 1)
    per_misplaced = per_paid * (most_paid - least_paid + int(rate * taxed) + 2)
    whole = per_misplaced * (most_misplaced - least_misplaced + 1)
    return Units(whole, per_misplaced, per_paid, per_sold, per_trade), least_misplaced
