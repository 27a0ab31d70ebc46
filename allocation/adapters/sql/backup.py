"""A consistent copy of a running SQLite database, in a file for its owner alone."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from allocation.errors import RequestError, SettingsError

_PAGES_AT_ONCE = 256  # between them others may write


def back_up(database_url: str, destination: Path) -> int:
    """Copy the database there by SQLite's online backup (https://www.sqlite.org/backup.html); the copy's size in bytes.

    Raises:
        SettingsError: the database is not SQLite's.
        RequestError: the destination exists already, or cannot be written; nothing half-written is left there.
    """
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        message = "The database is not SQLite: take a copy of PostgreSQL with pg_dump, as docs/deployment.md says."
        raise SettingsError(message, ("database_url",))
    if not Path(url.database).is_file():
        raise SettingsError(f"There is no database at {url.database} yet.", ("database_url",))
    _make_private(destination)
    try:
        with closing(sqlite3.connect(url.database)) as running, closing(sqlite3.connect(destination)) as copy:
            running.backup(copy, pages=_PAGES_AT_ONCE)
    except sqlite3.Error as error:
        destination.unlink(missing_ok=True)
        raise RequestError(f"The copy to {destination} failed: {error}. Nothing was left there.", ("file",)) from error
    return destination.stat().st_size


def _make_private(destination: Path) -> None:
    """The empty file, for its owner alone before the first byte is in it; one that exists is never written over."""
    try:
        os.close(os.open(destination, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise RequestError(f"{destination} exists already. Name a file that does not.", ("file",)) from None
    except OSError as error:
        raise RequestError(f"{destination} cannot be written: {error.strerror}.", ("file",)) from error
