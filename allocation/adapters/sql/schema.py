"""Keeping the tables of a database at the version this program knows."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, func, inspect, select, table

from allocation.adapters.sql import (  # noqa: F401  makes them known to the metadata
    broker_tables,
    import_tables,
    market_tables,
    order_tables,
    security_tables,
)
from allocation.errors import SettingsError

if TYPE_CHECKING:
    from alembic.config import Config

# The newest version in migrations/versions; a test keeps the two equal.
HEAD = "0013"
# Any number, as long as every Evenkeel uses the same one.
_ADVISORY_LOCK = 7_301_944_512
_versions = table("alembic_version", column("version_num"))


def bring_up_to_date(connection: Connection) -> None:
    """Upgrade inside the caller's transaction: all the way or not at all, and one process at a time.

    Raises:
        SettingsError: the tables were written by a newer Evenkeel.
    """
    # SQLite's writer already waits for its turn (BEGIN IMMEDIATE).
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    found = version_of(connection)
    if found == HEAD:
        return
    from alembic import command  # noqa: PLC0415  half a second that only a database without the newest tables costs

    _refuse_unknown(found, connection)
    command.upgrade(alembic_config(connection), "head")


def version_of(connection: Connection) -> str | None:
    """The version of the tables in this database; None when it has none yet."""
    if not inspect(connection).has_table(_versions.name):
        return None
    return connection.execute(select(_versions.c.version_num)).scalar()


def alembic_config(connection: Connection) -> "Config":
    """What Alembic needs to run our migrations over an open connection."""
    from alembic.config import Config  # noqa: PLC0415  see above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _refuse_unknown(found: str | None, connection: Connection) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415  see above

    known = {script.revision for script in ScriptDirectory.from_config(alembic_config(connection)).walk_revisions()}
    if found is not None and found not in known:
        message = (
            f"The database was written by a newer Evenkeel (its tables are version {found[:20]!a}, this program knows up to "
            f"{HEAD}). Update Evenkeel, or choose another database."
        )
        raise SettingsError(message, ("database_url",))
