"""Solve a question of one account whose sales are taxed together: tolls for a bound, then a sweep through what could still win.

Tax is the smaller of two convex functions of the net gains (see `tariff`), so the best trades are the best of two questions:
with each, tolls give a bound, and the sweep finds every choice of trades that may be better than the best one known. What the
sweep leaves is judged with its true tax, settled by the search for the least one.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeAlias

from allocation.errors import UndecidedError
from allocation.solver import solve
from allocation.solver.coupled.descent import improve
from allocation.solver.coupled.judge import Rank, judge, tax_of
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.pieces import Pieces
from allocation.solver.coupled.separable import as_problem, part_of
from allocation.solver.coupled.sweep import Effort, Sweep, Undecided
from allocation.solver.coupled.tariff import Shape, Tariff
from allocation.solver.coupled.tolls import best_tariff
from allocation.solver.question import Answer, Question, TaxRates

Steps: TypeAlias = tuple[int, ...]

_GLANCES = (Effort(width=400, few=9, most=200_000), Effort(width=4_000, few=60, most=1_000_000))
_PROOF = Effort(width=30_000, few=None, most=2_000_000)
# Choices of trades judged after a glance, and to the end.
_FEW_JUDGED, _MOST_JUDGED = 30, 2_000
# Sales alone, each choice of which has to be solved for what sells nothing.
_SALES, _FEW_SOLVED = Effort(width=4_000, few=60, most=1_000_000, only_sales=True), 2


def solve_netted(question: Question) -> Answer | None:
    """The best trades found and a bound that is proved; None when no choice of trades is allowed.

    Raises:
        UndecidedError: neither trades that are allowed nor a proof that there are none.
    """
    hunt = _Hunt(question)
    for effort in _GLANCES:
        for side in hunt.open_sides():
            hunt.sweep(side, effort, _FEW_JUDGED)
        hunt.improve()
    if hunt.only_sales:
        for side in hunt.open_sides():
            hunt.sweep(side, _SALES, _FEW_SOLVED)
    for side in hunt.open_sides():
        hunt.sweep(side, _PROOF, _MOST_JUDGED)
    return hunt.answer()


@dataclass(slots=True)
class _Side:
    """One of the two functions that tax is the smaller of; `unseen` is the least φ that anything not looked at can have."""

    shape: Shape
    tariff: Tariff
    unseen: Fraction | None = None


@dataclass(slots=True)
class _Hunt:
    """The best trades known, and what may hold better ones."""

    question: Question
    model: Model = field(init=False)
    rates: TaxRates = field(init=False)
    sides: list[_Side] = field(init=False)
    rank: Rank | None = None
    value: Fraction | None = None
    steps: Steps = ()
    judged: set[Steps] = field(default_factory=set)
    only_sales: bool = False

    def __post_init__(self) -> None:
        self.model = Model(self.question, ties=False)
        self.rates = rates = self.model.question.tax or TaxRates(Fraction(0), Fraction(0))
        shapes = [Shape.KINKED] if rates.short == rates.long else list(Shape)
        # Under l1 it is all one which of several lines a purchase is made in: too many to be told apart one by one.
        self.only_sales = not self.model.squared and _is_one_problem(self.question)
        pieces = Pieces(self.model)
        self.sides = [_Side(shape, best_tariff(pieces, rates, shape)) for shape in shapes]

    def open_sides(self) -> list[_Side]:
        """The sides on which something may be as good as what is known, the most promising first."""
        limit = self._limit()
        found = [side for side in self.sides if limit is None or side.tariff.bound <= limit]
        return sorted(found, key=lambda side: side.tariff.bound)

    def sweep(self, side: _Side, effort: Effort, most: int) -> None:
        """Judge what one sweep leaves, the most promising first."""
        limit = self._limit()
        regret = None if limit is None else max(0, limit - side.tariff.bound)
        swept = Sweep(side.tariff, self.rates, side.shape, regret, effort).run()
        unseen = [] if swept.unseen is None else [self._phi(side, swept.unseen)]
        for n, least in enumerate(swept.least):
            if self.value is not None and self._phi(side, least) > self.value:
                break
            if n == most:
                unseen.append(self._phi(side, least))
                break
            unseen += self._settle(next(swept.trades))
        side.unseen = min(unseen, default=None)

    def improve(self) -> None:
        """Try to better what is known part by part."""
        if self.rank is not None:
            self._consider(improve(self.question, self.steps))

    def answer(self) -> Answer | None:
        """The best trades and the bound."""
        bounds = [side.unseen for side in self.open_sides() if side.unseen is not None]
        if self.value is not None:
            return Answer(self.steps, _plain(self.value), _plain(min([self.value, *bounds])))
        if bounds:
            raise UndecidedError
        return None

    def _settle(self, trades: Undecided) -> list[Fraction]:
        """Judge trades, after the best has been made of what sells nothing; the φ that anything else could have, if any."""
        free = [i for i, k in enumerate(trades) if k is None]
        steps = tuple(k or 0 for k in trades)
        if not free:
            self._consider(steps)
            return []
        question = self.model.question
        purse = replace(question.purses[0], cash=question.purses[0].cash - int(tax_of(question, steps)))
        lines = list(question.lines)
        for i in free:
            lines[i] = replace(lines[i], runs=tuple(run for run in lines[i].runs if run.high >= 0))
        found = solve(part_of(replace(question, purses=(purse,), lines=tuple(lines), tax=None), free, steps))
        if found is None:
            return []
        chosen = dict(zip(free, found.steps, strict=True))
        steps = tuple(chosen.get(i, k) for i, k in enumerate(steps))
        self._consider(steps)
        outcome = None if found.proved else judge(self.question, steps)
        return [] if outcome is None else [outcome.value - Fraction(found.value - found.bound, self.model.unit)]

    def _consider(self, steps: Steps) -> None:
        if steps in self.judged:
            return
        self.judged.add(steps)
        outcome = judge(self.question, steps)
        if outcome is not None and (self.rank is None or outcome.rank < self.rank):
            self.rank, self.steps, self.value = outcome.rank, steps, Fraction(outcome.value)

    def _limit(self) -> int | None:
        """The folded cost of the best trades known."""
        return None if self.value is None else int(self.value * self.model.unit * self.model.units.whole)

    def _phi(self, side: _Side, regret: float) -> Fraction:
        """The φ of a cost beyond the bound of a side, in the grains asked, a little less for what floats may be off."""
        bound = Fraction(side.tariff.bound, self.model.units.whole * self.model.unit)
        return bound + Fraction(regret * (1 - 1e-9)) / self.model.unit


def _is_one_problem(question: Question) -> bool:
    """Whether what is left once all sales are settled is a problem of the fast solver."""
    return as_problem(replace(question, tax=None)) is not None


def _plain(amount: Fraction) -> int | Fraction:
    return amount.numerator if amount.denominator == 1 else amount
