"""Tax on gains and losses of a whole plan: each term nets its own first, then what is left of a loss nets the other."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from allocation.rules import Taxes

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates on net gains, as fractions: 1/5 for 20 %."""

    short: Fraction
    long: Fraction

    @classmethod
    def of(cls, taxes: Taxes) -> "Rates":
        """The rates of the rules, exact."""
        return cls(Fraction(taxes.short_term_rate), Fraction(taxes.long_term_rate))

    @property
    def any(self) -> bool:
        """Whether any gain is taxed at all."""
        return bool(self.short or self.long)


def tax_on(short: Fraction, long: Fraction, rates: Rates) -> Fraction:
    """Tax on a net short-term and a net long-term gain, in money (IRC §1222; Schedule D, lines 7, 15 and 16).

    A loss of one term lowers the gain of the other, which then is taxed at its own rate. A net loss pays nothing back.
    Never falls when a gain rises.
    """
    if short < 0:
        return rates.long * max(ZERO, short + long)
    if long < 0:
        return rates.short * max(ZERO, short + long)
    return rates.short * short + rates.long * long


def net_loss(short: Fraction, long: Fraction) -> Fraction:
    """What is left of the losses once they have offset every gain: money above or at zero, to be carried forward."""
    return max(ZERO, -(short + long))


def shares_of(amount: Fraction, claims: list[Fraction], otherwise: Callable[[], list[Fraction]]) -> list[Fraction]:
    """Divide an amount in proportion to claims; where no claim is above zero, in proportion to `otherwise`."""
    if not amount:
        return [ZERO] * len(claims)
    chosen = claims if any(claims) else otherwise()
    whole = sum(chosen, ZERO)
    return [amount * claim / whole for claim in chosen]
