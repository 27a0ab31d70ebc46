"""Share the trades of the merged accounts out, so that every account pays for its own.

A linear programme says who trades roughly what: everything in its best place first, then the least sold in taxable
accounts, then the least turnover. Its answer is rounded, and what an account then lacks is made up by handing a few steps
of one security to another account against a few of another, whose prices differ by just what is missing.
"""

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from allocation.solver.coupled.judge import run_of, the_run_of
from allocation.solver.coupled.merged import Merger, joined
from allocation.solver.coupled.rough import rough_shares
from allocation.solver.question import Holding, Question

# How many repairs are tried, how many steps one hand-over may move, and how many hand-overs a repair may look at.
_REPAIRS = 200
_FARTHEST = 8
_MOST_SINGLES = 3_000
_MOST_TRIPLES = 120


class Handover(NamedTuple):
    """Steps that one account leaves to another; the other pays `value` for them. `giver` and `taker` are lines."""

    value: int
    giver: int
    taker: int
    moved: int


class Sharing:
    """Trades under repair: the steps of every line and what every purse has left."""

    def __init__(
        self, question: Question, merger: Merger, steps: list[int], withheld: Sequence[Fraction | int]
    ) -> None:
        """`withheld` is what every purse has to keep, as for taxes."""
        self.question = question
        self.steps = steps
        self.purses = [purse.cash - ceil(kept) for purse, kept in zip(question.purses, withheld, strict=True)]
        for line, k in zip(question.lines, steps, strict=True):
            self.purses[line.account] -= the_run_of(line, k).spent(k)
        self.ranges = [ranges_of(line) for line in question.lines]
        self._lines_of: list[dict[int, int]] = [{} for _ in self.purses]
        for number, group in enumerate(merger.groups):
            for index in reversed(group):
                self._lines_of[question.lines[index].account][number] = index

    def singles(self, giver: int, taker: int) -> list[Handover]:
        """Every hand-over of a few steps of one security between two accounts, by value."""
        mine, theirs = self._lines_of[giver], self._lines_of[taker]
        reach = max(1, min(_FARTHEST, _MOST_SINGLES // (2 * max(len(mine), 1))))
        found: list[Handover] = []
        for group, index in mine.items():
            other = theirs.get(group)
            if other is not None:
                step = self.question.lines[index].step
                found += [Handover(step * n, index, other, n) for n in self._counts(index, other, reach)]
        found.sort()
        return found

    def hand_over(self, moves: tuple[Handover, ...]) -> None:
        """Carry hand-overs out, each paid by the account that takes."""
        for move in moves:
            self.trade(move.giver, self.steps[move.giver] - move.moved)
            self.trade(move.taker, self.steps[move.taker] + move.moved)

    def trade(self, index: int, after: int) -> None:
        """Give a line another trade."""
        line, before = self.question.lines[index], self.steps[index]
        self.steps[index] = after
        self.purses[line.account] += the_run_of(line, before).spent(before) - the_run_of(line, after).spent(after)

    def _counts(self, giver: int, taker: int, reach: int) -> list[int]:
        """How many steps one line may leave to another; below zero it takes some over."""
        mine, theirs = self.steps[giver], self.steps[taker]
        return [
            count
            for low, high in self.ranges[giver]
            for least, most in self.ranges[taker]
            for count in range(max(-reach, mine - high, least - theirs), min(reach, mine - low, most - theirs) + 1)
            if count
        ]


def share_out(question: Question, merger: Merger, totals: tuple[int, ...]) -> tuple[int, ...] | None:
    """Trades of every line that come to these totals with no purse below zero; None where none are found."""
    nothing = (0,) * len(question.purses)
    rough = rough_shares(question, merger, totals, nothing)
    if rough is None:
        return None
    sharing = Sharing(question, merger, rounded(question, merger, totals, rough), nothing)
    return tuple(sharing.steps) if repaired(sharing) else None


def repaired(sharing: Sharing) -> bool:
    """Whether hand-overs leave no purse below zero."""
    for _ in range(_REPAIRS):
        poorest = min(range(len(sharing.purses)), key=lambda p: (sharing.purses[p], p))
        if sharing.purses[poorest] >= 0:
            return True
        if not _repair(sharing, poorest):
            return False
    return False


def ranges_of(line: Holding) -> list[tuple[int, int]]:
    """The allowed trades of a line from end to end, without a gap in any."""
    return joined([(run.low, run.high) for run in line.runs])


def _repair(sharing: Sharing, poorest: int) -> bool:
    """Have another account take over trades of the poorest; the least that is enough, else the most it can pay."""
    lacking = -sharing.purses[poorest]
    best: tuple[tuple[bool, int, int], tuple[Handover, ...]] | None = None
    for other, spare in enumerate(sharing.purses):
        if other == poorest or spare <= 0:
            continue
        singles = sharing.singles(poorest, other)
        found = _closest(singles, min(lacking, spare), spare)
        if found is None:
            found = _closest(singles, 1, spare)
        if found is None:
            continue
        value = sum(move.value for move in found)
        rank = value < lacking, abs(value - lacking), other
        if best is None or rank < best[0]:
            best = rank, found
    if best is None:
        return False
    sharing.hand_over(best[1])
    return True


def _closest(singles: list[Handover], least: int, most: int) -> tuple[Handover, ...] | None:
    """One, two or three hand-overs with a value from `least` to `most`, as little as can be."""
    values = [move.value for move in singles]
    alone = bisect_left(values, least)
    if alone < len(singles) and values[alone] <= most:
        return (singles[alone],)
    best = _pair(singles, values, least, most, ())
    if best is not None or len(singles) > _MOST_TRIPLES:
        return best
    triples = (_pair(singles, values, least, most, (first,)) for first in singles)
    return min((t for t in triples if t is not None), key=lambda t: sum(m.value for m in t), default=None)


def _pair(
    singles: list[Handover], values: list[int], least: int, most: int, taken: tuple[Handover, ...]
) -> tuple[Handover, ...] | None:
    best: tuple[int, tuple[Handover, ...]] | None = None
    so_far, used = sum(move.value for move in taken), {move.giver for move in taken}
    for first in singles:
        at = bisect_left(values, least - so_far - first.value)
        for second in singles[at : at + 3]:
            total = so_far + first.value + second.value
            if total > most or (best is not None and total >= best[0]):
                break
            if first.giver != second.giver and not {first.giver, second.giver} & used:
                best = total, (*taken, first, second)
                break
    return None if best is None else best[1]


def rounded(question: Question, merger: Merger, totals: tuple[int, ...], rough: list[float]) -> list[int]:
    """Whole steps that come to the totals where they can: shares rounded down, the rest to the largest fractions."""
    steps = [0] * len(question.lines)
    for group, total in zip(merger.groups, totals, strict=True):
        for i in group:
            steps[i] = floor(rough[i] + 1e-7)
        missing = total - sum(steps[i] for i in group)
        ranked = sorted(group, key=lambda i: (steps[i] - rough[i], i))
        while missing:
            change = 1 if missing > 0 else -1
            taker = next((i for i in ranked if run_of(question.lines[i], steps[i] + change) is not None), None)
            if taker is None:
                break
            steps[taker] += change
            missing -= change
            ranked.remove(taker)
            ranked.append(taker)
    return [_nearest(line, k) for line, k in zip(question.lines, steps, strict=True)]


def _nearest(line: Holding, k: int) -> int:
    """The allowed trade nearest to one that may be forbidden."""
    return min((min(max(k, low), high) for low, high in ranges_of(line)), key=lambda trade: abs(trade - k))
