"""One plain account by itself, in few arguments: what callers pay for that ask for one account at a time."""

import math

from allocation.solver.kernel_balance import new_room
from allocation.solver.kernel_columns import reals, wholes
from allocation.solver.kernel_lines import UNLIMITED, Cash, Lines
from allocation.solver.kernel_near import is_plain, settle_plain
from allocation.solver.kernel_settle import IMPOSSIBLE, ONLY, has_twin, settle
from allocation.solver.kernel_walk import Limits


def solve_alone(
    columns: list[list[int]],
    free: int,
    cash_target: int,
    squared: bool,
    width: int,
    visits: int,
    tolerance: float,
    steps: list[int],
) -> tuple[int, float, float, float]:
    """Fill in the best trades; returns what is proved, the price on cash, Σ φ and a lower bound on it.

    `columns` are those of `Lines` that a plain line needs: step, gap, low, high and spent, which is step · low. Nothing
    may be affordable beyond `high`, and all sums must fit into 64 bits. Plans of equal objective are not told apart.
    """
    lines = _plain_lines(columns, len(steps))
    cash = Cash(free, cash_target, UNLIMITED, 1.0, squared)
    if squared and is_plain(lines, 0, len(steps), cash):
        closed, price = settle_plain(lines, 0, len(steps), cash, 0.0, new_room(len(steps)), steps)
        if closed and not has_twin(lines, cash, steps, 0, len(steps)):
            value = _sum_of(lines, cash, steps)
            return ONLY, price, value, value
    status, price, slack = settle(lines, cash, Limits(width, visits, False, tolerance), steps)
    if status == IMPOSSIBLE or not 0.0 <= slack < math.inf:
        return status, price, 0.0, 0.0
    value = _sum_of(lines, cash, steps)
    return status, price, value, value if status == ONLY else max(0.0, value - slack)


def _plain_lines(columns: list[list[int]], count: int) -> Lines:
    """Lines of one run each, every step at its price."""
    weight, first = reals(count), wholes(count + 1)
    for line in range(count):
        weight[line], first[line + 1] = 1.0, line + 1
    return Lines(columns[0], columns[1], weight, first, columns[2], columns[3], columns[4], columns[0])


def _sum_of(lines: Lines, cash: Cash, steps: list[int]) -> float:
    """Σ φ of a plan, cash included."""
    value, left = 0.0, cash.free
    for line in range(len(steps)):
        left -= lines.step[line] * steps[line]
        off = float(lines.step[line] * steps[line] - lines.gap[line])
        value += off * off if cash.squared else abs(off)
    off = float(left - cash.target)
    return value + (off * off if cash.squared else abs(off))
