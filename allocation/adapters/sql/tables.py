"""The tables of the store. What belongs to a user carries the user's id in its key, and goes when the user goes."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)
from sqlalchemy.sql.schema import SchemaItem

from allocation.adapters.sql.columns import ExactDecimal, Moment, PlainText

# Constraints have names from the first version on, so that a later migration can change them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _of_user() -> Column[str]:
    return Column("user_id", PlainText, ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)


def _of_account() -> tuple[SchemaItem, ...]:
    return (
        Column("user_id", PlainText, primary_key=True),
        Column("account_id", PlainText, primary_key=True),
        ForeignKeyConstraint(["user_id", "account_id"], ["account.user_id", "account.id"], ondelete="CASCADE"),
    )


def _line() -> Column[int]:
    """The place in the list as it was saved."""
    return Column("line", Integer, primary_key=True, autoincrement=False)


# "user" is a reserved word in PostgreSQL.
app_user = Table(
    "app_user",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("kind", PlainText, nullable=False),
    Column("issuer", PlainText),
    Column("subject", PlainText),
    Column("user_name", PlainText, unique=True),  # case-folded; what the user typed is in `name`
    Column("password_hash", PlainText),
    Column("name", PlainText, nullable=False),
    Column("email", PlainText, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("issuer", "subject"),
    CheckConstraint("kind IN ('oidc', 'local')", name="kind"),
)

# Nothing in this table signs anybody in: the session's id and the browser's key are here as hashes only.
sign_in_session = Table(
    "sign_in_session",
    metadata,
    Column("id_hash", PlainText, primary_key=True),
    Column("user_id", PlainText, ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False),
    Column("browser_hash", PlainText),
    Column("salt", LargeBinary, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index(None, "browser_hash"),
    Index(None, "began_at"),
)

account = Table(
    "account",
    metadata,
    _of_user(),
    Column("id", PlainText, primary_key=True),
    Column("name", PlainText, nullable=False),
    Column("note", PlainText, nullable=False),
    Column("broker", PlainText, nullable=False),
    Column("number", PlainText, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("tax_treatment", PlainText, nullable=False),
    Column("cash", ExactDecimal, nullable=False),
    Column("as_of", Moment),
    Column("imported_at", Moment, nullable=False),
)

position = Table(
    "position",
    metadata,
    *_of_account(),
    _line(),
    Column("symbol", PlainText, nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("quote_price", ExactDecimal),
    Column("quote_currency", PlainText),
    Column("quote_time", Moment),
    Column("quote_source", PlainText),
    UniqueConstraint("user_id", "account_id", "symbol"),
)

tax_lot = Table(
    "tax_lot",
    metadata,
    Column("user_id", PlainText, primary_key=True),
    Column("account_id", PlainText, primary_key=True),
    _line(),
    Column("lot", Integer, primary_key=True, autoincrement=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("unit_cost", ExactDecimal, nullable=False),
    Column("acquired", Date),
    ForeignKeyConstraint(
        ["user_id", "account_id", "line"],
        ["position.user_id", "position.account_id", "position.line"],
        ondelete="CASCADE",
    ),
)

set_aside = Table(
    "set_aside",
    metadata,
    *_of_account(),
    _line(),
    Column("description", PlainText, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("value", ExactDecimal),
)

target = Table("target", metadata, *_of_account(), Column("saved_at", Moment, nullable=False))

target_weight = Table(
    "target_weight",
    metadata,
    Column("user_id", PlainText, primary_key=True),
    Column("account_id", PlainText, primary_key=True),
    _line(),
    Column("symbol", PlainText, nullable=False),
    # None: the line is locked without having a target of its own.
    Column("weight", ExactDecimal),
    Column("locked", Boolean, nullable=False),
    ForeignKeyConstraint(["user_id", "account_id"], ["target.user_id", "target.account_id"], ondelete="CASCADE"),
    UniqueConstraint("user_id", "account_id", "symbol"),
)

manual_price = Table(
    "manual_price",
    metadata,
    _of_user(),
    Column("symbol", PlainText, primary_key=True),
    Column("price", ExactDecimal, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("time", Moment, nullable=False),
)

# Public facts, shared by all users.
quote = Table(
    "quote",
    metadata,
    Column("symbol", PlainText, primary_key=True),
    Column("price", ExactDecimal, nullable=False),
    Column("currency", PlainText, nullable=False),
    Column("time", Moment, nullable=False),
    Column("source", PlainText, nullable=False),
)
