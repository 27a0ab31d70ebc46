"""Builders for batches of orders, their lines, what a broker reports, and what the gate knows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from allocation.gate import GateFacts
from allocation.journal import Batch, Line, batch_id_of
from allocation.model import PriceSource, Quote
from allocation.money import Number, to_decimal
from allocation.orders import Order, OrderReport, OrderStatus, OrderType, client_id_of
from allocation.trade_plan import Side

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
D = Decimal


def a_line(number: int = 1, side: str = "buy", quantity: Number = 10, symbol: str = "VTI", **changes: Any) -> Line:
    """A reviewed line at 100 a unit; `limit` makes it a limit order."""
    limit = changes.pop("limit", None)
    units = to_decimal(quantity)
    order = Order(
        client_id_of("b1", changes.pop("batch", "batch"), number),
        "b1",
        symbol,
        Side(side),
        units,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit=None if limit is None else to_decimal(limit),
    )
    price = to_decimal(changes.pop("price", 100))
    return replace(Line(number, order, units, to_decimal(changes.pop("increment", 1)), price), **changes)


def a_batch(*lines: Line, holdings: Mapping[str, Number] | None = None, cash: Number = 1000, **changes: Any) -> Batch:
    """A batch of the owner's account "main", reviewed at `NOW`; ids of orders belong to it."""
    follows, plan_id, owner = changes.pop("follows", ""), changes.pop("plan_id", "plan"), changes.pop("owner_id", "ann")
    batch_id = batch_id_of(f"{owner}\x00main", plan_id, follows)
    named = tuple(
        replace(line, order=replace(line.order, client_id=client_id_of("b1", batch_id, line.number)))
        for line in lines or (a_line(),)
    )
    held = {symbol: to_decimal(quantity) for symbol, quantity in (holdings or {}).items()}
    batch = Batch(
        batch_id, owner, "main", "link", "b1", "USD", False, plan_id, follows, NOW, owner, to_decimal(cash), held, named
    )
    return replace(batch, **changes)


def a_report(line: Line, status: OrderStatus = OrderStatus.OPEN, filled: Number = 0, **changes: Any) -> OrderReport:
    """What a broker says of the line's order."""
    units = to_decimal(filled)
    price = to_decimal(changes.pop("price", 100)) if units else None
    return OrderReport(
        changes.pop("order", line.order),
        "x1",
        status,
        units,
        price,
        status.value,
        NOW,
        changes.pop("fees", None),
        **changes,
    )


def a_quote(symbol: str, price: Number = 100, time: datetime = NOW, currency: str = "USD") -> Quote:
    return Quote(symbol, to_decimal(price), currency, time, PriceSource.YAHOO)


def gate_facts(batch: Batch, **changes: Any) -> GateFacts:
    """An account in which nothing changed since the review, worth 10,000, with a quote for every line."""
    quotes = {line.order.symbol: a_quote(line.order.symbol, line.price) for line in batch.lines}
    facts = GateFacts(NOW, "b1", "USD", batch.live, D(10_000), batch.cash, batch.holdings, quotes)
    return replace(facts, **changes)
