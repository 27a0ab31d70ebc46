"""The tax on net gains: losses offset gains of their own term first, then of the other; a net loss pays nothing back.

The tax is linear on each of four pieces of the plane of net short-term and long-term gains, which meet where one of the
gains or their sum is zero. So over a box of gains its least, and that of anything linear added to it, is at a corner of
these pieces. It is not convex: with a rate of s on short-term gains S and a lower l on long-term gains L it is
max(0, l(S + L), sS + lL) where L ≥ 0 and max(0, s(S + L)) where L ≤ 0, and the other way round where l is higher.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from fractions import Fraction
from math import lcm

from allocation.solver.question import TaxRates


def netted_tax(rates: TaxRates, short: int, long: int) -> Fraction:
    """The tax on a net short-term and a net long-term gain (IRC §1222; Schedule D, lines 7, 15 and 16)."""
    if short >= 0 and long >= 0:
        return rates.short * short + rates.long * long
    return (rates.long if long > short else rates.short) * max(0, short + long)


def taxes_by_purse(rates: TaxRates, gains: list[tuple[int, int]]) -> list[Fraction]:
    """What every purse pays: the tax on all gains together, shared in proportion to the tax on its gains alone.

    A tax that nobody would owe alone (short-term gains are untaxed and meet another purse's losses) is shared in
    proportion to the net gains.
    """
    total = netted_tax(rates, sum(short for short, _ in gains), sum(long for _, long in gains))
    alone = [netted_tax(rates, short, long) for short, long in gains]
    if total and not any(alone):
        alone = [Fraction(max(0, short + long)) for short, long in gains]
    whole = sum(alone)
    return [total * own / whole if whole else Fraction(0) for own in alone]


class Piece(Enum):
    """Where the tax is linear."""

    NOTHING_DUE = auto()
    BOTH_GAINS = auto()
    SHORT_AFTER_LONG_LOSS = auto()
    LONG_AFTER_SHORT_LOSS = auto()


@dataclass(frozen=True, slots=True)
class Box:
    """Net gains within reach, in grains, by term."""

    short_low: int
    short_high: int
    long_low: int
    long_high: int

    def within(self, other: "Box") -> "Box | None":
        """What two boxes have in common; None where that is nothing."""
        short_low, short_high = max(self.short_low, other.short_low), min(self.short_high, other.short_high)
        long_low, long_high = max(self.long_low, other.long_low), min(self.long_high, other.long_high)
        if short_low > short_high or long_low > long_high:
            return None
        return Box(short_low, short_high, long_low, long_high)

    @property
    def piece(self) -> Piece | None:
        """The piece that holds all of it; None where it reaches across."""
        if self.short_high + self.long_high <= 0:
            return Piece.NOTHING_DUE
        if self.short_low >= 0 and self.long_low >= 0:
            return Piece.BOTH_GAINS
        if self.short_low + self.long_low >= 0 and self.long_high <= 0:
            return Piece.SHORT_AFTER_LONG_LOSS
        if self.short_low + self.long_low >= 0 and self.short_high <= 0:
            return Piece.LONG_AFTER_SHORT_LOSS
        return None

    @property
    def corners(self) -> list[tuple[int, int]]:
        """The corners of all pieces within it, by short-term and long-term gain."""
        if self.piece is not None:
            ends = (self.short_low, self.short_high), (self.long_low, self.long_high)
            return [(short, long) for short in set(ends[0]) for long in set(ends[1])]
        shorts = [self.short_low, self.short_high, *([0] if self.short_low < 0 < self.short_high else [])]
        longs = [self.long_low, self.long_high, *([0] if self.long_low < 0 < self.long_high else [])]
        found = [(short, long) for short in shorts for long in longs]
        found += [(short, -short) for short in shorts if self.long_low <= -short <= self.long_high]
        return found + [(-long, long) for long in longs if self.short_low <= -long <= self.short_high]

    def convex_parts(self, rates: TaxRates) -> list["Box"]:
        """The parts over which the tax is convex: one or two."""
        if rates.short > rates.long and self.long_low < 0 < self.long_high:
            return [replace(self, long_low=0), replace(self, long_high=0)]
        if rates.short < rates.long and self.short_low < 0 < self.short_high:
            return [replace(self, short_low=0), replace(self, short_high=0)]
        return [self]


def whole_tax(rates: TaxRates) -> Callable[[int, int], int]:
    """The tax on net gains in whole grains, which the model's grain makes sure of."""
    parts = lcm(rates.short.denominator, rates.long.denominator)
    short_rate, long_rate = int(rates.short * parts), int(rates.long * parts)

    def tax(short: int, long: int) -> int:
        if short >= 0 and long >= 0:
            owed = short_rate * short + long_rate * long
        else:
            owed = (long_rate if long > short else short_rate) * max(0, short + long)
        return owed // parts

    return tax


class Levy:
    """What the tax costs at a price, less what net gains are paid for at theirs: all that couples taxed sales."""

    def __init__(self, tax: Callable[[int, int], int], prices: tuple[int, int, int], reach: Box) -> None:
        """`prices` of a grain of tax, of short-term and of long-term gain; `reach` holds all gains to be looked at."""
        self._tax, self.reach = tax, reach
        self._price, self._short, self._long = prices
        self.best = min(reach.corners, key=lambda gains: (self.cost(*gains), gains))
        self.least = self.cost(*self.best)

    def cost(self, short: int, long: int) -> int:
        """The folded cost of net gains."""
        return self._price * self._tax(short, long) - self._short * short - self._long * long

    def regret_within(self, gains: Box) -> int | None:
        """What the cheapest of some gains costs beyond the cheapest of all; None where none is in reach."""
        reached = gains.within(self.reach)
        return None if reached is None else min(self.cost(*each) for each in reached.corners) - self.least
