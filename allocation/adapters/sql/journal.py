"""The executor's journal in the database: every step compared with what was there, and written with its event."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, func, insert, select, update

from allocation.adapters.sql import order_rows as rows
from allocation.adapters.sql.database import Database, tell
from allocation.adapters.sql.order_tables import order_batch, order_event, order_executor, order_limit, order_line
from allocation.adapters.sql.turns import turn_at
from allocation.adapters.sql.upsert import insert_into, upsert
from allocation.bookkeeping import Heartbeat, Turn
from allocation.crashing import crashpoint
from allocation.journal import Batch, Intent, JournalError, Line, LineState, MovedMeanwhileError, step
from allocation.limits import Limits, read_limits

# What lets the policies of PostgreSQL show everybody's orders to whoever executes them.
_ON_DUTY = ("evenkeel.duty", "orders")
_SENT = "submitting"


class SqlJournal:
    """A `Journal` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self) -> tuple[Batch, ...]:
        """The batches that somebody wants executed or stopped and that are not closed, the oldest first."""
        wanted = order_batch.c.intent != Intent.WAIT.value
        question = select(order_batch).where(wanted, order_batch.c.closed_at.is_(None))
        with self._reading() as connection:
            found = connection.execute(question.order_by(order_batch.c.reviewed_at, order_batch.c.id)).mappings().all()
            return tuple(with_lines(connection, row) for row in found)

    def load(self, batch_id: str) -> Batch:
        """A batch with its lines as they are now."""
        with self._reading() as connection:
            return read_batch(connection, batch_id)

    def write(self, before: Line, after: Line, batch_id: str, now: datetime, what: str = "") -> Line:
        """Replace a line by its next one, with the event, if it still is what it was."""
        with self._writing() as connection:
            replace_line(connection, batch_id, before, after, now, what or after.state.value)
        return after

    def note(self, batch_id: str, now: datetime, what: str, changes: Mapping[str, Any], **details: Any) -> Batch:
        """Change what stands in the batch itself, with the event."""
        with self._writing() as connection:
            change_batch(connection, batch_id, changes)
            add_event(connection, batch_id, now, what, details=details)
            return read_batch(connection, batch_id)

    def fit(self, batch_id: str, quantities: Mapping[int, Decimal], now: datetime, reason: str) -> Batch:
        """Make orders that were not sent yet smaller, never larger; what comes to nothing is skipped."""
        with self._writing() as connection:
            batch = read_batch(connection, batch_id, hold=True)
            for line in batch.lines:
                if line.number in quantities and line.state == LineState.REVIEWED:
                    _fit_line(connection, batch_id, line, quantities[line.number], now, reason)
            change_batch(connection, batch_id, {"sized_at": now})
            add_event(connection, batch_id, now, "sized", details={"reason": reason})
            return read_batch(connection, batch_id)

    def refuse(self, batch_id: str, code: str, reason: str, now: datetime) -> Batch:
        """Close a batch of which nothing was sent: every line skipped, all in one."""
        with self._writing() as connection:
            batch = read_batch(connection, batch_id, hold=True)
            for line in batch.lines:
                after = step(line, LineState.SKIPPED, note=reason)
                replace_line(connection, batch_id, line, after, now, "skipped")
            change_batch(connection, batch_id, {"paused_code": code, "paused_reason": reason, "closed_at": now})
            add_event(connection, batch_id, now, "refused", details={"code": code, "reason": reason})
            return read_batch(connection, batch_id)

    def sent_since(self, batch: Batch, moment: datetime) -> tuple[datetime, ...]:
        """When orders of the batch's account were sent after a moment."""
        question = (
            select(order_event.c.at)
            .join(order_batch, order_batch.c.id == order_event.c.batch_id)
            .where(
                order_batch.c.link == batch.link,
                order_batch.c.broker_account == batch.broker_account,
                order_event.c.what == _SENT,
                order_event.c.at > moment,
            )
        )
        with self._reading() as connection:
            return tuple(connection.execute(question.order_by(order_event.c.at)).scalars())

    def stopped(self, batch: Batch) -> str:
        """Why nobody may send orders for the batch's account just now; empty when nobody said so."""
        row = self._limit_row(batch)
        if row is None or row["stopped_at"] is None:
            return ""
        return str(row["stopped_why"]) or "the kill switch is on."

    def limits(self, batch: Batch) -> Limits:
        """The limits of the batch's account."""
        row = self._limit_row(batch)
        return Limits() if row is None else read_limits(json.loads(row["limits"]))

    def freeze(self, batch: Batch, reason: str, now: datetime) -> None:
        """Stop the account's orders until a person lets them go on."""
        key = {"user_id": batch.owner_id, "account_id": batch.account_id}
        with self._writing() as connection:
            write_limits(connection, key, {"stopped_at": now, "stopped_by": "", "stopped_why": reason})
            add_event(connection, batch.id, now, "frozen", details={"reason": reason})

    def alone(self, batch: Batch) -> AbstractContextManager[Turn | None]:
        """A turn at the batch's account while the block lasts; None when another executor has it."""
        return turn_at(self._database, f"{batch.link}\x00{batch.broker_account}")

    def alone_of_all(self) -> AbstractContextManager[Turn | None]:
        """The turn of the installation's one worker while the block lasts; None when another has it."""
        return turn_at(self._database, "\x00worker")

    def beat(self, heartbeat: Heartbeat) -> None:
        """Say that an executor is at work; in place of what it said before."""
        row = {"name": heartbeat.name, "started_at": heartbeat.started_at}
        with self._database.writing() as connection:
            connection.execute(
                upsert(order_executor, connection), {**row, "beat_at": heartbeat.at, "said": heartbeat.said}
            )

    def _limit_row(self, batch: Batch) -> RowMapping | None:
        with self._reading() as connection:
            return limits_row(connection, {"user_id": batch.owner_id, "account_id": batch.account_id})

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._database.reading() as connection:
            tell(connection, *_ON_DUTY)
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._database.writing() as connection:
            tell(connection, *_ON_DUTY)
            yield connection


# ── Rows, for people's journal as well ──────────────────────────────────────────────────────────────────────────────


def read_batch(connection: Connection, batch_id: str, *, hold: bool = False) -> Batch:
    """A batch with its lines; raises `JournalError` for one that is not there, or not to be seen."""
    question = select(order_batch).where(order_batch.c.id == batch_id)
    row = connection.execute(question.with_for_update() if hold else question).mappings().first()
    if row is None:
        raise JournalError("There is no such batch of orders. Choose one on the Orders page.", ("batch",))
    return with_lines(connection, row)


def with_lines(connection: Connection, row: RowMapping) -> Batch:
    """The batch of a row, with its lines."""
    question = select(order_line).where(order_line.c.batch_id == row["id"]).order_by(order_line.c.line)
    lines = [rows.line_of(line, row["broker_account"]) for line in connection.execute(question).mappings()]
    return rows.batch_of(row, lines)


def insert_batch(connection: Connection, batch: Batch) -> None:
    """A new batch with all its lines."""
    connection.execute(insert(order_batch), rows.batch_row(batch))
    connection.execute(insert(order_line), [rows.line_row(line, batch.id) for line in batch.lines])


def replace_line(
    connection: Connection, batch_id: str, before: Line, after: Line, now: datetime, what: str, by: str = ""
) -> None:
    """Compare and set, with the event in the same transaction.

    Raises:
        MovedMeanwhileError: the line is not what it was.
    """
    unchanged = (
        order_line.c.batch_id == batch_id,
        order_line.c.line == before.number,
        order_line.c.revision == before.revision,
        order_line.c.state == before.state.value,
    )
    done = connection.execute(update(order_line).where(*unchanged).values(**rows.line_row(after, batch_id)))
    if done.rowcount != 1:
        raise MovedMeanwhileError(
            f"Line {before.number} ({before.order.symbol}) was changed by somebody else meanwhile. Look at it again.",
            (before.order.symbol,),
        )
    crashpoint("line_replaced")
    add_event(connection, batch_id, now, what, after.number, by, _told_of(before, after))
    crashpoint("event_added")


def change_batch(connection: Connection, batch_id: str, changes: Mapping[str, Any]) -> None:
    """Change what stands in the batch itself."""
    if not changes:
        return
    told = {
        name: rows.quantities_text(value) if name in ("differences", "holdings") else value
        for name, value in changes.items()
    }
    connection.execute(update(order_batch).where(order_batch.c.id == batch_id).values(**told))


def add_event(
    connection: Connection,
    batch_id: str,
    now: datetime,
    what: str,
    line: int | None = None,
    by: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """One line more in what happened to a batch."""
    _hold(connection, batch_id)
    last = select(func.coalesce(func.max(order_event.c.number), 0)).where(order_event.c.batch_id == batch_id)
    row = {
        "batch_id": batch_id,
        "number": connection.execute(last).scalar_one() + 1,
        "at": now,
        "what": what,
        "line": line,
        "by_user": by,
        "details": rows.details_text(details or {}),
    }
    connection.execute(insert(order_event), row)


def limits_row(connection: Connection, key: Mapping[str, str]) -> RowMapping | None:
    """What is kept of an account's limits."""
    return connection.execute(select(order_limit).where(*_is(order_limit, key))).mappings().first()


def write_limits(connection: Connection, key: Mapping[str, str], changes: Mapping[str, Any]) -> None:
    """Change what is kept of an account's limits, or begin with the default."""
    new = {"limits": "{}", "stopped_at": None, "stopped_by": "", "stopped_why": ""}
    statement = insert_into(order_limit, connection).on_conflict_do_update(
        index_elements=["user_id", "account_id"], set_=dict(changes)
    )
    connection.execute(statement, {**key, **new, **changes})


def _fit_line(connection: Connection, batch_id: str, line: Line, quantity: Decimal, now: datetime, reason: str) -> None:
    if quantity >= line.order.quantity:
        return
    if quantity > 0:
        smaller = replace(line, order=replace(line.order, quantity=quantity), revision=line.revision + 1, note=reason)
        replace_line(connection, batch_id, line, smaller, now, "made_smaller")
    else:
        replace_line(connection, batch_id, line, step(line, LineState.SKIPPED, note=reason), now, "skipped")


def _told_of(before: Line, after: Line) -> dict[str, Any]:
    """What an event says of a step: enough to follow it without the row, which the next step overwrites."""
    told: dict[str, Any] = {"from": before.state.value, "to": after.state.value}
    for name in ("attempts", "broker_id", "broker_status", "filled", "average_price", "fees", "note"):
        if getattr(before, name) != getattr(after, name):
            told[name] = getattr(after, name)
    if before.order.quantity != after.order.quantity:
        told["quantity"] = after.order.quantity
    return told


def _hold(connection: Connection, batch_id: str) -> None:
    """One writer of a batch's events at a time; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(order_batch.c.id).where(order_batch.c.id == batch_id).with_for_update())


def _is(table: Table, key: Mapping[str, str]) -> tuple[Any, ...]:
    return tuple(table.c[name] == value for name, value in key.items())
