"""One attempt to sign in with a provider: what we sent must come back, once, and prove who it is."""

import base64
import hashlib
import secrets
import threading
from datetime import UTC, datetime
from urllib.parse import urlencode

from allocation.errors import SignInRefusedError
from allocation.sign_in.discovery import ProviderServer
from allocation.sign_in.id_token import Identity, same_text, verify_id_token

_RANDOM_BYTES = 32  # 256 bits for each of state, nonce and PKCE verifier
_LONGEST_ANSWER = 4096


class Handshake:
    """Send the user to `authorize_url`; give what comes back to `exchange`. Good for one answer only."""

    def __init__(self, server: ProviderServer) -> None:
        self.state = secrets.token_urlsafe(_RANDOM_BYTES)
        self._server = server
        self._nonce = secrets.token_urlsafe(_RANDOM_BYTES)
        self._verifier = secrets.token_urlsafe(_RANDOM_BYTES)
        self._redirect_uri = ""
        self._unused = threading.Lock()

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
        return verify_id_token(
            tokens.get("id_token"),
            issuer=self._server.provider.issuer,
            client_id=self._server.provider.client_id,
            nonce=self._nonce,
            source=self._server,
            now=now or datetime.now(UTC),
        )

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
