"""The response of the command line: its JSON Schema, and a printed plan read back as a value."""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import Field, ValidationError

from allocation.request.fields import Printed, PrintedCount, Strict
from allocation.request.refusals import refusal
from allocation.request.strict_json import read_json
from allocation.rules import Objective
from allocation.trade_plan import (
    AccountSnapshot,
    Attainment,
    LotSale,
    Remark,
    Side,
    Snapshot,
    Status,
    Totals,
    Trade,
    TradePlan,
    WithoutIt,
)


class AttainmentModel(Strict):
    """How near the plan comes: value and proved lower bound in money, gap as a fraction of V."""

    name: Literal["l2", "l1"]
    value: Printed
    bound: Printed
    gap: Printed


class LotModel(Strict):
    """Units of one tax lot that a sale takes; `gain` in money, negative for a loss."""

    acquired: date | None
    quantity: Printed
    unit_cost: Printed
    gain: Printed
    disallowed: Printed
    term: Literal["short", "long", ""]

    def to_lot(self) -> LotSale:
        """The sale as a value."""
        return LotSale(self.acquired, self.quantity, self.unit_cost, self.gain, self.term, self.disallowed)


class WithoutItModel(Strict):
    """What the best plan would come to if this line did not trade."""

    drift: Printed
    objective: Printed
    tax: Printed


class TradeModel(Strict):
    """One intended purchase or sale; weights are fractions of the total less the reserve."""

    account: str
    symbol: str
    side: Literal["sell", "buy"]
    quantity: Printed
    price: Printed
    value: Printed
    cost: Printed
    tax: Printed
    weight_before: Printed
    weight_target: Printed
    weight_after: Printed
    lots: list[LotModel] = Field(default_factory=list)
    reason: str
    without_it: WithoutItModel | None = None


class AccountModel(Strict):
    """One account at one moment, in money."""

    total: Printed
    cash: Printed


class SnapshotModel(Strict):
    """All accounts together at one moment, the cash flow included."""

    total: Printed
    cash: Printed
    reserve: Printed = Decimal(0)
    drift: Printed
    weights: dict[str, Printed]
    accounts: dict[str, AccountModel] = Field(default_factory=dict)
    classes: dict[str, Printed] = Field(default_factory=dict)


class TotalsModel(Strict):
    """The plan in sums: money, except turnover (a fraction) and trades (a count)."""

    buys: Printed
    sells: Printed
    turnover: Printed
    cost: Printed
    tax: Printed
    trades: PrintedCount


class RemarkModel(Strict):
    """Something right but worth knowing."""

    code: str
    message: str
    symbols: list[str]


class Response(Strict):
    """A plan: what to trade, how sure we are, the account before and after."""

    plan_id: str
    status: Literal["optimal", "feasible"]
    objective: AttainmentModel
    trades: list[TradeModel]
    before: SnapshotModel
    after: SnapshotModel
    totals: TotalsModel
    remarks: list[RemarkModel]

    def to_plan(self) -> TradePlan:
        """The plan as a value."""
        told, totals = self.objective, self.totals
        return TradePlan(
            plan_id=self.plan_id,
            status=Status(self.status),
            objective=Attainment(Objective(told.name), told.value, told.bound, told.gap),
            trades=tuple(_trade(t) for t in self.trades),
            before=_snapshot(self.before),
            after=_snapshot(self.after),
            totals=Totals(totals.buys, totals.sells, totals.turnover, totals.cost, totals.tax, totals.trades),
            remarks=tuple(Remark(r.code, r.message, tuple(r.symbols)) for r in self.remarks),
        )


def read_plan(text: str | bytes) -> TradePlan:
    """A plan as the command line printed it.

    Raises:
        RequestError, NumberError: it does not have the shape of one.
    """
    raw = read_json(text, "The plan")
    try:
        return Response.model_validate(raw).to_plan()
    except ValidationError as error:
        raise refusal(error, Response, raw) from None


def _trade(told: TradeModel) -> Trade:
    return Trade(
        account=told.account,
        symbol=told.symbol,
        side=Side(told.side),
        quantity=told.quantity,
        price=told.price,
        value=told.value,
        weight_before=told.weight_before,
        weight_after=told.weight_after,
        weight_target=told.weight_target,
        reason=told.reason,
        cost=told.cost,
        tax=told.tax,
        lots=tuple(lot.to_lot() for lot in told.lots),
        without_it=WithoutIt(**dict(told.without_it)) if told.without_it else None,
    )


def _snapshot(told: SnapshotModel) -> Snapshot:
    accounts = {id_: AccountSnapshot(account.total, account.cash) for id_, account in told.accounts.items()}
    return Snapshot(told.total, told.cash, told.drift, told.weights, told.reserve, accounts, told.classes)
