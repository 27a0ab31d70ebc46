"""Improve a plan by exchanging a few steps between up to four lines, so that what is left in cash comes out better.

Under l1 it is often indifferent which lines carry a deviation; what remains is to make odd prices add up, and four lines
moved a few steps each nearly always can.
"""

from bisect import bisect_left
from itertools import combinations
from math import inf
from typing import NamedTuple

from allocation.solver.pricing import Priced
from allocation.solver.search import Found

# Lines to choose from and how far each may move: many lines a little, then few lines far.
_LOOKS = ((24, 4), (10, 12))
_NEIGHBOURS = 4
_ROUNDS = 8


class Change(NamedTuple):
    """Other trades for one or two lines: what they spend and cost beyond the present ones."""

    spends: int
    costs: int
    moves: tuple[tuple[int, int], ...]


def first_look(priced: Priced) -> Found:
    """A plan made of the cheapest trades and at most two others; failing that, whatever leaves the most cash."""
    steps = tuple(priced.base)
    changes = [Change(0, 0, ())]
    for i, k in enumerate(steps):
        changes += _singles(priced, i, k, 1, priced.cash_left - priced.wanted_cash)
    changes.sort()
    best = _best_pair(priced, changes, priced.cash_left, 0, inf, 1)
    if best is None:
        return _most_cash(priced)
    total, moves = best
    return Found(total, tuple(moves.get(i, k) for i, k in enumerate(steps)))


def exchange(priced: Priced, found: Found) -> Found:
    """The plan after the best exchanges, one after the other, until none improves it or none can."""
    for _ in range(_ROUNDS):
        if found.regret is None or priced.proves(found.regret):
            break
        improved = (_best_exchange(priced, found.steps, found.regret, lines, reach) for lines, reach in _LOOKS)
        better = next((plan for plan in improved if plan is not None), None)
        if better is None:
            break
        found = better
    return found


def _best_exchange(priced: Priced, steps: tuple[int, ...], regret: int, most_lines: int, reach: int) -> Found | None:
    cash = priced.cash_after(steps)
    changes = _changes(priced, steps, cash - priced.wanted_cash, most_lines, reach)
    best = _best_pair(priced, changes, cash, regret - priced.cash_regret(cash), regret, _NEIGHBOURS)
    if best is None:
        return None
    total, moves = best
    return Found(total, tuple(moves.get(i, k) for i, k in enumerate(steps)))


def _best_pair(
    priced: Priced, changes: list[Change], cash: int, lines_regret: int, below: float, neighbours: int
) -> tuple[int, dict[int, int]] | None:
    """Of each change with those that balance it best, the cheapest pair if it costs less than `below`."""
    spends = [change.spends for change in changes]
    best: tuple[int, dict[int, int]] | None = None
    for first in changes:
        if lines_regret + first.costs >= below:
            continue
        near = bisect_left(spends, cash - first.spends - priced.wanted_cash)
        for second in changes[max(0, near - neighbours) : near + neighbours]:
            after = cash - first.spends - second.spends
            total = lines_regret + first.costs + second.costs
            if total >= below or not priced.cash_allowed(after):
                continue
            total += priced.cash_regret(after)
            if total < below and not _overlap(first, second):
                best, below = (total, dict(first.moves + second.moves)), total
    return best


def _changes(priced: Priced, steps: tuple[int, ...], surplus: int, most_lines: int, reach: int) -> list[Change]:
    """Doing nothing, and every change of one or two of the lines that move most cheaply; by what they spend."""
    singles = [_singles(priced, i, k, reach, surplus) for i, k in enumerate(steps)]
    cheapest = sorted((i for i in range(len(steps)) if singles[i]), key=lambda i: (min(c.costs for c in singles[i]), i))
    chosen = sorted(cheapest[:most_lines])
    changes = [Change(0, 0, ())]
    changes += [change for i in chosen for change in singles[i]]
    changes += [
        Change(a.spends + b.spends, a.costs + b.costs, a.moves + b.moves)
        for i, j in combinations(chosen, 2)
        for a in singles[i]
        for b in singles[j]
    ]
    changes.sort()
    return changes


def _singles(priced: Priced, index: int, now: int, reach: int, surplus: int) -> list[Change]:
    """The trades within reach of the present one, where other legs end, and what uses up the surplus by itself."""
    row = priced.folded.rows[index]
    leg = row.leg(now)
    spent = leg.spends + leg.per_step * (now - leg.low)
    regret = priced.cost(row, leg, now)
    within = {*range(now - reach, now + reach + 1)}
    if leg.per_step:
        alone = now + surplus // leg.per_step
        within |= {alone, alone + 1}
    wanted = sorted(within - {now})
    changes = []
    for other in row.legs:
        own = [k for k in wanted if other.low <= k <= other.high]
        end = other.high if other.high < now else other.low
        if other is not leg and end not in own:
            own = sorted([*own, end])
        changes += [
            Change(
                other.spends + other.per_step * (k - other.low) - spent,
                priced.cost(row, other, k) - regret,
                ((index, k),),
            )
            for k in own
        ]
    return changes


def _most_cash(priced: Priced) -> Found:
    """Where any plan is possible, the one that leaves the most cash is; a start, if a poor one."""
    steps = []
    for row in priced.folded.rows:
        ends = [(leg.spends + leg.per_step * (k - leg.low), abs(k), k) for leg in row.legs for k in (leg.low, leg.high)]
        steps.append(min(ends)[2])
    regret = priced.regret(tuple(steps))
    return Found() if regret is None else Found(regret, tuple(steps))


def _overlap(first: Change, second: Change) -> bool:
    return any(i == j for i, _ in first.moves for j, _ in second.moves)
