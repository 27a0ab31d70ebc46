"""What a user said the columns of a table mean, and which files they saved."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_OWN = "user_id = (SELECT evenkeel_user())"
_TABLES = ("column_mapping", "imported_file")


def upgrade() -> None:
    """Create both tables, each row its user's alone."""
    op.create_table(
        "column_mapping",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        *_keys("column_mapping", "fingerprint"),
    )
    op.create_table(
        "imported_file",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        *_keys("imported_file", "digest"),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_all ON {table} FOR ALL USING ({_OWN}) WITH CHECK ({_OWN})")


def downgrade() -> None:
    """Forget both."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _keys(table: str, second: str) -> tuple[sa.Constraint, sa.Constraint]:
    return (
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f(f"fk_{table}_app_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", second, name=op.f(f"pk_{table}")),
    )
