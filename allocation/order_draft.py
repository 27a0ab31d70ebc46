"""From a plan to a batch of orders: what would be asked of the broker, line by line, before anybody confirms it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from allocation.errors import RulesError
from allocation.journal import Batch, Line, batch_id_of
from allocation.model import TaxLot
from allocation.money import plain
from allocation.orders import Order, OrderType, TimeInForce, client_id_of
from allocation.trade_plan import Side, Trade, TradePlan

# SEC Rule 612: no finer than a cent from one dollar on, a hundredth of a cent below.
_CENT: Final = Decimal("0.01")
_HUNDREDTH_OF_A_CENT: Final = Decimal("0.0001")
_WHOLE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Terms:
    """How the orders of a batch are placed.

    Attributes:
        collar: how much worse than the reviewed price a limit order may be filled; a fraction.
    """

    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    collar: Decimal = Decimal("0.01")

    def __post_init__(self) -> None:
        if not 0 <= self.collar < 1:
            raise RulesError(f"A collar of {plain(self.collar)} is out of range; 0.01 is one percent.", ("collar",))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch is to be executed, and what was seen there at the review.

    Attributes:
        follows: the account's batch before this one.
        currencies: of symbols that are not in the account's own; `rates` for them.
    """

    owner_id: str
    account_id: str
    link: str
    broker_account: str
    currency: str
    live: bool
    follows: str
    cash: Decimal
    holdings: Mapping[str, Decimal]
    currencies: Mapping[str, str] = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)


def draft_batch(
    plan: TradePlan,
    place: Place,
    terms: Terms,
    now: datetime,
    *,
    increments: Mapping[str, Decimal] | None = None,
    keep: Decimal = Decimal(0),
    record: str = "",
) -> Batch:
    """The batch that executes a plan of one account: its sales first, in the plan's order.

    Args:
        increments: the smallest tradable step by symbol; whole units where nothing is said.
        keep: cash that is not for purchases.
        record: what the plan was calculated from and what came out, as JSON.
    """
    batch_id = batch_id_of(f"{place.owner_id}\x00{place.account_id}", plan.plan_id, place.follows)
    steps = increments or {}
    trades = sorted(plan.trades, key=lambda trade: trade.side != Side.SELL)
    lines = tuple(
        _line(number, trade, batch_id, place, terms, steps.get(trade.symbol, _WHOLE))
        for number, trade in enumerate(trades, 1)
    )
    return Batch(
        batch_id,
        place.owner_id,
        place.account_id,
        place.link,
        place.broker_account,
        place.currency,
        place.live,
        plan.plan_id,
        place.follows,
        now,
        place.owner_id,
        place.cash,
        place.holdings,
        lines,
        keep=keep,
        record=record,
    )


def limit_for(side: Side, price: Decimal, collar: Decimal) -> Decimal:
    """The worst price that is taken: the collar away from the reviewed one, on a tick, never further."""
    if side == Side.BUY:
        worst = price * (1 + collar)
        return max(_on_tick(worst, ROUND_FLOOR), _tick(price))
    return _on_tick(price * (1 - collar), ROUND_CEILING)


def _line(number: int, trade: Trade, batch_id: str, place: Place, terms: Terms, increment: Decimal) -> Line:
    currency = place.currencies.get(trade.symbol, place.currency)
    rate = _WHOLE if currency == place.currency else place.rates[currency]
    price = trade.price / rate  # a plan's prices are in the account's currency
    limit = limit_for(trade.side, price, terms.collar) if terms.type == OrderType.LIMIT else None
    order = Order(
        client_id_of(place.broker_account, batch_id, number),
        place.broker_account,
        trade.symbol,
        trade.side,
        trade.quantity,
        currency,
        terms.type,
        limit,
        terms.time_in_force,
        tuple(TaxLot(lot.quantity, lot.unit_cost, lot.acquired) for lot in trade.lots if lot.acquired is not None),
    )
    return Line(number, order, trade.quantity, increment, price, rate, trade.cost, trade.tax)


def _tick(price: Decimal) -> Decimal:
    return _CENT if price >= 1 else _HUNDREDTH_OF_A_CENT


def _on_tick(price: Decimal, rounding: str) -> Decimal:
    tick = _tick(price)
    return (price / tick).to_integral_value(rounding) * tick
