"""Taxes on what a plan sells: which lots, which term, wash sales, netting, and who pays how much of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import product
from math import gcd

from tests.brute_force.question import Lot, Question, exact
from tests.brute_force.trades import Line, Trade

ZERO = Fraction(0)


@dataclass(frozen=True)
class TaxBill:
    """`rates` says whether any gain can be taxed at all; `sold` which lots, by account and symbol, with what does not count."""

    total: Fraction
    by_account: tuple[Fraction, ...]
    rates: bool = False
    sold: tuple[tuple[tuple[int, str], tuple["Sold", ...]], ...] = ()


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


def bill_for(question: Question, lines: Sequence[Line], plan: Sequence[Trade]) -> TaxBill:
    """What the plan's sales in taxable accounts cost in taxes."""
    if not any(_rates(question)):
        return TaxBill(ZERO, (ZERO,) * len(question.accounts))
    every = list(lines), list(plan)
    sales = [(line, t) for line, t in zip(*every, strict=True) if t.steps < 0]
    choices = [list(_splits(question, line, -t.quantity)) for line, t in sales]
    bills = (_bill(question, lines, plan, [s for sold in chosen for s in sold]) for chosen in product(*choices))
    return min(bills, key=lambda bill: bill.total)


def _bill(question: Question, lines: Sequence[Line], plan: Sequence[Trade], sold: list[Sold]) -> TaxBill:
    """The bill for one choice of lots."""
    counted = _washed(question, lines, plan, sold)
    taxed = [s for s in counted if question.accounts[s.account].taxable]
    total = _tax(question, taxed)
    own = [_tax(question, [s for s in taxed if s.account == i]) for i in range(len(question.accounts))]
    if not any(own):
        # Where nobody alone owes anything, whoever sells at a gain pays for it.
        own = [
            sum((_winning(question, s) for s in taxed if s.account == i), ZERO) for i in range(len(question.accounts))
        ]
    whole = sum(own, ZERO)
    by_line: dict[tuple[int, str], tuple[Sold, ...]] = {}
    for s in counted:
        by_line[s.account, s.symbol] = (*by_line.get((s.account, s.symbol), ()), s)
    shares = tuple(total * part / whole if whole else ZERO for part in own)
    return TaxBill(total, shares, True, tuple(by_line.items()))


def _tax(question: Question, sold: Sequence[Sold]) -> Fraction:
    """Losses lower the gains of their own term first, then of the other; a net loss pays nothing back."""
    short_rate, long_rate = _rates(question)
    short = sum((s.gain for s in sold if not _is_long(question, s.lot)), ZERO)
    long = sum((s.gain for s in sold if _is_long(question, s.lot)), ZERO)
    if short < 0:
        return long_rate * max(ZERO, short + long)
    if long < 0:
        return short_rate * max(ZERO, short + long)
    return short_rate * short + long_rate * long


def _winning(question: Question, sold: Sold) -> Fraction:
    return _rate(question, sold.lot) * max(ZERO, sold.per_unit) * sold.quantity


def _washed(question: Question, lines: Sequence[Line], plan: Sequence[Trade], sold: list[Sold]) -> list[Sold]:
    """Losses that do not count: share for share, the oldest lot first, against what was or is bought in the window."""
    counted = []
    left = {s.symbol: _replacements(question, lines, plan, sold, s.symbol) for s in sold}
    for s in sorted(sold, key=lambda s: _age(question, s)):
        losing = s.per_unit < 0 and question.accounts[s.account].taxable
        units = min(s.quantity, max(ZERO, left[s.symbol])) if losing else ZERO
        left[s.symbol] -= units
        counted.append(replace(s, washed=units))
    return counted


def _replacements(
    question: Question, lines: Sequence[Line], plan: Sequence[Trade], sold: list[Sold], symbol: str
) -> Fraction:
    """Units of the symbol bought by the plan, or bought within the window and still held after it, in any account."""
    if _as_of(question) is None:
        return ZERO
    bought = sum(
        (t.quantity for line, t in zip(lines, plan, strict=True) if line.symbol == symbol and t.steps > 0), ZERO
    )
    recent = (lot for account in question.accounts for lot in account.lots.get(symbol, ()) if symbol in account.held)
    held = sum((lot.quantity for lot in recent if _is_recent(question, lot)), ZERO)
    gone = sum((s.quantity for s in sold if s.symbol == symbol and _is_recent(question, s.lot)), ZERO)
    return bought + held - gone


def _age(question: Question, sold: Sold) -> tuple[date, str, Fraction, int]:
    return sold.lot.acquired or date.min, question.accounts[sold.account].id, -sold.lot.unit_cost, sold.place


def _splits(question: Question, line: Line, quantity: Fraction) -> Iterator[tuple[Sold, ...]]:
    """The lots that the sale takes: one way, or for `least_tax` every way."""
    account = question.accounts[line.account]
    lots = list(enumerate(account.lots.get(line.symbol, ())))
    method = question.number("taxes", "lot_method", default="least_tax")
    if not lots:
        yield ()
    elif method == "least_tax" and account.taxable:
        for units in _every_split(quantity, [lot.quantity for _, lot in lots], question.increment(line.symbol)):
            yield tuple(_sold(question, line, p, lot, u) for (p, lot), u in zip(lots, units, strict=True) if u)
    else:
        yield tuple(_in_order(question, line, _ordered(method, lots), quantity))


def _every_split(quantity: Fraction, sizes: list[Fraction], increment: Fraction) -> Iterator[tuple[Fraction, ...]]:
    """Every way to take so many units from lots of these sizes, in whole multiples of what divides all of them."""
    unit = _divisor([quantity, increment, *sizes])
    counts = [range(int(min(size, quantity) / unit) + 1) for size in sizes[:-1]]
    for chosen in product(*counts):
        last = quantity - sum(chosen) * unit
        if 0 <= last <= sizes[-1]:
            yield (*(k * unit for k in chosen), last)


def _divisor(amounts: list[Fraction]) -> Fraction:
    denominator = 1
    for amount in amounts:
        denominator = denominator * amount.denominator // gcd(denominator, amount.denominator)
    return Fraction(gcd(*(int(amount * denominator) for amount in amounts)), denominator)


def _ordered(method: str, lots: list[tuple[int, Lot]]) -> list[tuple[int, Lot]]:
    """Lots as the method takes them; those without a date count as the oldest. Equal ones by age, then the dearest first."""
    usual = sorted(lots, key=lambda each: (each[1].acquired or date.min, -each[1].unit_cost, each[0]))
    if method == "lifo":
        return sorted(usual, key=lambda each: each[1].acquired or date.min, reverse=True)
    if method == "hifo":
        return sorted(usual, key=lambda each: -each[1].unit_cost)
    return lots if method == "specified" else usual


def _in_order(question: Question, line: Line, lots: list[tuple[int, Lot]], quantity: Fraction) -> Iterator[Sold]:
    for place, lot in lots:
        units = min(lot.quantity, quantity)
        quantity -= units
        if units:
            yield _sold(question, line, place, lot, units)


def _sold(question: Question, line: Line, place: int, lot: Lot, units: Fraction) -> Sold:
    return Sold(line.account, line.symbol, place, lot, units, question.price[line.symbol] - lot.unit_cost)


def _rates(question: Question) -> tuple[Fraction, Fraction]:
    return exact(question.number("taxes", "short_term_rate")), exact(question.number("taxes", "long_term_rate"))


def _rate(question: Question, lot: Lot) -> Fraction:
    return _rates(question)[_is_long(question, lot)]


def _as_of(question: Question) -> date | None:
    told = question.number("taxes", "as_of", default=None)
    return date.fromisoformat(told) if told else None


def _is_long(question: Question, lot: Lot) -> bool:
    """Held for more than one year: the day after the purchase begins the count, the same day a year later ends it.

    IRS Publication 550, "Holding Period"; Rev. Rul. 66-7: a count that begins on 29 February ends with the next February.
    """
    as_of = _as_of(question)
    if lot.acquired is None or as_of is None:
        return False
    begins = lot.acquired + timedelta(days=1)
    try:
        return as_of >= begins.replace(year=begins.year + 1)
    except ValueError:
        return as_of >= date(begins.year + 1, 3, 1)


def _is_recent(question: Question, lot: Lot) -> bool:
    as_of = _as_of(question)
    if lot.acquired is None or as_of is None:
        return False
    return abs((as_of - lot.acquired).days) <= int(question.number("taxes", "wash_sale_days", default=30))
