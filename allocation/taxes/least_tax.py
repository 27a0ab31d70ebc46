"""Which lots the given sales take: those of the method, or under `least_tax` those with the least netted tax.

Source of the structure: the tax of docs/taxes.md as the smaller of a convex function and a multiple of the total gain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

from allocation.rules import LotMethod, Taxes
from allocation.taxes.counting import Choice, Line, counted
from allocation.taxes.gains import Taken, take
from allocation.taxes.lot_search import search
from allocation.taxes.lots import in_order
from allocation.taxes.netting import Rates
from allocation.taxes.offers import Stock, Wash
from allocation.taxes.relaxed import Counts, Scale
from allocation.taxes.term import Term
from allocation.taxes.wash import ZERO, washing_order

_OTHER_ORDERS = (LotMethod.HIFO, LotMethod.FIFO, LotMethod.LIFO, LotMethod.SPECIFIED)


def choose_lots(lines: Sequence[Line], staying: Mapping[str, Fraction], taxes: Taxes) -> Choice:
    """The lots that the sales take, with the least tax that any choice for them could have.

    Under `least_tax`: never more tax than another order of lots at the same sales; proved to be the least where `bound`
    equals `tax`, which only a very long search can miss. Among equals, the least rate·gain per unit is sold.

    Args:
        staying: by symbol, units bought within the wash-sale window over all accounts, purchases of the plan included,
            before any of them is sold.
    """
    rates = Rates.of(taxes)
    first = counted([take(line.lots, line.quantity) for line in lines], lines, staying, rates)
    if taxes.lot_method != LotMethod.LEAST_TAX or not first.tax:
        return first
    best = _searched(first, lines, staying, rates)
    if best.bound == best.tax:
        return best
    for method in _OTHER_ORDERS:
        other = counted(_taken_by(method, lines, taxes), lines, staying, rates)
        best = replace(other, bound=best.bound) if other.tax < best.tax else best
    return best


def _taken_by(method: LotMethod, lines: Sequence[Line], taxes: Taxes) -> list[tuple[Taken, ...]]:
    ordered = replace(taxes, lot_method=method)
    found = []
    for line in lines:
        as_given = sorted(line.lots, key=lambda lot: lot.place)
        lots = in_order(as_given, ordered, line.price) if line.taxed else line.lots
        found.append(take(lots, line.quantity))
    return found


def _searched(first: Choice, lines: Sequence[Line], staying: Mapping[str, Fraction], rates: Rates) -> Choice:
    model = _Model.of(lines, rates)
    found = search(model.stocks, model.washes(staying), model.scale, first.tax * model.unit)
    best = first if found.counts is None else counted(model.taken(found.counts), lines, staying, rates)
    return replace(best, bound=min(best.tax, found.bound / model.unit))


@dataclass(frozen=True, slots=True)
class _Model:
    """The taxable sales with known lots, in whole numbers.

    Attributes:
        chosen: which lines they are; `parts` is how many units one part of each is.
        unit: whole numbers of tax to one unit of money.
    """

    lines: Sequence[Line]
    chosen: tuple[int, ...]
    parts: tuple[Fraction, ...]
    stocks: tuple[Stock, ...]
    scale: Scale
    unit: int

    @classmethod
    def of(cls, lines: Sequence[Line], rates: Rates) -> "_Model":
        chosen = tuple(i for i, line in enumerate(lines) if line.taxed and line.lots)
        parts = tuple(part_of(lines[i]) for i in chosen)
        gains = [
            [lot.gain_per_unit(lines[i].price) * part for lot in lines[i].lots]
            for i, part in zip(chosen, parts, strict=True)
        ]
        money = lcm(*(gain.denominator for each in gains for gain in each))
        rate = lcm(rates.short.denominator, rates.long.denominator)
        dear = Term.SHORT if rates.short >= rates.long else Term.LONG
        stocks = tuple(
            Stock(
                int(lines[i].quantity / part),
                tuple(int(Fraction(lot.quantity) / part) for lot in lines[i].lots),
                tuple(int(gain * money) for gain in each),
                tuple(lot.term == dear for lot in lines[i].lots),
            )
            for i, part, each in zip(chosen, parts, gains, strict=True)
        )
        high, low = max(rates.short, rates.long), min(rates.short, rates.long)
        return cls(lines, chosen, parts, stocks, Scale(int(high * rate), int(low * rate)), money * rate)

    def washes(self, staying: Mapping[str, Fraction]) -> list[Wash]:
        """The securities bought within the window, of which the lots of chosen sales may lose."""
        found = []
        for symbol, units in sorted(staying.items()):
            at = {n: self.parts[n] for n, i in enumerate(self.chosen) if self.lines[i].symbol == symbol}
            every = [(n, j, lot) for n in at for j, lot in enumerate(self.lines[self.chosen[n]].lots)]
            losing = [each for each in every if self.stocks[each[0]].gains[each[1]] < 0]
            losing.sort(key=lambda each: washing_order(each[2], self.lines[self.chosen[each[0]]].account))
            recent = tuple((n, j) for n, j, lot in every if lot.recent)
            left = units - self._sold_untaxed(symbol)
            if losing and left > 0:
                found.append(Wash(left, recent, tuple((n, j) for n, j, _ in losing), at))
        return found

    def taken(self, counts: Counts) -> list[tuple[Taken, ...]]:
        """The lots of every line, the chosen ones by counts of their parts."""
        found = [take(line.lots, line.quantity) for line in self.lines]
        for i, part, taken in zip(self.chosen, self.parts, counts, strict=True):
            lots = self.lines[i].lots
            found[i] = tuple(Taken(lot, n * part) for lot, n in zip(lots, taken, strict=True) if n)
        return found

    def _sold_untaxed(self, symbol: str) -> Fraction:
        """Units bought in the window that accounts without tax sell again."""
        untaxed = (line for line in self.lines if line.symbol == symbol and not line.taxed)
        return sum((t.quantity for line in untaxed for t in take(line.lots, line.quantity) if t.lot.recent), ZERO)


def part_of(line: Line) -> Fraction:
    """The largest quantity that divides the increment, every lot and the sale: a lot is sold in whole parts of it."""
    sizes = [Fraction(line.increment), line.quantity, *(Fraction(lot.quantity) for lot in line.lots)]
    below = lcm(*(size.denominator for size in sizes))
    return Fraction(gcd(*(int(size * below) for size in sizes)), below)
