"""Whole accounts for the kernel, in columns: one with any runs of trades, one of plain lines, or a book of those."""

from allocation.solver.kernel_columns import reals, wholes
from allocation.solver.kernel_lines import UNLIMITED, Cash, Lines
from allocation.solver.kernel_settle import ONLY, OPEN, settle
from allocation.solver.kernel_walk import Limits

# The largest amount, in grains, that sums and differences of amounts may reach.
LARGEST = float(1 << 58)


def solve_columns(
    step: list[int],
    gap: list[int],
    weight: list[float],
    first: list[int],
    low: list[int],
    high: list[int],
    spent: list[int],
    rate: list[int],
    free: int,
    cash_target: int,
    most_cash: int,
    cash_weight: float,
    squared: bool,
    width: int,
    visits: int,
    unique: bool,
    steps: list[int],
) -> tuple[int, float, float]:
    """Solve one account of any lines; the arguments are the fields of `Lines`, `Cash` and `Limits`."""
    lines = Lines(step, gap, weight, first, low, high, spent, rate)
    cash = Cash(free, cash_target, most_cash, cash_weight, squared)
    return settle(lines, cash, Limits(width, visits, unique), steps)


def solve_plain(
    step: list[int],
    held: list[int],
    target: list[int],
    lowest: list[int],
    highest: list[int],
    begin: int,
    end: int,
    free: int,
    cash_target: int,
    squared: bool,
    limits: Limits,
    steps: list[int],
    result: list[float],
) -> int:
    """Solve the account whose plain lines stand from `begin` to `end`; returns what is proved.

    Fills in its steps, and in `result` the value (Σ φ), a lower bound on it and the price on cash.
    """
    count = end - begin
    lines = Lines(wholes(count), wholes(count), reals(count), wholes(count + 1), *_four_columns(count))
    most, largest = max(0, free), 0.0
    for line in range(count):
        most -= step[begin + line] * lowest[begin + line]
        largest += float(step[begin + line]) * -float(lowest[begin + line])
    for line in range(count):
        here = begin + line
        lines.step[line] = lines.rate[line] = step[here]
        lines.gap[line], lines.weight[line] = target[here] - held[here], 1.0
        lines.first[line], lines.low[line], lines.spent[line] = line, lowest[here], step[here] * lowest[here]
        lines.high[line] = min(highest[here], most // step[here])
        largest += float(step[here]) * float(lines.high[line] + 1) + abs(float(target[here])) + abs(float(held[here]))
    lines.first[count] = count
    if largest + abs(float(free)) + abs(float(cash_target)) > LARGEST:
        return OPEN
    mine = wholes(count)
    proved, price, slack = settle(lines, Cash(free, cash_target, UNLIMITED, 1.0, squared), limits, mine)
    value, left = 0.0, free
    for line in range(count):
        steps[begin + line] = mine[line]
        left -= lines.step[line] * mine[line]
        value += _deviation(lines.step[line] * mine[line] - lines.gap[line], squared)
    value += _deviation(left - cash_target, squared)
    result[0], result[1], result[2] = value, value if proved == ONLY else value - slack, price
    return proved


def solve_account(
    step: list[int],
    held: list[int],
    target: list[int],
    lowest: list[int],
    highest: list[int],
    free: int,
    cash_target: int,
    squared: bool,
    width: int,
    visits: int,
    unique: bool,
    steps: list[int],
    result: list[float],
) -> int:
    """Solve one account of plain lines; as `solve_plain`."""
    limits = Limits(width, visits, unique)
    return solve_plain(
        step, held, target, lowest, highest, 0, len(step), free, cash_target, squared, limits, steps, result
    )


def solve_accounts(
    offsets: list[int],
    step: list[int],
    held: list[int],
    target: list[int],
    lowest: list[int],
    highest: list[int],
    cash: list[int],
    cash_target: list[int],
    squared: bool,
    width: int,
    visits: int,
    unique: bool,
    steps: list[int],
    values: list[float],
    bounds: list[float],
    prices: list[float],
    proved: list[int],
) -> None:
    """Solve a book: account a has the lines from offsets[a] to offsets[a + 1]. Fills in the last five columns."""
    limits, result = Limits(width, visits, unique), reals(3)
    for account in range(len(offsets) - 1):
        begin, end = offsets[account], offsets[account + 1]
        proved[account] = solve_plain(
            step,
            held,
            target,
            lowest,
            highest,
            begin,
            end,
            cash[account],
            cash_target[account],
            squared,
            limits,
            steps,
            result,
        )
        values[account], bounds[account], prices[account] = result[0], result[1], result[2]


def _four_columns(count: int) -> tuple[list[int], list[int], list[int], list[int]]:
    return wholes(count), wholes(count), wholes(count), wholes(count)


def _deviation(off: int, squared: bool) -> float:
    return float(off) * float(off) if squared else float(abs(off))
