"""Which account a user means, and what they are to it: the one way from an account's id to its rows."""

import re
import secrets
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, select

from allocation.adapters.sql import tables
from allocation.authorisation import Role, Verb, may, refusal_of_shared
from allocation.errors import AccountNotFoundError, NotAllowedError, UserDisabledError
from allocation.model import Account

# 128 random bits. No importer makes an id without a hyphen, so that an account of one's own never looks like this.
_SHARE_ID = re.compile(r"shared_[0-9a-f]{32}")
_SHOWN_OF_OWNER = 40

_share, _member, _account, _user = tables.account_share, tables.team_member, tables.account, tables.app_user
_owner = tables.app_user.alias("owner")


@dataclass(frozen=True, slots=True)
class Reached:
    """An account that a user may at least see.

    Attributes:
        owner_id, account_id: where its rows are.
        role: what the user is to it.
        shown_id: the id under which the user knows it.
        owner_name: whose it is; None for the user's own.
        in_team, cap: the two roles of which `role` is the smaller one, where it is shared.
    """

    owner_id: str
    account_id: str
    role: Role
    shown_id: str
    owner_name: str | None = None
    in_team: Role = Role.OWNER
    cap: Role = Role.OWNER

    @property
    def key(self) -> dict[str, str]:
        """The first columns of all its rows."""
        return {"user_id": self.owner_id, "account_id": self.account_id}

    def shown(self, account: Account) -> Account:
        """The account as this user sees it: somebody else's is marked with its owner."""
        if self.owner_name is None:
            return account
        return replace(account, id=self.shown_id, name=f"{account.name} ({self._owner})", owner=self._owner)

    def refusal(self, verb: Verb) -> NotAllowedError | None:
        """Why the user may not do this with it; None when they may."""
        return None if may(self.role, verb) else refusal_of_shared(self.in_team, self.cap, self._owner, verb)

    @property
    def _owner(self) -> str:
        return (self.owner_name or "")[:_SHOWN_OF_OWNER].strip() or "somebody else"


def new_share_id() -> str:
    """An id that nobody can guess."""
    return f"shared_{secrets.token_hex(16)}"


def is_share_id(account_id: str) -> bool:
    """Whether an id is of the kind that shared accounts have."""
    return _SHARE_ID.fullmatch(account_id) is not None


def reach(connection: Connection, user_id: str, account_id: str, verb: Verb, *, hold: bool = False) -> Reached:
    """The account this user means, if they may do this with it.

    Args:
        connection: a transaction that knows its user.
        user_id: who asks.
        account_id: the id as this user knows it: their own account's, or a share's.
        verb: what for.
        hold: keep others from removing the account before the transaction is done.

    Raises:
        AccountNotFoundError: somebody else's account and one that does not exist, alike.
        NotAllowedError: the user may see the account, but not do this.
    """
    found = _found(connection, user_id, account_id)
    if found is None:
        raise AccountNotFoundError(account_id)
    if refusal := found.refusal(verb):
        raise refusal
    if hold and connection.execute(_row_of(found).with_for_update()).first() is None:
        raise AccountNotFoundError(account_id)
    return found


def shared_with(connection: Connection, user_id: str) -> tuple[Reached, ...]:
    """Other people's accounts that this user may see, each once and with the most the user is to it."""
    best: dict[tuple[str, str], Reached] = {}
    for row in connection.execute(_shares(user_id).where(_share.c.user_id != user_id).order_by(_share.c.id)):
        found = _of_share(row, user_id)
        known = best.get((found.owner_id, found.account_id))
        if known is None or not known.role.covers(found.role):
            best[found.owner_id, found.account_id] = found
    return tuple(best.values())


def may_work(user_id: str) -> ColumnElement[bool]:
    """Whoever was disabled reaches nothing, whatever session is still about."""
    return ~exists().where(_user.c.id == user_id, _user.c.disabled_at.is_not(None))


def require_at_work(connection: Connection, user_id: str) -> None:
    """Refuse whoever was disabled.

    Raises:
        UserDisabledError: the user may not work here any more.
    """
    if not connection.execute(select(may_work(user_id))).scalar_one():
        raise UserDisabledError


def _found(connection: Connection, user_id: str, account_id: str) -> Reached | None:
    own = select(_account.c.id).where(_account.c.user_id == user_id, _account.c.id == account_id, may_work(user_id))
    if connection.execute(own).first() is not None:
        return Reached(user_id, account_id, Role.OWNER, account_id)
    if not is_share_id(account_id):
        return None
    row = connection.execute(_shares(user_id).where(_share.c.id == account_id)).first()
    return None if row is None else _of_share(row, user_id)


def _shares(user_id: str) -> Select[Any]:
    """Every share that reaches this user through a team, with both roles and the owner's name."""
    return (
        select(
            _share.c.id,
            _share.c.user_id,
            _share.c.account_id,
            _share.c.role.label("cap"),
            _member.c.role,
            _owner.c.name.label("owner_name"),
        )
        .join(_member, _member.c.team_id == _share.c.team_id)
        .join(_owner, _owner.c.id == _share.c.user_id)
        .where(_member.c.user_id == user_id, may_work(user_id))
    )


def _of_share(row: Any, user_id: str) -> Reached:
    if row.user_id == user_id:  # the link of a team mate, opened by the owner
        return Reached(user_id, row.account_id, Role.OWNER, row.account_id)
    in_team, cap = Role(row.role), Role(row.cap)
    return Reached(row.user_id, row.account_id, in_team.capped(cap), row.id, row.owner_name, in_team, cap)


def _row_of(found: Reached) -> Select[Any]:
    return select(_account).where(_account.c.user_id == found.owner_id, _account.c.id == found.account_id)
