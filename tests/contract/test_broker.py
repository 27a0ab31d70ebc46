"""What every broker promises, held against each of them with the broker it talks to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from allocation.adapters.sql.database import Database
from allocation.brokers import (
    BrokerAnswerError,
    BrokerAuthError,
    BrokerUnavailableError,
    OrderKnownError,
    OrderRefusedError,
    OrderUncertainError,
)
from allocation.errors import AllocationError
from allocation.orders import Order, OrderStatus, OrderType
from allocation.symbols import canonical
from allocation.trade_plan import Side
from tests.alpaca_side import AlpacaSide
from tests.broker_side import CASH, HELD, PRICES, AfterFault, BrokerSide, Fault, Lie
from tests.etrade_side import EtradeSide
from tests.paper_side import PaperSide
from tests.remote_side import RemoteSide
from tests.snaptrade_side import SnaptradeSide

D = Decimal
Side_ = TypeVar("Side_", bound=Any)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def closed_by(closing: ExitStack, side: Side_) -> Side_:
    closing.callback(side.close)
    return side


# How each broker's side is opened, from a database and a stack on which it leaves what is to be closed.
SIDES: dict[str, Callable[[Callable[[], Database], ExitStack], BrokerSide]] = {
    "paper": lambda opened, _closing: PaperSide(opened()),
    "alpaca": lambda _database, closing: AlpacaSide(closing),
    "remote": lambda _opened, closing: RemoteSide(closing),
    "etrade": lambda _opened, closing: EtradeSide(closing),
    "snaptrade": lambda _opened, closing: SnaptradeSide(closing),
}
# What a fault makes of a question: nobody there, or nothing that can be read.
UNREADABLE = {Fault.TRUNCATED, Fault.NOT_JSON, Fault.HUGE, Fault.REDIRECT}
SLOW = {Fault.HANG, Fault.DRIP, Fault.HUGE}
# Faults in which the broker said, or could not have been told, so that an order is certainly not placed.
NOT_PLACED = {Fault.REFUSED, Fault.TOO_MANY}


@pytest.fixture(params=sorted(SIDES))
def side(request: pytest.FixtureRequest, opened: Callable[[str], Database]) -> Iterator[BrokerSide]:
    with ExitStack() as closing:
        yield SIDES[request.param](lambda: opened("sqlite"), closing)


def an_order(side: BrokerSide, client_id: str = "rb1", /, **changes: Any) -> Order:
    """Buy ten BND."""
    return replace(Order(client_id, side.account, "BND", Side.BUY, D(10)), **changes)


def canonically(by_symbol: Mapping[str, D]) -> dict[str, D]:
    """By the canonical symbol: each broker has a spelling of its own."""
    return {canonical(symbol): found for symbol, found in by_symbol.items()}


def questions(side: BrokerSide) -> dict[str, Callable[[], object]]:
    """Everything that is only asked."""
    broker, account = side.broker, side.account
    return {
        "accounts": broker.accounts,
        "snapshot": lambda: broker.snapshot(account),
        "find": lambda: broker.find(account, "rb1"),
        "orders": lambda: broker.orders(account, LONG_AGO),
    }


def needs(side: BrokerSide, what: object, known: frozenset[Any]) -> None:
    """Leave out what cannot happen on the way to this broker."""
    if what not in known:
        pytest.skip(f"cannot happen to {side.broker.name}: {what}")


# --- accounts and holdings


def test_the_account_is_listed_and_takes_orders(side: BrokerSide) -> None:
    listed = side.broker.accounts()

    assert [(account.id, account.currency, account.blocked) for account in listed] == [(side.account, "USD", "")]
    assert all(account.name for account in listed)


def test_holdings_and_cash_come_digit_for_digit(side: BrokerSide) -> None:
    snapshot = side.broker.snapshot(side.account)

    assert snapshot.account.id == side.account
    assert canonically(snapshot.portfolio.quantities) == canonically(HELD)
    assert snapshot.portfolio.cash == CASH
    assert snapshot.taken_at.tzinfo is not None
    assert snapshot.open_orders == ()


def test_holdings_bring_their_price_with_its_time_where_the_broker_has_one(side: BrokerSide) -> None:
    quotes = {p.symbol: p.quote for p in side.broker.snapshot(side.account).portfolio.positions if p.quote}

    assert canonically({symbol: quote.price for symbol, quote in quotes.items()}) == canonically(PRICES)
    assert {quote.currency for quote in quotes.values()} == {"USD"}


def test_lots_add_up_to_their_position_where_the_broker_has_them(side: BrokerSide) -> None:
    for position in side.broker.snapshot(side.account).portfolio.positions:
        assert sum((lot.quantity for lot in position.lots), D(0)) in (D(0), position.quantity)


def test_an_account_that_is_not_behind_the_link_is_refused(side: BrokerSide) -> None:
    with pytest.raises(BrokerAnswerError) as refused:
        side.broker.snapshot("another-account")

    assert refused.value.code == "BROKER_ACCOUNT"


def test_a_blocked_account_says_so_and_shows_its_holdings_still(side: BrokerSide) -> None:
    side.block()

    assert side.broker.accounts()[0].blocked
    assert side.broker.snapshot(side.account).account.blocked
    assert canonically(side.broker.snapshot(side.account).portfolio.quantities) == canonically(HELD)


def test_a_blocked_account_takes_no_order(side: BrokerSide) -> None:
    side.block()

    with pytest.raises(OrderRefusedError):
        side.broker.place(an_order(side))

    assert side.orders_there() == 0


# --- placing and finding


def test_a_preview_places_nothing(side: BrokerSide) -> None:
    preview = side.broker.preview(an_order(side))

    assert side.orders_there() == 0
    assert preview is None or preview.order == an_order(side)


def test_a_market_order_is_placed_once_and_changes_holdings_and_cash(side: BrokerSide) -> None:
    order = an_order(side)

    placed = side.broker.place(order, side.broker.preview(order))

    assert placed.same_terms(order)
    assert placed.order.client_id == "rb1"
    assert placed.broker_id
    found = side.broker.find(side.account, "rb1")
    assert found is not None
    assert (found.status, found.filled, found.average_price) == (OrderStatus.FILLED, D(10), PRICES["BND"])
    after = side.broker.snapshot(side.account).portfolio
    assert after.quantities["BND"] == 50
    assert after.cash == CASH - 10 * PRICES["BND"] - (found.fees or 0)
    assert side.orders_there() == 1


def test_all_units_of_a_holding_can_be_sold(side: BrokerSide) -> None:
    side.broker.place(an_order(side, symbol="BRK.B", side=Side.SELL, quantity=D(3)))

    after = side.broker.snapshot(side.account).portfolio
    assert "BRK-B" not in canonically(after.quantities)
    assert after.cash == CASH + 3 * PRICES["BRK.B"]


def test_a_holding_in_another_spelling_is_traded_as_what_it_is_or_not_at_all(side: BrokerSide) -> None:
    order = an_order(side, symbol="BRK-B", side=Side.SELL, quantity=D(3))

    try:
        placed = side.broker.place(order, side.broker.preview(order))
    except OrderRefusedError:
        assert side.orders_there() == 0
        return

    assert placed.same_terms(order)
    assert not [s for s in side.broker.snapshot(side.account).portfolio.quantities if s.startswith("BRK")]


def test_a_limit_out_of_reach_stands_open_and_unfilled(side: BrokerSide) -> None:
    side.fill_none()
    order = an_order(side, type=OrderType.LIMIT, limit=D("50.25"))

    side.broker.place(order)

    found = side.broker.find(side.account, "rb1")
    assert found is not None
    assert found.same_terms(order)
    assert (found.status, found.filled, found.average_price) == (OrderStatus.OPEN, 0, None)
    assert [r.order.client_id for r in side.broker.snapshot(side.account).open_orders] == ["rb1"]


def test_an_order_that_is_filled_in_part_says_how_far(side: BrokerSide) -> None:
    side.fill_part(D(4))

    placed = side.broker.place(an_order(side))

    assert (placed.status, placed.filled) == (OrderStatus.PARTIALLY_FILLED, 4) or placed.filled == 0
    (seen,) = side.broker.orders(side.account, LONG_AGO)
    assert not seen.status.is_final or seen.status == OrderStatus.FILLED
    assert seen.filled in (4, 8, 10)


def test_orders_since_a_moment_are_listed_open_and_closed(side: BrokerSide) -> None:
    side.broker.place(an_order(side, "rb1"))
    side.fill_none()
    side.broker.place(an_order(side, "rb2", type=OrderType.LIMIT, limit=D("50.25")))

    listed = side.broker.orders(side.account, LONG_AGO)

    assert {r.order.client_id: r.status.is_final for r in listed} == {"rb1": True, "rb2": False}
    assert side.broker.orders(side.account, datetime.now(UTC) + timedelta(days=3650)) == ()


def test_an_order_nobody_placed_is_not_found(side: BrokerSide) -> None:
    assert side.broker.find(side.account, "rb404") is None


def test_an_order_with_other_terms_under_the_same_id_is_told_apart(side: BrokerSide) -> None:
    side.broker.place(an_order(side))

    found = side.broker.find(side.account, "rb1")

    assert found is not None
    assert not found.same_terms(an_order(side, quantity=D(11)))
    assert not found.same_terms(an_order(side, side=Side.SELL))
    assert not found.same_terms(an_order(side, symbol="VTI"))


# --- the same client id again


def test_a_client_id_counts_once_where_the_broker_is_proved_to_count(side: BrokerSide) -> None:
    if not side.broker.unique_client_ids:
        pytest.skip(f"{side.broker.name} is not proved to")
    side.broker.place(an_order(side))

    for again in (an_order(side), an_order(side, quantity=D(1)), an_order(side, symbol="VTI")):
        with pytest.raises(OrderKnownError):
            side.broker.place(again)

    assert side.orders_there() == 1


def test_a_client_id_is_used_up_by_a_cancelled_order_too(side: BrokerSide) -> None:
    if not side.broker.unique_client_ids:
        pytest.skip(f"{side.broker.name} is not proved to")
    side.fill_none()
    side.broker.cancel(side.broker.place(an_order(side, type=OrderType.LIMIT, limit=D(50))))

    with pytest.raises(OrderKnownError):
        side.broker.place(an_order(side))

    assert side.orders_there() == 1


# --- refused


@pytest.mark.parametrize(
    "terms",
    [
        {"quantity": D(100_000)},
        {"side": Side.SELL, "quantity": D(41)},
        {"symbol": "NOSUCH"},
    ],
    ids=["too expensive", "more than is held", "unknown symbol"],
)
def test_what_the_broker_does_not_take_is_refused_with_its_reason(side: BrokerSide, terms: dict[str, Any]) -> None:
    with pytest.raises(OrderRefusedError) as refused:
        side.broker.place(an_order(side, **terms))

    assert refused.value.code == "order_refused"
    assert len(str(refused.value)) > 20
    assert side.orders_there() == 0
    assert side.broker.snapshot(side.account).portfolio.cash == CASH


# --- uncertain


@pytest.mark.parametrize("fault", AfterFault)
def test_an_accepted_order_whose_answer_is_lost_is_uncertain_and_found_afterwards(
    side: BrokerSide, fault: AfterFault
) -> None:
    needs(side, fault, side.after_faults)
    side.suffer_after(fault)

    with pytest.raises(OrderUncertainError):
        side.broker.place(an_order(side))

    side.recover()
    assert (side.orders_asked(), side.orders_there()) == (1, 1)
    found = side.broker.find(side.account, "rb1")
    assert found is not None
    assert found.same_terms(an_order(side))


@pytest.mark.parametrize("fault", sorted(set(Fault) - NOT_PLACED))
def test_an_order_without_a_plain_answer_is_uncertain_and_sent_once(side: BrokerSide, fault: Fault) -> None:
    needs(side, fault, side.faults)
    side.broker.find(side.account, "rb1")  # whatever is asked once for an account was asked
    side.suffer(fault)

    with pytest.raises((OrderUncertainError, BrokerUnavailableError, BrokerAnswerError)) as unclear:
        side.broker.place(an_order(side))

    assert side.orders_asked() <= 1
    assert isinstance(unclear.value, OrderUncertainError) or side.orders_asked() == 0


@pytest.mark.parametrize("fault", sorted(NOT_PLACED))
def test_an_order_that_certainly_did_not_arrive_is_not_uncertain(side: BrokerSide, fault: Fault) -> None:
    needs(side, fault, side.faults)
    side.suffer(fault)

    with pytest.raises(BrokerUnavailableError):
        side.broker.place(an_order(side))

    assert side.orders_there() == 0
    assert side.orders_asked() <= 1


# --- cancelling


def test_a_cancelled_order_is_cancelled_and_holds_nothing(side: BrokerSide) -> None:
    side.fill_none()
    placed = side.broker.place(an_order(side, type=OrderType.LIMIT, limit=D(50)))

    side.broker.cancel(placed)

    found = side.broker.find(side.account, "rb1")
    assert found is not None
    assert (found.status, found.filled) == (OrderStatus.CANCELLED, 0)
    assert side.broker.snapshot(side.account).open_orders == ()


def test_cancelling_what_is_filled_changes_nothing(side: BrokerSide) -> None:
    placed = side.broker.place(an_order(side))

    side.broker.cancel(placed)

    found = side.broker.find(side.account, "rb1")
    assert found is not None
    assert found.status == OrderStatus.FILLED


# --- the way there


@pytest.mark.parametrize("question", ["accounts", "snapshot", "find", "orders"])
@pytest.mark.parametrize("fault", Fault)
def test_a_question_that_gets_no_good_answer_says_why_in_time(side: BrokerSide, fault: Fault, question: str) -> None:
    needs(side, fault, side.faults)
    ask = questions(side)[question]
    side.suffer(fault)

    with pytest.raises((BrokerUnavailableError, BrokerAnswerError)) as failed:
        ask()

    expected = "BROKER_MALFORMED" if fault in UNREADABLE else "BROKER_UNAVAILABLE"
    assert failed.value.code == expected
    assert side.broker.name in str(failed.value) or side.broker.name.casefold() in str(failed.value)
    side.recover()
    ask()


@pytest.mark.parametrize("question", ["accounts", "snapshot", "find", "orders", "place"])
def test_a_link_that_the_broker_does_not_know_any_more_asks_to_sign_in_again(side: BrokerSide, question: str) -> None:
    if not side.secrets:
        pytest.skip(f"{side.broker.name} asks for no link")
    side.revoke()
    every = {**questions(side), "place": lambda: side.broker.place(an_order(side))}

    with pytest.raises(BrokerAuthError) as refused:
        every[question]()

    assert refused.value.code == "BROKER_AUTH"
    assert "again" in str(refused.value)
    assert side.orders_there() == 0


@pytest.mark.parametrize("lie", Lie)
def test_an_account_that_cannot_be_believed_is_refused_by_its_code(side: BrokerSide, lie: Lie) -> None:
    needs(side, lie, side.lies)
    side.lie(lie)

    with pytest.raises(BrokerAnswerError) as refused:
        side.broker.snapshot(side.account)

    assert refused.value.code == lie.code
    assert len(str(refused.value)) > 20


def test_no_secret_is_in_a_repr_or_a_sentence(side: BrokerSide) -> None:
    said = [repr(side.broker), str(vars(side.broker) if hasattr(side.broker, "__dict__") else "")]
    for fault in side.faults - SLOW:
        side.suffer(fault)
        for ask in (*questions(side).values(), lambda: side.broker.place(an_order(side))):
            with pytest.raises(AllocationError) as failed:
                ask()
            said += [repr(failed.value), str(failed.value), repr(failed.value.__cause__), repr(failed.value.culprits)]
        side.recover()

    for secret in side.secrets:
        assert not [text for text in said if secret in text]
