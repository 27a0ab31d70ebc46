"""Teams as their members see them: who is in, which accounts are shared up to which role, who is invited."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from allocation.authorisation import AnyVerb, Role, may
from allocation.errors import TeamError

INVITATION_LASTS = timedelta(days=7)
LONGEST_TEAM_NAME = 60


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a team."""

    user_id: str
    name: str
    email: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """An account that is shared with a team, up to a role. `id` is its account id for all members but its owner."""

    id: str
    team_id: str
    account_name: str
    owner_id: str
    owner_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Invitation:
    """An open invitation. `id` names it in lists and opens nothing."""

    id: str
    role: Role
    invited_by: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Team:
    """A team as one of its members sees it; only owners see its invitations."""

    id: str
    name: str
    role: Role
    members: tuple[Member, ...]
    shares: tuple[Share, ...] = ()
    invitations: tuple[Invitation, ...] = ()

    def may(self, verb: AnyVerb) -> bool:
        """Whether this member's role is enough."""
        return may(self.role, verb)

    def is_last_owner(self, user_id: str) -> bool:
        """Whether the team would be without an owner if this one went."""
        owners = {member.user_id for member in self.members if member.role == Role.OWNER}
        return owners == {user_id}


@dataclass(frozen=True, slots=True)
class Offer:
    """What an invitation offers to whoever has its token."""

    team_name: str
    role: Role
    invited_by: str
    expires_at: datetime


def team_name(name: str) -> str:
    """The name as it is kept.

    Raises:
        TeamError: it is empty, or too long to show.
    """
    kept = " ".join(name.split())
    if not 0 < len(kept) <= LONGEST_TEAM_NAME:
        raise TeamError(f"Give the team a name of 1 to {LONGEST_TEAM_NAME} characters.", ("name",))
    return kept
