"""PostgreSQL's own fence: what a statement sees and takes that names no user, as a role that is no superuser."""

import logging
from decimal import Decimal

import pytest
from sqlalchemy import Engine, delete, func, insert, select, text, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import ProgrammingError

from allocation.adapters.sql import tables
from allocation.adapters.sql.database import Database, open_database, tell
from allocation.adapters.sql.tables import metadata
from allocation.adapters.sql.users import hash_of
from allocation.authorisation import Role
from allocation.errors import SettingsError
from tests.people import ROLES, World, new_world

# Read before anybody is known, or one chain for all; docs/authorisation.md says why of each.
WITHOUT_POLICIES = {
    "order_executor",
    "app_user",
    "sign_in_session",
    "sign_in_attempt",
    "sign_in_failure",
    "second_factor",
    "recovery_code",
    "password_code",
    "audit_event",
    "quote",
    "price_history",
}
OF_ANNS_ACCOUNT = ("account", "balance", "position", "target", "target_weight")


@pytest.fixture
def world(postgres: Database) -> World:
    return new_world(postgres)


def seen(world: World, who: str, table: str) -> set[str]:
    """The owners of the rows that a question without a condition brings."""
    with world.database.reading(world.users[who] if who else "") as connection:
        return set(connection.execute(select(metadata.tables[table].c.user_id)).scalars())


def test_the_tests_role_is_one_that_policies_hold(postgres: Database) -> None:
    with postgres.reading() as connection:
        mighty = connection.execute(
            text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        ).scalar()

    assert mighty is False


def test_every_table_with_users_rows_has_policies_that_hold_its_owner_too(postgres: Database) -> None:
    fenced = text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")

    with postgres.reading() as connection:
        found = set(connection.execute(fenced).scalars())

    assert found == set(metadata.tables) - WITHOUT_POLICIES


@pytest.mark.parametrize("table", OF_ANNS_ACCOUNT)
@pytest.mark.parametrize("who", ROLES)
def test_a_question_without_a_condition_brings_ones_own_rows_and_those_shared(
    world: World, who: str, table: str
) -> None:
    assert seen(world, who, table) == (set() if ROLES[who] is None else {world.ann})


@pytest.mark.parametrize("table", sorted(set(metadata.tables) - WITHOUT_POLICIES))
def test_a_transaction_that_names_nobody_sees_nothing(world: World, table: str) -> None:
    with world.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(metadata.tables[table])).scalar() == 0


def test_what_one_may_not_change_is_not_even_found_by_a_careless_statement(world: World) -> None:
    least = {"a viewer of the team": 0, "a trader who may only view": 0, "a stranger": 0, "a trader of the team": 1}

    for who, changed in least.items():
        with world.database.writing(world.users[who]) as connection:
            assert connection.execute(update(tables.account).values(note="mine")).rowcount == changed
            assert connection.execute(update(tables.target).values(account_id="main")).rowcount == changed
            assert connection.execute(delete(tables.account)).rowcount == 0


def test_only_an_owner_removes_the_account(world: World) -> None:
    with world.database.writing(world.users["a second owner"]) as connection:
        assert connection.execute(delete(tables.account)).rowcount == 1


@pytest.mark.parametrize("who", ["a stranger", "a viewer of the team"])
def test_nobody_writes_a_row_in_anothers_name(world: World, who: str) -> None:
    row = {"user_id": world.ann, "symbol": "VTI", "price": Decimal(1), "currency": "USD", "time": world.teams._now()}
    line = {"user_id": world.ann, "account_id": "main", "line": 9, "description": "x", "reason": "y", "value": None}

    for table, values in ((tables.manual_price, row), (tables.set_aside, line)):
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            world.database.writing(world.users[who]) as connection,
        ):
            connection.execute(insert(table), values)


def test_nobody_joins_a_team_without_an_invitation_or_raises_their_own_role(world: World) -> None:
    stranger, viewer = world.users["a stranger"], world.users["a viewer of the team"]
    row = {"team_id": world.team, "user_id": stranger, "role": "owner", "joined_at": world.teams._now()}

    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        world.database.writing(stranger) as connection,
    ):
        connection.execute(insert(tables.team_member), row)
    with world.database.writing(viewer) as connection:
        assert connection.execute(update(tables.team_member).values(role="owner")).rowcount == 0


def test_an_invitation_lets_its_holder_in_with_the_role_it_names_and_no_other(world: World) -> None:
    stranger = world.users["a stranger"]
    token = world.teams.invite(world.ann, world.team, Role.VIEWER)

    assert seen(world, "a stranger", "team_member") == set()
    world.teams.accept(stranger, token)

    with world.database.reading(stranger) as connection:
        question = select(tables.team_member.c.role).where(tables.team_member.c.user_id == stranger)
        assert connection.execute(question).scalars().all() == ["viewer"]


def test_an_invitation_lets_nobody_in_once_its_sender_owns_the_team_no_more(world: World) -> None:
    stranger, sender = world.users["a stranger"], world.users["a second owner"]
    token = world.teams.invite(sender, world.team, Role.OWNER)
    with world.database.writing(world.ann) as connection:
        connection.execute(
            update(tables.team_member).where(tables.team_member.c.user_id == sender).values(role="trader")
        )
    row = {"team_id": world.team, "user_id": stranger, "role": "owner", "joined_at": world.teams._now()}

    def walk_in() -> None:
        with world.database.writing(stranger) as connection:
            tell(connection, "evenkeel.invitation", hash_of(token))
            connection.execute(insert(tables.team_member), row)

    with pytest.raises(ProgrammingError, match="row-level security"):
        walk_in()


def test_a_member_sees_the_members_of_their_own_teams_only(world: World) -> None:
    everybody = {"ann, who owns it", "a second owner", "a trader of the team", "a viewer of the team"}

    assert seen(world, "a viewer of the team", "team_member") == {
        *(world.users[who] for who in everybody),
        world.users["a trader who was disabled"],
    }
    assert seen(world, "a member of another team", "team_member") == {world.users["a member of another team"]}


# ── At start-up ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("setting", ["off", "local", "remote_write"])
def test_a_postgresql_that_may_forget_a_commit_is_refused(
    postgres_url: str, postgres_superuser: Engine, setting: str
) -> None:
    with postgres_superuser.begin() as connection:
        connection.execute(text(f"ALTER ROLE evenkeel SET synchronous_commit = {setting}"))
    try:
        with pytest.raises(SettingsError, match=f"synchronous_commit is {setting} and must be on"):
            open_database(postgres_url)
    finally:
        with postgres_superuser.begin() as connection:
            connection.execute(text("ALTER ROLE evenkeel RESET synchronous_commit"))


def test_a_role_that_walks_past_the_fence_is_said_at_start_up(
    postgres_server: URL, postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "evenkeel.database"):
        open_database(postgres_server.render_as_string(hide_password=False)).close()

    assert "row-level security does not hold it" in caplog.text
