"""Who may do what: the roles, the verbs, and the one table of the least role each verb asks for."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from allocation.errors import NotAllowedError


class Role(StrEnum):
    """What somebody is to an account or a team, from the least to the most."""

    VIEWER = "viewer"
    TRADER = "trader"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """Zero for the least."""
        return list(Role).index(self)

    def covers(self, least: "Role") -> bool:
        """Whether this role may do what asks for that one."""
        return self.rank >= least.rank

    def capped(self, cap: "Role") -> "Role":
        """The smaller of the two: what a member may do with an account that was shared up to a role."""
        return min(self, cap, key=lambda role: role.rank)


class Verb(StrEnum):
    """What can be done with an account, in the words of a refusal: "you may not …"."""

    SEE = "see the account"
    TRY = "try what-ifs"
    EXPORT = "download the account's trades"
    ENTER_PRICES = "enter prices for yourself"
    CHANGE_TARGET = "change the target"
    IMPORT = "import new holdings"
    SEND_ORDERS = "send orders"
    SET_LIMITS = "set the limits for orders"
    RENAME = "rename the account"
    REMOVE = "remove the account"
    SHARE = "share the account"


class TeamVerb(StrEnum):
    """What can be done with a team."""

    SEE_TEAM = "see the team"
    BRING_IN = "share your own accounts with the team"
    LEAVE = "leave the team"
    RENAME_TEAM = "rename the team"
    INVITE = "invite people"
    CHANGE_ROLES = "change the role of a member"
    REMOVE_MEMBERS = "remove members"
    TAKE_OUT = "end the sharing of somebody's account"
    REMOVE_TEAM = "remove the team"


AnyVerb: TypeAlias = Verb | TeamVerb

LEAST_ROLE: Mapping[AnyVerb, Role] = MappingProxyType(
    {
        Verb.SEE: Role.VIEWER,
        Verb.TRY: Role.VIEWER,
        Verb.EXPORT: Role.VIEWER,
        Verb.ENTER_PRICES: Role.VIEWER,
        Verb.CHANGE_TARGET: Role.TRADER,
        Verb.IMPORT: Role.TRADER,
        Verb.SEND_ORDERS: Role.TRADER,
        Verb.SET_LIMITS: Role.OWNER,
        Verb.RENAME: Role.OWNER,
        Verb.REMOVE: Role.OWNER,
        Verb.SHARE: Role.OWNER,
        TeamVerb.SEE_TEAM: Role.VIEWER,
        TeamVerb.BRING_IN: Role.VIEWER,
        TeamVerb.LEAVE: Role.VIEWER,
        TeamVerb.RENAME_TEAM: Role.OWNER,
        TeamVerb.INVITE: Role.OWNER,
        TeamVerb.CHANGE_ROLES: Role.OWNER,
        TeamVerb.REMOVE_MEMBERS: Role.OWNER,
        TeamVerb.TAKE_OUT: Role.OWNER,
        TeamVerb.REMOVE_TEAM: Role.OWNER,
    }
)


def may(role: Role, verb: AnyVerb) -> bool:
    """Whether the role is enough for the verb."""
    return role.covers(LEAST_ROLE[verb])


def require(role: Role, verb: AnyVerb) -> None:
    """Refuse what the role does not cover.

    Raises:
        NotAllowedError: says what the role is, and which one it takes.
    """
    if not may(role, verb):
        raise refusal(role, verb)


def refusal(role: Role, verb: AnyVerb) -> NotAllowedError:
    """The refusal of a verb to a role, in a sentence; pages show it beside a control that is switched off."""
    return NotAllowedError(role.value, verb.value, LEAST_ROLE[verb].value)


def refusal_of_shared(in_team: Role, cap: Role, owner: str, verb: Verb) -> NotAllowedError:
    """The same for a shared account: says which of the two roles is too small, and who can change it."""
    least = LEAST_ROLE[verb]
    if in_team.covers(least):
        way_out = f"Your role in the team would do, but the account is shared up to {cap}: ask {owner} to change that."
    elif cap.covers(least):
        way_out = "Ask an owner of the team to change your role."
    else:
        way_out = (
            f"Ask {owner}, who shares it up to {cap}, to change that, and an owner of the team to change your role."
        )
    return NotAllowedError(in_team.capped(cap).value, verb.value, least.value, way_out)
