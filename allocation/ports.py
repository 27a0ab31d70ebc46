"""What the core asks of the outside world: a few small questions, answered by the adapters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from allocation.authorisation import Role, Verb
from allocation.currencies import Rate
from allocation.fx_guard import RateCode, rate_code
from allocation.guard import PriceCode
from allocation.mapping import ColumnMapping
from allocation.model import Account, Portfolio, PriceSource, Quote
from allocation.pairs import pair_of
from allocation.price_order import PriceOrder
from allocation.securities import SecurityFacts
from allocation.targets import TargetAllocation
from allocation.teams import Offer, Team
from allocation.trail import Break, Detail, EventKind, Line


class QuoteFault(StrEnum):
    """Why a source has no quote for a symbol."""

    OFFLINE = "offline"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    UNKNOWN_SYMBOL = "unknown_symbol"
    UNUSABLE = "unusable"
    SWITCHED_OFF = "switched_off"


_CODES = {
    QuoteFault.OFFLINE: PriceCode.UNAVAILABLE,
    QuoteFault.TIMEOUT: PriceCode.TIMEOUT,
    QuoteFault.RATE_LIMITED: PriceCode.RATE_LIMITED,
    QuoteFault.UNKNOWN_SYMBOL: PriceCode.UNKNOWN_SYMBOL,
    QuoteFault.UNUSABLE: PriceCode.MALFORMED,
    QuoteFault.SWITCHED_OFF: PriceCode.SWITCHED_OFF,
}


@dataclass(frozen=True, slots=True)
class QuoteFailure:
    """One symbol that a source could not price, in a sentence for the page.

    Attributes:
        cause: the code, where the fault alone does not say it.
        retry_at: before this moment the source wants to hear nothing more.
        readings: what the source may have meant; whoever knows can choose one.
        source: who was asked.
    """

    symbol: str
    fault: QuoteFault
    message: str
    cause: PriceCode | None = None
    retry_at: datetime | None = None
    readings: tuple[Quote, ...] = ()
    source: PriceSource = PriceSource.YAHOO

    @property
    def code(self) -> PriceCode | RateCode:
        """Why there is no price, or of a pair no rate, for programs."""
        code = self.cause or _CODES[self.fault]
        return rate_code(code) if pair_of(self.symbol) else code


@dataclass(frozen=True, slots=True)
class QuoteAnswer:
    """What a source returned: every symbol asked for is in exactly one of the two."""

    quotes: Mapping[str, Quote]
    failures: Mapping[str, QuoteFailure]


class QuoteSource(Protocol):
    """Somewhere prices come from. Never raises for a symbol it cannot price; says so in the answer."""

    def quotes(self, symbols: Iterable[str], within: float | None = None) -> QuoteAnswer:
        """Current quotes, fetched together, within the source's own deadline or so many seconds, if that is less."""
        ...


class RateSource(Protocol):
    """Somewhere reference rates come from that need no network."""

    def rates(self, currencies: Iterable[str]) -> tuple[Rate, ...]:
        """The rates known for these currencies, each with its time; none for a currency that is not known."""
        ...


class TradingSessions(Protocol):
    """When exchanges are open: weekends, holidays and early closes included."""

    def missed(self, exchange: str, struck: datetime, now: datetime) -> int:
        """Days of trade that began after a price was struck and are over by now."""
        ...

    def traded(self, exchange: str, struck: datetime, now: datetime) -> timedelta:
        """How long the exchange was open between the two moments."""
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


class SecuritySource(Protocol):
    """Somewhere it is known what a security is."""

    def facts(self, symbol: str) -> SecurityFacts:
        """What it says, within its own deadline; raises `FactsUnavailableError`."""
        ...


class Securities(Protocol):
    """What a user says securities are, for themselves: no account is asked for, and nobody else's is touched."""

    def security_facts(self, user_id: str) -> dict[str, SecurityFacts]:
        """What the user said of securities, by canonical symbol (see `symbols.canonical`)."""
        ...

    def save_security_facts(self, user_id: str, facts: SecurityFacts) -> None:
        """Keep what the user says of a security in place of what was there."""
        ...

    def remove_security_facts(self, user_id: str, symbol: str) -> None:
        """Forget what the user said of a security, under any spelling; harmless when there is nothing."""
        ...


class Store(Securities, Protocol):
    """What is kept for a user. Every question takes the user's id, and an account's id as that user knows it.

    An account that is neither the user's nor shared with them raises `AccountNotFoundError`, exactly like one that does
    not exist; what the user's role does not cover raises `NotAllowedError` (see `authorisation`). Both are written down.
    """

    def accounts(self, user_id: str) -> tuple[Account, ...]:
        """The user's accounts and those shared with them, by name; a shared one's name says whose it is."""
        ...

    def authorise(self, user_id: str, account_id: str, verb: Verb) -> Role:
        """What the user is to the account, if that is enough for the verb."""
        ...

    def why_not(self, user_id: str, account_id: str, verb: Verb) -> str:
        """Why the user may not do this with the account, and whom to ask; empty when they may. Asking is no attempt."""
        ...

    def portfolio(self, user_id: str, account_id: str) -> Portfolio:
        """What the account holds."""
        ...

    def save_portfolios(self, user_id: str, portfolios: Iterable[Portfolio]) -> None:
        """Save all of them or none. An account that exists already gets the new holdings and keeps its target."""
        ...

    def rename_account(self, user_id: str, account_id: str, name: str) -> None:
        """Give the account another name, for everybody who sees it."""
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

    def price_order(self, user_id: str) -> PriceOrder:
        """The order in which the user trusts the sources of prices; the usual one before they changed it."""
        ...

    def save_price_order(self, user_id: str, order: PriceOrder) -> None:
        """Keep another order; raises `PriceOrderError` when a source is missing or there twice."""
        ...

    def column_mapping(self, user_id: str, fingerprint: str) -> ColumnMapping | None:
        """What the user said the columns of tables with this header mean (see `mapping.fingerprint_of`)."""
        ...

    def save_column_mapping(self, user_id: str, fingerprint: str, mapping: ColumnMapping) -> None:
        """Keep it, in place of what was said before."""
        ...

    def imported_at(self, user_id: str, digest: str) -> datetime | None:
        """When the user last saved what a file with this SHA-256 holds."""
        ...

    def note_import(self, user_id: str, digest: str) -> None:
        """Remember that the user saved what this file holds."""
        ...


class Teams(Protocol):
    """Teams, and which accounts their members share. Every question takes the user's id.

    A team the user is not in raises `TeamNotFoundError`, exactly like one that does not exist; what their role does not
    cover raises `NotAllowedError`. Both are written down.
    """

    def teams(self, user_id: str) -> tuple[Team, ...]:
        """The user's teams, by name."""
        ...

    def create_team(self, user_id: str, name: str) -> str:
        """A new team with the user as its owner; its id."""
        ...

    def rename_team(self, user_id: str, team_id: str, name: str) -> None:
        """Give the team another name."""
        ...

    def remove_team(self, user_id: str, team_id: str) -> None:
        """End the team; nobody's accounts are shared by it any more."""
        ...

    def change_role(self, user_id: str, team_id: str, member_id: str, role: Role) -> None:
        """Give a member another role; raises `TeamError` when no owner would be left."""
        ...

    def remove_member(self, user_id: str, team_id: str, member_id: str) -> None:
        """Take out a member, or oneself, with the accounts they shared; raises `TeamError` for the last owner."""
        ...

    def invite(self, user_id: str, team_id: str, role: Role) -> str:
        """A token that lets one person join with this role, once, for seven days; kept as a hash only."""
        ...

    def withdraw(self, user_id: str, team_id: str, invitation_id: str) -> None:
        """Make an open invitation void; harmless when it is already."""
        ...

    def offer(self, user_id: str, token: str) -> Offer:
        """What an invitation offers; raises `InvitationError` when it is unknown, used, withdrawn or too old."""
        ...

    def accept(self, user_id: str, token: str) -> str:
        """Join the team with the role offered; the team's id. Raises `InvitationError` as above."""
        ...

    def share(self, user_id: str, account_id: str, team_id: str, role: Role) -> str:
        """Share an account with a team up to a role, or change that role; the share's id."""
        ...

    def unshare(self, user_id: str, share_id: str) -> None:
        """End a share: for whoever owns the account, and for the owners of the team."""
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
    """A local account as it is kept; the hash is argon2 and never shown, and empty before a password was chosen."""

    user: User
    password_hash: str = field(repr=False)
    disabled: bool = False


class Directory(Protocol):
    """The users of providers."""

    def user_for_identity(self, issuer: str, subject: str, name: str, email: str) -> User:
        """The user known by (issuer, subject), created on first sight; name and address are brought up to date."""
        ...

    def find_identity(self, issuer: str, subject: str) -> User | None:
        """The user known by (issuer, subject), if there is one."""
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


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A user's second factor as it is kept. The seed is sealed; `last_step` is the step of the last code that counted."""

    sealed_seed: bytes = field(repr=False)
    confirmed: bool
    last_step: int | None
    recovery_codes_left: int


class Credentials(Protocol):
    """What local users prove themselves with. Whatever changes at the same moment, each code counts once."""

    def has_local_users(self) -> bool:
        """Whether a first local account was created already."""
        ...

    def create_first(self, user_name: str, password_hash: str, now: datetime) -> User | None:
        """The first local account; None when there is one, even if it came a moment ago and by another worker."""
        ...

    def by_name(self, user_name: str) -> LocalCredentials | None:
        """What is kept for a user name (compared without case), or None."""
        ...

    def of_user(self, user_id: str) -> LocalCredentials | None:
        """What is kept for a user; None for one of a provider."""
        ...

    def knows_browser(self, user_name: str, browser_key: str) -> bool:
        """Whether a sign-in under this name was completed in this browser lately."""
        ...

    def rehash(self, user_id: str, before: str, after: str) -> None:
        """The same password hashed anew; does nothing when another password was set meanwhile."""
        ...

    def change_password(self, user_id: str, password_hash: str, now: datetime, keep_session: str) -> None:
        """A new password; every session of the user but this one ends with it."""
        ...

    def second_factor(self, user_id: str) -> SecondFactor | None:
        """The second factor, confirmed or not; None when there is none."""
        ...

    def begin_second_factor(self, user_id: str, sealed_seed: bytes) -> None:
        """Keep a seed to be confirmed, in place of one that never was; a confirmed one stays."""
        ...

    def confirm_second_factor(self, user_id: str, step: int, code_hashes: Iterable[str], now: datetime) -> None:
        """From now on it is asked for; the step's code has counted."""
        ...

    def use_step(self, user_id: str, step: int) -> bool:
        """Count a code; False when this one or a later one has counted."""
        ...

    def use_recovery_code(self, user_id: str, code_hash: str, now: datetime) -> bool:
        """Count a recovery code; False when there is no such code or it was used."""
        ...

    def replace_recovery_codes(self, user_id: str, code_hashes: Iterable[str]) -> None:
        """New recovery codes in place of all before."""
        ...

    def remove_second_factor(self, user_id: str) -> None:
        """Forget seed and recovery codes; harmless when there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """A user as whoever runs the installation sees them."""

    user: User
    user_name: str  # empty: of a provider
    created_at: datetime
    disabled_at: datetime | None
    has_password: bool
    has_second_factor: bool


class People(Protocol):
    """The users of an installation, for whoever runs it."""

    def everybody(self) -> tuple[Person, ...]:
        """All users, the oldest first."""
        ...

    def add(self, user_name: str, now: datetime) -> User:
        """A local account without a password yet; raises `UserNameTakenError`."""
        ...

    def disable(self, user_id: str, now: datetime) -> None:
        """No session any more, and no way to begin one."""
        ...

    def enable(self, user_id: str) -> None:
        """As before; harmless when the user was not disabled."""
        ...

    def keep_password_code(self, user_id: str, code_hash: str, expires_at: datetime, now: datetime) -> None:
        """Whoever has this code may choose the user's password, once. The old one and all sessions end at once."""
        ...

    def redeem_password_code(self, user_id: str, code_hash: str, password_hash: str, now: datetime) -> bool:
        """Set the password the code allows to choose; False when the code is not the user's, used or too old."""
        ...


@dataclass(frozen=True, slots=True)
class Failures:
    """How often in a row something was tried in vain, and when last."""

    count: int
    last: datetime


class FailureLog(Protocol):
    """Failed attempts, where every worker of an installation sees them."""

    def revise(self, keys: Iterable[str], change: Callable[[Mapping[str, Failures]], Mapping[str, Failures]]) -> None:
        """Replace what is known of these keys, alone with them; what `change` raises leaves everything as it was."""
        ...

    def forget(self, before: datetime) -> None:
        """Drop what happened last before this moment."""
        ...
