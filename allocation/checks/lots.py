"""Tax lots, read afresh: what is held of each, and which of them a sale takes by each method."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from allocation.checks.ledger import Ledger
from allocation.model import TaxLot
from allocation.rules import LotMethod
from allocation.trade_plan import LotSale

Key = tuple[str, str]

# Lots that least_tax may choose at least as well as.
_ORDERS = (LotMethod.LEAST_TAX, LotMethod.HIFO, LotMethod.FIFO, LotMethod.LIFO)
# UK: what is bought so many days after a disposal is matched with it (TCGA 1992 s106A(5)).
_MATCHED_AHEAD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Sold:
    """Units of one lot that a sale takes; the cost is of one unit, averaged where the method says so."""

    acquired: date | None
    unit_cost: Fraction
    quantity: Fraction


def lots_of(ledger: Ledger) -> dict[Key, tuple[TaxLot, ...]]:
    """The lots of every position that has them, by account and symbol."""
    return {
        (portfolio.account.id, position.symbol): position.lots
        for portfolio in ledger.facts.portfolios
        for position in portfolio.positions
        if position.lots
    }


def as_reported(sales: Iterable[LotSale]) -> tuple[Sold, ...]:
    """The lots that a plan says it sells."""
    return tuple(Sold(s.acquired, Fraction(s.unit_cost), Fraction(s.quantity)) for s in sales)


def sold_by(method: LotMethod, ledger: Ledger, sales: Mapping[Key, Fraction]) -> dict[Key, tuple[Sold, ...]]:
    """The lots that these sales, in units, take by a method; none where no lots are known.

    Accounts that are not taxed sell the oldest first where the method asks about tax.
    """
    lots = lots_of(ledger)
    pools = _Pools(ledger, lots) if method == LotMethod.SHARE_POOL else None
    found = {}
    for key in sorted(sales):
        own = lots.get(key, ())
        if key[0] in ledger.taxed and pools:
            found[key] = tuple(pools.take(key, sales[key])) if own else ()
        else:
            found[key] = tuple(_take(_in_order(method, own, key, ledger), sales[key]))
    return found


def sold_by_each_order(ledger: Ledger, sales: Mapping[Key, Fraction]) -> dict[LotMethod, dict[Key, tuple[Sold, ...]]]:
    """The lots that these sales, in units, may take under least_tax: by several orders, the least rate·gain among them.

    Only taxable accounts choose. What others sell is settled, and what they keep of a recent purchase washes losses.
    """
    settled = sold_by(LotMethod.LEAST_TAX, ledger, {key: n for key, n in sales.items() if key[0] not in ledger.taxed})
    free = {key: n for key, n in sales.items() if key[0] in ledger.taxed}
    return {order: settled | sold_by(order, ledger, free) for order in _ORDERS}


def _in_order(method: LotMethod, lots: Sequence[TaxLot], key: Key, ledger: Ledger) -> list[Sold]:
    """Lots as the method takes them. Equals: the oldest first (before them those without a date), then the dearest."""
    if method == LotMethod.SPECIFIED or not lots:
        return _units(lots)
    oldest = sorted(lots, key=lambda lot: (lot.acquired or date.min, -lot.unit_cost))
    if method == LotMethod.AVERAGE_COST:
        average = _average(lots)
        return [Sold(lot.acquired, average, Fraction(lot.quantity)) for lot in oldest]
    if method == LotMethod.LIFO:
        return _units(sorted(oldest, key=lambda lot: lot.acquired or date.min, reverse=True))
    if method == LotMethod.HIFO:
        return _units(sorted(oldest, key=lambda lot: lot.unit_cost, reverse=True))
    if method == LotMethod.LEAST_TAX and key[0] in ledger.taxed:
        return _least_taxed_first(oldest, key[1], ledger)
    return _units(oldest)


def _least_taxed_first(lots: Sequence[TaxLot], symbol: str, ledger: Ledger) -> list[Sold]:
    price, taxes = Fraction(ledger.facts.prices[symbol]), ledger.rules.taxes

    def due(lot: TaxLot) -> tuple[Fraction, Decimal]:
        long = is_long_term(lot.acquired, taxes.as_of)
        rate = taxes.long_term_rate if long else taxes.short_term_rate
        return Fraction(rate) * (price - Fraction(lot.unit_cost)), -lot.unit_cost

    return _units(sorted(lots, key=due))


def is_long_term(acquired: date | None, sold: date | None) -> bool:
    """Whether a lot was held for more than one year, counted from the day after the purchase (IRS Publication 550).

    The same date of the next year begins the second year. A count that begins on 29 February reaches it on 1 March.
    """
    if acquired is None or sold is None or sold <= acquired:
        return False
    begins = acquired + timedelta(days=1)
    return (sold.year, sold.month, sold.day) >= (begins.year + 1, begins.month, begins.day)


def _units(lots: Iterable[TaxLot]) -> list[Sold]:
    return [Sold(lot.acquired, Fraction(lot.unit_cost), Fraction(lot.quantity)) for lot in lots]


def _take(lots: Iterable[Sold], quantity: Fraction) -> Iterator[Sold]:
    for lot in lots:
        units = min(quantity, lot.quantity)
        if units > 0:
            yield Sold(lot.acquired, lot.unit_cost, units)
        quantity -= units


def _average(lots: Iterable[TaxLot]) -> Fraction:
    """The average cost of a unit, rounded to twelve decimals, half to even."""
    units, spent = Fraction(0), Fraction(0)
    for lot in lots:
        units += Fraction(lot.quantity)
        spent += Fraction(lot.quantity) * Fraction(lot.unit_cost)
    return Fraction(round(spent / units * 10**12), 10**12)


class _Pools:
    """The United Kingdom's share identification (TCGA 1992 s105, s106A, s104) over all taxable accounts.

    First what is acquired on the day of the sale, then in the 30 days after it, the earliest first, then the pool. Each
    is sold at its average cost; accounts sell in the order of their ids.
    """

    def __init__(self, ledger: Ledger, lots: Mapping[Key, Sequence[TaxLot]]) -> None:
        self.as_of = ledger.rules.taxes.as_of
        together: dict[str, dict[date, list[TaxLot]]] = {}
        for (account, symbol), own in lots.items():
            for lot in own if account in ledger.taxed else ():
                together.setdefault(symbol, {}).setdefault(self._matched(lot), []).append(lot)
        self.left = {
            symbol: [self._pool(day, days[day]) for day in sorted(days, key=lambda d: (d == date.min, d))]
            for symbol, days in together.items()
        }

    def take(self, key: Key, quantity: Fraction) -> Iterator[Sold]:
        """Units taken from the pools of a security, which have less afterwards."""
        pools = self.left[key[1]]
        for i, pool in enumerate(pools):
            units = min(quantity, pool.quantity)
            pools[i] = Sold(pool.acquired, pool.unit_cost, pool.quantity - units)
            quantity -= units
            if units > 0:
                yield Sold(pool.acquired, pool.unit_cost, units)

    def _matched(self, lot: TaxLot) -> date:
        """The day by which a lot is matched with the sale; `date.min` where it is in the pool."""
        if lot.acquired is None or self.as_of is None:
            return date.min
        return lot.acquired if self.as_of <= lot.acquired <= self.as_of + _MATCHED_AHEAD else date.min

    def _pool(self, day: date, lots: Sequence[TaxLot]) -> Sold:
        units = sum((Fraction(lot.quantity) for lot in lots), Fraction(0))
        return Sold(None if day == date.min else day, _average(lots), units)
