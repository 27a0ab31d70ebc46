"""Alembic runs this file for every upgrade and downgrade, over the connection that `schema` hands it."""

from alembic import context

from allocation.adapters.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter a column; Alembic copies the table instead.
    render_as_batch=True,
)
# No transaction of its own: the caller's holds all steps together, on SQLite too.
context.run_migrations()
