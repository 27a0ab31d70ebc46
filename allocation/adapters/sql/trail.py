"""The audit trail in the database: one writer at a time, numbers without gaps, nothing changed afterwards."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, insert, select

from allocation.acting import acting
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.store import utc_now
from allocation.adapters.sql.tables import audit_event
from allocation.trail import NO_HASH, Break, Detail, EventKind, Line, details_text, first_break, sealed

# Any number, as long as every Evenkeel uses the same one.
_ADVISORY_LOCK = 7_301_944_513
_ROWS_AT_A_TIME = 1_000
_FIELDS = tuple(field.name for field in fields(Line))


class SqlTrail:
    """A `Trail` in a database."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    def record(
        self,
        kind: EventKind,
        subject: str = "",
        *,
        user_id: str | None = None,
        session: str | None = None,
        **details: Detail,
    ) -> None:
        """Write it down before returning; inside a writing transaction, as a part of it."""
        who = acting()
        with self._database.joining() as connection:
            number, previous_hash = _last(connection)
            line = Line(
                number + 1,
                self._now(),
                user_id if user_id is not None else who.user_id,
                session if session is not None else who.session,
                who.request_id or None,
                kind.value,
                _storable(subject),
                details_text(details),
                previous_hash,
            )
            connection.execute(insert(audit_event), asdict(sealed(line)))

    def of_user(
        self, user_id: str, kinds: Iterable[EventKind] = (), before: int | None = None, limit: int = 200
    ) -> tuple[Line, ...]:
        """What one user did or what was done in their name, newest first."""
        question = select(audit_event).where(audit_event.c.user_id == user_id)
        if chosen := [kind.value for kind in kinds]:
            question = question.where(audit_event.c.kind.in_(chosen))
        if before is not None:
            question = question.where(audit_event.c.number < before)
        with self._database.reading() as connection:
            rows = connection.execute(question.order_by(audit_event.c.number.desc()).limit(limit)).mappings()
            return tuple(_line_of(row) for row in rows)

    def head(self) -> tuple[int, str]:
        """The last line's number and hash: kept elsewhere, they show later that no line was cut off."""
        with self._database.reading() as connection:
            return _newest(connection)

    def hash_of(self, number: int) -> str | None:
        """The hash of a line; None where there is no such line."""
        question = select(audit_event.c.hash).where(audit_event.c.number == number)
        with self._database.reading() as connection:
            return connection.execute(question).scalar_one_or_none()

    def first_break(self) -> Break | None:
        """Where the trail is not what was written; None when it is whole."""
        with self._database.reading() as connection:
            return first_break(_every_line(connection))


def _last(connection: Connection) -> tuple[int, str]:
    """The newest line, once nobody else is writing one: SQLite's writer is alone already."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    return _newest(connection)


def _newest(connection: Connection) -> tuple[int, str]:
    question = select(audit_event.c.number, audit_event.c.hash).order_by(audit_event.c.number.desc()).limit(1)
    row = connection.execute(question).first()
    return (0, NO_HASH) if row is None else (row.number, row.hash)


def _every_line(connection: Connection) -> Iterator[Line]:
    question = select(audit_event).order_by(audit_event.c.number).execution_options(yield_per=_ROWS_AT_A_TIME)
    for row in connection.execute(question).mappings():
        yield _line_of(row)


def _line_of(row: RowMapping) -> Line:
    return Line(**{name: row[name] for name in _FIELDS})


def _storable(text: str) -> str:
    """As the database will give it back (see `PlainText`); the hash covers what is kept."""
    return text.replace("\x00", "?").encode("utf-8", "replace").decode("utf-8")
