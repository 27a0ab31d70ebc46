"""A sign-in with a provider, without a browser: the good way through, and every way round it closed."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from allocation.errors import ProviderUnreachableError, SignInRefusedError
from allocation.sign_in.discovery import ProviderServer, read_keys, read_metadata
from allocation.sign_in.handshake import Handshake
from allocation.sign_in.providers import Provider
from allocation.utils import oauth
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, SUBJECT, OpenIdProvider, running_provider

REDIRECT = "http://localhost:8501/oauth/callback"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with running_provider() as provider:
        yield provider


def begun(provider: OpenIdProvider) -> tuple[Handshake, dict[str, str]]:
    """An attempt whose user consented, and the answer the browser brings back."""
    handshake = oauth(provider.configured)
    return handshake, provider.approve(handshake.authorize_url(REDIRECT))


def test_a_user_who_consents_is_known_by_issuer_and_subject(provider: OpenIdProvider) -> None:
    handshake, answer = begun(provider)

    identity = handshake.exchange(answer["code"], answer["state"])

    assert (identity.issuer, identity.subject) == (provider.issuer, SUBJECT)
    assert (identity.name, identity.email) == ("Jane Analyst", "jane@example.com")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_secret_is_shown_the_way_the_provider_wants_it(provider: OpenIdProvider, method: str) -> None:
    provider.auth_method = method
    handshake, answer = begun(provider)

    identity = handshake.exchange(answer["code"], answer["state"])

    assert identity.subject == SUBJECT


def test_a_client_without_a_secret_only_says_its_name(provider: OpenIdProvider) -> None:
    provider.auth_method = "none"
    public = Provider.model_validate({"name": "acme", "issuer": provider.issuer, "client_id": CLIENT_ID})
    handshake = oauth(public)
    answer = provider.approve(handshake.authorize_url(REDIRECT))

    identity = handshake.exchange(answer["code"], answer["state"])

    assert identity.subject == SUBJECT


def test_the_address_to_open_asks_for_a_code_with_proof_and_holds_no_secret(provider: OpenIdProvider) -> None:
    url = oauth(provider.configured).authorize_url(REDIRECT)

    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert (asked["redirect_uri"], asked["scope"]) == (REDIRECT, "openid email profile")
    assert min(map(len, (asked["state"], asked["nonce"], asked["code_challenge"]))) == 43  # 256 bits in base64url
    assert CLIENT_SECRET not in url


def test_no_two_attempts_share_a_secret(provider: OpenIdProvider) -> None:
    first, second = (parse_qs(urlsplit(oauth(provider.configured).authorize_url(REDIRECT)).query) for _ in range(2))

    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


ATTACKS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "state missing": lambda answer: answer.update(state=None),
    "state empty": lambda answer: answer.update(state=""),
    "state wrong": lambda answer: answer.update(state="x" * 43),
    "state not text": lambda answer: answer.update(state=["x"]),
    "state not ASCII": lambda answer: answer.update(state="\ud800"),
    "code missing": lambda answer: answer.update(code=None),
    "code empty": lambda answer: answer.update(code=""),
    "code not text": lambda answer: answer.update(code={"id_token": "forged"}),
    "code not ASCII": lambda answer: answer.update(code="\ud800"),
    "code endless": lambda answer: answer.update(code="c" * 1_000_000),
    "issuer of another": lambda answer: answer.update(iss="https://evil.example.com"),
    "issuer not text": lambda answer: answer.update(iss=7),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_answer_that_is_not_ours_is_refused_before_the_code_leaves(
    provider: OpenIdProvider, attack: Callable[[dict[str, Any]], Any]
) -> None:
    handshake, good = begun(provider)
    answer: dict[str, Any] = {**good, "iss": None}
    attack(answer)

    with pytest.raises(SignInRefusedError):
        handshake.exchange(answer["code"], answer["state"], answer["iss"])

    assert provider.token_requests == 0


def test_an_answer_counts_once(provider: OpenIdProvider) -> None:
    handshake, answer = begun(provider)
    handshake.exchange(answer["code"], answer["state"])

    with pytest.raises(SignInRefusedError, match="did not complete") as refusal:
        handshake.exchange(answer["code"], answer["state"])

    assert "used already" in refusal.value.reason
    assert provider.token_requests == 1


def test_the_state_of_one_attempt_does_not_fit_another(provider: OpenIdProvider) -> None:
    _, attackers_answer = begun(provider)
    victims_handshake, _ = begun(provider)

    with pytest.raises(SignInRefusedError):
        victims_handshake.exchange(attackers_answer["code"], attackers_answer["state"])


def test_a_stolen_code_is_worthless_without_the_verifier(provider: OpenIdProvider) -> None:
    _, stolen = begun(provider)
    thief, own = begun(provider)

    with pytest.raises(SignInRefusedError) as refusal:
        thief.exchange(stolen["code"], own["state"])

    assert "invalid_grant" in refusal.value.reason


def test_the_issuer_in_the_answer_must_be_there_when_the_provider_promises_it(provider: OpenIdProvider) -> None:
    provider.change_discovery = lambda document: document.update(authorization_response_iss_parameter_supported=True)
    with_it, answer = begun(provider)
    assert with_it.exchange(answer["code"], answer["state"], provider.issuer).subject == SUBJECT
    without_it, answer = begun(provider)

    with pytest.raises(SignInRefusedError):
        without_it.exchange(answer["code"], answer["state"])


def test_a_code_is_not_redeemed_when_nobody_was_sent_away(provider: OpenIdProvider) -> None:
    handshake = oauth(provider.configured)

    with pytest.raises(SignInRefusedError):
        handshake.exchange("code", handshake.state)


@pytest.mark.parametrize(
    "change",
    [
        lambda claims: claims.update(nonce="x" * 43),
        lambda claims: claims.update(aud="other"),
        lambda claims: claims.update(iss="https://evil.example.com"),
        lambda claims: claims.update(exp=1),
        lambda claims: claims.pop("sub"),
    ],
    ids=["nonce", "audience", "issuer", "expiry", "subject"],
)
def test_a_token_that_is_wrong_signs_nobody_in(provider: OpenIdProvider, change: Callable[[Any], Any]) -> None:
    provider.change_claims = change
    handshake, answer = begun(provider)

    with pytest.raises(SignInRefusedError):
        handshake.exchange(answer["code"], answer["state"])


@pytest.mark.parametrize("token", [..., None, 7, "", {"sub": "somebody"}, ["x"]], ids=str)
def test_an_answer_without_an_id_token_signs_nobody_in(provider: OpenIdProvider, token: Any) -> None:
    provider.change_tokens = lambda tokens: tokens.pop("id_token") if token is ... else tokens.update(id_token=token)
    handshake, answer = begun(provider)

    with pytest.raises(SignInRefusedError):
        handshake.exchange(answer["code"], answer["state"])


def test_new_signing_keys_are_picked_up(provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    server = ProviderServer(provider.configured, lambda: clock[0])
    server.keys()
    clock[0] = 31
    provider.key = RSAKey.generate_key(2048, {"kid": "key-2", "use": "sig"})

    newer = server.keys(newer=True)

    assert [key.kid for key in newer] == ["key-2"]
    assert server.keys() is newer


def test_a_provider_is_not_asked_for_keys_again_and_again(provider: OpenIdProvider) -> None:
    server = ProviderServer(provider.configured, lambda: 0.0)
    first = server.keys()

    assert server.keys(newer=True) is first


def test_a_provider_that_is_down_is_said_to_be_down() -> None:
    with running_provider() as gone:
        configured = gone.configured

    with pytest.raises(ProviderUnreachableError, match="Acme does not answer"):
        oauth(configured).authorize_url(REDIRECT)


DISCOVERY_FAULTS: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://evil.example.com"},
    "no issuer": {"issuer": None},
    "no token endpoint": {"token_endpoint": None},
    "endpoint of a list": {"jwks_uri": ["https://id.example.com/keys"]},
    "plain http elsewhere": {"token_endpoint": "http://id.example.com/token"},
    "plain http here": {"token_endpoint": "http://localhost:1/token"},
    "a script": {"authorization_endpoint": "javascript:alert(1)"},
    "a file": {"jwks_uri": "file:///etc/passwd"},
    "with a password": {"jwks_uri": "https://user:password@id.example.com/keys"},
}
GOOD_DISCOVERY = {
    "issuer": "https://id.example.com",
    "authorization_endpoint": "https://id.example.com/authorize?p=policy",
    "token_endpoint": "https://id.example.com/token",
    "jwks_uri": "https://id.example.com/keys",
}


def test_endpoints_may_carry_a_query() -> None:
    assert read_metadata(GOOD_DISCOVERY, "https://id.example.com").authorization_endpoint.endswith("?p=policy")


@pytest.mark.parametrize("fault", DISCOVERY_FAULTS.values(), ids=DISCOVERY_FAULTS.keys())
def test_a_discovery_document_that_is_not_safe_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(SignInRefusedError):
        read_metadata({**GOOD_DISCOVERY, **fault}, "https://id.example.com")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": []},
        {"keys": 7},
        {"keys": [7]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [{"kty": "RSA"}]},
    ],
    ids=str,
)
def test_a_key_set_without_a_public_key_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(SignInRefusedError):
        read_keys(document)
