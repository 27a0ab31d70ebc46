"""E*TRADE's side of OAuth 1.0a: oauthlib's provider verifies signatures, nonces, times and the three steps for real.

What the tokens live on is E*TRADE's own (apisb.etrade.com/docs/api/authorization): a request token five minutes, an access
token until midnight US Eastern, asleep after two hours without a request until it is renewed.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from oauthlib.oauth1 import AccessTokenEndpoint, RequestTokenEndpoint, RequestValidator, ResourceEndpoint

EASTERN = ZoneInfo("America/New_York")


@dataclass
class Token:
    """A token of either kind, with what happened to it."""

    secret: str
    granted_at: datetime
    used_at: datetime
    verifier: str = ""
    revoked: bool = False

    def is_dead(self, now: datetime) -> bool:
        return self.revoked or now.astimezone(EASTERN).date() > self.granted_at.astimezone(EASTERN).date()

    def sleeps(self, now: datetime) -> bool:
        return now - self.used_at >= timedelta(hours=2)


class Tokens(RequestValidator):  # type: ignore[misc]  # oauthlib ships no types
    """The keys and tokens E*TRADE knows, in the words of oauthlib's provider."""

    enforce_ssl = False
    realms: tuple[str, ...] = ()
    dummy_client = "nobody"
    dummy_request_token = "nothing"
    dummy_access_token = "nothing"

    def __init__(self, key: str, secret: str, now: Callable[[], datetime]) -> None:
        self.key, self.secret, self.now = key, secret, now
        self.requested: dict[str, Token] = {}
        self.granted: dict[str, Token] = {}
        self._nonces: set[tuple[str, str, str]] = set()

    # What E*TRADE's people do in a browser.

    def agree(self, request_token: str) -> str:
        """The customer signs in, agrees, and is shown a code to copy."""
        token = self.requested[request_token]
        token.verifier = secrets.token_hex(3).upper()
        return token.verifier

    def kill(self) -> None:
        """No access token is known any more."""
        for token in self.granted.values():
            token.revoked = True

    # The steps.

    def answer(self, path: str, url: str, headers: Mapping[str, str]) -> tuple[int, str]:
        """The status and text for one of the addresses below /oauth/."""
        if abs(self.now().timestamp() - int(re.findall(r'oauth_timestamp="(\d+)"', headers["Authorization"])[0])) > 300:
            return 401, "oauth_problem=timestamp_refused"
        if path == "/oauth/request_token":
            _, body, status = RequestTokenEndpoint(self).create_request_token_response(url, "GET", None, headers)
            return status, body or ""
        if path == "/oauth/access_token":
            _, body, status = AccessTokenEndpoint(self).create_access_token_response(url, "GET", None, headers)
            return status, body or ""
        token = self.token_of("GET", url, headers)
        if token is None or token.is_dead(self.now()):
            return 401, "oauth_problem=token_expired"
        if path == "/oauth/renew_access_token":
            token.used_at = self.now()
            return 200, "Access Token has been renewed"
        token.revoked = True
        return 200, "Revoked Access Token"

    def is_signed_in(self, method: str, url: str, headers: Mapping[str, str]) -> bool:
        """Whether the request is signed by a key and a token that are of use now."""
        token = self.token_of(method, url, headers)
        if token is None or token.is_dead(self.now()) or token.sleeps(self.now()):
            return False
        token.used_at = self.now()
        return True

    def token_of(self, method: str, url: str, headers: Mapping[str, str]) -> Token | None:
        """The token a request is signed with, if its signature, nonce and time are right."""
        valid, request = ResourceEndpoint(self).validate_protected_resource_request(url, method, None, headers)
        return self.granted[request.resource_owner_key] if valid else None

    # What oauthlib asks. E*TRADE's tokens hold characters and have lengths of which RFC 5849 says nothing.

    @property
    def timestamp_lifetime(self) -> int:
        return 10**12  # against the wrong clock; `validate_timestamp_and_nonce` looks at the right one

    def validate_timestamp_and_nonce(
        self,
        client_key: str,
        timestamp: str,
        nonce: str,
        request: Any,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        used = (timestamp, nonce, request_token or access_token or "")
        fresh = abs(self.now().timestamp() - int(timestamp)) <= 300 and used not in self._nonces
        self._nonces.add(used)
        return fresh

    def check_client_key(self, client_key: str) -> bool:
        return True

    def check_request_token(self, request_token: str) -> bool:
        return True

    def check_access_token(self, request_token: str) -> bool:
        return True

    def check_nonce(self, nonce: str) -> bool:
        return len(nonce) >= 16

    def check_verifier(self, verifier: str) -> bool:
        return True

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == self.key

    def validate_request_token(self, client_key: str, token: str, request: Any) -> bool:
        known = self.requested.get(token)
        return known is not None and self.now() - known.granted_at <= timedelta(minutes=5)

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token in self.granted

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Any) -> bool:
        known = self.requested.get(token)
        return known is not None and known.verifier != "" and secrets.compare_digest(known.verifier, verifier)

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Any) -> bool:
        return redirect_uri == "oob"

    def validate_requested_realms(self, client_key: str, realms: Any, request: Any) -> bool:
        return True

    def validate_realms(self, client_key: str, token: str, request: Any, uri: str = "", realms: Any = None) -> bool:
        return True

    def get_default_realms(self, client_key: str, request: Any) -> list[str]:
        return []

    def get_realms(self, token: str, request: Any) -> list[str]:
        return []

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return self.secret if client_key == self.key else "nothing"

    def get_request_token_secret(self, client_key: str, token: str, request: Any) -> str:
        known = self.requested.get(token)
        return known.secret if known else "nothing"

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        known = self.granted.get(token)
        return known.secret if known else "nothing"

    def save_request_token(self, token: Mapping[str, str], request: Any) -> None:
        self._save(self.requested, token)

    def save_access_token(self, token: Mapping[str, str], request: Any) -> None:
        self._save(self.granted, token)

    def invalidate_request_token(self, client_key: str, request_token: str, request: Any) -> None:
        del self.requested[request_token]

    def _save(self, tokens: dict[str, Token], token: Mapping[str, str]) -> None:
        now = self.now()
        tokens[token["oauth_token"]] = Token(token["oauth_token_secret"], now, now)
