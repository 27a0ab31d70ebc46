"""Bad ID tokens through the real exchange with a provider, and attacks on the way there: all refused, none repeated."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwe, jwt
from joserfc.jwk import RSAKey

from allocation.errors import ProviderClockError, ProviderUnreachableError, SignInRefusedError
from allocation.sign_in.discovery import ProviderServer
from allocation.sign_in.handshake import Handshake
from allocation.utils import oauth
from tests.openid_provider import CLIENT_ID, SUBJECT, OpenIdProvider, running_provider

REDIRECT = "http://localhost:8501/oauth/callback"
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "key-1"})
Forge = Callable[[OpenIdProvider, dict[str, Any]], object]


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(autouse=True)
def an_honest_provider(provider: OpenIdProvider) -> None:
    provider.change_claims = provider.change_tokens = provider.change_discovery = lambda _: None


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(algorithm: str) -> Forge:
    return lambda _, claims: f"{b64({'alg': algorithm, 'kid': 'key-1'})}.{b64(claims)}."


def public_key_as_secret(provider: OpenIdProvider, claims: dict[str, Any]) -> str:
    text = f"{b64({'alg': 'HS256', 'kid': 'key-1'})}.{b64(claims)}"
    mac = hmac.digest(provider.key.as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def by_somebody_else(**header: Any) -> Forge:
    header = {name: value for name, value in {"alg": "RS256", "kid": "key-1", **header}.items() if value is not ...}
    return lambda _, claims: jwt.encode(header, claims, OTHER_KEY)


def with_claims(**changes: Any) -> Forge:
    def forge(provider: OpenIdProvider, claims: dict[str, Any]) -> str:
        told = {name: value for name, value in {**claims, **changes}.items() if value is not ...}
        told = {name: value(claims) if callable(value) else value for name, value in told.items()}
        return jwt.encode({"alg": "RS256", "kid": "key-1"}, told, provider.key)

    return forge


def tampered(provider: OpenIdProvider, claims: dict[str, Any]) -> str:
    header, _, signature = jwt.encode({"alg": "RS256", "kid": "key-1"}, claims, provider.key).split(".")
    return f"{header}.{b64({**claims, 'sub': 'victim'})}.{signature}"


def encrypted(_: OpenIdProvider, claims: dict[str, Any]) -> str:
    header, key = {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "key-1"}, RSAKey.generate_key(2048)
    return jwe.encrypt_compact(header, json.dumps(claims).encode(), key)


def in_seconds(seconds: int) -> Callable[[dict[str, Any]], int]:
    return lambda _: int(time.time()) + seconds


BAD_TOKENS: dict[str, Forge] = {
    "alg none": unsigned("none"),
    "alg NoNe": unsigned("NoNe"),
    "HS256 with the public key": public_key_as_secret,
    "another key under a known id": by_somebody_else(),
    "unknown kid": by_somebody_else(kid="key-7"),
    "missing kid": by_somebody_else(kid=...),
    "jwk in the header": by_somebody_else(jwk=OTHER_KEY.as_dict(private=False)),
    "jku in the header": by_somebody_else(kid="key-7", jku="https://evil.example.com/keys"),
    "iss wrong": with_claims(iss="https://evil.example.com"),
    "iss with a slash": with_claims(iss=lambda claims: claims["iss"] + "/"),
    "iss missing": with_claims(iss=...),
    "aud of another client": with_claims(aud="another"),
    "aud missing": with_claims(aud=...),
    "aud several without azp": with_claims(aud=[CLIENT_ID, "another"]),
    "aud several with another azp": with_claims(aud=[CLIENT_ID, "another"], azp="another"),
    "exp over": with_claims(exp=in_seconds(-120)),
    "exp missing": with_claims(exp=...),
    "exp text": with_claims(exp="tomorrow"),
    "nbf to come": with_claims(nbf=in_seconds(120)),
    "iat to come": with_claims(iat=in_seconds(300)),
    "iat long ago": with_claims(iat=in_seconds(-3600)),
    "nonce of another attempt": with_claims(nonce="n" * 43),
    "nonce missing": with_claims(nonce=...),
    "sub missing": with_claims(sub=...),
    "sub empty": with_claims(sub=""),
    "sub endless": with_claims(sub="s" * 256),
    "tampered": tampered,
    "not a token": lambda _, __: "not.a.token",
    "encrypted": encrypted,
    "nothing": lambda _, __: None,
    "bytes": lambda provider, claims: list(tampered(provider, claims).encode()),
    "a megabyte": lambda _, __: "e" * 1_000_000,
    "opaque": lambda _, __: "2YotnFZFEjr1zCsicMWpAA",
}


def begun(provider: OpenIdProvider) -> tuple[Handshake, dict[str, str]]:
    handshake = oauth(provider.configured)
    return handshake, provider.approve(handshake.authorize_url(REDIRECT))


# Signed by the provider for this attempt, and off by nothing but its time: then both times help whoever runs the server.
OFF_THE_CLOCK = [BAD_TOKENS[name] for name in ("iat to come", "iat long ago")]


def test_there_are_thirty_three_bad_tokens() -> None:
    assert len(BAD_TOKENS) == 33


@pytest.mark.parametrize("forge", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_a_bad_id_token_signs_nobody_in_and_is_not_repeated(provider: OpenIdProvider, forge: Forge) -> None:
    sent: list[object] = []

    def replace_token(tokens: dict[str, Any]) -> None:
        good = jwt.decode(tokens["id_token"], provider.key).claims
        tokens["id_token"] = forge(provider, good)
        sent.append(tokens["id_token"])

    provider.change_tokens = replace_token
    handshake, answer = begun(provider)

    with pytest.raises(SignInRefusedError) as refusal:
        handshake.exchange(answer["code"], answer["state"])

    told = f"{refusal.value} {refusal.value.reason}"
    assert str(refusal.value).startswith("Sign-in did not complete")
    assert isinstance(refusal.value, ProviderClockError) == (forge in OFF_THE_CLOCK)
    assert sent
    assert not any(part in told for part in str(sent[0]).split(".") if len(part) > 8)


def test_the_same_provider_with_a_good_token_signs_in(provider: OpenIdProvider) -> None:
    handshake, answer = begun(provider)

    assert handshake.exchange(answer["code"], answer["state"]).subject == SUBJECT


def test_an_attempt_without_a_nonce_believes_no_token(provider: OpenIdProvider) -> None:
    provider.change_claims = lambda claims: claims.update(nonce="")
    handshake, answer = begun(provider)
    state, fresh, _, verifier, redirect = json.loads(handshake.written())
    without = Handshake.again(handshake._server, json.dumps([state, fresh, "", verifier, redirect]))

    with pytest.raises(SignInRefusedError):
        without.exchange(answer["code"], answer["state"])


def test_without_the_providers_keys_nobody_is_refused_for_good(provider: OpenIdProvider) -> None:
    server = ProviderServer(provider.configured)
    provider.keys_status = 500
    handshake = Handshake(server)
    answer = provider.approve(handshake.authorize_url(REDIRECT))

    with pytest.raises(ProviderUnreachableError):
        handshake.exchange(answer["code"], answer["state"])

    provider.keys_status = 200
    again = Handshake(server)
    answer = provider.approve(again.authorize_url(REDIRECT))
    assert again.exchange(answer["code"], answer["state"]).subject == SUBJECT


# ── Signing in anew ─────────────────────────────────────────────────────────────────────────────────────────────────


def asked_anew(provider: OpenIdProvider, auth_time: object) -> Any:
    provider.change_claims = lambda claims: claims.update({} if auth_time is ... else {"auth_time": auth_time})
    handshake = oauth(provider.configured, fresh=True)
    answer = provider.approve(handshake.authorize_url(REDIRECT))
    assert {"prompt=login", "max_age=0"} <= set(handshake.authorize_url(REDIRECT).split("&"))
    return handshake.exchange(answer["code"], answer["state"])


def test_a_fresh_sign_in_says_when_it_was(provider: OpenIdProvider) -> None:
    now = int(time.time())

    assert asked_anew(provider, now - 5).proved_at.timestamp() == now - 5


@pytest.mark.parametrize(
    "auth_time",
    [..., None, "now", True, -1, 10**12, in_seconds(-3600)({}), in_seconds(3600)({})],
    ids=["not said", "nothing", "a word", "true", "before time", "far ahead", "an hour old", "an hour ahead"],
)
def test_a_sign_in_that_is_not_fresh_does_not_count_as_one(provider: OpenIdProvider, auth_time: object) -> None:
    with pytest.raises(SignInRefusedError):
        asked_anew(provider, auth_time)


@pytest.mark.parametrize(
    ("methods", "second"), [(["pwd", "otp"], True), (["mfa"], True), (["pwd"], False), ("mfa", False), ([7], False)]
)
def test_a_second_factor_at_the_provider_counts_when_it_says_so(
    provider: OpenIdProvider, methods: object, second: bool
) -> None:
    provider.change_claims = lambda claims: claims.update(amr=methods)
    handshake, answer = begun(provider)

    assert handshake.exchange(answer["code"], answer["state"]).second_factor is second


def test_an_attempt_goes_on_in_another_process_and_counts_once_there(provider: OpenIdProvider) -> None:
    handshake, answer = begun(provider)
    elsewhere = Handshake.again(handshake._server, handshake.written())

    identity = elsewhere.exchange(answer["code"], answer["state"])

    assert identity.subject == SUBJECT
    assert "id_token" in json.loads(identity.tokens)
    assert identity.tokens not in repr(identity)
    with pytest.raises(SignInRefusedError):
        elsewhere.exchange(answer["code"], answer["state"])


# ── Signing out there ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_way_out_names_the_user_and_the_way_back(provider: OpenIdProvider) -> None:
    url = ProviderServer(provider.configured).sign_out_url("eyJ.id.token", "http://localhost:8501/")

    assert url is not None
    assert url.startswith(f"{provider.issuer}/sign-out?")
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "id_token_hint": "eyJ.id.token",
        "client_id": CLIENT_ID,
        "post_logout_redirect_uri": "http://localhost:8501/",
    }


def test_a_token_is_revoked_where_the_provider_offers_it(provider: OpenIdProvider) -> None:
    assert ProviderServer(provider.configured).revoke("opaque", "access_token")
    assert provider.revoked[-1] == ("access_token", "opaque")


@pytest.mark.parametrize("endpoint", [..., "http://evil.example.com/out", "javascript:alert(1)", 7], ids=str)
def test_a_provider_without_a_safe_way_out_is_not_asked(provider: OpenIdProvider, endpoint: object) -> None:
    def change(document: dict[str, Any]) -> None:
        for name in ("end_session_endpoint", "revocation_endpoint"):
            document[name] = endpoint
            if endpoint is ...:
                del document[name]

    provider.change_discovery = change
    server, asked = ProviderServer(provider.configured), len(provider.revoked)

    assert server.sign_out_url("eyJ", "http://localhost:8501/") is None
    assert not server.revoke("opaque", "access_token")
    assert len(provider.revoked) == asked
