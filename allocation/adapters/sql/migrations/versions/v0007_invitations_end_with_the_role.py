"""An invitation is as good as whoever made it: on PostgreSQL it lets nobody in once they own the team no more."""

from alembic import op

# ruff: noqa: S608  the conditions are put together from the words below; nothing comes from outside

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OWNED_TEAMS = "SELECT team_id FROM evenkeel_teams() WHERE role = 'owner'"
_INVITED = "token_hash = current_setting('evenkeel.invitation', true)"
_MAKING = (
    "user_id = (SELECT evenkeel_user()) AND (role = 'owner' AND NOT evenkeel_has_members(team_id) OR (team_id, role)"
)
# Whoever disables a user does so in nobody's name, and takes the user's invitations back.
_ON_DUTY = "current_setting('evenkeel.duty', true) = 'people'"

# Asked for the guest, who sees no member of the team yet.
_STILL_INVITES = """CREATE FUNCTION evenkeel_still_invites(team text, person text)
    RETURNS boolean LANGUAGE plpgsql STABLE AS $$
        DECLARE found_one boolean;
        BEGIN
            PERFORM set_config('evenkeel.answering', 'on', true);
            SELECT EXISTS (
                SELECT FROM team_member m JOIN app_user u ON u.id = m.user_id
                WHERE m.team_id = team AND m.user_id = person AND m.role = 'owner' AND u.disabled_at IS NULL
            ) INTO found_one;
            PERFORM set_config('evenkeel.answering', '', true);
            RETURN found_one;
        END $$"""
_GOOD = f"{_INVITED} AND accepted_at IS NULL"


def upgrade() -> None:
    """Ask after whoever made the invitation; SQLite has no fence, the adapter asks there."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(_STILL_INVITES)
    good = f"SELECT team_id, role FROM invitation WHERE {_GOOD} AND evenkeel_still_invites(team_id, invited_by)"
    op.execute(f"ALTER POLICY team_member_insert ON team_member WITH CHECK ({_MAKING} IN ({good})))")
    op.execute(
        f"ALTER POLICY invitation_select ON invitation USING ({_INVITED} OR team_id IN ({_OWNED_TEAMS}) OR {_ON_DUTY})"
    )
    op.execute(f"ALTER POLICY invitation_delete ON invitation USING (team_id IN ({_OWNED_TEAMS}) OR {_ON_DUTY})")


def downgrade() -> None:
    """As before: the token alone lets in."""
    if op.get_bind().dialect.name != "postgresql":
        return
    good = f"SELECT team_id, role FROM invitation WHERE {_GOOD}"
    op.execute(f"ALTER POLICY team_member_insert ON team_member WITH CHECK ({_MAKING} IN ({good})))")
    op.execute(f"ALTER POLICY invitation_select ON invitation USING ({_INVITED} OR team_id IN ({_OWNED_TEAMS}))")
    op.execute(f"ALTER POLICY invitation_delete ON invitation USING (team_id IN ({_OWNED_TEAMS}))")
    op.execute("DROP FUNCTION evenkeel_still_invites(text, text)")
