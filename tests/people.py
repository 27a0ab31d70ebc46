"""A team with one shared account, and everybody who has to do with it or not."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import insert, update

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.store import SqlStore
from allocation.adapters.sql.tables import app_user
from allocation.adapters.sql.teams import SqlTeams
from allocation.adapters.sql.trail import SqlTrail
from allocation.authorisation import Role
from allocation.model import Account, Portfolio, Position
from allocation.targets import TargetAllocation
from allocation.trail import EventKind

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HELD = Portfolio(
    Account("main", "Main"),
    (Position("VTI", Decimal(10)), Position("BND", Decimal(5))),
    Decimal(100),
    balances={"EUR": Decimal(20)},
)
WANTED = TargetAllocation.of({"VTI": "0.6", "BND": "0.4"})
REFUSALS = (EventKind.ACCOUNT_REFUSED, EventKind.ACTION_REFUSED, EventKind.INVITATION_REFUSED)

# What everybody is to Ann's account; None: it does not exist for them.
ROLES: dict[str, Role | None] = {
    "ann, who owns it": Role.OWNER,
    "a second owner": Role.OWNER,
    "a trader of the team": Role.TRADER,
    "a viewer of the team": Role.VIEWER,
    "a trader who may only view": Role.VIEWER,
    "a member of another team": None,
    "somebody who left": None,
    "a stranger": None,
    "a trader who was disabled": None,
}


@dataclass(frozen=True)
class World:
    """Ann's account is shared with her team up to owner, and with a second team up to viewer."""

    database: Database
    store: SqlStore
    teams: SqlTeams
    trail: SqlTrail
    users: dict[str, str]
    team: str
    second_team: str
    share: str
    second_share: str

    @property
    def ann(self) -> str:
        return self.users["ann, who owns it"]

    def id_for(self, who: str) -> str:
        """The account's id as this user knows it, or would have to guess it."""
        if who.startswith("ann"):
            return "main"
        return self.second_share if who == "a trader who may only view" else self.share

    def refusals_of(self, who: str) -> int:
        return len(self.trail.of_user(self.users[who], REFUSALS))


def add_user(database: Database, name: str) -> str:
    user_id = secrets.token_hex(16)
    person = {"id": user_id, "kind": "local", "user_name": user_id, "name": name, "email": "", "created_at": NOON}
    with database.writing() as connection:
        connection.execute(insert(app_user), person)
    return user_id


def disable(database: Database, user_id: str) -> None:
    with database.writing() as connection:
        connection.execute(update(app_user).where(app_user.c.id == user_id).values(disabled_at=NOON))


def join(teams: SqlTeams, owner: str, team: str, user: str, role: Role) -> None:
    teams.accept(user, teams.invite(owner, team, role))


def new_world(database: Database) -> World:
    """Users, teams and an account that no other test knows, in a database that need not be empty."""
    trail = SqlTrail(database)
    store, teams = SqlStore(database, trail), SqlTeams(database, trail)
    users = {who: add_user(database, who) for who in ROLES}
    ann = users["ann, who owns it"]
    store.save_portfolios(ann, [HELD])
    store.save_target(ann, "main", WANTED)
    team, second_team = teams.create_team(ann, "Family"), teams.create_team(ann, "Advisers")
    for who, role in {
        "a second owner": Role.OWNER,
        "a trader of the team": Role.TRADER,
        "a viewer of the team": Role.VIEWER,
        "somebody who left": Role.OWNER,
        "a trader who was disabled": Role.TRADER,
    }.items():
        join(teams, ann, team, users[who], role)
    join(teams, ann, second_team, users["a trader who may only view"], Role.TRADER)
    teams.remove_member(users["somebody who left"], team, users["somebody who left"])
    disable(database, users["a trader who was disabled"])
    teams.create_team(users["a member of another team"], "Neighbours")
    share = teams.share(ann, "main", team, Role.OWNER)
    second_share = teams.share(ann, "main", second_team, Role.VIEWER)
    return World(database, store, teams, trail, users, team, second_team, share, second_share)
