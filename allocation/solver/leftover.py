"""Under l1, with money short everywhere: find exactly how little can be left over, by adding up whole prices.

Where no line can reach its target, l1 does not care which line falls short. With cash priced at one, a plan's distance is

    Σ at the price of one  +  2 · (what lines overshoot their targets by + what cash exceeds its own by),

so only overshooting counts, and the least of it is a question of which sums whole steps can make. Every reachable sum is
one bit of a long integer; all trades of a line are added with a few shifts. This settles what a search has to leave open.
"""

from dataclasses import dataclass
from math import gcd

from allocation.solver.folding import Folded, Row

# Bits worth shifting (a tenth of a second or two), and overshooting trades worth telling apart.
_MOST_SHIFTED = 600_000_000
_MOST_OVERSHOOTING = 24

Sums = dict[int, int]
"""For each amount overshot so far, the reachable sums as bits."""


@dataclass(frozen=True, slots=True)
class Choices:
    """One line's trades by what they overshoot: runs of trades that overshoot nothing, and single ones that do."""

    weight: int
    lowest: int
    free: tuple[tuple[int, int], ...]
    overshooting: tuple[tuple[int, int], ...]


def least_leftover(folded: Folded) -> tuple[tuple[int, ...], int] | None:
    """The best trades and their Σ|off|, proved; None where this way of asking does not settle it."""
    rows = folded.rows
    if folded.squared or folded.highest_cash is not None or not rows or not _plain(folded):
        return None
    grid = gcd(*(row.step for row in rows))
    reach = folded.cash // grid - sum(row.legs[0].low * row.step // grid for row in rows)
    if reach < 0 or reach * sum((row.legs[-1].high - row.legs[0].low).bit_length() for row in rows) > _MOST_SHIFTED:
        return None
    plain = [_choices(row, grid, 0) for row in rows]
    found = _least(folded, grid, reach, plain)
    if found is None or not found[0]:
        return found and _answer(folded, found, plain)
    overshooting = [_choices(row, grid, found[0]) for row in rows]
    if sum(len(choice.overshooting) for choice in overshooting) > _MOST_OVERSHOOTING:
        return None
    closest = _least(folded, grid, reach, overshooting)
    return closest and _answer(folded, closest, overshooting)


def _plain(folded: Folded) -> bool:
    """Whether all weights are one and every trade spends just what it moves."""
    return folded.cash_weight == folded.whole and all(
        row.weight == folded.whole
        and all(leg.spends == row.step * leg.low and leg.per_step in (row.step, 0) for leg in row.legs)
        for row in folded.rows
    )


def _choices(row: Row, grid: int, below: int) -> Choices:
    """The trades of a line that overshoot by nothing or by less than `below`."""
    lowest, step = row.legs[0].low, row.step
    at_lowest = row.legs[0].off
    most = lowest + max(0, -at_lowest) // step
    free = tuple((leg.low, min(leg.high, most)) for leg in row.legs if leg.low <= most)
    over = [
        (k, at_lowest + step * (k - lowest) - max(0, at_lowest))
        for leg in row.legs
        for k in range(max(leg.low, most + 1), min(leg.high, most + 1 + below // step) + 1)
    ]
    return Choices(step // grid, lowest, free, tuple((k, o) for k, o in over if o < below))


def _least(folded: Folded, grid: int, reach: int, choices: list[Choices]) -> tuple[int, int, list[Sums]] | None:
    """The least total overshooting, the sum that makes it, and the reachable sums after each line."""
    window = (1 << (reach + 1)) - 1
    stages: list[Sums] = [{0: 1}]
    for choice in choices:
        stages.append(_add(stages[-1], choice, window))
    best: tuple[int, int] | None = None
    for over, sums in sorted(stages[-1].items()):
        if sums:
            spent = sums.bit_length() - 1
            idle = folded.cash % grid + grid * (reach - spent) - folded.cash_target
            total = over + max(0, idle)
            if best is None or total < best[0]:
                best = total, spent
    return None if best is None else (*best, stages)


def _add(before: Sums, choice: Choices, window: int) -> Sums:
    after: Sums = {}
    for over, sums in before.items():
        for low, high in choice.free:
            moved = _spread(sums << (low - choice.lowest) * choice.weight & window, choice.weight, high - low, window)
            after[over] = after.get(over, 0) | moved
        for k, more in choice.overshooting:
            moved = sums << (k - choice.lowest) * choice.weight & window
            after[over + more] = after.get(over + more, 0) | moved
    return after


def _spread(sums: int, weight: int, times: int, window: int) -> int:
    """The sums with the weight added from none to so many times; each round doubles how many are done."""
    done = 0
    while done < times:
        step = min(done + 1, times - done)
        sums |= sums << step * weight & window
        done += step
    return sums


def _answer(folded: Folded, found: tuple[int, int, list[Sums]], choices: list[Choices]) -> tuple[tuple[int, ...], int]:
    """Walk the sums back to the trades, leaving a line alone where that can be."""
    _, spent, stages = found
    over = min(o for o, sums in stages[-1].items() if sums >> spent & 1)
    steps: list[int] = []
    for choice, before in zip(reversed(choices), reversed(stages[:-1]), strict=True):
        steps.append(k := _step_back(choice, before, over, spent))
        spent -= (k - choice.lowest) * choice.weight
        over -= dict(choice.overshooting).get(k, 0)
    trades = tuple(reversed(steps))
    cash = folded.cash - sum(row.spends(k) for row, k in zip(folded.rows, trades, strict=True))
    offs = sum(row.off(k) for row, k in zip(folded.rows, trades, strict=True))
    return trades, offs + abs(cash - folded.cash_target)


def _step_back(choice: Choices, before: Sums, over: int, spent: int) -> int:
    """A trade of this line from which the sums before it lead here: none if possible, else the largest."""
    candidates = [(0, k) for low, high in choice.free for k in range(low, high + 1)]
    candidates += [(more, k) for k, more in choice.overshooting]
    for more, k in sorted(candidates, key=lambda c: (c[1] != 0, -abs(c[1]), c[1])):
        rest = spent - (k - choice.lowest) * choice.weight
        if rest >= 0 and before.get(over - more, 0) >> rest & 1:
            return k
    raise ArithmeticError("a reachable sum that was reached from nowhere")
