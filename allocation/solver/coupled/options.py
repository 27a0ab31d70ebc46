"""What every line may do, as far as it could still win, and in which order to go through the lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from math import ceil

from allocation.solver.coupled.judge import gains_of, the_run_of
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.pricing import Priced
from allocation.solver.question import Run

# Trades of one line written down at most; the rest is set aside, which the bound then says.
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Option:
    """One trade of a line: its regret, and what it changes beyond the line's cheapest trade.

    `moved` is the most that it changes of the cash left after taxes, either way.
    """

    regret: int
    steps: int
    spends: int
    traded: int
    turned: int
    short: int
    long: int
    offs: tuple[tuple[int, int], ...]
    largest: int
    lesser: int
    moved: int


@dataclass(frozen=True, slots=True)
class Options:
    """The trades of one line, the least regret first; `unseen` is the least regret of those not written down."""

    line: int
    base: int
    trades: list[Option]
    unseen: int | None


def options_of(priced: Priced, index: int, limit: int | None, few: int | None) -> Options:
    """A line's trades with a regret up to `limit`, at most `few`."""
    line, base = priced.model.question.lines[index], priced.base[index]
    sides = [side for position, run in enumerate(line.runs) for side in _sides(priced, index, position, run)]
    most = min(_MOST, few or _MOST)
    found: list[tuple[int, int, int]] = []
    unseen: int | None = None
    for regret, k, position in islice(merge(*sides), most + 1):
        if limit is not None and regret > limit:
            break
        if len(found) == most:
            unseen = regret
            break
        found.append((regret, k, position))
    return Options(index, base, [_option(priced, index, *each) for each in found], unseen)


def _sides(priced: Priced, index: int, position: int, run: Run) -> list[Iterator[tuple[int, int, int]]]:
    """A run from its cheapest trade outwards, either way: regrets never fall along each."""
    start = priced.cheapest_in(index, position, run)

    def outwards(steps: range) -> Iterator[tuple[int, int, int]]:
        for k in steps:
            yield priced.line_cost(index, position, k) - priced.base_cost[index], k, position

    return [outwards(range(start, run.high + 1)), outwards(range(start - 1, run.low - 1, -1))]


def _option(priced: Priced, index: int, regret: int, k: int, position: int) -> Option:
    model, base = priced.model, priced.base[index]
    line = model.question.lines[index]
    run = line.runs[position]
    old = the_run_of(line, base)
    gains = gains_of(run, k) if model.realises(index) else (0, 0)
    before = gains_of(old, base) if model.realises(index) else (0, 0)
    largest = max((abs(model.start[cell] + worth * k) for cell, worth in model.own[index]), default=0)
    return Option(
        regret,
        k,
        run.spent(k) - old.spent(base),
        bool(k) - bool(base),
        line.step * (abs(k) - abs(base)),
        gains[0] - before[0],
        gains[1] - before[1],
        tuple((cell, worth * (k - base)) for cell, worth in model.joint[index]),
        largest,
        model.lesser(index, run, k),
        abs(run.spent(k) - old.spent(base)) + _most_tax(model, gains, before),
    )


def _most_tax(model: Model, gains: tuple[int, int], before: tuple[int, int]) -> int:
    """The most by which other gains can change the tax."""
    rates = model.question.tax
    if rates is None:
        return 0
    return ceil(max(rates.short, rates.long) * (abs(gains[0] - before[0]) + abs(gains[1] - before[1])))


def walking_order(priced: Priced, options: dict[int, Options]) -> list[int]:
    """Lines that share a cell one after the other, so that few cells are open; the others by how cheaply they move."""
    model = priced.model
    lines_of = {cell: [i for i in options if any(c == cell for c, _ in model.joint[i])] for cell in model.shared}
    order: list[int] = []
    open_cells: set[int] = set()
    waiting = {i for lines in lines_of.values() for i in lines}
    while waiting:
        pool = [i for i in waiting if any(c in open_cells for c, _ in model.joint[i])] or list(waiting)

        ranked = []
        for i in pool:
            cells = {c for c, _ in model.joint[i]}
            to_come = min(sum(1 for j in lines_of[c] if j in waiting) for c in cells)
            ranked.append((len(cells - open_cells), to_come, i))
        chosen = min(ranked)[-1]
        order.append(chosen)
        waiting.discard(chosen)
        open_cells |= {c for c, _ in model.joint[chosen]}
        open_cells = {c for c in open_cells if any(j in waiting for j in lines_of[c])}
    alone = [i for i in options if not model.joint[i]]
    return order + sorted(alone, key=lambda i: (density(options[i]), i))


def density(options: Options) -> int:
    """The least regret per grain of cash that a trade of the line moves."""
    if options.unseen is not None:
        return 0
    return min((o.regret // o.moved for o in options.trades if o.moved), default=0)
