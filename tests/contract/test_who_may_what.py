"""Everybody, on every account, with every verb, on both databases: held against the one table of roles."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.order_desk import SqlOrderDesk
from allocation.authorisation import Role, TeamVerb, Verb, may
from allocation.errors import AccountNotFoundError, AllocationError, NotAllowedError, TeamNotFoundError
from allocation.limits import Limits
from allocation.model import Account, Portfolio, Position
from allocation.targets import TargetAllocation
from tests.people import HELD, ROLES, WANTED, World, add_user, join, new_world

Deed = Callable[[World, str, str], object]
UNKNOWN = "shared_" + "0" * 32


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One database for all the worlds of this file."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres")
        return
    folder: Path = tmp_path_factory.mktemp("matrix")
    database = open_database(f"sqlite:///{folder / 'evenkeel.sqlite'}")
    yield database
    database.close()


@pytest.fixture
def world(shared_database: Database) -> World:
    return new_world(shared_database)


def imported(account_id: str) -> Portfolio:
    return Portfolio(Account(account_id, "From a file"), (Position("KO", Decimal(1)),), Decimal(7))


# How each verb is done; a verb without a deed fails below.
DEEDS: dict[Verb, Deed] = {
    Verb.SEE: lambda w, user, account: (w.store.portfolio(user, account), w.store.target(user, account)),
    Verb.TRY: lambda w, user, account: w.store.authorise(user, account, Verb.TRY),
    Verb.EXPORT: lambda w, user, account: w.store.authorise(user, account, Verb.EXPORT),
    Verb.ENTER_PRICES: lambda w, user, account: w.store.authorise(user, account, Verb.ENTER_PRICES),
    Verb.CHANGE_TARGET: lambda w, user, account: w.store.save_target(user, account, TargetAllocation.of({"KO": 1})),
    Verb.IMPORT: lambda w, user, account: w.store.save_portfolios(user, [imported(account)]),
    Verb.SEND_ORDERS: lambda w, user, account: _desk(w).stop(user, account, "a test"),
    Verb.SET_LIMITS: lambda w, user, account: _desk(w).save_limits(user, account, Limits(orders=7)),
    Verb.RENAME: lambda w, user, account: w.store.rename_account(user, account, "Renamed"),
    Verb.REMOVE: lambda w, user, account: w.store.remove_account(user, account),
    Verb.SHARE: lambda w, user, account: w.teams.share(user, account, w.team, Role.VIEWER),
}


def _desk(world: World) -> SqlOrderDesk:
    return SqlOrderDesk(world.database, world.trail)


def outcome(deed: Callable[[], object]) -> type[AllocationError] | None:
    try:
        deed()
    except AllocationError as error:
        return type(error)
    return None


def as_it_was(world: World) -> bool:
    shares = {share.role for team in world.teams.teams(world.ann) for share in team.shares}
    kept = world.store.portfolio(world.ann, "main"), world.store.target(world.ann, "main")
    return kept == (HELD, WANTED) and shares == {Role.OWNER, Role.VIEWER}


def test_every_verb_is_tried() -> None:
    assert set(DEEDS) == set(Verb)


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("who", ROLES)
def test_everybody_may_do_what_the_table_says_and_nothing_else(world: World, who: str, verb: Verb) -> None:
    role, user = ROLES[who], world.users[who]
    before = world.refusals_of(who)

    found = outcome(lambda: DEEDS[verb](world, user, world.id_for(who)))

    if role is not None and may(role, verb):
        assert found is None
        assert world.refusals_of(who) == before
        return
    assert found is (AccountNotFoundError if role is None else NotAllowedError)
    assert world.refusals_of(who) == before + 1
    assert as_it_was(world)


@pytest.mark.parametrize("verb", Verb)
def test_somebody_elses_account_answers_to_the_letter_like_one_that_does_not_exist(world: World, verb: Verb) -> None:
    stranger = world.users["a stranger"]

    with pytest.raises(AllocationError) as not_theirs:
        DEEDS[verb](world, stranger, world.share)
    with pytest.raises(AllocationError) as not_there:
        DEEDS[verb](world, stranger, UNKNOWN)

    assert type(not_theirs.value) is type(not_there.value)
    assert str(not_theirs.value).replace(world.share, UNKNOWN) == str(not_there.value)
    assert not_theirs.value.culprits == not_there.value.culprits


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb != Verb.IMPORT])
@pytest.mark.parametrize("who", [who for who in ROLES if not who.startswith("ann")])
def test_the_id_under_which_the_owner_knows_it_opens_nothing_for_anybody_else(
    world: World, who: str, verb: Verb
) -> None:
    assert outcome(lambda: DEEDS[verb](world, world.users[who], "main")) is AccountNotFoundError
    assert as_it_was(world)


def test_an_import_under_the_owners_id_is_an_account_of_ones_own(world: World) -> None:
    stranger = world.users["a stranger"]

    world.store.save_portfolios(stranger, [imported("main")])

    assert world.store.portfolio(stranger, "main") == imported("main")
    assert as_it_was(world)


def test_a_shared_account_is_listed_once_under_its_own_id_and_marked_with_its_owner(world: World) -> None:
    trader = world.users["a trader of the team"]

    (seen,) = world.store.accounts(trader)

    assert seen == replace(HELD.account, id=world.share, name="Main (ann, who owns it)", owner="ann, who owns it")
    assert world.store.portfolio(trader, world.share) == replace(HELD, account=seen)
    assert world.store.target(trader, world.share) == WANTED
    assert world.store.accounts(world.users["a trader who was disabled"]) == ()
    assert [a.id for a in world.store.accounts(world.ann)] == ["main"]


def test_who_sees_an_account_by_two_teams_has_the_greater_role(world: World) -> None:
    viewer = world.users["a trader who may only view"]
    join(world.teams, world.ann, world.team, viewer, Role.TRADER)

    (seen,) = world.store.accounts(viewer)

    assert seen.id == world.share
    assert world.store.authorise(viewer, seen.id, Verb.SEE) == Role.TRADER
    assert world.store.authorise(viewer, world.second_share, Verb.SEE) == Role.VIEWER


def test_a_trader_changes_the_owners_account_and_leaves_its_name(world: World) -> None:
    trader = world.users["a trader of the team"]

    world.store.save_portfolios(trader, [imported(world.share)])
    world.store.save_target(trader, world.share, TargetAllocation.of({"KO": 1}))

    assert world.store.portfolio(world.ann, "main") == replace(imported("main"), account=HELD.account)
    assert world.store.target(world.ann, "main") == TargetAllocation.of({"KO": 1})


def test_a_link_passed_on_by_a_team_mate_opens_the_owners_own_account(world: World) -> None:
    assert world.store.portfolio(world.ann, world.share) == HELD


def test_what_is_taken_back_is_gone_at_once(world: World) -> None:
    trader = world.users["a trader of the team"]
    world.store.portfolio(trader, world.share)

    world.teams.change_role(world.ann, world.team, trader, Role.VIEWER)
    assert outcome(lambda: world.store.save_target(trader, world.share, WANTED)) is NotAllowedError
    world.teams.unshare(world.ann, world.share)
    assert outcome(lambda: world.store.portfolio(trader, world.share)) is AccountNotFoundError


# The same for teams.
OF_TEAM: dict[TeamVerb, Deed] = {
    TeamVerb.SEE_TEAM: lambda w, user, team: _seen(w, user, team),
    TeamVerb.BRING_IN: lambda w, user, team: w.teams.share(user, _own_account(w, user), team, Role.VIEWER),
    TeamVerb.LEAVE: lambda w, user, team: w.teams.remove_member(user, team, user),
    TeamVerb.RENAME_TEAM: lambda w, user, team: w.teams.rename_team(user, team, "Renamed"),
    TeamVerb.INVITE: lambda w, user, team: (w.teams.invite(user, team, Role.VIEWER), w.teams.withdraw(user, team, "a")),
    TeamVerb.CHANGE_ROLES: lambda w, user, team: w.teams.change_role(user, team, _viewer(w), Role.TRADER),
    TeamVerb.REMOVE_MEMBERS: lambda w, user, team: w.teams.remove_member(user, team, _viewer(w)),
    TeamVerb.TAKE_OUT: lambda w, user, team: w.teams.unshare(user, w.share),
    TeamVerb.REMOVE_TEAM: lambda w, user, team: w.teams.remove_team(user, team),
}


def _viewer(world: World) -> str:
    return world.users["a viewer of the team"]


def _seen(world: World, user: str, team_id: str) -> None:
    if team_id not in {team.id for team in world.teams.teams(user)}:
        raise TeamNotFoundError


def _own_account(world: World, user: str) -> str:
    if user != world.ann:
        try:
            world.store.save_portfolios(user, [imported("mine")])
        except AllocationError:
            return "mine"
    return "main" if user == world.ann else "mine"


ROLES_IN_TEAM: dict[str, Role | None] = {
    "a second owner": Role.OWNER,
    "a trader of the team": Role.TRADER,
    "a viewer of the team": Role.VIEWER,
    "a trader who may only view": None,
    "a member of another team": None,
    "a stranger": None,
    "a trader who was disabled": None,
}


def test_every_verb_of_a_team_is_tried() -> None:
    assert set(OF_TEAM) == set(TeamVerb)


@pytest.mark.parametrize("verb", TeamVerb)
@pytest.mark.parametrize("who", ROLES_IN_TEAM)
def test_in_a_team_everybody_may_do_what_the_table_says(world: World, who: str, verb: TeamVerb) -> None:
    role, user = ROLES_IN_TEAM[who], world.users[who]
    own = verb == TeamVerb.REMOVE_MEMBERS and user == _viewer(world)  # who removes oneself leaves
    before = [(team.name, team.members, team.shares) for team in world.teams.teams(world.ann)]

    found = outcome(lambda: OF_TEAM[verb](world, user, world.team))

    if role is not None and (may(role, verb) or own):
        assert found is None
        return
    assert found in ({TeamNotFoundError, AccountNotFoundError} if role is None else {NotAllowedError})
    assert [(team.name, team.members, team.shares) for team in world.teams.teams(world.ann)] == before
    assert verb == TeamVerb.SEE_TEAM or world.refusals_of(who) >= 1


def test_two_users_with_the_same_arguments_each_see_their_own(world: World) -> None:
    bob = add_user(world.database, "Bob")
    world.store.save_portfolios(bob, [imported("main")])

    seen = [world.store.portfolio(user, "main") for user in (world.ann, bob, world.ann, bob)]

    assert seen == [HELD, imported("main")] * 2
