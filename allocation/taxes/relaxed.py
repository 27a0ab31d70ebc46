"""A bound from below on the tax of given sales, and the choices of lots that come nearest to it.

Tax is the smaller of two functions of the gains S and L of the dearer and the cheaper term, taxed at d ≥ c: the `kinked` one,
max(0, c·(S+L), d·S + c·L), and the `level` one, max(0, d·(S+L)). For any rate m from c to d, m·S + c·L is nowhere above the
kinked one, and is least where every sale takes the lots with the least m·gain and c·gain first. The best bound is the highest
over m: a concave function in straight pieces, climbed along its own tangents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Counts = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """One sale in whole parts, and how many parts of each lot it may take.

    Attributes:
        parts: how many the sale takes altogether.
        least, most: of each lot.
        base: what `least` parts of each lot gain, in a unit of money so small that all gains of all sales are whole.
        gains: of each part beyond `least`; where a wash sale may wash some of a loss, a rate that is nowhere too high.
        dear: whether the lot's term is the one with the higher rate.
    """

    parts: int
    least: tuple[int, ...]
    most: tuple[int, ...]
    base: tuple[Fraction | int, ...]
    gains: tuple[Fraction | int, ...]
    dear: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """The two rates as whole numbers, the higher and the lower."""

    high: int
    low: int

    def tax(self, dear: Fraction | int, cheap: Fraction | int) -> Fraction:
        """Tax on the net gains of the two terms."""
        together = max(Fraction(0), Fraction(dear + cheap))
        if dear < 0:
            return self.low * together
        if cheap < 0:
            return self.high * together
        return Fraction(self.high * dear + self.low * cheap)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice of lots, with its net gains by term as the offers count them."""

    counts: Counts
    dear: Fraction | int
    cheap: Fraction | int


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A proved bound; the best choices to the left and right of the kink. Where they are one, it reaches the bound."""

    bound: Fraction
    left: Chosen
    right: Chosen


def level(offers: Sequence[Offer], scale: Scale) -> Relaxed:
    """The least of max(0, d·(S+L)): every sale takes the smallest gains."""
    best = cheapest(offers, 1, 1)
    return Relaxed(max(Fraction(0), Fraction(scale.high * (best.dear + best.cheap))), best, best)


def kinked(offers: Sequence[Offer], scale: Scale) -> Relaxed:
    """A bound on max(0, c·(S+L), d·S + c·L), tight but for whole parts."""
    high, low = scale.high, scale.low
    right = cheapest(offers, high, low)
    if right.dear >= 0 or not _kinked_tax(right, scale):
        return Relaxed(_kinked_tax(right, scale), right, right)
    left = cheapest(offers, 1, 1)
    if left.dear <= 0 or not _kinked_tax(left, scale):
        return Relaxed(_kinked_tax(left, scale), left, left)
    while True:
        rate = Fraction(low * (right.cheap - left.cheap)) / (left.dear - right.dear)
        between = cheapest(offers, rate.numerator, low * rate.denominator)
        bound = rate * left.dear + low * left.cheap
        if rate * between.dear + low * between.cheap == bound:
            return Relaxed(max(Fraction(0), bound), left, right)
        if between.dear >= 0:
            left = between
        else:
            right = between


def cheapest(offers: Sequence[Offer], dear_rate: int, cheap_rate: int) -> Chosen:
    """Every sale takes the lots with the least rate·gain first, within the limits."""
    return totalled(offers, tuple(_taken(offer, dear_rate, cheap_rate) for offer in offers))


def totalled(offers: Sequence[Offer], counts: Counts) -> Chosen:
    """A choice with its net gains."""
    sums = [gains_of(offer, taken) for offer, taken in zip(offers, counts, strict=True)]
    return Chosen(counts, sum(dear for dear, _ in sums), sum(cheap for _, cheap in sums))


def gains_of(offer: Offer, taken: Sequence[int]) -> tuple[Fraction | int, Fraction | int]:
    """The gains of one sale by term: the dearer, the cheaper."""
    dear: Fraction | int = 0
    cheap: Fraction | int = 0
    for n, least, base, gain, is_dear in zip(taken, offer.least, offer.base, offer.gains, offer.dear, strict=True):
        if is_dear:
            dear += base + gain * (n - least)
        else:
            cheap += base + gain * (n - least)
    return dear, cheap


def _kinked_tax(chosen: Chosen, scale: Scale) -> Fraction:
    together = scale.low * (chosen.dear + chosen.cheap)
    return max(Fraction(0), Fraction(together), Fraction(scale.high * chosen.dear + scale.low * chosen.cheap))


def _taken(offer: Offer, dear_rate: int, cheap_rate: int) -> tuple[int, ...]:
    found = list(offer.least)
    left = offer.parts - sum(found)
    keys = [(dear_rate if dear else cheap_rate) * gain for dear, gain in zip(offer.dear, offer.gains, strict=True)]
    for j in sorted(range(len(found)), key=keys.__getitem__):
        if not left:
            break
        more = min(left, offer.most[j] - found[j])
        found[j] += more
        left -= more
    return tuple(found)
