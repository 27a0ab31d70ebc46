"""The choice of lots with the least tax: bounded from below, and branched on the parts of one lot until nothing is better."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from itertools import count

from allocation.taxes.relaxed import Chosen, Counts, Limits, Offer, Relaxed, Scale, kinked, level, totalled

# How many lots the search may look at, over all its bounds: work, not time, so that every machine finds the same.
MOST_LOTS_SEEN = 400_000

TaxOf = Callable[[Counts], Fraction]
Bounding = Callable[[Sequence[Offer], Scale, Limits], Relaxed]


@dataclass(frozen=True, slots=True)
class Found:
    """The best choice met (None: nothing better than what was known), and a proved bound on every choice."""

    counts: Counts | None
    bound: Fraction


@dataclass(frozen=True, slots=True)
class _Node:
    limits: Limits
    relaxed: Relaxed
    bounding: Bounding


def search(
    offers: Sequence[Offer],
    scale: Scale,
    known: Fraction,
    tax_of: TaxOf | None = None,
    watched: frozenset[int] = frozenset(),
) -> Found:
    """Look for a choice with less tax than is known, best bound first.

    Args:
        known: the tax of the best choice so far, in the scale's unit.
        tax_of: the tax of a choice where wash sales may raise it above the tax on its gains; None where they cannot.
        watched: the sales whose losses may be washed.
    """
    hunt = _Hunt(offers, scale, known, tax_of)
    hunt.look({}, level)
    hunt.look({}, kinked)
    while hunt.heap:
        bound, _, node = heappop(hunt.heap)
        if bound >= hunt.best:
            break
        if hunt.seen > MOST_LOTS_SEEN:
            return Found(hunt.counts, bound)
        for limits in _branches(offers, node, watched):
            hunt.look(limits, node.bounding)
    return Found(hunt.counts, hunt.best)


class _Hunt:
    """The state of one search: the best tax so far, and the parts of the question that may hold a better one."""

    def __init__(self, offers: Sequence[Offer], scale: Scale, known: Fraction, tax_of: TaxOf | None) -> None:
        self.offers, self.scale = offers, scale
        self.best = known
        self.counts: Counts | None = None
        self.seen = 0
        self.heap: list[tuple[Fraction, int, _Node]] = []
        self._tax_of = tax_of
        self._order = count()

    def look(self, limits: Limits, bounding: Bounding) -> None:
        """Bound one part of the question, try the choices that come with the bound, and keep it if it may hold better."""
        self.seen += sum(len(offer.have) for offer in self.offers)
        if not _possible(self.offers, limits):
            return
        relaxed = bounding(self.offers, self.scale, limits)
        if relaxed.bound >= self.best:
            return
        for chosen in _candidates(self.offers, relaxed):
            tax = self._tax_of(chosen.counts) if self._tax_of else Fraction(self.scale.tax(chosen.dear, chosen.cheap))
            if tax < self.best:
                self.best, self.counts = tax, chosen.counts
        if relaxed.bound < self.best:
            heappush(self.heap, (relaxed.bound, next(self._order), _Node(limits, relaxed, bounding)))


def _possible(offers: Sequence[Offer], limits: Limits) -> bool:
    """Whether every sale can still be made up within the limits."""
    for i in {i for i, _ in limits}:
        bounds = [limits.get((i, j), (0, have)) for j, have in enumerate(offers[i].have)]
        if not sum(least for least, _ in bounds) <= offers[i].parts <= sum(most for _, most in bounds):
            return False
    return True


def _candidates(offers: Sequence[Offer], relaxed: Relaxed) -> Iterator[Chosen]:
    """The two sides of the kink, and the neighbours between which the gain of the dearer term changes its sign."""
    yield relaxed.left
    if relaxed.left is relaxed.right:
        return
    yield relaxed.right
    yield from _crossing(offers, relaxed)


def _crossing(offers: Sequence[Offer], relaxed: Relaxed) -> tuple[Chosen, Chosen]:
    """On the way from left to right, sale by sale and part by part: the last choice with a gain, the first without."""
    counts = list(relaxed.left.counts)
    last = relaxed.left
    for i, goal in enumerate(relaxed.right.counts):
        start, counts[i] = counts[i], goal
        here = totalled(offers, tuple(counts))
        if here.dear <= 0:
            return _within(offers, counts, i, start, last)
        last = here
    return last, relaxed.right


def _within(
    offers: Sequence[Offer], counts: list[tuple[int, ...]], i: int, start: tuple[int, ...], first: Chosen
) -> tuple[Chosen, Chosen]:
    goal = counts[i]
    moves = sum(max(0, end - begin) for begin, end in zip(start, goal, strict=True))

    def after(moved: int) -> Chosen:
        counts[i] = _moved(start, goal, moved)
        return totalled(offers, tuple(counts))

    low, high, low_choice, high_choice = 0, moves, first, after(moves)
    while high - low > 1:
        middle = (low + high) // 2
        choice = after(middle)
        if choice.dear > 0:
            low, low_choice = middle, choice
        else:
            high, high_choice = middle, choice
    return low_choice, high_choice


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


def _branches(offers: Sequence[Offer], node: _Node, watched: frozenset[int]) -> list[Limits]:
    """Divide the choices: on the lot in which both sides of the kink differ most, or on a lot that may be washed."""
    left, right = node.relaxed.left.counts, node.relaxed.right.counts
    differing = [
        (abs(a - b), -i, -j)
        for i, (before, after) in enumerate(zip(left, right, strict=True))
        for j, (a, b) in enumerate(zip(before, after, strict=True))
        if a != b
    ]
    if differing:
        _, i, j = max(differing)
        i, j = -i, -j
        return _halves(offers, node.limits, (i, j), (left[i][j] + right[i][j]) // 2)
    free = [
        (most - least, -i, -j)
        for i in watched
        for j, have in enumerate(offers[i].have)
        for least, most in [node.limits.get((i, j), (0, have))]
        if least < most
    ]
    if not free:
        return []
    _, i, j = max(free)
    return _around(offers, node.limits, (-i, -j), left[-i][-j])


def _halves(offers: Sequence[Offer], limits: Limits, lot: tuple[int, int], upto: int) -> list[Limits]:
    least, most = limits.get(lot, (0, offers[lot[0]].have[lot[1]]))
    return [{**limits, lot: (least, upto)}, {**limits, lot: (upto + 1, most)}]


def _around(offers: Sequence[Offer], limits: Limits, lot: tuple[int, int], here: int) -> list[Limits]:
    least, most = limits.get(lot, (0, offers[lot[0]].have[lot[1]]))
    parts = [(least, here - 1), (here + 1, most), (here, here)]
    return [{**limits, lot: (low, high)} for low, high in parts if low <= high]
