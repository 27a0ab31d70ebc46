"""The store on SQLite or PostgreSQL. Every statement names the user, so nobody else's rows are ever in reach."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, delete, insert, select

from allocation.adapters.sql import rows, tables
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.upsert import upsert
from allocation.adapters.stores import each_account_once
from allocation.errors import AccountNotFoundError
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.targets import TargetAllocation


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class SqlStore:
    """A `Store` in a database."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    def accounts(self, user_id: str) -> tuple[Account, ...]:
        """The user's accounts, by name."""
        question = select(tables.account).where(tables.account.c.user_id == user_id)
        with self._database.reading() as connection:
            owned = [rows.account_of(row) for row in connection.execute(question).mappings()]
        return tuple(sorted(owned, key=lambda a: (a.name.casefold(), a.id)))

    def portfolio(self, user_id: str, account_id: str) -> Portfolio:
        """What the account holds."""
        with self._database.reading() as connection:
            row = _account_row(connection, user_id, account_id)
            aside = _lines(connection, tables.set_aside, user_id, account_id)
            positions = _positions(connection, user_id, account_id)
        return Portfolio(
            rows.account_of(row), positions, row["cash"], row["as_of"], tuple(rows.set_aside_of(line) for line in aside)
        )

    def save_portfolios(self, user_id: str, portfolios: Iterable[Portfolio]) -> None:
        """Save all of them or none. An account that exists already gets the new holdings and keeps its target."""
        # In the order of their ids: two imports at once then wait for one another instead of locking each other out.
        every = sorted(each_account_once(portfolios), key=lambda p: p.account.id)
        imported_at = self._now()
        with self._database.writing() as connection:
            for portfolio in every:
                _save(connection, user_id, portfolio, imported_at)

    def remove_account(self, user_id: str, account_id: str) -> None:
        """Forget the account with its holdings and target."""
        with self._database.writing() as connection:
            _hold_account(connection, user_id, account_id)
            connection.execute(
                delete(tables.account).where(tables.account.c.user_id == user_id, tables.account.c.id == account_id)
            )

    def target(self, user_id: str, account_id: str) -> TargetAllocation | None:
        """The saved target, or None before the first one was saved."""
        saved = select(tables.target).where(
            tables.target.c.user_id == user_id, tables.target.c.account_id == account_id
        )
        with self._database.reading() as connection:
            _account_row(connection, user_id, account_id)
            if connection.execute(saved).first() is None:
                return None
            return rows.target_of(_lines(connection, tables.target_weight, user_id, account_id))

    def save_target(self, user_id: str, account_id: str, target: TargetAllocation) -> None:
        """Save the target of an account in place of the one before."""
        key = {"user_id": user_id, "account_id": account_id}
        with self._database.writing() as connection:
            _hold_account(connection, user_id, account_id)
            connection.execute(upsert(tables.target, connection), {**key, "saved_at": self._now()})
            _replace_lines(connection, tables.target_weight, key, rows.weight_rows(target, key))

    def manual_prices(self, user_id: str) -> dict[str, Quote]:
        """Prices the user entered by hand, by symbol."""
        question = select(tables.manual_price).where(tables.manual_price.c.user_id == user_id)
        with self._database.reading() as connection:
            found = connection.execute(question).mappings().all()
        return {row["symbol"]: rows.quote_of(row, PriceSource.MANUAL) for row in found}

    def save_manual_price(self, user_id: str, quote: Quote) -> None:
        """Keep a price entered by hand."""
        with self._database.writing() as connection:
            connection.execute(upsert(tables.manual_price, connection), {"user_id": user_id, **rows.quote_row(quote)})

    def remove_manual_price(self, user_id: str, symbol: str) -> None:
        """Forget a price entered by hand; harmless when there is none."""
        price = tables.manual_price.c
        with self._database.writing() as connection:
            connection.execute(delete(tables.manual_price).where(price.user_id == user_id, price.symbol == symbol))


def _this_account(user_id: str, account_id: str) -> Select[Any]:
    return select(tables.account).where(tables.account.c.user_id == user_id, tables.account.c.id == account_id)


def _account_row(connection: Connection, user_id: str, account_id: str) -> RowMapping:
    row = connection.execute(_this_account(user_id, account_id)).mappings().first()
    if row is None:
        raise AccountNotFoundError(account_id)
    return row


def _hold_account(connection: Connection, user_id: str, account_id: str) -> None:
    """Make sure of the account, and that nobody removes it before we are done."""
    if connection.execute(_this_account(user_id, account_id).with_for_update()).first() is None:
        raise AccountNotFoundError(account_id)


def _lines(connection: Connection, table: Table, user_id: str, account_id: str) -> list[RowMapping]:
    """The lines of an account in one of its tables, in the order in which they were saved."""
    question = (
        select(table)
        .where(table.c.user_id == user_id, table.c.account_id == account_id)
        .order_by(*table.primary_key.columns)
    )
    return list(connection.execute(question).mappings())


def _positions(connection: Connection, user_id: str, account_id: str) -> tuple[Position, ...]:
    lots: defaultdict[int, list[RowMapping]] = defaultdict(list)
    for lot in _lines(connection, tables.tax_lot, user_id, account_id):
        lots[lot["line"]].append(lot)
    lines = _lines(connection, tables.position, user_id, account_id)
    return tuple(rows.position_of(line, lots[line["line"]]) for line in lines)


def _save(connection: Connection, user_id: str, portfolio: Portfolio, imported_at: datetime) -> None:
    key = {"user_id": user_id, "account_id": portfolio.account.id}
    connection.execute(
        upsert(tables.account, connection),
        {"user_id": user_id, **rows.account_row(portfolio), "imported_at": imported_at},
    )
    # The old lots go with their positions.
    _replace_lines(connection, tables.position, key, rows.position_rows(portfolio.positions, key))
    _replace_lines(connection, tables.tax_lot, key, rows.lot_rows(portfolio.positions, key))
    _replace_lines(connection, tables.set_aside, key, rows.set_aside_rows(portfolio.set_aside, key))


def _replace_lines(connection: Connection, table: Table, key: rows.Row, lines: list[rows.Row]) -> None:
    connection.execute(delete(table).where(table.c.user_id == key["user_id"], table.c.account_id == key["account_id"]))
    if lines:
        connection.execute(insert(table), lines)
