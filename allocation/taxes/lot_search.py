"""The choice of lots with the least tax: bounded from below, and branched on the parts of one lot until nothing is better."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from itertools import count

from allocation.taxes.offers import Limits, Spot, Stock, Wash, counted_gains, narrowed, washed_parts
from allocation.taxes.relaxed import Chosen, Counts, Offer, Relaxed, Scale, gains_of, kinked, level, totalled

# How many lots the search may look at, over all its bounds: work, not time, so that every machine finds the same.
MOST_LOTS_SEEN = 40_000

Bounding = Callable[[Sequence[Offer], Scale], Relaxed]


@dataclass(frozen=True, slots=True)
class Found:
    """The best choice met (None: nothing better than what was known), and a proved bound on every choice."""

    counts: Counts | None
    bound: Fraction


@dataclass(frozen=True, slots=True)
class _Node:
    limits: Limits
    offers: tuple[Offer, ...]
    relaxed: Relaxed
    bounding: Bounding


def search(stocks: Sequence[Stock], washes: Sequence[Wash], scale: Scale, known: Fraction) -> Found:
    """Look for a choice with less tax than is known, in the scale's unit: best bound first, the oldest first among equals."""
    hunt = _Hunt(stocks, washes, scale, known)
    hunt.look({}, level)
    hunt.look({}, kinked)
    while hunt.heap:
        bound, _, node = heappop(hunt.heap)
        if bound >= hunt.best:
            break
        if hunt.seen > MOST_LOTS_SEEN:
            return Found(hunt.counts, bound)
        for limits in _branches(stocks, washes, node):
            hunt.look(limits, node.bounding)
    return Found(hunt.counts, hunt.best)


class _Hunt:
    """The state of one search: the best tax so far, and the parts of the question that may hold a better one."""

    def __init__(self, stocks: Sequence[Stock], washes: Sequence[Wash], scale: Scale, known: Fraction) -> None:
        self.stocks, self.washes, self.scale = stocks, washes, scale
        self.best = known
        self.counts: Counts | None = None
        self.seen = 0
        self.heap: list[tuple[Fraction, int, _Node]] = []
        self._order = count()

    def look(self, limits: Limits, bounding: Bounding) -> None:
        """Bound one part of the question, try the choices that come with the bound, and keep it if it may hold better."""
        self.seen += sum(len(stock.have) for stock in self.stocks)
        offers = narrowed(self.stocks, self.washes, limits)
        if offers is None:
            return
        relaxed = bounding(offers, self.scale)
        if relaxed.bound >= self.best:
            return
        for chosen in _candidates(offers, relaxed):
            tax = self._tax(chosen)
            if tax < self.best:
                self.best, self.counts = tax, chosen.counts
        if relaxed.bound < self.best:
            heappush(self.heap, (relaxed.bound, next(self._order), _Node(limits, offers, relaxed, bounding)))

    def _tax(self, chosen: Chosen) -> Fraction:
        if not self.washes:
            return self.scale.tax(chosen.dear, chosen.cheap)
        return self.scale.tax(*counted_gains(self.stocks, self.washes, chosen.counts))


def _candidates(offers: Sequence[Offer], relaxed: Relaxed) -> Iterator[Chosen]:
    """The two sides of the kink, and the neighbours between which the gain of the dearer term changes its sign."""
    yield relaxed.left
    if relaxed.left is relaxed.right:
        return
    yield relaxed.right
    yield from _crossing(offers, relaxed)


def _crossing(offers: Sequence[Offer], relaxed: Relaxed) -> Iterator[Chosen]:
    """On the way from left to right, sale by sale and part by part: the last choice with a gain, the first without."""
    counts, dear = list(relaxed.left.counts), relaxed.left.dear
    for i, goal in enumerate(relaxed.right.counts):
        start = counts[i]
        if start == goal:
            continue
        others = dear - gains_of(offers[i], start)[0]
        dear = others + gains_of(offers[i], goal)[0]
        if dear > 0:
            counts[i] = goal
            continue
        for moved in _around_zero(offers[i], start, goal, others):
            counts[i] = moved
            yield totalled(offers, tuple(counts))
        return


def _around_zero(
    offer: Offer, start: tuple[int, ...], goal: tuple[int, ...], others: Fraction | int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """On the way of one sale from start to goal: the last counts with a gain of the dearer term, the first without."""
    low, high = 0, sum(max(0, end - begin) for begin, end in zip(start, goal, strict=True))
    while high - low > 1:
        middle = (low + high) // 2
        if others + gains_of(offer, _moved(start, goal, middle))[0] > 0:
            low = middle
        else:
            high = middle
    return _moved(start, goal, low), _moved(start, goal, high)


def _moved(start: tuple[int, ...], goal: tuple[int, ...], parts: int) -> tuple[int, ...]:
    """So many parts on the way from one choice to another: given up in order, taken in order."""
    give, get, found = parts, parts, []
    for begin, end in zip(start, goal, strict=True):
        change = min(give, begin - end) if begin > end else min(get, end - begin)
        if begin > end:
            give -= change
            found.append(begin - change)
        else:
            get -= change
            found.append(begin + change)
    return tuple(found)


def _branches(stocks: Sequence[Stock], washes: Sequence[Wash], node: _Node) -> list[Limits]:
    """Divide the choices: on a lot whose washed loss is not settled yet, else on the lot in which both sides differ most."""
    spot = _unsettled(stocks, washes, node)
    if spot is not None:
        return _around(node, spot, node.relaxed.left.counts[spot[0]][spot[1]])
    left, right = node.relaxed.left.counts, node.relaxed.right.counts
    differing = [
        (abs(a - b), -i, -j)
        for i, (before, after) in enumerate(zip(left, right, strict=True))
        for j, (a, b) in enumerate(zip(before, after, strict=True))
        if a != b
    ]
    if not differing:
        return []
    _, i, j = max(differing)
    return _halves(node, (-i, -j), (left[-i][-j] + right[-i][-j]) // 2)


def _unsettled(stocks: Sequence[Stock], washes: Sequence[Wash], node: _Node) -> Spot | None:
    """The freest lot of a security whose washed losses the bound counts too low, or None."""
    free: list[tuple[Fraction, int, int]] = []
    counts = node.relaxed.left.counts
    for wash in washes:
        washed = washed_parts(wash, counts)
        if all(_as_offered(stocks, node.offers, counts, spot, washed[spot]) for spot in wash.losing):
            continue
        for i, j in {*wash.recent, *wash.losing}:
            width = node.offers[i].most[j] - node.offers[i].least[j]
            if width:
                free.append((width * wash.sizes[i], -i, -j))
    if not free:
        return None
    _, i, j = max(free)
    return -i, -j


def _as_offered(stocks: Sequence[Stock], offers: Sequence[Offer], counts: Counts, spot: Spot, washed: Fraction) -> bool:
    i, j = spot
    offered = offers[i].base[j] + offers[i].gains[j] * (counts[i][j] - offers[i].least[j])
    return stocks[i].gains[j] * (counts[i][j] - washed) == offered


def _halves(node: _Node, spot: Spot, upto: int) -> list[Limits]:
    least, most = node.offers[spot[0]].least[spot[1]], node.offers[spot[0]].most[spot[1]]
    return [{**node.limits, spot: (least, upto)}, {**node.limits, spot: (upto + 1, most)}]


def _around(node: _Node, spot: Spot, here: int) -> list[Limits]:
    least, most = node.offers[spot[0]].least[spot[1]], node.offers[spot[0]].most[spot[1]]
    parts = [(least, here - 1), (here + 1, most), (here, here)]
    return [{**node.limits, spot: (low, high)} for low, high in parts if low <= high]
