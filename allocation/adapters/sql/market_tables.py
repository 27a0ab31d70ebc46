"""The tables of the market: the order in which a user trusts sources of prices, and closes of the past."""

from sqlalchemy import Column, ForeignKey, Integer, Table

from allocation.adapters.sql.columns import Moment, PlainText
from allocation.adapters.sql.tables import metadata

# A user without rows has never changed the order.
price_order = Table(
    "price_order",
    metadata,
    Column("user_id", PlainText, ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("source", PlainText, nullable=False),
)

# Public facts, shared by all users: the longest history that was asked for, as one text.
price_history = Table(
    "price_history",
    metadata,
    Column("symbol", PlainText, primary_key=True),
    Column("period", PlainText, nullable=False),
    Column("as_of", Moment, nullable=False),
    Column("content", PlainText, nullable=False),
)
