"""Failed attempts to sign in, where several workers see them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.tables import sign_in_failure
from allocation.adapters.sql.upsert import insert_into, upsert
from allocation.ports import Failures

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class SqlFailureLog:
    """A `FailureLog` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revise(self, keys: Iterable[str], change: Callable[[Mapping[str, Failures]], Mapping[str, Failures]]) -> None:
        """Replace what is known of these keys; one at a time, whichever worker asks."""
        wanted = sorted(keys)  # in one order, so that no two workers wait for each other
        with self._database.writing() as connection:
            revised = change(_held(connection, wanted))
            kept = [{"name_hash": key, "count": tally.count, "last_at": tally.last} for key, tally in revised.items()]
            if kept:
                connection.execute(upsert(sign_in_failure, connection), kept)

    def forget(self, before: datetime) -> None:
        """Drop what is older than this."""
        old = select(sign_in_failure.c.name_hash).where(sign_in_failure.c.last_at < before)
        # What another worker is about to change or drop is left to it.
        free = old.with_for_update(skip_locked=True)
        with self._database.reading() as connection:
            if connection.execute(old.limit(1)).first() is None:
                return
        with self._database.writing() as connection:
            connection.execute(delete(sign_in_failure).where(sign_in_failure.c.name_hash.in_(free)))


def _held(connection: Connection, keys: list[str]) -> dict[str, Failures]:
    """What is known of the keys, each held until the transaction ends."""
    # PostgreSQL can only hold a row that is there.
    new = [{"name_hash": key, "count": 0, "last_at": _LONG_AGO} for key in keys]
    connection.execute(insert_into(sign_in_failure, connection).on_conflict_do_nothing(), new)
    rows = select(sign_in_failure).where(sign_in_failure.c.name_hash.in_(keys)).order_by(sign_in_failure.c.name_hash)
    found = connection.execute(rows.with_for_update()).mappings()
    return {row["name_hash"]: Failures(row["count"], row["last_at"]) for row in found}
