"""Choose which lines trade, then how much: every such pattern of a few lines in several accounts.

A trade that costs a fixed amount, or counts as one of few, comes whole or not at all, and there prices bound little. Once a
pattern is chosen all it costs is known, and bounds are as good as where trading is free. So patterns are taken by their
bounds, each bound is raised at prices of its own, and what may still hold something better is walked through.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from heapq import heappop, heappush
from itertools import combinations, product
from math import ceil, comb
from typing import NamedTuple, TypeAlias

from allocation.solver import Solution, solve
from allocation.solver.coupled.counted import REST, fixed_cost, shared_out, without_costs
from allocation.solver.coupled.judge import Rank, judge
from allocation.solver.coupled.merged import Merger, merge, untouched
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.nearest import Nearest
from allocation.solver.coupled.prices import find_prices
from allocation.solver.coupled.pricing import Priced
from allocation.solver.coupled.separable import place_of
from allocation.solver.coupled.totals import TooManyError, nearest_shared
from allocation.solver.coupled.walk import Effort, Found, Walk
from allocation.solver.question import Holding, Question, Run

Steps: TypeAlias = tuple[int, ...]
Runs: TypeAlias = tuple[Run, ...]
Bound: TypeAlias = int | Fraction

_MOST_PATTERNS = 900
_THROUGH = Effort(width=50_000, visits=150_000, only_better=True)
_NODES = 200


class Pattern(NamedTuple):
    """A pattern to be looked through: no trades of it are nearer than `bound`.

    Attributes:
        together: its accounts as one, and the best they could come to; None where they cannot be one.
        shared: whether that was shared out, and what comes next gone through, as far as that went.
        priced: the prices of its own, once it has some.
    """

    bound: Bound
    number: int
    question: Question
    together: tuple[Merger, Solution] | None = None
    shared: bool = False
    priced: Priced | None = None


@dataclass(slots=True)
class Patterns:
    """The best trades known, and the least that what was not looked through could come to (None: nothing was left)."""

    question: Question
    steps: Steps | None = None
    value: Bound | None = None
    unseen: Bound | None = None
    _rank: Rank | None = None
    _waiting: list[Pattern] = field(default_factory=list)

    def look_through(self) -> None:
        """Take pattern after pattern, the least bound first, until none can hold anything better."""
        for number, question in enumerate(_patterns(self.question)):
            self._begin(Pattern(0, number, question))
        while self._waiting:
            pattern = heappop(self._waiting)
            if self._is_beaten(pattern.bound):
                break
            if not pattern.shared:
                self._share(pattern)
            elif pattern.priced is None:
                priced = find_prices(Model(pattern.question, ties=False))
                self._wait(pattern._replace(priced=priced), bound_on_phi(priced, priced.bound))
            else:
                self._walk(pattern.priced)

    def consider(self, steps: Steps | None) -> None:
        """Keep trades where they are allowed and better than the best known."""
        outcome = None if steps is None else judge(self.question, steps)
        if outcome is not None and (self._rank is None or outcome.rank < self._rank):
            self.steps, self.value, self._rank = steps, outcome.value, outcome.rank

    def _begin(self, pattern: Pattern) -> None:
        """Have a pattern wait with the bound of its accounts as one, unless they cannot pay even so."""
        merger = merge(pattern.question)
        if merger is None:
            self._wait(pattern._replace(shared=True), 0)
        elif (solution := solve(merger.problem)) is not None:
            bound = solution.bound + untouched(pattern.question)
            self._wait(pattern._replace(together=(merger, solution)), bound)

    def _wait(self, pattern: Pattern, bound: Bound) -> None:
        if not self._is_beaten(bound):
            heappush(self._waiting, pattern._replace(bound=max(pattern.bound, bound)))

    def _is_beaten(self, bound: Bound) -> bool:
        return self.value is not None and bound >= self.value

    def _share(self, pattern: Pattern) -> None:
        """Share out the best totals of a pattern, then all that may be nearer than the best known."""
        if pattern.together is None:
            return
        merger, solution = pattern.together
        steps = shared_out(pattern.question, merger, solution.steps)
        self.consider(steps or Nearest(pattern.question, pattern.bound, _NODES).from_trades(None))
        if steps is None and not self._went_through_totals(pattern):
            self._wait(pattern._replace(shared=True), pattern.bound)

    def _went_through_totals(self, pattern: Pattern) -> bool:
        """Whether all totals that could be nearer than the best known were shared out, or cannot be."""
        if pattern.together is None or self.value is None:
            return False
        merger, solution = pattern.together
        try:
            self.consider(nearest_shared(pattern.question, merger, solution.steps, self.value))
        except TooManyError:
            return False
        return True

    def _walk(self, priced: Priced) -> None:
        """Look for trades of a pattern that are nearer than the best known."""
        model = priced.model
        known = Found() if self.value is None else Found(ceil(self.value * model.unit) * model.units.whole)
        found = Walk(priced, _THROUGH, known).run()
        self.consider(found.steps or None)
        if found.dropped is not None and not self._is_beaten(least := bound_on_phi(priced, found.dropped)):
            self.unseen = least if self.unseen is None else min(self.unseen, least)


def has_few_patterns(question: Question) -> bool:
    """Whether a question of several accounts has a choice of patterns, few of them, and every trade costs the same."""
    if len(question.purses) == 1 or question.tax is not None or question.most_turnover is not None:
        return False
    lines, cost = len(question.lines), fixed_cost(question.lines)
    if cost is None or any(place_of(line) is None for line in question.lines):
        return False
    most = lines if question.most_trades is None else min(lines, question.most_trades)
    return 2**lines <= _MOST_PATTERNS if cost else most < lines and comb(lines, most) <= _MOST_PATTERNS


def bound_on_phi(priced: Priced, least: int) -> Fraction:
    """The bound on φ that a bound on a cost without ties leaves, in the grains asked."""
    return Fraction(least // priced.model.units.whole, priced.model.unit)


def _patterns(question: Question) -> Iterator[Question]:
    """The question left to one pattern after the other; those that some purse cannot pay for in any way are left out."""
    cost = fixed_cost(question.lines) or 0
    for runs in _pattern_by_pattern(question) if cost else _sets(question):
        pattern = _left_to(question, runs, cost)
        if min(_poorest(pattern)) >= 0:
            yield pattern


def _sets(question: Question) -> Iterator[Sequence[Runs]]:
    """As many lines as may trade, left to do as they like; the others at rest."""
    lines = question.lines
    for trading in combinations(range(len(lines)), min(len(lines), question.most_trades or 0)):
        runs = [line.runs if i in trading else _at_rest(line) for i, line in enumerate(lines)]
        if all(runs):
            yield runs


def _pattern_by_pattern(question: Question) -> Iterator[Sequence[Runs]]:
    """Every line either at rest or trading, no more of them than may."""
    most = question.most_trades
    for runs in product(*([own for own in (_at_rest(line), _trading(line)) if own] for line in question.lines)):
        if most is None or sum(own != (REST,) for own in runs) <= most:
            yield runs


def _at_rest(line: Holding) -> Runs:
    return (REST,) if any(run.low <= 0 <= run.high for run in line.runs) else ()


def _trading(line: Holding) -> Runs:
    return tuple(run for run in line.runs if run != REST)


def _left_to(question: Question, runs: Sequence[Runs], cost: int) -> Question:
    """The question whose lines may do nothing else; what the trades cost is taken off the purses."""
    cash, lines = [purse.cash for purse in question.purses], []
    for line, own in zip(question.lines, runs, strict=True):
        cash[line.account] -= 0 if own == (REST,) else cost
        lines.append(without_costs(replace(line, runs=own), cost))
    purses = [replace(purse, cash=left) for purse, left in zip(question.purses, cash, strict=True)]
    return replace(question, lines=tuple(lines), purses=tuple(purses), most_trades=None)


def _poorest(question: Question) -> list[int]:
    """What every purse has left where its lines use the least cash they can."""
    left = [purse.cash for purse in question.purses]
    for line in question.lines:
        left[line.account] -= min(run.spent(run.low) for run in line.runs)
    return left
