"""How paper accounts are opened, found again and closed."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from allocation.adapters.paper import IsOpen, PaperBroker, book_of
from allocation.adapters.sql.paper_books import PaperAccount, SqlPaperBooks
from allocation.adapters.stores import account_name
from allocation.brokers import Broker, BrokerAccount, BrokerAnswerError, Mode
from allocation.linking import Callback, Errand, Grant, Keep, Link, Way
from allocation.model import Portfolio, Quote
from allocation.paper_terms import PaperTerms, RealisedGain

QuotesOf = Callable[[str, tuple[str, ...]], Mapping[str, Quote]]


class PaperKind:
    """A `BrokerKind` and a `PaperDesk` over the books in the database.

    Args:
        quotes_of: the prices at which a user's paper accounts deal.
    """

    id = "paper"
    name = "Paper"
    sign_in_again = "Open a paper account on the Accounts page."
    ways: Final[tuple[Way, ...]] = ()  # paper accounts are opened, not linked

    def __init__(
        self, books: SqlPaperBooks, quotes_of: QuotesOf, now: Callable[[], datetime], is_open: IsOpen | None = None
    ) -> None:
        self._books = books
        self._quotes_of = quotes_of
        self._now = now
        self._is_open = is_open

    def begin(self, way: str, mode: Mode, filled: Mapping[str, str], callback: Callback) -> Grant | Errand:
        """Never asked: there is no way to link it by."""
        raise BrokerAnswerError("BROKER_MALFORMED", self.sign_in_again)

    def finish(self, way: str, mode: Mode, memory: bytes, answer: Mapping[str, str]) -> Grant:
        """Never asked: there is no way to link it by."""
        raise BrokerAnswerError("BROKER_MALFORMED", self.sign_in_again)

    def open(self, user_id: str, link: Link, token: bytes, keep: Keep) -> Broker:
        """The paper broker of this user."""
        hours = {} if self._is_open is None else {"is_open": self._is_open}
        return PaperBroker(self._books, user_id, lambda symbols: self._quotes_of(user_id, symbols), self._now, **hours)

    def filled(self, token: bytes) -> Mapping[str, str]:
        """Nothing: what was refused once has to be new."""
        return {}

    def revoke(self, link: Link, token: bytes) -> None:
        """Nothing to do: nobody else knows of it."""

    def open_account(self, user_id: str, name: str, start: Portfolio, terms: PaperTerms) -> str:
        """Open an account that begins with these holdings and this cash; the broker's id of it."""
        account = BrokerAccount(f"paper-{secrets.token_hex(6)}", account_name(name), currency=start.account.currency)
        self._books.open(user_id, PaperAccount(account, terms), book_of(start), self._now())
        return account.id

    def gains(self, user_id: str, broker_account: str) -> tuple[RealisedGain, ...]:
        """What the account's sales gained, the oldest first."""
        return self._books.gains(user_id, broker_account)

    def close_account(self, user_id: str, broker_account: str) -> None:
        """Forget the account with its orders; harmless when there is none."""
        self._books.close(user_id, broker_account)
