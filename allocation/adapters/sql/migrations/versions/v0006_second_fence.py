"""The second fence, on PostgreSQL: the database itself shows a user their own rows and what is shared with them, by role.

Every transaction says whose it is (`evenkeel.user_id`, see `database.name_user`); one that says nothing sees nothing.
FORCE holds the tables' owner to it as well; only a superuser, or a role with BYPASSRLS, walks past. What is read before
anybody is known has no policies: users, sessions, second factors, failures, codes; nor has the trail, which is one chain.
"""

from alembic import op

# ruff: noqa: S608  the conditions are put together from the words below; nothing comes from outside

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ME = "(SELECT evenkeel_user())"
_OWN = f"user_id = {_ME}"
_INVITED = "current_setting('evenkeel.invitation', true)"
_ANSWERING = "current_setting('evenkeel.answering', true) = 'on'"
_MY_TEAMS = "SELECT team_id FROM evenkeel_teams()"
_OWNED_TEAMS = f"{_MY_TEAMS} WHERE role = 'owner'"

# The policies ask who is in which team. Asked from inside a policy, the question is let past that table's own policy.
_FUNCTIONS = {
    "evenkeel_user()": """RETURNS text LANGUAGE sql STABLE AS $$
        SELECT id FROM app_user WHERE id = current_setting('evenkeel.user_id', true) AND disabled_at IS NULL $$""",
    "evenkeel_rank(role text)": """RETURNS integer LANGUAGE sql IMMUTABLE AS $$
        SELECT array_position(ARRAY['viewer', 'trader', 'owner'], role) $$""",
    "evenkeel_teams()": """RETURNS TABLE (team_id text, role text) LANGUAGE plpgsql STABLE AS $$
        BEGIN
            PERFORM set_config('evenkeel.answering', 'on', true);
            RETURN QUERY SELECT m.team_id, m.role FROM team_member m WHERE m.user_id = evenkeel_user();
            PERFORM set_config('evenkeel.answering', '', true);
        END $$""",
    "evenkeel_has_members(team text)": """RETURNS boolean LANGUAGE plpgsql STABLE AS $$
        DECLARE found_one boolean;
        BEGIN
            PERFORM set_config('evenkeel.answering', 'on', true);
            SELECT EXISTS (SELECT FROM team_member m WHERE m.team_id = team) INTO found_one;
            PERFORM set_config('evenkeel.answering', '', true);
            RETURN found_one;
        END $$""",
    "evenkeel_reached(least_role text)": """RETURNS TABLE (owner_id text, account_id text) LANGUAGE sql STABLE AS $$
        SELECT s.user_id, s.account_id FROM account_share s JOIN evenkeel_teams() t ON t.team_id = s.team_id
        WHERE least(evenkeel_rank(s.role), evenkeel_rank(t.role)) >= evenkeel_rank(least_role) $$""",
}


def _reached(least: str, account: str = "account_id") -> str:
    return f"({_OWN} OR (user_id, {account}) IN (SELECT owner_id, account_id FROM evenkeel_reached('{least}')))"


def _of_account(change: str) -> dict[str, str]:
    """Seen by every viewer; changed by whoever has the role."""
    return {"select": _reached("viewer"), **dict.fromkeys(("insert", "update", "delete"), _reached(change))}


# For each table what a row must satisfy, by command.
_POLICIES = {
    "account": {
        "select": _reached("viewer", "id"),
        "insert": _reached("trader", "id"),
        "update": _reached("trader", "id"),
        "delete": _reached("owner", "id"),
    },
    "position": _of_account("trader"),
    "tax_lot": _of_account("trader"),
    "set_aside": _of_account("trader"),
    "target": _of_account("trader"),
    "target_weight": _of_account("trader"),
    "manual_price": {"all": _OWN},
    "draft": {"all": _OWN},
    # Whoever exchanges the keys seals everybody's secrets anew, without being able to read them here.
    "sealed_secret": {"all": f"{_OWN} OR current_setting('evenkeel.duty', true) = 'keys'"},
    "account_share": {
        "select": f"{_OWN} OR team_id IN ({_MY_TEAMS})",
        "insert": f"team_id IN ({_MY_TEAMS}) AND {_reached('owner')}",
        "update": _reached("owner"),
        "delete": f"{_reached('owner')} OR team_id IN ({_OWNED_TEAMS})",
    },
    "team": {
        "select": f"id IN ({_MY_TEAMS}) OR id IN (SELECT team_id FROM invitation WHERE token_hash = {_INVITED})",
        "insert": f"{_ME} IS NOT NULL",
        "update": f"id IN ({_OWNED_TEAMS})",
        "delete": f"id IN ({_OWNED_TEAMS})",
    },
    "team_member": {
        "select": f"{_OWN} OR {_ANSWERING} OR team_id IN ({_MY_TEAMS})",
        # Into a team of one's own making, or with the role one was invited to.
        "insert": f"{_OWN} AND (role = 'owner' AND NOT evenkeel_has_members(team_id) OR (team_id, role) IN "
        f"(SELECT team_id, role FROM invitation WHERE token_hash = {_INVITED} AND accepted_at IS NULL))",
        "update": f"team_id IN ({_OWNED_TEAMS})",
        "delete": f"{_OWN} OR team_id IN ({_OWNED_TEAMS})",
    },
    "invitation": {
        "select": f"token_hash = {_INVITED} OR team_id IN ({_OWNED_TEAMS})",
        "insert": f"invited_by = {_ME} AND team_id IN ({_OWNED_TEAMS})",
        "update": f"token_hash = {_INVITED}",
        "delete": f"team_id IN ({_OWNED_TEAMS})",
    },
}


def upgrade() -> None:
    """Fence the tables in; SQLite has nothing of the kind."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for signature, body in _FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    for table, policies in _POLICIES.items():
        op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
        for command, condition in policies.items():
            op.execute(
                f'CREATE POLICY {table}_{command} ON "{table}" FOR {command.upper()} {_clauses(command, condition)}'
            )


def downgrade() -> None:
    """Take the fence away."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, policies in _POLICIES.items():
        for command in policies:
            op.execute(f'DROP POLICY {table}_{command} ON "{table}"')
        op.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        op.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
    for signature in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")


def _clauses(command: str, condition: str) -> str:
    """USING says which rows there are to find, WITH CHECK which may be written."""
    using = "" if command == "insert" else f"USING ({condition}) "
    return using + ("" if command in ("select", "delete") else f"WITH CHECK ({condition})")
