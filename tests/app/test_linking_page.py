"""Linking a broker on the accounts page, without a browser: paper, keys, refresh, the end of a link, unlink."""

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from allocation.authorisation import Verb
from allocation.brokers import Mode
from allocation.orders import Order
from allocation.paper_terms import PaperTerms
from allocation.trade_plan import Side
from pages.shared.cache import workbench
from tests.alpaca_side import AlpacaSide
from tests.app.conftest import OpenApp, button, said
from tests.app.test_accounts_page import demo_accounts, golden, names, new_user, upload, written
from tests.broker_side import Fault

__all__ = ["demo_accounts", "new_user"]

D = Decimal


@pytest.fixture
def alpaca(monkeypatch: pytest.MonkeyPatch) -> Iterator[AlpacaSide]:
    """A loopback Alpaca in the place of the real one, for paper."""
    with ExitStack() as closing:
        side = AlpacaSide(closing)
        monkeypatch.setattr(
            "allocation.adapters.alpaca_kind.HOSTS", {Mode.PAPER: side.stub.url, Mode.LIVE: "http://127.0.0.1:9"}
        )
        yield side


def badges(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in app.markdown)


def link_with_keys(app: AppTest, side: AlpacaSide) -> AppTest:
    button(app, "Link a broker").click().run()
    app.button_group(key="link.broker").set_value("Alpaca").run()
    app.text_input(key="link.alpaca.keys.key_id").input(side.stub.key_id)
    app.text_input(key="link.alpaca.keys.secret").input(side.stub.secret)
    return button(app, "Link Alpaca").click().run()


def test_the_demo_says_why_it_links_nothing(demo_accounts: AppTest) -> None:
    link = button(demo_accounts, "Link a broker")

    assert link.disabled
    assert "Sign in to link a broker" in link.help


def test_a_paper_account_is_opened_with_the_holdings_of_another_and_says_that_it_is_paper(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_individual.csv"))
    button(app, "Save account").click().run()

    button(app, "Link a broker").click().run()
    start = app.selectbox(key="link.paper.start")
    start.set_value(start.options and next(key for key in start.proto.options if key != "Cash only")).run()
    button(app, "Open paper account").click().run()

    assert not app.exception
    assert any(name.endswith("on paper") for name in names(app))
    assert "PAPER" in badges(app)
    assert "refreshed just now" in written(app)


def test_a_paper_account_says_what_its_sales_gained(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_individual.csv"))
    button(app, "Save account").click().run()
    user = app.session_state["state.signed_in"].session.user.id
    bench = workbench()
    start = bench.store.portfolio(user, bench.store.accounts(user)[0].id)
    opened = bench.links.open_paper(user, "Rehearsal", start, PaperTerms())
    way = bench.links.open(user, opened.account.id, Verb.SEND_ORDERS)
    held = opened.positions[0]

    way.broker.place(Order("rb1", way.account.broker_account, held.symbol, Side.SELL, held.quantity))
    app.run()

    assert not app.exception
    assert "Realised by sales: " in written(app)


def test_a_paper_account_of_cash_alone_with_terms_that_cannot_be_is_refused_and_then_opened(new_user: AppTest) -> None:
    button(new_user, "Link a broker").click().run()
    new_user.text_input(key="link.paper.share").input("0")
    button(new_user, "Open paper account").click().run()
    assert "fills 0 of an order at a time" in said(new_user).replace("\\", "")

    new_user.text_input(key="link.paper.share").input("50")
    button(new_user, "Open paper account").click().run()

    assert not new_user.exception
    assert names(new_user) == ["Paper account"]
    assert "Saved: Paper account" in said(new_user)


def test_keys_link_the_account_and_are_nowhere_afterwards(new_user: AppTest, alpaca: AlpacaSide) -> None:
    app = link_with_keys(new_user, alpaca)

    assert not app.exception
    assert names(app) == ["Alpaca paper IN01"]
    assert "PAPER" in badges(app)
    kept = repr(app.session_state)
    for secret in alpaca.secrets:
        assert secret not in kept
        assert secret not in written(app) + said(app)


def test_keys_that_are_refused_say_so_and_are_not_shown_again(new_user: AppTest, alpaca: AlpacaSide) -> None:
    alpaca.stub.revoked = True

    app = link_with_keys(new_user, alpaca)

    assert not app.exception
    assert "Alpaca does not know these keys" in said(app)
    assert names(app) == []


def test_a_refresh_brings_what_changed_at_the_broker(new_user: AppTest, alpaca: AlpacaSide) -> None:
    app = link_with_keys(new_user, alpaca)
    del alpaca.stub.held["BRK.B"]

    button(app, "Refresh").click().run()

    assert not app.exception
    assert "2 positions" in written(app)


def test_a_refresh_that_fails_says_why_on_the_card_and_changes_nothing(new_user: AppTest, alpaca: AlpacaSide) -> None:
    app = link_with_keys(new_user, alpaca)
    alpaca.suffer(Fault.BUSY)

    button(app, "Refresh").click().run()

    assert not app.exception
    assert "Alpaca does not answer" in said(app)
    assert "3 positions" in written(app)


def test_holdings_that_vanished_are_replaced_only_after_a_second_click(new_user: AppTest, alpaca: AlpacaSide) -> None:
    app = link_with_keys(new_user, alpaca)
    alpaca.stub.held.clear()
    button(app, "Refresh").click().run()
    assert "3 holdings are gone" in said(app)
    assert "3 positions" in written(app)

    button(app, "The account is empty: replace what was saved").click().run()

    assert not app.exception
    assert "0 positions" in written(app)


def test_an_ended_link_says_what_to_do_and_cannot_be_refreshed(new_user: AppTest, alpaca: AlpacaSide) -> None:
    app = link_with_keys(new_user, alpaca)
    alpaca.revoke()

    button(app, "Refresh").click().run()

    assert "does not accept the link any more" in said(app)
    assert button(app, "Refresh").disabled
    assert "Link ended" in badges(app)


def test_an_ended_link_is_linked_again_from_its_card_and_keeps_its_account(
    new_user: AppTest, alpaca: AlpacaSide
) -> None:
    app = link_with_keys(new_user, alpaca)
    alpaca.revoke()
    button(app, "Refresh").click().run()
    alpaca.stub.revoked = False

    button(app, "Link again").click().run()
    app.text_input(key="link.alpaca.keys.key_id").input(alpaca.stub.key_id)
    app.text_input(key="link.alpaca.keys.secret").input(alpaca.stub.secret)
    button(app, "Link Alpaca").click().run()

    assert not app.exception
    assert names(app) == ["Alpaca paper IN01"]
    assert "Link ended" not in badges(app)


def test_unlinking_leaves_the_holdings_without_a_broker(new_user: AppTest, alpaca: AlpacaSide) -> None:
    app = link_with_keys(new_user, alpaca)

    button(app, "Unlink now").click().run()

    assert not app.exception
    assert names(app) == ["Alpaca paper IN01"]
    assert "PAPER" not in badges(app)
    assert workbench().links.of_user("anybody") == ()


def test_signing_in_is_offered_where_the_installation_is_registered(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch, alpaca: AlpacaSide
) -> None:
    monkeypatch.setattr(type(st.context), "url", property(lambda _: "http://localhost:8501/"))
    monkeypatch.setenv("EVENKEEL_ALPACA_CLIENT_ID", "evenkeel-client")
    monkeypatch.setenv("EVENKEEL_ALPACA_CLIENT_SECRET", "the-canary-of-the-app")
    app = open_app()
    app.text_input(key="sign_in.user_name").input("jane")
    app.text_input(key="sign_in.password").input("correct horse battery")
    button(app, "Create account").click().run().switch_page("pages/accounts.py").run()
    button(app, "Link a broker").click().run()

    app.button_group(key="link.broker").set_value("Alpaca").run()
    app.radio(key="link.way.alpaca").set_value("By signing in at Alpaca").run()

    assert not app.exception
    assert not [error.value for error in app.error]
    errand = workbench().links.errand(app.session_state["state.signed_in"].session.user.id, "alpaca")
    assert errand is not None
    assert errand[1].url.startswith("https://app.alpaca.markets/oauth/authorize?")
    assert "the-canary-of-the-app" not in repr(app.main)
