"""The tables of imports: what a user said the columns of a table mean, and which files they saved."""

from sqlalchemy import Column, ForeignKey, Table

from allocation.adapters.sql.columns import Moment, PlainText
from allocation.adapters.sql.tables import metadata

# By the names in the header, never by what a file holds.
column_mapping = Table(
    "column_mapping",
    metadata,
    Column("user_id", PlainText, ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", PlainText, primary_key=True),
    Column("content", PlainText, nullable=False),
    Column("saved_at", Moment, nullable=False),
)

# The SHA-256 of a file, which tells it again and nothing else.
imported_file = Table(
    "imported_file",
    metadata,
    Column("user_id", PlainText, ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", PlainText, primary_key=True),
    Column("imported_at", Moment, nullable=False),
)
