"""The tables of what a user says a security is."""

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, Table

from allocation.adapters.sql.columns import ExactDecimal, Moment, PlainText
from allocation.adapters.sql.tables import metadata

security_facts = Table(
    "security_facts",
    metadata,
    Column("user_id", PlainText, ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True),
    Column("symbol", PlainText, primary_key=True),  # canonical
    Column("sector", PlainText, nullable=False),
    Column("region", PlainText, nullable=False),
    Column("isin", PlainText, nullable=False),
    Column("source", PlainText, nullable=False),
    Column("saved_at", Moment, nullable=False),
)

security_class = Table(
    "security_class",
    metadata,
    Column("user_id", PlainText, primary_key=True),
    Column("symbol", PlainText, primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("name", PlainText, nullable=False),
    Column("share", ExactDecimal, nullable=False),
    ForeignKeyConstraint(
        ["user_id", "symbol"], ["security_facts.user_id", "security_facts.symbol"], ondelete="CASCADE"
    ),
)
