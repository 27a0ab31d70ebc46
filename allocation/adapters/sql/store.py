"""The store on SQLite or PostgreSQL. Each account is reached by one function, which says whose it is and who may what."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, delete, insert, select, update

from allocation.adapters.sql import import_tables, market_tables, rows, tables
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.on_record import refusals_on_record
from allocation.adapters.sql.order_rows import refuse_under_way
from allocation.adapters.sql.reach import Reached, is_share_id, may_work, reach, require_at_work, shared_with
from allocation.adapters.sql.securities import SqlSecurities
from allocation.adapters.sql.upsert import upsert
from allocation.adapters.stores import account_name, each_account_once
from allocation.authorisation import Role, Verb
from allocation.mapping import ColumnMapping, from_text, to_text
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.ports import Trail
from allocation.price_order import PriceOrder, check_order, complete
from allocation.targets import TargetAllocation
from allocation.trail import EventKind

# What an import into somebody else's account brings; its name and taxes stay as the owner has them.
_OF_HOLDINGS = ("cash", "as_of", "imported_at")


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class SqlStore(SqlSecurities):
    """A `Store` in a database.

    Args:
        trail: where refusals and changes are written down.
    """

    def __init__(self, database: Database, trail: Trail | None = None, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._trail = trail
        self._now = now

    def accounts(self, user_id: str) -> tuple[Account, ...]:
        """The user's accounts and those shared with them, by name."""
        own = select(tables.account).where(tables.account.c.user_id == user_id, may_work(user_id))
        with self._database.reading(user_id) as connection:
            seen = [rows.account_of(row) for row in connection.execute(own).mappings()]
            seen += [
                found.shown(rows.account_of(_row(connection, found))) for found in shared_with(connection, user_id)
            ]
        return tuple(sorted(seen, key=lambda a: (a.name.casefold(), a.id)))

    def authorise(self, user_id: str, account_id: str, verb: Verb) -> Role:
        """What the user is to the account, if that is enough for the verb."""
        with self._reaching(user_id, account_id, verb) as (_, found):
            return found.role

    def why_not(self, user_id: str, account_id: str, verb: Verb) -> str:
        """Why the user may not do this with the account; empty when they may."""
        with self._reaching(user_id, account_id, Verb.SEE) as (_, found):
            refusal = found.refusal(verb)
            return str(refusal) if refusal else ""

    def portfolio(self, user_id: str, account_id: str) -> Portfolio:
        """What the account holds."""
        with self._reaching(user_id, account_id, Verb.SEE) as (connection, found):
            row = _row(connection, found)
            aside = _lines(connection, tables.set_aside, found.key)
            balances = rows.balances_of(_lines(connection, tables.balance, found.key))
            positions = _positions(connection, found.key)
        account, aside_lines = found.shown(rows.account_of(row)), tuple(map(rows.set_aside_of, aside))
        return Portfolio(account, positions, row["cash"], row["as_of"], aside_lines, balances=balances)

    def save_portfolios(self, user_id: str, portfolios: Iterable[Portfolio]) -> None:
        """Save all of them or none. An account that exists already gets the new holdings and keeps its target."""
        # In the order of their ids: two imports at once then wait for one another instead of locking each other out.
        every = sorted(each_account_once(portfolios), key=lambda p: p.account.id)
        shared = next((p.account.id for p in every if is_share_id(p.account.id)), "")
        imported_at = self._now()
        with (
            refusals_on_record(self._trail, user_id, Verb.IMPORT, shared),
            self._database.writing(user_id) as connection,
        ):
            for portfolio in every:
                _save(connection, user_id, portfolio, imported_at)
            for portfolio in every:
                self._note(EventKind.IMPORT, user_id, portfolio.account.id, lines=len(portfolio.positions))

    def rename_account(self, user_id: str, account_id: str, name: str) -> None:
        """Give the account another name, for everybody who sees it."""
        with self._changing(user_id, account_id, Verb.RENAME) as (connection, found):
            connection.execute(update(tables.account).where(*_is(found)).values(name=account_name(name)))
            self._note(EventKind.ACCOUNT_RENAMED, user_id, account_id)

    def remove_account(self, user_id: str, account_id: str) -> None:
        """Forget the account with its holdings and target."""
        with self._changing(user_id, account_id, Verb.REMOVE) as (connection, found):
            refuse_under_way(connection, found)
            connection.execute(delete(tables.account).where(*_is(found)))
            self._note(EventKind.ACCOUNT_REMOVED, user_id, account_id)

    def target(self, user_id: str, account_id: str) -> TargetAllocation | None:
        """The saved target, or None before the first one was saved."""
        with self._reaching(user_id, account_id, Verb.SEE) as (connection, found):
            saved = select(tables.target).where(*_of(tables.target, found.key))
            if connection.execute(saved).first() is None:
                return None
            return rows.target_of(_lines(connection, tables.target_weight, found.key))

    def save_target(self, user_id: str, account_id: str, target: TargetAllocation) -> None:
        """Save the target of an account in place of the one before."""
        with self._changing(user_id, account_id, Verb.CHANGE_TARGET) as (connection, found):
            connection.execute(upsert(tables.target, connection), {**found.key, "saved_at": self._now()})
            _replace_lines(connection, tables.target_weight, found.key, rows.weight_rows(target, found.key))
            self._note(EventKind.TARGET_SAVED, user_id, account_id, lines=len(target.weights))

    def manual_prices(self, user_id: str) -> dict[str, Quote]:
        """Prices the user entered by hand, by symbol."""
        question = select(tables.manual_price).where(tables.manual_price.c.user_id == user_id, may_work(user_id))
        with self._database.reading(user_id) as connection:
            found = connection.execute(question).mappings().all()
        return {row["symbol"]: rows.quote_of(row, PriceSource.MANUAL) for row in found}

    def save_manual_price(self, user_id: str, quote: Quote) -> None:
        """Keep a price entered by hand."""
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            connection.execute(upsert(tables.manual_price, connection), {"user_id": user_id, **rows.quote_row(quote)})
            self._note(EventKind.PRICE_ENTERED, user_id, quote.symbol)

    def remove_manual_price(self, user_id: str, symbol: str) -> None:
        """Forget a price entered by hand; harmless when there is none."""
        price = tables.manual_price.c
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            gone = connection.execute(
                delete(tables.manual_price).where(price.user_id == user_id, price.symbol == symbol)
            )
            if gone.rowcount:
                self._note(EventKind.PRICE_REMOVED, user_id, symbol)

    def price_order(self, user_id: str) -> PriceOrder:
        """The order in which the user trusts the sources of prices; the usual one before they changed it."""
        kept = market_tables.price_order.c
        question = select(kept.source).where(kept.user_id == user_id, may_work(user_id)).order_by(kept.place)
        with self._database.reading(user_id) as connection:
            found = connection.execute(question).scalars().all()
        return complete(PriceSource(source) for source in found)

    def save_price_order(self, user_id: str, order: PriceOrder) -> None:
        """Keep another order."""
        places = [
            {"user_id": user_id, "place": place, "source": source.value}
            for place, source in enumerate(check_order(order))
        ]
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            connection.execute(upsert(market_tables.price_order, connection), places)

    def column_mapping(self, user_id: str, fingerprint: str) -> ColumnMapping | None:
        """What the user said the columns of tables with this header mean."""
        kept = import_tables.column_mapping.c
        question = select(kept.content).where(
            kept.user_id == user_id, kept.fingerprint == fingerprint, may_work(user_id)
        )
        with self._database.reading(user_id) as connection:
            found = connection.execute(question).scalar()
        return from_text(found) if found else None

    def save_column_mapping(self, user_id: str, fingerprint: str, mapping: ColumnMapping) -> None:
        """Keep it, in place of what was said before."""
        row = {"fingerprint": fingerprint, "content": to_text(mapping), "saved_at": self._now()}
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            connection.execute(upsert(import_tables.column_mapping, connection), {"user_id": user_id, **row})

    def imported_at(self, user_id: str, digest: str) -> datetime | None:
        """When the user last saved what a file with this SHA-256 holds."""
        kept = import_tables.imported_file.c
        question = select(kept.imported_at).where(kept.user_id == user_id, kept.digest == digest, may_work(user_id))
        with self._database.reading(user_id) as connection:
            found: datetime | None = connection.execute(question).scalar()
        return found

    def note_import(self, user_id: str, digest: str) -> None:
        """Remember that the user saved what this file holds."""
        row = {"user_id": user_id, "digest": digest, "imported_at": self._now()}
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            connection.execute(upsert(import_tables.imported_file, connection), row)

    @contextmanager
    def _reaching(self, user_id: str, account_id: str, verb: Verb) -> Iterator[tuple[Connection, Reached]]:
        """A reading transaction with the account the user means; a refusal is written down."""
        with (
            refusals_on_record(self._trail, user_id, verb, account_id),
            self._database.reading(user_id) as connection,
        ):
            yield connection, reach(connection, user_id, account_id, verb)

    @contextmanager
    def _changing(self, user_id: str, account_id: str, verb: Verb) -> Iterator[tuple[Connection, Reached]]:
        """The same to write in, with the account held until it is done."""
        with (
            refusals_on_record(self._trail, user_id, verb, account_id),
            self._database.writing(user_id) as connection,
        ):
            yield connection, reach(connection, user_id, account_id, verb, hold=True)

    def _note(self, kind: EventKind, user_id: str, subject: str, lines: int | None = None) -> None:
        if self._trail is not None and lines is None:
            self._trail.record(kind, subject, user_id=user_id)
        elif self._trail is not None:
            self._trail.record(kind, subject, user_id=user_id, lines=lines)


def _is(found: Reached) -> tuple[ColumnElement[bool], ...]:
    return tables.account.c.user_id == found.owner_id, tables.account.c.id == found.account_id


def _row(connection: Connection, found: Reached) -> RowMapping:
    return connection.execute(select(tables.account).where(*_is(found))).mappings().one()


def _of(table: Table, key: rows.Row) -> tuple[ColumnElement[bool], ...]:
    return table.c.user_id == key["user_id"], table.c.account_id == key["account_id"]


def _lines(connection: Connection, table: Table, key: rows.Row) -> list[RowMapping]:
    """The lines of an account in one of its tables, in the order in which they were saved."""
    question = select(table).where(*_of(table, key)).order_by(*table.primary_key.columns)
    return list(connection.execute(question).mappings())


def _positions(connection: Connection, key: rows.Row) -> tuple[Position, ...]:
    lots: defaultdict[int, list[RowMapping]] = defaultdict(list)
    for lot in _lines(connection, tables.tax_lot, key):
        lots[lot["line"]].append(lot)
    lines = _lines(connection, tables.position, key)
    return tuple(rows.position_of(line, lots[line["line"]]) for line in lines)


def _save(connection: Connection, user_id: str, portfolio: Portfolio, imported_at: datetime) -> None:
    fresh = {**rows.account_row(portfolio), "imported_at": imported_at}
    key = {"user_id": user_id, "account_id": portfolio.account.id}
    if is_share_id(portfolio.account.id):
        found = reach(connection, user_id, portfolio.account.id, Verb.IMPORT, hold=True)
        holdings = {name: fresh[name] for name in _OF_HOLDINGS}
        connection.execute(update(tables.account).where(*_is(found)).values(**holdings))
        key = found.key
    else:
        require_at_work(connection, user_id)
        connection.execute(upsert(tables.account, connection), {"user_id": user_id, **fresh})
    _replace_lines(connection, tables.balance, key, rows.balance_rows(portfolio.balances, key))
    # The old lots go with their positions.
    _replace_lines(connection, tables.position, key, rows.position_rows(portfolio.positions, key))
    _replace_lines(connection, tables.tax_lot, key, rows.lot_rows(portfolio.positions, key))
    _replace_lines(connection, tables.set_aside, key, rows.set_aside_rows(portfolio.set_aside, key))


def _replace_lines(connection: Connection, table: Table, key: rows.Row, lines: list[rows.Row]) -> None:
    connection.execute(delete(table).where(*_of(table, key)))
    if lines:
        connection.execute(insert(table), lines)
