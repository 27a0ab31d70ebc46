"""The choice of lots with the least tax: bounded from below, and branched on the parts of one lot until nothing is better."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from itertools import count

from allocation.taxes.bundles import Box, Bundle, Counts, Spot, counted_gains, everything
from allocation.taxes.relaxed import Chosen, Part, Relaxed, Scale, Work, kinked, level

# How many lots the search may look at, over all its bounds: work, not time, so that every machine finds the same.
MOST_LOTS_SEEN = 12_000

Bounding = Callable[[Sequence[Part], Scale], Relaxed]


@dataclass(frozen=True, slots=True)
class Found:
    """The best choice met, by bundle (None: nothing better than what was known), its tax, and a proved bound on every choice."""

    counts: tuple[Counts, ...] | None
    tax: Fraction
    bound: Fraction


@dataclass(frozen=True, slots=True)
class _Node:
    parts: tuple[Part, ...]
    relaxed: Relaxed
    bounding: Bounding


def search(bundles: Sequence[Bundle], scale: Scale, known: Fraction) -> Found:
    """Look for a choice with less tax than is known, in the scale's unit: best bound first, the oldest first among equals."""
    hunt = _Hunt(scale, known)
    parts = tuple(Part(bundle, everything(bundle), hunt.work) for bundle in bundles)
    hunt.look(parts, level)
    hunt.look(parts, kinked)
    while hunt.heap:
        bound, _, node = heappop(hunt.heap)
        if bound >= hunt.best:
            break
        if hunt.work.lots > MOST_LOTS_SEEN:
            return Found(hunt.counts, hunt.best, bound)
        for n, box in _branches(node):
            part = node.parts[n].within(box)
            if part:
                hunt.look((*node.parts[:n], part, *node.parts[n + 1 :]), node.bounding)
    return Found(hunt.counts, hunt.best, hunt.best)


class _Hunt:
    """The state of one search: the best tax so far, and the parts of the question that may hold a better one."""

    def __init__(self, scale: Scale, known: Fraction) -> None:
        self.scale, self.best = scale, known
        self.counts: tuple[Counts, ...] | None = None
        self.work = Work()
        self.heap: list[tuple[Fraction, int, _Node]] = []
        self._order = count()

    def look(self, parts: tuple[Part, ...], bounding: Bounding) -> None:
        """Bound one part of the question, try the choices that come with the bound, and keep it if it may hold better."""
        self.work.lots += len(parts)
        relaxed = bounding(parts, self.scale)
        if relaxed.bound >= self.best:
            return
        for counts, dear, cheap in _candidates(parts, relaxed):
            tax = self.scale.tax(dear, cheap)
            if tax < self.best:
                self.best, self.counts = Fraction(tax), tuple(counts)
        if relaxed.bound < self.best:
            heappush(self.heap, (relaxed.bound, next(self._order), _Node(parts, relaxed, bounding)))


# The parts of each lot by bundle, and the gains that count: the dearer term, the cheaper.
_Candidate = tuple[Sequence[Counts], int, int]


def _candidates(parts: Sequence[Part], relaxed: Relaxed) -> Iterator[_Candidate]:
    """The two sides of the kink, and the neighbours between which the gain of the dearer term changes its sign."""
    yield _totalled(relaxed.left)
    if relaxed.left != relaxed.right:
        yield _totalled(relaxed.right)
        yield from _crossing(parts, relaxed)


def _totalled(every: Sequence[Chosen]) -> _Candidate:
    return [each.counts for each in every], sum([each.real[0] for each in every]), sum([each.real[1] for each in every])


def _crossing(parts: Sequence[Part], relaxed: Relaxed) -> Iterator[_Candidate]:
    """On the way from left to right, bundle by bundle and part by part: the last choice with a gain, the first without."""
    counts, dear, cheap = _totalled(relaxed.left)
    found = list(counts)
    for n, (start, goal) in enumerate(zip(relaxed.left, relaxed.right, strict=True)):
        if start is goal:
            continue
        dear, cheap = dear - start.real[0], cheap - start.real[1]
        if dear + goal.real[0] > 0:
            found[n], dear, cheap = goal.counts, dear + goal.real[0], cheap + goal.real[1]
            continue
        for moved in _around_zero(parts[n].bundle, start.counts, goal.counts, dear):
            found[n] = moved
            real = counted_gains(parts[n].bundle, moved)
            yield list(found), dear + real[0], cheap + real[1]
        return


def _around_zero(bundle: Bundle, start: Counts, goal: Counts, others: int) -> tuple[Counts, Counts]:
    """On the way of one bundle from start to goal: the last counts with a gain of the dearer term, the first without."""
    low, high = (
        0,
        sum(
            max(0, b - a) for before, after in zip(start, goal, strict=True) for a, b in zip(before, after, strict=True)
        ),
    )
    while high - low > 1:
        middle = (low + high) // 2
        if others + counted_gains(bundle, _moved(start, goal, middle))[0] > 0:
            low = middle
        else:
            high = middle
    return _moved(start, goal, low), _moved(start, goal, high)


def _moved(start: Counts, goal: Counts, parts: int) -> Counts:
    """So many parts on the way from one choice to another, sale by sale: given up in order, taken in order."""
    found = []
    for before, after in zip(start, goal, strict=True):
        steps = min(parts, sum(max(0, b - a) for a, b in zip(before, after, strict=True)))
        parts -= steps
        found.append(_moved_lots(before, after, steps))
    return tuple(found)


def _moved_lots(start: Sequence[int], goal: Sequence[int], parts: int) -> tuple[int, ...]:
    give, get, found = parts, parts, []
    for begin, end in zip(start, goal, strict=True):
        if begin > end:
            change = -min(give, begin - end)
            give += change
        else:
            change = min(get, end - begin)
            get -= change
        found.append(begin + change)
    return tuple(found)


def _branches(node: _Node) -> list[tuple[int, Box]]:
    """Divide the choices: on a lot whose washed loss is not settled yet, else on the lot in which both sides differ most."""
    unsettled = _unsettled(node)
    if unsettled is not None:
        n, (i, j) = unsettled
        here = node.relaxed.left[n].counts[i][j]
        low, high = node.parts[n].box[i][j]
        return [
            (n, _cut(node, n, (i, j), ends))
            for ends in ((low, here - 1), (here + 1, high), (here, here))
            if ends[0] <= ends[1]
        ]
    differing = [
        (abs(a - b), -n, -i, -j, (a + b) // 2)
        for n, (left, right) in enumerate(zip(node.relaxed.left, node.relaxed.right, strict=True))
        if left is not right
        for i, (before, after) in enumerate(zip(left.counts, right.counts, strict=True))
        for j, (a, b) in enumerate(zip(before, after, strict=True))
        if a != b
    ]
    if not differing:
        return []
    _, n, i, j, upto = max(differing)
    low, high = node.parts[-n].box[-i][-j]
    return [(-n, _cut(node, -n, (-i, -j), ends)) for ends in ((low, upto), (upto + 1, high))]


def _unsettled(node: _Node) -> tuple[int, Spot] | None:
    """The freest lot of a bundle whose washed losses the bound counts too low, or None."""
    free = [
        ((high - low) * part.bundle.sizes[i], -n, -i, -j)
        for n, (part, chosen) in enumerate(zip(node.parts, node.relaxed.left, strict=True))
        if not chosen.exact
        for i, j in {*part.bundle.recent, *part.bundle.losing}
        for low, high in (part.box[i][j],)
        if low < high
    ]
    if not free:
        return None
    _, n, i, j = max(free)
    return -n, (-i, -j)


def _cut(node: _Node, n: int, spot: Spot, ends: tuple[int, int]) -> Box:
    """The limits of a bundle with those of one lot replaced."""
    box = [list(pairs) for pairs in node.parts[n].box]
    box[spot[0]][spot[1]] = ends
    return tuple(map(tuple, box))
