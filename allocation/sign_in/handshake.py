"""One attempt to sign in with a provider: what we sent must come back, once, and prove who it is."""

import base64
import hashlib
import json
import secrets
import threading
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from allocation.errors import SignInRefusedError
from allocation.sign_in.discovery import ProviderServer
from allocation.sign_in.id_token import Identity, same_text, verify_id_token

_RANDOM_BYTES = 32  # 256 bits for each of state, nonce and PKCE verifier
_LONGEST_ANSWER = 4096
# For the provider's own sign-out and for revocation; nothing else is asked of a provider once it said who it is.
KEPT_TOKENS = ("id_token", "access_token", "refresh_token")


class Handshake:
    """Send the user to `authorize_url`; give what comes back to `exchange`. Good for one answer only.

    Args:
        state: an unguessable text that nobody used before; one is made when none is given.
        fresh: ask the provider to let the user sign in anew, whatever it remembers, and to say when they did.
    """

    def __init__(self, server: ProviderServer, state: str = "", *, fresh: bool = False) -> None:
        self.state = state or secrets.token_urlsafe(_RANDOM_BYTES)
        self._server = server
        self._fresh = fresh
        self._nonce = secrets.token_urlsafe(_RANDOM_BYTES)
        self._verifier = secrets.token_urlsafe(_RANDOM_BYTES)
        self._redirect_uri = ""
        self._unused = threading.Lock()

    @classmethod
    def again(cls, server: ProviderServer, written: str) -> "Handshake":
        """The attempt that was written down, to be gone on with here."""
        handshake = cls(server)
        (
            handshake.state,
            handshake._fresh,
            handshake._nonce,
            handshake._verifier,
            handshake._redirect_uri,
        ) = json.loads(written)
        return handshake

    def written(self) -> str:
        """All there is to know about the attempt: a secret, to be kept sealed."""
        return json.dumps([self.state, self._fresh, self._nonce, self._verifier, self._redirect_uri])

    def authorize_url(self, redirect_uri: str) -> str:
        """The provider's page to open; it answers to `redirect_uri` with a code.

        Raises:
            ProviderUnreachableError: the provider does not answer.
        """
        self._redirect_uri = redirect_uri
        query = {
            "response_type": "code",
            "client_id": self._server.provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._server.provider.scopes,
            "state": self.state,
            "nonce": self._nonce,
            "code_challenge": _s256(self._verifier),
            "code_challenge_method": "S256",
            **({"prompt": "login", "max_age": "0"} if self._fresh else {}),
        }
        endpoint = self._server.metadata().authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def exchange(self, code: object, state: object, iss: object = None, now: datetime | None = None) -> Identity:
        """The proved identity for the code that came back. Everything passed in comes from a browser and is distrusted.

        Args:
            iss: the issuer as the answer names it (RFC 9207), if it does.
            now: the moment the ID token is judged at; the present by default.

        Raises:
            SignInRefusedError: anything missing, altered, repeated or unproved.
            ProviderUnreachableError: the provider stopped answering.
        """
        if not self._unused.acquire(blocking=False):
            raise SignInRefusedError("answer: this attempt was used already")
        self._check_answer(code, state, iss)
        tokens = self._server.redeem(str(code), self._verifier, self._redirect_uri)
        identity = verify_id_token(
            tokens.get("id_token"),
            issuer=self._server.provider.issuer,
            client_id=self._server.provider.client_id,
            nonce=self._nonce,
            source=self._server,
            now=now or datetime.now(UTC),
            fresh=self._fresh,
        )
        kept = {name: tokens[name] for name in KEPT_TOKENS if isinstance(tokens.get(name), str)}
        return replace(identity, tokens=json.dumps(kept))

    def _check_answer(self, code: object, state: object, iss: object) -> None:
        if not same_text(state, self.state):
            raise SignInRefusedError("answer: state")
        if not isinstance(code, str) or not 0 < len(code) <= _LONGEST_ANSWER or not code.isascii():
            raise SignInRefusedError("answer: no authorisation code")
        if not self._redirect_uri:
            raise SignInRefusedError("answer: nobody was sent to the provider")
        if iss is None and not self._server.metadata().names_itself:
            return
        if iss != self._server.provider.issuer:
            raise SignInRefusedError("answer: iss")


def _s256(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
