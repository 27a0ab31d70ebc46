"""From a plan to orders on the page: reviewed, confirmed once, followed; and everything that stands in the way is said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from allocation.limits import Limits
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.paper_terms import PaperTerms
from allocation.targets import TargetAllocation
from allocation.working import Worker
from pages.shared.cache import workbench
from tests.app.conftest import OpenApp, button, said
from tests.app.desks import open_page, store_with
from tests.app.test_history_page import sign_up, user_of

D = Decimal
LAX = Limits(order_share=D(1), turnover=D(1), market_hours=False)


@pytest.fixture
def jane(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Jane, with a paper account of ten VTI at 100 and two BND at 50, wanting half of each, on the Orders page."""
    monkeypatch.setenv("EVENKEEL_EXECUTOR", "off")
    app = sign_up(open_app(), "jane")
    user, bench, now = user_of(app), workbench(), datetime.now(UTC)

    def held(symbol: str, quantity: int, price: int) -> Position:
        return Position(symbol, D(quantity), quote=Quote(symbol, D(price), "USD", now, PriceSource.FILE))

    start = Portfolio(Account("main", "Main"), (held("VTI", 10, 100), held("BND", 2, 50)), D(100))
    opened = bench.links.open_paper(user, "Rehearsal", start, PaperTerms(spread=D(0)))
    bench.store.save_target(user, opened.account.id, TargetAllocation.of({"VTI": "0.5", "BND": "0.5"}))
    bench.orders.save_limits(user, opened.account.id, LAX)
    return app.run().switch_page("pages/orders.py").run()


def account_of(app: AppTest) -> str:
    return str(workbench().store.accounts(user_of(app))[0].id)


def batches(app: AppTest) -> Any:
    return workbench().orders.batches(user_of(app), account_of(app))


def review(app: AppTest) -> AppTest:
    return app.button(key="orders.review_now").click().run()


def send(app: AppTest) -> AppTest:
    app.button(key="orders.send").click().run()
    return app.button(key="orders.confirm").click().run()


def work(app: AppTest) -> AppTest:
    """What the worker's process does, here and now."""
    worker = Worker(workbench(), Event())
    while worker.round():
        worker._waiting.clear()
    return app.run()


def test_the_demo_says_that_it_sends_nothing(open_app: OpenApp) -> None:
    store = store_with(Portfolio(Account("main", "Main"), (Position("VTI", D(1)),)))

    app = open_page(open_app, "pages/orders.py", store, {"VTI": "100"})

    assert "The demo sends nothing" in said(app)
    assert "orders.review_now" not in [each.key for each in app.button]


def test_an_account_without_a_broker_is_shown_the_way_to_one(jane: AppTest) -> None:
    user = user_of(jane)
    bench = workbench()
    bench.links.unlink(user, bench.links.linked(user)[account_of(jane)].link.id)

    jane.run()

    assert "not linked to a broker" in said(jane)


def test_the_review_shows_every_order_and_the_cash_at_each_step(jane: AppTest) -> None:
    review(jane)

    assert not jane.exception
    table = jane.dataframe[0].value
    assert list(zip(table["side"], table["symbol"], table["quantity"], strict=True)) == [
        ("Sell", "VTI", 4.0),
        ("Buy", "BND", 10.0),
    ]
    assert any("after the sales" in m.value for m in jane.markdown)
    assert batches(jane) == ()


def test_one_confirmation_is_one_batch_and_each_order_is_filled_once(jane: AppTest) -> None:
    send(review(jane))

    (batch,) = batches(jane)
    assert [line.state.value for line in batch.lines] == ["reviewed", "reviewed"]  # nothing leaves from the page
    work(jane)

    (done,) = batches(jane)
    assert [line.state.value for line in done.lines] == ["filled", "filled"]
    assert done.closed_at is not None
    portfolio = workbench().store.portfolio(user_of(jane), account_of(jane))
    assert portfolio.quantities == {"VTI": 6, "BND": 12}


def test_after_the_fills_there_is_nothing_more_to_send(jane: AppTest) -> None:
    work(send(review(jane)))

    assert "There is nothing to send" in said(jane)
    assert "2 of 2" in [metric.value for metric in jane.metric]


def test_a_second_tab_with_the_same_review_makes_no_second_batch(jane: AppTest) -> None:
    review(jane)
    kept = jane.session_state["orders.review"]
    send(jane)

    jane.session_state["orders.review"] = kept
    same = workbench().orders.commit(user_of(jane), account_of(jane), kept.review.batch, kept.review.batch.intent)

    assert [batch.id for batch in batches(jane)] == [same.id]


def test_what_the_gate_refuses_cannot_be_sent(jane: AppTest) -> None:
    workbench().orders.save_limits(user_of(jane), account_of(jane), replace(LAX, order_share=D("0.3")))

    review(jane)

    assert "of the portfolio, and 30 % are allowed" in said(jane)
    assert jane.button(key="orders.send").disabled


def test_a_large_turnover_is_confirmed_by_hand(jane: AppTest) -> None:
    workbench().orders.save_limits(user_of(jane), account_of(jane), replace(LAX, turnover=D("0.1")))

    review(jane).button(key="orders.send").click().run()
    assert jane.button(key="orders.confirm").disabled
    jane.session_state["orders.large"] = True  # ticked; the harness cannot run a dialog by itself
    send(jane)

    assert batches(jane)[0].large_turnover


def test_for_real_money_the_name_is_typed_and_nothing_is_written_before_the_proof(jane: AppTest) -> None:
    review(jane)
    kept = jane.session_state["orders.review"]
    live = replace(kept.review, batch=replace(kept.review.batch, live=True))
    jane.session_state["orders.review"] = replace(kept, review=live)

    jane.button(key="orders.send").click().run()
    assert jane.button(key="orders.confirm").disabled
    jane.session_state["orders.name"] = "Rehearsal"
    send(jane)

    assert jane.session_state["orders.review"].review.batch.live
    assert batches(jane) == ()


def test_a_review_that_is_too_old_cannot_be_sent(jane: AppTest) -> None:
    review(jane)
    kept = jane.session_state["orders.review"]
    jane.session_state["orders.review"] = replace(
        kept, review=replace(kept.review, at=kept.review.at - timedelta(minutes=6))
    )

    jane.run()

    assert "older than 5 minutes" in said(jane)
    assert jane.button(key="orders.send").disabled


def test_holdings_that_changed_at_the_broker_are_planned_anew_and_the_difference_is_shown(jane: AppTest) -> None:
    from allocation.authorisation import Verb
    from allocation.orders import Order
    from allocation.trade_plan import Side

    way = workbench().links.open(user_of(jane), account_of(jane), Verb.SEND_ORDERS)
    way.broker.place(Order("by-hand", way.account.broker_account, "VTI", Side.SELL, D(2)))

    review(jane)

    assert "VTI: sell 2 instead of sell 4" in said(jane).replace("\\", "")


def test_the_kill_switch_is_one_click_away_and_says_who_pressed_it(jane: AppTest) -> None:
    jane.button(key="orders.stop").click().run()

    assert "jane pressed stop" in said(jane)
    review(jane)
    assert jane.button(key="orders.send").disabled
    jane.button(key="orders.let_go").click().run()
    assert "jane pressed stop" not in said(jane)


def test_what_is_not_sent_can_be_called_back(jane: AppTest) -> None:
    send(review(jane))

    jane.button(key="orders.call_back").click().run()
    work(jane)

    (batch,) = batches(jane)
    assert [line.state.value for line in batch.lines] == ["skipped", "skipped"]


def test_a_paused_batch_goes_on_at_a_click(jane: AppTest) -> None:
    send(review(jane))
    (batch,) = batches(jane)
    workbench().journal.note(batch.id, datetime.now(UTC), "paused", {"paused_code": "X", "paused_reason": "Sign in."})

    jane.run()
    assert "Sign in" in said(jane)
    jane.button(key="orders.go_on").click().run()
    work(jane)

    assert batches(jane)[0].closed_at is not None


def test_an_order_that_waits_for_a_person_shows_what_may_be_decided(jane: AppTest) -> None:
    from allocation.journal import LineState, step

    send(review(jane))
    (batch,) = batches(jane)
    line = batch.lines[1]
    held = step(line, LineState.HOLD, note="The sale of VTI did not bring the money for it.")
    workbench().journal.write(line, held, batch.id, datetime.now(UTC))

    jane.run()
    button(jane, "Leave it out").click().run()

    assert batches(jane)[0].lines[1].state == LineState.SKIPPED


def test_the_limits_are_changed_by_their_owner(jane: AppTest) -> None:
    field = next(n for n in jane.number_input if n.label == "Orders at once")
    field.set_value(7)
    button(jane, "Save limits").click().run()

    assert workbench().orders.limits(user_of(jane), account_of(jane)).orders == 7


def test_looking_on_by_itself_keeps_no_session_alive(jane: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.shared import order_progress

    send(review(jane))
    (batch,) = batches(jane)
    used: list[bool] = []
    find = workbench().sessions.find

    def noted(handle: str, now: datetime, *, use: bool = True) -> Any:
        used.append(use)
        return find(handle, now, use=use)

    def looked_by_itself(session: Any, account_id: str, batch_id: str) -> None:
        used.clear()
        assert order_progress.still_signed_in()
        assert batch_id == batch.id

    monkeypatch.setattr(workbench().sessions, "find", noted)
    monkeypatch.setattr(order_progress, "_follow", looked_by_itself)
    jane.run()

    assert not jane.exception
    assert used[:1] == [False]
