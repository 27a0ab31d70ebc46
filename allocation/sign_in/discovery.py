"""What a provider says about itself, and its signing keys: fetched with a deadline, kept for an hour."""

import base64
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from allocation.errors import AllocationError, ProviderUnreachableError, SignInRefusedError
from allocation.sign_in.providers import Provider, is_loopback, is_safe_url

DEADLINE_SECONDS = 4.0
LARGEST_ANSWER = 512 * 1024
KEEP_SECONDS = 3600.0
KEEP_FAILURE_SECONDS = 10.0
REFETCH_KEYS_SECONDS = 30.0
_POOL = ThreadPoolExecutor(8, thread_name_prefix="discovery")
_SIGNING_KEY_TYPES = {"RSA", "EC"}  # never "oct": a shared secret is no proof of who signed


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of a discovery document that signing in needs (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    secret_in_body: bool
    names_itself: bool
    end_session_endpoint: str | None = None
    revocation_endpoint: str | None = None


class ProviderServer:
    """The provider as a server to talk to. Safe to share between threads."""

    def __init__(self, provider: Provider, clock: Callable[[], float] = time.monotonic) -> None:
        self.provider = provider
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._failure: tuple[float, ProviderUnreachableError] | None = None

    def metadata(self) -> Metadata:
        """What the provider says about itself.

        Raises:
            ProviderUnreachableError: no answer in time; said again without asking for the next ten seconds.
            SignInRefusedError: the answer is not this issuer's.
        """
        with self._lock:
            if self._metadata and self._clock() - self._metadata[0] < KEEP_SECONDS:
                return self._metadata[1]
            if self._failure and self._clock() - self._failure[0] < KEEP_FAILURE_SECONDS:
                raise self._failure[1]
            try:
                found = read_metadata(self._get_json(self.provider.discovery_url), self.provider.issuer)
            except ProviderUnreachableError as error:
                self._failure = (self._clock(), error)
                raise
            self._metadata = (self._clock(), found)
            return found

    def keys(self, *, newer: bool = False) -> KeySet:
        """The provider's signing keys; `newer` asks again, for a token signed with a key not seen before."""
        jwks_uri = self.metadata().jwks_uri
        with self._lock:
            if self._keys:
                age = self._clock() - self._keys[0]
                if age < (REFETCH_KEYS_SECONDS if newer else KEEP_SECONDS):
                    return self._keys[1]
            found = read_keys(self._get_json(jwks_uri))
            self._keys = (self._clock(), found)
            return found

    def redeem(self, code: str, verifier: str, redirect_uri: str) -> Mapping[str, Any]:
        """The token answer for an authorisation code (RFC 6749, section 4.1.3, with RFC 7636)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers, fields = self._who_we_are()
        return self._ask("POST", self.metadata().token_endpoint, data={**form, **fields}, headers=headers)

    def sign_out_url(self, id_token: str, back_to: str) -> str | None:
        """Where a browser signs out at the provider as well (RP-Initiated Logout 1.0); None when it offers no such page."""
        endpoint = self.metadata().end_session_endpoint
        if endpoint is None:
            return None
        query = {
            "id_token_hint": id_token,
            "client_id": self.provider.client_id,
            "post_logout_redirect_uri": back_to,
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def revoke(self, token: str, kind: str) -> bool:
        """Make a token worthless (RFC 7009); False when the provider offers no such thing.

        Raises:
            ProviderUnreachableError: the provider does not answer.
            SignInRefusedError: the provider refuses.
        """
        endpoint = self.metadata().revocation_endpoint
        if endpoint is None:
            return False
        headers, fields = self._who_we_are()
        status, _ = self._send(
            "POST", endpoint, data={"token": token, "token_type_hint": kind, **fields}, headers=headers
        )
        if status != 200:
            raise SignInRefusedError(f"revocation: status {status}")
        return True

    def _who_we_are(self) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and form fields that name the client and prove it (RFC 6749, section 2.3.1), if it has a secret."""
        client_id, secret = self.provider.client_id, self.provider.client_secret
        if secret is None:
            return {}, {"client_id": client_id}
        if self.metadata().secret_in_body:
            return {}, {"client_id": client_id, "client_secret": secret.get_secret_value()}
        pair = f"{quote(client_id, safe='')}:{quote(secret.get_secret_value(), safe='')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}

    def _client(self) -> httpx.Client:
        on_this_machine = is_loopback(urlsplit(self.provider.issuer).hostname or "")  # a proxy could not reach it
        return httpx.Client(timeout=DEADLINE_SECONDS, trust_env=not on_this_machine)

    def _get_json(self, url: str) -> Mapping[str, Any]:
        return self._ask("GET", url)

    def _ask(self, method: str, url: str, **request: Any) -> Mapping[str, Any]:
        status, answer = self._send(method, url, **request)
        return _read_object(answer, status)

    def _send(self, method: str, url: str, **request: Any) -> tuple[int, httpx.Response]:
        try:
            with self._client() as client, client.stream(method, url, **request) as response:
                body = _read_in_time(response, time.monotonic() + DEADLINE_SECONDS)
                status, answer = response.status_code, httpx.Response(response.status_code, content=body)
        except (httpx.TransportError, TimeoutError) as error:
            raise ProviderUnreachableError(self.provider.title, type(error).__name__) from error
        if status >= 500 or status == 429:
            raise ProviderUnreachableError(self.provider.title, f"status {status}")
        return status, answer


@lru_cache(maxsize=64)
def server_of(provider: Provider) -> ProviderServer:
    """The server of a provider; one for each in a process, so that what it said is asked once."""
    return ProviderServer(provider)


def ask_together(providers: Sequence[Provider]) -> dict[str, AllocationError]:
    """What keeps each provider from being used right now, by its name; all are asked at once."""
    asking = {provider.name: _POOL.submit(server_of(provider).metadata) for provider in providers}
    wait(asking.values(), timeout=DEADLINE_SECONDS + 1)  # looking up a host name has no deadline of its own
    faults: dict[str, AllocationError] = {}
    for provider in providers:
        asked = asking[provider.name]
        error = asked.exception() if asked.done() else ProviderUnreachableError(provider.title, "no answer in time")
        if isinstance(error, AllocationError):
            faults[provider.name] = error
        elif error is not None:
            raise error
    return faults


def read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """The discovery document of this very issuer; a document of any other is refused."""
    if document.get("issuer") != issuer:
        raise SignInRefusedError(f"discovery: the document is of another issuer than {issuer}")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not _is_endpoint(document.get(name), issuer):
            raise SignInRefusedError(f"discovery: {name} is missing or not safe")
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Metadata(
        issuer=issuer,
        authorization_endpoint=document["authorization_endpoint"],
        token_endpoint=document["token_endpoint"],
        jwks_uri=document["jwks_uri"],
        secret_in_body="client_secret_basic" not in methods,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        end_session_endpoint=_optional(document, "end_session_endpoint", issuer),
        revocation_endpoint=_optional(document, "revocation_endpoint", issuer),
    )


def read_keys(document: Mapping[str, Any]) -> KeySet:
    """The public signing keys of a key set; keys for other uses and of other kinds are left out."""
    listed = document.get("keys")
    usable = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") in _SIGNING_KEY_TYPES and key.get("use", "sig") == "sig"
    ]
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError) as error:
        raise SignInRefusedError(f"keys: {type(error).__name__}") from error


def _optional(document: Mapping[str, Any], name: str, issuer: str) -> str | None:
    url = document.get(name)
    return str(url) if _is_endpoint(url, issuer) else None


def _is_endpoint(url: object, issuer: str) -> bool:
    """Endpoints may carry a query (some directories need one); plain http only where the issuer itself is plain http."""
    if not isinstance(url, str) or not is_safe_url(url.partition("?")[0]):
        return False
    return urlsplit(url).scheme == "https" or urlsplit(issuer).scheme == "http"


def _read_in_time(response: httpx.Response, deadline: float) -> bytes:
    # httpx limits each read, not the whole answer: a server that drips would hold us for ever.
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if time.monotonic() > deadline:
            raise TimeoutError
        if len(body) > LARGEST_ANSWER:
            raise SignInRefusedError("answer: too large")
    return bytes(body)


def _read_object(answer: httpx.Response, status: int) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except (ValueError, RecursionError) as error:
        raise SignInRefusedError(f"answer: status {status}, not JSON") from error
    if not isinstance(found, dict):
        raise SignInRefusedError(f"answer: status {status}, not an object")
    if status != 200:
        raise SignInRefusedError(f"answer: status {status}, {str(found.get('error', 'no error code'))[:40]!a}")
    return found
