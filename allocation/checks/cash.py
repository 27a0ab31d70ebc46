"""Money: none is spent that is not there, none is raised that nobody needs, and no more tax is paid than allowed."""

from collections.abc import Iterator
from fractions import Fraction

from allocation.checks.exact import Grains, money
from allocation.checks.fault import Fault
from allocation.checks.lots import Key, sold_by, sold_by_each_order
from allocation.checks.outcome import Outcome
from allocation.checks.taxes import TaxBill, draw_up
from allocation.rules import LotMethod, Selling
from allocation.trade_plan import Side, TradePlan


def check_cash(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """Every account pays for itself, and the reserve is kept over all of them."""
    ledger = outcome.ledger
    for account, left in outcome.cash.items():
        if left < 0:
            yield Fault("overspent", f"{account}: cash of {money(left, ledger.grain)} would be left.")
    if outcome.spare < 0:
        together = money(outcome.spare + ledger.reserve, ledger.grain)
        yield Fault("overspent", f"Cash of {together} would be left; {money(ledger.reserve, ledger.grain)} must be.")


def check_sales_needed(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """Raising cash: no sale could be left out or made smaller without leaving cash short."""
    if outcome.ledger.rules.selling != Selling.TO_RAISE_CASH:
        return
    for trade in plan.trades:
        key = (trade.account, trade.symbol)
        if trade.side == Side.SELL and any(_suffices(key, quanta, outcome) for quanta in _smaller(key, outcome)):
            yield Fault("sale_not_needed", f"{trade.symbol}: more is sold in {trade.account} than is needed.")


def check_most_tax(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """No more tax than the rules allow."""
    most = outcome.ledger.rules.taxes.max_tax
    if most is not None and outcome.bill.total > Fraction(most):
        yield Fault("max_tax", f"A tax of {money(outcome.bill.total, 1)} is caused, where {most} is allowed.")


def bills(outcome: Outcome, sales: dict[Key, Fraction]) -> list[TaxBill]:
    """The tax that these trades, in units, would cause by the method of the rules; for least_tax, by others as well."""
    ledger = outcome.ledger
    method = ledger.rules.taxes.lot_method
    sold = {key: -units for key, units in sales.items() if units < 0}
    if method == LotMethod.LEAST_TAX:
        return [draw_up(ledger, sales, lots) for lots in sold_by_each_order(ledger, sold).values()]
    return [draw_up(ledger, sales, sold_by(method, ledger, sold))]


def _smaller(key: Key, outcome: Outcome) -> set[int]:
    """The next smaller sale, and none; in quanta above or at zero."""
    security, sold = outcome.ledger.securities[key[1]], -outcome.traded[key]
    less = sold - security.step
    return {0, less if less >= security.least else 0}


def _suffices(key: Key, quanta: int, outcome: Outcome) -> bool:
    """Whether cash would do if a sale were only so large."""
    ledger, symbol = outcome.ledger, key[1]
    value = -ledger.securities[symbol].price * quanta
    cash: dict[str, Grains] = dict(outcome.cash)
    cash[key[0]] += outcome.values[key] - value + outcome.costs[key] - outcome.tariff.cost(symbol, value)
    taxes = ledger.rules.taxes
    if not (taxes.short_term_rate or taxes.long_term_rate):
        return _is_enough(cash, outcome)
    for account, tax in outcome.bill.by_account.items():
        cash[account] += tax * ledger.grain
    units = {each: Fraction(traded, ledger.quantum) for each, traded in outcome.traded.items()}
    units[key] = Fraction(-quanta, ledger.quantum)
    return any(_is_enough(_taxed(cash, bill, ledger.grain), outcome) for bill in bills(outcome, units))


def _taxed(cash: dict[str, Grains], bill: TaxBill, grain: int) -> dict[str, Grains]:
    return {account: left - bill.by_account.get(account, 0) * grain for account, left in cash.items()}


def _is_enough(cash: dict[str, Grains], outcome: Outcome) -> bool:
    return min(cash.values()) >= 0 and sum(cash.values()) >= outcome.ledger.reserve
