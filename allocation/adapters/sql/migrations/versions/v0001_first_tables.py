"""The first tables: users and their sign-ins, accounts with holdings and targets, prices."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    _create_users()
    _create_accounts()
    _create_targets()
    _create_prices()


def downgrade() -> None:
    """Drop every table with what is in it."""
    op.drop_table("tax_lot")
    op.drop_table("target_weight")
    op.drop_table("target")
    op.drop_table("set_aside")
    op.drop_table("position")
    op.drop_index(op.f("ix_sign_in_session_browser_hash"), table_name="sign_in_session")
    op.drop_index(op.f("ix_sign_in_session_began_at"), table_name="sign_in_session")
    op.drop_table("sign_in_session")
    op.drop_table("manual_price")
    op.drop_table("account")
    op.drop_table("quote")
    op.drop_table("app_user")


def _create_users() -> None:
    op.create_table(
        "app_user",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("user_name", sa.Text()),
        sa.Column("password_hash", sa.Text()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('oidc', 'local')", name=op.f("ck_app_user_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_app_user_issuer_subject")),
        sa.UniqueConstraint("user_name", name=op.f("uq_app_user_user_name")),
    )
    op.create_table(
        "sign_in_session",
        sa.Column("id_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.Text()),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_sign_in_session_app_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_sign_in_session")),
    )
    op.create_index(op.f("ix_sign_in_session_began_at"), "sign_in_session", ["began_at"])
    op.create_index(op.f("ix_sign_in_session_browser_hash"), "sign_in_session", ["browser_hash"])


def _create_accounts() -> None:
    op.create_table(
        "account",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("broker", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("tax_treatment", sa.Text(), nullable=False),
        sa.Column("cash", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True)),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_account_app_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_account")),
    )
    op.create_table(
        "position",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("quote_price", sa.Text()),
        sa.Column("quote_currency", sa.Text()),
        sa.Column("quote_time", sa.DateTime(timezone=True)),
        sa.Column("quote_source", sa.Text()),
        sa.ForeignKeyConstraint(
            ["user_id", "account_id"],
            ["account.user_id", "account.id"],
            name=op.f("fk_position_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "account_id", "line", name=op.f("pk_position")),
        sa.UniqueConstraint("user_id", "account_id", "symbol", name=op.f("uq_position_user_id_account_id_symbol")),
    )
    op.create_table(
        "tax_lot",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("unit_cost", sa.Text(), nullable=False),
        sa.Column("acquired", sa.Date()),
        sa.ForeignKeyConstraint(
            ["user_id", "account_id", "line"],
            ["position.user_id", "position.account_id", "position.line"],
            name=op.f("fk_tax_lot_position"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "account_id", "line", "lot", name=op.f("pk_tax_lot")),
    )
    op.create_table(
        "set_aside",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.ForeignKeyConstraint(
            ["user_id", "account_id"],
            ["account.user_id", "account.id"],
            name=op.f("fk_set_aside_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "account_id", "line", name=op.f("pk_set_aside")),
    )


def _create_targets() -> None:
    op.create_table(
        "target",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "account_id"],
            ["account.user_id", "account.id"],
            name=op.f("fk_target_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "account_id", name=op.f("pk_target")),
    )
    op.create_table(
        "target_weight",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("weight", sa.Text()),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "account_id"],
            ["target.user_id", "target.account_id"],
            name=op.f("fk_target_weight_target"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "account_id", "line", name=op.f("pk_target_weight")),
        sa.UniqueConstraint("user_id", "account_id", "symbol", name=op.f("uq_target_weight_user_id_account_id_symbol")),
    )


def _create_prices() -> None:
    op.create_table(
        "manual_price",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_manual_price_app_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "symbol", name=op.f("pk_manual_price")),
    )
    op.create_table(
        "quote",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_quote")),
    )
