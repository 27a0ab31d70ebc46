"""The books of paper accounts in the database: every deal is one transaction, alone with its account."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, delete, func, insert, select

from allocation.adapters.paper_book import Dealt, PaperBook, PaperFill, PaperLot, PaperOrder
from allocation.adapters.sql import broker_tables as tables
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.reach import require_at_work
from allocation.adapters.sql.upsert import upsert
from allocation.brokers import BrokerAccount
from allocation.model import TaxLot
from allocation.orders import Order, OrderStatus, OrderType, TimeInForce
from allocation.paper_terms import PaperTerms, RealisedGain
from allocation.trade_plan import Side

_TERMS = ("spread", "commission", "commission_rate", "fill_share", "fractional", "keeps_hours")
_OPEN = (OrderStatus.OPEN.value, OrderStatus.PARTIALLY_FILLED.value)


@dataclass(frozen=True, slots=True)
class PaperAccount:
    """An account as it was opened: who it is, and how it deals."""

    account: BrokerAccount
    terms: PaperTerms


class SqlPaperBooks:
    """The paper accounts of all users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, user_id: str, opened: PaperAccount, book: PaperBook, now: datetime) -> None:
        """Open an account with this in it."""
        account, terms = opened.account, {name: getattr(opened.terms, name) for name in _TERMS}
        key = {"user_id": user_id, "account_id": account.id}
        row = {
            "user_id": user_id,
            "id": account.id,
            "name": account.name,
            "currency": account.currency,
            "blocked": account.blocked,
            "opened_at": now,
        }
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            connection.execute(insert(tables.paper_account), {**row, **terms})
            _keep_book(connection, key, book)

    def close(self, user_id: str, account_id: str) -> None:
        """Forget the account with its orders; harmless when there is none."""
        account = tables.paper_account
        with self._database.writing(user_id) as connection:
            connection.execute(delete(account).where(account.c.user_id == user_id, account.c.id == account_id))

    def accounts(self, user_id: str) -> tuple[PaperAccount, ...]:
        """The user's paper accounts, the oldest first."""
        account = tables.paper_account
        question = select(account).where(account.c.user_id == user_id).order_by(account.c.opened_at, account.c.id)
        with self._database.reading(user_id) as connection:
            return tuple(_account_of(row) for row in connection.execute(question).mappings())

    def standing(self, user_id: str, account_id: str) -> tuple[PaperBook, tuple[PaperOrder, ...]]:
        """What the account holds and its open orders, at one moment."""
        key = {"user_id": user_id, "account_id": account_id}
        with self._database.reading(user_id) as connection:
            return _book_of(connection, key), _orders(connection, key, tables.paper_order.c.status.in_(_OPEN))

    def find(self, user_id: str, account_id: str, client_id: str) -> PaperOrder | None:
        """The order with this client id."""
        with self._database.reading(user_id) as connection:
            return _order_of(connection, {"user_id": user_id, "account_id": account_id}, client_id)

    def orders(self, user_id: str, account_id: str, since: datetime) -> tuple[PaperOrder, ...]:
        """The orders placed or changed since a moment, in the order they came."""
        key = {"user_id": user_id, "account_id": account_id}
        with self._database.reading(user_id) as connection:
            return _orders(connection, key, tables.paper_order.c.changed_at >= since)

    def gains(self, user_id: str, account_id: str) -> tuple[RealisedGain, ...]:
        """Every realised gain, the oldest first."""
        gain = tables.paper_gain
        key = {"user_id": user_id, "account_id": account_id}
        question = select(gain).where(*_of(gain, key)).order_by(gain.c.sold_at, gain.c.client_id, gain.c.line)
        with self._database.reading(user_id) as connection:
            return tuple(
                RealisedGain(**{name: row[name] for name in RealisedGain.__dataclass_fields__})
                for row in connection.execute(question).mappings()
            )

    @contextmanager
    def dealing(self, user_id: str, account_id: str) -> Iterator["Dealing | None"]:
        """Alone with an account until the block ends, all of it kept or nothing; None when there is no such account."""
        account = tables.paper_account
        mine = select(account).where(account.c.user_id == user_id, account.c.id == account_id).with_for_update()
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            row = connection.execute(mine).mappings().first()
            yield None if row is None else Dealing(connection, user_id, _account_of(row))


class Dealing:
    """One account's books, held by one transaction."""

    def __init__(self, connection: Connection, user_id: str, opened: PaperAccount) -> None:
        self._connection = connection
        self._key = {"user_id": user_id, "account_id": opened.account.id}
        self.opened = opened
        self.book = _book_of(connection, self._key)

    def waiting(self) -> tuple[PaperOrder, ...]:
        """The open orders, in the order they came."""
        return _orders(self._connection, self._key, tables.paper_order.c.status.in_(_OPEN))

    def find(self, client_id: str) -> PaperOrder | None:
        """The order with this client id."""
        return _order_of(self._connection, self._key, client_id)

    def next_number(self) -> int:
        """The number of the next order."""
        order = tables.paper_order
        highest = select(func.max(order.c.number)).where(*_of(order, self._key))
        return (self._connection.execute(highest).scalar() or 0) + 1

    def add(self, state: PaperOrder) -> None:
        """A new order; a client id that was used before breaks the transaction."""
        self._connection.execute(insert(tables.paper_order), _order_row(state, self._key))

    def keep(self, dealt: Dealt) -> None:
        """What came of looking at an order."""
        self._connection.execute(upsert(tables.paper_order, self._connection), _order_row(dealt.order, self._key))
        if dealt.fill is not None:
            self._keep_fill(dealt.order, dealt.fill)
            _keep_book(self._connection, self._key, dealt.book)
        self.book = dealt.book

    def _keep_fill(self, state: PaperOrder, fill: PaperFill) -> None:
        key = {**self._key, "client_id": state.order.client_id}
        row = {"number": state.fills, "quantity": fill.quantity, "price": fill.price, "fee": fill.fee, "at": fill.at}
        self._connection.execute(insert(tables.paper_fill), {**key, **row})
        gains = [
            {**key, "fill": state.fills, "line": line, "sold_at": fill.at, **_gain_row(lot, fill)}
            for line, lot in enumerate(fill.taken)
        ]
        if gains:
            self._connection.execute(insert(tables.paper_gain), gains)


def _of(table: Table, key: dict[str, str]) -> tuple[ColumnElement[bool], ...]:
    return table.c.user_id == key["user_id"], table.c.account_id == key["account_id"]


def _account_of(row: RowMapping) -> PaperAccount:
    account = BrokerAccount(row["id"], row["name"], currency=row["currency"], blocked=row["blocked"])
    return PaperAccount(account, PaperTerms(**{name: row[name] for name in _TERMS}))


def _book_of(connection: Connection, key: dict[str, str]) -> PaperBook:
    cash, lot = tables.paper_cash, tables.paper_lot
    money = connection.execute(select(cash).where(*_of(cash, key)).order_by(cash.c.currency)).mappings()
    lots = connection.execute(select(lot).where(*_of(lot, key)).order_by(lot.c.number)).mappings()
    return PaperBook(
        {row["currency"]: row["amount"] for row in money},
        tuple(PaperLot(**{name: row[name] for name in PaperLot.__dataclass_fields__}) for row in lots),
    )


def _keep_book(connection: Connection, key: dict[str, str], book: PaperBook) -> None:
    money = [{**key, "currency": currency, "amount": amount} for currency, amount in book.cash.items()]
    lots = [{**key, **{name: getattr(lot, name) for name in PaperLot.__dataclass_fields__}} for lot in book.lots]
    for table, rows in ((tables.paper_cash, money), (tables.paper_lot, lots)):
        connection.execute(delete(table).where(*_of(table, key)))
        if rows:
            connection.execute(insert(table), rows)


def _gain_row(lot: PaperLot, fill: PaperFill) -> dict[str, Any]:
    """The fee is spread over the lots by their units."""
    proceeds = lot.quantity * fill.price - fill.fee * lot.quantity / fill.quantity
    gain = None if lot.unit_cost is None else proceeds - lot.quantity * lot.unit_cost
    return {
        "symbol": lot.symbol,
        "quantity": lot.quantity,
        "proceeds": proceeds,
        "unit_cost": lot.unit_cost,
        "gain": gain,
        "acquired": lot.acquired,
    }


def _orders(connection: Connection, key: dict[str, str], wanted: ColumnElement[bool]) -> tuple[PaperOrder, ...]:
    order = tables.paper_order
    question = _with_fills().where(*_of(order, key), wanted).order_by(order.c.number)
    return tuple(_order(row) for row in connection.execute(question).mappings())


def _order_of(connection: Connection, key: dict[str, str], client_id: str) -> PaperOrder | None:
    found = _orders(connection, key, tables.paper_order.c.client_id == client_id)
    return found[0] if found else None


def _with_fills() -> Any:
    order, fill = tables.paper_order, tables.paper_fill
    same = (getattr(fill.c, name) == getattr(order.c, name) for name in ("user_id", "account_id", "client_id"))
    fills = select(func.count()).select_from(fill).where(*same).scalar_subquery()
    return select(order, fills.label("fills"))


def _order_row(state: PaperOrder, key: dict[str, str]) -> dict[str, Any]:
    order = state.order
    return {
        **key,
        "client_id": order.client_id,
        "number": state.number,
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": order.quantity,
        "currency": order.currency,
        "type": order.type.value,
        "limit_price": order.limit,
        "time_in_force": order.time_in_force.value,
        "lots": _lots_text(order.lots),
        "status": state.status.value,
        "filled": state.filled,
        "value": state.value,
        "fees": state.fees,
        "reason": state.reason,
        "placed_at": state.placed_at,
        "changed_at": state.changed_at,
    }


def _order(row: RowMapping) -> PaperOrder:
    order = Order(
        row["client_id"],
        row["account_id"],
        row["symbol"],
        Side(row["side"]),
        row["quantity"],
        row["currency"],
        OrderType(row["type"]),
        row["limit_price"],
        TimeInForce(row["time_in_force"]),
        _lots_of(row["lots"]),
    )
    return PaperOrder(
        order,
        row["number"],
        row["placed_at"],
        row["changed_at"],
        OrderStatus(row["status"]),
        row["filled"],
        row["value"],
        row["fees"],
        row["reason"],
        row["fills"],
    )


def _lots_text(lots: Iterable[TaxLot]) -> str:
    told = [[str(x.quantity), str(x.unit_cost), x.acquired.isoformat() if x.acquired else None] for x in lots]
    return json.dumps(told)


def _lots_of(text: str) -> tuple[TaxLot, ...]:
    return tuple(
        TaxLot(Decimal(quantity), Decimal(cost), date.fromisoformat(acquired) if acquired else None)
        for quantity, cost, acquired in json.loads(text)
    )
