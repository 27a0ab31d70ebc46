"""Which lots the given sales take: those of the method, or under `least_tax` those with the least netted tax.

Source of the structure: the tax of docs/taxes.md as the smaller of a convex function and a multiple of the total gain.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import gcd, lcm

from allocation.planning.exact import common_denominator, in_units
from allocation.rules import LotMethod, Taxes
from allocation.taxes.bundles import Bundle, Counts, Stock
from allocation.taxes.counting import Choice, Line, counted
from allocation.taxes.gains import Taken, take
from allocation.taxes.lot_search import search
from allocation.taxes.lots import LotSlice, in_order
from allocation.taxes.netting import Rates
from allocation.taxes.relaxed import Scale
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
    model = _Model.of(lines, staying, rates)
    found = search(model.bundles, model.scale, first.tax * model.unit)
    best = first if found.counts is None else counted(model.taken(lines, found.counts), lines, staying, rates)
    return replace(best, bound=min(best.tax, found.bound / model.unit))


@dataclass(frozen=True, slots=True)
class _Model:
    """The taxable sales with known lots, in whole numbers.

    Attributes:
        bundles: what is chosen together.
        chosen: which lines the sales of each bundle are; `parts` is how many units one part of each is.
        unit: whole numbers of tax to one unit of money.
    """

    bundles: tuple[Bundle, ...]
    chosen: tuple[tuple[int, ...], ...]
    parts: tuple[tuple[Fraction, ...], ...]
    scale: Scale
    unit: int

    @classmethod
    def of(cls, lines: Sequence[Line], staying: Mapping[str, Fraction], rates: Rates) -> "_Model":
        sketches = [_Sketch.of(lines, at, left) for at, left in _together(lines, staying)]
        dear = Term.SHORT if rates.short >= rates.long else Term.LONG
        money = lcm(*(sketch.money.denominator for sketch in sketches))
        rate = lcm(rates.short.denominator, rates.long.denominator)
        high, low = max(rates.short, rates.long), min(rates.short, rates.long)
        return cls(
            tuple(sketch.bundle(lines, money, dear) for sketch in sketches),
            tuple(sketch.at for sketch in sketches),
            tuple(sketch.parts for sketch in sketches),
            Scale(int(high * rate), int(low * rate)),
            money * rate,
        )

    def taken(self, lines: Sequence[Line], counts: Sequence[Counts]) -> list[tuple[Taken, ...]]:
        """The lots of every line, the chosen ones by counts of their parts."""
        found = [take(line.lots, line.quantity) for line in lines]
        for chosen, parts, each in zip(self.chosen, self.parts, counts, strict=True):
            for i, part, taken in zip(chosen, parts, each, strict=True):
                found[i] = tuple(Taken(lot, n * part) for lot, n in zip(lines[i].lots, taken, strict=True) if n)
        return found


def _together(lines: Sequence[Line], staying: Mapping[str, Fraction]) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    """The taxable sales with known lots: those of one security by itself, where some of what was bought may wash a loss."""
    by_symbol: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        if line.taxed and line.lots:
            by_symbol.setdefault(line.symbol, []).append(i)
    for symbol, at in by_symbol.items():
        left = staying.get(symbol, ZERO) - _sold_untaxed(lines, symbol)
        if left > 0 and any(_loses(lines[i], lot) for i in at for lot in lines[i].lots):
            yield tuple(at), left
        else:
            yield from (((i,), ZERO) for i in at)


def _sold_untaxed(lines: Sequence[Line], symbol: str) -> Fraction:
    """Units bought in the window that accounts without tax sell again."""
    untaxed = (line for line in lines if line.symbol == symbol and not line.taxed)
    return sum((t.quantity for line in untaxed for t in take(line.lots, line.quantity) if t.lot.recent), ZERO)


def _loses(line: Line, lot: LotSlice) -> bool:
    return lot.unit_cost > line.price


@dataclass(frozen=True, slots=True)
class _Sketch:
    """A bundle before its money is whole.

    Attributes:
        at: which lines; `parts` is how many units one part of each is.
        unit: the largest quantity that divides the parts and what stays.
        money: of which so much as `unit` of any lot gains a whole number of times.
    """

    at: tuple[int, ...]
    parts: tuple[Fraction, ...]
    staying: Fraction
    unit: Fraction
    money: Fraction

    @classmethod
    def of(cls, lines: Sequence[Line], at: tuple[int, ...], staying: Fraction) -> "_Sketch":
        parts = tuple(part_of(lines[i]) for i in at)
        unit = largest_divisor([staying, *parts])
        cents = lcm(*(common_denominator([lines[i].price, *(lot.unit_cost for lot in lines[i].lots)]) for i in at))
        return cls(at, parts, staying, unit, unit / cents)

    def bundle(self, lines: Sequence[Line], money: int, dear: Term) -> Bundle:
        """The bundle with gains counted in parts of money so small that all are whole."""
        sizes = tuple(int(part / self.unit) for part in self.parts)
        stocks = tuple(
            _stock(lines[i], part, self.unit * size * money, dear)
            for i, part, size in zip(self.at, self.parts, sizes, strict=True)
        )
        if not self.staying:
            return Bundle(stocks)
        spots = [(n, j, lot) for n, i in enumerate(self.at) for j, lot in enumerate(lines[i].lots)]
        losing = [each for each in spots if _loses(lines[self.at[each[0]]], each[2])]
        losing.sort(key=lambda each: washing_order(each[2], lines[self.at[each[0]]].account))
        recent = tuple((n, j) for n, j, lot in spots if lot.recent)
        return Bundle(stocks, sizes, int(self.staying / self.unit), recent, tuple((n, j) for n, j, _ in losing))


def _stock(line: Line, part: Fraction, money: Fraction, dear: Term) -> Stock:
    """A sale in parts, its gains per unit multiplied by `money`."""
    cents = common_denominator([line.price, *(lot.unit_cost for lot in line.lots)])
    price, each = in_units(line.price, cents), int(money / cents)
    return Stock(
        int(line.quantity / part),
        tuple(_count(lot.quantity, part) for lot in line.lots),
        tuple((price - in_units(lot.unit_cost, cents)) * each for lot in line.lots),
        tuple(lot.term == dear for lot in line.lots),
    )


def _count(quantity: Decimal, part: Fraction) -> int:
    above, below = quantity.as_integer_ratio()
    return above * part.denominator // (below * part.numerator)


def part_of(line: Line) -> Fraction:
    """The largest quantity that divides the increment, every lot and the sale: a lot is sold in whole parts of it."""
    below = lcm(line.quantity.denominator, common_denominator([line.increment, *(lot.quantity for lot in line.lots)]))
    sizes = [in_units(line.increment, below), *(in_units(lot.quantity, below) for lot in line.lots)]
    return Fraction(gcd(int(line.quantity * below), *sizes), below)


def largest_divisor(sizes: Sequence[Fraction]) -> Fraction:
    """The largest quantity of which every size is a whole number."""
    below = lcm(*(size.denominator for size in sizes))
    return Fraction(gcd(*(int(size * below) for size in sizes)), below)
