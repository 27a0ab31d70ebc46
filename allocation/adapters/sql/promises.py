"""What the database must promise before anything is entrusted to it: that what was acknowledged survives a power cut."""

import logging

from sqlalchemy import Connection, text

from allocation.errors import SettingsError

_log = logging.getLogger("evenkeel.database")

# https://www.sqlite.org/pragma.html#pragma_synchronous: 2 is FULL, 3 is EXTRA.
_SQLITE = {"journal_mode": (("wal",), "WAL"), "synchronous": (("2", "3"), "FULL")}
# https://www.postgresql.org/docs/current/runtime-config-wal.html: `remote_apply` promises more than `on`, the rest less.
_POSTGRES = {"synchronous_commit": (("on", "remote_apply"), "on"), "fsync": (("on",), "on")}


def require_promises(connection: Connection) -> None:
    """Refuse a database that may forget what it acknowledged; say so where its second fence cannot hold.

    Raises:
        SettingsError: names every setting that is not as it must be.
    """
    postgres = connection.dialect.name == "postgresql"
    wanted, ask = (_POSTGRES, "SHOW") if postgres else (_SQLITE, "PRAGMA")
    found = {name: str(connection.exec_driver_sql(f"{ask} {name}").scalar()).lower() for name in wanted}
    broken = {name: wanted[name][1] for name, value in found.items() if value not in wanted[name][0]}
    if broken:
        said = " and ".join(f"{name} is {found[name]} and must be {must}" for name, must in broken.items())
        raise SettingsError(
            f"The database may lose what it has acknowledged: {said}. Set it so in the database's own configuration, or "
            "put the database where it can be so, then start again.",
            ("database_url",),
        )
    if postgres and connection.execute(_WALKS_PAST).scalar():
        _log.warning(
            "The database role is a superuser or has BYPASSRLS, so PostgreSQL's row-level security does not hold it. "
            "Give Evenkeel a role of its own that has neither."
        )


_WALKS_PAST = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
