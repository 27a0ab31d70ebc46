"""Go through everything that accounts could trade in all and come nearer than the best trades known, and share it out exactly.

Where purses leave small change over, prices see nothing of it: they take each purse to be used up. What is traded in all of
each security is few numbers, though. All of them that would be nearer are listed, the nearest first, and for each it is
settled in whole numbers whether the accounts can trade it and pay for their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from allocation.rules import Objective
from allocation.solver.coupled.merged import Merger
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.options import Option, options_of
from allocation.solver.coupled.pricing import Priced, Prices
from allocation.solver.coupled.sharing import ranges_of
from allocation.solver.question import Question

Steps: TypeAlias = tuple[int, ...]

# Trades of one security and partial totals looked at; trades of lines tried for one choice of totals, and for all.
_MOST_TRADES, _MOST_PARTIAL = 2_000, 20_000
_MOST_TRIED, _MOST_TRIED_IN_ALL = 5_000, 50_000


class TooManyError(Exception):
    """There is more to look at than is worth it."""


def nearest_shared(question: Question, merger: Merger, best: Steps, limit: int | Fraction) -> Steps | None:
    """Trades of free lines in several accounts with the least φ below a limit; None where there are none.

    Args:
        best: the best totals if the accounts were one.

    Raises:
        TooManyError: what may be below the limit was not all looked at.
    """
    tried = 0
    for totals in _nearer_totals(merger, best, limit):
        sharing = _Sharing(question, merger, totals)
        steps = sharing.steps()
        tried += sharing.tried
        if steps is not None:
            return steps
        if tried > _MOST_TRIED_IN_ALL:
            raise TooManyError
    return None


def _nearer_totals(merger: Merger, best: Steps, limit: int | Fraction) -> list[Steps]:
    """All totals below a limit, the nearest first."""
    model = Model(merger.whole, ties=False)
    priced = Priced(model, Prices(cash=_price_of_cash(merger, best) * model.units.whole // 2))
    # The cost of totals below the limit is a whole number of units of φ, and turnover less than one.
    spare = -(-limit // 1) * model.units.whole - 1 - priced.bound
    options = [options_of(priced, i, spare, _MOST_TRADES) for i in range(len(merger.whole.lines))]
    if any(each.unseen is not None for each in options):
        raise TooManyError
    found = _Listing(priced, [each.trades for each in options], spare).all()
    return [totals for _, totals in sorted(found)]


def _price_of_cash(merger: Merger, best: Steps) -> int:
    """Twice what a grain of cash is worth at the best totals; under l1 half of it, for at all of it ties know no end."""
    question = merger.whole
    spent = sum(line.step * k for line, k in zip(question.lines, best, strict=True))
    off = question.purses[0].cash - spent - question.reserve - question.cash_target
    if question.objective != Objective.L1:
        return -4 * question.cash_weight * off
    return -question.cash_weight if off > 0 else question.cash_weight


@dataclass(slots=True)
class _Listing:
    """Totals put together one security after the other, as far as the regret to spare goes."""

    priced: Priced
    trades: Sequence[Sequence[Option]]
    spare: int
    partial: int = 0
    reach: list[tuple[int, int]] = field(default_factory=list)

    def all(self) -> list[tuple[int, Steps]]:
        """All totals, with their regret."""
        low = high = 0
        self.reach = [(0, 0)]
        for own in reversed(self.trades):
            spends = [option.spends for option in own] or [0]
            low, high = low + min(spends), high + max(spends)
            self.reach.append((low, high))
        self.reach.reverse()
        base = sum(line.step * k for line, k in zip(self.priced.model.question.lines, self.priced.base, strict=True))
        return list(self._from(0, 0, self.priced.model.cash - base, ()))

    def _from(self, place: int, regret: int, cash: int, totals: Steps) -> Iterator[tuple[int, Steps]]:
        low, high = self.reach[place]
        of_cash = self.priced.cash.regret_within(cash - high, cash - low)
        if of_cash is None or regret + of_cash > self.spare:
            return
        if place == len(self.trades):
            yield regret + of_cash, totals
            return
        for option in self.trades[place]:
            self.partial += 1
            if self.partial > _MOST_PARTIAL:
                raise TooManyError
            if regret + option.regret > self.spare:
                break
            yield from self._from(place + 1, regret + option.regret, cash - option.spends, (*totals, option.steps))


class _Turn(NamedTuple):
    """A line whose turn it is: `others` of its security come after it, which trades `total` in all."""

    line: int
    total: int
    others: tuple[int, ...]


class _Sharing:
    """Which account trades how much of given totals: line by line, as far as the purses go."""

    def __init__(self, question: Question, merger: Merger, totals: Steps) -> None:
        self._lines, self._cash = question.lines, [purse.cash for purse in question.purses]
        self._ranges = [ranges_of(line) for line in question.lines]
        # What only one account trades is known at once.
        groups = sorted(zip(merger.groups, totals, strict=True), key=lambda each: len(each[0]))
        self._turns = [_Turn(line, total, group[n + 1 :]) for group, total in groups for n, line in enumerate(group)]
        self._needed = self._least_needed(groups)
        self.tried = 0

    def steps(self) -> Steps | None:
        """Trades that every purse can pay for; None where there are none."""
        steps: dict[int, int] = {}
        if not self._assign(0, self._turns[0].total, self._cash, steps):
            return None
        return tuple(steps[line] for line in range(len(self._lines)))

    def _assign(self, position: int, rest: int, cash: list[int], steps: dict[int, int]) -> bool:
        """Give the lines from a position on their trades; `rest` is what is still to be traded of its security."""
        if position == len(self._turns):
            return True
        turn, needed = self._turns[position], self._needed[position + 1]
        line = self._lines[turn.line]
        most = (cash[line.account] - needed[line.account]) // line.step
        for k in self._choices(turn, rest, most):
            self.tried += 1
            if self.tried > _MOST_TRIED:
                raise TooManyError
            left = list(cash)
            left[line.account] -= line.step * k
            steps[turn.line] = k
            if self._assign(position + 1, rest - k if turn.others else self._total_at(position + 1), left, steps):
                return True
        return False

    def _total_at(self, position: int) -> int:
        return self._turns[position].total if position < len(self._turns) else 0

    def _choices(self, turn: _Turn, rest: int, most: int) -> Iterator[int]:
        """What a line may trade, at most what its purse can pay, so that the others can do the rest."""
        low = rest - sum(self._ranges[other][-1][1] for other in turn.others)
        high = min(most, rest - sum(self._ranges[other][0][0] for other in turn.others))
        for first, last in self._ranges[turn.line]:
            yield from range(max(first, low), min(last, high) + 1)

    def _least_needed(self, groups: Sequence[tuple[tuple[int, ...], int]]) -> list[list[int]]:
        """By position, the least cash that the lines from there on need of every purse."""
        needed = [[0] * len(self._cash)]
        for group, total in reversed(groups):
            most = sum(self._ranges[line][-1][1] for line in group)
            for index in reversed(group):
                line, (own, *_) = self._lines[index], self._ranges[index]
                after = list(needed[-1])
                after[line.account] += line.step * max(own[0], total - most + self._ranges[index][-1][1])
                needed.append(after)
        return needed[::-1]
