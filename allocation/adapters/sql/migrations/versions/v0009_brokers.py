"""Links to brokers, and the books of paper accounts, each user's behind the second fence."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

# ruff: noqa: S608  the conditions are put together from the words below; nothing comes from outside

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OWN = "user_id = (SELECT evenkeel_user())"
_VIEWED = f"({_OWN} OR (user_id, account_id) IN (SELECT owner_id, account_id FROM evenkeel_reached('viewer')))"
# Whoever sees a shared account sees which broker it is at; the token stays its owner's.
_LINK_VIEWED = f"({_OWN} OR (user_id, id) IN (SELECT user_id, link_id FROM linked_account))"

# In the order in which they refer to one another.
_TABLES = (
    "broker_link",
    "linked_account",
    "paper_account",
    "paper_cash",
    "paper_lot",
    "paper_order",
    "paper_fill",
    "paper_gain",
)


def upgrade() -> None:
    """Create the tables, and fence them in where the database can."""
    _create_links()
    _create_paper_accounts()
    _create_paper_orders()
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            _fence(table)


def downgrade() -> None:
    """Links and paper accounts are gone; their policies go with the tables."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP POLICY broker_link_select ON broker_link")  # it asks linked_account, which goes first
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_links() -> None:
    op.create_table(
        "broker_link",
        *_texts("user_id", "id", "broker", "way", "mode", "name", "state", "reason"),
        _moment("linked_at"),
        _moment("expires_at", nullable=True),
        _key("broker_link", "user_id", "id"),
        _references("broker_link", "app_user", {"user_id": "id"}),
    )
    unique = ("user_id", "link_id", "broker_account")
    op.create_table(
        "linked_account",
        *_texts("user_id", "account_id", "link_id", "broker_account"),
        _moment("refreshed_at"),
        _key("linked_account", "user_id", "account_id"),
        _references("linked_account", "account", {"user_id": "user_id", "account_id": "id"}),
        _references("linked_account", "broker_link", {"user_id": "user_id", "link_id": "id"}),
        sa.UniqueConstraint(*unique, name=op.f(f"uq_linked_account_{'_'.join(unique)}")),
    )


def _create_paper_accounts() -> None:
    of_account = {"user_id": "user_id", "account_id": "id"}
    op.create_table(
        "paper_account",
        *_texts("user_id", "id", "name", "currency", "blocked"),
        *_texts("spread", "commission", "commission_rate", "fill_share"),
        sa.Column("fractional", sa.Boolean(), nullable=False),
        sa.Column("keeps_hours", sa.Boolean(), nullable=False),
        _moment("opened_at"),
        _key("paper_account", "user_id", "id"),
        _references("paper_account", "app_user", {"user_id": "id"}),
    )
    op.create_table(
        "paper_cash",
        *_texts("user_id", "account_id", "currency", "amount"),
        _key("paper_cash", "user_id", "account_id", "currency"),
        _references("paper_cash", "paper_account", of_account),
    )
    op.create_table(
        "paper_lot",
        *_texts("user_id", "account_id"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *_texts("symbol", "name", "quantity"),
        sa.Column("unit_cost", sa.Text()),
        sa.Column("acquired", sa.Date()),
        _key("paper_lot", "user_id", "account_id", "number"),
        _references("paper_lot", "paper_account", of_account),
    )


def _create_paper_orders() -> None:
    unique = ("user_id", "account_id", "number")
    op.create_table(
        "paper_order",
        *_texts("user_id", "account_id", "client_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        *_texts("symbol", "side", "quantity", "currency", "type"),
        sa.Column("limit_price", sa.Text()),
        *_texts("time_in_force", "lots", "status", "filled", "value", "fees", "reason"),
        _moment("placed_at"),
        _moment("changed_at"),
        _key("paper_order", "user_id", "account_id", "client_id"),
        _references("paper_order", "paper_account", {"user_id": "user_id", "account_id": "id"}),
        sa.UniqueConstraint(*unique, name=op.f(f"uq_paper_order_{'_'.join(unique)}")),
    )
    op.create_index(op.f("ix_paper_order_status"), "paper_order", ["status"])
    op.create_table(
        "paper_fill",
        *_texts("user_id", "account_id", "client_id"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *_texts("quantity", "price", "fee"),
        _moment("at"),
        _key("paper_fill", "user_id", "account_id", "client_id", "number"),
        _references("paper_fill", "paper_order", dict.fromkeys(("user_id", "account_id", "client_id"), "")),
    )
    op.create_table(
        "paper_gain",
        *_texts("user_id", "account_id", "client_id"),
        sa.Column("fill", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        *_texts("symbol", "quantity", "proceeds"),
        sa.Column("unit_cost", sa.Text()),
        sa.Column("gain", sa.Text()),
        sa.Column("acquired", sa.Date()),
        _moment("sold_at"),
        _key("paper_gain", "user_id", "account_id", "client_id", "fill", "line"),
        _references(
            "paper_gain",
            "paper_fill",
            {**dict.fromkeys(("user_id", "account_id", "client_id"), ""), "fill": "number"},
        ),
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _references(table: str, other: str, columns: dict[str, str]) -> sa.ForeignKeyConstraint:
    """The other table's columns by this one's; empty where they are called the same."""
    there = [f"{other}.{name or mine}" for mine, name in columns.items()]
    return sa.ForeignKeyConstraint(list(columns), there, name=op.f(f"fk_{table}_{other}"), ondelete="CASCADE")


def _fence(table: str) -> None:
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    seen = {"linked_account": _VIEWED, "broker_link": _LINK_VIEWED}.get(table, _OWN)
    op.execute(f'CREATE POLICY {table}_select ON "{table}" FOR SELECT USING ({seen})')
    op.execute(f'CREATE POLICY {table}_insert ON "{table}" FOR INSERT WITH CHECK ({_OWN})')
    op.execute(f'CREATE POLICY {table}_update ON "{table}" FOR UPDATE USING ({_OWN}) WITH CHECK ({_OWN})')
    op.execute(f'CREATE POLICY {table}_delete ON "{table}" FOR DELETE USING ({_OWN})')
