"""Proof of who signed in: an ID token is believed only after every check of OpenID Connect Core 1.0, section 3.1.3.7."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from allocation.errors import ProviderClockError, SignInRefusedError

# Ours to choose, never the token's: no "none", no shared secrets.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_SECONDS = 60
OLDEST_SECONDS = 600
_LATEST_SECOND = 253_402_300_800  # the year 10000
LONGEST_TOKEN = 16_384
LONGEST_SUBJECT = 255
# Methods that stand for something the user has, beside what they know.
SECOND_FACTORS = frozenset({"mfa", "otp", "hwk", "swk", "sms"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a provider vouches for. The person is (issuer, subject); name and address are for display only.

    Attributes:
        proved_at: when the person signed in at the provider; None when the provider does not say.
        second_factor: whether the provider says that a second factor was part of it (RFC 8176).
        tokens: what the provider's own sign-out and revocation ask for.
    """

    issuer: str
    subject: str
    name: str
    email: str
    proved_at: datetime | None = None
    second_factor: bool = False
    tokens: str = field(default="", repr=False)


class SigningKeys(Protocol):
    """Where the issuer's keys come from."""

    def keys(self, *, newer: bool = False) -> KeySet:
        """The keys known, or asked for again."""
        ...


def verify_id_token(
    token: object,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    source: SigningKeys,
    now: datetime,
    fresh: bool = False,
) -> Identity:
    """The identity in a token that this issuer signed, for us, for this attempt, just now.

    Args:
        fresh: whether the user must have signed in at the provider within the last minutes.

    Raises:
        SignInRefusedError: any check failed; its reason names the check and never quotes the token.
        ProviderClockError: the token was issued minutes ago, or ahead, by the provider's clock.
    """
    claims = _signed_claims(token, source)
    moment = int(now.timestamp())
    _check_registered_claims(claims, issuer, client_id, nonce, moment)
    _check_party(claims, client_id)
    _check_nonce(claims, nonce)
    if claims["iat"] < moment - OLDEST_SECONDS:
        raise _refusal(claims, "iat too old", moment, nonce)
    if not 0 < len(claims["sub"]) <= LONGEST_SUBJECT or not claims["sub"].isascii():
        raise SignInRefusedError("identity: sub")
    _check_auth_time(claims, moment, fresh=fresh)
    return identity_of(claims)


def identity_of(claims: Mapping[str, Any]) -> Identity:
    """The identity in claims already proved. An address counts only when the provider verified it."""
    email = _text(claims, "email") if claims.get("email_verified") is True else ""
    name = _text(claims, "name") or _text(claims, "preferred_username") or email or "Signed in"
    proved = claims.get("auth_time")
    methods = claims.get("amr")
    return Identity(
        claims["iss"],
        claims["sub"],
        name,
        email,
        datetime.fromtimestamp(proved, UTC) if proved is not None else None,
        isinstance(methods, list) and any(method in SECOND_FACTORS for method in methods if isinstance(method, str)),
    )


def same_text(found: object, expected: str) -> bool:
    """Whether these are the same, in a time that does not tell where they differ."""
    return isinstance(found, str) and found.isascii() and hmac.compare_digest(found, expected)


def _signed_claims(token: object, source: SigningKeys) -> dict[str, Any]:
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN or token.count(".") != 2:
        raise SignInRefusedError("identity: not a signed token")
    try:
        try:
            return jwt.decode(token, source.keys(), algorithms=ALGORITHMS).claims
        except InvalidKeyIdError:  # the issuer may have changed its keys since we last looked
            return jwt.decode(token, source.keys(newer=True), algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise SignInRefusedError(f"identity: {type(error).__name__}") from error


def _check_registered_claims(claims: dict[str, Any], issuer: str, client_id: str, nonce: str, now: int) -> None:
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True},
    )
    try:
        registry.validate(claims)
    except JoseError as error:
        raise _refusal(claims, str(getattr(error, "claim", type(error).__name__)), now, nonce) from error


def _refusal(claims: Mapping[str, Any], claim: str, now: int, nonce: str) -> SignInRefusedError:
    """Why a claim was refused. Where a time is what is wrong, with both clocks: most often one of them is."""
    reason, issued = f"identity: {claim}", claims.get("iat")
    if claim not in {"iat", "iat too old", "exp", "nbf"} or type(issued) is not int or not 0 <= issued < _LATEST_SECOND:
        return SignInRefusedError(reason)
    theirs, ours = (datetime.fromtimestamp(second, UTC) for second in (issued, now))
    reason += f"; issued at {theirs.isoformat()} by the provider's clock, and it is {ours.isoformat()} by ours"
    of_this_attempt = bool(nonce) and same_text(claims.get("nonce"), nonce)
    if not of_this_attempt or abs(issued - now) <= LEEWAY_SECONDS:
        return SignInRefusedError(reason)
    return ProviderClockError(reason, theirs, ours)


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (several or "azp" in claims) and claims.get("azp") != client_id:
        raise SignInRefusedError("identity: azp")


def _check_nonce(claims: Mapping[str, Any], nonce: str) -> None:
    if not nonce or not same_text(claims["nonce"], nonce):
        raise SignInRefusedError("identity: nonce")


def _check_auth_time(claims: Mapping[str, Any], now: int, *, fresh: bool) -> None:
    proved = claims.get("auth_time")
    if proved is None and not fresh:
        return
    if isinstance(proved, bool) or not isinstance(proved, int) or not 0 <= proved <= now + LEEWAY_SECONDS:
        raise SignInRefusedError("identity: auth_time")
    if fresh and proved < now - OLDEST_SECONDS:
        raise SignInRefusedError("identity: auth_time too old")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return "".join(c for c in value if c.isprintable())[:100].strip() if isinstance(value, str) else ""
