"""How little the lines still to come can cost: lower bounds that cut a search short.

A state of a search is a cash balance. From it, the lines to come and cash itself must still add something. `Completion`
bounds that by one number, the least regret per grain moved. `Tangents` asks all lines to come at many other prices, which
bounds their regret by as many tangents; it takes longer to prepare and is far tighter where much is to be moved.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from allocation.solver.pricing import Priced


class Outlook(Protocol):
    """A convex lower bound on all that is still to come."""

    def least(self, cash: int) -> int:
        """From this cash balance."""
        ...


@dataclass(frozen=True, slots=True)
class Completion:
    """The least that the lines still to come must add: moving a grain of cash costs them at least `density`.

    The infimal convolution of the cash line's regret with density·|moved|: the regret itself between `low` and `high`,
    straight lines beyond.
    """

    priced: Priced
    density: int
    low: int
    high: int
    regret_at_low: int
    regret_at_high: int

    @classmethod
    def of(cls, priced: Priced, density: int) -> "Completion":
        """For lines to come with this least density."""
        low, high = priced.cheapest_cash(density), priced.cheapest_cash(-density)
        return cls(priced, density, low, high, priced.cash_regret(low), priced.cash_regret(high))

    def least(self, cash: int) -> int:
        """A lower bound on all regret still to come from this cash balance."""
        if cash < self.low:
            return self.regret_at_low + self.density * (self.low - cash)
        if cash > self.high:
            return self.regret_at_high + self.density * (cash - self.high)
        return self.priced.cash_cost(cash) - self.priced.least_cash_cost


@dataclass(frozen=True, slots=True)
class Tangents:
    """A completion, and what the lines to come cost at other prices (weak duality, once for each price).

    With the price raised by d, no way to go on from a cash balance costs less than `at_zero`(d) - d·cash. The largest of
    these is the bound; `until` says up to which balance each of them is that.
    """

    completion: Completion
    until: tuple[int, ...]
    raised: tuple[int, ...]
    at_zero: tuple[int, ...]

    @classmethod
    def before_each(cls, priced: Priced, stages: Sequence[tuple[int, int]], most: int) -> "list[Tangents]":
        """What is ahead before each stage, a line with its density; regrets above `most` do not matter."""
        raises = [(d, Priced(priced.folded, priced.price + d)) for d in _raises(priced)]
        at_zero = [other.least_cash_cost - priced.least_cash_cost for _, other in raises]
        outlooks: list[Tangents] = []
        density: int | None = None
        for index, own in reversed(stages):
            density = own if density is None else min(density, own)
            base, spends = priced.base_cost[index], priced.base_spends[index]
            at_zero = [
                total + other.base_cost[index] - base - d * spends
                for total, (d, other) in zip(at_zero, raises, strict=True)
            ]
            hull = _upper_hull([(d, z) for (d, _), z in zip(raises, at_zero, strict=True)])
            outlooks.append(cls(Completion.of(priced, density), *hull))
        return outlooks[::-1]

    def least(self, cash: int) -> int:
        """A lower bound on all regret still to come from this cash balance."""
        at = bisect_left(self.until, cash)
        return max(self.completion.least(cash), self.at_zero[at] - self.raised[at] * cash)


def _raises(priced: Priced) -> list[int]:
    """Other prices to ask at, from those that move a grain or two to those that move everything; highest first."""
    folded = priced.folded
    steps = [row.step * row.weight for row in folded.rows if row.legs[0].low < row.legs[-1].high] or [folded.whole]
    least, most = (
        (min(steps) // len(steps), max(steps) * 4) if folded.squared else (folded.whole >> 14, folded.whole << 2)
    )
    raises = [0]
    raised = max(1, least)
    while raised <= most:
        raises += [raised, -raised]
        raised *= 2
    return sorted(raises, reverse=True)


def _upper_hull(tangents: list[tuple[int, int]]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Of lines at_zero - d·cash, d falling, those that are largest somewhere, and the last whole balance of each."""
    kept: list[tuple[int, int]] = []
    until: list[int] = []
    for d, at_zero in tangents:
        while kept:
            # The new line, less steep downwards, is the larger one beyond this balance.
            cross = -((at_zero - kept[-1][1]) // (kept[-1][0] - d))
            if not until or cross > until[-1]:
                until.append(cross)
                break
            kept.pop()
            until.pop()
        kept.append((d, at_zero))
    return tuple(until), tuple(d for d, _ in kept), tuple(z for _, z in kept)
