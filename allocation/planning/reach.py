"""The least money in at which every line reaches its target, or its band, by buying alone.

A line that is too heavy becomes light enough only as the whole grows; one that is too light is bought. So each line sets
a least size of the whole, and what the purchases cost must be there in cash. `least_contribution` finds that size from
below: first as if everything came in fractions, then, where lines come in whole steps, by adding what is still lacking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

# Contributions come in whole cents.
CENT = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Reach:
    """One line and where it has to come to rest.

    Attributes:
        name: a symbol or a class.
        held: its value now, in money.
        lowest, highest: the weights between which it counts as reached, as fractions of the whole.
        step: what its smallest purchase costs; it may miss either weight by less than that. 0 for fractions.
        may_buy: whether it can be bought at all.
    """

    name: str
    held: Fraction
    lowest: Fraction
    highest: Fraction
    step: Fraction = Fraction(0)
    may_buy: bool = True

    @property
    def least_whole(self) -> Fraction | None:
        """No smaller whole has it as a small enough part; None where not even the largest has."""
        if self.held <= self.step:
            return Fraction(0)
        return (self.held - self.step) / self.highest if self.highest else None

    def too_heavy(self, whole: Fraction) -> bool:
        """Whether it is more of this whole than it should be, by a step or more."""
        excess = self.held - self.highest * whole
        return excess >= self.step if self.step else excess > 0

    def missing(self, whole: Fraction) -> Fraction:
        """What must be bought of it when everything together is worth this much."""
        short = self.lowest * whole - self.held
        if short <= 0:
            return Fraction(0)
        return self.step * floor(short / self.step) if self.step else short

    def missing_at_least(self, whole: Fraction) -> Fraction:
        """A lower bound on `missing` without the jumps of whole steps."""
        return max(Fraction(0), self.lowest * whole - self.step - self.held)


def never_reached(lines: Sequence[Reach]) -> tuple[str, ...]:
    """The lines that no contribution brings to their place: held, and not wanted at all."""
    return tuple(line.name for line in lines if line.least_whole is None)


def kept_from_buying(lines: Sequence[Reach], whole: Fraction) -> tuple[str, ...]:
    """The lines that would have to be bought in a whole of this size, and may not be."""
    return tuple(line.name for line in lines if not line.may_buy and line.missing(whole))


def least_contribution(lines: Sequence[Reach], now: Fraction) -> Fraction:
    """The least money in, in whole cents.

    Args:
        lines: none of them `never_reached`; their lowest weights sum to one at most.
        now: the value of everything before the contribution, cash included; cash may be negative.
    """
    held = sum((line.held for line in lines), Fraction(0))
    size = _least_in_fractions(lines, held, max([now, *(line.least_whole or Fraction(0) for line in lines)]))
    money = ceil((size - now) / CENT) * CENT
    while True:
        whole = now + money
        lacking = sum((line.missing(whole) for line in lines), held) - whole
        if lacking <= 0 and not any(line.too_heavy(whole) for line in lines):
            return money
        # Each further cent of whole pays for at most a cent of what is lacking, so no answer is passed over.
        money += max(CENT, ceil(lacking / CENT) * CENT)


def _least_in_fractions(lines: Sequence[Reach], held: Fraction, whole: Fraction) -> Fraction:
    """The least whole from this one up that pays for the lower bounds on what is missing.

    What is lacking is convex in the whole and piecewise linear, so Newton's steps approach its end from below and meet
    it after one step for each line at most.
    """
    while True:
        lacking = sum((line.missing_at_least(whole) for line in lines), held) - whole
        if lacking <= 0:
            return whole
        whole += lacking / (1 - sum(line.lowest for line in lines if line.missing_at_least(whole)))
