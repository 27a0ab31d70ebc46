"""Attempts to sign in, in the database: hashes and what is sealed, for ten minutes."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.tables import sign_in_attempt
from allocation.adapters.sql.users import hash_of
from allocation.presence import AttemptRow

KEPT_FOR = timedelta(minutes=10)
_row = sign_in_attempt.c


class SqlAttempts:
    """`AttemptRows` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, state: str, browser_key: str, sealed_departure: bytes, now: datetime) -> None:
        """Keep a departure; an earlier one of this browser that has no answer yet is forgotten."""
        waiting = and_(_row.browser_hash == hash_of(browser_key), _row.sealed_departure.is_not(None))
        with self._database.writing() as connection:
            _forget_old(connection, now)
            connection.execute(delete(sign_in_attempt).where(waiting, _row.answered_at.is_(None)))
            connection.execute(
                insert(sign_in_attempt), {**_new(state, browser_key, now), "sealed_departure": sealed_departure}
            )

    def answer(self, state: str, browser_key: str, sealed_answer: bytes, now: datetime) -> bool:
        """Keep the answer to this attempt; False when it has one."""
        answered = {"sealed_answer": sealed_answer, "answered_at": now}
        try:
            with self._database.writing() as connection:
                _forget_old(connection, now)
                unanswered = _this(state, browser_key, now), _row.answered_at.is_(None)
                if connection.execute(update(sign_in_attempt).where(*unanswered).values(answered)).rowcount:
                    return True
                connection.execute(insert(sign_in_attempt), {**_new(state, browser_key, now), **answered})
        except IntegrityError:
            return False
        return True

    def find(self, state: str, browser_key: str, now: datetime) -> AttemptRow | None:
        """The attempt of this state, if it is this browser's and not too old."""
        with self._database.reading() as connection:
            question = select(sign_in_attempt).where(_this(state, browser_key, now))
            return _attempt_of(connection.execute(question).mappings().first())

    def latest_departure(self, browser_key: str, now: datetime) -> AttemptRow | None:
        """The latest attempt this browser left a page for."""
        theirs = and_(_row.browser_hash == hash_of(browser_key), _row.sealed_departure.is_not(None), _is_young(now))
        question = select(sign_in_attempt).where(theirs).order_by(_row.began_at.desc())
        with self._database.reading() as connection:
            return _attempt_of(connection.execute(question).mappings().first())

    def take(self, state: str, browser_key: str, now: datetime) -> AttemptRow | None:
        """The same as `find`, once: it is not handed out again, and no answer to it is taken any more."""
        this = _this(state, browser_key, now)
        used = {"sealed_departure": None, "sealed_answer": None, "answered_at": now}
        with self._database.writing() as connection:
            found = connection.execute(select(sign_in_attempt).where(this).with_for_update()).mappings().first()
            connection.execute(update(sign_in_attempt).where(this).values(used))
        return _attempt_of(found)


def _new(state: str, browser_key: str, now: datetime) -> dict[str, object]:
    nothing_yet = {"sealed_departure": None, "sealed_answer": None, "answered_at": None}
    return {"state_hash": hash_of(state), "browser_hash": hash_of(browser_key), "began_at": now, **nothing_yet}


def _this(state: str, browser_key: str, now: datetime) -> ColumnElement[bool]:
    return and_(_row.state_hash == hash_of(state), _row.browser_hash == hash_of(browser_key), _is_young(now))


def _is_young(now: datetime) -> ColumnElement[bool]:
    return _row.began_at > now - KEPT_FOR


def _attempt_of(row: RowMapping | None) -> AttemptRow | None:
    if row is None:
        return None
    return AttemptRow(row["sealed_departure"], row["sealed_answer"], row["answered_at"])


def _forget_old(connection: Connection, now: datetime) -> None:
    connection.execute(delete(sign_in_attempt).where(_row.began_at <= now - KEPT_FOR))
