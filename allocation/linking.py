"""A user's links to brokers, what each kind of broker asks for, and where links are kept. Values and ports."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from allocation.authorisation import Verb
from allocation.brokers import Broker, Mode
from allocation.model import Portfolio
from allocation.paper_terms import PaperTerms, RealisedGain


class LinkState(StrEnum):
    """Where a link stands: begun and waiting for its user to come back from the broker, working, or over."""

    BEGUN = "begun"
    WORKING = "working"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Link:
    """One user's way to one broker. What opens it is kept apart, sealed.

    Attributes:
        broker: the kind of broker, by its id: "paper", "alpaca" …
        way: how it was linked, by its id: "keys", "oauth" …
        name: as its user knows it.
        reason: why it does not work and what to do, in a sentence; empty while it does.
        expires_at: when the broker will not know it any more, where that is known.
    """

    id: str
    broker: str
    way: str
    mode: Mode
    name: str
    linked_at: datetime
    state: LinkState = LinkState.WORKING
    reason: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """Which account of a broker an account of the store is.

    Attributes:
        owner_id: whose link it is; somebody else's for a shared account.
        account_id: the store's id, as its owner knows it.
        broker_account: the broker's id.
    """

    owner_id: str
    account_id: str
    link: Link
    broker_account: str
    refreshed_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing a user fills in to link a broker; `secret` is never shown again."""

    name: str
    label: str
    secret: bool = True
    help: str = ""


class Comeback(StrEnum):
    """How a user comes back from a page of the broker."""

    NONE = ""  # there is no such page
    CODE = "code"  # with a code to type in
    CALLBACK = "callback"  # through our own callback address


@dataclass(frozen=True, slots=True)
class Way:
    """One way to link a broker: what is asked, whether the user goes to a page of the broker, and a word about it."""

    id: str
    label: str
    modes: tuple[Mode, ...]
    asks: tuple[Asked, ...] = ()
    comeback: Comeback = Comeback.NONE
    about: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What opens a broker from now on: `token` as only its kind of broker can read it, and until when it is good."""

    token: bytes = field(repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """A page of the broker for the user to go to; `memory` is what must be known when they come back."""

    url: str = field(repr=False)
    memory: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Callback:
    """Our own address that a broker may answer to, and the state it has to bring back."""

    address: str = ""
    state: str = field(default="", repr=False)


Keep = Callable[[Grant], None]


class BrokerKind(Protocol):
    """One kind of broker: how it is linked, opened, renewed and let go. One for all users; keeps nothing."""

    @property
    def id(self) -> str:
        """As links have it, for ever."""
        ...

    @property
    def name(self) -> str:
        """As its customers call it."""
        ...

    @property
    def sign_in_again(self) -> str:
        """What to tell somebody whose link has run out, in a sentence."""
        ...

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways this installation offers, the plainest first; none where it is switched off."""
        ...

    def begin(self, way: str, mode: Mode, filled: Mapping[str, str], callback: Callback) -> Grant | Errand:
        """Link with what the user filled in, or send them to the broker's page.

        Raises:
            BrokerAuthError, BrokerAnswerError, BrokerUnavailableError: the broker says no, or nothing.
        """
        ...

    def finish(self, way: str, mode: Mode, memory: bytes, answer: Mapping[str, str]) -> Grant:
        """The grant for what the user came back with ("code"); raises as `begin`."""
        ...

    def open(self, user_id: str, link: Link, token: bytes, keep: Keep) -> Broker:
        """The broker behind a link; `keep` is told of every renewed token. May ask for one, and raises as `begin`."""
        ...

    def filled(self, token: bytes) -> Mapping[str, str]:
        """What the user filled in when they linked, to begin again without asking; nothing where it has to be new."""
        ...

    def revoke(self, link: Link, token: bytes) -> None:
        """Let the broker forget the link, where it can; raises as `begin`."""
        ...


class PaperDesk(Protocol):
    """Where paper accounts are opened and closed."""

    def open_account(self, user_id: str, name: str, start: Portfolio, terms: PaperTerms) -> str:
        """Open an account that begins with these holdings and this cash; the broker's id of it."""
        ...

    def gains(self, user_id: str, broker_account: str) -> tuple[RealisedGain, ...]:
        """What the account's sales gained, the oldest first."""
        ...

    def close_account(self, user_id: str, broker_account: str) -> None:
        """Forget the account with its orders; harmless when there is none."""
        ...


class LinkRows(Protocol):
    """Where links are kept, their tokens sealed. Every question takes the user's id."""

    def add(self, user_id: str, link: Link, token: bytes) -> None:
        """Keep a new link."""
        ...

    def links(self, user_id: str) -> tuple[Link, ...]:
        """The user's own links, the oldest first."""
        ...

    def token(self, user_id: str, link_id: str) -> bytes:
        """What opens the link; raises `TokenUnreadableError`, also when there is no such link."""
        ...

    def change(self, user_id: str, link: Link, token: bytes | None = None) -> None:
        """Keep what became of a link, and another token where one is given; harmless when the link is gone."""
        ...

    def remove(self, user_id: str, link_id: str) -> None:
        """Forget the link and its token. Its accounts stay in the store, linked to nothing."""
        ...

    def note_accounts(self, user_id: str, link_id: str, accounts: Mapping[str, str], now: datetime) -> None:
        """Which accounts of the store were brought up to date through a link: the store's ids to the broker's."""
        ...

    def linked(self, user_id: str, account_ids: Iterable[str] = ()) -> dict[str, LinkedAccount]:
        """The links of accounts by the id under which this user knows them, shared ones included; all, or those named."""
        ...

    def reach(self, user_id: str, account_id: str, verb: Verb) -> LinkedAccount | None:
        """The link of one account, if the user may do this with it; None where it is not linked.

        Raises:
            AccountNotFoundError, NotAllowedError: as from the store.
        """
        ...
