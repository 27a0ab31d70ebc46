"""Opening the database: SQLite in the user's data directory or PostgreSQL by its URL, with its tables up to date."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import Connection, Engine, bindparam, create_engine, event, func, select, true
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, IntegrityError, ProgrammingError, StatementError
from sqlalchemy.pool import ConnectionPoolEntry

from allocation.adapters.sql.columns import PlainText
from allocation.adapters.sql.promises import require_promises
from allocation.adapters.sql.schema import HEAD, bring_up_to_date, version_of
from allocation.errors import AllocationError, SettingsError, StoreUnavailableError

BUSY_SECONDS = 5
CONNECT_SECONDS = 5
_WRITES = "writes"


class Database:
    """An open database. Every question is one transaction: `reading` sees one moment, `writing` happens whole or not."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        postgres = engine.dialect.name == "postgresql"
        self._reader = engine.execution_options(isolation_level="REPEATABLE READ") if postgres else engine
        self._writer = engine.execution_options(**{_WRITES: True})
        self._under_way: ContextVar[Connection | None] = ContextVar("under_way", default=None)

    @contextmanager
    def reading(self, user_id: str = "") -> Iterator[Connection]:
        """A transaction in which several questions see the same moment, of one user's rows where one is named."""
        with _said_plainly(), self._reader.begin() as connection:
            name_user(connection, user_id)
            yield connection

    @contextmanager
    def writing(self, user_id: str = "") -> Iterator[Connection]:
        """A transaction that is kept when the block ends and undone when it raises; of one user, as above."""
        with _said_plainly(), self._writer.begin() as connection:
            name_user(connection, user_id)
            outer = self._under_way.set(connection)
            try:
                yield connection
            finally:
                self._under_way.reset(outer)

    @contextmanager
    def joining(self) -> Iterator[Connection]:
        """The writing transaction that is under way in this thread, or one of its own where there is none."""
        connection = self._under_way.get()
        if connection is not None:
            yield connection
            return
        with self.writing() as own:
            yield own

    def check(self) -> None:
        """Ask it something.

        Raises:
            StoreUnavailableError: it does not answer, or its tables are not the ones this program knows.
        """
        with self.reading() as connection:
            found = version_of(connection)
        if found != HEAD:
            raise StoreUnavailableError(f"its tables are of version {found}, and this program's of {HEAD}")

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()


def name_user(connection: Connection, user_id: str) -> None:
    """Tell PostgreSQL whose transaction this is: its row-level security shows and takes no other rows.

    Without a name there are none to be seen but those of the tables that are read before anybody is known.
    """
    if user_id:
        tell(connection, "evenkeel.user_id", user_id)


def tell(connection: Connection, setting: str, value: str) -> None:
    """Set what the policies of PostgreSQL ask for, until the transaction ends; SQLite has none."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.set_config(setting, bindparam("value", value, PlainText), true())))


def open_database(url_text: str) -> Database:
    """Open the database of this URL, create what is missing, and bring its tables up to date.

    Raises:
        SettingsError: the URL, the file or the server cannot be used, or may lose what it acknowledged; says why, without
            the password.
    """
    url = _checked(url_text)
    database = Database(_sqlite(url) if url.get_backend_name() == "sqlite" else _postgres(url))
    try:
        with database._writer.begin() as connection:
            require_promises(connection)
            bring_up_to_date(connection)
    except DatabaseError as error:
        database.close()
        raise _cannot_be_used(url, str(error.orig)) from error
    except SettingsError:
        database.close()
        raise
    return database


def _checked(url_text: str) -> URL:
    try:
        url = make_url(url_text)
    except ArgumentError:
        message = "The database URL cannot be read. Write it like sqlite:////home/me/evenkeel.sqlite or postgresql://user:password@host/name."
        raise SettingsError(message, ("database_url",)) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        message = f"Evenkeel keeps its accounts in SQLite or PostgreSQL, not in {url.get_backend_name()}. Change the database URL."
        raise SettingsError(message, ("database_url",))
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        message = "The database URL names no file, so nothing would be kept. Write it like sqlite:////home/me/evenkeel.sqlite."
        raise SettingsError(message, ("database_url",))
    return url


def _cannot_be_used(url: URL, reason: str) -> SettingsError:
    place = url.database if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    return SettingsError(
        f"The database {place} cannot be opened and written: {' '.join(reason.split())}. Choose a place that can be "
        "written and has room, or correct the database URL, then start again.",
        ("database_url",),
    )


def _postgres(url: URL) -> Engine:
    return create_engine(
        url, pool_pre_ping=True, hide_parameters=True, connect_args={"connect_timeout": CONNECT_SECONDS}
    )


def _sqlite(url: URL) -> Engine:
    try:
        _make_private(Path(str(url.database)))
    except OSError as error:
        raise _cannot_be_used(url, error.strerror or str(error)) from error
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(path: Path) -> None:
    """The file for its owner alone, before the first byte is in it; SQLite gives its side files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # Transactions are ours (see `_begin_sqlite`): the driver's own would leave the tables outside of them.
    connection.isolation_level = None
    # FULL: a commit that was acknowledged survives a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
    connection.execute("PRAGMA synchronous = FULL").close()
    connection.execute("PRAGMA foreign_keys = ON").close()
    _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch, once in the life of the file. This alone does not wait for its turn in SQLite, so the wait is here."""
    deadline = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once; one that read first and then wrote could be turned away half-way.
    immediate = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def _said_plainly() -> Iterator[None]:
    """A database that is gone, full or locked becomes a sentence; a fault of ours stays what it is."""
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError):
        raise
    except DatabaseError as error:
        raise StoreUnavailableError(" ".join(str(error.orig).split())) from error
    except StatementError as error:
        # A column refused its value; SQLAlchemy wraps the refusal.
        if isinstance(error.orig, AllocationError):
            raise error.orig from None
        raise
