"""What the tables promise on every database."""

from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError

from allocation.adapters.sql import rows, schema
from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.tables import account, metadata
from allocation.model import Account, Portfolio
from tests.servers import open_at_once


def test_the_migrations_make_exactly_the_tables_the_program_uses(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": metadata, "compare_type": True})

        assert compare_metadata(context, metadata) == []


def test_every_migration_can_be_undone_and_done_again(database: Database) -> None:
    with database.writing() as connection:
        command.downgrade(schema.alembic_config(connection), "base")
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}

        command.upgrade(schema.alembic_config(connection), "head")

        assert set(inspect(connection).get_table_names()) == {"alembic_version", *metadata.tables}


def test_servers_that_start_at_once_on_an_empty_postgresql_wait_for_one_another(postgres_url: str) -> None:
    with create_engine(postgres_url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("CREATE DATABASE empty_one"))
    url = make_url(postgres_url).set(database="empty_one").render_as_string(hide_password=False)

    said = open_at_once(url, 4)

    assert said == [("open\n", "")] * 4
    database = open_database(url)
    with database.reading() as connection:
        assert schema.version_of(connection) == schema.HEAD
    database.close()


def test_an_account_without_an_owner_cannot_be(database: Database) -> None:
    row = rows.account_row(Portfolio(Account("main", "Main"), ()))

    # PostgreSQL's row-level security is there before the missing owner is missed.
    with pytest.raises((IntegrityError, ProgrammingError)), database.writing("nobody") as connection:
        connection.execute(account.insert(), {**row, "user_id": "nobody", "imported_at": datetime.now(UTC)})

    with database.reading("nobody") as connection:
        assert connection.execute(select(account)).all() == []
