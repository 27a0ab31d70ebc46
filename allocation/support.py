"""The support bundle: what somebody who helps needs to know of an installation, and nothing that is secret or private."""

import platform
import re
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from allocation.adapters.sql.database import open_database
from allocation.adapters.sql.schema import version_of
from allocation.adapters.sql.trail import SqlTrail
from allocation.bootstrap import key_place
from allocation.errors import AllocationError
from allocation.logs import last_lines
from allocation.redaction import hide_always, redacted
from allocation.settings import Settings, load_settings

LOG_LINES = 200
_REQUEST_ID = re.compile(r'"request_id": "[0-9a-f]{10}"')  # in a value of a line, quotes have a backslash in front
_PACKAGES = (
    "streamlit",
    "streamlit-oauth",
    "starlette",
    "uvicorn",
    "SQLAlchemy",
    "alembic",
    "psycopg",
    "cryptography",
    "joserfc",
    "httpx",
    "argon2-cffi",
    "pydantic",
    "pandas",
    "numpy",
    "numba",
    "highspy",
)


def support_bundle() -> dict[str, Any]:
    """Versions, settings without secrets, the state of database, keys and trail, and the end of the log file."""
    settings = load_settings()
    hide_always(settings.secrets())
    return {
        "versions": {"python": sys.version.split()[0], "system": platform.platform(), **_packages()},
        "settings": settings.shown(),
        "keys": _told(lambda: [key.id.hex() for key in key_place(settings).read()]),
        "database": _told(lambda: _database(settings)),
        "log": [_line(line) for line in last_lines(settings.log_file, LOG_LINES)] if settings.log_file else [],
    }


def _packages() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _database(settings: Settings) -> dict[str, Any]:
    database = open_database(settings.database_url.get_secret_value())
    with database.reading() as connection:
        told = {"kind": connection.dialect.name, "tables": version_of(connection)}
    trail = SqlTrail(database)
    found = trail.first_break()
    return told | {"trail_lines": trail.head()[0], "trail_first_broken_line": found.number if found else None}


def _line(line: str) -> str:
    """A line of the log, with nothing that looks like a secret but the request's id: it is what people quote to us."""
    found = _REQUEST_ID.search(line)
    if not found:
        return redacted(line)
    return f"{redacted(line[: found.start()])}{found[0]}{redacted(line[found.end() :])}"


def _told(ask: Callable[[], Any]) -> Any:
    """The answer, or what is wrong; a bundle is for installations in which something is."""
    try:
        return ask()
    except AllocationError as error:
        return {"error": error.code, "message": redacted(error.message)}
