"""What teams promise beyond roles: their last owner, invitations, and what goes with whoever goes."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.people import SqlPeople
from allocation.adapters.sql.store import SqlStore
from allocation.adapters.sql.tables import app_user, invitation, team_member
from allocation.adapters.sql.teams import SqlTeams
from allocation.adapters.sql.trail import SqlTrail
from allocation.authorisation import Role
from allocation.errors import InvitationError, TeamError, UserDisabledError
from allocation.trail import EventKind
from tests.installation import Clock
from tests.people import HELD, NOON, add_user, disable, join

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def teams(database: Database, clock: Clock) -> SqlTeams:
    return SqlTeams(database, SqlTrail(database), clock)


@pytest.fixture
def ann(database: Database) -> str:
    return add_user(database, "Ann")


@pytest.fixture
def bob(database: Database) -> str:
    return add_user(database, "Bob")


@pytest.fixture
def team(teams: SqlTeams, ann: str) -> str:
    return teams.create_team(ann, "  Family   Lee ")


def test_whoever_begins_a_team_owns_it(teams: SqlTeams, ann: str, bob: str, team: str) -> None:
    (found,) = teams.teams(ann)

    assert (found.id, found.name, found.role) == (team, "Family Lee", Role.OWNER)
    assert [(member.user_id, member.role, member.joined_at) for member in found.members] == [(ann, Role.OWNER, NOON)]
    assert teams.teams(bob) == ()


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_team_has_a_name_that_can_be_shown(teams: SqlTeams, ann: str, name: str) -> None:
    with pytest.raises(TeamError, match="1 to 60 characters"):
        teams.create_team(ann, name)

    assert teams.teams(ann) == ()


def test_the_last_owner_neither_leaves_nor_is_lowered(teams: SqlTeams, ann: str, bob: str, team: str) -> None:
    join(teams, ann, team, bob, Role.TRADER)

    with pytest.raises(TeamError, match="you are the last one"):
        teams.remove_member(ann, team, ann)
    with pytest.raises(TeamError, match="you are the last one"):
        teams.change_role(ann, team, ann, Role.VIEWER)

    teams.change_role(ann, team, bob, Role.OWNER)
    teams.remove_member(ann, team, ann)
    assert teams.teams(ann) == ()
    assert teams.teams(bob)[0].is_last_owner(bob)


def test_an_invitation_works_once(teams: SqlTeams, database: Database, ann: str, bob: str, team: str) -> None:
    token, sam = teams.invite(ann, team, Role.TRADER), add_user(database, "Sam")

    offer = teams.offer(bob, token)
    assert (offer.team_name, offer.role, offer.invited_by, offer.expires_at) == (
        "Family Lee",
        Role.TRADER,
        "Ann",
        NOON + WEEK,
    )
    assert teams.accept(bob, token) == team

    assert teams.teams(bob)[0].role == Role.TRADER
    for again in (teams.offer, teams.accept):
        with pytest.raises(InvitationError):
            again(sam, token)
    assert teams.teams(sam) == ()


def test_an_invitation_is_good_for_seven_days(teams: SqlTeams, clock: Clock, ann: str, bob: str, team: str) -> None:
    token = teams.invite(ann, team, Role.VIEWER)

    clock.now = NOON + WEEK - SECOND
    assert teams.offer(bob, token).role == Role.VIEWER
    assert len(teams.teams(ann)[0].invitations) == 1
    clock.now = NOON + WEEK
    with pytest.raises(InvitationError):
        teams.accept(bob, token)
    assert teams.teams(ann)[0].invitations == ()


def test_a_withdrawn_invitation_is_void(teams: SqlTeams, ann: str, bob: str, team: str) -> None:
    token, kept = teams.invite(ann, team, Role.VIEWER), teams.invite(ann, team, Role.OWNER)
    withdrawn = next(sent for sent in teams.teams(ann)[0].invitations if sent.role == Role.VIEWER)

    teams.withdraw(ann, team, withdrawn.id)
    teams.withdraw(ann, team, "%")

    with pytest.raises(InvitationError):
        teams.accept(bob, token)
    assert teams.accept(bob, kept) == team


@pytest.mark.parametrize("token", ["", "x", "' OR 1=1 --", "a\x00b", "\ud800", "x" * 100_000])
def test_a_token_nobody_made_is_refused_and_written_down_without_it(
    teams: SqlTeams, database: Database, bob: str, team: str, token: str
) -> None:
    with pytest.raises(InvitationError):
        teams.accept(bob, token)

    (line,) = SqlTrail(database).of_user(bob, [EventKind.INVITATION_REFUSED])
    assert line.subject == ""


def test_a_token_is_in_no_table_and_no_line_of_the_trail(
    teams: SqlTeams, database: Database, ann: str, bob: str, team: str
) -> None:
    token = teams.invite(ann, team, Role.VIEWER)
    teams.accept(bob, token)

    with database.reading(ann) as connection:
        rows = repr(connection.execute(select(invitation)).all())
    lines = repr([SqlTrail(database).of_user(user) for user in (ann, bob)])
    assert len(token) == 43  # 256 bits in base64
    assert "token_hash" in str(select(invitation))
    assert token not in rows
    assert token not in lines


def test_who_is_in_already_keeps_their_role(teams: SqlTeams, ann: str, bob: str, team: str) -> None:
    join(teams, ann, team, bob, Role.TRADER)

    join(teams, ann, team, bob, Role.OWNER)

    assert teams.teams(bob)[0].role == Role.TRADER


def test_whoever_is_disabled_joins_and_begins_nothing(
    teams: SqlTeams, database: Database, ann: str, bob: str, team: str
) -> None:
    token = teams.invite(ann, team, Role.VIEWER)
    disable(database, bob)

    for deed in (lambda: teams.accept(bob, token), lambda: teams.create_team(bob, "Mine")):
        with pytest.raises(UserDisabledError):
            deed()


def test_whoever_goes_takes_their_accounts_along(
    teams: SqlTeams, database: Database, ann: str, bob: str, team: str
) -> None:
    store = SqlStore(database)
    join(teams, ann, team, bob, Role.VIEWER)
    store.save_portfolios(bob, [HELD])
    teams.share(bob, "main", team, Role.VIEWER)
    assert [account.name for account in store.accounts(ann)] == ["Main (Bob)"]

    teams.remove_member(ann, team, bob)

    assert store.accounts(ann) == ()
    assert store.portfolio(bob, "main") == HELD


def test_sharing_again_changes_the_role_and_keeps_the_id(
    teams: SqlTeams, database: Database, ann: str, team: str
) -> None:
    SqlStore(database).save_portfolios(ann, [HELD])

    first, again = (teams.share(ann, "main", team, role) for role in (Role.VIEWER, Role.TRADER))

    assert first == again
    assert [share.role for share in teams.teams(ann)[0].shares] == [Role.TRADER]


def test_the_trail_names_a_shared_account_as_its_owner_knows_it_even_when_the_share_was_named(
    teams: SqlTeams, database: Database, ann: str, team: str
) -> None:
    SqlStore(database).save_portfolios(ann, [HELD])
    share_id = teams.share(ann, "main", team, Role.VIEWER)

    teams.share(ann, share_id, team, Role.TRADER)

    shared = [line.subject for line in SqlTrail(database).of_user(ann) if line.kind == EventKind.ACCOUNT_SHARED]
    assert shared == ["main", "main"]


def test_a_removed_account_and_a_removed_team_leave_no_share(
    teams: SqlTeams, database: Database, ann: str, bob: str, team: str
) -> None:
    store = SqlStore(database)
    join(teams, ann, team, bob, Role.VIEWER)
    store.save_portfolios(ann, [HELD])
    teams.share(ann, "main", team, Role.VIEWER)

    store.remove_account(ann, "main")
    assert teams.teams(ann)[0].shares == ()
    store.save_portfolios(ann, [HELD])
    teams.share(ann, "main", team, Role.VIEWER)
    teams.remove_team(ann, team)

    assert store.accounts(bob) == ()
    assert teams.teams(bob) == ()


# ── A way back ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def second_owner(teams: SqlTeams, ann: str, bob: str, team: str) -> str:
    """Bob, whom Ann made an owner beside herself."""
    join(teams, ann, team, bob, Role.OWNER)
    return bob


def open_invitations(teams: SqlTeams, ann: str) -> int:
    return len(teams.teams(ann)[0].invitations)


def test_whoever_was_taken_out_has_no_way_back_by_an_invitation_of_their_own(
    teams: SqlTeams, ann: str, second_owner: str, team: str
) -> None:
    token = teams.invite(second_owner, team, Role.OWNER)
    teams.remove_member(ann, team, second_owner)

    with pytest.raises(InvitationError):
        teams.accept(second_owner, token)

    assert [member.user_id for member in teams.teams(ann)[0].members] == [ann]
    assert open_invitations(teams, ann) == 0


def test_whoever_leaves_takes_their_open_invitations_along(
    teams: SqlTeams, database: Database, ann: str, second_owner: str, team: str
) -> None:
    kept, token = teams.invite(ann, team, Role.VIEWER), teams.invite(second_owner, team, Role.OWNER)
    teams.remove_member(second_owner, team, second_owner)

    with pytest.raises(InvitationError):
        teams.accept(add_user(database, "Carl"), token)

    teams.accept(add_user(database, "Dora"), kept)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.TRADER])
@pytest.mark.parametrize("by_whom", ["by another owner", "by themselves"])
def test_whoever_was_lowered_lets_nobody_in_any_more(
    teams: SqlTeams, database: Database, ann: str, second_owner: str, team: str, role: Role, by_whom: str
) -> None:
    token = teams.invite(second_owner, team, Role.OWNER)
    teams.change_role(ann if by_whom == "by another owner" else second_owner, team, second_owner, role)

    with pytest.raises(InvitationError):
        teams.accept(add_user(database, "Carl"), token)

    teams.change_role(ann, team, second_owner, Role.OWNER)  # and raised again, what they sent before stays void
    with pytest.raises(InvitationError):
        teams.accept(add_user(database, "Dora"), token)


def test_whoever_is_disabled_lets_nobody_in_even_after_they_are_enabled_again(
    teams: SqlTeams, database: Database, ann: str, second_owner: str, team: str
) -> None:
    token, people = teams.invite(second_owner, team, Role.OWNER), SqlPeople(database)
    people.disable(second_owner, NOON)
    with pytest.raises(InvitationError):
        teams.accept(add_user(database, "Carl"), token)
    assert open_invitations(teams, ann) == 0

    people.enable(second_owner)

    with pytest.raises(InvitationError):
        teams.accept(add_user(database, "Dora"), token)


@pytest.mark.parametrize("lost", ["the role", "the place", "the account"])
def test_an_invitation_that_outlived_its_senders_role_is_void(
    teams: SqlTeams, database: Database, ann: str, second_owner: str, team: str, lost: str
) -> None:
    token = teams.invite(second_owner, team, Role.OWNER)
    this = (team_member.c.team_id == team, team_member.c.user_id == second_owner)
    with database.writing(ann) as connection:  # as a version before this one left it
        if lost == "the role":
            connection.execute(update(team_member).where(*this).values(role="trader"))
        elif lost == "the place":
            connection.execute(delete(team_member).where(*this))
        else:
            connection.execute(update(app_user).where(app_user.c.id == second_owner).values(disabled_at=NOON))

    carl = add_user(database, "Carl")
    for look in (teams.offer, teams.accept):
        with pytest.raises(InvitationError):
            look(carl, token)

    assert open_invitations(teams, ann) == 0
