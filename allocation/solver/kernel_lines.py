"""What lines and cash do at a price on cash, in closed form, on plain numbers.

Nothing here or in the other parts of the kernel knows whether its columns are lists or arrays: the same functions run as
they are and compiled. Money is whole grains (64 bits); a difference of money is taken as a whole number first and only
then becomes a float, so that a rounding error is small beside a step and not beside the account.
"""

import math
from typing import NamedTuple

# More cash than any account has: where nothing limits what may be left.
UNLIMITED = 1 << 61


class Lines(NamedTuple):
    """Every line, column by column, and its runs of allowed trades, one after the other.

    Attributes:
        step: what one step is worth, in grains; above zero.
        gap: value wanted less value held.
        weight: of the deviation; zero or above.
        first: where the runs of each line begin; one entry more than lines.
        low, high: the steps of each run, ascending within a line, without overlap.
        spent: cash that the `low` steps of a run use up.
        rate: cash that each further step uses; above zero.
    """

    step: list[int]
    gap: list[int]
    weight: list[float]
    first: list[int]
    low: list[int]
    high: list[int]
    spent: list[int]
    rate: list[int]


class Cash(NamedTuple):
    """The cash line: what is there before trading, what is wanted, the most that may be left, the deviation's weight."""

    free: int
    target: int
    most: int
    weight: float
    squared: bool


class PricedCash(NamedTuple):
    """The cash line under a price: `wanted` is the cheapest balance less the target, `slope` the rise of cost there."""

    line: Cash
    price: float
    wanted: float
    slope: float


def spends(lines: Lines, run: int, steps: int) -> int:
    """Cash that a trade of this run uses."""
    return lines.spent[run] + lines.rate[run] * (steps - lines.low[run])


def excess(
    lines: Lines, squared: bool, line: int, steps: int, spent: int, than: int, than_spent: int, price: float
) -> float:
    """What a trade costs at the price beyond another trade of the same line."""
    off = lines.step[line] * steps - lines.gap[line]
    other = lines.step[line] * than - lines.gap[line]
    paid = price * float(spent - than_spent)
    if squared:
        return lines.weight[line] * float(off - other) * float(off + other) + paid
    return lines.weight[line] * float(abs(off) - abs(other)) + paid


def nearest(lines: Lines, squared: bool, line: int, run: int, price: float) -> int:
    """The cheapest trade of one run."""
    step, gap, weight = lines.step[line], lines.gap[line], lines.weight[line]
    pull = price * float(lines.rate[run])
    low, high = lines.low[run], lines.high[run]
    if squared and weight > 0.0:
        ideal = math.ceil((float(gap) - pull / (2.0 * weight * float(step))) / float(step) - 0.5)
        return low if ideal <= float(low) else high if ideal >= float(high) else int(ideal)
    if pull >= weight * float(step):
        return low
    if pull <= -weight * float(step):
        return high
    below = gap // step
    if weight * float(step - 2 * (gap - below * step)) + pull < 0.0:
        below += 1
    return min(max(below, low), high)


def exactly_nearest(lines: Lines, squared: bool, line: int, run: int, price: float) -> int:
    """The cheapest trade of one run where `nearest`, which divides, may be off by rounding."""
    steps = nearest(lines, squared, line, run, price)
    for stride in (1, -1):
        while lines.low[run] <= steps + stride <= lines.high[run]:
            now, then = spends(lines, run, steps), spends(lines, run, steps + stride)
            if excess(lines, squared, line, steps + stride, then, steps, now, price) >= 0.0:
                break
            steps += stride
    return steps


def cheapest(lines: Lines, squared: bool, line: int, price: float) -> tuple[int, int]:
    """The cheapest trade of a line and the cash it uses; of two alike, the one that uses less."""
    run = lines.first[line]
    best = nearest(lines, squared, line, run, price)
    best_spent = spends(lines, run, best)
    for other in range(run + 1, lines.first[line + 1]):
        steps = nearest(lines, squared, line, other, price)
        spent = spends(lines, other, steps)
        more = excess(lines, squared, line, steps, spent, best, best_spent, price)
        if more < 0.0 or (more == 0.0 and spent < best_spent):
            best, best_spent = steps, spent
    return best, best_spent


def wanted_cash(cash: Cash, price: float) -> float:
    """The cheapest balance at a price, less the target."""
    least, most = float(-cash.target), float(cash.most - cash.target)
    if cash.squared and cash.weight > 0.0:
        ideal = -price / (2.0 * cash.weight)
    elif price > cash.weight or (price > 0.0 and cash.weight == 0.0):
        ideal = least
    elif price < -cash.weight:
        ideal = most
    else:
        ideal = 0.0
    return min(max(ideal, least), most)


def price_cash(cash: Cash, price: float) -> PricedCash:
    """The cash line under a price."""
    wanted = wanted_cash(cash, price)
    slope = 0.0
    if cash.squared and not (cash.weight > 0.0 and wanted == -price / (2.0 * cash.weight)):
        slope = 2.0 * cash.weight * wanted + price
    return PricedCash(cash, price, wanted, slope)


def regret_beyond(cash: PricedCash, off: float) -> float:
    """What a balance costs beyond the cheapest; `off` is the balance less the target."""
    if cash.line.squared:
        further = off - cash.wanted
        return further * (cash.line.weight * further + cash.slope)
    if cash.wanted == 0.0:
        return (cash.price + cash.line.weight) * off if off > 0.0 else (cash.price - cash.line.weight) * off
    return cash.line.weight * (abs(off) - abs(cash.wanted)) + cash.price * (off - cash.wanted)


def cash_regret(cash: PricedCash, left: int) -> float:
    """What leaving so much cash costs beyond the cheapest balance; infinite where it is not allowed."""
    if left < 0 or left > cash.line.most:
        return math.inf
    return max(0.0, regret_beyond(cash, float(left - cash.line.target)))
