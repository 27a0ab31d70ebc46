"""The last good quotes in the database, shared by all users."""

from collections.abc import Iterable

from sqlalchemy import Connection, Executable, select

from allocation.adapters.sql import rows, tables
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.upsert import insert_into
from allocation.model import PriceSource, Quote


class SqlQuoteCache:
    """A `QuoteCache` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The cached quotes among these symbols, however old."""
        question = select(tables.quote).where(tables.quote.c.symbol.in_(list(symbols)))
        with self._database.reading() as connection:
            found = connection.execute(question).mappings().all()
        return {row["symbol"]: rows.quote_of(row, PriceSource(row["source"])) for row in found}

    def save(self, quotes: Iterable[Quote]) -> None:
        """Keep these in place of older ones."""
        lines = [{**rows.quote_row(quote), "source": quote.source.value} for quote in quotes]
        if not lines:
            return
        with self._database.writing() as connection:
            # In the order of their symbols: two writers then wait for one another instead of locking each other out.
            lines.sort(key=lambda line: str(line["symbol"]))
            connection.execute(_insert_unless_newer(connection), lines)


def _insert_unless_newer(connection: Connection) -> Executable:
    insert = insert_into(tables.quote, connection)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["symbol"],
        set_={name: new[name] for name in ("price", "currency", "time", "source")},
        where=tables.quote.c.time <= new.time,
    )
