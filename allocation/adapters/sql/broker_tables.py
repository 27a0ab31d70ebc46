"""The tables of links to brokers, and the books of paper accounts."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, UniqueConstraint
from sqlalchemy.sql.schema import SchemaItem

from allocation.adapters.sql.columns import ExactDecimal, Moment, PlainText
from allocation.adapters.sql.tables import metadata


def _of_user() -> Column[str]:
    return Column("user_id", PlainText, ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)


# A user's way to a broker. The token that opens it is in sealed_secret, under the link's id.
broker_link = Table(
    "broker_link",
    metadata,
    _of_user(),
    Column("id", PlainText, primary_key=True),
    Column("broker", PlainText, nullable=False),  # which kind: "paper", "alpaca" …
    Column("way", PlainText, nullable=False),  # how it was linked: "keys", "oauth" …
    Column("mode", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("reason", PlainText, nullable=False),  # why it does not work, in a sentence; empty while it does
    Column("linked_at", Moment, nullable=False),
    Column("expires_at", Moment),
)

# Which account of the broker an account of the store is.
linked_account = Table(
    "linked_account",
    metadata,
    Column("user_id", PlainText, primary_key=True),
    Column("account_id", PlainText, primary_key=True),
    Column("link_id", PlainText, nullable=False),
    Column("broker_account", PlainText, nullable=False),
    Column("refreshed_at", Moment, nullable=False),
    ForeignKeyConstraint(["user_id", "account_id"], ["account.user_id", "account.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["user_id", "link_id"], ["broker_link.user_id", "broker_link.id"], ondelete="CASCADE"),
    UniqueConstraint("user_id", "link_id", "broker_account"),
)

# An account at the paper broker, and how it deals there.
paper_account = Table(
    "paper_account",
    metadata,
    _of_user(),
    Column("id", PlainText, primary_key=True),
    Column("name", PlainText, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("blocked", PlainText, nullable=False),  # why no orders are taken; empty while they are
    Column("spread", ExactDecimal, nullable=False),
    Column("commission", ExactDecimal, nullable=False),
    Column("commission_rate", ExactDecimal, nullable=False),
    Column("fill_share", ExactDecimal, nullable=False),
    Column("fractional", Boolean, nullable=False),
    Column("keeps_hours", Boolean, nullable=False),
    Column("opened_at", Moment, nullable=False),
)


def _of_paper_account() -> tuple[SchemaItem, ...]:
    return (
        Column("user_id", PlainText, primary_key=True),
        Column("account_id", PlainText, primary_key=True),
        ForeignKeyConstraint(
            ["user_id", "account_id"], ["paper_account.user_id", "paper_account.id"], ondelete="CASCADE"
        ),
    )


paper_cash = Table(
    "paper_cash",
    metadata,
    *_of_paper_account(),
    Column("currency", PlainText, primary_key=True),
    Column("amount", ExactDecimal, nullable=False),
)

paper_lot = Table(
    "paper_lot",
    metadata,
    *_of_paper_account(),
    Column("number", Integer, primary_key=True, autoincrement=False),  # in the order in which they came
    Column("symbol", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("unit_cost", ExactDecimal),  # None: the account was opened with a holding whose cost nobody knows
    Column("acquired", Date),
)

# Orders stay for ever, and with them the client ids that no second order may have.
paper_order = Table(
    "paper_order",
    metadata,
    *_of_paper_account(),
    Column("client_id", PlainText, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("symbol", PlainText, nullable=False),
    Column("side", PlainText, nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("type", PlainText, nullable=False),
    Column("limit_price", ExactDecimal),
    Column("time_in_force", PlainText, nullable=False),
    Column("lots", PlainText, nullable=False),  # the lots it was told to sell, as JSON
    Column("status", PlainText, nullable=False),
    Column("filled", ExactDecimal, nullable=False),
    Column("value", ExactDecimal, nullable=False),  # quantity × price over all fills
    Column("fees", ExactDecimal, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("user_id", "account_id", "number"),
    Index(None, "status"),
)

paper_fill = Table(
    "paper_fill",
    metadata,
    Column("user_id", PlainText, primary_key=True),
    Column("account_id", PlainText, primary_key=True),
    Column("client_id", PlainText, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("price", ExactDecimal, nullable=False),
    Column("fee", ExactDecimal, nullable=False),
    Column("at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["user_id", "account_id", "client_id"],
        ["paper_order.user_id", "paper_order.account_id", "paper_order.client_id"],
        ondelete="CASCADE",
    ),
)

# What a sale took from each lot, and the gain that was realised with it.
paper_gain = Table(
    "paper_gain",
    metadata,
    Column("user_id", PlainText, primary_key=True),
    Column("account_id", PlainText, primary_key=True),
    Column("client_id", PlainText, primary_key=True),
    Column("fill", Integer, primary_key=True, autoincrement=False),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("symbol", PlainText, nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("proceeds", ExactDecimal, nullable=False),  # less the fee's share
    Column("unit_cost", ExactDecimal),
    Column("gain", ExactDecimal),  # None: the cost is not known
    Column("acquired", Date),
    Column("sold_at", Moment, nullable=False),
    ForeignKeyConstraint(
        ["user_id", "account_id", "client_id", "fill"],
        ["paper_fill.user_id", "paper_fill.account_id", "paper_fill.client_id", "paper_fill.number"],
        ondelete="CASCADE",
    ),
)
