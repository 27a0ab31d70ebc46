"""Batches, lines and events as rows of the journal's tables, and rows as values again."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, select

from allocation.adapters.sql.order_tables import order_batch
from allocation.adapters.sql.reach import Reached
from allocation.journal import Batch, Event, Intent, JournalError, Line, LineState
from allocation.model import TaxLot
from allocation.money import plain
from allocation.orders import Order, OrderType, TimeInForce
from allocation.trade_plan import Side

Row: TypeAlias = dict[str, Any]

_OF_BATCH = (
    "id",
    "account_id",
    "follows",
    "link",
    "broker_account",
    "currency",
    "live",
    "plan_id",
    "reviewed_at",
    "reviewed_by",
    "cash",
    "keep",
    "record",
    "large_turnover",
    "paused_code",
    "paused_reason",
    "wanted_at",
    "begun_at",
    "sized_at",
    "closed_at",
)
_OF_LINE = (
    "reviewed_quantity",
    "increment",
    "price",
    "rate",
    "cost",
    "tax",
    "revision",
    "attempts",
    "first_sent_at",
    "sent_at",
    "broker_id",
    "broker_status",
    "filled",
    "average_price",
    "fees",
    "note",
)


def batch_row(batch: Batch) -> Row:
    """The batch without its lines."""
    return {
        **{name: getattr(batch, name) for name in _OF_BATCH},
        "user_id": batch.owner_id,
        "intent": batch.intent.value,
        "holdings": quantities_text(batch.holdings),
        "differences": quantities_text(batch.differences),
    }


def batch_of(row: RowMapping, lines: Iterable[Line]) -> Batch:
    """The batch of a row and its lines."""
    return Batch(
        **{name: row[name] for name in _OF_BATCH},
        owner_id=row["user_id"],
        intent=Intent(row["intent"]),
        holdings=read_quantities(row["holdings"]),
        differences=read_quantities(row["differences"]),
        lines=tuple(lines),
    )


def line_row(line: Line, batch_id: str) -> Row:
    """One line of a batch."""
    order = line.order
    return {
        "batch_id": batch_id,
        "line": line.number,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": order.quantity,
        "currency": order.currency,
        "type": order.type.value,
        "limit_price": order.limit,
        "time_in_force": order.time_in_force.value,
        "lots": _lots_text(order.lots),
        "state": line.state.value,
        **{name: getattr(line, name) for name in _OF_LINE},
    }


def line_of(row: RowMapping, broker_account: str) -> Line:
    """The line of a row."""
    order = Order(
        row["client_id"],
        broker_account,
        row["symbol"],
        Side(row["side"]),
        row["quantity"],
        row["currency"],
        OrderType(row["type"]),
        row["limit_price"],
        TimeInForce(row["time_in_force"]),
        _read_lots(row["lots"]),
    )
    return Line(row["line"], order, **{name: row[name] for name in _OF_LINE}, state=LineState(row["state"]))


def event_of(row: RowMapping) -> Event:
    """The event of a row."""
    return Event(row["number"], row["at"], row["what"], row["line"], row["by_user"], json.loads(row["details"]))


def refuse_under_way(connection: Connection, found: Reached) -> None:
    """Refuse to remove an account whose orders are not done: nobody would follow them any more.

    Raises:
        JournalError: says what to do first.
    """
    open_ones = select(order_batch.c.id).where(
        order_batch.c.user_id == found.owner_id,
        order_batch.c.account_id == found.account_id,
        order_batch.c.closed_at.is_(None),
        order_batch.c.intent != Intent.WAIT.value,
    )
    if connection.execute(open_ones).first() is not None:
        raise JournalError(
            "Orders of this account are under way. Wait until they are done, or call them back on the Orders page.",
            ("account",),
        )


def details_text(details: Mapping[str, Any]) -> str:
    """What an event adds, as JSON; numbers with decimals as text."""
    return json.dumps(dict(details), sort_keys=True, default=_spelled)


def quantities_text(quantities: Mapping[str, Decimal]) -> str:
    """Units by symbol as JSON."""
    return json.dumps({symbol: plain(units) for symbol, units in sorted(quantities.items())})


def read_quantities(text: str) -> dict[str, Decimal]:
    """Units by symbol again."""
    return {symbol: Decimal(units) for symbol, units in json.loads(text).items()}


def _lots_text(lots: Iterable[TaxLot]) -> str:
    return json.dumps(
        [[plain(lot.quantity), plain(lot.unit_cost), lot.acquired and lot.acquired.isoformat()] for lot in lots]
    )


def _read_lots(text: str) -> tuple[TaxLot, ...]:
    return tuple(
        TaxLot(Decimal(quantity), Decimal(cost), date.fromisoformat(acquired) if acquired else None)
        for quantity, cost, acquired in json.loads(text)
    )


def _spelled(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
