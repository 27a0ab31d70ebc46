"""The paper broker's own ways, on each database: spread and commission, parts, limits, days, lots, currencies, many at once."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from allocation.adapters.paper import PaperBroker, book_of
from allocation.adapters.paper_book import PaperBook, PaperLot, PaperOrder, deal, take
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.paper_books import PaperAccount, SqlPaperBooks
from allocation.adapters.sql.people import SqlPeople
from allocation.brokers import BrokerAccount, OrderKnownError, OrderRefusedError
from allocation.errors import RulesError
from allocation.model import Account, Portfolio, Position, PriceSource, Quote, TaxLot
from allocation.orders import Order, OrderStatus, OrderType, TimeInForce
from allocation.paper_terms import PaperTerms
from allocation.trade_plan import Side

D = Decimal
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)  # noon in New York
OLD, NEW = date(2020, 1, 2), date(2026, 6, 1)
LOTS = (TaxLot(D(4), D(100), NEW), TaxLot(D(6), D(50), OLD))
ACCOUNT = "paper-1"


@dataclass
class Desk:
    """One paper account: ten VTI in two lots, 1,000 dollars and 500 euros."""

    books: SqlPaperBooks
    user: str
    prices: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {"VTI": ("200", "USD"), "BND": ("70", "USD"), "SAP.DE": ("100", "EUR")}
    )
    now: datetime = NOON
    open: bool = True

    @property
    def broker(self) -> PaperBroker:
        return PaperBroker(self.books, self.user, self.quotes, lambda: self.now, lambda _exchange, _moment: self.open)

    def quotes(self, symbols: tuple[str, ...]) -> Mapping[str, Quote]:
        known = {symbol: self.prices[symbol] for symbol in symbols if symbol in self.prices}
        return {s: Quote(s, D(price), unit, NOON, PriceSource.YAHOO) for s, (price, unit) in known.items()}

    def begin(self, **terms: Any) -> "Desk":
        held = Portfolio(
            Account("main", "Main"), (Position("VTI", D(10), LOTS, "Total market"),), D(1000), balances={"EUR": D(500)}
        )
        opened = PaperAccount(BrokerAccount(ACCOUNT, "Rehearsal"), PaperTerms(**{"spread": D(0), **terms}))
        self.books.open(self.user, opened, book_of(held), NOON)
        return self

    def place(self, client_id: str = "rb1", /, **changes: Any) -> Any:
        return self.broker.place(an_order(client_id, **changes))

    def found(self, client_id: str = "rb1") -> Any:
        return self.broker.find(ACCOUNT, client_id)

    def portfolio(self) -> Portfolio:
        return self.broker.snapshot(ACCOUNT).portfolio


def an_order(client_id: str = "rb1", /, **changes: Any) -> Order:
    """Buy ten BND."""
    return replace(Order(client_id, ACCOUNT, "BND", Side.BUY, D(10)), **changes)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(SqlPaperBooks(database), SqlPeople(database).add("ann", NOON).id)


# --- prices, spread and commission


def test_an_account_begins_with_what_another_holds_lots_and_currencies_included(desk: Desk) -> None:
    portfolio = desk.begin().portfolio()

    assert [(p.symbol, p.quantity, p.name, p.lots) for p in portfolio.positions] == [
        ("VTI", D(10), "Total market", LOTS)
    ]
    assert (portfolio.cash, portfolio.balances) == (D(1000), {"EUR": D(500)})


def test_a_holding_of_unknown_cost_stays_without_lots(desk: Desk) -> None:
    held = Portfolio(Account("main", "Main"), (Position("VTI", D(3)),), D(0))
    opened = PaperAccount(BrokerAccount(ACCOUNT, "Rehearsal"), PaperTerms())
    desk.books.open(desk.user, opened, book_of(held), NOON)

    desk.place(symbol="VTI", side=Side.SELL, quantity=D(1))

    (position,) = desk.portfolio().positions
    assert (position.quantity, position.lots) == (D(2), ())
    assert [gain.gain for gain in desk.books.gains(desk.user, ACCOUNT)] == [None]


def test_a_purchase_pays_half_the_spread_and_a_sale_gives_it(desk: Desk) -> None:
    desk.begin(spread=D("0.001"))

    assert desk.place("rb1").average_price == D("70.035")
    assert desk.place("rb2", symbol="VTI", side=Side.SELL, quantity=D(1)).average_price == D("199.9")


def test_the_commission_is_due_once_for_an_order_and_its_share_with_each_fill(desk: Desk) -> None:
    desk.begin(commission=D("1.50"), commission_rate=D("0.001"), fill_share=D("0.5"))

    first = desk.place(quantity=D(2))
    second = desk.found()

    assert (first.filled, first.fees) == (D(1), D("1.57"))
    assert (second.filled, second.fees) == (D(2), D("1.64"))
    assert desk.portfolio().cash == D(1000) - 140 - D("1.64")


def test_what_is_bought_is_a_lot_at_its_cost_with_the_commission_in_it(desk: Desk) -> None:
    desk.begin(commission=D(5))

    desk.place(quantity=D(10))

    bought = desk.portfolio().positions[-1]
    assert bought.lots == (TaxLot(D(10), D("70.5"), NOON.date()),)


# --- limits, parts, days, hours


def test_a_limit_waits_for_its_price_and_is_filled_at_the_better_one(desk: Desk) -> None:
    desk.begin()
    placed = desk.place(type=OrderType.LIMIT, limit=D(69))

    desk.prices["BND"] = ("68.50", "USD")
    filled = desk.found()

    assert placed.status == OrderStatus.OPEN
    assert (filled.status, filled.average_price) == (OrderStatus.FILLED, D("68.50"))


def test_an_order_is_filled_in_parts_of_whole_units_until_it_is_done(desk: Desk) -> None:
    desk.begin(fill_share=D("0.3"))
    seen = [desk.place().filled]

    while seen[-1] < 10:
        seen.append(desk.found().filled)

    assert seen == [3, 6, 9, 10]
    assert desk.found().status == OrderStatus.FILLED


def test_a_day_order_ends_with_its_day_in_new_york_and_another_does_not(desk: Desk) -> None:
    desk.begin()
    desk.place("rb1", type=OrderType.LIMIT, limit=D(1))
    desk.place("rb2", type=OrderType.LIMIT, limit=D(1), time_in_force=TimeInForce.GOOD_TILL_CANCELLED)

    desk.now = NOON + timedelta(hours=11, minutes=59)
    same_day = desk.found("rb1").status
    desk.now = NOON + timedelta(hours=12)

    assert same_day == OrderStatus.OPEN
    assert (desk.found("rb1").status, desk.found("rb2").status) == (OrderStatus.EXPIRED, OrderStatus.OPEN)


def test_an_account_that_keeps_hours_waits_for_the_exchange_and_another_does_not(desk: Desk) -> None:
    desk.open = False
    desk.begin(keeps_hours=True)

    waiting = desk.place().status
    desk.open = True

    assert (waiting, desk.found().status) == (OrderStatus.OPEN, OrderStatus.FILLED)


def test_a_price_that_rose_beyond_the_cash_ends_the_rest_of_an_order(desk: Desk) -> None:
    desk.begin(fill_share=D("0.5"))
    desk.place(quantity=D(14))

    desk.prices["BND"] = ("200", "USD")
    found = desk.found()

    assert (found.status, found.filled) == (OrderStatus.CANCELLED, D(7))
    assert "rose" in found.reason
    assert desk.portfolio().cash == D(510)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"quantity": D(15)}, "1000 USD are free"),
        ({"symbol": "VTI", "side": Side.SELL, "quantity": D("10.5")}, "10 are there"),
        ({"symbol": "GLD"}, "no price for GLD"),
        ({"symbol": "SAP.DE"}, "quoted in EUR"),
        ({"quantity": D("1.0000000001")}, "nine decimals"),
    ],
)
def test_a_refusal_names_what_is_wrong_and_by_how_much(desk: Desk, changes: dict[str, Any], why: str) -> None:
    desk.begin()

    with pytest.raises(OrderRefusedError, match=why):
        desk.place(**changes)


def test_money_and_units_promised_to_open_orders_are_not_promised_twice(desk: Desk) -> None:
    desk.begin()
    desk.place("rb1", type=OrderType.LIMIT, limit=D(60), quantity=D(15))
    desk.place("rb2", symbol="VTI", side=Side.SELL, quantity=D(8), type=OrderType.LIMIT, limit=D(300))

    with pytest.raises(OrderRefusedError, match="100 USD are free"):
        desk.place("rb3", quantity=D(2))
    with pytest.raises(OrderRefusedError, match="2 are there"):
        desk.place("rb4", symbol="VTI", side=Side.SELL, quantity=D(3))


def test_an_account_that_deals_in_whole_units_refuses_parts(desk: Desk) -> None:
    desk.begin(fractional=False)

    with pytest.raises(OrderRefusedError, match="not a whole number"):
        desk.place(quantity=D("1.5"))


def test_each_currency_is_paid_from_its_own_cash(desk: Desk) -> None:
    desk.begin()

    desk.place(symbol="SAP.DE", quantity=D(4), currency="EUR")

    portfolio = desk.portfolio()
    assert (portfolio.cash, portfolio.balances) == (D(1000), {"EUR": D(100)})


@pytest.mark.parametrize(
    "terms", [{"spread": D(1)}, {"spread": D(-1)}, {"fill_share": D(0)}, {"fill_share": D(2)}, {"commission": D(-1)}]
)
def test_terms_nobody_can_deal_on_are_refused(terms: dict[str, Decimal]) -> None:
    with pytest.raises(RulesError):
        PaperTerms(**terms)  # type: ignore[arg-type]  # each of them is a Decimal


# --- lots and gains


def test_a_sale_takes_the_oldest_lot_first_and_books_what_each_gained(desk: Desk) -> None:
    desk.begin(commission=D(8))

    desk.place(symbol="VTI", side=Side.SELL, quantity=D(8))

    assert desk.portfolio().positions[0].lots == (TaxLot(D(2), D(100), NEW),)
    gains = [(g.quantity, g.unit_cost, g.proceeds, g.gain, g.acquired) for g in desk.books.gains(desk.user, ACCOUNT)]
    assert gains == [(D(6), D(50), D(1194), D(894), OLD), (D(2), D(100), D(398), D(198), NEW)]


def test_a_sale_takes_the_lots_that_the_order_names_over_several_fills(desk: Desk) -> None:
    desk.begin(fill_share=D("0.4"))
    chosen = (TaxLot(D(4), D(100), NEW), TaxLot(D(1), D(50), OLD))

    desk.place(symbol="VTI", side=Side.SELL, quantity=D(5), lots=chosen)
    while desk.found().status != OrderStatus.FILLED:
        pass

    assert desk.portfolio().positions[0].lots == (TaxLot(D(5), D(50), OLD),)
    taken = [(gain.unit_cost, gain.quantity) for gain in desk.books.gains(desk.user, ACCOUNT)]
    assert sum(units for cost, units in taken if cost == 100) == 4
    assert sum(units for cost, units in taken if cost == 50) == 1


@given(
    lots=some.lists(some.integers(1, 9), min_size=1, max_size=6),
    steps=some.lists(some.integers(1, 9), min_size=1, max_size=6),
)
def test_whatever_is_sold_in_whatever_parts_units_and_cash_add_up(lots: list[int], steps: list[int]) -> None:
    book = PaperBook({"USD": D(0)}, tuple(PaperLot(n, "VTI", D(q), D(n), OLD) for n, q in enumerate(lots, 1)))
    quote = Quote("VTI", D("12.3456"), "USD", NOON, PriceSource.YAHOO)
    sold = D(0)
    for number, step in enumerate(steps):
        quantity = min(D(step), book.held("VTI"))
        if not quantity:
            break
        order = Order(f"rb{number}", ACCOUNT, "VTI", Side.SELL, quantity)
        state = PaperOrder(order, number + 1, NOON, NOON)
        terms = PaperTerms(spread=D(0), fill_share=D("0.34"))
        while not state.status.is_final:
            dealt = deal(state, book, quote, terms, NOON)
            state, book = dealt.order, dealt.book
        sold += quantity

    assert book.held("VTI") == sum(lots) - sold
    assert book.cash["USD"] == sold * D("12.3456")


def test_lots_that_are_named_but_not_there_leave_the_oldest_to_be_sold() -> None:
    lots = (PaperLot(1, "VTI", D(4), D(100), NEW), PaperLot(2, "VTI", D(6), D(50), OLD))
    order = Order("rb1", ACCOUNT, "VTI", Side.SELL, D(5), lots=(TaxLot(D(5), D(77), OLD),))

    taken, left = take(lots, order, D(0), D(5))

    assert [(lot.number, lot.quantity) for lot in taken] == [(2, D(5))]
    assert sum(lot.quantity for lot in left) == 5


# --- many at once


def test_the_same_client_id_from_many_at_once_is_one_order(desk: Desk) -> None:
    desk.begin()

    def try_it(_: int) -> bool:
        try:
            desk.place(quantity=D(1))
        except OrderKnownError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(try_it, range(16)))

    assert placed.count(True) == 1
    assert desk.portfolio().cash == D(930)


def test_many_orders_at_once_spend_no_money_twice_and_lose_none(desk: Desk) -> None:
    desk.begin()

    def try_it(number: int) -> bool:
        try:
            desk.place(f"rb{number}", quantity=D(4))
        except OrderRefusedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(try_it, range(8)))

    assert placed.count(True) == 3
    assert desk.portfolio().cash == D(1000) - 3 * 280
    assert desk.portfolio().quantities["BND"] == 12


def test_a_closed_account_is_gone_with_its_orders(desk: Desk) -> None:
    desk.begin()
    desk.place()

    desk.books.close(desk.user, ACCOUNT)

    assert desk.broker.accounts() == ()
    assert desk.books.find(desk.user, ACCOUNT, "rb1") is None
