"""What chosen lots come to: wash sales matched over all accounts, gains by term, and the tax of all sales together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from allocation.taxes.gains import Gain, Taken, by_term
from allocation.taxes.lots import LotSlice
from allocation.taxes.netting import Rates, tax_on
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
    """The lots of every sale, how many units of each are washed, the gains that count, the tax, and the least tax proved.

    `gains` are zero for accounts that are not taxed.
    """

    taken: tuple[tuple[Taken, ...], ...]
    washed: tuple[tuple[Fraction, ...], ...]
    gains: tuple[Gain, ...]
    tax: Fraction
    bound: Fraction


def counted(
    taken: Sequence[tuple[Taken, ...]], lines: Sequence[Line], staying: Mapping[str, Fraction], rates: Rates
) -> Choice:
    """The gains and the tax of chosen lots.

    Args:
        taken: the lots of each line.
        staying: by symbol, units bought within the wash-sale window over all accounts, purchases of the plan included,
            before any of them is sold.
    """
    washed = _washed(taken, lines, staying)
    gains = tuple(
        by_term(lots, [t.lot.gain_per_unit(line.price) for t in lots], units) if line.taxed else Gain()
        for line, lots, units in zip(lines, taken, washed, strict=True)
    )
    tax = tax_on(sum((g.short for g in gains), ZERO), sum((g.long for g in gains), ZERO), rates)
    return Choice(tuple(taken), washed, gains, tax, tax)


def _washed(
    taken: Sequence[tuple[Taken, ...]], lines: Sequence[Line], staying: Mapping[str, Fraction]
) -> tuple[tuple[Fraction, ...], ...]:
    """How many units of each lot sold lose their loss, share for share, the oldest lots first."""
    found = [[ZERO] * len(lots) for lots in taken]
    for symbol, units in staying.items():
        every = [(i, j, t) for i, lots in enumerate(taken) if lines[i].symbol == symbol for j, t in enumerate(lots)]
        left = units - sum((t.quantity for _, _, t in every if t.lot.recent), ZERO)
        losing = [(i, j, t) for i, j, t in every if lines[i].taxed and t.lot.gain_per_unit(lines[i].price) < 0]
        losing.sort(key=lambda each: washing_order(each[2].lot, lines[each[0]].account))
        for (i, j, _), part in zip(losing, disallowed_units([t.quantity for _, _, t in losing], left), strict=True):
            found[i][j] = part
    return tuple(tuple(units) for units in found)
