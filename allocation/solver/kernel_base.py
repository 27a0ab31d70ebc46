"""Where the walk begins: every line's cheapest trade at the price on cash, and what a step away from it costs."""

import math
from typing import NamedTuple

from allocation.solver.kernel_columns import reals
from allocation.solver.kernel_lines import Lines, PricedCash, exactly_nearest, excess, spends
from allocation.solver.kernel_price import Picks
from allocation.solver.kernel_states import ULPS

# The two sides of a line with one run: 2·line + one of these.
UP, DOWN = 0, 1


class Base(NamedTuple):
    """Every line's cheapest trade at the price, what it spends, the cash they leave, and the cash line.

    `regret` is that of the first step up (even places) and down (odd) of every line with one run; infinite where there
    is none.
    """

    lines: Lines
    steps: list[int]
    spent: list[int]
    left: int
    cash: PricedCash
    regret: list[float]


def base_of(lines: Lines, cash: PricedCash, picks: Picks) -> Base:
    """The lines at their cheapest trades, which `picks` has but for rounding."""
    count = len(lines.step)
    base = Base(lines, picks.steps, picks.spent, 0, cash, reals(2 * count))
    left = cash.line.free
    for line in range(count):
        steps = base.steps[line]
        up, down = step_regret(lines, cash, line, steps, 1), step_regret(lines, cash, line, steps, -1)
        if min(up, down) < 0.0 or not has_one_run(lines, line):
            _improve(base, line)
            steps = base.steps[line]
            up, down = step_regret(lines, cash, line, steps, 1), step_regret(lines, cash, line, steps, -1)
        base.regret[2 * line + UP], base.regret[2 * line + DOWN] = max(0.0, up), max(0.0, down)
        left -= base.spent[line]
    return Base(lines, base.steps, base.spent, left, cash, base.regret)


def has_one_run(lines: Lines, line: int) -> bool:
    """Whether a line may trade any number of steps between two ends, so that its regrets rise either way."""
    return lines.first[line + 1] - lines.first[line] == 1


def step_regret(lines: Lines, cash: PricedCash, line: int, steps: int, step: int) -> float:
    """What one more step of a line with one run costs; infinite where there is none."""
    run = lines.first[line]
    if not (has_one_run(lines, line) and lines.low[run] <= steps + step <= lines.high[run]):
        return math.inf
    before = lines.step[line] * steps - lines.gap[line]
    after = before + lines.step[line] * step
    paid = cash.price * float(lines.rate[run] * step)
    if cash.line.squared:
        return lines.weight[line] * float(after - before) * float(after + before) + paid
    return lines.weight[line] * float(abs(after) - abs(before)) + paid


def surely(cash: PricedCash, regret: float, moved: float) -> float:
    """The least that a regret can be, whatever the rounding."""
    return regret * (1.0 - ULPS) - ULPS * abs(cash.price) * moved


def _improve(base: Base, line: int) -> None:
    """Make the trade of a line its cheapest also where a division rounded the wrong way."""
    lines, squared, price = base.lines, base.cash.line.squared, base.cash.price
    for run in range(lines.first[line], lines.first[line + 1]):
        steps = exactly_nearest(lines, squared, line, run, price)
        spent = spends(lines, run, steps)
        if excess(lines, squared, line, steps, spent, base.steps[line], base.spent[line], price) < 0.0:
            base.steps[line], base.spent[line] = steps, spent
