"""What the core asks of the outside world: a few small questions, answered by the adapters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from allocation.model import Account, Portfolio, Quote
from allocation.targets import TargetAllocation
from allocation.trail import Break, Detail, EventKind, Line


class QuoteFault(StrEnum):
    """Why a source has no quote for a symbol."""

    OFFLINE = "offline"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    UNKNOWN_SYMBOL = "unknown_symbol"
    UNUSABLE = "unusable"
    SWITCHED_OFF = "switched_off"


@dataclass(frozen=True, slots=True)
class QuoteFailure:
    """One symbol that a source could not price, in a sentence for the page."""

    symbol: str
    fault: QuoteFault
    message: str


@dataclass(frozen=True, slots=True)
class QuoteAnswer:
    """What a source returned: every symbol asked for is in exactly one of the two."""

    quotes: Mapping[str, Quote]
    failures: Mapping[str, QuoteFailure]


class QuoteSource(Protocol):
    """Somewhere prices come from. Never raises for a symbol it cannot price; says so in the answer."""

    def quotes(self, symbols: Iterable[str]) -> QuoteAnswer:
        """Current quotes, fetched together, within the source's own deadline."""
        ...


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in. `id` is ours; names and addresses are for display only.

    `demo` users see sample data only.
    """

    id: str
    name: str
    email: str = ""
    demo: bool = False


class Store(Protocol):
    """What is kept for a user. Every question takes the user's id and answers only about that user.

    An account that is not the user's raises `AccountNotFoundError`, exactly like one that does not exist.
    """

    def accounts(self, user_id: str) -> tuple[Account, ...]:
        """The user's accounts, by name."""
        ...

    def portfolio(self, user_id: str, account_id: str) -> Portfolio:
        """What the account holds."""
        ...

    def save_portfolios(self, user_id: str, portfolios: Iterable[Portfolio]) -> None:
        """Save all of them or none. An account that exists already gets the new holdings and keeps its target."""
        ...

    def remove_account(self, user_id: str, account_id: str) -> None:
        """Forget the account with its holdings and target."""
        ...

    def target(self, user_id: str, account_id: str) -> TargetAllocation | None:
        """The saved target, or None before the first one was saved."""
        ...

    def save_target(self, user_id: str, account_id: str, target: TargetAllocation) -> None:
        """Save the target of an account in place of the one before."""
        ...

    def manual_prices(self, user_id: str) -> dict[str, Quote]:
        """Prices the user entered by hand, by symbol."""
        ...

    def save_manual_price(self, user_id: str, quote: Quote) -> None:
        """Keep a price entered by hand."""
        ...

    def remove_manual_price(self, user_id: str, symbol: str) -> None:
        """Forget a price entered by hand; harmless when there is none."""
        ...


class QuoteCache(Protocol):
    """Last good quotes, kept on disk; public facts only, shared by all users."""

    def load(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The cached quotes among these symbols, however old."""
        ...

    def save(self, quotes: Iterable[Quote]) -> None:
        """Keep these in place of older ones."""
        ...


@dataclass(frozen=True, slots=True)
class LocalCredentials:
    """A local account as it is kept; the hash is argon2 and never shown."""

    user: User
    password_hash: str = field(repr=False)


class Directory(Protocol):
    """Users and their sign-in sessions. A session is found by its id or by the browser it began in."""

    def user_for_identity(self, issuer: str, subject: str, name: str, email: str) -> User:
        """The user known by (issuer, subject), created on first sight; name and address are brought up to date."""
        ...

    def has_local_users(self) -> bool:
        """Whether a first local account was created already."""
        ...

    def create_local_user(self, user_name: str, password_hash: str) -> User:
        """A new local account; raises `UserNameTakenError`."""
        ...

    def local_credentials(self, user_name: str) -> LocalCredentials | None:
        """What is kept for a user name (compared without case), or None."""
        ...

    def begin_session(self, user: User, browser_key: str, now: datetime) -> str:
        """A new session id, unguessable; `browser_key` is the hash of the browser's cookie, or empty."""
        ...

    def find_session(self, session_id: str, now: datetime) -> User | None:
        """Whose session this is; None once it ended or ran out (30 minutes idle, 12 hours in all)."""
        ...

    def session_of_browser(self, browser_key: str, now: datetime) -> str | None:
        """The id of the live session that began in this browser, or None."""
        ...

    def end_session(self, session_id: str, now: datetime) -> None:
        """End it everywhere; harmless when it ended already."""
        ...


class Trail(Protocol):
    """The audit trail: lines are added and read, never changed."""

    def record(
        self,
        kind: EventKind,
        subject: str = "",
        *,
        user_id: str | None = None,
        session: str | None = None,
        **details: Detail,
    ) -> None:
        """Write down what happened, before returning. No secret goes in.

        Args:
            subject: what it happened to, such as an account's id.
            user_id: who did it, where that is not the user at work (see `allocation.acting`), as at sign-in.
            session: the handle of their session, likewise.
        """
        ...

    def of_user(
        self, user_id: str, kinds: Iterable[EventKind] = (), before: int | None = None, limit: int = 200
    ) -> tuple[Line, ...]:
        """One user's lines, newest first; those before a number, of some kinds only, where that is asked."""
        ...

    def head(self) -> tuple[int, str]:
        """The last line's number and hash: kept elsewhere, they show later that no line was cut off."""
        ...

    def first_break(self) -> Break | None:
        """Where the trail is not what was written; None when it is whole."""
        ...


class Vault(Protocol):
    """Seals what is secret at rest. Names come from `allocation.vault`; what was sealed opens under the same two only."""

    def seal(self, user_id: str, name: str, secret: bytes) -> bytes:
        """What may be written down in place of the secret."""
        ...

    def open(self, user_id: str, name: str, sealed: bytes) -> bytes:
        """The secret again; raises `TokenUnreadableError`, which names nothing and prints nothing."""
        ...
