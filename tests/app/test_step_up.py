"""Who came with a provider proves themselves once more there; the dialog's inside, without its frame."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from allocation.allocation import start_session
from allocation.ports import User
from allocation.presence import Proof
from allocation.sign_in.handshake import Handshake
from pages.shared import step_up
from pages.shared.cache import workbench
from pages.shared.state import SignedIn
from tests.app.conftest import OpenApp, said
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, SUBJECT, OpenIdProvider, running_provider

A_DAY_AGO = timedelta(days=1)


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def dialog(open_app: OpenApp, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Jane of the provider, signed in a day ago, is asked to prove herself; the provider's answer is there at once."""

    def answered(_: str, handshake: Handshake, redirect_uri: str, __: str) -> dict[str, Any]:
        return provider.approve(handshake.authorize_url(redirect_uri))

    monkeypatch.setattr(step_up, "provider_answer", answered)
    monkeypatch.setattr(step_up, "callback_address", lambda *_: "http://localhost:8501/oauth/callback")
    table = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "label": "Acme"}
    open_app(secrets={"oidc": {"acme": table}})  # with it, the workbench knows the provider

    def inside() -> None:
        import streamlit as st

        from pages.shared import state, step_up

        session, live = state.require_session(), state.live_session()
        if live is not None and "step_up.passed" not in st.session_state:
            step_up._ask_provider(session.user, live, "send the orders")

    app = AppTest.from_function(inside, default_timeout=30)
    app.secrets = {"oidc": {"acme": table}}
    app.session_state["state.signed_in"] = signed_in(jane(provider))
    return app


def jane(provider: OpenIdProvider) -> User:
    return workbench().directory.user_for_identity(provider.issuer, SUBJECT, "Jane", "")


def signed_in(user: User) -> SignedIn:
    bench, now = workbench(), datetime.now(UTC)
    handle = bench.sessions.begin(Proof(user, now - A_DAY_AGO, "acme"), "", "", now)
    return SignedIn(start_session(user, bench.store, bench.market), handle)


def proved_ago(app: AppTest) -> timedelta:
    live = workbench().sessions.find(app.session_state["state.signed_in"].handle, datetime.now(UTC))
    assert live is not None
    return datetime.now(UTC) - live.proved_at


def kinds(provider: OpenIdProvider) -> list[str]:
    return [line.kind for line in workbench().trail.of_user(jane(provider).id)]


def test_a_fresh_sign_in_there_is_a_proof(dialog: AppTest, provider: OpenIdProvider) -> None:
    provider.change_claims = lambda claims: claims.update(auth_time=claims["iat"])

    dialog.run()

    assert not dialog.exception
    assert proved_ago(dialog) < timedelta(minutes=1)
    assert dialog.session_state["step_up.passed"] == "send the orders"
    assert kinds(provider)[0] == "step_up"


@pytest.mark.parametrize(
    "change",
    [
        {"sub": "somebody else", "auth_time": 0},
        {"auth_time": -3600},
        {"auth_time": None},
        {"auth_time": 0, "nonce": "of another attempt"},
    ],
    ids=["somebody else", "an hour ago", "nobody says when", "of another attempt"],
)
def test_whatever_else_comes_back_proves_nothing(
    dialog: AppTest, provider: OpenIdProvider, change: dict[str, Any]
) -> None:
    def changed(claims: dict[str, Any]) -> None:
        ago = change.get("auth_time")
        claims.update({**change, "auth_time": claims["iat"] + ago if ago is not None else None})
        if claims["auth_time"] is None:
            del claims["auth_time"]

    provider.change_claims = changed

    dialog.run()

    assert not dialog.exception
    assert "did not complete" in said(dialog)
    assert proved_ago(dialog) > timedelta(hours=23)
    assert "step_up.passed" not in dialog.session_state
    assert kinds(provider)[0] == "step_up_refused"
