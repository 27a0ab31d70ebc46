"""The trades of a line in pieces along which everything is a polynomial, its lots taken in a given order.

Whatever the prices of gains by term, a sale does best to take the lots whose parts cost least at these prices: so for each
pair of prices there is one order, and along it the cost of a line is as simple as with lots in a fixed order.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from allocation.solver.coupled.least import View, views_of
from allocation.solver.coupled.model import Model
from allocation.solver.question import Holding, Run


@dataclass(frozen=True, slots=True)
class Piece:
    """Trades from `low` to `high` steps; of k of them, each amount below is start + slope·k.

    Attributes:
        distance: φ of the line's own cells as (square, slope, start).
        spends, short, long: cash used and gains realised as (slope, start).
    """

    low: int
    high: int
    distance: tuple[int, int, int]
    spends: tuple[int, int]
    short: tuple[int, int]
    long: tuple[int, int]

    def amounts_at(self, k: int) -> tuple[int, int, int]:
        """The cash that a trade uses, and its short-term and long-term gain."""
        return _at(self.spends, k), _at(self.short, k), _at(self.long, k)


def order_of(view: View, short_price: int, long_price: int) -> tuple[int, ...]:
    """The lots of a line by what a part of each costs at these prices of gains, after those of which nothing may be left."""
    costs = [
        (j not in view.first, short_price * short + long_price * long, short + long, j)
        for j, (short, long) in enumerate(zip(view.short, view.long, strict=True))
    ]
    return tuple([j for *_, j in sorted(costs)])


class Queue:
    """The lots of a line in one order, with what all before each come to."""

    def __init__(self, line: Holding, view: View, order: tuple[int, ...]) -> None:
        """`view` says what a part of each lot gains."""
        self._parts, self._view, self._order = line.parts, view, order
        parts = [line.lots[j].parts for j in order]
        self._ends = list(accumulate(parts, initial=0))
        shorts = (n * view.short[j] for n, j in zip(parts, order, strict=True))
        longs = (n * view.long[j] for n, j in zip(parts, order, strict=True))
        self._shorts = list(accumulate(shorts, initial=view.start[0]))
        self._longs = list(accumulate(longs, initial=view.start[1]))
        self.least = -(-sum(line.lots[j].parts for j in view.first) // line.parts)

    def gains(self, sold: int) -> tuple[int, int]:
        """The short-term and the long-term gain of selling so many steps."""
        parts = sold * self._parts
        n = max(0, bisect_left(self._ends, parts) - 1)
        if n == len(self._order):
            return self._shorts[n], self._longs[n]
        more, lot = parts - self._ends[n], self._order[n]
        return self._shorts[n] + more * self._view.short[lot], self._longs[n] + more * self._view.long[lot]

    def stops(self, least: int, most: int) -> Iterator[int]:
        """Numbers of steps sold, from least to most, after which a new stretch begins along which gains are linear."""
        yield from (stop for end in self._ends if least <= (stop := end // self._parts) < most)


class Pieces:
    """The pieces of every line of a model, put together once for each order of the lots that is asked for."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._views = [views_of(line) if line.lots else () for line in model.question.lines]
        self._known: dict[tuple[int, tuple[tuple[int, ...], ...]], list[Piece]] = {}

    def of(self, index: int, short_price: int, long_price: int) -> list[Piece]:
        """The pieces of a line whose lots are taken in the order that costs least at these prices of gains."""
        orders = tuple([order_of(view, short_price, long_price) for view in self._views[index]])
        if (index, orders) not in self._known:
            line, views = self.model.question.lines[index], self._views[index]
            queues = [Queue(line, view, order) for view, order in zip(views, orders, strict=True)]
            self._known[index, orders] = list(_pieces_of(self.model, index, queues))
        return self._known[index, orders]


def _pieces_of(model: Model, index: int, queues: Sequence[Queue]) -> Iterator[Piece]:
    """All trades of a line; its sales once for each order of its lots."""
    for run in model.question.lines[index].runs:
        if run.high >= 0 or not queues:
            gains = _given(model, index, run)
            yield from (
                _piece(model, index, run, low, high, *gains) for low, high in _cut(model, index, run.low, run.high)
            )
            continue
        for queue in queues:
            if -run.low >= queue.least:
                last = min(run.high, -queue.least)
                cuts = [-stop for stop in queue.stops(-last, -run.low)]
                for low, high in _cut(model, index, run.low, last, cuts):
                    yield _piece(model, index, run, low, high, *_gains(queue, low, high))


def _cut(model: Model, index: int, low: int, high: int, cuts: Iterable[int] = ()) -> Iterator[tuple[int, int]]:
    """A range in parts that begin at the cuts, and under l1 where a cell passes its target."""
    ends = sorted({low, high + 1, *cuts, *_kinks(model, index, low, high)})
    yield from ((low, following - 1) for low, following in pairwise(ends))


def _piece(
    model: Model, index: int, run: Run, low: int, high: int, short: tuple[int, int], long: tuple[int, int]
) -> Piece:
    spends = run.per_step, run.spends - run.per_step * run.low
    return Piece(low, high, _distance(model, index, low), spends, short, long)


def _given(model: Model, index: int, run: Run) -> tuple[tuple[int, int], tuple[int, int]]:
    """The gains of a line whose lots have one order, by term."""
    if not model.realises(index):
        return (0, 0), (0, 0)
    short = run.short_per_step, run.short - run.short_per_step * run.low
    return short, (run.long_per_step, run.long - run.long_per_step * run.low)


def _gains(queue: Queue, low: int, high: int) -> tuple[tuple[int, int], tuple[int, int]]:
    short, long = queue.gains(-low)
    if low == high:
        return (0, short), (0, long)
    there = queue.gains(-low - 1)
    slopes = there[0] - short, there[1] - long
    return (slopes[0], short - slopes[0] * low), (slopes[1], long - slopes[1] * low)


def _kinks(model: Model, index: int, low: int, high: int) -> Iterator[int]:
    """Under l1, where a cell passes its target."""
    if model.squared:
        return
    for cell, worth in model.own[index]:
        above = -model.start[cell] // worth + 1
        if low < above <= high:
            yield above


def _distance(model: Model, index: int, low: int) -> tuple[int, int, int]:
    square = slope = start = 0
    for cell, worth in model.own[index]:
        off, weight = model.start[cell], model.question.cells[cell].weight
        if model.squared:
            square, slope, start = square + weight * worth**2, slope + 2 * weight * off * worth, start + weight * off**2
            continue
        sign = weight if off + worth * low >= 0 else -weight
        slope, start = slope + sign * worth, start + sign * off
    return square, slope, start


def _at(line: tuple[int, int], k: int) -> int:
    return line[0] * k + line[1]
