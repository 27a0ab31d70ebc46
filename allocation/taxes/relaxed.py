"""A bound from below on the tax of given sales, and the choices of lots that come nearest to it.

Tax is the smaller of two functions of the gains S and L of the dearer and the cheaper term, taxed at d ≥ c: the `kinked` one,
max(0, c·(S+L), d·S + c·L), and the `level` one, max(0, d·(S+L)). For any rate m from c to d, m·S + c·L is nowhere above the
kinked one, and is least where every bundle of sales has its least m·S + c·L by itself. The best bound is the highest over m: a
concave function in straight pieces, climbed along its own tangents.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from allocation.taxes.bundles import Box, Bundle, Counts, cheapest, counted_gains, tightened
from allocation.taxes.envelope import least_offered
from allocation.taxes.thresholds import least_washed, thresholds_of

# The share of the dearer term where both terms weigh the same.
EVEN = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Scale:
    """The two rates as whole numbers, the higher and the lower."""

    high: int
    low: int

    def tax(self, dear: int, cheap: int) -> int:
        """Tax on the net gains of the two terms."""
        together = max(0, dear + cheap)
        if dear < 0:
            return self.low * together
        if cheap < 0:
            return self.high * together
        return self.high * dear + self.low * cheap


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice of lots for one bundle.

    Attributes:
        dear, cheap: gains by term as the bound counts them: together nowhere above those that count, mostly the same.
        real: the gains that count.
    """

    counts: Counts
    dear: Fraction | int
    cheap: Fraction | int
    real: tuple[int, int]

    @property
    def exact(self) -> bool:
        """Whether the bound counts what counts."""
        return (self.dear, self.cheap) == self.real


class Work:
    """How many lots have been looked at: a limit on it is the same on every machine."""

    def __init__(self) -> None:
        self.lots = 0


class Part:
    """One bundle within limits, and its best choices as far as they have been asked for."""

    def __init__(self, bundle: Bundle, box: Box, work: Work) -> None:
        self.bundle, self.box = bundle, box
        self._work = work
        self._thresholds = thresholds_of(bundle) if bundle.staying and len(bundle.stocks) == 1 else ()
        self._roughly: list[float] = []
        self._asked: list[tuple[Fraction, Chosen]] = []

    def within(self, box: Box) -> "Part | None":
        """The same bundle within narrower limits, or None where they leave no choice."""
        tight = tightened(self.bundle, box)
        return Part(self.bundle, tight, self._work) if tight else None

    def best(self, share: Fraction, roughly: float) -> Chosen:
        """The least share·dear + (1 − share)·cheap; what is best on both sides of a share is best at it.

        Args:
            roughly: the same share. Where two shares are one as floats, only the first is remembered: it keeps their order.
        """
        at = bisect_left(self._roughly, roughly)
        remembered = at < len(self._asked) and self._roughly[at] == roughly
        if remembered and self._asked[at][0] == share:
            return self._asked[at][1]
        near = [chosen for _, chosen in self._asked[max(0, at - 1) : at + 1]]
        if not remembered and len(near) == 2 and near[0] is near[1]:
            return near[0]
        found = self._find(share.numerator, share.denominator - share.numerator)
        for other in near:
            if (other.dear, other.cheap) == (found.dear, found.cheap):
                found = other
        if not remembered:
            self._roughly.insert(at, roughly)
            self._asked.insert(at, (share, found))
        return found

    def _find(self, dear_rate: int, cheap_rate: int) -> Chosen:
        bundle, box = self.bundle, self.box
        self._work.lots += len(self._thresholds or bundle.stocks) * len(box[0])
        if not bundle.staying:
            stock = bundle.stocks[0]
            keys = [
                gain * (dear_rate if dear else cheap_rate) for gain, dear in zip(stock.gains, stock.dear, strict=True)
            ]
            counts: Counts = (tuple(cheapest(keys, box[0], stock.parts)),)
            real = counted_gains(bundle, counts)
            return Chosen(counts, *real, real)
        if self._thresholds:
            taken, *gains = least_washed(bundle, self._thresholds, box[0], dear_rate, cheap_rate)
            return Chosen((taken,), gains[0], gains[1], counted_gains(bundle, (taken,)))
        counts, dear, cheap = least_offered(bundle, box, dear_rate, cheap_rate)
        return Chosen(counts, dear, cheap, counted_gains(bundle, counts))


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A proved bound; the best choices of all bundles to the left and right of the kink. Where they are one, it reaches it."""

    bound: Fraction
    left: tuple[Chosen, ...]
    right: tuple[Chosen, ...]


def level(parts: Sequence[Part], scale: Scale) -> Relaxed:
    """The least of max(0, d·(S+L)): every bundle has the smallest gains."""
    best = _Side.of([part.best(EVEN, 0.5) for part in parts])
    return Relaxed(max(Fraction(0), Fraction(scale.high * (best.dear + best.cheap))), best.chosen, best.chosen)


def kinked(parts: Sequence[Part], scale: Scale) -> Relaxed:
    """A bound on max(0, c·(S+L), d·S + c·L), tight but for whole parts."""
    high, low = scale.high, scale.low
    steepest = Fraction(high, high + low)
    right = _Side.of([part.best(steepest, float(steepest)) for part in parts])
    tax = _kinked_tax(right, scale)
    if right.dear >= 0 or not tax:
        return Relaxed(tax, right.chosen, right.chosen)
    left = _Side.of([part.best(EVEN, 0.5) for part in parts])
    tax = _kinked_tax(left, scale)
    if left.dear <= 0 or not tax:
        return Relaxed(tax, left.chosen, left.chosen)
    while True:
        rate = Fraction(low * (right.cheap - left.cheap)) / (left.dear - right.dear)
        between = _between(parts, left, right, rate / (rate + low))
        bound = rate * between.dear + low * between.cheap
        if bound >= rate * left.dear + low * left.cheap:
            return Relaxed(max(Fraction(0), bound), left.chosen, right.chosen)
        if between.dear >= 0:
            left = between
        else:
            right = between


@dataclass(frozen=True, slots=True)
class _Side:
    """A choice for every bundle, and its gains by term as the bound counts them."""

    chosen: tuple[Chosen, ...]
    dear: Fraction | int
    cheap: Fraction | int

    @classmethod
    def of(cls, chosen: Sequence[Chosen]) -> "_Side":
        return cls(tuple(chosen), sum([each.dear for each in chosen]), sum([each.cheap for each in chosen]))


def _between(parts: Sequence[Part], left: _Side, right: _Side, share: Fraction) -> _Side:
    """The best choices at a share between two; those of bundles that have one choice on both sides are that one."""
    roughly = float(share)
    return _Side.of(
        [
            before if before is after else part.best(share, roughly)
            for part, before, after in zip(parts, left.chosen, right.chosen, strict=True)
        ]
    )


def _kinked_tax(side: _Side, scale: Scale) -> Fraction:
    together = scale.low * (side.dear + side.cheap)
    return max(Fraction(0), Fraction(together), Fraction(scale.high * side.dear + scale.low * side.cheap))
