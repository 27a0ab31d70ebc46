"""The tax on net gains: losses offset gains of their own term first, then of the other; a net loss pays nothing back."""

from fractions import Fraction

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
