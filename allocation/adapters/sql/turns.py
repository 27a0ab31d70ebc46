"""One executor for each account: a lock that the system itself gives back when its process ends, however it ends."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DatabaseError

from allocation.adapters.sql.database import Database

# Any number, as long as every Evenkeel uses the same one: the first key of the two-key advisory locks.
_ADVISORY_CLASS = 730_194_451


class FileTurn:
    """A locked file. The lock lasts as long as the process holds the file open."""

    def lasts(self) -> bool:
        """Nobody can take a file's lock away."""
        return True


class SessionTurn:
    """An advisory lock of a PostgreSQL session; it ends with the session, so the session must not be pooled outside."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lasts(self) -> bool:
        """Whether the session is still there."""
        try:
            self._connection.execute(text("SELECT 1"))
        except DatabaseError:
            return False
        return True


@contextmanager
def turn_at(database: Database, name: str) -> Iterator[FileTurn | SessionTurn | None]:
    """The turn at what `name` stands for while the block lasts; None at once when another executor has it."""
    if database.engine.dialect.name == "postgresql":
        with _session_turn(database.engine, name) as session_turn:
            yield session_turn
    else:
        with _file_turn(Path(str(database.engine.url.database)), name) as file_turn:
            yield file_turn


@contextmanager
def _file_turn(beside: Path, name: str) -> Iterator[FileTurn | None]:
    path = beside.with_name(f"{beside.name}.turn-{_digest(name).hex()}")
    # Never removed: another process may hold the lock of the file that had this name before.
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield FileTurn() if _locked(number) else None
    finally:
        os.close(number)


@contextmanager
def _session_turn(engine: Engine, name: str) -> Iterator[SessionTurn | None]:
    key = int.from_bytes(_digest(name)[:4], "big", signed=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        taken = connection.execute(select(func.pg_try_advisory_lock(_ADVISORY_CLASS, key))).scalar()
        try:
            yield SessionTurn(connection) if taken else None
        finally:
            with suppress(DatabaseError):  # a session that is gone has given it back
                connection.execute(select(func.pg_advisory_unlock(_ADVISORY_CLASS, key)))
            # The session itself ends: one that went back to the pool might keep the lock.
            connection.invalidate()


def _locked(number: int) -> bool:
    """Whether the lock of this open file is ours now."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415  each system has its own

            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415  each system has its own

            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:8]
