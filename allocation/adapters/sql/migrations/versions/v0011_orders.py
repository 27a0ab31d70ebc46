"""The journal of orders: batches, lines and what happened to them; limits and stops of an account; who executes.

Events are only added, and nothing of the journal is deleted: the database refuses. On PostgreSQL the journal is behind
the second fence: seen by whoever sees the account, written by its traders, and by the executor, which is on duty.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

# ruff: noqa: S608  the conditions are put together from the words below; nothing comes from outside

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OWN = "user_id = (SELECT evenkeel_user())"
_ON_DUTY = "current_setting('evenkeel.duty', true) = 'orders'"
_SAID = "The journal of orders is only added to."


def _reached(least: str) -> str:
    shared = f"(user_id, account_id) IN (SELECT owner_id, account_id FROM evenkeel_reached('{least}'))"
    return f"({_OWN} OR {shared} OR {_ON_DUTY})"


_SEEN_BATCH = "batch_id IN (SELECT id FROM order_batch)"
_TRADED_BATCH = f"batch_id IN (SELECT id FROM order_batch WHERE {_reached('trader')})"
_POLICIES = {
    "order_batch": {"select": _reached("viewer"), "insert": _reached("trader"), "update": _reached("trader")},
    "order_line": {"select": _SEEN_BATCH, "insert": _TRADED_BATCH, "update": _TRADED_BATCH},
    "order_event": {"select": _SEEN_BATCH, "insert": _TRADED_BATCH},
    "order_limit": {"select": _reached("viewer"), "insert": _reached("trader"), "update": _reached("trader")},
}


def upgrade() -> None:
    """Create the tables, and keep them whole."""
    _create_batches()
    _create_lines()
    _create_events()
    _create_limits()
    if op.get_bind().dialect.name == "sqlite":
        _keep_whole_on_sqlite()
        return
    _keep_whole_on_postgresql()
    for table, policies in _POLICIES.items():
        op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
        for command, condition in policies.items():
            using = "" if command == "insert" else f"USING ({condition}) "
            check = "" if command == "select" else f"WITH CHECK ({condition})"
            op.execute(f'CREATE POLICY {table}_{command} ON "{table}" FOR {command.upper()} {using}{check}')


def downgrade() -> None:
    """The journal is gone, with its triggers and policies."""
    if op.get_bind().dialect.name == "postgresql":
        for command in ("select", "insert", "update"):
            op.execute(f"DROP POLICY order_line_{command} ON order_line")
        for command in ("select", "insert"):
            op.execute(f"DROP POLICY order_event_{command} ON order_event")
    for table in ("order_executor", "order_limit", "order_event", "order_line", "order_batch"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_to_change_orders()")


def _create_batches() -> None:
    op.create_table(
        "order_batch",
        *_texts("id", "user_id", "account_id", "follows", "link", "broker_account", "currency", "plan_id"),
        _flag("live"),
        _moment("reviewed_at"),
        *_texts("reviewed_by", "cash", "keep", "holdings", "record"),
        _flag("large_turnover"),
        *_texts("intent", "paused_code", "paused_reason"),
        *(_moment(name, nullable=True) for name in ("wanted_at", "begun_at", "sized_at", "closed_at")),
        *_texts("differences"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_batch")),
        sa.UniqueConstraint("user_id", "account_id", "follows", name=op.f("uq_order_batch_user_id_account_id_follows")),
        sa.CheckConstraint("intent IN ('wait', 'execute', 'stop')", name=op.f("ck_order_batch_intent")),
    )
    op.create_index(op.f("ix_order_batch_closed_at"), "order_batch", ["closed_at"])


def _create_lines() -> None:
    op.create_table(
        "order_line",
        *_texts("batch_id"),
        _number("line"),
        *_texts("client_id", "symbol", "side", "quantity", "currency", "type"),
        sa.Column("limit_price", sa.Text()),
        *_texts("time_in_force", "lots", "reviewed_quantity", "increment", "price", "rate", "cost", "tax", "state"),
        *(_number(name) for name in ("revision", "attempts")),
        *(_moment(name, nullable=True) for name in ("first_sent_at", "sent_at")),
        *_texts("broker_id", "broker_status", "filled", "note"),
        *(sa.Column(name, sa.Text()) for name in ("average_price", "fees")),
        sa.PrimaryKeyConstraint("batch_id", "line", name=op.f("pk_order_line")),
        sa.UniqueConstraint("client_id", name=op.f("uq_order_line_client_id")),
        sa.ForeignKeyConstraint(["batch_id"], ["order_batch.id"], name=op.f("fk_order_line_order_batch")),
    )


def _create_events() -> None:
    op.create_table(
        "order_event",
        *_texts("batch_id"),
        _number("number"),
        _moment("at"),
        *_texts("what", "by_user", "details"),
        sa.Column("line", sa.Integer()),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_order_event")),
        sa.ForeignKeyConstraint(["batch_id"], ["order_batch.id"], name=op.f("fk_order_event_order_batch")),
    )


def _create_limits() -> None:
    op.create_table(
        "order_limit",
        *_texts("user_id", "account_id", "limits", "stopped_by", "stopped_why"),
        _moment("stopped_at", nullable=True),
        sa.PrimaryKeyConstraint("user_id", "account_id", name=op.f("pk_order_limit")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_order_limit_app_user"), ondelete="CASCADE"),
    )
    op.create_table(
        "order_executor",
        *_texts("name", "said"),
        _moment("started_at"),
        _moment("beat_at"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_order_executor")),
    )


def _keep_whole_on_sqlite() -> None:
    for table, verbs in (
        ("order_event", ("update", "delete")),
        ("order_line", ("delete",)),
        ("order_batch", ("delete",)),
    ):
        for verb in verbs:
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"
            )


def _keep_whole_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_to_change_orders() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_SAID}'; END $$"
    )
    for table, verbs in (("order_event", "UPDATE OR DELETE"), ("order_line", "DELETE"), ("order_batch", "DELETE")):
        for when in (f"{verbs} ON {table} FOR EACH ROW", f"TRUNCATE ON {table} FOR EACH STATEMENT"):
            name = f"{table}_no_truncate" if when.startswith("TRUNCATE") else f"{table}_no_change"
            op.execute(f"CREATE TRIGGER {name} BEFORE {when} EXECUTE FUNCTION refuse_to_change_orders()")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
