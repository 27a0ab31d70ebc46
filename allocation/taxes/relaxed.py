"""A bound from below on the tax of given sales, and the choices of lots that come nearest to it.

Tax is the smaller of two functions of the gains S and L of the dearer and the cheaper term, taxed at d ≥ c: the `kinked` one,
max(0, c·(S+L), d·S + c·L), and the `level` one, max(0, d·(S+L)). For any rate m from c to d, m·S + c·L is nowhere above the
kinked one, and is least where every sale takes the lots with the least m·gain and c·gain first. The best bound is the highest
over m: a concave function in straight pieces, climbed along its own tangents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

# By sale and lot: the least and the most parts of it that may be sold.
Limits = Mapping[tuple[int, int], tuple[int, int]]
Counts = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """One sale in whole parts: how many parts to sell, and by lot how many there are, what one gains, and its term.

    Attributes:
        gains: of one part, in units of money so small that all gains of all sales are whole.
        dear: whether the lot's term is the one with the higher rate.
    """

    parts: int
    have: tuple[int, ...]
    gains: tuple[int, ...]
    dear: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """The two rates as whole numbers, the higher and the lower."""

    high: int
    low: int

    def tax(self, dear: int, cheap: int) -> int:
        """Tax on the net gains of the two terms."""
        if dear < 0:
            return self.low * max(0, dear + cheap)
        if cheap < 0:
            return self.high * max(0, dear + cheap)
        return self.high * dear + self.low * cheap


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice of lots, with its net gains by term."""

    counts: Counts
    dear: int
    cheap: int


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A proved bound; the best choices to the left and right of the kink. Where they are one, it reaches the bound."""

    bound: Fraction
    left: Chosen
    right: Chosen


def level(offers: Sequence[Offer], scale: Scale, limits: Limits) -> Relaxed:
    """The least of max(0, d·(S+L)): every sale takes the smallest gains."""
    best = cheapest(offers, 1, 1, limits)
    return Relaxed(Fraction(max(0, scale.high * (best.dear + best.cheap))), best, best)


def kinked(offers: Sequence[Offer], scale: Scale, limits: Limits) -> Relaxed:
    """A bound on max(0, c·(S+L), d·S + c·L), tight but for whole parts."""
    high, low = scale.high, scale.low
    right = cheapest(offers, high, low, limits)
    if right.dear >= 0 or not _kinked_tax(right, scale):
        return Relaxed(Fraction(_kinked_tax(right, scale)), right, right)
    left = cheapest(offers, 1, 1, limits)
    if left.dear <= 0 or not _kinked_tax(left, scale):
        return Relaxed(Fraction(_kinked_tax(left, scale)), left, left)
    while True:
        rate = Fraction(low * (right.cheap - left.cheap), left.dear - right.dear)
        between = cheapest(offers, rate.numerator, low * rate.denominator, limits)
        bound = rate * left.dear + low * left.cheap
        if rate * between.dear + low * between.cheap == bound:
            return Relaxed(max(Fraction(0), bound), left, right)
        if between.dear >= 0:
            left = between
        else:
            right = between


def cheapest(offers: Sequence[Offer], dear_rate: int, cheap_rate: int, limits: Limits) -> Chosen:
    """Every sale takes the lots with the least rate·gain first, within the limits."""
    counts = tuple(_taken(i, offer, dear_rate, cheap_rate, limits) for i, offer in enumerate(offers))
    return totalled(offers, counts)


def totalled(offers: Sequence[Offer], counts: Counts) -> Chosen:
    """A choice with its net gains."""
    dear = cheap = 0
    for offer, taken in zip(offers, counts, strict=True):
        for gain, is_dear, n in zip(offer.gains, offer.dear, taken, strict=True):
            if is_dear:
                dear += gain * n
            else:
                cheap += gain * n
    return Chosen(counts, dear, cheap)


def _kinked_tax(chosen: Chosen, scale: Scale) -> int:
    together = scale.low * (chosen.dear + chosen.cheap)
    return max(0, together, scale.high * chosen.dear + scale.low * chosen.cheap)


def _taken(at: int, offer: Offer, dear_rate: int, cheap_rate: int, limits: Limits) -> tuple[int, ...]:
    bounds = [limits.get((at, j), (0, have)) for j, have in enumerate(offer.have)]
    found = [least for least, _ in bounds]
    left = offer.parts - sum(found)
    rates = [dear_rate if is_dear else cheap_rate for is_dear in offer.dear]
    for j in sorted(range(len(found)), key=lambda j: rates[j] * offer.gains[j]):
        more = min(left, bounds[j][1] - found[j])
        found[j] += more
        left -= more
    return tuple(found)
