"""The paper broker for the contract suite: nothing between it and its books but the database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import func, select, update

from allocation.adapters.paper import PaperBroker
from allocation.adapters.paper_book import PaperBook, PaperLot
from allocation.adapters.sql import broker_tables as tables
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.paper_books import PaperAccount, SqlPaperBooks
from allocation.adapters.sql.people import SqlPeople
from allocation.brokers import BrokerAccount
from allocation.errors import StoreUnavailableError
from allocation.model import PriceSource, Quote
from allocation.paper_terms import PaperTerms
from tests.broker_side import CASH, HELD, PRICES, AfterFault, Fault, Lie

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
AT_QUOTES = PaperTerms(spread=Decimal(0))


class PaperSide:
    """A `BrokerSide` whose broker is in the database."""

    faults = frozenset({Fault.BUSY})
    after_faults = frozenset({AfterFault.RESET})
    lies: frozenset[Lie] = frozenset()
    secrets: tuple[str, ...] = ()
    account = "paper-1"

    def __init__(self, database: Database) -> None:
        self.database = Unsteady(database)
        self.user = SqlPeople(database).add("ann", NOON).id
        self.books = SqlPaperBooks(self.database)  # type: ignore[arg-type]  # it is one but for its bad days
        self.now = NOON
        self.prices: dict[str, Decimal] = dict(PRICES)
        lots = tuple(PaperLot(n, s, q, PRICES[s] / 2, None) for n, (s, q) in enumerate(HELD.items(), 1))
        opened = PaperAccount(BrokerAccount(self.account, "Paper account"), AT_QUOTES)
        self.books.open(self.user, opened, PaperBook({"USD": CASH}, lots), NOON)
        self.broker = PaperBroker(self.books, self.user, self.quotes, lambda: self.now)

    def quotes(self, symbols: tuple[str, ...]) -> Mapping[str, Quote]:
        known = {s: self.prices[s] for s in symbols if s in self.prices}
        return {s: Quote(s, price, "USD", self.now, PriceSource.MANUAL) for s, price in known.items()}

    def suffer(self, fault: Fault) -> None:
        assert fault in self.faults
        self.database.down = True

    def suffer_after(self, fault: AfterFault) -> None:
        assert fault in self.after_faults
        self.database.breaks_after_write = True

    def recover(self) -> None:
        self.database.down = self.database.breaks_after_write = False

    def lie(self, lie: Lie) -> None:
        raise NotImplementedError(lie)

    def block(self) -> None:
        with self.database.writing(self.user) as connection:
            connection.execute(update(tables.paper_account).values(blocked="Closed for the day."))

    def revoke(self) -> None:
        raise NotImplementedError

    def fill_none(self) -> None:
        self._deal(PaperTerms(spread=Decimal(0), keeps_hours=True))
        self.broker._is_open = lambda _exchange, _moment: False

    def fill_part(self, quantity: Decimal) -> None:
        self._deal(replace(AT_QUOTES, fill_share=quantity / 10))

    def orders_there(self) -> int:
        with self.database.steady.reading(self.user) as connection:
            return connection.execute(select(func.count()).select_from(tables.paper_order)).scalar_one()

    def orders_asked(self) -> int:
        return self.orders_there()

    def _deal(self, terms: PaperTerms) -> None:
        values = {"fill_share": terms.fill_share, "keeps_hours": terms.keeps_hours}
        with self.database.writing(self.user) as connection:
            connection.execute(update(tables.paper_account).values(values))


class Unsteady:
    """A database that is away when told so, or loses its last word after it kept everything."""

    def __init__(self, database: Database) -> None:
        self.steady = database
        self.down = self.breaks_after_write = False

    @contextmanager
    def reading(self, user_id: str = "") -> Iterator[object]:
        self._refuse()
        with self.steady.reading(user_id) as connection:
            yield connection

    @contextmanager
    def writing(self, user_id: str = "") -> Iterator[object]:
        self._refuse()
        with self.steady.writing(user_id) as connection:
            yield connection
        if self.breaks_after_write:
            self.breaks_after_write = False
            raise StoreUnavailableError("the connection broke")

    def _refuse(self) -> None:
        if self.down:
            raise StoreUnavailableError("away")
