"""The Security page and the second step of signing in, without a browser."""

from base64 import b32decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import streamlit as st
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from allocation.adapters.sql.tables import sign_in_session
from allocation.allocation import start_session
from allocation.ports import User
from allocation.presence import Proof
from allocation.sign_in import totp
from pages.shared.cache import local_accounts, second_factors, workbench
from pages.shared.state import SignedIn
from tests.app.conftest import OpenApp, button, said
from tests.installation import PASSWORD

ANOTHER = "another horse battery"


@pytest.fixture
def jane() -> User:
    """The holder of the first account."""
    return local_accounts().create_first("jane", PASSWORD)


def labels(app: AppTest) -> set[str]:
    return {b.label for b in app.button}


def sign_in(app: AppTest, password: str = PASSWORD) -> AppTest:
    app.text_input(key="sign_in.user_name").input("jane")
    app.text_input(key="sign_in.password").input(password)
    return button(app, "Sign in").click().run()


def security_of_jane(open_app: OpenApp) -> AppTest:
    return sign_in(open_app()).switch_page("pages/security.py").run()


def turned_on(jane: User) -> tuple[bytes, tuple[str, ...]]:
    """The seed in Jane's phone and her recovery codes."""
    enrolment = second_factors().begin(jane)
    seed = b32decode(parse_qs(urlsplit(enrolment.address).query)["secret"][0])
    # The code of the step before: the one of now is still to be used.
    return seed, second_factors().confirm(jane, totp.code_at(seed, totp.step_at(datetime.now(UTC)) - 1))


def code_now(seed: bytes) -> str:
    return totp.code_at(seed, totp.step_at(datetime.now(UTC)))


def proved_long_ago(app: AppTest) -> None:
    """The session goes on, but the proof is of yesterday."""
    handle = app.session_state["state.signed_in"].handle
    database = workbench().sessions._database  # type: ignore[attr-defined]
    with database.writing() as connection:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        connection.execute(
            update(sign_in_session).where(sign_in_session.c.handle == handle).values(proved_at=yesterday)
        )


def test_a_demo_is_told_why_there_is_nothing_to_look_after(demo_app: AppTest) -> None:
    demo_app.switch_page("pages/security.py").run()

    assert not demo_app.exception
    assert "The demo has nobody to protect" in said(demo_app)
    assert not {"Change password", "Set up", "Sign out everywhere"} & labels(demo_app)


def test_who_came_with_a_provider_sees_sessions_and_where_the_rest_is_kept(open_app: OpenApp) -> None:
    bench = workbench()
    mary = bench.directory.user_for_identity("https://id.example.com", "4711", "Mary", "")
    handle = bench.sessions.begin(Proof(mary, datetime.now(UTC), "acme"), "", "Firefox on Linux", datetime.now(UTC))
    app = open_app()

    app.session_state["state.signed_in"] = SignedIn(start_session(mary, bench.store, bench.market), handle)
    app.run().switch_page("pages/security.py").run()

    assert not app.exception
    assert any("You sign in with acme" in text.value for text in app.markdown)
    assert any("Firefox on Linux" in text.value for text in app.markdown)
    assert not {"Change password", "Set up"} & labels(app)


def test_a_password_is_changed_with_the_old_one(open_app: OpenApp, jane: User) -> None:
    app = security_of_jane(open_app)
    elsewhere = workbench().sessions.begin(Proof(jane, datetime.now(UTC)), "", "", datetime.now(UTC))
    button(app, "Change password").click().run()
    app.text_input(key="security.old").input("a wrong password")
    app.text_input(key="security.new").input(ANOTHER)
    button(app, "Change password").click().run()
    refused = said(app)

    app.text_input(key="security.old").input(PASSWORD)
    button(app, "Change password").click().run()

    assert "not your password" in refused
    assert "Your password is changed" in said(app)
    assert "security.old" not in app.session_state
    assert workbench().sessions.find(elsewhere, datetime.now(UTC)) is None
    assert local_accounts().check("jane", ANOTHER) == jane


def test_a_second_factor_is_set_up_with_a_first_code_and_the_recovery_codes_are_shown_once(
    open_app: OpenApp, jane: User
) -> None:
    app = security_of_jane(open_app)
    button(app, "Set up").click().run()
    seed = b32decode(app.code[0].value.replace(" ", ""))
    app.text_input(key="second_factor.first_code").input("123")
    button(app, "Turn on").click().run()
    refused = said(app)

    app.text_input(key="second_factor.first_code").input(code_now(seed))
    button(app, "Turn on").click().run()
    shown = app.code[0].value.split()
    button(app, "I have kept them").click().run()

    assert "not right" in refused
    assert len(set(shown)) == 10
    assert not app.code
    assert not app.session_state["second_factor.codes"]
    second_factors().check(jane, shown[0])


def test_what_was_begun_can_be_left(open_app: OpenApp, jane: User) -> None:
    app = security_of_jane(open_app)
    button(app, "Set up").click().run()

    button(app, "Cancel").click().run()

    assert "Set up" in labels(app)
    assert second_factors().of_user(jane) is None


def test_turning_it_off_needs_password_and_code(open_app: OpenApp, jane: User) -> None:
    seed, codes = turned_on(jane)
    app = sign_in(open_app())
    app.text_input(key="sign_in.factor").input(codes[0])
    button(app, "Continue").click().run()
    app.switch_page("pages/security.py").run()
    button(app, "Turn off").click().run()
    app.text_input(key="second_factor.password").input("a wrong password")
    app.text_input(key="second_factor.code").input(code_now(seed))
    button(app, "Turn off").click().run()
    refused, still_on = said(app), second_factors().of_user(jane)

    app.text_input(key="second_factor.password").input(PASSWORD)
    button(app, "Turn off").click().run()

    assert "not your password" in refused
    assert still_on
    assert second_factors().of_user(jane) is None
    assert "Set up" in labels(app)


def test_after_the_password_sign_in_asks_for_the_code(open_app: OpenApp, jane: User) -> None:
    seed, _ = turned_on(jane)
    app = sign_in(open_app())
    asked = labels(app)
    app.text_input(key="sign_in.factor").input("000000 1")
    button(app, "Continue").click().run()
    refused, still_out = said(app), "Sign out" not in labels(app)

    app.text_input(key="sign_in.factor").input(code_now(seed))
    button(app, "Continue").click().run()

    assert {"Continue", "Start again"} <= asked
    assert not {"Sign out", "Explore the demo"} & asked
    assert "not right" in refused
    assert still_out
    assert "Sign out" in labels(app)
    assert "sign_in.half_way" not in app.session_state


def test_a_wrong_password_is_answered_before_anything_is_said_about_a_second_factor(
    open_app: OpenApp, jane: User
) -> None:
    turned_on(jane)

    app = sign_in(open_app(), "a wrong password")

    assert "do not match" in said(app)
    assert "Continue" not in labels(app)


def test_who_takes_too_long_between_password_and_code_begins_again(open_app: OpenApp, jane: User) -> None:
    turned_on(jane)
    app = sign_in(open_app())

    half_way = app.session_state["sign_in.half_way"]
    app.session_state["sign_in.half_way"] = replace(half_way, until=datetime.now(UTC) - timedelta(seconds=1))

    app.run()

    assert "more than five minutes" in said(app)
    assert "Sign in" in labels(app)


def test_a_disabled_user_does_not_get_past_the_code(open_app: OpenApp, jane: User) -> None:
    seed, _ = turned_on(jane)
    app = sign_in(open_app())
    workbench().people.disable(jane.id, datetime.now(UTC))

    app.text_input(key="sign_in.factor").input(code_now(seed))
    button(app, "Continue").click().run()

    assert app.error
    assert "Sign out" not in labels(app)


def test_a_proof_of_long_ago_opens_the_dialog_instead(open_app: OpenApp, jane: User) -> None:
    app = security_of_jane(open_app)
    proved_long_ago(app)

    button(app, "Set up").click().run()

    # What the dialog does is told by the browser stories: the harness cannot run a dialog by itself.
    assert app.text_input(key="step_up.password").label == "Password"
    assert "Confirm" in labels(app)
    assert "Turn on" not in labels(app)
    assert second_factors().under_way(jane) is None


def test_signing_out_everywhere_ends_every_session(open_app: OpenApp, jane: User) -> None:
    app = security_of_jane(open_app)
    workbench().sessions.begin(Proof(jane, datetime.now(UTC)), "", "Safari on iPhone", datetime.now(UTC))

    button(app, "Sign out everywhere").click().run()

    assert "signed out" in said(app)
    assert workbench().sessions.of_user(jane.id, datetime.now(UTC)) == ()


def test_one_session_is_ended_from_the_list_and_the_rest_go_on(open_app: OpenApp, jane: User) -> None:
    app = security_of_jane(open_app)
    elsewhere = workbench().sessions.begin(Proof(jane, datetime.now(UTC)), "", "Safari on iPhone", datetime.now(UTC))
    app.run()

    app.button(key=f"security.end.{elsewhere}").click().run()

    assert "Safari on iPhone is signed out" in said(app)
    assert len(workbench().sessions.of_user(jane.id, datetime.now(UTC))) == 1


def test_whoever_has_a_code_chooses_a_password(open_app: OpenApp, jane: User) -> None:
    code = local_accounts().new_password_code(jane)
    app = open_app()
    button(app, "Set a password with a code").click().run()
    app.text_input(key="sign_in.user_name").input("jane")
    app.text_input(key="sign_in.password_code").input("a guess")
    app.text_input(key="sign_in.new_password").input(ANOTHER)
    button(app, "Set password").click().run()
    refused = said(app)

    app.text_input(key="sign_in.password_code").input(code)
    button(app, "Set password").click().run()
    told = said(app)
    sign_in(app, ANOTHER)

    assert "do not match" in refused
    assert "Your password is set" in told
    assert "Sign out" in labels(app)


@pytest.mark.parametrize("zone", ["Mars/X", "../../etc/passwd", "Europe/\0Rome", "\ud800", "America", "x" * 5000])
def test_a_time_zone_that_there_is_not_is_read_as_utc(
    open_app: OpenApp, jane: User, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setattr(type(st.context), "timezone", property(lambda _: zone))

    for page in ("pages/security.py", "pages/history.py"):
        app = sign_in(open_app()).switch_page(page).run()
        assert not app.exception
        assert app.title[0].value in ("Security", "History")
