"""Only a token that this issuer signed, for us, for this attempt, just now, says who somebody is."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from allocation.errors import ProviderClockError, SignInRefusedError
from allocation.sign_in.id_token import Identity, verify_id_token

ISSUER, CLIENT, NONCE = "https://id.example.com", "evenkeel", "n" * 43
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = int(NOW.timestamp())
KEY = RSAKey.generate_key(2048, {"kid": "k1"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "k1"})
NEXT_KEY = RSAKey.generate_key(2048, {"kid": "k2"})
GOOD: dict[str, Any] = {
    "iss": ISSUER, "sub": "248289761001", "aud": CLIENT, "nonce": NONCE, "iat": SECOND, "exp": SECOND + 300,
    "name": "Jane Analyst", "email": "jane@example.com", "email_verified": True,
}  # fmt: skip


class Keys:
    """The keys an issuer publishes, and those it publishes when asked again."""

    def __init__(self, *known: RSAKey | ECKey, later: tuple[RSAKey, ...] = ()) -> None:
        self.known, self.later, self.refetched = KeySet(list(known)), KeySet([*known, *later]), 0

    def keys(self, *, newer: bool = False) -> KeySet:
        self.refetched += newer
        return self.later if newer else self.known


def signed(key: Any = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    header = {"alg": "RS256", "kid": "k1", **(header or {})}
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def verify(token: object, keys: Keys | None = None) -> Identity:
    return verify_id_token(token, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, source=keys or Keys(KEY), now=NOW)


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned() -> str:
    return f"{b64({'alg': 'none', 'kid': 'k1'})}.{b64(GOOD)}."


def public_key_as_shared_secret() -> str:
    text = f"{b64({'alg': 'HS256', 'kid': 'k1'})}.{b64(GOOD)}"
    mac = hmac.digest(KEY.as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def with_changed_claims() -> str:
    header, _, signature = signed().split(".")
    return f"{header}.{b64({**GOOD, 'sub': 'somebody-else'})}.{signature}"


def test_a_token_that_passes_every_check_says_who_signed_in() -> None:
    token = signed()

    identity = verify(token)

    assert identity == Identity(ISSUER, "248289761001", "Jane Analyst", "jane@example.com")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "other"], "azp": CLIENT},
        {"azp": CLIENT},
        {"nbf": SECOND},
        {"iat": SECOND + 50},
    ],
    ids=str,
)
def test_unusual_but_right_tokens_are_accepted(changes: dict[str, Any]) -> None:
    assert verify(signed(**changes)).subject == "248289761001"


@pytest.mark.parametrize(("algorithm", "curve"), [("ES256", "P-256"), ("ES384", "P-384"), ("ES512", "P-521")])
def test_a_key_of_another_kind_is_accepted_when_the_issuer_publishes_it(algorithm: str, curve: str) -> None:
    key = ECKey.generate_key(curve, {"kid": "ec"})

    token = signed(key, {"alg": algorithm, "kid": "ec"})

    assert verify(token, Keys(key)).subject == "248289761001"


@pytest.mark.parametrize("algorithm", ["PS256", "RS384", "RS512", "PS384", "PS512"])
def test_an_issuer_may_sign_with_rsa_in_every_sound_way(algorithm: str) -> None:
    assert verify(signed(header={"alg": algorithm})).subject == "248289761001"


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example.com"},
    "issuer with a slash": {"iss": ISSUER + "/"},
    "no issuer": {"iss": ...},
    "issuer list": {"iss": [ISSUER]},
    "for another client": {"aud": "other"},
    "for others": {"aud": ["other", "third"]},
    "for nobody": {"aud": []},
    "no audience": {"aud": ...},
    "audience number": {"aud": 7},
    "several without azp": {"aud": [CLIENT, "other"]},
    "several, other azp": {"aud": [CLIENT, "other"], "azp": "other"},
    "one, other azp": {"azp": "other"},
    "expired": {"exp": SECOND - 61},
    "no expiry": {"exp": ...},
    "expiry text": {"exp": str(SECOND + 300)},
    "not yet valid": {"nbf": SECOND + 61},
    "issued in the future": {"iat": SECOND + 61},
    "issued long ago": {"iat": SECOND - 601},
    "no issue time": {"iat": ...},
    "issue time text": {"iat": "now"},
    "nonce of another attempt": {"nonce": "m" * 43},
    "nonce shortened": {"nonce": NONCE[:-1]},
    "nonce not ASCII": {"nonce": "é" * 43},
    "nonce empty": {"nonce": ""},
    "nonce null": {"nonce": None},
    "no nonce": {"nonce": ...},
    "no subject": {"sub": ...},
    "subject empty": {"sub": ""},
    "subject number": {"sub": 7},
    "subject endless": {"sub": "s" * 256},
}


@pytest.mark.parametrize("changes", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_a_token_with_a_wrong_claim_is_refused(changes: dict[str, Any]) -> None:
    token = signed(**changes)

    with pytest.raises(SignInRefusedError):
        verify(token)


FORGERIES: dict[str, Callable[[], object]] = {
    "not signed": unsigned,
    "public key as shared secret": public_key_as_shared_secret,
    "another key under a known id": lambda: signed(OTHER_KEY),
    "unknown key": lambda: signed(NEXT_KEY, {"kid": "k2"}),
    "own key in the header": lambda: signed(OTHER_KEY, {"jwk": OTHER_KEY.as_dict(private=False)}),
    "claims changed": with_changed_claims,
    "signature cut": lambda: signed().rpartition(".")[0] + ".",
    "signature shortened": lambda: signed()[:-8],
    "payload not JSON": lambda: f"{b64({'alg': 'RS256', 'kid': 'k1'})}.AAAA.AAAA",
    "header a list": lambda: f"{b64([])}.{b64(GOOD)}.AAAA",
    "deeply nested": lambda: "[" * 9000 + "." + base64.urlsafe_b64encode(b"[" * 4000).decode() + ".AAAA",
    "five parts": lambda: "a.b.c.d.e",
    "not a token": lambda: "not a token",
    "dots": lambda: "..",
    "empty": lambda: "",
    "nothing": lambda: None,
    "bytes": lambda: signed().encode(),
    "a mapping": lambda: GOOD,
    "not text": lambda: "\ud800.\ud800.\ud800",
    "a megabyte": lambda: "x" * 1_000_000,
    "a megabyte, signed": lambda: signed(name="x" * 1_000_000),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_what_the_issuer_did_not_sign_is_refused(forge: Callable[[], object]) -> None:
    token = forge()

    with pytest.raises(SignInRefusedError):
        verify(token)


def test_a_key_the_issuer_added_since_is_fetched_once() -> None:
    keys = Keys(KEY, later=(NEXT_KEY,))

    identity = verify(signed(NEXT_KEY, {"kid": "k2"}), keys)

    assert identity.subject == "248289761001"
    assert keys.refetched == 1


def test_a_wrong_signature_is_no_reason_to_ask_for_newer_keys() -> None:
    keys = Keys(KEY)

    with pytest.raises(SignInRefusedError):
        verify(signed(OTHER_KEY), keys)

    assert keys.refetched == 0


def test_a_refusal_never_repeats_the_token() -> None:
    token = signed(OTHER_KEY)

    with pytest.raises(SignInRefusedError) as refusal:
        verify(token)

    said = f"{refusal.value} {refusal.value.reason}"
    assert not any(part in said for part in token.split("."))


@pytest.mark.parametrize("minutes", [5, -15])
def test_clocks_that_differ_are_both_named_in_the_log(minutes: int) -> None:
    theirs = SECOND + minutes * 60

    with pytest.raises(SignInRefusedError) as refusal:
        verify(signed(iat=theirs, exp=theirs + 300))

    assert NOW.isoformat() in refusal.value.reason
    assert datetime.fromtimestamp(theirs, UTC).isoformat() in refusal.value.reason


@pytest.mark.parametrize("minutes", [5, -15])
def test_clocks_that_differ_are_both_told_to_the_visitor(minutes: int) -> None:
    theirs = SECOND + minutes * 60

    with pytest.raises(ProviderClockError) as refusal:
        verify(signed(iat=theirs, exp=theirs + 300))

    assert refusal.value.code == "signin_clock"
    for moment in (NOW, datetime.fromtimestamp(theirs, UTC)):
        assert f"{moment:%Y-%m-%d %H:%M:%S} UTC" in str(refusal.value)


@pytest.mark.parametrize("claims", [{"iat": SECOND + 300, "nonce": "another"}, {"exp": SECOND - 90}], ids=str)
def test_a_token_of_another_attempt_or_one_that_ran_out_says_nothing_of_clocks(claims: dict[str, Any]) -> None:
    with pytest.raises(SignInRefusedError) as refusal:
        verify(signed(**claims))

    assert str(refusal.value) == "Sign-in did not complete. Try again."


@pytest.mark.parametrize("iat", [10**18, -1, True])
def test_a_time_that_is_none_is_refused_like_any_other_fault(iat: object) -> None:
    with pytest.raises(SignInRefusedError):
        verify(signed(iat=iat))


@pytest.mark.parametrize("verified", [False, None, "true", 1, ...], ids=str)
def test_an_address_nobody_verified_is_not_shown(verified: Any) -> None:
    assert verify(signed(email_verified=verified)).email == ""


def test_a_name_is_shown_without_what_could_disguise_it() -> None:
    assert verify(signed(name="Jane\u202e\x00\nAnalyst" + "x" * 200)).name == ("JaneAnalyst" + "x" * 200)[:100]
