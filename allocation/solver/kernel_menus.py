"""Lines that are weighed as a whole: those with several runs, whose other trades are written down one by one."""

import math
from typing import NamedTuple

from allocation.solver.kernel_base import Base, has_one_run, surely
from allocation.solver.kernel_columns import reals, wholes
from allocation.solver.kernel_lines import exactly_nearest, excess, spends

# Trades of one run that are written down on either side of its cheapest.
_MOST_TRADES = 64


class Menus(NamedTuple):
    """The other trades of the lines that are weighed as a whole, line by line from `first` to `last`.

    `rest` is the regret beyond which a line has trades that are not written down. Place 0 is for a step at hand.
    """

    first: list[int]
    last: list[int]
    rest: list[float]
    steps: list[int]
    spends: list[int]
    regret: list[float]


def write_menus(base: Base, threshold: float) -> Menus:
    """Write down what the lines with several runs may do besides, up to a threshold on regret."""
    count, room = len(base.steps), 1
    for line in range(count):
        if not has_one_run(base.lines, line):
            room += 2 * (base.lines.first[line + 1] - base.lines.first[line]) * _MOST_TRADES
    menus = Menus(wholes(count), wholes(count), reals(count), wholes(room), wholes(room), reals(room))
    written = 1
    for line in range(count):
        menus.first[line], menus.rest[line] = written, math.inf
        if not has_one_run(base.lines, line):
            for run in range(base.lines.first[line], base.lines.first[line + 1]):
                start = exactly_nearest(base.lines, base.cash.line.squared, line, run, base.cash.price)
                written = _write_run(base, menus, line, run, start, 1, threshold, written)
                written = _write_run(base, menus, line, run, start - 1, -1, threshold, written)
        menus.last[line] = written
    return menus


def has_menu(menus: Menus, line: int) -> bool:
    """Whether a line has other trades that matter."""
    return menus.last[line] > menus.first[line] or menus.rest[line] < math.inf


def menu_density(base: Base, menus: Menus, line: int) -> float:
    """No other trade of the line has a smaller regret per grain of cash it moves."""
    density = math.inf
    for place in range(menus.first[line], menus.last[line]):
        moved = abs(menus.spends[place])
        density = min(density, menus.regret[place] / float(moved) if moved > 0 else 0.0)
    if menus.rest[line] < math.inf:
        run, last = base.lines.first[line], base.lines.first[line + 1] - 1
        low, high = base.lines.spent[run], spends(base.lines, last, base.lines.high[last])
        farthest = max(abs(low - base.spent[line]), abs(high - base.spent[line]), 1)
        density = min(density, menus.rest[line] / float(farthest))
    return density


def _write_run(
    base: Base, menus: Menus, line: int, run: int, steps: int, stride: int, threshold: float, written: int
) -> int:
    """Write down the trades of one run from its cheapest outwards, up to the threshold on regret."""
    lines, count = base.lines, 0
    while lines.low[run] <= steps <= lines.high[run]:
        spent = spends(lines, run, steps)
        regret = excess(
            lines, base.cash.line.squared, line, steps, spent, base.steps[line], base.spent[line], base.cash.price
        )
        regret = max(0.0, regret)
        if surely(base.cash, regret, float(abs(spent - base.spent[line]))) > threshold:
            break
        if count == _MOST_TRADES:
            menus.rest[line] = min(menus.rest[line], regret)
            break
        if steps != base.steps[line]:
            menus.steps[written] = steps - base.steps[line]
            menus.spends[written], menus.regret[written] = spent - base.spent[line], regret
            written += 1
            count += 1
        steps += stride
    return written
