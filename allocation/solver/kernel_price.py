"""Find the price on cash at which lines and cash together want just what there is.

Demand falls as the price rises. The two ends of a bracket are drawn together by a secant that halves the stale end
(Illinois), every third time by bisection; a line that trades alike at both ends is settled for good and no longer asked,
so that the whole costs little more than asking every line a few times.
"""

import math
from typing import NamedTuple

from allocation.solver.kernel_columns import wholes
from allocation.solver.kernel_lines import UNLIMITED, Cash, Lines, cheapest, excess, spends, wanted_cash

# What a float result may be off, relative to the amounts it is made of: a few units in the last place.
ROUNDING = 4.0 * 2.0**-53

_ROUNDS = 200
_WIDENINGS = 400


class Picks(NamedTuple):
    """The trade of every line and the cash it uses."""

    steps: list[int]
    spent: list[int]


class Bracket(NamedTuple):
    """Prices on either side of balance, what is wanted too much there, and each side's trades."""

    low: float
    high: float
    too_much: float
    too_little: float
    at_low: Picks
    at_high: Picks
    crossed: bool


def no_picks(count: int) -> Picks:
    """Room for the trades of so many lines."""
    return Picks(wholes(count), wholes(count))


def least_spent(lines: Lines) -> int:
    """The cash that all lines together use at the very least."""
    total = 0
    for line in range(len(lines.step)):
        least = lines.spent[lines.first[line]]
        for run in range(lines.first[line] + 1, lines.first[line + 1]):
            least = min(least, lines.spent[run])
        total += least
    return total


def most_spent(lines: Lines) -> int:
    """The cash that all lines together use at the very most."""
    total = 0
    for line in range(len(lines.step)):
        most = -UNLIMITED
        for run in range(lines.first[line], lines.first[line + 1]):
            most = max(most, spends(lines, run, lines.high[run]))
        total += most
    return total


def ask_everyone(lines: Lines, cash: Cash, price: float, picks: Picks) -> float:
    """What is wanted beyond what there is, by all lines and cash; fills in their trades."""
    total = -cash.free + cash.target
    for line in range(len(lines.step)):
        picks.steps[line], picks.spent[line] = cheapest(lines, cash.squared, line, price)
        total += picks.spent[line]
    return float(total) + wanted_cash(cash, price)


def bracket(lines: Lines, cash: Cash) -> Bracket:
    """Two prices with balance between them; `crossed` is False when demand never exceeds what there is."""
    count = len(lines.step)
    lowest, width = _scale_of_prices(lines, cash)
    low, at_low = 0.0, no_picks(count)
    high, at_high = 0.0, no_picks(count)
    too_much = too_little = ask_everyone(lines, cash, 0.0, at_low)
    if too_much > 0.0:
        for _ in range(_WIDENINGS):
            high += width
            too_little = ask_everyone(lines, cash, high, at_high)
            if too_little <= 0.0:
                break
            low, too_much, at_low, at_high = high, too_little, at_high, at_low
            width *= 4.0
        return Bracket(low, high, too_much, too_little, at_low, at_high, too_little <= 0.0)
    at_low, at_high = at_high, at_low
    for _ in range(_WIDENINGS):
        if high <= lowest:
            break
        low = max(low - width, lowest)
        too_much = ask_everyone(lines, cash, low, at_low)
        if too_much > 0.0:
            break
        high, too_little, at_low, at_high = low, too_much, at_high, at_low
        width *= 4.0
    return Bracket(low, high, too_much, too_little, at_low, at_high, too_much > 0.0)


def _scale_of_prices(lines: Lines, cash: Cash) -> tuple[float, float]:
    """The lowest price that makes sense, and a first stride."""
    endless = cash.most >= UNLIMITED
    if not cash.squared:
        return (-cash.weight if endless else -1e18), 1.0
    total = 0.0
    for line in range(len(lines.step)):
        total += lines.weight[line] * float(lines.step[line])
    width = 2.0 * total / float(max(1, len(lines.step)))
    return (0.0 if endless and cash.weight == 0.0 else -1e300), max(width, 1e-300)


def balance(lines: Lines, cash: Cash) -> tuple[float, Picks]:
    """The price and every line's trade at it, on the side where the money suffices.

    Trades that are tied at the price are drawn upon as far as the money goes.
    """
    count = len(lines.step)
    ends = bracket(lines, cash)
    low, high, too_much, too_little = ends.low, ends.high, ends.too_much, ends.too_little
    at_low, at_high, trial = ends.at_low, ends.at_high, no_picks(count)
    if not ends.crossed:
        return high, at_high
    active = wholes(count)
    for line in range(count):
        active[line] = line
    settled = cash.target - cash.free
    open_lines, settled = _settle(active, count, at_low, at_high, settled)
    side = 0
    for turn in range(_ROUNDS):
        price = _between(low, high, too_much, too_little, turn)
        if open_lines == 0 or not low < price < high:
            break
        total = settled
        for place in range(open_lines):
            line = active[place]
            trial.steps[line], trial.spent[line] = cheapest(lines, cash.squared, line, price)
            total += trial.spent[line]
        beyond = float(total) + wanted_cash(cash, price)
        if beyond <= 0.0:
            _take(active, open_lines, trial, at_high)
            high, too_little = price, beyond
            too_much *= 0.5 if side < 0 else 1.0
            side = -1
        else:
            _take(active, open_lines, trial, at_low)
            low, too_much = price, beyond
            too_little *= 0.5 if side > 0 else 1.0
            side = 1
        open_lines, settled = _settle(active, open_lines, at_low, at_high, settled)
    return _close(lines, cash, low, high, active, open_lines, at_low, at_high)


def _between(low: float, high: float, too_much: float, too_little: float, turn: int) -> float:
    """The next price to ask at, well inside the bracket."""
    middle = 0.5 * (low + high)
    if turn % 3 == 2 or too_much == too_little:
        return middle
    price = high - too_little * (high - low) / (too_little - too_much)
    margin = 0.01 * (high - low)
    price = min(max(price, low + margin), high - margin)
    return price if low < price < high else middle


def _take(active: list[int], count: int, source: Picks, into: Picks) -> None:
    for place in range(count):
        line = active[place]
        into.steps[line], into.spent[line] = source.steps[line], source.spent[line]


def _settle(active: list[int], count: int, at_low: Picks, at_high: Picks, settled: int) -> tuple[int, int]:
    """Drop the lines that trade alike at both ends; what they spend is settled."""
    kept = 0
    for place in range(count):
        line = active[place]
        if at_low.steps[line] == at_high.steps[line]:
            settled += at_high.spent[line]
        else:
            active[kept] = line
            kept += 1
    return kept, settled


def _close(
    lines: Lines, cash: Cash, low: float, high: float, active: list[int], count: int, at_low: Picks, at_high: Picks
) -> tuple[float, Picks]:
    left = cash.free
    for line in range(len(lines.step)):
        left -= at_high.spent[line]
    if count == 0 and cash.squared and cash.weight > 0.0 and 0 <= left <= cash.most:
        # Only cash still varies between the two prices: take the one at which it wants exactly what is left.
        exact = 2.0 * cash.weight * float(cash.target - left)
        return (exact if low <= exact <= high else high), at_high
    spare = left - cash.target - math.ceil(wanted_cash(cash, high))
    for place in range(count):
        spare -= _draw_upon(lines, cash.squared, active[place], spare, high, at_low, at_high)
    return high, at_high


def _draw_upon(lines: Lines, squared: bool, line: int, spare: int, price: float, at_low: Picks, at_high: Picks) -> int:
    """Move a tied line towards its dearer trade as far as the spare cash goes; returns what that used."""
    run = lines.first[line + 1] - 1
    while lines.low[run] > at_low.steps[line]:
        run -= 1
    steps = at_low.steps[line]
    dearer = at_low.spent[line] - at_high.spent[line]
    if dearer > spare:
        steps -= -((spare - dearer) // lines.rate[run])
    if steps < lines.low[run]:
        return 0
    spent = spends(lines, run, steps)
    used = spent - at_high.spent[line]
    more = excess(lines, squared, line, steps, spent, at_high.steps[line], at_high.spent[line], price)
    if used <= 0 or used > spare or more > ROUNDING * abs(price) * float(used):
        return 0
    at_high.steps[line], at_high.spent[line] = steps, spent
    return used
