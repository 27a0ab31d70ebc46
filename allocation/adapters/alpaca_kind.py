"""How Alpaca is linked: with a pair of keys, or by signing in there (OAuth 2).

The endpoints, their parameters and scopes are those of docs.alpaca.markets/docs/using-oauth2-and-trading-api. Alpaca grants
access tokens without an end and no refresh tokens; where one came all the same, it is used and kept (RFC 6749, section 6).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from allocation.adapters.alpaca import HOSTS, AlpacaBroker, AlpacaKeys, AlpacaToken
from allocation.adapters.alpaca_answers import NAME, wrong_mode
from allocation.adapters.broker_fields import fields_of
from allocation.adapters.broker_wire import Wire
from allocation.brokers import Broker, BrokerAnswerError, BrokerAuthError, BrokerUnavailableError, Mode
from allocation.errors import TokenUnreadableError
from allocation.linking import Asked, Callback, Comeback, Errand, Grant, Keep, Link, Way

AUTHORISE_AT: Final = "https://app.alpaca.markets/oauth/authorize"
TOKENS_AT: Final = "https://api.alpaca.markets"
SCOPES: Final = "account:write trading data"
BOTH: Final = (Mode.PAPER, Mode.LIVE)
_SOON: Final = timedelta(minutes=5)  # before its end a token is renewed

_KEYS: Final = Way(
    "keys",
    "With a pair of keys",
    BOTH,
    (
        Asked(
            "key_id", "Key ID", help="Alpaca's dashboard → API Keys → Generate. Paper and live have keys of their own."
        ),
        Asked("secret", "Secret key", help="Alpaca shows it once, when the pair is made."),
    ),
)
_OAUTH: Final = Way("oauth", "By signing in at Alpaca", BOTH, comeback=Comeback.CALLBACK)


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """Evenkeel as Alpaca knows this installation of it."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AlpacaKind:
    """A `BrokerKind`.

    Attributes:
        app: where the operator registered one; without it there are keys only.
        wire_of: the way to a host; tests lead it to their own.
    """

    app: OAuthApp | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    wire_of: Callable[[str], Wire] = lambda host: Wire(NAME, host)

    id = "alpaca"
    name = NAME
    sign_in_again = "Your sign-in at Alpaca has run out. Link it again; holdings and targets stay."

    @property
    def ways(self) -> tuple[Way, ...]:
        """Keys always; signing in where the installation is registered at Alpaca."""
        return (_KEYS,) if self.app is None else (_KEYS, _OAUTH)

    def begin(self, way: str, mode: Mode, filled: Mapping[str, str], callback: Callback) -> Grant | Errand:
        """Prove the keys at once, or send the user to Alpaca."""
        if way == _OAUTH.id:
            query = {
                "response_type": "code",
                "client_id": self._registered().client_id,
                "redirect_uri": callback.address,
                "state": callback.state,
                "scope": SCOPES,
                "env": mode.value,
            }
            return Errand(f"{AUTHORISE_AT}?{urlencode(query)}", callback.address.encode())
        keys = AlpacaKeys(filled["key_id"], filled["secret"])
        self._prove(keys, mode)
        return Grant(json.dumps({"key_id": keys.key_id, "secret": keys.secret}).encode())

    def finish(self, way: str, mode: Mode, memory: bytes, answer: Mapping[str, str]) -> Grant:
        """Exchange the code for an access token, and prove that it opens an account."""
        code = {"grant_type": "authorization_code", "code": answer.get("code", ""), "redirect_uri": memory.decode()}
        tokens = self._tokens(code, {})
        self._prove(AlpacaToken(tokens["access"]), mode)
        return _grant(tokens)

    def open(self, user_id: str, link: Link, token: bytes, keep: Keep) -> Broker:
        """The broker; a token that is about to run out is renewed first."""
        told = _read(token)
        if "key_id" in told:
            return self._broker(AlpacaKeys(told["key_id"], told["secret"]), link.mode)
        ends = datetime.fromisoformat(told["ends"]) if told.get("ends") else None
        if ends is not None and told.get("refresh") and self.clock() >= ends - _SOON:
            told = self._tokens({"grant_type": "refresh_token", "refresh_token": told["refresh"]}, told)
            keep(_grant(told))
        return self._broker(AlpacaToken(told["access"]), link.mode)

    def filled(self, token: bytes) -> Mapping[str, str]:
        """Nothing: what was refused once has to be new."""
        return {}

    def revoke(self, link: Link, token: bytes) -> None:
        """Alpaca offers programs no way to; keys and apps are withdrawn on its own pages."""

    def _broker(self, access: AlpacaKeys | AlpacaToken, mode: Mode) -> AlpacaBroker:
        return AlpacaBroker(access, mode, wire=self.wire_of(HOSTS[mode]), clock=self.clock)

    def _prove(self, access: AlpacaKeys | AlpacaToken, mode: Mode) -> None:
        """Ask for the account once. What is refused in one mode may be good in the other, which is worth saying."""
        try:
            self._broker(access, mode).accounts()
        except BrokerAuthError as refused:
            other = Mode.PAPER if mode == Mode.LIVE else Mode.LIVE
            try:
                self._broker(access, other).accounts()
            except (BrokerAuthError, BrokerAnswerError, BrokerUnavailableError):
                raise BrokerAuthError(
                    "Alpaca does not know these keys. Check both, and whether they were made for paper or live; then try "
                    "again.",
                    (NAME,),
                ) from refused
            raise wrong_mode(mode, other) from refused

    def _tokens(self, asked: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, Any]:
        """The tokens of an answer; a refresh token that is not told anew stays what it was."""
        app, wire = self._registered(), self.wire_of(TOKENS_AT)
        form = urlencode({**asked, "client_id": app.client_id, "client_secret": app.client_secret}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = wire.read("POST", "/oauth/token", headers, body=form)
        if answer.status != 200:
            raise BrokerAuthError("Alpaca refused the sign-in. Begin again and agree there.", (NAME,))
        told = fields_of(NAME, "the tokens", answer)
        seconds = told.maybe_number("expires_in")
        ends = None if seconds is None else self.clock() + timedelta(seconds=int(seconds))
        return {
            "access": told.text("access_token"),
            "refresh": told.maybe_text("refresh_token") or before.get("refresh", ""),
            "ends": ends.isoformat() if ends else "",
        }

    def _registered(self) -> OAuthApp:
        if self.app is None:
            raise BrokerAuthError(
                "Signing in at Alpaca is switched off here. Link it again with a pair of keys.", (NAME,)
            )
        return self.app


def _grant(tokens: Mapping[str, Any]) -> Grant:
    """What can be renewed has no end of its own."""
    ends = tokens["ends"] if not tokens["refresh"] else ""
    return Grant(json.dumps(dict(tokens)).encode(), datetime.fromisoformat(ends) if ends else None)


def _read(token: bytes) -> dict[str, Any]:
    try:
        told = json.loads(token)
    except ValueError:
        raise TokenUnreadableError from None
    if not isinstance(told, dict) or not told.keys() & {"key_id", "access"}:
        raise TokenUnreadableError
    return told
