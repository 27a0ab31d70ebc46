"""What a user says a security is: asset classes with their shares, sector, region, ISIN."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OWN = "user_id = (SELECT evenkeel_user())"
_TABLES = ("security_facts", "security_class")


def upgrade() -> None:
    """Create both tables; each user's rows are theirs alone."""
    op.create_table(
        "security_facts",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("isin", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_security_facts_app_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "symbol", name=op.f("pk_security_facts")),
    )
    op.create_table(
        "security_class",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("share", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "symbol"],
            ["security_facts.user_id", "security_facts.symbol"],
            name=op.f("fk_security_class_security_facts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "symbol", "line", name=op.f("pk_security_class")),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY {table}_all ON {table} FOR ALL USING ({_OWN}) WITH CHECK ({_OWN})")


def downgrade() -> None:
    """Forget what was said."""
    op.drop_table("security_class")
    op.drop_table("security_facts")
