"""Teams, members, shares and invitations of one user, read from their rows."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, select

from allocation.adapters.sql.reach import may_work
from allocation.adapters.sql.tables import account, account_share, app_user, invitation, team, team_member
from allocation.authorisation import Role, TeamVerb, may
from allocation.teams import Invitation, Member, Share, Team

_SHOWN_OF_HASH = 16


def role_in(connection: Connection, team_id: str, user_id: str) -> Role | None:
    """What a user is to a team; None outside of it, and for whoever was disabled."""
    question = select(team_member.c.role).where(
        team_member.c.team_id == team_id, team_member.c.user_id == user_id, may_work(user_id)
    )
    found = connection.execute(question).scalar()
    return None if found is None else Role(found)


def still_invites(connection: Connection) -> ColumnElement[bool]:
    """Whether whoever made an invitation owns its team still, and was not disabled."""
    if connection.dialect.name == "postgresql":  # there a guest sees no member of the team, but may ask this
        return func.evenkeel_still_invites(invitation.c.team_id, invitation.c.invited_by)
    return exists().where(
        team_member.c.team_id == invitation.c.team_id,
        team_member.c.user_id == invitation.c.invited_by,
        team_member.c.role == Role.OWNER.value,
        app_user.c.id == invitation.c.invited_by,
        app_user.c.disabled_at.is_(None),
    )


def take_back(connection: Connection, invited_by: str, *which: ColumnElement[bool]) -> None:
    """Make the open invitations of somebody void, or only some of them."""
    unused = (invitation.c.invited_by == invited_by, invitation.c.accepted_at.is_(None))
    connection.execute(delete(invitation).where(*unused, *which))


def teams_of(connection: Connection, user_id: str, now: datetime) -> tuple[Team, ...]:
    """The user's teams with everything a page shows of them, by name."""
    question = (
        select(team.c.id, team.c.name, team_member.c.role)
        .join(team_member, team_member.c.team_id == team.c.id)
        .where(team_member.c.user_id == user_id, may_work(user_id))
    )
    mine = connection.execute(question).all()
    ids = [row.id for row in mine]
    owned = [row.id for row in mine if may(Role(row.role), TeamVerb.INVITE)]
    members, shares = _members(connection, ids), _shares(connection, ids)
    invitations = _invitations(connection, owned, now)
    found = (
        Team(
            row.id, row.name, Role(row.role), tuple(members[row.id]), tuple(shares[row.id]), tuple(invitations[row.id])
        )
        for row in mine
    )
    return tuple(sorted(found, key=lambda t: (t.name.casefold(), t.id)))


def _members(connection: Connection, team_ids: list[str]) -> defaultdict[str, list[Member]]:
    question = (
        select(team_member, app_user.c.name, app_user.c.email)
        .join(app_user, app_user.c.id == team_member.c.user_id)
        .where(team_member.c.team_id.in_(team_ids))
        .order_by(app_user.c.name, app_user.c.id)
    )
    return _grouped(
        (row.team_id, Member(row.user_id, row.name, row.email, Role(row.role), row.joined_at))
        for row in connection.execute(question)
    )


def _shares(connection: Connection, team_ids: list[str]) -> defaultdict[str, list[Share]]:
    question = (
        select(account_share, account.c.name.label("account_name"), app_user.c.name.label("owner_name"))
        .join(account, (account.c.user_id == account_share.c.user_id) & (account.c.id == account_share.c.account_id))
        .join(app_user, app_user.c.id == account_share.c.user_id)
        .where(account_share.c.team_id.in_(team_ids))
        .order_by(account.c.name, account_share.c.id)
    )
    return _grouped(
        (row.team_id, Share(row.id, row.team_id, row.account_name, row.user_id, row.owner_name, Role(row.role)))
        for row in connection.execute(question)
    )


def _invitations(connection: Connection, team_ids: list[str], now: datetime) -> defaultdict[str, list[Invitation]]:
    question = (
        select(invitation, app_user.c.name)
        .join(app_user, app_user.c.id == invitation.c.invited_by)
        .where(invitation.c.team_id.in_(team_ids), invitation.c.accepted_at.is_(None), invitation.c.expires_at > now)
        .where(still_invites(connection))
        .order_by(invitation.c.expires_at)
    )
    return _grouped(
        (row.team_id, Invitation(row.token_hash[:_SHOWN_OF_HASH], Role(row.role), row.name, row.expires_at))
        for row in connection.execute(question)
    )


def _grouped(pairs: Any) -> defaultdict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for team_id, value in pairs:
        found[team_id].append(value)
    return found
