"""SnapTrade: signatures with a Personal key, what it says of accounts of every institution, and orders under UUIDs."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from allocation.adapters.snaptrade import SnaptradeBroker
from allocation.adapters.snaptrade_line import SnaptradeKey, signature_of
from allocation.brokers import (
    BrokerAnswerError,
    BrokerAuthError,
    OrderRefusedError,
    OrderUncertainError,
    look_up,
)
from allocation.model import TaxLot
from allocation.orders import Order, OrderStatus, OrderType, TimeInForce
from allocation.trade_plan import Side
from tests.broker_side import AfterFault
from tests.snaptrade_side import SnaptradeSide
from tests.snaptrade_stub import ACCOUNT, CONNECTION, SnaptradeStub, instrument, universal

D = Decimal


@pytest.fixture
def side() -> Iterator[SnaptradeSide]:
    with ExitStack() as closing:
        yield SnaptradeSide(closing)


def buy(quantity: object = 10, /, **changes: Any) -> Order:
    return replace(Order("rb1", ACCOUNT, "BND", Side.BUY, D(str(quantity))), **changes)


def an_option() -> dict[str, Any]:
    told = instrument("option", "AAPL  261218C00240000", option_type="CALL", strike_price="240", multiplier="100")
    told |= {"expiration_date": "2026-12-18", "underlying": instrument("stock", "AAPL")}
    return {"instrument": told, "units": "-2", "price": "3.15"}


def an_order(number: str, **more: Any) -> dict[str, Any]:
    told = {"brokerage_order_id": number, "status": "EXECUTED", "action": "BUY", "order_type": "Market"}
    told |= {"universal_symbol": universal("BND"), "time_in_force": "Day", "total_quantity": "10"}
    told |= {"filled_quantity": "10", "execution_price": "72.31", "time_placed": datetime.now(UTC).isoformat()}
    return told | more


# --- signatures


def test_a_request_is_signed_as_snaptrades_own_client_signs_it() -> None:
    """Calculated with `compute_request_signature` of snaptrade-python-sdk 13.0.49 for the example of its documents."""
    query = "clientId=YOUR_CLIENT_ID&timestamp=1715123456"

    signature = signature_of("YOUR_CONSUMER_KEY", "/api/v1/symbols", query, {"substring": "AAPL"})

    assert signature == "XURYf7Z+QeT+M7Y4OPdK/NaYhDQsds4cEKunvbtu5sE="


def test_the_loopback_snaptrade_takes_no_request_that_is_not_signed_for_itself(side: SnaptradeSide) -> None:
    path, moment = "/api/v1/accounts", int(side.now().timestamp())

    def asked(query: str, signed: str, key: str) -> int:
        headers = {"Signature": signature_of(key, path, signed, None)}
        return httpx.get(f"{side.stub.url}{path}?{query}", headers=headers).status_code

    query = f"clientId={side.key.client_id}&timestamp={moment}"
    late = f"clientId={side.key.client_id}&timestamp={moment - 400}"
    stranger = f"clientId=stranger&timestamp={moment}"
    key = side.key.consumer_key
    assert asked(query, query, key) == 200
    assert [asked(query, query, "other"), asked(query, late, key), asked(late, late, key)] == [401] * 3
    assert asked(stranger, stranger, key) == 401


def test_what_does_not_follow_snaptrades_description_is_noticed() -> None:
    with SnaptradeStub() as stub:
        broker = SnaptradeBroker(SnaptradeKey(stub.client_id, stub.consumer_key), stub.now, stub.url)

        broker._line.ask("GET", "/accounts", {"userId": "somebody"})
        broker._line.ask("POST", f"/accounts/{ACCOUNT}/trading/cancel", body={"brokerage_order_id": 5})
        stub.more_positions = [{"units": "5"}]
        with pytest.raises(BrokerAnswerError):
            broker.snapshot(ACCOUNT)

    assert len(stub.violations) == 3


# --- accounts and holdings


def test_every_kind_of_holding_is_read_or_set_aside(side: SnaptradeSide) -> None:
    fund = {"instrument": instrument("mutualfund", "VTSAX"), "units": "12.345", "price": "130.1", "currency": "USD"}
    money = {
        "instrument": instrument("mutualfund", "SPAXX"),
        "units": "10000.07",
        "price": "1",
        "cash_equivalent": True,
    }
    coin = {"instrument": instrument("crypto", "BTC"), "units": "0.5", "price": "90000"}
    side.stub.more_positions = [fund, money, coin, an_option()]

    portfolio = side.broker.snapshot(ACCOUNT).portfolio

    assert portfolio.quantities == {"VTI": D("10.5"), "BND": 40, "BRK-B": 3, "VTSAX": D("12.345")}
    assert portfolio.cash == D("10000.07"), "the money fund is in the cash already"
    aside = {line.description: (line.value, line.reason) for line in portfolio.set_aside}
    assert aside["10000.07 SPAXX"] == (None, "counted as cash by the broker")
    assert aside["0.5 BTC"][0] == 45_000
    assert aside["-2 AAPL  261218C00240000"][0] is None


def test_lots_come_where_they_are_switched_on_and_the_average_elsewhere(side: SnaptradeSide) -> None:
    first = {"original_purchase_date": "2022-01-15T10:30:00Z", "quantity": "4.5", "purchased_price": "180.25"}
    second = {"original_purchase_date": None, "quantity": "6", "purchased_price": "200"}
    side.stub.lots = {"VTI": [first, {k: v for k, v in second.items() if v}]}

    positions = {p.symbol: p for p in side.broker.snapshot(ACCOUNT).portfolio.positions}

    assert positions["VTI"].lots == (TaxLot(D("4.5"), D("180.25"), date(2022, 1, 15)), TaxLot(D(6), D(200)))
    assert positions["BND"].lots == (TaxLot(D(40), D("36.155")),)


def test_holdings_are_as_old_as_snaptrade_says(side: SnaptradeSide) -> None:
    side.stub.fetched_at = datetime(2026, 11, 20, 21, 5, tzinfo=UTC)

    snapshot = side.broker.snapshot(ACCOUNT)

    assert snapshot.portfolio.as_of == side.stub.fetched_at
    assert {p.quote.time for p in snapshot.portfolio.positions if p.quote} == {side.stub.fetched_at}
    assert snapshot.taken_at > side.stub.fetched_at


def test_cash_of_several_currencies_is_kept_apart(side: SnaptradeSide) -> None:
    side.stub.cash = {"USD": D("10000.07"), "CAD": D("-250.5")}

    portfolio = side.broker.snapshot(ACCOUNT).portfolio

    assert portfolio.cash == D("10000.07")
    assert portfolio.balances == {"CAD": D("-250.5")}


def test_an_account_without_a_word_on_cash_is_refused(side: SnaptradeSide) -> None:
    side.stub.cash = {"CAD": D(5)}

    with pytest.raises(BrokerAnswerError) as refused:
        side.broker.snapshot(ACCOUNT)

    assert refused.value.code == "CASH_INVALID"


def test_bank_accounts_and_closed_ones_are_left_out(side: SnaptradeSide) -> None:
    account = side.stub._account()
    side.stub.more_accounts = [
        {**account, "id": str(uuid.UUID(int=1)), "account_category": "DEPOSIT"},
        {**account, "id": str(uuid.UUID(int=2)), "status": "closed"},
    ]

    assert [found.id for found in side.broker.accounts()] == [ACCOUNT]


def test_a_connection_that_only_reads_says_how_to_get_one_that_trades(side: SnaptradeSide) -> None:
    side.stub.institution, side.stub.type = "Vanguard US", "read"

    assert "Vanguard US only reads" in side.broker.accounts()[0].blocked
    with pytest.raises(OrderRefusedError, match="with trading"):
        side.broker.place(buy())
    assert side.orders_asked() == 0


def test_a_broken_connection_is_not_read_because_what_it_says_is_old(side: SnaptradeSide) -> None:
    side.stub.disabled = True

    with pytest.raises(BrokerAuthError, match=r"Connect E\*TRADE again"):
        side.broker.snapshot(ACCOUNT)


# --- orders


def test_a_preview_names_the_fees_and_is_what_is_placed(side: SnaptradeSide) -> None:
    order = buy(lots=(TaxLot(D(10), D(1)),))

    preview = side.broker.preview(order)
    assert preview is not None
    placed = side.broker.place(order, preview)

    assert (preview.estimated_value, preview.estimated_fees) == (None, D("1.25"))
    assert "not the lots of the plan" in preview.warnings[0]
    assert placed.order == replace(order, lots=())
    assert [asked.path for asked in side.stub.asked][-1] == f"/api/v1/trade/{preview.reference}"


def test_an_institution_without_previews_takes_orders_all_the_same(side: SnaptradeSide) -> None:
    side.stub.previews = False

    preview = side.broker.preview(buy())
    placed = side.broker.place(buy(), preview)

    assert preview is None
    assert (placed.status, placed.filled) == (OrderStatus.FILLED, 10)


def test_a_client_id_is_passed_on_as_the_same_uuid_each_time(side: SnaptradeSide) -> None:
    side.broker.place(buy(1))
    side.opened().place(buy(1))
    side.broker.place(buy(1, client_id="rb2"))

    first, again, other = side.stub.client_ids
    assert uuid.UUID(first).version == 5
    assert first == again != other


def test_a_preview_of_more_than_five_minutes_ago_is_refused(side: SnaptradeSide) -> None:
    preview = side.broker.preview(buy())
    side.stub.ahead = timedelta(minutes=6)

    with pytest.raises(OrderRefusedError, match="expired"):
        side.broker.place(buy(), preview)


def test_terms_reach_the_institution_digit_for_digit(side: SnaptradeSide) -> None:
    limit = {"type": OrderType.LIMIT, "limit": D("401.55"), "time_in_force": TimeInForce.GOOD_TILL_CANCELLED}
    order = buy("0.123456", symbol="BRK.B", **limit)

    side.broker.place(order)

    (there,) = side.stub.orders
    assert (there["total_quantity"], there["limit_price"], there["time_in_force"]) == ("0.123456", "401.55", "GTC")
    assert there["universal_symbol"]["symbol"] == "BRK-B"
    found = side.broker.find(ACCOUNT, "rb1")
    assert found is not None
    assert found.order == order


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"quantity": D("0.1234567890123456789")}, "15 digits"), ({"type": OrderType.STOP}, "stop order")],
)
def test_what_snaptrade_cannot_be_told_is_refused_before_anything_is_placed(
    side: SnaptradeSide, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(OrderRefusedError, match=why):
        side.broker.place(buy(**changes))

    assert side.orders_asked() == 0


def test_a_security_that_is_not_certain_is_not_previewed(side: SnaptradeSide) -> None:
    with pytest.raises(OrderRefusedError, match="no securities called NOSUCH"):
        side.broker.preview(buy(symbol="NOSUCH"))


# --- which order is which


def test_an_order_whose_answer_was_lost_is_known_again_by_another_process(side: SnaptradeSide) -> None:
    side.suffer_after(AfterFault.RESET)
    with pytest.raises(OrderUncertainError):
        side.broker.place(buy())

    another = side.opened()

    assert another.find(ACCOUNT, "rb1") is None, "SnapTrade names no client ids"
    found = look_up(another, buy(), side.now())
    assert found is not None
    assert (found.order, found.status) == (buy(), OrderStatus.FILLED)
    assert look_up(another, buy(11), side.now()) is None


def test_two_orders_that_look_alike_are_uncertain_and_not_guessed(side: SnaptradeSide) -> None:
    side.stub.more_orders = [an_order("1"), an_order("2")]

    with pytest.raises(OrderUncertainError, match="2 orders"):
        look_up(side.broker, buy(), side.now())


def test_older_orders_are_listed_too_and_each_once(side: SnaptradeSide) -> None:
    old = (datetime.now(UTC) - timedelta(days=20)).isoformat()
    side.stub.more_orders = [an_order("1", time_placed=old), an_order("2")]

    listed = side.broker.orders(ACCOUNT, side.now() - timedelta(days=30))

    assert sorted(report.broker_id for report in listed) == ["1", "2"]


def test_an_institution_without_recent_orders_is_asked_for_the_older_list(side: SnaptradeSide) -> None:
    side.stub.recent = False
    side.broker.place(buy())

    found = side.broker.find(ACCOUNT, "rb1")

    assert found is not None


def test_options_and_orders_by_amount_that_came_to_nothing_are_passed_over(side: SnaptradeSide) -> None:
    option = an_order("1", action="BUY_OPEN")
    nothing = an_order("2", status="REJECTED", filled_quantity="0")
    del option["universal_symbol"], nothing["total_quantity"], nothing["execution_price"]
    side.stub.more_orders = [option, nothing]

    assert side.broker.orders(ACCOUNT, side.now() - timedelta(hours=1)) == ()


def test_an_open_order_of_no_known_size_is_refused(side: SnaptradeSide) -> None:
    unknown = an_order("1", status="ACCEPTED", filled_quantity="0")
    del unknown["total_quantity"], unknown["execution_price"]
    side.stub.more_orders = [unknown]

    with pytest.raises(BrokerAnswerError, match="total_quantity"):
        side.broker.snapshot(ACCOUNT)


@pytest.mark.parametrize(
    ("word", "filled", "expected"),
    [
        ("PENDING", 0, OrderStatus.OPEN),
        ("ACCEPTED", 4, OrderStatus.PARTIALLY_FILLED),
        ("PARTIAL", 4, OrderStatus.PARTIALLY_FILLED),
        ("CANCEL_PENDING", 0, OrderStatus.OPEN),
        ("PARTIAL_CANCELED", 4, OrderStatus.CANCELLED),
        ("REPLACED", 0, OrderStatus.CANCELLED),
        ("FAILED", 0, OrderStatus.REJECTED),
        ("EXPIRED", 0, OrderStatus.EXPIRED),
        ("QUEUED", 0, OrderStatus.OPEN),
    ],
)
def test_snaptrades_words_for_what_became_of_an_order(
    side: SnaptradeSide, word: str, filled: int, expected: OrderStatus
) -> None:
    side.stub.more_orders = [an_order("1", status=word, filled_quantity=str(filled))]

    (listed,) = side.broker.orders(ACCOUNT, side.now() - timedelta(hours=1))

    assert (listed.status, listed.filled, listed.broker_status) == (expected, filled, word)


# --- secrets


def test_the_consumer_key_never_travels_and_no_key_is_in_a_log_or_a_repr(
    side: SnaptradeSide, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    side.broker.place(buy(), side.broker.preview(buy()))
    side.broker.snapshot(ACCOUNT)

    said = caplog.text + repr((side.key, side.broker, vars(side.broker), vars(side.broker._line)))
    assert side.key.consumer_key not in said
    for asked in side.stub.asked:
        assert side.key.consumer_key not in f"{asked.path}{asked.query}{asked.headers}{asked.body!r}"
    assert CONNECTION not in said
