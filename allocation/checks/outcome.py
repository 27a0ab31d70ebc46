"""The ledger after the trades of a plan: quantities, costs, taxes, and the cash that is left in each account."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from allocation.checks.costs import Tariff
from allocation.checks.exact import Grains
from allocation.checks.ledger import Ledger
from allocation.checks.lots import as_reported
from allocation.checks.taxes import TaxBill, draw_up
from allocation.trade_plan import Side, TradePlan

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the trades come to, reckoned from their quantities alone.

    Attributes:
        traded: signed quanta by account and symbol.
        values: signed grains of the same, above zero for a purchase.
        costs: grains of the same.
        bill: the taxes.
        cash: grains by account after everything is paid.
        worth: grains·parts in each cell.
    """

    ledger: Ledger
    tariff: Tariff
    traded: Mapping[Key, int]
    values: Mapping[Key, int]
    costs: Mapping[Key, int]
    bill: TaxBill
    cash: Mapping[str, Grains]
    worth: tuple[int, ...]

    @property
    def cost(self) -> int:
        """Grains that all trades cost."""
        return sum(self.costs.values())

    @property
    def spare(self) -> Grains:
        """Grains of cash beside the reserve."""
        return sum(self.cash.values()) - self.ledger.reserve


def carry_out(plan: TradePlan, ledger: Ledger) -> Outcome:
    """The outcome of the plan's trades; their quantities are whole numbers of quanta."""
    tariff, securities = Tariff.of(ledger), ledger.securities
    traded, values, costs = {}, {}, {}
    cash: dict[str, Grains] = dict(ledger.cash)
    worth = list(ledger.worth)
    for trade in plan.trades:
        key, security = (trade.account, trade.symbol), securities[trade.symbol]
        numerator, denominator = trade.quantity.as_integer_ratio()
        quanta = numerator * ledger.quantum // denominator
        traded[key] = quanta if trade.side == Side.BUY else -quanta
        values[key] = security.price * traded[key]
        costs[key] = tariff.cost(trade.symbol, values[key])
        cash[trade.account] -= values[key] + costs[key]
        for cell, parts in security.exposure:
            worth[cell] += values[key] * parts
    bill = _bill(plan, ledger, traded)
    for account, tax in bill.by_account.items():
        cash[account] -= tax * ledger.grain
    return Outcome(ledger, tariff, traded, values, costs, bill, cash, tuple(worth))


def _bill(plan: TradePlan, ledger: Ledger, traded: Mapping[Key, int]) -> TaxBill:
    """The taxes of the lots that the plan says it sells."""
    lots = {(t.account, t.symbol): as_reported(t.lots) for t in plan.trades if t.side == Side.SELL}
    if not any(lots.values()):
        return draw_up(ledger, {}, lots)
    return draw_up(ledger, {key: Fraction(quanta, ledger.quantum) for key, quanta in traded.items()}, lots)
