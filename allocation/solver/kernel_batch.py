"""Whole accounts for the kernel, in columns: a book of them, or one."""

import math

from allocation.solver.kernel_balance import new_room
from allocation.solver.kernel_columns import reals, wholes
from allocation.solver.kernel_lines import UNLIMITED, Cash, Lines, spends
from allocation.solver.kernel_near import is_plain, settle_plain
from allocation.solver.kernel_settle import IMPOSSIBLE, NOTHING, ONLY, has_twin, settle
from allocation.solver.kernel_walk import Limits

# The largest amount, in grains, that sums and differences of amounts may reach.
LARGEST = float(1 << 61)


def solve_book(
    offsets: list[int],
    step: list[int],
    gap: list[int],
    weight: list[float],
    first: list[int],
    low: list[int],
    high: list[int],
    spent: list[int],
    rate: list[int],
    free: list[int],
    cash_target: list[int],
    most_cash: list[int],
    cash_weight: float,
    squared: bool,
    width: int,
    visits: int,
    unique: bool,
    tolerance: float,
    steps: list[int],
    values: list[float],
    bounds: list[float],
    prices: list[float],
    proved: list[int],
) -> None:
    """Solve every account by itself; account a has the lines from offsets[a] to offsets[a + 1].

    The arguments are those of `Lines`, `Cash` (by account) and `Limits`. Fills in the last five columns: the steps of every line; by account Σ φ, a lower bound on it, the price on cash and
    what is proved. The bound is 0 where nothing better is known.
    """
    lines = Lines(step, gap, weight, first, low, high, spent, rate)
    limits = Limits(width, visits, unique, tolerance)
    room = new_room(_most_lines(offsets))
    for account in range(len(offsets) - 1):
        begin, end = offsets[account], offsets[account + 1]
        cash = Cash(free[account], cash_target[account], most_cash[account], cash_weight, squared)
        if is_plain(lines, begin, end, cash):
            closed, prices[account] = settle_plain(lines, begin, end, cash, 0.0, room, steps)
            closed = closed and not has_twin(lines, cash, steps, begin, end)
            if closed:
                proved[account] = ONLY
                values[account] = bounds[account] = _value(lines, cash, steps, begin, end)
                continue
        mine, chosen = _lines_of(lines, begin, end), wholes(end - begin)
        status, price, slack = NOTHING, 0.0, math.inf
        _afford(mine, cash)
        if _fits(mine, cash):
            status, price, slack = settle(mine, cash, limits, chosen)
        value = 0.0
        if status != IMPOSSIBLE and 0.0 <= slack < math.inf:
            value = _value(mine, cash, chosen, 0, end - begin)
            for line in range(end - begin):
                steps[begin + line] = chosen[line]
        prices[account], proved[account], values[account] = price, status, value
        bounds[account] = value if status == ONLY else max(0.0, value - slack)


def _most_lines(offsets: list[int]) -> int:
    most = 0
    for account in range(len(offsets) - 1):
        most = max(most, offsets[account + 1] - offsets[account])
    return most


def _lines_of(lines: Lines, begin: int, end: int) -> Lines:
    """The lines of one account, as lines of their own."""
    begin_run, end_run = lines.first[begin], lines.first[end]
    count, runs = end - begin, end_run - begin_run
    mine = Lines(
        wholes(count),
        wholes(count),
        reals(count),
        wholes(count + 1),
        wholes(runs),
        wholes(runs),
        wholes(runs),
        wholes(runs),
    )
    for line in range(begin, end):
        mine.step[line - begin], mine.gap[line - begin] = lines.step[line], lines.gap[line]
        mine.weight[line - begin] = lines.weight[line]
        mine.first[line - begin + 1] = lines.first[line + 1] - begin_run
    for run in range(begin_run, end_run):
        mine.low[run - begin_run], mine.high[run - begin_run] = lines.low[run], lines.high[run]
        mine.spent[run - begin_run], mine.rate[run - begin_run] = lines.spent[run], lines.rate[run]
    return mine


def _afford(lines: Lines, cash: Cash) -> None:
    """Leave out the steps that would not be paid for if every other line used the least cash it can."""
    most = max(0, cash.free)
    for line in range(len(lines.step)):
        most -= _least_spent(lines, line)
    for line in range(len(lines.step)):
        own = most + _least_spent(lines, line)
        for run in range(lines.first[line], lines.first[line + 1]):
            spare = max(0, own - lines.spent[run])
            if float(lines.high[run] - lines.low[run]) * float(lines.rate[run]) > float(spare):
                lines.high[run] = min(lines.high[run], lines.low[run] + spare // lines.rate[run])


def _least_spent(lines: Lines, line: int) -> int:
    """The least cash that a line can use."""
    least = lines.spent[lines.first[line]]
    for run in range(lines.first[line] + 1, lines.first[line + 1]):
        least = min(least, lines.spent[run])
    return least


def _fits(lines: Lines, cash: Cash) -> bool:
    """Whether no sum or difference of amounts can leave 64 bits."""
    largest = abs(float(cash.free)) + abs(float(cash.target))
    for line in range(len(lines.step)):
        step = float(lines.step[line])
        largest += abs(float(lines.gap[line]))
        for run in range(lines.first[line], lines.first[line + 1]):
            low, high = abs(float(lines.low[run])), abs(float(lines.high[run]))
            largest += abs(float(lines.spent[run])) + (step + float(lines.rate[run])) * (low + high + 1.0)
    return largest < LARGEST


def _value(lines: Lines, cash: Cash, steps: list[int], begin: int, end: int) -> float:
    """Σ weight·φ of a plan of the lines from `begin` to `end`, cash included."""
    value, left = 0.0, cash.free
    for line in range(begin, end):
        run = lines.first[line]
        while lines.high[run] < steps[line]:
            run += 1
        left -= spends(lines, run, steps[line])
        value += lines.weight[line] * _deviation(lines.step[line] * steps[line] - lines.gap[line], cash.squared)
    return value + cash.weight * _deviation(left - cash.target, cash.squared)


def _deviation(off: int, squared: bool) -> float:
    return float(off) * float(off) if squared else float(abs(off))


def solve_accounts(
    offsets: list[int],
    step: list[int],
    held: list[int],
    target: list[int],
    lowest: list[int],
    highest: list[int],
    free: list[int],
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
    """As `solve_book` for plain lines: any number of steps from `lowest` to `highest`, free of costs."""
    gap = [wanted - has for wanted, has in zip(target, held, strict=True)]
    spent = [each * fewest for each, fewest in zip(step, lowest, strict=True)]
    most = [UNLIMITED] * len(free)
    columns = (step, gap, [1.0] * len(step), list(range(len(step) + 1)), lowest, highest, spent, step)
    limits = (squared, width, visits, unique, 0.0)
    solve_book(offsets, *columns, free, cash_target, most, 1.0, *limits, steps, values, bounds, prices, proved)
