"""Linking E*TRADE and SnapTrade on the accounts page, without a browser: a page of the broker, a code, a key, midnight."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from streamlit.testing.v1 import AppTest

from allocation.brokers import Mode
from tests.app.conftest import OpenApp, button, said
from tests.app.test_accounts_page import names, new_user, written
from tests.etrade_side import EtradeSide
from tests.snaptrade_side import SnaptradeSide

__all__ = ["new_user"]


@pytest.fixture
def etrade(monkeypatch: pytest.MonkeyPatch) -> Iterator[EtradeSide]:
    """A loopback E*TRADE in the place of the real one."""
    with ExitStack() as closing:
        side = EtradeSide(closing)
        monkeypatch.setattr("allocation.adapters.etrade_kind.SIGN_IN_HOST", side.stub.url)
        hosts = {Mode.LIVE: side.stub.url, Mode.PAPER: "http://127.0.0.1:9"}
        monkeypatch.setattr("allocation.adapters.etrade_line.HOSTS", hosts)
        yield side


@pytest.fixture
def snaptrade(monkeypatch: pytest.MonkeyPatch) -> Iterator[SnaptradeSide]:
    """A loopback SnapTrade in the place of the real one."""
    with ExitStack() as closing:
        side = SnaptradeSide(closing)
        monkeypatch.setattr("allocation.adapters.snaptrade_kind.HOST", side.stub.url)
        yield side


def begin(app: AppTest, side: EtradeSide) -> AppTest:
    """As far as E*TRADE's page."""
    button(app, "Link a broker").click().run()
    app.button_group(key="link.broker").set_value("E*TRADE").run()
    app.radio(key="link.mode.etrade.key").set_value(Mode.LIVE).run()
    app.text_input(key="link.etrade.key.key").input(side.consumer.key)
    app.text_input(key="link.etrade.key.secret").input(side.consumer.secret)
    return go_to(app)


def go_to(app: AppTest) -> AppTest:
    """Off to E*TRADE. A dialog asks for itself again, which a page run as a whole, as here, cannot: so we ask for it."""
    return button(app, "Continue to E*TRADE").click().run().run()


def bring(app: AppTest, code: str) -> AppTest:
    """The code that E*TRADE showed."""
    app.text_input(key="link.code.text.etrade").input(code)
    return button(app, "Finish").click().run()


def agreed(side: EtradeSide) -> str:
    """What the customer is shown who agrees to the latest request."""
    return side.stub.tokens.agree(list(side.stub.tokens.requested)[-1])


def test_etrade_is_linked_by_its_page_and_a_code_and_its_secrets_are_nowhere_afterwards(
    new_user: AppTest, etrade: EtradeSide
) -> None:
    app = begin(new_user, etrade)
    assert not app.exception
    assert "midnight US Eastern" in said(app) + written(app)

    bring(app, agreed(etrade))

    assert not app.exception
    assert names(app) == ["NickName-1"]
    assert "LIVE" in "\n".join(str(element.value) for element in app.markdown)
    token = next(reversed(etrade.stub.tokens.granted))
    for secret in (etrade.consumer.secret, token, etrade.stub.tokens.granted[token].secret):
        assert secret not in repr(app.session_state) + written(app) + said(app)


def test_a_wrong_code_says_so_and_another_try_begins_at_etrade(new_user: AppTest, etrade: EtradeSide) -> None:
    app = begin(new_user, etrade)

    bring(app, "WRONG1")

    assert not app.exception
    assert "Begin again and copy the new one" in said(app)
    button(app, "Start over").click().run().run()
    assert app.text_input(key="link.etrade.key.key").value == ""


def test_after_midnight_the_card_says_to_sign_in_again_and_then_the_account_is_the_same(
    new_user: AppTest, etrade: EtradeSide
) -> None:
    app = bring(begin(new_user, etrade), agreed(etrade))
    etrade.stub.tokens.kill()
    button(app, "Refresh").click().run()
    assert "Sign in again at E*TRADE: its sessions end at midnight US Eastern" in said(app).replace("\\", "")

    bring(begin(app, etrade), agreed(etrade))

    assert not app.exception
    assert names(app) == ["NickName-1"]
    assert not button(app, "Refresh").disabled


def test_an_installation_with_a_key_of_its_own_asks_for_the_code_alone(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch, etrade: EtradeSide
) -> None:
    monkeypatch.setenv("EVENKEEL_ETRADE_CONSUMER_KEY", etrade.consumer.key)
    monkeypatch.setenv("EVENKEEL_ETRADE_CONSUMER_SECRET", etrade.consumer.secret)
    app = open_app()
    app.text_input(key="sign_in.user_name").input("jane")
    app.text_input(key="sign_in.password").input("correct horse battery")
    button(app, "Create account").click().run().switch_page("pages/accounts.py").run()

    button(app, "Link a broker").click().run()
    app.button_group(key="link.broker").set_value("E*TRADE").run()
    bring(go_to(app), agreed(etrade))

    assert not app.exception
    assert names(app) == ["NickName-1"]


def test_snaptrade_is_linked_with_a_key_and_an_account_that_only_reads_says_so(
    new_user: AppTest, snaptrade: SnaptradeSide
) -> None:
    snaptrade.stub.institution, snaptrade.stub.type = "Vanguard US", "read"
    button(new_user, "Link a broker").click().run()
    new_user.button_group(key="link.broker").set_value("SnapTrade").run()
    new_user.text_input(key="link.snaptrade.keys.client_id").input(snaptrade.key.client_id)
    new_user.text_input(key="link.snaptrade.keys.consumer_key").input(snaptrade.key.consumer_key)

    button(new_user, "Link SnapTrade").click().run()

    assert not new_user.exception
    assert names(new_user) == ["Vanguard US Individual"]
    assert snaptrade.key.consumer_key not in repr(new_user.session_state) + written(new_user)
