"""Why a trade is there, what less of it would cost, and the way out where there is no plan: all on the rebalancing page."""

import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from allocation.adapters.memory import MemoryStore
from allocation.choices import Mode
from allocation.frontier import Over
from pages.shared.tradeoff import selected_place
from tests.app.conftest import OpenApp, button, said
from tests.app.desks import open_page, store_with
from tests.builders import a_portfolio

OpenDesk = Callable[[], AppTest]
PRICES = {"VTI": "100", "BND": "50"}


@pytest.fixture
def store() -> MemoryStore:
    """One account of 1,000: 8 VTI, 3 BND and 50 in cash; meant to be 60, 30 and 10 %."""
    return store_with(a_portfolio({"VTI": 8, "BND": 3}, 50), target={"VTI": "0.6", "BND": "0.3"})


@pytest.fixture
def open_desk(open_app: OpenApp, store: MemoryStore) -> OpenDesk:
    return lambda: open_page(open_app, "pages/rebalance.py", store, PRICES)


def opened(app: AppTest, expander: str) -> AppTest:
    app.session_state[f"rebalance.main.{expander}"] = True
    return app.run()


def text(app: AppTest) -> str:
    return "\n".join(str(e.value) for kind in (app.markdown, app.caption) for e in kind).replace("\\", "")


def table_with(app: AppTest, column: str) -> list[dict[str, object]]:
    tables = [t.value for t in app.dataframe if column in t.value.columns]
    return tables[0].to_dict("records") if tables else []


def metric(app: AppTest, label: str) -> str:
    return next(str(m.value) for m in app.metric if m.label == label)


def traced(app: AppTest) -> AppTest:
    """The page once every point of its trade-off was found."""
    trace = app.session_state["rebalance.main.tradeoff.trace"]
    while not trace.progress.finished:
        time.sleep(0.01)
    return app.run()


def test_a_trade_tells_why_it_is_there_and_what_happens_without_it(open_desk: OpenDesk) -> None:
    app = opened(open_desk(), "why")

    app.selectbox(key="rebalance.main.why.trade").select("Sell 2 VTI").run()

    assert "Overweight by 20.0 points (200.00 above its target)" in text(app)
    assert "from 80.00 % to 60.00 % of the account; its target is 60.00 %" in text(app)
    # Without a sale there are 50 for one more BND: 0.80, 0.20 and nothing.
    assert "Without it the best plan leaves a drift of 20.00 %" in text(app)


def test_the_trade_off_has_a_point_for_every_number_of_trades_and_marks_todays_plan(open_desk: OpenDesk) -> None:
    app = traced(opened(open_desk(), "tradeoff.tradeoff"))

    points = table_with(app, "budget")

    assert [(p["budget"], p["drift"], p["is"]) for p in points] == [
        (0.0, 20.0, ""),
        (1.0, 15.0, ""),
        (2.0, 0.0, "plan above"),
    ]
    assert "Every point is proved" in text(app)


def by_turnover(app: AppTest) -> AppTest:
    app.session_state["rebalance.main.tradeoff.over.trades.turnover"] = Over.TURNOVER
    return traced(opened(app, "tradeoff.tradeoff"))


def test_no_turnover_at_all_is_a_rule_and_an_empty_field_is_none(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.number_input(key="rebalance.main.max_turnover").set_value(0.0).run()

    assert (metric(app, "Trades"), metric(app, "Turnover")) == ("0", r"0\.00 %")


def test_a_withdrawal_trades_more_than_it_leaves_and_no_smaller_budget_pays_it(open_desk: OpenDesk) -> None:
    app = open_desk()
    app.number_input(key="rebalance.main.cash_flow").set_value(-900.0).run()

    by_turnover(app)

    assert [(p["budget"], p["is"]) for p in table_with(app, "budget")] == [(425.0, "plan above")]
    assert "Stopped" not in text(app)


def test_a_turnover_beyond_the_whole_is_a_rule_like_any_other(open_desk: OpenDesk) -> None:
    app = open_desk()
    app.number_input(key="rebalance.main.cash_flow").set_value(-900.0).run()

    app.number_input(key="rebalance.main.max_turnover").set_value(300.0).run()

    assert app.number_input(key="rebalance.main.max_turnover").value == 300
    assert "the limit on turnover" in said(app).replace("\\", "")


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ({"selection": {"rows": [1], "columns": [], "cells": []}}, 1),
        ({"selection": {"points": [{"point_index": 2, "x": 3}]}}, 2),
        ({"selection": {"rows": []}}, None),
        ({"selection": {"rows": [-1]}}, None),
        ({"selection": {"rows": [True]}}, None),
        ({"selection": {"rows": ["1"]}}, None),
        ({"selection": {"rows": "1"}}, None),
        ({"selection": {"points": [{"point_index": "1"}]}}, None),
        ({"selection": 7}, None),
        ("all", None),
        (None, None),
    ],
)
def test_only_a_place_in_the_list_can_be_selected(answer: object, place: int | None) -> None:
    assert selected_place(answer) == place


def test_locks_against_a_withdrawal_are_solved_by_one_click(open_desk: OpenDesk) -> None:
    app = open_desk()
    order = [row["symbol"] for row in app.get("data_editor")[0].value.to_dict("records")]
    app.session_state[app.get("data_editor")[0].key] = {
        "edited_rows": {i: {"locked": True} for i in range(len(order))},
        "added_rows": [],
        "deleted_rows": [],
    }
    app.number_input(key="rebalance.main.cash_flow").set_value(-250.0).run()
    assert said(app)

    button(app, r"Withdraw 200\.00 less").click().run()

    assert app.number_input(key="rebalance.main.cash_flow").value == -50
    assert not app.error


def test_money_owed_is_paid_in_by_one_click_whatever_the_mode(open_app: OpenApp) -> None:
    store = store_with(a_portfolio({"VTI": 8, "BND": 3}, -50), target={"VTI": "0.6", "BND": "0.3"})
    app = open_page(open_app, "pages/rebalance.py", store, PRICES)
    app.selectbox(key="rebalance.main.mode").set_value(Mode.RAISE_CASH).run()
    app.session_state[app.get("data_editor")[0].key] = {
        "edited_rows": {0: {"locked": True}, 1: {"locked": True}},
        "added_rows": [],
        "deleted_rows": [],
    }
    app.run()

    button(app, r"Pay 50\.00").click().run()

    assert app.number_input(key="rebalance.main.cash_flow").value == 50
    assert not app.error
