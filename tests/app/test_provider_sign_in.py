"""Back from a provider in the same tab, without a browser: who is let in, who is not, and what is written down of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from allocation.sign_in.attempts import Departure
from allocation.trail import EventKind
from allocation.utils import oauth
from pages.shared.browser import key_of
from pages.shared.cache import attempts, workbench
from tests.app.conftest import OpenApp, said
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, SUBJECT, OpenIdProvider, running_provider

BROWSER = "a" * 43
REDIRECT = "http://localhost:8501/oauth/callback"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def secrets(provider: OpenIdProvider, cookies: dict[str, str]) -> dict[str, Any]:
    cookies["evenkeel_browser"] = BROWSER
    table = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "label": "Acme"}
    return {"oidc": {"acme": table}}


def back_from(provider: OpenIdProvider, open_app: OpenApp, secrets: dict[str, Any], **answer: str) -> AppTest:
    """The page after somebody left it for the provider and came back with an answer."""
    open_app(secrets=secrets)  # so that the settings are read
    key = key_of(BROWSER)
    handshake = oauth(provider.configured, attempts().new_state(key))
    came = provider.approve(handshake.authorize_url(REDIRECT))
    attempts().leave(handshake.state, key, Departure("acme", "/", handshake.written()))
    assert attempts().post(key, {**came, **answer}) == "/"
    return open_app(secrets=secrets)


def is_in(app: AppTest) -> bool:
    return "Sign out" in {b.label for b in app.button}


def kinds_of(user_id: str) -> list[str]:
    return [line.kind for line in workbench().trail.of_user(user_id)]


def test_who_comes_back_is_signed_in_and_written_down(
    open_app: OpenApp, provider: OpenIdProvider, secrets: dict[str, Any]
) -> None:
    provider.change_claims = lambda claims: claims.update(auth_time=int(datetime.now(UTC).timestamp()), amr=["mfa"])

    app = back_from(provider, open_app, secrets)

    user = workbench().directory.find_identity(provider.issuer, SUBJECT)
    assert user is not None
    (live,) = workbench().sessions.of_user(user.id, datetime.now(UTC))
    assert is_in(app)
    assert (live.provider, live.second_factor) == ("acme", True)
    assert (datetime.now(UTC) - live.proved_at).total_seconds() < 60
    assert kinds_of(user.id) == [EventKind.SIGN_IN]


def test_a_provider_that_does_not_say_when_gives_no_recent_proof(
    open_app: OpenApp, provider: OpenIdProvider, secrets: dict[str, Any]
) -> None:
    back_from(provider, open_app, secrets)

    user = workbench().directory.find_identity(provider.issuer, SUBJECT)
    assert user is not None
    (live,) = workbench().sessions.of_user(user.id, datetime.now(UTC))
    assert live.proved_at.year == 1970


@pytest.mark.parametrize("answer", [{"iss": "https://evil.example.com"}, {"code": "stolen"}], ids=str)
def test_a_wrong_answer_lets_nobody_in(
    open_app: OpenApp, provider: OpenIdProvider, secrets: dict[str, Any], answer: dict[str, str]
) -> None:
    app = back_from(provider, open_app, secrets, **answer)

    assert not is_in(app)
    assert "Sign-in did not complete. Try again." in said(app)
    assert workbench().directory.find_identity(provider.issuer, SUBJECT) is None


def test_a_clock_that_is_off_by_minutes_is_named_with_both_times(
    open_app: OpenApp, provider: OpenIdProvider, secrets: dict[str, Any]
) -> None:
    theirs = int(datetime.now(UTC).timestamp()) + 300
    provider.change_claims = lambda claims: claims.update(iat=theirs, exp=theirs + 300)

    app = back_from(provider, open_app, secrets)

    assert not is_in(app)
    assert f"The provider says {datetime.fromtimestamp(theirs, UTC):%Y-%m-%d %H:%M:%S} UTC, this server" in said(app)


def test_the_same_address_does_not_make_the_same_user(
    open_app: OpenApp, provider: OpenIdProvider, secrets: dict[str, Any]
) -> None:
    open_app(secrets=secrets)
    first = workbench_user(provider, "somebody-else", "jane@example.com")
    provider.change_claims = lambda claims: claims.update(email_verified=False)

    app = back_from(provider, open_app, secrets)

    second = workbench().directory.find_identity(provider.issuer, SUBJECT)
    assert is_in(app)
    assert second is not None
    assert (second.id == first, second.email) == (False, "")


def workbench_user(provider: OpenIdProvider, subject: str, email: str) -> str:
    return workbench().directory.user_for_identity(provider.issuer, subject, "Jane", email).id


def test_a_user_who_is_switched_off_is_told_so_and_not_let_in(
    open_app: OpenApp, provider: OpenIdProvider, secrets: dict[str, Any]
) -> None:
    open_app(secrets=secrets)
    user_id = workbench_user(provider, SUBJECT, "")
    workbench().people.disable(user_id, datetime.now(UTC))

    app = back_from(provider, open_app, secrets)

    assert not is_in(app)
    assert "switched off" in said(app)
    assert EventKind.SIGN_IN_REFUSED in kinds_of(user_id)
