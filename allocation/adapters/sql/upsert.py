"""Insert, or bring up to date what is there: one statement, so two at once cannot collide."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert


def insert_into(table: Table, connection: Connection) -> PostgresInsert | SqliteInsert:
    """The dialect's INSERT: both know ON CONFLICT, and spell it alike."""
    return PostgresInsert(table) if connection.dialect.name == "postgresql" else SqliteInsert(table)


def upsert(table: Table, connection: Connection) -> PostgresInsert | SqliteInsert:
    """An INSERT that, where the primary key exists, takes over every other column."""
    statement = insert_into(table, connection)
    key = [column.name for column in table.primary_key]
    changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=changed)
