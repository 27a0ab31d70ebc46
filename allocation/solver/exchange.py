"""Improve a plan by exchanging a few steps between up to four lines, so that what is left in cash comes out better.

Under l1 it is often indifferent which lines carry a deviation; what remains is to make odd prices add up, and four lines
moved a few steps each nearly always can.
"""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import combinations

from allocation.solver.pricing import Priced, allows
from allocation.solver.search import Found

# Lines to choose from and how far each may move: many lines a little, then few lines far.
_LOOKS = ((24, 4), (10, 12))
_NEIGHBOURS = 4
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Change:
    """Other trades for one or two lines: what they spend and cost beyond the present ones."""

    spends: int
    costs: int
    moves: tuple[tuple[int, int], ...]


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
    cash = priced.problem.cash - sum(line.step * k for line, k in zip(priced.problem.lines, steps, strict=True))
    lines_regret = regret - priced.cash_regret(cash)
    wanted = priced.cheapest_cash(0)
    changes = _changes(priced, steps, cash - wanted, most_lines, reach)
    spends = [change.spends for change in changes]
    best: tuple[int, Change, Change] | None = None
    for first in changes:
        ideal = cash - first.spends - wanted
        near = bisect_left(spends, ideal)
        for second in changes[max(0, near - _NEIGHBOURS) : near + _NEIGHBOURS]:
            after = cash - first.spends - second.spends
            total = lines_regret + first.costs + second.costs + priced.cash_regret(after)
            better = total < (regret if best is None else best[0])
            if better and priced.cash_allowed(after) and not _overlap(first, second):
                best = total, first, second
    if best is None:
        return None
    total, first, second = best
    moved = dict(first.moves + second.moves)
    return Found(total, tuple(moved.get(i, k) for i, k in enumerate(steps)))


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
    changes.sort(key=lambda change: (change.spends, change.costs, change.moves))
    return changes


def _singles(priced: Priced, index: int, now: int, reach: int, surplus: int) -> list[Change]:
    """The trades within reach of the present one, and those that would use up the surplus by themselves."""
    line = priced.problem.lines[index]
    base = priced.line_regret(index, now)
    alone = now + surplus // line.step
    return [
        Change(line.step * (k - now), priced.line_regret(index, k) - base, ((index, k),))
        for k in sorted({*range(now - reach, now + reach + 1), alone, alone + 1})
        if k != now and allows(line, k)
    ]


def _overlap(first: Change, second: Change) -> bool:
    return any(i == j for i, _ in first.moves for j, _ in second.moves)
