"""Who may do what: second factors, teams and shared accounts, the audit trail, sealed secrets, drafts.

Sessions begin anew: what a session has to say about itself cannot be made up for those that began before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the new tables; everybody signs in again."""
    op.add_column("app_user", sa.Column("password_changed_at", sa.DateTime(timezone=True)))
    op.add_column("app_user", sa.Column("disabled_at", sa.DateTime(timezone=True)))
    _drop_sessions()
    _create_sessions()
    _create_factors()
    _create_teams()
    _create_trail()
    _create_drafts_and_secrets()


def downgrade() -> None:
    """Drop them with what is in them; everybody signs in again."""
    for name in ("audit_event", "sealed_secret", "draft", "account_share", "invitation", "team_member", "team"):
        op.drop_table(name)
    for name in ("sign_in_failure", "recovery_code", "second_factor"):
        op.drop_table(name)
    op.drop_index(op.f("ix_sign_in_session_user_id"), table_name="sign_in_session")
    _drop_sessions()
    _create_session_table()
    op.drop_column("app_user", "disabled_at")
    op.drop_column("app_user", "password_changed_at")


def _drop_sessions() -> None:
    op.drop_index(op.f("ix_sign_in_session_browser_hash"), table_name="sign_in_session")
    op.drop_index(op.f("ix_sign_in_session_began_at"), table_name="sign_in_session")
    op.drop_table("sign_in_session")


def _create_sessions() -> None:
    _create_session_table(
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text()),
        sa.Column("sealed_id_token", sa.LargeBinary()),
        sa.Column("second_factor", sa.Boolean(), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("handle", name=op.f("uq_sign_in_session_handle")),
    )
    op.create_index(op.f("ix_sign_in_session_user_id"), "sign_in_session", ["user_id"])


def _create_session_table(*more: sa.schema.SchemaItem) -> None:
    op.create_table(
        "sign_in_session",
        sa.Column("id_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.Text()),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        *more,
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_sign_in_session_app_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_sign_in_session")),
    )
    op.create_index(op.f("ix_sign_in_session_began_at"), "sign_in_session", ["began_at"])
    op.create_index(op.f("ix_sign_in_session_browser_hash"), "sign_in_session", ["browser_hash"])


def _create_factors() -> None:
    op.create_table(
        "second_factor",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("sealed_seed", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("last_step", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_second_factor_app_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_recovery_code_app_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_recovery_code")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("name_hash", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name_hash", name=op.f("pk_sign_in_failure")),
    )
    op.create_index(op.f("ix_sign_in_failure_last_at"), "sign_in_failure", ["last_at"])


def _create_teams() -> None:
    op.create_table(
        "team",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
    )
    op.create_table(
        "team_member",
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('owner', 'trader', 'viewer')", name=op.f("ck_team_member_role")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_team_member_team"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_team_member_app_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_team_member")),
    )
    op.create_index(op.f("ix_team_member_user_id"), "team_member", ["user_id"])
    op.create_table(
        "invitation",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True)),
        sa.Column("accepted_by", sa.Text()),
        sa.CheckConstraint("role IN ('owner', 'trader', 'viewer')", name=op.f("ck_invitation_role")),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["app_user.id"], name=op.f("fk_invitation_app_user"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_invitation_team"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_team_id"), "invitation", ["team_id"])
    op.create_table(
        "account_share",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("shared_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('owner', 'trader', 'viewer')", name=op.f("ck_account_share_role")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_account_share_team"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["user_id", "account_id"],
            ["account.user_id", "account.id"],
            name=op.f("fk_account_share_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_share")),
        sa.UniqueConstraint(
            "user_id", "account_id", "team_id", name=op.f("uq_account_share_user_id_account_id_team_id")
        ),
    )
    op.create_index(op.f("ix_account_share_team_id"), "account_share", ["team_id"])


def _create_trail() -> None:
    op.create_table(
        "audit_event",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Text()),
        sa.Column("session", sa.Text()),
        sa.Column("request_id", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_user_id"), "audit_event", ["user_id"])


def _create_drafts_and_secrets() -> None:
    op.create_table(
        "draft",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_draft_app_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "account", name=op.f("pk_draft")),
    )
    op.create_table(
        "sealed_secret",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_sealed_secret_app_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "name", name=op.f("pk_sealed_secret")),
    )
