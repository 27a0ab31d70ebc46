"""The journal of orders as people reach it: by their account and their role, with a line in the trail for every deed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from allocation.adapters.sql import order_rows as rows
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.journal import (
    add_event,
    change_batch,
    insert_batch,
    limits_row,
    read_batch,
    replace_line,
    with_lines,
    write_limits,
)
from allocation.adapters.sql.on_record import refusals_on_record
from allocation.adapters.sql.order_tables import order_batch, order_event, order_executor
from allocation.adapters.sql.reach import Reached, reach
from allocation.adapters.sql.store import utc_now
from allocation.authorisation import Verb
from allocation.bookkeeping import Heartbeat, Stop
from allocation.journal import (
    Batch,
    BatchOvertakenError,
    Decision,
    Event,
    Intent,
    JournalError,
    decided,
)
from allocation.limits import Limits, limits_as_dict, read_limits
from allocation.ports import Trail
from allocation.trail import EventKind

_INTENT_KINDS = {Intent.EXECUTE: EventKind.ORDERS_RESUMED, Intent.STOP: EventKind.ORDERS_CANCELLED}


class SqlOrderDesk:
    """An `OrderDesk` in a database."""

    def __init__(self, database: Database, trail: Trail | None = None, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._trail = trail
        self._now = now

    def commit(self, user_id: str, account_id: str, batch: Batch, intent: Intent) -> Batch:
        """Write the reviewed batch down, whole, before anything is sent."""
        with self._changing(user_id, account_id, Verb.SEND_ORDERS) as (connection, found):
            latest = _latest(connection, found)
            if latest is not None and latest.id == batch.id:
                return latest  # the second click, or the other tab
            _require_next(latest, batch)
            whole = replace(batch, owner_id=found.owner_id, account_id=found.account_id, reviewed_by=user_id)
            wanted_at = None if intent == Intent.WAIT else self._now()
            insert_batch(connection, replace(whole, intent=intent, wanted_at=wanted_at))
            add_event(connection, batch.id, self._now(), "reviewed", by=user_id, details={"intent": intent.value})
            self._note(EventKind.ORDERS_CONFIRMED, user_id, batch.id, orders=len(batch.lines), live=batch.live)
            return read_batch(connection, batch.id)

    def latest(self, user_id: str, account_id: str) -> str:
        """The id of the account's latest batch; empty before the first."""
        with self._reaching(user_id, account_id) as (connection, found):
            latest = _latest(connection, found)
            return latest.id if latest is not None else ""

    def batches(self, user_id: str, account_id: str, limit: int = 20) -> tuple[Batch, ...]:
        """The account's batches, the newest first."""
        with self._reaching(user_id, account_id) as (connection, found):
            question = _of_account(found).order_by(order_batch.c.reviewed_at.desc(), order_batch.c.id).limit(limit)
            return tuple(with_lines(connection, row) for row in connection.execute(question).mappings().all())

    def batch(self, user_id: str, account_id: str, batch_id: str) -> Batch:
        """One batch of the account."""
        with self._reaching(user_id, account_id) as (connection, found):
            return _batch_of(connection, found, batch_id)

    def events(self, user_id: str, account_id: str, batch_id: str) -> tuple[Event, ...]:
        """What happened to a batch, in order."""
        with self._reaching(user_id, account_id) as (connection, found):
            _batch_of(connection, found, batch_id)
            question = select(order_event).where(order_event.c.batch_id == batch_id).order_by(order_event.c.number)
            return tuple(rows.event_of(row) for row in connection.execute(question).mappings())

    def intend(self, user_id: str, account_id: str, batch_id: str, intent: Intent) -> Batch:
        """Say what is wanted of a batch."""
        with self._changing(user_id, account_id, Verb.SEND_ORDERS) as (connection, found):
            batch = _batch_of(connection, found, batch_id, hold=True)
            if batch.closed_at is not None:
                raise JournalError("This batch is closed; nothing of it can be sent or stopped any more.", ("batch",))
            if batch.intent == Intent.STOP and intent == Intent.EXECUTE:
                raise JournalError("This batch was stopped for good. Plan the rest anew.", ("batch",))
            go_on = {"wanted_at": self._now(), "paused_code": "", "paused_reason": ""}
            change_batch(connection, batch_id, {"intent": intent.value, **go_on})
            add_event(connection, batch_id, self._now(), f"wanted_{intent.value}", by=user_id)
            self._note(_INTENT_KINDS[intent], user_id, batch_id)
            return read_batch(connection, batch_id)

    def decide(self, user_id: str, account_id: str, batch_id: str, line: int, decision: Decision) -> Batch:
        """A person's decision about a line that waits for one."""
        with self._changing(user_id, account_id, Verb.SEND_ORDERS) as (connection, found):
            batch = _batch_of(connection, found, batch_id, hold=True)
            before = next((each for each in batch.lines if each.number == line), None)
            if before is None:
                raise JournalError(f"The batch has no line {line}.", ("line",))
            after = decided(before, decision, user_id)
            what = f"decided_{decision.value}"
            replace_line(connection, batch_id, before, after, self._now(), what, user_id)
            change_batch(connection, batch_id, {"paused_code": "", "paused_reason": ""})
            self._note(EventKind.ORDER_DECIDED, user_id, before.order.client_id, decision=decision.value)
            return read_batch(connection, batch_id)

    def stop(self, user_id: str, account_id: str, reason: str) -> None:
        """The kill switch: no order of the account leaves any more."""
        with self._changing(user_id, account_id, Verb.SEND_ORDERS) as (connection, found):
            stopped = {"stopped_at": self._now(), "stopped_by": user_id, "stopped_why": reason}
            write_limits(connection, found.key, stopped)
            self._note(EventKind.ORDERS_STOPPED, user_id, account_id)

    def let_go(self, user_id: str, account_id: str) -> None:
        """Orders of the account may be sent again."""
        with self._changing(user_id, account_id, Verb.SEND_ORDERS) as (connection, found):
            write_limits(connection, found.key, {"stopped_at": None, "stopped_by": "", "stopped_why": ""})
            self._note(EventKind.ORDERS_ALLOWED, user_id, account_id)

    def stop_of(self, user_id: str, account_id: str) -> Stop | None:
        """Whether and why the account's orders are stopped."""
        with self._reaching(user_id, account_id) as (connection, found):
            row = limits_row(connection, found.key)
        if row is None or row["stopped_at"] is None:
            return None
        return Stop(row["stopped_at"], row["stopped_by"], row["stopped_why"])

    def limits(self, user_id: str, account_id: str) -> Limits:
        """The account's limits."""
        with self._reaching(user_id, account_id) as (connection, found):
            row = limits_row(connection, found.key)
        return Limits() if row is None else read_limits(json.loads(row["limits"]))

    def save_limits(self, user_id: str, account_id: str, limits: Limits) -> None:
        """Set them."""
        with self._changing(user_id, account_id, Verb.SET_LIMITS) as (connection, found):
            write_limits(connection, found.key, {"limits": json.dumps(limits_as_dict(limits))})
            self._note(EventKind.LIMITS_SET, user_id, account_id)

    def heartbeats(self, since: datetime) -> tuple[Heartbeat, ...]:
        """The executors that were at work since a moment, the latest first."""
        question = select(order_executor).where(order_executor.c.beat_at > since)
        with self._database.reading() as connection:
            found = connection.execute(question.order_by(order_executor.c.beat_at.desc())).mappings()
            return tuple(Heartbeat(row["name"], row["started_at"], row["beat_at"], row["said"]) for row in found)

    @contextmanager
    def _reaching(self, user_id: str, account_id: str) -> Iterator[tuple[Connection, Reached]]:
        with (
            refusals_on_record(self._trail, user_id, Verb.SEE, account_id),
            self._database.reading(user_id) as connection,
        ):
            yield connection, reach(connection, user_id, account_id, Verb.SEE)

    @contextmanager
    def _changing(self, user_id: str, account_id: str, verb: Verb) -> Iterator[tuple[Connection, Reached]]:
        with (
            refusals_on_record(self._trail, user_id, verb, account_id),
            self._database.writing(user_id) as connection,
        ):
            yield connection, reach(connection, user_id, account_id, verb, hold=True)

    def _note(self, kind: EventKind, user_id: str, subject: str, **details: Any) -> None:
        if self._trail is not None:
            self._trail.record(kind, subject, user_id=user_id, **details)


def _require_next(latest: Batch | None, batch: Batch) -> None:
    """Refuse a batch that was reviewed before another one was committed, or while one is under way."""
    if latest is not None and latest.closed_at is None:
        message = (
            f"The orders confirmed at {latest.reviewed_at:%H:%M} UTC are still under way in this account. Wait until they "
            "are done, or stop them, then review the plan again."
        )
        raise BatchOvertakenError(message, ("batch",))
    if batch.follows != (latest.id if latest is not None else ""):
        message = "Other orders were confirmed for this account since the review. Review the plan again."
        raise BatchOvertakenError(message, ("batch",))


def _latest(connection: Connection, found: Reached) -> Batch | None:
    """The batch that no other follows."""
    followed = select(order_batch.c.follows).where(
        order_batch.c.user_id == found.owner_id, order_batch.c.account_id == found.account_id
    )
    row = connection.execute(_of_account(found).where(order_batch.c.id.not_in(followed))).mappings().first()
    return None if row is None else with_lines(connection, row)


def _batch_of(connection: Connection, found: Reached, batch_id: str, *, hold: bool = False) -> Batch:
    batch = read_batch(connection, batch_id, hold=hold)
    if (batch.owner_id, batch.account_id) != (found.owner_id, found.account_id):
        raise JournalError("There is no such batch of orders. Choose one on the Orders page.", ("batch",))
    return batch


def _of_account(found: Reached) -> Select[Any]:
    return select(order_batch).where(
        order_batch.c.user_id == found.owner_id, order_batch.c.account_id == found.account_id
    )
