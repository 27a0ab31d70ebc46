"""The lots of each sale: they exist, add up, are those of the method, and gains, terms and wash sales are theirs."""

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction

from allocation.checks.exact import is_near, money
from allocation.checks.fault import Fault
from allocation.checks.lots import Key, Sold, as_reported, is_long_term, lots_of, sold_by, sold_by_each_order
from allocation.checks.outcome import Outcome
from allocation.checks.taxes import draw_up
from allocation.rules import LotMethod
from allocation.trade_plan import Side, Trade, TradePlan

# Methods that pool lots: what is sold has a cost that no lot has.
_POOLING = (LotMethod.AVERAGE_COST, LotMethod.SHARE_POOL)


def check_lots(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """What is sold of each lot adds up to the sale, and is there to be sold."""
    held = lots_of(outcome.ledger)
    for trade in plan.trades:
        own = held.get((trade.account, trade.symbol), ()) if trade.side == Side.SELL else ()
        if not trade.lots and not own:
            continue
        sold = as_reported(trade.lots)
        if sum((each.quantity for each in sold), Fraction(0)) != (Fraction(trade.quantity) if own else 0):
            yield Fault("lots", f"{trade.symbol}: the lots sold do not come to the quantity of the trade.")
        if outcome.ledger.rules.taxes.lot_method in _POOLING:
            continue
        there = _counted(Sold(lot.acquired, Fraction(lot.unit_cost), Fraction(lot.quantity)) for lot in own)
        over = any(units > there.get(kind, 0) for kind, units in _counted(sold).items())
        if over or any(each.quantity <= 0 for each in sold):
            yield Fault("lots", f"{trade.symbol}: more is sold of a lot than the position has of it.")


def check_method(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """The lots are those that the method takes; under least_tax they cost no more tax than any other method."""
    ledger, method = outcome.ledger, outcome.ledger.rules.taxes.lot_method
    sales = {key: Fraction(-quanta, ledger.quantum) for key, quanta in outcome.traded.items() if quanta < 0}
    if not any(outcome.bill.lots.values()):
        return
    chosen = sold_by(method, ledger, sales)
    for key, lots in chosen.items():
        free = method == LotMethod.LEAST_TAX and key[0] in ledger.taxed
        if not free and _counted(lots) != _counted(outcome.bill.lots[key]):
            yield Fault("lot_method", f"{key[1]}: the lots sold in {key[0]} are not those that {method} takes.")
    if method != LotMethod.LEAST_TAX:
        return
    units = {key: Fraction(quanta, ledger.quantum) for key, quanta in outcome.traded.items()}
    for order, taken in sold_by_each_order(ledger, sales).items():
        less = draw_up(ledger, units, taken).total
        if less < outcome.bill.total:
            told = f"{money(less, 1)} by {order}, {money(outcome.bill.total, 1)} by the lots sold"
            yield Fault("not_least_tax", f"The same trades cost a tax of {told}.")


def check_gains(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """Gain, term and disallowed loss of each lot sold."""
    for trade in plan.trades:
        key = (trade.account, trade.symbol)
        if trade.side == Side.SELL and trade.lots:
            yield from _check_gains(trade, key, outcome)


def _check_gains(trade: Trade, key: Key, outcome: Outcome) -> Iterator[Fault]:
    ledger, as_of = outcome.ledger, outcome.ledger.rules.taxes.as_of
    taxed, price = key[0] in ledger.taxed, Fraction(ledger.facts.prices[key[1]])
    disallowed = outcome.bill.disallowed[key]
    for told, sold, lost in zip(trade.lots, outcome.bill.lots[key], disallowed, strict=True):
        if not is_near(told.gain, (price - sold.unit_cost) * sold.quantity, 1):
            yield Fault("gain", f"{trade.symbol}: a gain of {told.gain} on the lot of {told.acquired}.")
        if told.term != _term(told.acquired, as_of, taxed):
            yield Fault("term", f"{trade.symbol}: the lot of {told.acquired} is not {told.term or 'without a'} term.")
        if not is_near(told.disallowed, lost if taxed else 0, 1):
            yield Fault(
                "wash_sale", f"{trade.symbol}: {money(lost, 1)} of the loss does not count, not {told.disallowed}."
            )


def _term(acquired: date | None, as_of: date | None, taxed: bool) -> str:
    if not taxed or acquired is None or as_of is None:
        return ""
    return "long" if is_long_term(acquired, as_of) else "short"


def _counted(lots: Iterable[Sold]) -> dict[tuple[date | None, Fraction], Fraction]:
    """Units of each kind of lot; lots alike in date and cost are one."""
    units: dict[tuple[date | None, Fraction], Fraction] = {}
    for lot in lots:
        kind = lot.acquired, lot.unit_cost
        units[kind] = units.get(kind, Fraction(0)) + lot.quantity
    return units
