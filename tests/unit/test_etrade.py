"""E*TRADE: signing in and its midnight, the shapes of its answers, and orders that it does not name by our ids."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from allocation.adapters.etrade import EtradeBroker
from allocation.adapters.etrade_sign_in import (
    HOSTS,
    AccessToken,
    ConsumerKey,
    EtradeSignIn,
    authorisation,
)
from allocation.brokers import (
    BrokerAnswerError,
    BrokerAuthError,
    Mode,
    OrderKnownError,
    OrderRefusedError,
    OrderUncertainError,
    look_up,
)
from allocation.model import TaxLot
from allocation.orders import Order, OrderStatus, OrderType, TimeInForce
from allocation.trade_plan import Side
from tests.broker_side import AfterFault
from tests.etrade_side import EtradeSide
from tests.etrade_stub import KEY, Lot, Placed

D = Decimal


@pytest.fixture
def side() -> Iterator[EtradeSide]:
    with ExitStack() as closing:
        yield EtradeSide(closing)


def buy(quantity: int = 10, /, **changes: Any) -> Order:
    return replace(Order("rb1", KEY, "BND", Side.BUY, D(quantity)), **changes)


# --- signatures


def test_a_request_is_signed_as_in_the_example_of_etrades_documents() -> None:
    """developer.etrade.com/getting-started/developer-guides, "The authorization header"."""
    consumer = ConsumerKey("c5bb4dcb7bd6826c7c4340df3f791188", "7d30246211192cda43ede3abd9b393b9")

    header = authorisation(
        "GET",
        "https://api.etrade.com/v1/accounts/list",
        consumer,
        datetime.fromtimestamp(1344885636, UTC),
        resource_owner_key="VbiNYl63EejjlKdQM6FeENzcnrLACrZ2JYD6NQROfVI=",
        resource_owner_secret="XCF9RzyQr4UEPloA+WlC06BnTfYC1P0Fwr3GUw/B0Es=",
        nonce="0bba225a40d1bbac2430aa0c6163ce44",
    )

    assert 'oauth_signature="UOnPVdzExTAgHkcGWLLfeTaaMSM%3D"' in header


def signed(side: EtradeSide, path: str, token: AccessToken | None = None, late: float = 0) -> dict[str, str]:
    token, url = token or side.token, f"{side.stub.url}{path}"
    now = side.now() - timedelta(seconds=late)
    ours = {"resource_owner_key": token.token, "resource_owner_secret": token.secret}
    return {"Authorization": authorisation("GET", url, side.consumer, now, **ours)}


def test_the_loopback_etrade_takes_no_request_that_is_not_signed_for_itself(side: EtradeSide) -> None:
    path = "/v1/accounts/list.json"
    wrong_secret = replace(side.token, secret="wrong")
    good = signed(side, path)
    wrong = [
        {},
        signed(side, "/v1/accounts/other.json"),
        signed(side, path, wrong_secret),
        signed(side, f"{path}?a=1"),
        signed(side, path, late=400),
    ]

    assert [httpx.get(f"{side.stub.url}{path}", headers=headers).status_code for headers in wrong] == [401] * 5
    assert httpx.get(f"{side.stub.url}{path}", headers=good).status_code == 200
    assert httpx.get(f"{side.stub.url}{path}", headers=good).status_code == 401, "the same nonce a second time"


# --- signing in


def test_the_customer_agrees_at_etrade_and_copies_a_code(side: EtradeSide) -> None:
    door = EtradeSignIn(side.consumer, side.now, side.stub.url)

    begun = door.begin()
    token = door.finish(begun, f" {side.stub.tokens.agree(begun.token)} ")

    page = urlsplit(begun.authorise_at)
    assert (page.scheme, page.netloc, page.path) == ("https", "us.etrade.com", "/e/t/etws/authorize")
    assert parse_qs(page.query) == {"key": [side.consumer.key], "token": [begun.token]}
    assert EtradeBroker(side.consumer, token, side.now, host=side.stub.url, sign_in_host=side.stub.url).accounts()


def test_a_wrong_code_a_late_one_and_a_second_use_are_refused(side: EtradeSide) -> None:
    door = EtradeSignIn(side.consumer, side.now, side.stub.url)
    wrong, late, used = door.begin(), door.begin(), door.begin()
    codes = [side.stub.tokens.agree(each.token) for each in (wrong, late, used)]
    door.finish(used, codes[2])

    with pytest.raises(BrokerAuthError, match="Begin again"):
        door.finish(wrong, "ZZZZZZ")
    with pytest.raises(BrokerAuthError, match="Begin again"):
        door.finish(used, codes[2])
    side.stub.ahead = timedelta(minutes=6)
    with pytest.raises(BrokerAuthError, match="five minutes"):
        door.finish(late, codes[1])


def test_a_key_that_etrade_does_not_know_is_refused_with_the_likely_cause(side: EtradeSide) -> None:
    stranger = ConsumerKey("sandbox-key-used-live", side.consumer.secret)

    with pytest.raises(BrokerAuthError, match="sandbox or live"):
        EtradeSignIn(stranger, side.now, side.stub.url).begin()


def test_a_clock_that_is_off_is_said_with_its_time(side: EtradeSide) -> None:
    wrong = EtradeSignIn(side.consumer, lambda: datetime(2026, 11, 20, 3, 4, 5, tzinfo=UTC), side.stub.url)

    for ask in (wrong.begin, lambda: wrong.renew(side.token)):
        with pytest.raises(BrokerAuthError, match="2026-11-20 03:04:05 UTC"):
            ask()


def test_sandbox_and_live_have_hosts_of_their_own() -> None:
    assert HOSTS[Mode.LIVE] == "https://api.etrade.com"
    assert HOSTS[Mode.PAPER] == "https://apisb.etrade.com"


# --- two hours and midnight


@pytest.mark.parametrize(
    ("granted", "dies"),
    [
        (datetime(2026, 11, 20, 15, 0, tzinfo=UTC), datetime(2026, 11, 21, 5, 0, tzinfo=UTC)),
        (datetime(2026, 11, 21, 4, 59, tzinfo=UTC), datetime(2026, 11, 21, 5, 0, tzinfo=UTC)),
        (datetime(2026, 7, 1, 15, 0, tzinfo=UTC), datetime(2026, 7, 2, 4, 0, tzinfo=UTC)),
        (datetime(2026, 3, 8, 6, 30, tzinfo=UTC), datetime(2026, 3, 9, 4, 0, tzinfo=UTC)),  # a day of 23 hours
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 2, 5, 0, tzinfo=UTC)),  # and one of 25
    ],
)
def test_a_session_ends_at_midnight_in_new_york(granted: datetime, dies: datetime) -> None:
    assert AccessToken("t", "s", granted).dies_at == dies


def test_after_midnight_nothing_is_asked_and_the_way_out_is_said(side: EtradeSide) -> None:
    side.stub.ahead = timedelta(days=1)
    asked = len(side.stub.asked)

    with pytest.raises(BrokerAuthError) as refused:
        side.broker.snapshot(KEY)

    assert "Sign in again at E*TRADE: its sessions end at midnight US Eastern." in str(refused.value)
    assert len(side.stub.asked) == asked


def test_a_token_that_slept_is_renewed_and_the_question_answered(side: EtradeSide) -> None:
    side.token = replace(side.token, used_at=side.now() - timedelta(hours=3))
    side.stub.tokens.granted[side.token.token].used_at = side.now() - timedelta(hours=3)

    found = side.opened().accounts()

    assert [account.id for account in found] == [KEY]
    assert [asked.path for asked in side.stub.asked][-2:] == ["/oauth/renew_access_token", "/v1/accounts/list.json"]


def test_a_token_that_etrade_put_to_sleep_early_is_renewed_too(side: EtradeSide) -> None:
    side.stub.tokens.granted[side.token.token].used_at = side.now() - timedelta(hours=3)

    assert [account.id for account in side.broker.accounts()] == [KEY]


def test_a_batch_over_midnight_pauses_and_goes_on_after_signing_in_again_exactly_once(side: EtradeSide) -> None:
    first, second = buy(), replace(buy(1), client_id="rb2", symbol="VTI")
    side.broker.place(first)
    side.stub.ahead = timedelta(days=1)

    with pytest.raises(BrokerAuthError):
        side.broker.place(second)
    side.token = side.sign_in()
    again = side.opened()
    assert look_up(again, second, side.now()) is None
    again.place(second)

    assert [order.client_id for order in side.stub.orders] == ["rb1", "rb2"]


def test_a_revoked_token_opens_nothing(side: EtradeSide) -> None:
    EtradeSignIn(side.consumer, side.now, side.stub.url).revoke(side.token)

    with pytest.raises(BrokerAuthError):
        side.broker.accounts()


# --- accounts and holdings


def test_an_empty_portfolio_is_no_content_and_no_holdings(side: EtradeSide) -> None:
    side.stub.lots.clear()

    snapshot = side.broker.snapshot(KEY)

    assert snapshot.portfolio.positions == ()
    assert snapshot.portfolio.cash == D("10000.07")


def test_one_object_in_place_of_a_list_of_one_is_read_alike(side: EtradeSide) -> None:
    side.stub.lots = {"VTI": [Lot(D("2.5"), D(100))]}
    expected = side.broker.snapshot(KEY).portfolio.positions
    side.stub.bare = True

    assert side.broker.snapshot(KEY).portfolio.positions == expected
    assert side.broker.place(buy(1)).broker_id == "485"
    assert [report.order.client_id for report in side.broker.orders(KEY, side.now() - timedelta(days=1))] == ["rb1"]


@pytest.mark.parametrize("inside", [True, False])
def test_lots_come_with_their_days_in_new_york_inside_the_portfolio_or_one_by_one(
    side: EtradeSide, inside: bool
) -> None:
    evening = datetime(2026, 3, 3, 2, 30, tzinfo=UTC)  # the evening before in New York
    side.stub.lots = {"VTI": [Lot(D("2.5"), D("199.99")), Lot(D(3), D("240.125"), evening)]}
    side.stub.lots_inside = inside

    (position,) = side.broker.snapshot(KEY).portfolio.positions

    assert position.lots == (
        TaxLot(D("2.5"), D("199.99"), date(2012, 4, 30)),
        TaxLot(D(3), D("240.125"), date(2026, 3, 2)),
    )


def test_many_positions_and_orders_are_read_page_by_page(side: EtradeSide) -> None:
    side.stub.page = 2
    for number in range(5):
        side.broker.place(buy(1, client_id=f"rb{number}"))

    assert set(side.broker.snapshot(KEY).portfolio.quantities) == {"VTI", "BND", "BRK.B"}
    listed = side.broker.orders(KEY, side.now() - timedelta(days=1))
    assert sorted(report.order.client_id for report in listed) == [f"rb{number}" for number in range(5)]


def test_options_and_bonds_are_set_aside_and_shown(side: EtradeSide) -> None:
    option = {"symbol": "AAPL", "securityType": "OPTN", "callPut": "CALL", "strikePrice": 190}
    side.stub.other_positions = [
        {
            "positionId": 1,
            "symbolDescription": "AAPL Jan 15 '27 $190 Call",
            "quantity": -1,
            "marketValue": -520.5,
            "Product": option,
        }
    ]

    portfolio = side.broker.snapshot(KEY).portfolio

    assert "AAPL" not in portfolio.quantities
    (aside,) = portfolio.set_aside
    assert (aside.description, aside.value) == ("AAPL Jan 15 '27 $190 Call", D("-520.5"))


def test_unsettled_money_is_told_apart(side: EtradeSide) -> None:
    side.stub.unsettled = D("250.5")

    snapshot = side.broker.snapshot(KEY)

    assert snapshot.portfolio.cash == D("10000.07")
    assert snapshot.unsettled == {"USD": D("250.5")}
    assert snapshot.buying_power == D("10000.07")


def test_an_account_without_a_word_on_settlement_has_its_net_cash(side: EtradeSide) -> None:
    side.stub.settles = False

    assert side.broker.snapshot(KEY).portfolio.cash == D("10000.07")


def test_lots_that_do_not_add_up_are_refused(side: EtradeSide, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = side.stub._lots_of
    monkeypatch.setattr(side.stub, "_lots_of", lambda number, symbol: [whole(number, symbol)[0] | {"remainingQty": 1}])

    with pytest.raises(BrokerAnswerError, match="the lots come to 1") as refused:
        side.broker.snapshot(KEY)

    assert refused.value.code == "HOLDING_INVALID"


# --- orders


def test_a_preview_says_what_the_shares_and_the_fees_would_come_to(side: EtradeSide) -> None:
    preview = side.broker.preview(buy(lots=(TaxLot(D(10), D(1)),)))

    assert preview is not None
    assert (preview.estimated_value, preview.estimated_fees) == (D("723.1"), 0)
    assert preview.reference
    assert "cost basis method" in preview.warnings[0]


def test_the_share_class_is_spelled_as_etrade_does_and_comes_back_as_it_was_asked_for(side: EtradeSide) -> None:
    order = buy(
        1, symbol="BRK-B", type=OrderType.LIMIT, limit=D("401.50"), time_in_force=TimeInForce.GOOD_TILL_CANCELLED
    )

    side.broker.place(order)

    assert side.stub.orders[0].terms["symbol"] == "BRK.B"
    found = side.broker.find(KEY, "rb1")
    assert found is not None
    assert found.order == order


def test_an_order_other_than_the_previewed_one_is_not_sent(side: EtradeSide) -> None:
    preview = side.broker.preview(buy())

    with pytest.raises(OrderRefusedError, match="not the one that was previewed"):
        side.broker.place(buy(11), preview)

    assert side.orders_asked() == 0


def test_a_preview_of_more_than_three_minutes_ago_is_refused_by_etrade(side: EtradeSide) -> None:
    preview = side.broker.preview(buy())
    side.stub.ahead = timedelta(minutes=4)

    with pytest.raises(OrderRefusedError, match="Invalid Preview Id"):
        side.broker.place(buy(), preview)

    assert side.orders_there() == 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"quantity": D("1.5")}, "whole number"),
        ({"client_id": "rb-1"}, "letters and digits"),
        ({"client_id": "r" * 21}, "20"),
        ({"symbol": "VOD.L"}, "outside the United States"),
        ({"currency": "EUR"}, "EUR"),
        ({"type": OrderType.STOP}, "stop order"),
    ],
)
def test_what_etrade_never_takes_is_refused_before_anything_is_sent(
    side: EtradeSide, changes: dict[str, Any], why: str
) -> None:
    asked = len(side.stub.asked)

    with pytest.raises(OrderRefusedError, match=why):
        side.broker.place(buy(**changes))

    assert len(side.stub.asked) == asked


def test_a_duplicate_in_etrades_words_is_an_order_to_look_up(side: EtradeSide, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests import etrade_stub

    def refuse(_: bytes) -> None:
        raise etrade_stub.RefusedError(9013, "This is a duplicate of an order that was placed.")

    monkeypatch.setattr(side.stub, "_place", refuse)

    with pytest.raises(OrderKnownError):
        side.broker.place(buy())


# --- which order is which


def test_an_order_whose_answer_was_lost_is_known_again_by_another_process(side: EtradeSide) -> None:
    side.suffer_after(AfterFault.RESET)
    sent_at = side.now()
    with pytest.raises(OrderUncertainError):
        side.broker.place(buy())

    another = side.opened()

    assert another.find(KEY, "rb1") is None, "E*TRADE names no client ids"
    found = look_up(another, buy(), sent_at)
    assert found is not None
    assert (found.order, found.status) == (buy(), OrderStatus.FILLED)
    assert look_up(another, buy(11), sent_at) is None
    assert look_up(another, buy(), sent_at - timedelta(hours=1)) is None


def test_an_order_whose_number_is_known_is_found_among_equals(side: EtradeSide) -> None:
    numbers = [side.broker.place(buy(client_id=f"rb{n}")).broker_id for n in (1, 2)]

    found = look_up(side.opened(), buy(client_id="rb2"), side.now(), numbers[1])

    assert found is not None
    assert (found.order.client_id, found.broker_id) == ("rb2", numbers[1])


def test_two_orders_that_look_alike_are_uncertain_and_not_guessed(side: EtradeSide) -> None:
    side.suffer_after(AfterFault.HANG)
    with pytest.raises(OrderUncertainError):
        side.broker.place(buy())
    side.recover()
    side.stub.orders.append(replace(side.stub.orders[0], number=900))  # the customer did the same by hand

    with pytest.raises(OrderUncertainError, match="2 orders"):
        side.broker.find(KEY, "rb1")
    with pytest.raises(OrderUncertainError, match="2 orders"):
        look_up(side.opened(), buy(), side.now())


def test_a_stop_order_placed_by_hand_is_listed_and_never_taken_for_ours(side: EtradeSide) -> None:
    terms = {
        "symbol": "BND",
        "orderAction": "BUY",
        "quantity": "10",
        "priceType": "STOP",
        "orderTerm": "GOOD_FOR_DAY",
        "securityType": "EQ",
    }
    side.stub.orders.append(Placed(900, "", terms, side.now()))

    (listed,) = side.broker.orders(KEY, side.now() - timedelta(hours=1))

    assert listed.order.type == OrderType.STOP
    assert look_up(side.opened(), buy(), side.now()) is None


@pytest.mark.parametrize(
    ("word", "filled", "expected"),
    [
        ("OPEN", 0, OrderStatus.OPEN),
        ("OPEN", 4, OrderStatus.PARTIALLY_FILLED),
        ("INDIVIDUAL_FILLS", 4, OrderStatus.PARTIALLY_FILLED),
        ("INDIVIDUAL_FILLS", 10, OrderStatus.FILLED),
        ("CANCEL_REQUESTED", 0, OrderStatus.OPEN),
        ("EXECUTED", 10, OrderStatus.FILLED),
        ("CANCELLED", 4, OrderStatus.CANCELLED),
        ("EXPIRED", 0, OrderStatus.EXPIRED),
        ("REJECTED", 0, OrderStatus.REJECTED),
        ("A_WORD_OF_TOMORROW", 0, OrderStatus.OPEN),
    ],
)
def test_etrades_words_for_what_became_of_an_order(
    side: EtradeSide, word: str, filled: int, expected: OrderStatus
) -> None:
    side.broker.place(buy())
    order = side.stub.orders[0]
    order.status, order.filled = word, D(filled)

    (listed,) = side.broker.orders(KEY, side.now() - timedelta(hours=1))

    assert (listed.status, listed.filled, listed.broker_status) == (expected, filled, word)


# --- secrets


def test_no_key_and_no_token_is_in_a_log_or_a_repr(side: EtradeSide, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    door = EtradeSignIn(side.consumer, side.now, side.stub.url)

    begun = door.begin()
    token = door.finish(begun, side.stub.tokens.agree(begun.token))
    broker = side.opened()
    broker.place(buy())
    broker.snapshot(KEY)

    said = caplog.text + repr((side.consumer, begun, token, broker, vars(broker), vars(broker._line), door))
    for secret in (*side.secrets, begun.token, begun.secret, token.token, token.secret):
        assert secret not in said
