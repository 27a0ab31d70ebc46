"""The lots of a position in the order in which a sale consumes them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from operator import attrgetter

from allocation.errors import RulesError, listed
from allocation.model import Portfolio, Position, TaxLot, TaxTreatment
from allocation.planning.exact import as_decimal, nearest
from allocation.rules import LotMethod, Taxes
from allocation.taxes.term import Term, term_of

# UK: acquisitions so many days after a disposal are matched with it (TCGA 1992 s106A(5)).
MATCHED_AHEAD = timedelta(days=30)
# Differences and products of decimals, digit for digit.
EXACT = Context(prec=10_000)

_cost_of: Callable[["LotSlice"], Decimal] = attrgetter("unit_cost")


@dataclass(frozen=True, slots=True)
class LotSlice:
    """Units that are alike for tax: one lot, or the part of a pool that a sale takes at one cost.

    Attributes:
        unit_cost: money for one unit, as the method counts it (averaged or pooled where it says so).
        acquired: None where unknown, and for a pool, which has no date.
        term: how its gain is taxed; short where the date is unknown.
        recent: bought within the wash-sale window around the day of the plan.
        place: which of the position's lots it is, counted from 0 (in the order of sale where all are at an average cost);
            the last word between equals.
    """

    quantity: Decimal
    unit_cost: Decimal
    acquired: date | None
    term: Term
    recent: bool
    place: int

    def gain_per_unit(self, price: Decimal) -> Fraction:
        """What selling one unit at this price gains, in money; negative for a loss. Trading costs do not count."""
        return Fraction(EXACT.subtract(price, self.unit_cost))


def slices(
    position: Position,
    taxes: Taxes,
    price: Decimal,
    elsewhere: Iterable[Position] = (),
    sold_elsewhere: Fraction = Fraction(0),
) -> tuple[LotSlice, ...]:
    """The lots of a position in the order in which a sale at this price consumes them; none where its cost is unknown.

    - `fifo`: the oldest first, before them those without a date (as brokers report them: Treas. Reg. §1.6045-1(d)(2)).
    - `lifo`: the newest first, at the end those without a date.
    - `hifo`: the dearest first.
    - `least_tax`: the least rate·gain per unit first. Along this order tax is convex. It is where the search for the least
      netted tax starts, see `least_tax`; for one line without losses it is the answer.
    - `specified`: as given.
    - `average_cost`: every unit at the average cost of the position, rounded to 12 decimals, half to even; the oldest first
      for the term (single-category method, Treas. Reg. §1.1012-1(e)(7), account by account).
    - `share_pool`: the United Kingdom's share identification (TCGA 1992 s105, s106A, s104; HMRC CG51555 to CG51575): first
      what is acquired on the day of the sale, then what is acquired in the 30 days after it, the earliest first, then the
      section 104 pool; each at its average cost, rounded to 12 decimals, half to even. The pool is one for all taxable
      accounts: give the same security's positions there as `elsewhere`. A pool has no date, so its units count as short
      term; set both rates alike. Covered is what the lots tell. Not covered: purchases that nobody has entered, the
      plan's own purchases in another account, shares held before 1982, indexation, reorganisations.

    Lots that are equal by their method are taken by date (the oldest first), then cost (the dearest first), then as given.
    """
    require_day(taxes, [position])
    lots = tuple(_slice(lot, place, taxes) for place, lot in enumerate(position.lots))
    if taxes.lot_method == LotMethod.SHARE_POOL:
        return _pooled(position, taxes, tuple(elsewhere), sold_elsewhere)
    if taxes.lot_method == LotMethod.AVERAGE_COST:
        return _averaged(lots)
    return in_order(lots, taxes, price)


def untaxed_slices(position: Position, taxes: Taxes, price: Decimal) -> tuple[LotSlice, ...]:
    """The lots of an account that is not taxed: as by the method, but the oldest first where tax would decide."""
    taxless = taxes.lot_method in (LotMethod.LEAST_TAX, LotMethod.SHARE_POOL)
    method = LotMethod.FIFO if taxless else taxes.lot_method
    lots = tuple(_slice(lot, place, taxes) for place, lot in enumerate(position.lots))
    return (
        _averaged(lots)
        if method == LotMethod.AVERAGE_COST
        else in_order(lots, replace(taxes, lot_method=method), price)
    )


def in_order(lots: Sequence[LotSlice], taxes: Taxes, price: Decimal) -> tuple[LotSlice, ...]:
    """Lots sorted as the method of the rules takes them."""
    method = taxes.lot_method
    if method == LotMethod.SPECIFIED:
        return tuple(lots)
    usual = _by_age(lots)
    if method == LotMethod.LIFO:
        usual.sort(key=_day_of, reverse=True)
    elif method == LotMethod.HIFO:
        usual.sort(key=_cost_of, reverse=True)
    elif method == LotMethod.LEAST_TAX:
        usual.sort(key=_cost_of, reverse=True)
        usual.sort(key=_tax_key(taxes, price))
    return tuple(usual)


def require_day(taxes: Taxes, positions: Iterable[Position]) -> None:
    """Refuse to tax lots that have dates without knowing the day of their sale.

    Raises:
        RulesError: names the securities whose lots have dates.
    """
    if taxes.as_of is not None or not (taxes.short_term_rate or taxes.long_term_rate):
        return
    dated = sorted({p.symbol for p in positions if any(lot.acquired for lot in p.lots)})
    if dated:
        raise RulesError(
            f"taxes.as_of is missing, so nobody can say how long the lots of {listed(dated)} were held. "
            "Give the day of the sales, such as 2026-11-20.",
            ("taxes.as_of", *dated),
        )


def is_recent(acquired: date | None, taxes: Taxes) -> bool:
    """Whether a lot was bought within the wash-sale window, both ends included (IRC §1091(a))."""
    if acquired is None or taxes.as_of is None:
        return False
    return abs((acquired - taxes.as_of).days) <= taxes.wash_sale_days


def elsewhere_pooled(portfolios: Iterable[Portfolio], account: str, symbol: str) -> tuple[Position, ...]:
    """The same security in the other taxable accounts, which one share pool spans."""
    return tuple(
        position
        for portfolio in portfolios
        if portfolio.account.id != account and portfolio.account.tax_treatment == TaxTreatment.TAXABLE
        for position in portfolio.positions
        if position.symbol == symbol
    )


def _tax_key(taxes: Taxes, price: Decimal) -> Callable[[LotSlice], Decimal]:
    """Sorts by rate·gain of one unit, which a rate of zero makes nothing."""
    rates = {Term.SHORT: taxes.short_term_rate, Term.LONG: taxes.long_term_rate}
    return lambda lot: EXACT.multiply(rates[lot.term], EXACT.subtract(price, lot.unit_cost))


def _by_age(lots: Iterable[LotSlice]) -> list[LotSlice]:
    """The oldest first, before them those without a date; then the dearest, then as given."""
    return sorted(sorted(lots, key=_cost_of, reverse=True), key=_day_of)


def _day_of(lot: LotSlice) -> date:
    return lot.acquired or date.min


def _slice(lot: TaxLot, place: int, taxes: Taxes) -> LotSlice:
    term = term_of(lot.acquired, taxes.as_of)
    return LotSlice(lot.quantity, lot.unit_cost, lot.acquired, term, is_recent(lot.acquired, taxes), place)


def _averaged(lots: Sequence[LotSlice]) -> tuple[LotSlice, ...]:
    cost = _average_cost(lots)
    return tuple(
        LotSlice(lot.quantity, cost, lot.acquired, lot.term, lot.recent, n) for n, lot in enumerate(_by_age(lots))
    )


def _pooled(
    position: Position, taxes: Taxes, elsewhere: tuple[Position, ...], sold_elsewhere: Fraction
) -> tuple[LotSlice, ...]:
    """Same day, 30 days ahead by date, then the pool: costs over all accounts, quantities limited to what is held here."""
    if not position.lots:
        return ()
    by_rank: dict[date, list[TaxLot]] = {}
    for lot in (lot for each in (position, *elsewhere) for lot in each.lots):
        by_rank.setdefault(_matched_on(lot, taxes), []).append(lot)
    found, left, gone = [], position.quantity, sold_elsewhere
    for place, rank in enumerate(sorted(by_rank, key=lambda day: (day == date.min, day))):
        together = sum((lot.quantity for lot in by_rank[rank]), Decimal(0))
        used = min(gone, Fraction(together))
        gone -= used
        taken = min(left, as_decimal(Fraction(together) - used))
        if taken > 0:
            cost = _average_cost(by_rank[rank])
            found.append(LotSlice(taken, cost, None if rank == date.min else rank, Term.SHORT, False, place))
        left -= taken
    return tuple(found)


def _matched_on(lot: TaxLot, taxes: Taxes) -> date:
    """The day by which a lot is matched; `date.min` for what is in the pool."""
    if lot.acquired is None or taxes.as_of is None or not taxes.as_of <= lot.acquired <= taxes.as_of + MATCHED_AHEAD:
        return date.min
    return lot.acquired


def _average_cost(lots: Sequence[LotSlice] | Sequence[TaxLot]) -> Decimal:
    units = sum((Fraction(lot.quantity) for lot in lots), Fraction(0))
    spent = sum((Fraction(lot.quantity) * Fraction(lot.unit_cost) for lot in lots), Fraction(0))
    return nearest(spent / units) if units else Decimal(0)
