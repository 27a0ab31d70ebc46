"""The tables of the store. What belongs to a user carries the user's id in its key, and goes when the user goes."""

from sqlalchemy import (
    BigInteger,
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
    Column("password_changed_at", Moment),
    Column("disabled_at", Moment),
    UniqueConstraint("issuer", "subject"),
    CheckConstraint("kind IN ('oidc', 'local')", name="kind"),
)

# Nothing in this table signs anybody in: the browser's cookies and the ticket for one are here as hashes only.
sign_in_session = Table(
    "sign_in_session",
    metadata,
    Column("handle", PlainText, primary_key=True),  # names the session, inside and in lists; opens nothing
    Column("user_id", PlainText, ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False),
    Column("browser_hash", PlainText),  # of the cookie a browser has before anybody signs in
    Column("cookie_hash", PlainText, unique=True),  # of the cookie it got for this session
    Column("ticket_hash", PlainText, unique=True),  # of what the browser fetches that cookie with
    Column("ticket_until", Moment),
    Column("device", PlainText, nullable=False),
    Column("provider", PlainText),  # None: a local account
    Column("sealed_id_token", LargeBinary),  # what the provider's own sign-out asks for
    Column("second_factor", Boolean, nullable=False),
    Column("proved_at", Moment, nullable=False),  # when the user last proved who they are
    Column("began_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index(None, "browser_hash"),
    Index(None, "began_at"),
    Index(None, "user_id"),
)

# Who is at a provider just now, and what the provider answered. Gone after minutes.
sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("state_hash", PlainText, primary_key=True),
    Column("browser_hash", PlainText, nullable=False),
    Column("sealed_departure", LargeBinary),  # None: the tab that opened the pop-up knows
    Column("sealed_answer", LargeBinary),
    Column("began_at", Moment, nullable=False),
    Column("answered_at", Moment),
    Index(None, "browser_hash"),
    Index(None, "began_at"),
)

# The seed is sealed; recovery codes are here as hashes only.
second_factor = Table(
    "second_factor",
    metadata,
    _of_user(),
    Column("sealed_seed", LargeBinary, nullable=False),
    Column("confirmed_at", Moment),
    Column("last_step", BigInteger),  # the latest time step whose code was used: no code counts twice
)

recovery_code = Table(
    "recovery_code",
    metadata,
    _of_user(),
    Column("code_hash", PlainText, primary_key=True),
    Column("used_at", Moment),
)

# Whoever has the code may choose the user's password, once; it is here as a hash only.
password_code = Table(
    "password_code",
    metadata,
    _of_user(),
    Column("code_hash", PlainText, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

# By the hash of what was typed, so that a password typed as a user name is not kept.
sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    Column("name_hash", PlainText, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", Moment, nullable=False),
    Index(None, "last_at"),
)

_ROLES = "role IN ('owner', 'trader', 'viewer')"

team = Table(
    "team",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("name", PlainText, nullable=False),
    Column("created_at", Moment, nullable=False),
)

team_member = Table(
    "team_member",
    metadata,
    Column("team_id", PlainText, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    _of_user(),
    Column("role", PlainText, nullable=False),
    Column("joined_at", Moment, nullable=False),
    Index(None, "user_id"),
    CheckConstraint(_ROLES, name="role"),
)

# Whoever has the token may join once; it is here as a hash only.
invitation = Table(
    "invitation",
    metadata,
    Column("token_hash", PlainText, primary_key=True),
    Column("team_id", PlainText, ForeignKey("team.id", ondelete="CASCADE"), nullable=False),
    Column("role", PlainText, nullable=False),
    Column("invited_by", PlainText, ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("accepted_at", Moment),
    Column("accepted_by", PlainText),
    Index(None, "team_id"),
    CheckConstraint(_ROLES, name="role"),
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

# An account that its owner shows to a team. `id` is the name under which the team's members know the account.
account_share = Table(
    "account_share",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("user_id", PlainText, nullable=False),
    Column("account_id", PlainText, nullable=False),
    Column("team_id", PlainText, ForeignKey("team.id", ondelete="CASCADE"), nullable=False),
    Column("role", PlainText, nullable=False),
    Column("shared_at", Moment, nullable=False),
    ForeignKeyConstraint(["user_id", "account_id"], ["account.user_id", "account.id"], ondelete="CASCADE"),
    UniqueConstraint("user_id", "account_id", "team_id"),
    Index(None, "team_id"),
    CheckConstraint(_ROLES, name="role"),
)

# Cash in other currencies than the account's own.
balance = Table(
    "balance",
    metadata,
    *_of_account(),
    Column("currency", PlainText, primary_key=True),
    Column("amount", ExactDecimal, nullable=False),
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

# What a user was about to change, kept until it is saved or dropped. `account` is the account's id as this user knows it.
draft = Table(
    "draft",
    metadata,
    _of_user(),
    Column("account", PlainText, primary_key=True),
    Column("content", PlainText, nullable=False),
    Column("saved_at", Moment, nullable=False),
)

# A broker's token and the like, sealed.
sealed_secret = Table(
    "sealed_secret",
    metadata,
    _of_user(),
    Column("name", PlainText, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("saved_at", Moment, nullable=False),
)

# Written once, never changed: each line carries the hash of the one before. It outlives the users it speaks of.
audit_event = Table(
    "audit_event",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("user_id", PlainText),
    Column("session", PlainText),  # the session's handle
    Column("request_id", PlainText),
    Column("kind", PlainText, nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("details", PlainText, nullable=False),
    Column("previous_hash", PlainText, nullable=False),
    Column("hash", PlainText, nullable=False),
    Index(None, "user_id"),
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
