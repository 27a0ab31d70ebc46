"""What selling so many units of one position gains, and the stretches along which gains are linear."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from math import ceil, floor, lcm

from allocation.taxes.lots import LotSlice
from allocation.taxes.straight import Corner, corners
from allocation.taxes.term import Term
from allocation.taxes.wash import ZERO, disallowed_units, washing_order


@dataclass(frozen=True, slots=True)
class Taken:
    """Units of one lot that a sale takes."""

    lot: LotSlice
    quantity: Fraction


@dataclass(frozen=True, slots=True)
class Gain:
    """Taxable gain by term, in money; negative for a loss. `disallowed` is the loss that does not count, above zero."""

    short: Fraction = ZERO
    long: Fraction = ZERO
    disallowed: Fraction = ZERO


@dataclass(frozen=True, slots=True)
class GainRun:
    """Neighbouring sales along which gains are linear: from `low` to `high` steps sold, both above zero.

    Attributes:
        short, long: gain of selling `low` steps, in the grain that was asked for.
        short_per_step, long_per_step: gain of each further step.
    """

    low: int
    high: int
    short: Fraction | int
    short_per_step: Fraction | int
    long: Fraction | int
    long_per_step: Fraction | int


def take(lots: Sequence[LotSlice], quantity: Decimal | Fraction) -> tuple[Taken, ...]:
    """The units of each lot that a sale of so many units takes, in the order of the lots."""
    found, left = [], Fraction(quantity)
    for lot in lots:
        if left <= 0:
            break
        units = min(left, Fraction(lot.quantity))
        found.append(Taken(lot, units))
        left -= units
    return tuple(found)


def gain_of(lots: Sequence[LotSlice], quantity: Decimal | Fraction, price: Decimal, replaced: Fraction = ZERO) -> Gain:
    """Gain of selling so many units at a price, exactly; nothing where no lots are known.

    Args:
        replaced: units bought within the wash-sale window that stay elsewhere: in other accounts, or bought by the plan.
            What remains here of lots bought in the window is counted by itself.
    """
    taken = take(lots, quantity)
    staying = sum((Fraction(lot.quantity) for lot in lots if lot.recent), replaced)
    staying -= sum((each.quantity for each in taken if each.lot.recent), ZERO)
    by_age = sorted(taken, key=lambda each: washing_order(each.lot, ""))
    gains = [each.lot.gain_per_unit(price) for each in by_age]
    losing = [each.quantity if gain < 0 else ZERO for each, gain in zip(by_age, gains, strict=True)]
    washed = disallowed_units(losing, staying)
    return by_term(by_age, gains, washed)


def by_term(taken: Sequence[Taken], gains: Sequence[Fraction], washed: Sequence[Fraction]) -> Gain:
    """The gain of units taken, by term, without the units whose loss is washed."""
    summed = {Term.SHORT: ZERO, Term.LONG: ZERO}
    disallowed = ZERO
    for each, gain, units in zip(taken, gains, washed, strict=True):
        summed[each.lot.term] += gain * (each.quantity - units if units else each.quantity)
        if units:
            disallowed -= gain * units
    return Gain(summed[Term.SHORT], summed[Term.LONG], disallowed)


def gain_runs(
    lots: Sequence[LotSlice], price: Decimal, increment: Decimal, replaced: Fraction = ZERO, grains: int = 1
) -> tuple[GainRun, ...]:
    """The gains of every sale of whole increments, as few linear runs as lots and wash sales leave.

    A run ends where a lot ends; where that is within an increment, that increment is a run by itself. Wash sales add the
    points from which on losses begin or cease to count.

    Args:
        replaced: as in `gain_of`.
        grains: how many grains one unit of money is; gains are counted in grains.
    """
    if replaced or any(lot.recent for lot in lots):
        found, unit = _washed_corners(lots, price, Fraction(increment), replaced)
    else:
        found, unit = corners(lots, price, increment)
    return tuple(_runs(found, Fraction(grains, unit)))


def _washed_corners(
    lots: Sequence[LotSlice], price: Decimal, step: Fraction, replaced: Fraction
) -> tuple[list[Corner], int]:
    """As `corners`, where some losses do not count."""
    most = floor(sum((Fraction(lot.quantity) for lot in lots), ZERO) / step)
    stops = {0, most}
    for point in (*_lot_ends(lots), *_wash_bends(lots, price, replaced)):
        stops |= {k for k in (floor(point / step), ceil(point / step)) if k <= most}
    gains = {k: gain_of(lots, k * step, price, replaced) for k in sorted(stops)}
    unit = lcm(*(amount.denominator for gain in gains.values() for amount in (gain.short, gain.long)))
    return [(k, int(gain.short * unit), int(gain.long * unit)) for k, gain in gains.items()], unit


def _lot_ends(lots: Sequence[LotSlice]) -> Iterator[Fraction]:
    sold = ZERO
    for lot in lots:
        sold += Fraction(lot.quantity)
        yield sold


def _wash_bends(lots: Sequence[LotSlice], price: Decimal, replaced: Fraction) -> Iterator[Fraction]:
    """Quantities sold at which what was bought in the window is just used up by the losses up to some lot.

    While one lot is being sold, the losses of it and of older lots grow by one unit for one, and what stays of recent
    lots shrinks by one where it is recent: two straight lines, which meet at most once.
    """
    staying = sum((Fraction(lot.quantity) for lot in lots if lot.recent), replaced)
    if staying <= 0:
        return
    losing: list[tuple[LotSlice, Fraction]] = []
    sold = ZERO
    for lot in lots:
        size = Fraction(lot.quantity)
        loses = lot.gain_per_unit(price) < 0
        ages = sorted([*(other for other, _ in losing), *([lot] if loses else [])], key=lambda o: washing_order(o, ""))
        for reached in ages:
            upto = [o for o in ages if washing_order(o, "") <= washing_order(reached, "")]
            before = sum((units for other, units in losing if other in upto), ZERO)
            speed = (lot in upto) + lot.recent
            if speed and 0 < (staying - before) / speed < size:
                yield sold + (staying - before) / speed
        if loses:
            losing.append((lot, size))
        if lot.recent:
            staying -= size
        sold += size


def _runs(found: Sequence[Corner], grain: Fraction) -> Iterator[GainRun]:
    """From each corner at which gains bend to the next."""
    before = found[0] if found else None
    for here, after in zip_longest(found[1:], found[2:]):
        if before and (after is None or _bends(before, here, after)):
            yield _run(before, here, grain)
            before = here


def _bends(before: Corner, here: Corner, after: Corner) -> bool:
    """Whether gains leave a straight line here."""
    back, ahead = here[0] - before[0], after[0] - here[0]
    return (here[1] - before[1]) * ahead != (after[1] - here[1]) * back or (
        (here[2] - before[2]) * ahead != (after[2] - here[2]) * back
    )


def _run(before: Corner, after: Corner, grain: Fraction) -> GainRun:
    """The sales after one corner up to the next."""
    steps, above, below = after[0] - before[0], grain.numerator, grain.denominator
    short, long = (after[1] - before[1]) * above, (after[2] - before[2]) * above
    return GainRun(
        before[0] + 1,
        after[0],
        _ratio(before[1] * above * steps + short, below * steps),
        _ratio(short, below * steps),
        _ratio(before[2] * above * steps + long, below * steps),
        _ratio(long, below * steps),
    )


def _ratio(above: int, below: int) -> Fraction | int:
    whole, rest = divmod(above, below)
    return Fraction(above, below) if rest else whole
