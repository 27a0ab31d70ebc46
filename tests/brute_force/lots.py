"""Which lots a sale takes, by every method; holding periods; what was bought lately."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import product
from math import gcd

from tests.brute_force.question import Lot, Question, exact
from tests.brute_force.trades import Line, Trade

ZERO = Fraction(0)
MATCHED_AHEAD = 30


@dataclass(frozen=True)
class Sold:
    """Units of one lot; `washed` of them lose without counting."""

    account: int
    symbol: str
    place: int
    lot: Lot
    quantity: Fraction
    per_unit: Fraction
    washed: Fraction = ZERO

    @property
    def gain(self) -> Fraction:
        """The gain that counts."""
        return self.per_unit * (self.quantity - self.washed)


Choice = tuple[Sold, ...]


def choices(question: Question, lines: Sequence[Line], plan: Sequence[Trade]) -> Iterator[Choice]:
    """Every choice of lots that the method leaves for the plan's sales; only `least_tax` leaves more than one."""
    sales = [(line, -t.quantity) for line, t in zip(lines, plan, strict=True) if t.steps < 0]
    if method_of(question) == "share_pool":
        yield tuple(_from_pools(question, sales))
        return
    splits = [list(_splits(question, line, quantity)) for line, quantity in sales]
    for chosen in product(*splits):
        yield tuple(sold for each in chosen for sold in each)


def method_of(question: Question) -> str:
    return str(question.number("taxes", "lot_method", default="least_tax"))


def lots_of(question: Question, line: Line) -> list[tuple[int, Lot]]:
    """The lots of the line's position with their places."""
    return list(enumerate(question.accounts[line.account].lots.get(line.symbol, ())))


def _splits(question: Question, line: Line, quantity: Fraction) -> Iterator[Choice]:
    """The lots that the sale takes: one way, or for `least_tax` every way."""
    taxable, lots, method = question.accounts[line.account].taxable, lots_of(question, line), method_of(question)
    if not lots:
        yield ()
    elif method == "least_tax" and taxable:
        for units in _every_split(quantity, [lot.quantity for _, lot in lots], question.increment(line.symbol)):
            yield tuple(_sold(question, line, p, lot, u) for (p, lot), u in zip(lots, units, strict=True) if u)
    elif method == "average_cost":
        yield tuple(_in_order(question, line, _averaged(_by_age(lots)), quantity))
    else:
        yield tuple(_in_order(question, line, _ordered(method, lots), quantity))


def _every_split(quantity: Fraction, sizes: list[Fraction], increment: Fraction) -> Iterator[tuple[Fraction, ...]]:
    """Every way to take so many units from lots of these sizes, in whole multiples of `divisor`."""
    unit = divisor([increment, *sizes])
    counts = [range(int(min(size, quantity) / unit) + 1) for size in sizes[:-1]]
    for chosen in product(*counts):
        last = quantity - sum(chosen) * unit
        if 0 <= last <= sizes[-1]:
            yield (*(k * unit for k in chosen), last)


def divisor(amounts: list[Fraction]) -> Fraction:
    """The largest quantity that divides all of these."""
    denominator = 1
    for amount in amounts:
        denominator = denominator * amount.denominator // gcd(denominator, amount.denominator)
    return Fraction(gcd(*(int(amount * denominator) for amount in amounts)), denominator)


def _by_age(lots: list[tuple[int, Lot]]) -> list[tuple[int, Lot]]:
    """Those without a date count as the oldest; equal ones the dearest first."""
    return sorted(lots, key=lambda each: (each[1].acquired or date.min, -each[1].unit_cost, each[0]))


def _ordered(method: str, lots: list[tuple[int, Lot]]) -> list[tuple[int, Lot]]:
    """Lots as the method takes them."""
    usual = _by_age(lots)
    if method == "lifo":
        return sorted(usual, key=lambda each: each[1].acquired or date.min, reverse=True)
    if method == "hifo":
        return sorted(usual, key=lambda each: -each[1].unit_cost)
    return lots if method == "specified" else usual


def _averaged(lots: list[tuple[int, Lot]]) -> list[tuple[int, Lot]]:
    """Every unit at the average cost, to 12 decimals."""
    cost = average_cost([lot for _, lot in lots])
    return [(place, replace(lot, unit_cost=cost)) for place, lot in lots]


def average_cost(lots: Sequence[Lot]) -> Fraction:
    """Rounded to 12 decimals, half to even."""
    spent, units = sum(lot.quantity * lot.unit_cost for lot in lots), sum(lot.quantity for lot in lots)
    return Fraction(round(Fraction(spent) / units * 10**12), 10**12)


def _from_pools(question: Question, sales: list[tuple[Line, Fraction]]) -> Iterator[Sold]:
    """TCGA 1992: bought on the day, then in the thirty days after it, then the pool; one for all taxable accounts."""
    gone: dict[str, Fraction] = {}
    for line, quantity in sorted(sales, key=lambda sale: sale[0].account):
        if not lots_of(question, line):
            continue
        if not question.accounts[line.account].taxable:
            yield from _in_order(question, line, _by_age(lots_of(question, line)), quantity)
            continue
        before = gone.get(line.symbol, ZERO)
        gone[line.symbol] = before + quantity
        for place, pool in enumerate(_pools(question, line.symbol)):
            used = min(before, pool.quantity)
            units = min(quantity, pool.quantity - used)
            before, quantity = before - used, quantity - units
            if units:
                yield _sold(question, line, place, pool, units)


def _pools(question: Question, symbol: str) -> Iterator[Lot]:
    """What a sale is matched with, in turn, each as one lot."""
    lots = [lot for a in question.accounts if a.taxable and symbol in a.held for lot in a.lots.get(symbol, ())]
    matched: dict[date, list[Lot]] = {}
    for lot in lots:
        matched.setdefault(_matched_on(question, lot), []).append(lot)
    for day in sorted(matched, key=lambda day: (day == date.min, day)):
        together = sum((lot.quantity for lot in matched[day]), ZERO)
        yield Lot(None if day == date.min else day, together, average_cost(matched[day]))


def _matched_on(question: Question, lot: Lot) -> date:
    as_of = day_of(question)
    if lot.acquired is None or as_of is None or not 0 <= (lot.acquired - as_of).days <= MATCHED_AHEAD:
        return date.min
    return lot.acquired


def _in_order(question: Question, line: Line, lots: list[tuple[int, Lot]], quantity: Fraction) -> Iterator[Sold]:
    for place, lot in lots:
        units = min(lot.quantity, quantity)
        quantity -= units
        if units:
            yield _sold(question, line, place, lot, units)


def _sold(question: Question, line: Line, place: int, lot: Lot, units: Fraction) -> Sold:
    return Sold(line.account, line.symbol, place, lot, units, question.price[line.symbol] - lot.unit_cost)


def day_of(question: Question) -> date | None:
    """The day of the sales."""
    told = question.number("taxes", "as_of", default=None)
    return date.fromisoformat(told) if told else None


def is_long(question: Question, lot: Lot) -> bool:
    """Held for more than one year: the day after the purchase begins the count, the same day a year later ends it.

    IRS Publication 550, "Holding Period"; Rev. Rul. 66-7: a count that begins on 29 February ends with the next February.
    A share pool knows no terms: everything is short.
    """
    as_of = day_of(question)
    if lot.acquired is None or as_of is None or method_of(question) == "share_pool":
        return False
    begins = lot.acquired + timedelta(days=1)
    try:
        return as_of >= begins.replace(year=begins.year + 1)
    except ValueError:
        return as_of >= date(begins.year + 1, 3, 1)


def is_recent(question: Question, lot: Lot) -> bool:
    """Whether a lot was bought within the days of a wash sale."""
    as_of = day_of(question)
    if lot.acquired is None or as_of is None:
        return False
    return abs((as_of - lot.acquired).days) <= int(exact(question.number("taxes", "wash_sale_days", default=30)))
