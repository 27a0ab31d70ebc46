"""Alpaca's particular ways: spelling, parts of a share, paper and live, refusals that look alike, pages of orders."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from allocation.adapters.alpaca import AlpacaBroker, AlpacaKeys, AlpacaToken
from allocation.brokers import BrokerAnswerError, BrokerAuthError, Mode, OrderKnownError, OrderRefusedError
from allocation.orders import Order, OrderStatus, OrderType, TimeInForce
from allocation.trade_plan import Side
from tests.alpaca_side import AlpacaSide

D = Decimal


@pytest.fixture
def alpaca() -> Iterator[AlpacaSide]:
    with ExitStack() as closing:
        yield AlpacaSide(closing)


def an_order(alpaca: AlpacaSide, /, **changes: Any) -> Order:
    return replace(Order("rb1", alpaca.account, "VTI", Side.BUY, D(2)), **changes)


def says(alpaca: AlpacaSide, path: str, **changes: Any) -> None:
    """Change what is said of a path; a list is changed in its last item."""

    def doctored(found: str, body: Any) -> Any:
        if found != path:
            return body
        return [*body[:-1], {**body[-1], **changes}] if isinstance(body, list) else {**body, **changes}

    alpaca.stub.doctor = doctored


def test_a_token_opens_the_same_account_as_keys(alpaca: AlpacaSide) -> None:
    broker = AlpacaBroker(AlpacaToken(alpaca.stub.token), Mode.PAPER, wire=alpaca.wire)

    assert broker.accounts() == alpaca.broker.accounts()


def test_an_order_in_any_spelling_is_placed_in_alpaca_s_and_known_again(alpaca: AlpacaSide) -> None:
    for client_id, symbol in (("rb1", "BRK-B"), ("rb2", "BRK.B"), ("rb3", "BRK B")):
        order = an_order(alpaca, client_id=client_id, symbol=symbol)

        placed = alpaca.broker.place(order)

        assert placed.order.symbol == "BRK.B"
        assert placed.same_terms(order)


def test_a_symbol_that_alpaca_cannot_have_is_refused_before_anything_is_sent(alpaca: AlpacaSide) -> None:
    with pytest.raises(OrderRefusedError, match=r"VOD\.L"):
        alpaca.broker.place(an_order(alpaca, symbol="VOD.L"))

    assert alpaca.orders_asked() == 0


def test_numbers_are_sent_as_they_are_written(alpaca: AlpacaSide) -> None:
    alpaca.broker.place(an_order(alpaca, quantity=D("0.300000001")))

    (order,) = alpaca.stub.orders.values()
    assert order["qty"] == "0.300000001"


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "BRK.B", "quantity": D("0.5")},
        {"quantity": D("0.5"), "time_in_force": TimeInForce.GOOD_TILL_CANCELLED},
        {"quantity": D("0.1234567891")},
        {"symbol": "NOSUCH", "quantity": D("0.5")},
    ],
    ids=["whole units only", "not for the day", "ten decimals", "unknown"],
)
def test_parts_of_a_share_that_alpaca_does_not_deal_in_are_refused_before_anything_is_sent(
    alpaca: AlpacaSide, changes: dict[str, Any]
) -> None:
    with pytest.raises(OrderRefusedError):
        alpaca.broker.place(an_order(alpaca, **changes))

    assert alpaca.orders_asked() == 0


def test_a_client_id_that_was_used_is_told_from_other_faults_with_the_same_code(alpaca: AlpacaSide) -> None:
    alpaca.broker.place(an_order(alpaca))
    with pytest.raises(OrderKnownError):
        alpaca.broker.place(an_order(alpaca))

    alpaca.stub.doctor = lambda _path, _body: {"code": 40010001, "message": "qty must be > 0"}
    with pytest.raises(OrderRefusedError, match="qty must be"):
        alpaca.broker.place(an_order(alpaca))


def test_a_refusal_for_want_of_money_is_no_lost_link_though_both_are_403(alpaca: AlpacaSide) -> None:
    with pytest.raises(OrderRefusedError, match="insufficient buying power"):
        alpaca.broker.place(an_order(alpaca, quantity=D(10_000)))

    alpaca.stub.doctor = lambda _path, _body: {"message": "forbidden."}
    with pytest.raises(BrokerAuthError):
        alpaca.broker.place(an_order(alpaca, quantity=D(10_000)))


@pytest.mark.parametrize(
    ("key_id", "mode"), [("AKLIVE00000000000000", Mode.PAPER), ("PKPAPER0000000000000", Mode.LIVE)]
)
def test_a_key_of_the_other_mode_is_refused_before_anything_is_asked(key_id: str, mode: Mode) -> None:
    with pytest.raises(BrokerAnswerError) as refused:
        AlpacaBroker(AlpacaKeys(key_id, "secret"), mode)

    assert refused.value.code == "ACCOUNT_MODE"


def test_a_paper_account_behind_a_live_link_is_refused(alpaca: AlpacaSide) -> None:
    broker = AlpacaBroker(AlpacaToken(alpaca.stub.token), Mode.LIVE, wire=alpaca.wire)

    with pytest.raises(BrokerAnswerError) as refused:
        broker.snapshot(alpaca.account)

    assert refused.value.code == "ACCOUNT_MODE"


def test_a_live_account_behind_a_paper_link_is_refused(alpaca: AlpacaSide) -> None:
    alpaca.stub.number = "123456789"

    with pytest.raises(BrokerAnswerError) as refused:
        alpaca.broker.place(an_order(alpaca))

    assert refused.value.code == "ACCOUNT_MODE"
    assert alpaca.orders_asked() == 0


@pytest.mark.parametrize(
    ("said", "filled", "status"),
    [
        ("accepted", "0", OrderStatus.OPEN),
        ("pending_cancel", "0", OrderStatus.OPEN),
        ("pending_cancel", "1", OrderStatus.PARTIALLY_FILLED),
        ("done_for_day", "1", OrderStatus.PARTIALLY_FILLED),
        ("a_word_of_next_year", "0", OrderStatus.OPEN),
        ("canceled", "1", OrderStatus.CANCELLED),
        ("expired", "0", OrderStatus.EXPIRED),
        ("rejected", "0", OrderStatus.REJECTED),
    ],
)
def test_a_status_is_final_only_where_alpaca_says_so_for_certain(
    alpaca: AlpacaSide, said: str, filled: str, status: OrderStatus
) -> None:
    alpaca.fill_none()
    alpaca.broker.place(an_order(alpaca))
    says(alpaca, "/v2/orders:by_client_order_id", status=said, filled_qty=filled, filled_avg_price="250")

    found = alpaca.broker.find(alpaca.account, "rb1")

    assert found is not None
    assert (found.status, found.broker_status) == (status, said)


def test_an_answer_about_another_order_is_not_taken_for_ours(alpaca: AlpacaSide) -> None:
    alpaca.broker.place(an_order(alpaca))
    says(alpaca, "/v2/orders:by_client_order_id", client_order_id="rb2")

    with pytest.raises(BrokerAnswerError):
        alpaca.broker.find(alpaca.account, "rb1")


def test_every_page_of_orders_is_read_once(alpaca: AlpacaSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allocation.adapters.alpaca._MOST_ORDERS", 2)
    for number in range(5):
        alpaca.broker.place(an_order(alpaca, client_id=f"rb{number}"))

    listed = alpaca.broker.orders(alpaca.account, datetime(2020, 1, 1, tzinfo=UTC))

    assert [report.order.client_id for report in listed] == [f"rb{n}" for n in range(5)]


def test_an_order_placed_elsewhere_for_an_amount_or_with_a_stop_is_listed_with_what_it_is(alpaca: AlpacaSide) -> None:
    alpaca.fill_none()
    alpaca.broker.place(an_order(alpaca))
    says(alpaca, "/v2/orders", qty=None, notional="500", type="stop")

    (waiting,) = alpaca.broker.snapshot(alpaca.account).open_orders

    assert waiting.reason == "Alpaca calls it a stop order."
    assert waiting.order.quantity > 0


def test_what_is_no_share_is_set_aside_with_its_value(alpaca: AlpacaSide) -> None:
    says(alpaca, "/v2/positions", asset_class="us_option", symbol="VTI261218C00250000", market_value="-120.50")

    portfolio = alpaca.broker.snapshot(alpaca.account).portfolio

    assert set(portfolio.quantities) == {"VTI", "BND"}
    (aside,) = portfolio.set_aside
    assert (aside.value, aside.reason) == (D("-120.50"), "option is not rebalanced at Alpaca")


def test_a_holding_that_moved_while_we_looked_is_looked_at_again(alpaca: AlpacaSide) -> None:
    fills = iter((D(5), D(0)))

    def trade_meanwhile(path: str, body: Any) -> Any:
        if path == "/v2/positions" and (quantity := next(fills, D(0))):
            alpaca.stub.cash -= 250 * quantity
            alpaca.stub.held["VTI"] += quantity
        return body

    alpaca.stub.doctor = trade_meanwhile

    portfolio = alpaca.broker.snapshot(alpaca.account).portfolio

    assert portfolio.cash == D("8750.07")
    assert portfolio.quantities["VTI"] == D("15.5")


def test_the_limit_is_sent_and_known_again(alpaca: AlpacaSide) -> None:
    order = an_order(alpaca, type=OrderType.LIMIT, limit=D("249.9"))

    placed = alpaca.broker.place(order)

    assert placed.same_terms(order)
    assert next(iter(alpaca.stub.orders.values()))["limit_price"] == "249.9"
