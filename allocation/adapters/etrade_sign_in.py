"""Signing in at E*TRADE and signing each request: OAuth 1.0a with HMAC-SHA1, the verifier copied by hand.

Facts from E*TRADE's documents (apisb.etrade.com/docs/api/authorization): all four steps are GETs at the live host, for
sandbox keys as well; a request token lives five minutes; an access token sleeps after two hours without a request, wakes by
being renewed, and dies at midnight US Eastern; the time of a request may be five minutes off.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from oauthlib.oauth1 import Client

from allocation.adapters.broker_wire import Answer, Wire
from allocation.brokers import BrokerAuthError, Mode

NAME: Final = "E*TRADE"
SIGN_IN_HOST: Final = "https://api.etrade.com"
AUTHORISE_AT: Final = "https://us.etrade.com/e/t/etws/authorize"
HOSTS: Final = {Mode.LIVE: "https://api.etrade.com", Mode.PAPER: "https://apisb.etrade.com"}
SIGN_IN_AGAIN: Final = "Sign in again at E*TRADE: its sessions end at midnight US Eastern."
EASTERN: Final = ZoneInfo("America/New_York")
SLEEPS_AFTER: Final = timedelta(hours=2)
_MARGIN: Final = timedelta(minutes=5)  # by which the clocks may differ

# At its most talkative it writes down what it signs, tokens included.
logging.getLogger("oauthlib").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class ConsumerKey:
    """The key E*TRADE gives a customer for programs; sandbox and live have one each."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    mode: Mode = Mode.PAPER


@dataclass(frozen=True, slots=True)
class RequestToken:
    """A sign-in that was begun. `authorise_at` is the page on which the customer agrees and is shown a verifier."""

    token: str = field(repr=False)
    secret: str = field(repr=False)
    authorise_at: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What opens the accounts until midnight US Eastern of the day it was granted.

    Attributes:
        granted_at: timezone-aware.
        used_at: when it was last used or renewed, as far as is known.
    """

    token: str = field(repr=False)
    secret: str = field(repr=False)
    granted_at: datetime
    used_at: datetime | None = None

    @property
    def dies_at(self) -> datetime:
        """The midnight US Eastern after it was granted; days of a clock change have 23 or 25 hours."""
        day = self.granted_at.astimezone(EASTERN).date() + timedelta(days=1)
        return datetime.combine(day, time(), EASTERN).astimezone(UTC)

    def sleeps(self, now: datetime) -> bool:
        """Whether it has to be renewed before it is of use."""
        return now >= (self.used_at or self.granted_at) + SLEEPS_AFTER - _MARGIN


class EtradeSignIn:
    """The way to an access token: begin, let the customer agree, finish; later renew or revoke."""

    def __init__(self, consumer: ConsumerKey, clock: Callable[[], datetime], host: str = SIGN_IN_HOST) -> None:
        self._consumer = consumer
        self._clock = clock
        self._wire = Wire(NAME, host)

    def begin(self) -> RequestToken:
        """A request token and the page to agree on; raises `BrokerAuthError` for a key that E*TRADE does not know."""
        answer = self._ask("/oauth/request_token", callback_uri="oob")
        token, secret = self._pair(
            answer, "Check consumer key and secret, and whether they are of the sandbox or live."
        )
        page = urlencode({"key": self._consumer.key, "token": token})
        return RequestToken(token, secret, f"{AUTHORISE_AT}?{page}")

    def finish(self, begun: RequestToken, verifier: str) -> AccessToken:
        """The access token for the code that E*TRADE showed; raises `BrokerAuthError` for a wrong or late one."""
        answer = self._ask(
            "/oauth/access_token",
            resource_owner_key=begun.token,
            resource_owner_secret=begun.secret,
            verifier=verifier.strip(),
        )
        token, secret = self._pair(
            answer, "The code is wrong or older than five minutes. Begin again and copy the new one."
        )
        now = self._clock()
        return AccessToken(token, secret, granted_at=now, used_at=now)

    def renew(self, token: AccessToken) -> AccessToken:
        """The same token, awake for two more hours; raises `BrokerAuthError` once it is dead."""
        answer = self._ask(
            "/oauth/renew_access_token", resource_owner_key=token.token, resource_owner_secret=token.secret
        )
        if answer.status != 200:
            raise self._clock_is_off(answer) or self._wire.no_access(SIGN_IN_AGAIN)
        return AccessToken(token.token, token.secret, token.granted_at, self._clock())

    def revoke(self, token: AccessToken) -> None:
        """Make the token worthless; one that is dead already counts as revoked."""
        self._ask("/oauth/revoke_access_token", resource_owner_key=token.token, resource_owner_secret=token.secret)

    def _ask(self, path: str, **parameters: str) -> Answer:
        signed = authorisation("GET", f"{self._wire.base_url}{path}", self._consumer, self._clock(), **parameters)
        return self._wire.read("GET", path, {"Authorization": signed})

    def _pair(self, answer: Answer, way_out: str) -> tuple[str, str]:
        if answer.status in (400, 401, 403):
            refused = BrokerAuthError(f"{NAME} refused the sign-in. {way_out}", (NAME,))
            raise self._clock_is_off(answer) or refused
        if answer.status != 200:
            raise self._wire.malformed(f"status {answer.status}")
        try:
            found = parse_qs(answer.body.decode("ascii"), strict_parsing=True)
            return found["oauth_token"][0], found["oauth_token_secret"][0]
        except (ValueError, KeyError):
            raise self._wire.malformed("it holds no token") from None

    def _clock_is_off(self, answer: Answer) -> BrokerAuthError | None:
        """The refusal of a time more than five minutes off, in the words of oauth.pbworks.com's problem reporting."""
        if b"timestamp_refused" not in answer.body:
            return None
        return BrokerAuthError(
            f"{NAME} does not accept the time of this server, which is {self._clock().astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC. "
            "If that is more than five minutes off, whoever runs Evenkeel has to set its clock; then try again.",
            (NAME,),
        )


def authorisation(method: str, url: str, consumer: ConsumerKey, now: datetime, **parameters: Any) -> str:
    """The Authorization header of a request (RFC 5849). A body of XML is not signed; only a form would be."""
    client = _Signer(consumer.key, consumer.secret, timestamp=str(int(now.timestamp())), **parameters)
    _, headers, _ = client.sign(url, method)
    return str(headers["Authorization"])


class _Signer(Client):  # type: ignore[misc]  # oauthlib ships no types
    """Without oauth_version, which RFC 5849 leaves open and E*TRADE's published example leaves out."""

    def get_oauth_params(self, request: Any) -> list[tuple[str, str]]:
        """What goes into the header and is signed."""
        return [(name, value) for name, value in super().get_oauth_params(request) if name != "oauth_version"]
