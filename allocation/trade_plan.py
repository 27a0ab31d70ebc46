"""What a plan is: its trades, how sure it is, and the account before and after. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from allocation.rules import Objective

if TYPE_CHECKING:
    import pandas as pd

# Wide enough that no sum of quantities is ever rounded.
_ADDING = Context(prec=100)


class Side(StrEnum):
    """Which way a trade goes."""

    SELL = "sell"
    BUY = "buy"


class Status(StrEnum):
    """How sure a plan is: proved to be the best possible, or the best found with its gap stated."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


@dataclass(frozen=True, slots=True)
class LotSale:
    """Units of one tax lot that a sale takes.

    Attributes:
        gain: proceeds less cost, in money; negative for a loss.
        term: "short" or "long"; "" where the lot has no date or the account is not taxed.
        disallowed: the part of a loss that a wash sale keeps from counting, above zero.
    """

    acquired: date | None
    quantity: Decimal
    unit_cost: Decimal
    gain: Decimal
    term: str = ""
    disallowed: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class WithoutIt:
    """What the best plan would come to if this line did not trade."""

    drift: Decimal
    objective: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Trade:
    """One intended purchase or sale. `quantity` is above zero; `value` = price × quantity; weights are fractions."""

    account: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    value: Decimal
    weight_before: Decimal
    weight_after: Decimal
    weight_target: Decimal
    reason: str
    cost: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    lots: tuple[LotSale, ...] = ()
    without_it: WithoutIt | None = None

    @property
    def signed_quantity(self) -> Decimal:
        """Units, negative for a sale."""
        return self.quantity.copy_negate() if self.side == Side.SELL else self.quantity


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """One account of a plan at one moment: everything in it and its cash, in money."""

    total: Decimal
    cash: Decimal


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All accounts together at one moment, the cash flow included.

    Attributes:
        total: everything in money: holdings, cash and reserve, without excluded lines.
        cash: all cash, the reserve included; negative when sales must raise some.
        drift: ½ Σ|weight − target weight|, cash included; a fraction.
        weights: by symbol, as fractions of the total less the reserve.
        reserve: the part of `cash` that stays outside the weights.
        accounts: by account id, each account by itself.
        classes: weights of the classes of the target tree, inner ones included; empty where the target names securities.
    """

    total: Decimal
    cash: Decimal
    drift: Decimal
    weights: Mapping[str, Decimal]
    reserve: Decimal = Decimal(0)
    accounts: Mapping[str, AccountSnapshot] = field(default_factory=dict)
    classes: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attainment:
    """How near the plan comes to the target: `value` in money, the proved lower `bound`, `gap` as a fraction of V."""

    name: Objective
    value: Decimal
    bound: Decimal
    gap: Decimal


@dataclass(frozen=True, slots=True)
class Remark:
    """Something right but worth knowing: a remainder that cannot be traded, an idle rule."""

    code: str
    message: str
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """The plan in sums: money, except `turnover` (a fraction of the total) and `trades` (a count)."""

    buys: Decimal
    sells: Decimal
    turnover: Decimal
    cost: Decimal
    tax: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class TradePlan:
    """The answer: what to trade, how sure we are, and the account before and after. A value: save it, compare it."""

    plan_id: str
    status: Status
    objective: Attainment
    trades: tuple[Trade, ...]
    before: Snapshot
    after: Snapshot
    totals: Totals
    remarks: tuple[Remark, ...]

    @property
    def shares(self) -> dict[str, Decimal]:
        """Signed quantity by symbol over all accounts: positive bought, negative sold."""
        shares: dict[str, Decimal] = {}
        for trade in self.trades:
            shares[trade.symbol] = _ADDING.add(shares.get(trade.symbol, Decimal(0)), trade.signed_quantity)
        return shares

    def as_dict(self) -> dict[str, Any]:
        """The response of the command line: plain values, money as text without exponents."""
        from allocation.report import plan_as_dict  # noqa: PLC0415  the values stay free of how they are shown

        return plan_as_dict(self)

    def to_frame(self) -> "pd.DataFrame":
        """One row per trade."""
        from allocation.report import trades_frame  # noqa: PLC0415

        return trades_frame(self)

    def to_csv(self) -> str:
        """The trades as CSV text that a spreadsheet opens safely."""
        from allocation.report import trades_csv  # noqa: PLC0415

        return trades_csv(self)
