"""The end of a session, without a browser: told before it comes, put off by a button, and what was typed is there again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from allocation.model import Account, Portfolio, Position, Quote
from allocation.ports import User
from allocation.presence import LiveSession
from allocation.sign_in.ending import ending_of
from pages.shared import ending
from pages.shared.cache import drafts, workbench
from tests.app.conftest import OpenApp, button, fetch_cookie, said
from tests.app.test_sign_in_page import PASSWORD, enter

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def session(idle: timedelta, began: timedelta = timedelta(0)) -> LiveSession:
    """A session with the usual limits, unused for so long, begun before that."""
    seen = NOON - idle
    ends_at = seen - began + timedelta(hours=12)
    until = min(seen + 30 * MINUTE, ends_at)
    return LiveSession("h", User("u", "Jane"), "", None, False, seen, seen - began, seen, until, ends_at, True)


@pytest.mark.parametrize(
    ("idle", "told"),
    [(0, ""), (27.9, ""), (28, "within 2 minutes"), (29, "within a minute"), (29.9, "within a minute")],
)
def test_two_minutes_before_an_idle_session_ends_it_is_told(idle: float, told: str) -> None:
    found = ending_of(session(idle * MINUTE), NOON)

    assert (told in found.sentence and not found.final) if told and found else found is None


def test_five_minutes_before_the_last_moment_it_is_told_that_nothing_puts_it_off() -> None:
    far, near = (ending_of(session(MINUTE, timedelta(hours=12) - left * MINUTE), NOON) for left in (6.1, 6))

    assert far is None
    assert near is not None
    assert near.final
    assert "within 5 minutes" in near.sentence
    assert "12 hours" in near.sentence


@pytest.fixture
def jane(open_app: OpenApp, cookies: dict[str, str]) -> AppTest:
    cookies["evenkeel_browser"] = "a" * 43
    app = enter(open_app(), "jane", PASSWORD, "Create account")
    fetch_cookie(app, cookies)
    return app.run()


def only_session() -> LiveSession:
    user = workbench().people.everybody()[0].user
    return workbench().sessions.of_user(user.id, datetime.now(UTC))[0]


def test_the_button_that_puts_the_end_off_does(jane: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "signed out" not in said(jane)
    before = only_session()
    real = ending.ending_of
    monkeypatch.setattr(ending, "ending_of", lambda live, now: real(live, live.idle_until - MINUTE))

    jane.run()
    assert "You will be signed out within a minute" in said(jane)
    workbench().sessions._noted_every = timedelta(0)  # type: ignore[attr-defined]
    button(jane, "Stay signed in").click().run()

    assert only_session().idle_until > before.idle_until


def test_a_user_who_is_switched_off_gets_no_further(jane: AppTest) -> None:
    user = only_session().user

    workbench().people.disable(user.id, datetime.now(UTC))
    jane.run()

    assert "Your session has ended" in said(jane)
    assert "Sign out" not in {b.label for b in jane.button}


def test_signing_out_everywhere_ends_this_tab_as_well(jane: AppTest) -> None:
    workbench().sessions.end_of_user(only_session().user.id, datetime.now(UTC))

    jane.run()

    assert "Sign out" not in {b.label for b in jane.button}


@pytest.fixture
def jane_with_account(jane: AppTest) -> AppTest:
    holdings = (Position("VTI", Decimal(10)), Position("BND", Decimal(30)))
    workbench().store.save_portfolios(
        only_session().user.id, [Portfolio(Account("ira", "IRA"), holdings, Decimal(100))]
    )
    for symbol, price in (("VTI", 250), ("BND", 70)):
        quote = Quote(symbol, Decimal(price), "USD", datetime.now(UTC), "by hand")
        workbench().store.save_manual_price(only_session().user.id, quote)
    return jane.switch_page("pages/rebalance.py").run()


def may_reset(app: AppTest) -> bool:
    return not button(app, "Reset").disabled


def test_a_what_if_is_there_again_after_a_refresh_and_after_signing_in_again(
    jane_with_account: AppTest, open_app: OpenApp, cookies: dict[str, str]
) -> None:
    assert not may_reset(jane_with_account)
    button(jane_with_account, "Equal weights").click().run()
    assert may_reset(jane_with_account)

    refreshed = open_app().switch_page("pages/rebalance.py").run()
    assert may_reset(refreshed)
    button(refreshed, "Sign out").click().run()
    again = enter(open_app(), "jane", PASSWORD, "Sign in").switch_page("pages/rebalance.py").run()
    assert may_reset(again)
    button(again, "Reset").click().run()
    assert not may_reset(again)
    assert drafts().settle()
    fetch_cookie(again, cookies, "t" * 43)

    assert not may_reset(open_app().switch_page("pages/rebalance.py").run())
