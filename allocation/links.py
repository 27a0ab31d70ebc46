"""Links to brokers in the verbs of their users: link, refresh, renew, unlink; and the broker behind an account."""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from allocation.authorisation import Verb
from allocation.brokers import (
    Broker,
    BrokerAnswerError,
    BrokerAuthError,
    BrokerUnavailableError,
    Mode,
)
from allocation.errors import AllocationError, TokenUnreadableError, listed
from allocation.linked_holdings import account_id_of, as_saved, refuse_vanished
from allocation.linking import (
    BrokerKind,
    Callback,
    Errand,
    Grant,
    Link,
    LinkedAccount,
    LinkRows,
    LinkState,
    PaperDesk,
)
from allocation.model import Account, Portfolio
from allocation.paper_terms import PaperTerms, RealisedGain
from allocation.ports import Store, Trail
from allocation.trail import EventKind

ERRANDS_LIVE = timedelta(minutes=15)
PAPER = "paper"
_NOT_LINKED = "This account is not linked to a broker. Link one on the Accounts page."


class LinkError(AllocationError):
    """A link that cannot be made or used as asked."""

    code = "link_refused"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh brought: the accounts that were saved, and what was left as it was and why."""

    saved: tuple[Portfolio, ...]
    refused: tuple[BrokerAnswerError, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenLink:
    """The broker behind a linked account, ready to be asked."""

    broker: Broker
    account: LinkedAccount


class Links:
    """Every user's links. Tokens are sealed in `rows` and never leave this module but for the broker they open."""

    def __init__(
        self,
        kinds: Iterable[BrokerKind],
        rows: LinkRows,
        store: Store,
        trail: Trail,
        paper: PaperDesk,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kinds = {kind.id: kind for kind in kinds}
        self._rows = rows
        self._store = store
        self._trail = trail
        self._paper = paper
        self._now = now

    @property
    def kinds(self) -> tuple[BrokerKind, ...]:
        """The brokers that can be linked here."""
        return tuple(kind for kind in self._kinds.values() if kind.ways)

    def name_of(self, broker: str) -> str:
        """What a kind of broker is called; one that this version does not know by its id."""
        return self._kinds[broker].name if broker in self._kinds else broker

    def of_user(self, user_id: str) -> tuple[Link, ...]:
        """The user's links that work or did work; one that has passed its time is over, an errand that has is forgotten."""
        found = self._rows.links(user_id)
        for link in found:
            if link.state == LinkState.BEGUN and self._is_past(link):
                self._rows.remove(user_id, link.id)
        return tuple(self._aged(user_id, link) for link in found if link.state != LinkState.BEGUN)

    def linked(self, user_id: str) -> dict[str, LinkedAccount]:
        """The links of all accounts this user may see, by the account's id."""
        return self._rows.linked(user_id)

    # ── Linking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(
        self,
        user_id: str,
        broker: str,
        way: str,
        mode: Mode,
        filled: Mapping[str, str],
        callback: Callback | None = None,
    ) -> Link | Errand:
        """Link a broker with what the user filled in, or find the page of the broker they have to go to first.

        An errand is finished by `finish`, within a quarter of an hour; a new one of the same kind takes its place.

        Raises:
            LinkError: something is not filled in, or the way or mode is not offered.
            BrokerAuthError, BrokerAnswerError, BrokerUnavailableError: the broker says no, or nothing.
        """
        kind = self._kind(broker)
        told = _all_filled(kind, way, mode, filled)
        begun = kind.begin(way, mode, told, callback or Callback())
        self.drop_errands(user_id, broker)
        now = self._now()
        link = Link(f"{broker}-{secrets.token_hex(8)}", broker, way, mode, _name(kind, mode), now)
        if isinstance(begun, Errand):
            memory = json.dumps([begun.url, begun.memory.hex()]).encode()
            self._rows.add(user_id, replace(link, state=LinkState.BEGUN, expires_at=now + ERRANDS_LIVE), memory)
            return begun
        return self._keep(user_id, link, begun)

    def again(self, user_id: str, link_id: str, callback: Callback | None = None) -> Link | Errand:
        """Begin again where a link has ended, with what was filled in before.

        Raises:
            LinkError: the broker wants it filled in anew.
            TokenUnreadableError: nobody knows any more what it was.
        """
        link = self._own(user_id, link_id)
        filled = self._kind(link.broker).filled(self._rows.token(user_id, link_id))
        return self.begin(user_id, link.broker, link.way, link.mode, filled, callback)

    def errand(self, user_id: str, broker: str) -> tuple[Link, Errand] | None:
        """The errand that is under way at a broker, with what was chosen; None when there is none or it is too late."""
        for link in self._rows.links(user_id):
            if link.broker == broker and link.state == LinkState.BEGUN and not self._is_past(link):
                return self._remembered(user_id, link)
        return None

    def finish(self, user_id: str, broker: str, answer: Mapping[str, str]) -> Link:
        """Link a broker with what the user brought back from its page.

        Raises:
            LinkError: nobody was sent there, or too long ago.
            BrokerAuthError, BrokerAnswerError, BrokerUnavailableError: the broker says no, or nothing.
        """
        under_way = self.errand(user_id, broker)
        if under_way is None:
            raise LinkError(f"It took too long to come back from {self.name_of(broker)}. Begin again.", (broker,))
        link, errand = under_way
        grant = self._kind(broker).finish(link.way, link.mode, errand.memory, answer)
        self._rows.remove(user_id, link.id)
        return self._keep(user_id, replace(link, state=LinkState.WORKING), grant)

    def drop_errands(self, user_id: str, broker: str) -> None:
        """Forget that the user went to a broker's page; harmless when they did not."""
        for link in self._rows.links(user_id):
            if link.broker == broker and link.state == LinkState.BEGUN:
                self._rows.remove(user_id, link.id)

    def unlink(self, user_id: str, link_id: str) -> AllocationError | None:
        """Forget a link; its accounts stay with their holdings. Gives what kept the broker from forgetting it too."""
        link = self._own(user_id, link_id)
        left: AllocationError | None = None
        try:
            self._kind(link.broker).revoke(link, self._rows.token(user_id, link_id))
        except (TokenUnreadableError, BrokerAuthError):
            left = None  # it opens nothing any more
        except (BrokerUnavailableError, BrokerAnswerError, LinkError) as error:
            left = error
        self._rows.remove(user_id, link_id)
        self._trail.record(EventKind.BROKER_UNLINKED, link.broker, user_id=user_id, mode=link.mode.value)
        return left

    def open_paper(self, user_id: str, name: str, start: Portfolio, terms: PaperTerms) -> Portfolio:
        """Open a paper account with the holdings of another one, or with cash alone.

        Raises:
            RulesError, ImportFileError: the terms or the name cannot be.
        """
        link = next((link for link in self.of_user(user_id) if link.broker == PAPER), None)
        if link is None:
            link = Link(f"{PAPER}-{secrets.token_hex(8)}", PAPER, "books", Mode.PAPER, "Paper", self._now())
            self._keep(user_id, link, Grant(b""))
        opened = self._paper.open_account(user_id, name, start, terms)
        account = Account(account_id_of(link, opened), name, "Paper", currency=start.account.currency)
        taxed = replace(account, tax_treatment=start.account.tax_treatment)
        # With the prices the holdings came with: without a network they are all there is to deal at.
        begun = replace(start, account=taxed, as_of=self._now(), set_aside=(), recent_sales=())
        self._store.save_portfolios(user_id, [begun])
        self._rows.note_accounts(user_id, link.id, {taxed.id: opened}, self._now())
        return self._store.portfolio(user_id, taxed.id)

    def paper_gains(self, user_id: str, account_id: str) -> tuple[RealisedGain, ...]:
        """What the sales of a paper account gained, the oldest first; nothing for any other account.

        Raises:
            AccountNotFoundError: as from the store.
        """
        linked = self._rows.reach(user_id, account_id, Verb.SEE)
        if linked is None or linked.link.broker != PAPER:
            return ()
        return self._paper.gains(linked.owner_id, linked.broker_account)

    def remove_account(self, user_id: str, account_id: str) -> None:
        """Forget an account of the store with its target; the books of a paper account go with it.

        Raises:
            AccountNotFoundError, NotAllowedError: as from the store.
        """
        linked = self._rows.reach(user_id, account_id, Verb.REMOVE)
        self._store.remove_account(user_id, account_id)
        if linked is not None and linked.link.broker == PAPER:
            self._paper.close_account(linked.owner_id, linked.broker_account)

    # ── Working with a link ─────────────────────────────────────────────────────────────────────────────────────────

    def refresh(self, user_id: str, link_id: str, *, confirmed: bool = False) -> Refreshed:
        """Bring the accounts behind a link up to date, as a second import does: targets, locks and names stay.

        Args:
            confirmed: the user has seen that all holdings of an account are gone, and that is right.

        Raises:
            BrokerAuthError: sign in again; the link says so from now on.
            BrokerUnavailableError, BrokerAnswerError, TokenUnreadableError: nothing was changed.
        """
        link = self._own(user_id, link_id)
        try:
            broker = self._opened(user_id, link)
            found, refused = self._look(user_id, link, broker, confirmed=confirmed)
        except BrokerAuthError as error:
            self.ended(user_id, link, error)
            raise
        if refused and not found:
            raise refused[0]
        self._store.save_portfolios(user_id, found.values())
        ids = {portfolio.account.id: broker_account for broker_account, portfolio in found.items()}
        self._rows.note_accounts(user_id, link.id, ids, self._now())
        return Refreshed(tuple(found.values()), refused)

    def open(self, user_id: str, account_id: str, verb: Verb) -> OpenLink:
        """The broker behind an account, for whoever may do this with it: its owner, or somebody it is shared with.

        Raises:
            AccountNotFoundError, NotAllowedError: as from the store.
            LinkError: the account is not linked.
            BrokerAuthError, TokenUnreadableError: the link does not work any more.
        """
        account = self._rows.reach(user_id, account_id, verb)
        if account is None:
            raise LinkError(_NOT_LINKED, ("account",))
        return OpenLink(self._opened(account.owner_id, account.link), account)

    def ended(self, user_id: str, link: Link, error: AllocationError) -> None:
        """The broker, or our own vault, does not know the link any more: say so until it is linked again."""
        if link.state != LinkState.ENDED:
            self._rows.change(user_id, replace(link, state=LinkState.ENDED, reason=error.message))
            self._trail.record(EventKind.BROKER_LINK_ENDED, link.broker, user_id=user_id, why=error.code)

    # ── Private ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _kind(self, broker: str) -> BrokerKind:
        if broker not in self._kinds:
            raise LinkError(f"This installation does not know the broker {broker[:20]!a}.", ("broker",))
        return self._kinds[broker]

    def _own(self, user_id: str, link_id: str) -> Link:
        for link in self._rows.links(user_id):
            if link.id == link_id:
                return self._aged(user_id, link)
        raise LinkError("This link is gone. Link the broker again on the Accounts page.", ("link",))

    def _keep(self, user_id: str, link: Link, grant: Grant) -> Link:
        """The new link, in place of an ended one to the same broker: its accounts go over with the next refresh."""
        kept = replace(link, expires_at=grant.expires_at)
        for other in self._rows.links(user_id):
            same = (other.broker, other.way, other.mode) == (link.broker, link.way, link.mode)
            if same and other.state == LinkState.ENDED:
                self._rows.remove(user_id, other.id)
        self._rows.add(user_id, kept, grant.token)
        self._trail.record(EventKind.BROKER_LINKED, link.broker, user_id=user_id, way=link.way, mode=link.mode.value)
        return kept

    def _remembered(self, user_id: str, link: Link) -> tuple[Link, Errand] | None:
        """What was kept of an errand; one that cannot be read any more is forgotten, and begun again."""
        try:
            url, memory = json.loads(self._rows.token(user_id, link.id))
        except TokenUnreadableError:
            self._rows.remove(user_id, link.id)
            return None
        return link, Errand(url, bytes.fromhex(memory))

    def _is_past(self, link: Link) -> bool:
        return link.expires_at is not None and link.expires_at <= self._now()

    def _aged(self, user_id: str, link: Link) -> Link:
        """The link as it is now: one whose time has passed is over."""
        if link.state != LinkState.WORKING or not self._is_past(link):
            return link
        error = BrokerAuthError(self._kind(link.broker).sign_in_again, (link.broker,))
        self.ended(user_id, link, error)
        return replace(link, state=LinkState.ENDED, reason=error.message)

    def _opened(self, user_id: str, link: Link) -> Broker:
        current = self._aged(user_id, link)
        if current.state != LinkState.WORKING:
            raise BrokerAuthError(current.reason, (link.broker,))

        def keep(grant: Grant) -> None:
            self._rows.change(user_id, replace(link, expires_at=grant.expires_at), grant.token)

        try:
            token = self._rows.token(user_id, link.id)
            return self._kind(link.broker).open(user_id, link, token, keep)
        except (TokenUnreadableError, BrokerAuthError) as error:
            self.ended(user_id, link, error)
            raise

    def _look(
        self, user_id: str, link: Link, broker: Broker, *, confirmed: bool
    ) -> tuple[dict[str, Portfolio], tuple[BrokerAnswerError, ...]]:
        """What each account holds now, by the broker's id, and why some cannot be believed."""
        known = {account.id: account for account in self._store.accounts(user_id)}
        found: dict[str, Portfolio] = {}
        refused: list[BrokerAnswerError] = []
        for account in broker.accounts():
            try:
                snapshot = broker.snapshot(account.id)
                portfolio = as_saved(self.name_of(link.broker), link, snapshot, known)
                if portfolio.account.id in known and not confirmed:
                    refuse_vanished(portfolio, self._store.portfolio(user_id, portfolio.account.id))
                found[account.id] = portfolio
            except BrokerAnswerError as error:
                refused.append(error)
        return found, tuple(refused)


def _all_filled(kind: BrokerKind, way_id: str, mode: Mode, filled: Mapping[str, str]) -> dict[str, str]:
    way = next((way for way in kind.ways if way.id == way_id and mode in way.modes), None)
    if way is None:
        raise LinkError(f"{kind.name} cannot be linked in this way here.", ("way",))
    told = {asked.name: filled.get(asked.name, "").strip() for asked in way.asks}
    missing = [asked.label for asked in way.asks if not told[asked.name]]
    if missing:
        raise LinkError(f"Fill in {listed(missing)}.", missing)
    return told


def _name(kind: BrokerKind, mode: Mode) -> str:
    return kind.name if kind.name.casefold() == mode.value else f"{kind.name} ({mode.value})"
