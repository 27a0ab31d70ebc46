"""The page of one's own trail: who sees what, how it is narrowed, and what taking a plan along leaves in it."""

import csv
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from allocation.adapters.memory import MemoryStore
from allocation.history import Topic
from allocation.trail import EventKind
from pages.shared.cache import workbench
from tests.app.conftest import OpenApp, button, said
from tests.app.desks import open_page

PASSWORD = "correct horse battery"


def sign_up(app: AppTest, user_name: str) -> AppTest:
    app.text_input(key="sign_in.user_name").input(user_name)
    app.text_input(key="sign_in.password").input(PASSWORD)
    return button(app, "Create account").click().run()


@pytest.fixture
def jane(open_app: OpenApp) -> AppTest:
    """Jane, with the first account of the installation, on the history page."""
    return sign_up(open_app(), "jane").switch_page("pages/history.py").run()


def user_of(app: AppTest) -> str:
    user_id: str = app.session_state["state.signed_in"].session.user.id
    return user_id


def table(app: AppTest) -> Any:
    return app.dataframe[0].value


def downloaded(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The rows of the file behind the page's button."""
    kept: list[bytes] = []
    monkeypatch.setattr(st, "download_button", lambda _, data, *args, **options: kept.append(data))
    app.run()
    return list(csv.reader(kept[0].decode("utf-8-sig").splitlines()))


def test_signing_in_is_the_first_thing_one_sees(jane: AppTest) -> None:
    assert not jane.exception
    assert jane.title[0].value == "History"
    assert list(table(jane)["what"])[:1] == ["Signed in"]
    assert list(table(jane)["session"])[:1] == ["This one"]


def test_nobody_sees_what_others_did(jane: AppTest) -> None:
    trail = workbench().trail
    trail.record(EventKind.IMPORT, "of somebody else", user_id="another")
    trail.record(EventKind.SIGN_IN_REFUSED, "of nobody")

    jane.run()

    assert "of somebody else" not in set(table(jane)["about"])
    assert "of nobody" not in set(table(jane)["about"])


def test_a_topic_narrows_the_lines_and_the_file(jane: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    workbench().trail.record(EventKind.ACCOUNT_REFUSED, "=1+1", user_id=user_of(jane))

    jane.pills(key="history.topics").set_value([Topic.REFUSED.value]).run()

    assert list(table(jane)["what"]) == ["Account refused"]
    rows = downloaded(jane, monkeypatch)
    assert [row[3] for row in rows[1:]] == ["'=1+1"]


def test_a_topic_without_lines_says_so(jane: AppTest) -> None:
    jane.pills(key="history.topics").set_value([Topic.SHARING.value]).run()

    assert "Nothing of this kind has happened" in said(jane)
    assert not jane.dataframe


def test_older_lines_come_when_they_are_asked_for(jane: AppTest) -> None:
    for number in range(120):
        workbench().trail.record(EventKind.PRICE_ENTERED, f"S{number}", user_id=user_of(jane))

    jane.run()
    before = len(table(jane))
    next(b for b in jane.button if b.key == "history.older").click().run()

    assert before == 100
    assert len(table(jane)) > 120
    assert "history.older" not in {b.key for b in jane.button}


def test_the_demo_keeps_no_history(open_app: OpenApp) -> None:
    app = open_page(open_app, "pages/history.py", MemoryStore(), {})

    assert "The demo keeps no history" in said(app)
    assert not app.dataframe


def test_taking_a_plan_of_the_demo_along_leaves_nothing_in_the_trail(demo_app: AppTest) -> None:
    next(b for b in demo_app.get("download_button") if b.key == "rebalance.json").click().run()

    assert not demo_app.exception
    assert workbench().trail.head()[0] == 0


def test_a_plan_taken_along_is_noted_once_and_each_download_of_it(open_app: OpenApp, demo_app: AppTest) -> None:
    demo = demo_app.session_state["state.signed_in"].session
    portfolios = [demo.store.portfolio(demo.user.id, a.id) for a in demo.accounts.list()]
    app = sign_up(open_app(), "jane")
    session = app.session_state["state.signed_in"].session
    session.store.save_portfolios(session.user.id, portfolios[:1])
    account = portfolios[0].account.id
    target = demo.store.target(demo.user.id, account)
    session.store.save_target(session.user.id, account, target)
    for symbol in {*portfolios[0].symbols, *target.weights}:
        quote = demo.market.known([symbol], portfolios[0], {})[symbol]
        session.store.save_manual_price(session.user.id, quote)
    app.run().switch_page("pages/rebalance.py").run()

    for _ in range(2):
        next(b for b in app.get("download_button") if b.key == "rebalance.csv").click().run()

    lines = workbench().trail.of_user(session.user.id, [EventKind.PLAN_MADE, EventKind.TRADES_DOWNLOADED])
    assert not app.exception
    assert [line.kind for line in lines] == ["trades_downloaded", "trades_downloaded", "plan_made"]
    assert {line.subject for line in lines} == {lines[0].subject}
    assert dict(lines[0].told) == {"account": account, "format": "csv"}
    assert lines[0].request_id
    assert lines[0].session


def test_changing_a_what_if_writes_nothing(open_app: OpenApp) -> None:
    app = sign_up(open_app(), "jane")
    before = workbench().trail.head()

    app.switch_page("pages/rebalance.py").run()
    app.run()

    assert workbench().trail.head() == before
