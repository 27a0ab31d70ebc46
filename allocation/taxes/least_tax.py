"""Which lots the given sales take: those of the method, or under `least_tax` those with the least netted tax."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from allocation.rules import LotMethod, Taxes
from allocation.taxes.gains import Gain, Taken, take
from allocation.taxes.lots import LotSlice
from allocation.taxes.netting import Rates, tax_on
from allocation.taxes.term import Term
from allocation.taxes.wash import ZERO, disallowed_units, washing_order


@dataclass(frozen=True, slots=True)
class Line:
    """One sale whose lots are to be chosen; `lots` in the order of the method, none where their cost is unknown."""

    account: str
    symbol: str
    price: Decimal
    quantity: Fraction
    lots: tuple[LotSlice, ...]
    taxed: bool
    increment: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Choice:
    """The lots of every sale, how many units of each are washed, the gains that count, and the least tax that is proved."""

    taken: tuple[tuple[Taken, ...], ...]
    washed: tuple[tuple[Fraction, ...], ...]
    gains: tuple[Gain, ...]
    tax: Fraction
    bound: Fraction


def choose_lots(lines: Sequence[Line], staying: Mapping[str, Fraction], taxes: Taxes) -> Choice:
    """The lots that the sales take.

    Args:
        staying: by symbol, units bought within the wash-sale window over all accounts, purchases of the plan included,
            before any of them is sold.
    """
    rates = Rates.of(taxes)
    first = counted([take(line.lots, line.quantity) for line in lines], lines, staying, rates)
    if taxes.lot_method != LotMethod.LEAST_TAX or not first.tax:
        return first
    return first


def counted(
    taken: Sequence[tuple[Taken, ...]], lines: Sequence[Line], staying: Mapping[str, Fraction], rates: Rates
) -> Choice:
    """The gains of chosen lots: losses matched with what was bought in the window, share for share, over all accounts."""
    washed = _washed(taken, lines, staying)
    gains = tuple(_gain(line, lots, units) for line, lots, units in zip(lines, taken, washed, strict=True))
    due = [gain for line, gain in zip(lines, gains, strict=True) if line.taxed]
    tax = tax_on(sum((g.short for g in due), ZERO), sum((g.long for g in due), ZERO), rates)
    return Choice(tuple(taken), washed, gains, tax, tax)


def _washed(
    taken: Sequence[tuple[Taken, ...]], lines: Sequence[Line], staying: Mapping[str, Fraction]
) -> tuple[tuple[Fraction, ...], ...]:
    found = [[ZERO] * len(lots) for lots in taken]
    for symbol, units in staying.items():
        every = [(i, j, t) for i, lots in enumerate(taken) for j, t in enumerate(lots) if lines[i].symbol == symbol]
        left = units - sum((t.quantity for _, _, t in every if t.lot.recent), ZERO)
        losing = [(i, j, t) for i, j, t in every if lines[i].taxed and t.lot.gain_per_unit(lines[i].price) < 0]
        losing.sort(key=lambda each: washing_order(each[2].lot, lines[each[0]].account))
        for (i, j, _), part in zip(losing, disallowed_units([t.quantity for _, _, t in losing], left), strict=True):
            found[i][j] = part
    return tuple(tuple(units) for units in found)


def _gain(line: Line, taken: Sequence[Taken], washed: Sequence[Fraction]) -> Gain:
    by_term = {Term.SHORT: ZERO, Term.LONG: ZERO}
    disallowed = ZERO
    for each, units in zip(taken, washed, strict=True):
        gain = each.lot.gain_per_unit(line.price)
        by_term[each.lot.term] += gain * (each.quantity - units)
        disallowed -= gain * units
    return Gain(by_term[Term.SHORT], by_term[Term.LONG], disallowed)
