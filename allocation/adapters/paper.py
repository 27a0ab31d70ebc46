"""The paper broker: a broker of our own, whose money is not real and whose orders never leave the house."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from allocation.adapters.paper_book import (
    Dealt,
    PaperBook,
    PaperLot,
    PaperOrder,
    cancelled,
    deal,
    fee_for,
    price_for,
    refusal_of,
)
from allocation.adapters.sql.paper_books import Dealing, PaperAccount, SqlPaperBooks
from allocation.brokers import (
    BrokerAccount,
    BrokerAnswerError,
    BrokerSnapshot,
    BrokerUnavailableError,
    Mode,
    OrderKnownError,
    OrderPreview,
    OrderRefusedError,
    OrderUncertainError,
)
from allocation.errors import StoreUnavailableError
from allocation.exchanges import exchange_of
from allocation.model import Account, Portfolio, Position, Quote, TaxLot
from allocation.orders import Order, OrderReport
from allocation.symbols import spelled_alike

Quotes = Callable[[tuple[str, ...]], Mapping[str, Quote]]
IsOpen = Callable[[str, datetime], bool]


class PaperBroker:
    """A `Broker` for the paper accounts of one user.

    Args:
        quotes: the prices to deal at, by symbol, as many as there are.
        is_open: whether an exchange is open at a moment, for the accounts that keep hours.
    """

    name = "Paper"
    mode = Mode.PAPER
    unique_client_ids = True  # the key of the table, and no order is ever taken out of it

    def __init__(
        self,
        books: SqlPaperBooks,
        user_id: str,
        quotes: Quotes,
        now: Callable[[], datetime],
        is_open: IsOpen = lambda _exchange, _moment: True,
    ) -> None:
        self._books = books
        self._user_id = user_id
        self._quotes = quotes
        self._now = now
        self._is_open = is_open

    def accounts(self) -> tuple[BrokerAccount, ...]:
        """The user's paper accounts."""
        with _answering():
            return tuple(opened.account for opened in self._books.accounts(self._user_id))

    def snapshot(self, account: str) -> BrokerSnapshot:
        """What the account holds now, after a look at its open orders."""
        with _answering():
            opened = self._opened(account)
            self._look_at_open_orders(account)
            book, waiting = self._books.standing(self._user_id, account)
        now = self._now()
        quotes = self._quotes(tuple({lot.symbol for lot in book.lots}))
        return BrokerSnapshot(
            opened.account,
            _portfolio(opened.account, book, quotes, now),
            now,
            buying_power=book.cash.get(opened.account.currency, Decimal(0)),
            open_orders=tuple(_report(state) for state in waiting),
        )

    def preview(self, order: Order) -> OrderPreview | None:
        """What the order would cost if it were placed now."""
        with _answering():
            terms = self._opened(order.account).terms
            book, waiting = self._books.standing(self._user_id, order.account)
        meant = _as_held(order, book)
        quotes = self._quotes(_symbols(meant, waiting))
        quote = quotes.get(meant.symbol)
        value = order.quantity * price_for(order.side, quote, terms) if quote else None
        fees = None if value is None else fee_for(value, terms, first=True)
        refusal = refusal_of(meant, book, waiting, quotes, terms)
        return OrderPreview(order, "", value, fees, (refusal,) if refusal else ())

    def place(self, order: Order, preview: OrderPreview | None = None) -> OrderReport:
        """Take the order, fill what can be filled at once, and keep all of it in one transaction."""
        with _answering():
            book, waiting = self._books.standing(self._user_id, order.account)
        meant = _as_held(order, book)
        quotes = self._quotes(_symbols(meant, waiting))
        try:
            with self._books.dealing(self._user_id, order.account) as dealing:
                return _report(self._placed(dealing, meant, quotes))
        except StoreUnavailableError as error:
            raise OrderUncertainError(
                f"The paper order for {order.quantity} {order.symbol} got no answer ({error.message}). Look it up.",
                (order.symbol,),
            ) from error

    def find(self, account: str, client_id: str) -> OrderReport | None:
        """The order with this client id, after a look at the open ones."""
        with _answering():
            self._opened(account)
            self._look_at_open_orders(account)
            state = self._books.find(self._user_id, account, client_id)
        return None if state is None else _report(state)

    def orders(self, account: str, since: datetime) -> tuple[OrderReport, ...]:
        """Every order that was placed or changed since a moment."""
        with _answering():
            self._opened(account)
            self._look_at_open_orders(account)
            return tuple(_report(state) for state in self._books.orders(self._user_id, account, since))

    def cancel(self, report: OrderReport) -> None:
        """Cancel what is not filled; harmless when the order is over."""
        with _answering(), self._books.dealing(self._user_id, report.order.account) as dealing:
            state = dealing.find(report.order.client_id) if dealing else None
            if dealing is not None and state is not None:
                dealing.keep(Dealt(cancelled(state, self._now()), dealing.book))

    def _opened(self, account: str) -> PaperAccount:
        for opened in self._books.accounts(self._user_id):
            if opened.account.id == account:
                return opened
        message = f"There is no paper account {account[:40]!a} behind this link. Refresh the account, or link it again."
        raise BrokerAnswerError("BROKER_ACCOUNT", message, ("account",))

    def _placed(self, dealing: Dealing | None, order: Order, quotes: Mapping[str, Quote]) -> PaperOrder:
        if dealing is None:
            raise OrderRefusedError(f"There is no paper account {order.account[:40]!a}.", ("account",))
        if dealing.find(order.client_id) is not None:
            message = f"The paper broker has an order {order.client_id} already. Look it up."
            raise OrderKnownError(message, (order.client_id,))
        refusal = dealing.opened.account.blocked or refusal_of(
            order, dealing.book, dealing.waiting(), quotes, dealing.opened.terms
        )
        if refusal:
            raise OrderRefusedError(
                f"The paper broker refused the order for {order.symbol}: {refusal}", (order.symbol,)
            )
        now = self._now()
        state = PaperOrder(order, dealing.next_number(), now, now)
        dealing.add(state)
        return self._look(dealing, state, quotes)

    def _look(self, dealing: Dealing, state: PaperOrder, quotes: Mapping[str, Quote]) -> PaperOrder:
        now, terms = self._now(), dealing.opened.terms
        quote = quotes.get(state.order.symbol)
        if terms.keeps_hours and not self._is_open(exchange_of(state.order.symbol, state.order.currency), now):
            quote = None
        dealt = deal(state, dealing.book, quote, terms, now)
        if dealt.order != state:
            dealing.keep(dealt)
        return dealt.order

    def _look_at_open_orders(self, account: str) -> None:
        _, waiting = self._books.standing(self._user_id, account)
        if not waiting:
            return
        quotes = self._quotes(tuple({state.order.symbol for state in waiting}))
        with self._books.dealing(self._user_id, account) as dealing:
            if dealing is not None:
                for state in dealing.waiting():
                    self._look(dealing, state, quotes)


def book_of(portfolio: Portfolio) -> PaperBook:
    """The books of a paper account that begins with what another account holds; what was set aside stays there."""
    lots = [
        (position, lot) for position in portfolio.positions for lot in position.lots or (None,) if position.quantity > 0
    ]
    return PaperBook(
        {**portfolio.balances, portfolio.account.currency: portfolio.cash},
        tuple(_lot(number, position, lot) for number, (position, lot) in enumerate(lots, 1)),
    )


def _lot(number: int, position: Position, lot: TaxLot | None) -> PaperLot:
    if lot is None:
        return PaperLot(number, position.symbol, position.quantity, None, None, position.name)
    return PaperLot(number, position.symbol, lot.quantity, lot.unit_cost, lot.acquired, position.name)


def _portfolio(account: BrokerAccount, book: PaperBook, quotes: Mapping[str, Quote], now: datetime) -> Portfolio:
    lots: defaultdict[str, list[PaperLot]] = defaultdict(list)
    for lot in book.lots:
        lots[lot.symbol].append(lot)
    others = {currency: amount for currency, amount in book.cash.items() if currency != account.currency and amount}
    return Portfolio(
        Account(account.id, account.name, "Paper", currency=account.currency),
        tuple(_position(symbol, held, quotes.get(symbol)) for symbol, held in lots.items()),
        book.cash.get(account.currency, Decimal(0)),
        now,
        balances=others,
    )


def _position(symbol: str, held: list[PaperLot], quote: Quote | None) -> Position:
    known = tuple(TaxLot(x.quantity, x.unit_cost, x.acquired) for x in held if x.unit_cost is not None)
    quantity = sum((lot.quantity for lot in held), Decimal(0))
    return Position(symbol, quantity, known if len(known) == len(held) else (), held[0].name, quote)


def _report(state: PaperOrder) -> OrderReport:
    return OrderReport(
        state.order,
        f"paper-{state.number}",
        state.status,
        state.filled,
        state.value / state.filled if state.filled else None,
        state.status.value,
        state.changed_at,
        state.fees,
        state.reason,
    )


def _as_held(order: Order, book: PaperBook) -> Order:
    """The order in the spelling that is held: BRK-B where there are BRK.B is more of the same."""
    held = dict.fromkeys(lot.symbol for lot in book.lots)
    return replace(order, symbol=spelled_alike([order.symbol], held)[order.symbol])


def _symbols(order: Order, waiting: tuple[PaperOrder, ...]) -> tuple[str, ...]:
    return tuple({order.symbol, *(state.order.symbol for state in waiting)})


@contextmanager
def _answering() -> Iterator[None]:
    """Books that cannot be opened are a broker that does not answer."""
    try:
        yield
    except StoreUnavailableError as error:
        message = f"The paper broker's books cannot be opened just now ({error.message}). Try again in a minute."
        raise BrokerUnavailableError(message, ("paper",)) from error
