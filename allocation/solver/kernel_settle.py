"""The kernel as one function: lines and cash in; trades, price on cash and what is proved about them out."""

import math

from allocation.solver.kernel_base import base_of
from allocation.solver.kernel_lines import Cash, Lines, price_cash, spends
from allocation.solver.kernel_price import balance, least_spent, most_spent
from allocation.solver.kernel_states import margin_of, new_best
from allocation.solver.kernel_walk import Limits, walk

# What is proved: no plan is possible; nothing, for want of a plan; a plan and a bound; the best objective up to the
# slack; the one best plan.
IMPOSSIBLE, NOTHING, OPEN, BEST, ONLY = 0, 1, 2, 3, 4
# Differences below this part of what they are made of may be rounding.
_TWIN = 1e-12


def settle(lines: Lines, cash: Cash, limits: Limits, steps: list[int]) -> tuple[int, float, float]:
    """Fill in the best trades found.

    Returns what is proved, the price on cash, and the slack: no plan is better by more than that (in Σ φ).
    """
    if least_spent(lines) > cash.free or most_spent(lines) < cash.free - cash.most:
        return IMPOSSIBLE, 0.0, 0.0
    price, picks = balance(lines, cash)
    base = base_of(lines, price_cash(cash, price), picks)
    for line in range(len(steps)):
        steps[line] = base.steps[line]
    best = new_best()
    moves = walk(base, limits, best)
    if best.regret[0] == math.inf:
        return (IMPOSSIBLE if best.dropped[0] == math.inf else NOTHING), price, math.inf
    move = best.move[0]
    while move >= 0:
        steps[moves.line[move]] += moves.steps[move]
        move = moves.before[move]
    margin = 2.0 * margin_of(best, base.cash)
    if best.dropped[0] < best.regret[0]:
        slack = best.regret[0] - max(0.0, best.dropped[0]) + margin
        return OPEN, price, slack + (0.0 if limits.unique else limits.tolerance)
    alone = best.tied[0] == 0 and best.dropped[0] > best.regret[0] + margin
    if limits.unique and alone and not has_twin(lines, cash, steps, 0, len(steps)):
        return ONLY, price, 0.0
    return BEST, price, margin + (0.0 if limits.unique else limits.tolerance)


def has_twin(lines: Lines, cash: Cash, steps: list[int], begin: int, end: int) -> bool:
    """Whether one step more or less of a single line is as good a plan; `steps` are those of lines `begin` to `end`."""
    left = cash.free
    for line in range(begin, end):
        left -= spends(lines, _run_of(lines, line, steps[line]), steps[line])
    for line in range(begin, end):
        run, off = _run_of(lines, line, steps[line]), lines.step[line] * steps[line] - lines.gap[line]
        for step in (-1, 1):
            after = left - lines.rate[run] * step
            if lines.low[run] <= steps[line] + step <= lines.high[run] and 0 <= after <= cash.most:
                moved = off + lines.step[line] * step
                more = lines.weight[line] * _rise(off, moved, cash.squared)
                more += cash.weight * _rise(left - cash.target, after - cash.target, cash.squared)
                size = abs(float(off)) + abs(float(moved)) + abs(float(left)) + abs(float(cash.target))
                if more <= _TWIN * size * float(lines.step[line]) * max(1.0, lines.weight[line], cash.weight):
                    return True
    return False


def _rise(before: int, after: int, squared: bool) -> float:
    """How much larger φ becomes; the difference first, which is exact."""
    if squared:
        return float(after - before) * (float(after) + float(before))
    return float(abs(after) - abs(before))


def _run_of(lines: Lines, line: int, steps: int) -> int:
    run = lines.first[line]
    while lines.high[run] < steps:
        run += 1
    return run
