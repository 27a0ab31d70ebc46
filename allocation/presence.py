"""Who is signed in, since when and where; and who is on the way. Ports, and the values they speak of."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from allocation.ports import User


@dataclass(frozen=True, slots=True)
class Proof:
    """How somebody proved who they are.

    Attributes:
        proved_at: when they did: at a provider that may be before they came to us.
        provider: the provider's name in the settings; None for a local account.
        second_factor: whether a second factor was part of it.
        tokens: what the provider's own sign-out and revocation ask for; kept sealed.
    """

    user: User
    proved_at: datetime
    provider: str | None = None
    second_factor: bool = False
    tokens: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that neither ended nor ran out.

    Attributes:
        handle: names the session inside and in lists; whoever knows it can open nothing with it.
        device: the browser and system as the browser described them.
        idle_until: when it ends if nobody does anything.
        ends_at: when it ends in any case.
        entered: whether its browser fetched the cookie that finds it again.
    """

    handle: str
    user: User
    device: str
    provider: str | None
    second_factor: bool
    proved_at: datetime
    began_at: datetime
    last_seen_at: datetime
    idle_until: datetime
    ends_at: datetime
    entered: bool


class Sessions(Protocol):
    """Sign-in sessions. A browser finds its session by a cookie it gets for this session alone.

    That cookie cannot be set by whoever proves the user, so the browser fetches it: with a ticket, good once and for
    seconds, and only together with the cookie the browser had before. Cookies and tickets are never kept, only hashes.
    """

    def begin(self, proof: Proof, browser_key: str, device: str, now: datetime) -> str:
        """The handle of a new session; the one before it in the same browser ends.

        Raises:
            UserDisabledError: this user may not sign in.
        """
        ...

    def find(self, handle: str, now: datetime, *, use: bool = True) -> LiveSession | None:
        """The session if it is alive and its user not disabled; only a `use` prolongs it."""
        ...

    def of_cookie(self, cookie_key: str, now: datetime) -> str | None:
        """The handle of the live session this cookie was given for."""
        ...

    def ticket(self, handle: str, now: datetime) -> str:
        """What the browser fetches its cookie with, in place of any ticket before."""
        ...

    def enter(self, ticket: str, browser_key: str, cookie_key: str, now: datetime) -> bool:
        """Give the session a cookie for this ticket of this browser; False for any that is not good, and never twice."""
        ...

    def of_user(self, user_id: str, now: datetime) -> tuple[LiveSession, ...]:
        """The user's live sessions, the one last used first."""
        ...

    def end(self, handle: str, now: datetime, user_id: str | None = None) -> bool:
        """End it everywhere; False when there was nothing to end, or it is not this user's."""
        ...

    def end_of_user(self, user_id: str, now: datetime, *, but: str = "") -> int:
        """End all sessions of a user, or all but one; returns how many."""
        ...

    def prove_again(self, handle: str, proved_at: datetime, *, second_factor: bool = False) -> None:
        """Note that its user proved once more who they are."""
        ...

    def tokens(self, handle: str) -> str:
        """What was kept of the provider's tokens, even after the session ended; handed out once."""
        ...


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt as it is kept: everything but the times is a hash or sealed."""

    sealed_departure: bytes | None
    sealed_answer: bytes | None
    answered_at: datetime | None


class AttemptRows(Protocol):
    """Attempts to sign in with a provider, for the minutes they take. Every row is of one browser."""

    def put(self, state: str, browser_key: str, sealed_departure: bytes, now: datetime) -> None:
        """Keep a departure; an earlier one of this browser that has no answer yet is forgotten."""
        ...

    def answer(self, state: str, browser_key: str, sealed_answer: bytes, now: datetime) -> bool:
        """Keep the answer to this attempt; False when it has one."""
        ...

    def find(self, state: str, browser_key: str, now: datetime) -> AttemptRow | None:
        """The attempt of this state, if it is this browser's and not too old."""
        ...

    def latest_departure(self, browser_key: str, now: datetime) -> AttemptRow | None:
        """The latest attempt this browser left a page for."""
        ...

    def take(self, state: str, browser_key: str, now: datetime) -> AttemptRow | None:
        """The same as `find`, once: it is not handed out again, and no answer to it is taken any more."""
        ...


class Drafts(Protocol):
    """What users were about to change, until it is saved or dropped."""

    def load(self, user_id: str, account_id: str) -> str | None:
        """The draft, or None."""
        ...

    def save(self, user_id: str, account_id: str, content: str, now: datetime) -> None:
        """Keep this in place of the one before."""
        ...

    def drop(self, user_id: str, account_id: str) -> None:
        """Forget it; harmless when there is none."""
        ...
