"""Cash in other currencies than the account's own."""

import sqlalchemy as sa
from alembic import op

# ruff: noqa: S608  the conditions are put together from the words below; nothing comes from outside

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COMMANDS = {
    "SELECT": "USING ({viewer})",
    "INSERT": "WITH CHECK ({trader})",
    "UPDATE": "USING ({trader}) WITH CHECK ({trader})",
    "DELETE": "USING ({trader})",
}


def upgrade() -> None:
    """Create the table, with the same policies as the other holdings."""
    op.create_table(
        "balance",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "account_id"],
            ["account.user_id", "account.id"],
            name=op.f("fk_balance_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "account_id", "currency", name=op.f("pk_balance")),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE balance ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE balance FORCE ROW LEVEL SECURITY")
    for command, clauses in _COMMANDS.items():
        condition = clauses.format(viewer=_reached("viewer"), trader=_reached("trader"))
        op.execute(f"CREATE POLICY balance_{command.lower()} ON balance FOR {command} {condition}")


def downgrade() -> None:
    """Drop it: an older program knows an account's own currency only."""
    op.drop_table("balance")


def _reached(least: str) -> str:
    return (
        "(user_id = (SELECT evenkeel_user()) OR "
        f"(user_id, account_id) IN (SELECT owner_id, account_id FROM evenkeel_reached('{least}')))"
    )
