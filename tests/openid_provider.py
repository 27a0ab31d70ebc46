"""A small OpenID provider on loopback, with real keys, that insists on PKCE and can be told to misbehave."""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from allocation.sign_in.providers import Provider

CLIENT_ID = "evenkeel-test"
CLIENT_SECRET = "not/so:secret"
_SIGNING_KEY = RSAKey.generate_key(2048, {"kid": "key-1", "use": "sig"})
SUBJECT = "248289761001"


class OpenIdProvider(ThreadingHTTPServer):
    """What it issued, what it is asked to do wrong, and how often it was asked for a token."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.key = _SIGNING_KEY
        self.codes: dict[str, dict[str, str]] = {}
        self.token_requests = 0
        self.keys_status = 200
        self.revoked: list[tuple[str, str]] = []
        self.auth_method = "client_secret_basic"
        self.page_headers: dict[str, str] = {}
        self.change_claims: Callable[[dict[str, Any]], Any] = lambda claims: None
        self.change_discovery: Callable[[dict[str, Any]], Any] = lambda document: None
        self.change_tokens: Callable[[dict[str, Any]], Any] = lambda tokens: None

    @property
    def configured(self) -> Provider:
        """This provider as `secrets.toml` would name it."""
        return Provider.model_validate(
            {
                "name": "acme",
                "label": "Acme",
                "issuer": self.issuer,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            }
        )

    @property
    def secrets_toml(self) -> str:
        """The same as text."""
        return (
            f'[oidc.acme]\nlabel = "Acme"\nissuer = "{self.issuer}"\n'
            f'client_id = "{CLIENT_ID}"\nclient_secret = "{CLIENT_SECRET}"\n'
        )

    def approve(self, authorize_url: str) -> dict[str, str]:
        """What the provider sends back when its user consents: the query of the redirect."""
        asked = dict(parse_qsl(urlsplit(authorize_url).query))
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def id_token(self, nonce: str) -> str:
        """An ID token that is right in every respect, unless told otherwise."""
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": SUBJECT, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce,
            "name": "Jane Analyst", "email": "jane@example.com", "email_verified": True,
        }  # fmt: skip
        self.change_claims(claims)
        return jwt.encode({"alg": "RS256", "kid": "key-1"}, claims, self.key)


@contextlib.contextmanager
def running_provider() -> Iterator[OpenIdProvider]:
    """A provider that answers until the block ends."""
    provider = OpenIdProvider()
    thread = threading.Thread(target=provider.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.shutdown()
        provider.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: OpenIdProvider

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/.well-known/openid-configuration":
            document = {
                "issuer": self.server.issuer,
                "authorization_endpoint": f"{self.server.issuer}/authorize",
                "token_endpoint": f"{self.server.issuer}/token",
                "jwks_uri": f"{self.server.issuer}/keys",
                "token_endpoint_auth_methods_supported": [self.server.auth_method],
                "revocation_endpoint": f"{self.server.issuer}/revoke",
                "end_session_endpoint": f"{self.server.issuer}/sign-out",
            }
            self.server.change_discovery(document)
            self._json(200, document)
        elif path == "/keys":
            self._json(self.server.keys_status, {"keys": [self.server.key.as_dict(private=False)]})
        elif path == "/sign-out":
            back = parse_qs(urlsplit(self.path).query)["post_logout_redirect_uri"][0]
            self._send(303, "text/plain", b"", {"Location": back})
        elif path == "/authorize":
            self._consent_page()
        else:
            self._json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        if urlsplit(self.path).path == "/revoke":
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.server.revoked.append((form["token_type_hint"], form["token"]))
            self._send(200, "text/plain", b"", {})
            return
        self.server.token_requests += 1
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        refusal = self._refusal(form)
        if refusal:
            self._json(400, {"error": refusal})
            return
        asked = self.server.codes.pop(form["code"])
        tokens = {"access_token": "opaque", "token_type": "Bearer", "id_token": self.server.id_token(asked["nonce"])}
        self.server.change_tokens(tokens)
        self._json(200, tokens)

    def _refusal(self, form: dict[str, str]) -> str:
        pair = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        ways = {
            "client_secret_basic": [unquote(part) for part in pair.split(":")] == [CLIENT_ID, CLIENT_SECRET],
            "client_secret_post": not pair
            and (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET),
            "none": not pair and form.get("client_id") == CLIENT_ID and "client_secret" not in form,
        }
        if not ways[self.server.auth_method]:
            return "invalid_client"
        asked = self.server.codes.get(form.get("code", ""))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not asked or asked["redirect_uri"] != form.get("redirect_uri"):
            return "invalid_grant"
        return "" if asked.get("code_challenge") == challenge.rstrip(b"=").decode() else "invalid_grant"

    def _consent_page(self) -> None:
        back = parse_qs(urlsplit(self.path).query)
        answers = {
            "Approve": self.server.approve(self.path),
            "Cancel": {"error": "access_denied", "state": back["state"][0]},
        }
        links = (
            f'<p><a href="{escape(back["redirect_uri"][0])}?{escape(urlencode(answer, quote_via=quote))}">{word}</a></p>'
            for word, answer in answers.items()
        )
        self._send(200, "text/html", "".join(links).encode(), self.server.page_headers)

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(answer).encode(), {})

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the tests say what matters."""
