"""Taxes on what a plan sells: wash sales, netting, and who pays how much of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from tests.brute_force.lots import ZERO, Choice, Sold, choices, day_of, is_long, is_recent, method_of
from tests.brute_force.question import Question, exact
from tests.brute_force.trades import Line, Trade


@dataclass(frozen=True)
class TaxBill:
    """`rates` says whether any gain can be taxed at all; `sold` which lots, with what does not count."""

    total: Fraction
    by_account: tuple[Fraction, ...]
    rates: bool = False
    sold: Choice = ()


def bill_for(question: Question, lines: Sequence[Line], plan: Sequence[Trade]) -> TaxBill:
    """What the plan's sales in taxable accounts cost in taxes, with the lots that cost the least."""
    if not any(rates_of(question)):
        return TaxBill(ZERO, (ZERO,) * len(question.accounts))
    bills = (bill_of(question, lines, plan, sold) for sold in choices(question, lines, plan))
    return min(bills, key=lambda bill: bill.total)


def bill_of(question: Question, lines: Sequence[Line], plan: Sequence[Trade], sold: Choice) -> TaxBill:
    """The bill for one choice of lots."""
    counted = _washed(question, lines, plan, sold)
    taxed = [s for s in counted if question.accounts[s.account].taxable]
    total = tax_on(question, taxed)
    own = [tax_on(question, [s for s in taxed if s.account == i]) for i in range(len(question.accounts))]
    if not any(own):
        # Where nobody alone owes anything, whoever sells at a gain pays for it.
        own = [
            sum((winning(question, s) for s in taxed if s.account == i), ZERO) for i in range(len(question.accounts))
        ]
    whole = sum(own, ZERO)
    shares = tuple(total * part / whole if whole else ZERO for part in own)
    return TaxBill(total, shares, True, tuple(counted))


def shares_by_line(question: Question, bill: TaxBill) -> dict[tuple[int, str], Fraction]:
    """What each sale bears of its account's tax: in proportion to rate · gain where that is above zero."""
    shares: dict[tuple[int, str], Fraction] = {}
    for account, owed in enumerate(bill.by_account):
        sales: dict[str, list[Sold]] = {}
        for s in bill.sold:
            if s.account == account:
                sales.setdefault(s.symbol, []).append(s)
        claims = {symbol: max(ZERO, sum((_rated(question, s) for s in sold), ZERO)) for symbol, sold in sales.items()}
        if not any(claims.values()):
            claims = {symbol: sum((winning(question, s) for s in sold), ZERO) for symbol, sold in sales.items()}
        whole = sum(claims.values(), ZERO)
        shares |= {(account, symbol): owed * part / whole if whole else ZERO for symbol, part in claims.items()}
    return shares


def tax_on(question: Question, sold: Sequence[Sold]) -> Fraction:
    """Losses lower the gains of their own term first, then of the other; a net loss pays nothing back."""
    short_rate, long_rate = rates_of(question)
    short = sum((s.gain for s in sold if not is_long(question, s.lot)), ZERO)
    long = sum((s.gain for s in sold if is_long(question, s.lot)), ZERO)
    if short < 0:
        return long_rate * max(ZERO, short + long)
    if long < 0:
        return short_rate * max(ZERO, short + long)
    return short_rate * short + long_rate * long


def winning(question: Question, sold: Sold) -> Fraction:
    return rates_of(question)[is_long(question, sold.lot)] * max(ZERO, sold.per_unit) * sold.quantity


def _rated(question: Question, sold: Sold) -> Fraction:
    return rates_of(question)[is_long(question, sold.lot)] * sold.gain


def rates_of(question: Question) -> tuple[Fraction, Fraction]:
    """Short, long."""
    return exact(question.number("taxes", "short_term_rate")), exact(question.number("taxes", "long_term_rate"))


def _washed(question: Question, lines: Sequence[Line], plan: Sequence[Trade], sold: Choice) -> list[Sold]:
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
    question: Question, lines: Sequence[Line], plan: Sequence[Trade], sold: Choice, symbol: str
) -> Fraction:
    """Units of the symbol bought by the plan, or bought within the window and still held after it, in any account."""
    if day_of(question) is None or method_of(question) == "share_pool":
        return ZERO
    bought = sum(
        (t.quantity for line, t in zip(lines, plan, strict=True) if line.symbol == symbol and t.steps > 0), ZERO
    )
    recent = (lot for account in question.accounts for lot in account.lots.get(symbol, ()) if symbol in account.held)
    held = sum((lot.quantity for lot in recent if is_recent(question, lot)), ZERO)
    gone = sum((s.quantity for s in sold if s.symbol == symbol and is_recent(question, s.lot)), ZERO)
    return bought + held - gone


def _age(question: Question, sold: Sold) -> tuple[date, str, Fraction, int]:
    return sold.lot.acquired or date.min, question.accounts[sold.account].id, -sold.lot.unit_cost, sold.place
