"""What selling so many units of one position gains, and the stretches along which gains are linear."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from allocation.taxes.lots import LotSlice
from allocation.taxes.straight import corners
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
        short, long: gain of selling `low` steps.
        short_per_step, long_per_step: gain of each further step.
    """

    low: int
    high: int
    short: Fraction
    short_per_step: Fraction
    long: Fraction
    long_per_step: Fraction


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
        summed[each.lot.term] += gain * (each.quantity - units)
        disallowed -= gain * units
    return Gain(summed[Term.SHORT], summed[Term.LONG], disallowed)


def gain_runs(
    lots: Sequence[LotSlice], price: Decimal, increment: Decimal, replaced: Fraction = ZERO
) -> tuple[GainRun, ...]:
    """The gains of every sale of whole increments, as few linear runs as lots and wash sales leave.

    A run ends where a lot ends; where that is within an increment, that increment is a run by itself. Wash sales add the
    points from which on losses begin or cease to count. `replaced` as in `gain_of`.
    """
    if not replaced and not any(lot.recent for lot in lots):
        found, unit = corners(lots, price, increment)
        gains = {k: Gain(Fraction(short, unit), Fraction(long, unit)) for k, short, long in found}
    else:
        gains = _washed_gains(lots, price, Fraction(increment), replaced)
    return tuple(_joined(_run(low, high, gains[low], gains[high]) for low, high in pairwise(gains)))


def _washed_gains(lots: Sequence[LotSlice], price: Decimal, step: Fraction, replaced: Fraction) -> dict[int, Gain]:
    """The gains of the sales, in steps, between which gains are linear."""
    most = floor(sum((Fraction(lot.quantity) for lot in lots), ZERO) / step)
    stops = {0, most}
    for point in (*_lot_ends(lots), *_wash_corners(lots, price, replaced)):
        stops |= {k for k in (floor(point / step), ceil(point / step)) if k <= most}
    return {k: gain_of(lots, k * step, price, replaced) for k in sorted(stops)}


def _lot_ends(lots: Sequence[LotSlice]) -> Iterator[Fraction]:
    sold = ZERO
    for lot in lots:
        sold += Fraction(lot.quantity)
        yield sold


def _wash_corners(lots: Sequence[LotSlice], price: Decimal, replaced: Fraction) -> Iterator[Fraction]:
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


def _run(low: int, high: int, before: Gain, after: Gain) -> GainRun:
    steps = high - low
    short, long = (after.short - before.short) / steps, (after.long - before.long) / steps
    return GainRun(low + 1, high, before.short + short, short, before.long + long, long)


def _joined(runs: Iterator[GainRun]) -> Iterator[GainRun]:
    """Runs that go on in a straight line become one."""
    last: GainRun | None = None
    for run in runs:
        if last and (last.short_per_step, last.long_per_step) == (run.short_per_step, run.long_per_step):
            last = GainRun(last.low, run.high, last.short, last.short_per_step, last.long, last.long_per_step)
            continue
        if last:
            yield last
        last = run
    if last:
        yield last
