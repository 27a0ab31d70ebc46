"""The kernel as one function: lines and cash in; trades, price on cash and what is proved about them out."""

import math

from allocation.solver.kernel_lines import Cash, Lines, price_cash
from allocation.solver.kernel_price import balance, least_spent, most_spent
from allocation.solver.kernel_states import margin_of, new_best
from allocation.solver.kernel_walk import Limits, base_of, walk

# What is proved: no plan is possible; nothing, for want of a plan; a plan and a bound; the best objective up to the
# slack; the one best plan.
IMPOSSIBLE, NOTHING, OPEN, BEST, ONLY = 0, 1, 2, 3, 4


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
    if limits.unique and best.tied[0] == 0 and best.dropped[0] > best.regret[0] + margin:
        return ONLY, price, 0.0
    return BEST, price, margin + (0.0 if limits.unique else limits.tolerance)
