"""Under l1, with money short everywhere: find exactly how little can be left over, by adding up whole prices.

Where no line can reach its target, l1 does not care which line falls short. With cash priced at one, a plan's distance is

    Σ at the price of one  +  2 · (what lines overshoot their targets by + what cash exceeds its own by),

so only overshooting counts, and the least of it is a question of which sums whole steps can make. Every reachable sum is
one bit of a long integer; all trades of a line are added with a few shifts. This settles what a search has to leave open.
"""

from dataclasses import dataclass
from math import gcd

from allocation.rules import Objective
from allocation.solver.pricing import ranges
from allocation.solver.problem import Line, Problem

# Bits of the longest sum worth writing down, and overshooting trades worth telling apart.
_MOST_BITS = 12_000_000
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


def least_leftover(problem: Problem) -> tuple[tuple[int, ...], int] | None:
    """The best trades and their Σ|off|, proved; None where this way of asking does not settle it."""
    lines = problem.lines
    if problem.objective != Objective.L1 or problem.highest_cash is not None or not lines:
        return None
    grid = gcd(*(line.step for line in lines))
    reach = problem.cash // grid - sum(line.lowest * line.step // grid for line in lines)
    if not 0 <= reach <= _MOST_BITS:
        return None
    plain = [_choices(line, grid, 0) for line in lines]
    found = _least(problem, grid, reach, plain)
    if found is None or not found[0]:
        return found and _answer(problem, found, plain, grid)
    overshooting = [_choices(line, grid, found[0]) for line in lines]
    if sum(len(choice.overshooting) for choice in overshooting) > _MOST_OVERSHOOTING:
        return None
    closest = _least(problem, grid, reach, overshooting)
    return closest and _answer(problem, closest, overshooting, grid)


def _choices(line: Line, grid: int, below: int) -> Choices:
    """The trades of a line that overshoot by nothing or by less than `below`."""
    ceiling = max(line.target, line.held + line.step * line.lowest)
    most = (ceiling - line.held) // line.step
    free = tuple((low, min(high, most)) for low, high in ranges(line) if low <= most)
    over = [
        (k, line.held + line.step * k - ceiling)
        for low, high in ranges(line)
        for k in range(max(low, most + 1), min(high, most + 1 + below // line.step) + 1)
    ]
    return Choices(line.step // grid, line.lowest, free, tuple((k, o) for k, o in over if o < below))


def _least(problem: Problem, grid: int, reach: int, choices: list[Choices]) -> tuple[int, int, list[Sums]] | None:
    """The least total overshooting, the sum that makes it, and the reachable sums after each line."""
    window = (1 << (reach + 1)) - 1
    stages: list[Sums] = [{0: 1}]
    for choice in choices:
        stages.append(_add(stages[-1], choice, window))
    best: tuple[int, int] | None = None
    for over, sums in sorted(stages[-1].items()):
        if sums:
            spent = sums.bit_length() - 1
            idle = problem.cash % grid + grid * (reach - spent) - problem.cash_target
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


def _answer(
    problem: Problem, found: tuple[int, int, list[Sums]], choices: list[Choices], grid: int
) -> tuple[tuple[int, ...], int]:
    """Walk the sums back to the trades, leaving a line alone where that can be."""
    _, spent, stages = found
    over = min(o for o, sums in stages[-1].items() if sums >> spent & 1)
    steps: list[int] = []
    for choice, before in zip(reversed(choices), reversed(stages[:-1]), strict=True):
        steps.append(k := _step_back(choice, before, over, spent))
        spent -= (k - choice.lowest) * choice.weight
        over -= dict(choice.overshooting).get(k, 0)
    trades = tuple(reversed(steps))
    offs = [line.held + line.step * k - line.target for line, k in zip(problem.lines, trades, strict=True)]
    cash = problem.cash - sum(line.step * k for line, k in zip(problem.lines, trades, strict=True))
    return trades, sum(map(abs, offs)) + abs(cash - problem.cash_target)


def _step_back(choice: Choices, before: Sums, over: int, spent: int) -> int:
    """A trade of this line from which the sums before it lead here: none if possible, else the largest."""
    candidates = [(0, k) for low, high in choice.free for k in range(low, high + 1)]
    candidates += [(more, k) for k, more in choice.overshooting]
    for more, k in sorted(candidates, key=lambda c: (c[1] != 0, -abs(c[1]), c[1])):
        rest = spent - (k - choice.lowest) * choice.weight
        if rest >= 0 and before.get(over - more, 0) >> rest & 1:
            return k
    raise ArithmeticError("a reachable sum that was reached from nowhere")
