"""The order in which a user trusts sources of prices, and closes of the past."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OWN = "user_id = (SELECT evenkeel_user())"


def upgrade() -> None:
    """Create both tables; the order is its user's alone, the closes are public."""
    op.create_table(
        "price_order",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_price_order_app_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "place", name=op.f("pk_price_order")),
    )
    op.create_table(
        "price_history",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_price_history")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE price_order ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE price_order FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY price_order_all ON price_order FOR ALL USING ({_OWN}) WITH CHECK ({_OWN})")


def downgrade() -> None:
    """Forget both."""
    op.drop_table("price_history")
    op.drop_table("price_order")
