"""Teams, invitations and shared accounts in the database."""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from allocation.adapters.sql import team_rows
from allocation.adapters.sql.database import Database, tell
from allocation.adapters.sql.on_record import refusals_on_record
from allocation.adapters.sql.reach import new_share_id, reach, require_at_work
from allocation.adapters.sql.store import utc_now
from allocation.adapters.sql.tables import account_share, app_user, invitation, team, team_member
from allocation.adapters.sql.upsert import insert_into
from allocation.authorisation import Role, TeamVerb, Verb, require
from allocation.errors import AccountNotFoundError, InvitationError, TeamError, TeamNotFoundError
from allocation.ports import Trail
from allocation.teams import INVITATION_LASTS, Offer, Team, team_name
from allocation.trail import EventKind

_TOKEN_BYTES = 32
_STAYS_OWNED = "A team needs an owner, and {} the last one. Make somebody else an owner first, or remove the team with all it shares."


class SqlTeams:
    """`Teams` in a database.

    Args:
        trail: where changes and refusals are written down.
    """

    def __init__(self, database: Database, trail: Trail, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._trail = trail
        self._now = now

    # ── Teams and their members ─────────────────────────────────────────────────────────────────────────────────────

    def teams(self, user_id: str) -> tuple[Team, ...]:
        """The user's teams, by name."""
        with self._database.reading(user_id) as connection:
            return team_rows.teams_of(connection, user_id, self._now())

    def create_team(self, user_id: str, name: str) -> str:
        """A new team with the user as its owner; its id."""
        team_id, now = secrets.token_hex(16), self._now()
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            connection.execute(insert(team), {"id": team_id, "name": team_name(name), "created_at": now})
            _join(connection, team_id, user_id, Role.OWNER, now)
            self._note(EventKind.TEAM_CREATED, user_id, team_id)
        return team_id

    def rename_team(self, user_id: str, team_id: str, name: str) -> None:
        """Give the team another name."""
        with self._changing(user_id, team_id, TeamVerb.RENAME_TEAM) as connection:
            connection.execute(update(team).where(team.c.id == team_id).values(name=team_name(name)))
            self._note(EventKind.TEAM_RENAMED, user_id, team_id)

    def remove_team(self, user_id: str, team_id: str) -> None:
        """End the team; nobody's accounts are shared by it any more."""
        with self._changing(user_id, team_id, TeamVerb.REMOVE_TEAM) as connection:
            connection.execute(delete(team).where(team.c.id == team_id))
            self._note(EventKind.TEAM_REMOVED, user_id, team_id)

    def change_role(self, user_id: str, team_id: str, member_id: str, role: Role) -> None:
        """Give a member another role; with an owner's go the invitations they sent.

        Raises:
            TeamError: there is no such member, or no owner would be left.
        """
        with self._changing(user_id, team_id, TeamVerb.CHANGE_ROLES) as connection:
            _require_member(connection, team_id, member_id)
            if role != Role.OWNER:
                _keep_an_owner(connection, user_id, team_id, member_id)
                team_rows.take_back(connection, member_id, invitation.c.team_id == team_id)
            connection.execute(update(team_member).where(*_is(team_id, member_id)).values(role=role.value))
            self._note(EventKind.ROLE_CHANGED, user_id, team_id, member=member_id, role=role.value)

    def remove_member(self, user_id: str, team_id: str, member_id: str) -> None:
        """Take a member out, with the accounts they shared with the team and the invitations they sent.

        Raises:
            TeamError: there is no such member, or no owner would be left.
        """
        verb = TeamVerb.LEAVE if member_id == user_id else TeamVerb.REMOVE_MEMBERS
        with self._changing(user_id, team_id, verb) as connection:
            _require_member(connection, team_id, member_id)
            _keep_an_owner(connection, user_id, team_id, member_id)
            connection.execute(
                delete(account_share).where(account_share.c.team_id == team_id, account_share.c.user_id == member_id)
            )
            team_rows.take_back(connection, member_id, invitation.c.team_id == team_id)
            connection.execute(delete(team_member).where(*_is(team_id, member_id)))
            self._note(EventKind.MEMBER_REMOVED, user_id, team_id, member=member_id)

    # ── Invitations ─────────────────────────────────────────────────────────────────────────────────────────────────

    def invite(self, user_id: str, team_id: str, role: Role) -> str:
        """A token that lets one person join with this role, once, for seven days; kept as a hash only."""
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._now()
        row = {"token_hash": _hash(token), "team_id": team_id, "role": role.value, "invited_by": user_id}
        with self._changing(user_id, team_id, TeamVerb.INVITE) as connection:
            connection.execute(insert(invitation), {**row, "created_at": now, "expires_at": now + INVITATION_LASTS})
            self._note(EventKind.MEMBER_INVITED, user_id, team_id, role=role.value)
        return token

    def withdraw(self, user_id: str, team_id: str, invitation_id: str) -> None:
        """Make an open invitation void; harmless when it is already."""
        this = invitation.c.token_hash.startswith(invitation_id, autoescape=True)
        with self._changing(user_id, team_id, TeamVerb.INVITE) as connection:
            unused = invitation.c.accepted_at.is_(None)
            connection.execute(delete(invitation).where(invitation.c.team_id == team_id, this, unused))
            self._note(EventKind.INVITATION_WITHDRAWN, user_id, team_id)

    def offer(self, user_id: str, token: str) -> Offer:
        """What an invitation offers; looking at it changes nothing.

        Raises:
            InvitationError: it is unknown, used, withdrawn, too old, or of somebody who owns the team no more.
        """
        with (
            refusals_on_record(self._trail, user_id, TeamVerb.SEE_TEAM),
            self._database.reading(user_id) as connection,
        ):
            row = self._open_invitation(connection, token)
            return Offer(row.team_name, Role(row.role), row.inviter, row.expires_at)

    def accept(self, user_id: str, token: str) -> str:
        """Join the team with the role offered; somebody who is in it already keeps their role. The team's id.

        Raises:
            InvitationError: it is unknown, used, withdrawn, too old, or of somebody who owns the team no more.
        """
        now = self._now()
        with (
            refusals_on_record(self._trail, user_id, TeamVerb.SEE_TEAM),
            self._database.writing(user_id) as connection,
        ):
            require_at_work(connection, user_id)
            row = self._open_invitation(connection, token, hold=True)
            if team_rows.role_in(connection, row.team_id, user_id) is None:
                _join(connection, row.team_id, user_id, Role(row.role), now)
            this = invitation.c.token_hash == _hash(token)
            connection.execute(update(invitation).where(this).values(accepted_at=now, accepted_by=user_id))
            self._note(EventKind.MEMBER_JOINED, user_id, row.team_id, role=row.role)
        return str(row.team_id)

    # ── Shared accounts ─────────────────────────────────────────────────────────────────────────────────────────────

    def share(self, user_id: str, account_id: str, team_id: str, role: Role) -> str:
        """Share an account with a team up to a role, or change that role; the share's id."""
        with (
            refusals_on_record(self._trail, user_id, Verb.SHARE, account_id),
            self._database.writing(user_id) as connection,
        ):
            found = reach(connection, user_id, account_id, Verb.SHARE, hold=True)
            _require_role(connection, user_id, team_id, TeamVerb.BRING_IN)
            row = {"id": new_share_id(), **found.key, "team_id": team_id, "role": role.value, "shared_at": self._now()}
            share_id = connection.execute(
                insert_into(account_share, connection)
                .on_conflict_do_update(index_elements=["user_id", "account_id", "team_id"], set_={"role": role.value})
                .returning(account_share.c.id),
                row,
            ).scalar_one()
            self._note(EventKind.ACCOUNT_SHARED, user_id, found.shown_id, team=team_id, role=role.value)
        return str(share_id)

    def unshare(self, user_id: str, share_id: str) -> None:
        """End a share: for whoever owns the account, and for the owners of the team."""
        with (
            refusals_on_record(self._trail, user_id, Verb.SHARE, share_id),
            self._database.writing(user_id) as connection,
        ):
            team_id = _require_share(connection, user_id, share_id)
            connection.execute(delete(account_share).where(account_share.c.id == share_id))
            self._note(EventKind.ACCOUNT_UNSHARED, user_id, share_id, team=team_id)

    # ── Inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _changing(self, user_id: str, team_id: str, verb: TeamVerb) -> Iterator[Connection]:
        """A transaction for a member with the role for it; a refusal is written down."""
        with (
            refusals_on_record(self._trail, user_id, verb, team_id),
            self._database.writing(user_id) as connection,
        ):
            _require_role(connection, user_id, team_id, verb)
            yield connection

    def _open_invitation(self, connection: Connection, token: str, *, hold: bool = False) -> Any:
        tell(connection, "evenkeel.invitation", _hash(token))
        question = (
            select(invitation, team.c.name.label("team_name"), app_user.c.name.label("inviter"))
            .join(team, team.c.id == invitation.c.team_id)
            .join(app_user, app_user.c.id == invitation.c.invited_by)
            .where(
                invitation.c.token_hash == _hash(token),
                invitation.c.accepted_at.is_(None),
                invitation.c.expires_at > self._now(),
                team_rows.still_invites(connection),
            )
        )
        row = connection.execute(question.with_for_update(of=invitation) if hold else question).first()
        if row is None:
            raise InvitationError
        return row

    def _note(self, kind: EventKind, user_id: str, subject: str, **details: str) -> None:
        self._trail.record(kind, subject, user_id=user_id, session=None, **details)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _join(connection: Connection, team_id: str, user_id: str, role: Role, now: datetime) -> None:
    row = {"team_id": team_id, "user_id": user_id, "role": role.value, "joined_at": now}
    connection.execute(insert(team_member), row)


def _is(team_id: str, member_id: str) -> tuple[Any, ...]:
    return team_member.c.team_id == team_id, team_member.c.user_id == member_id


def _require_role(connection: Connection, user_id: str, team_id: str, verb: TeamVerb) -> None:
    role = team_rows.role_in(connection, team_id, user_id)
    if role is None:
        raise TeamNotFoundError
    require(role, verb)


def _require_member(connection: Connection, team_id: str, member_id: str) -> None:
    if team_rows.role_in(connection, team_id, member_id) is None:
        raise TeamError("That person is not in the team any more.", ("member",))


def _keep_an_owner(connection: Connection, user_id: str, team_id: str, member_id: str) -> None:
    """Refuse to lose the last owner. Two owners who go at once wait for one another at the team's row."""
    connection.execute(select(team.c.id).where(team.c.id == team_id).with_for_update())
    owners = select(team_member.c.user_id).where(team_member.c.team_id == team_id, team_member.c.role == Role.OWNER)
    if set(connection.execute(owners).scalars()) == {member_id}:
        raise TeamError(_STAYS_OWNED.format("you are" if member_id == user_id else "this is"), ("owner",))


def _require_share(connection: Connection, user_id: str, share_id: str) -> str:
    """The team of a share that this user may end."""
    row = connection.execute(select(account_share).where(account_share.c.id == share_id)).first()
    role = None if row is None else team_rows.role_in(connection, row.team_id, user_id)
    if row is None or (role is None and row.user_id != user_id):
        raise AccountNotFoundError(share_id)
    if row.user_id != user_id and role is not None:
        require(role, TeamVerb.TAKE_OUT)
    return str(row.team_id)
