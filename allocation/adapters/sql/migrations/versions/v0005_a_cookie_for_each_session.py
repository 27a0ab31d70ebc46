"""A cookie for each session, and attempts to sign in that every process of an installation knows of.

Sessions begin anew: those of before were found by a cookie that a browser had already before its user signed in.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INDEXED = ("browser_hash", "began_at", "user_id")


def upgrade() -> None:
    """Everybody signs in again."""
    _drop_sessions()
    _create_sessions(
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("cookie_hash", sa.Text()),
        sa.Column("ticket_hash", sa.Text()),
        sa.Column("ticket_until", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("cookie_hash", name=op.f("uq_sign_in_session_cookie_hash")),
        sa.UniqueConstraint("ticket_hash", name=op.f("uq_sign_in_session_ticket_hash")),
        sa.PrimaryKeyConstraint("handle", name=op.f("pk_sign_in_session")),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("state_hash", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.Text(), nullable=False),
        sa.Column("sealed_departure", sa.LargeBinary()),
        sa.Column("sealed_answer", sa.LargeBinary()),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_sign_in_attempt")),
    )
    op.create_index(op.f("ix_sign_in_attempt_browser_hash"), "sign_in_attempt", ["browser_hash"])
    op.create_index(op.f("ix_sign_in_attempt_began_at"), "sign_in_attempt", ["began_at"])


def downgrade() -> None:
    """Everybody signs in again."""
    op.drop_index(op.f("ix_sign_in_attempt_browser_hash"), table_name="sign_in_attempt")
    op.drop_index(op.f("ix_sign_in_attempt_began_at"), table_name="sign_in_attempt")
    op.drop_table("sign_in_attempt")
    _drop_sessions()
    _create_sessions(
        sa.Column("id_hash", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.UniqueConstraint("handle", name=op.f("uq_sign_in_session_handle")),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_sign_in_session")),
    )


def _drop_sessions() -> None:
    for column in _INDEXED:
        op.drop_index(op.f(f"ix_sign_in_session_{column}"), table_name="sign_in_session")
    op.drop_table("sign_in_session")


def _create_sessions(*more: sa.schema.SchemaItem) -> None:
    op.create_table(
        "sign_in_session",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.Text()),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text()),
        sa.Column("sealed_id_token", sa.LargeBinary()),
        sa.Column("second_factor", sa.Boolean(), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_sign_in_session_app_user"), ondelete="CASCADE"
        ),
        *more,
    )
    for column in _INDEXED:
        op.create_index(op.f(f"ix_sign_in_session_{column}"), "sign_in_session", [column])
