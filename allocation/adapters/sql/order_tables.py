"""The tables of the order journal. No batch, line or event is ever deleted: they outlive the account they speak of."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    UniqueConstraint,
)

from allocation.adapters.sql.columns import ExactDecimal, Moment, PlainText
from allocation.adapters.sql.tables import metadata

# One confirmation. Two batches of an account cannot follow the same one: of two tabs, one is first.
order_batch = Table(
    "order_batch",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("user_id", PlainText, nullable=False),
    Column("account_id", PlainText, nullable=False),
    Column("follows", PlainText, nullable=False),
    Column("link", PlainText, nullable=False),
    Column("broker_account", PlainText, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("plan_id", PlainText, nullable=False),
    Column("reviewed_at", Moment, nullable=False),
    Column("reviewed_by", PlainText, nullable=False),
    Column("cash", ExactDecimal, nullable=False),
    Column("keep", ExactDecimal, nullable=False),
    Column("holdings", PlainText, nullable=False),  # JSON, units by symbol
    Column("record", PlainText, nullable=False),
    Column("large_turnover", Boolean, nullable=False),
    Column("intent", PlainText, nullable=False),
    Column("paused_code", PlainText, nullable=False),
    Column("paused_reason", PlainText, nullable=False),
    Column("wanted_at", Moment),
    Column("begun_at", Moment),
    Column("sized_at", Moment),
    Column("closed_at", Moment),
    Column("differences", PlainText, nullable=False),  # JSON, units by symbol
    UniqueConstraint("user_id", "account_id", "follows"),
    Index(None, "closed_at"),
    CheckConstraint("intent IN ('wait', 'execute', 'stop')", name="intent"),
)

order_line = Table(
    "order_line",
    metadata,
    Column("batch_id", PlainText, ForeignKey("order_batch.id"), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("client_id", PlainText, nullable=False, unique=True),
    Column("symbol", PlainText, nullable=False),
    Column("side", PlainText, nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("type", PlainText, nullable=False),
    Column("limit_price", ExactDecimal),
    Column("time_in_force", PlainText, nullable=False),
    Column("lots", PlainText, nullable=False),  # JSON
    Column("reviewed_quantity", ExactDecimal, nullable=False),
    Column("increment", ExactDecimal, nullable=False),
    Column("price", ExactDecimal, nullable=False),
    Column("rate", ExactDecimal, nullable=False),
    Column("cost", ExactDecimal, nullable=False),
    Column("tax", ExactDecimal, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_sent_at", Moment),
    Column("sent_at", Moment),
    Column("broker_id", PlainText, nullable=False),
    Column("broker_status", PlainText, nullable=False),
    Column("filled", ExactDecimal, nullable=False),
    Column("average_price", ExactDecimal),
    Column("fees", ExactDecimal),
    Column("note", PlainText, nullable=False),
)

# Written once, never changed; the database itself refuses.
order_event = Table(
    "order_event",
    metadata,
    Column("batch_id", PlainText, ForeignKey("order_batch.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("what", PlainText, nullable=False),
    Column("line", Integer),
    Column("by_user", PlainText, nullable=False),
    Column("details", PlainText, nullable=False),  # JSON
)

# What an account's orders may be at most, and whether they are stopped.
order_limit = Table(
    "order_limit",
    metadata,
    Column("user_id", PlainText, primary_key=True),
    Column("account_id", PlainText, primary_key=True),
    Column("limits", PlainText, nullable=False),  # JSON
    Column("stopped_at", Moment),
    Column("stopped_by", PlainText, nullable=False),
    Column("stopped_why", PlainText, nullable=False),
    ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
)

# Processes that send orders, and when they last said that they are at work.
order_executor = Table(
    "order_executor",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("started_at", Moment, nullable=False),
    Column("beat_at", Moment, nullable=False),
    Column("said", PlainText, nullable=False),
)
