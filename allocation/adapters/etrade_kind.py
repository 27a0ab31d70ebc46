"""How E*TRADE is linked: a key of its customer's own, agreed to on E*TRADE's page, with a code to copy back."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from allocation.adapters.etrade import EtradeBroker
from allocation.adapters.etrade_sign_in import (
    NAME,
    SIGN_IN_AGAIN,
    SIGN_IN_HOST,
    AccessToken,
    ConsumerKey,
    EtradeSignIn,
    RequestToken,
)
from allocation.brokers import Broker, BrokerAuthError, Mode
from allocation.errors import TokenUnreadableError
from allocation.linking import Asked, Callback, Comeback, Errand, Grant, Keep, Link, Way

_ABOUT: Final = (
    "E*TRADE ends every session at midnight US Eastern, so it is signed in to once for each day on which it is used. Paper is "
    "E*TRADE's sandbox: its accounts are samples, whatever is ordered."
)
_KEY: Final = Way(
    "key",
    "With a key of your own",
    (Mode.PAPER, Mode.LIVE),
    (
        Asked(
            "key", "Consumer key", help="From us.etrade.com/etx/ris/apikey. Sandbox and live have keys of their own."
        ),
        Asked("secret", "Consumer secret", help="E*TRADE shows it beside the key."),
    ),
    comeback=Comeback.CODE,
    about=_ABOUT,
)
_HOUSE: Final = Way("house", "With the key of this installation", (Mode.LIVE,), comeback=Comeback.CODE, about=_ABOUT)


@dataclass(frozen=True, slots=True)
class EtradeKind:
    """A `BrokerKind`.

    Attributes:
        house: the key of whoever runs the installation, where they are its only user; nobody types one in then.
        host: where tests lead it to their own; empty for E*TRADE.
    """

    house: ConsumerKey | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    host: str = ""
    id: str = field(default="etrade", init=False)
    name: str = field(default=NAME, init=False)
    sign_in_again: str = field(default=SIGN_IN_AGAIN, init=False)

    @property
    def ways(self) -> tuple[Way, ...]:
        """The installation's key where there is one, and everybody's own."""
        return (_KEY,) if self.house is None else (_HOUSE, _KEY)

    def begin(self, way: str, mode: Mode, filled: Mapping[str, str], callback: Callback) -> Grant | Errand:
        """Begin to sign in, and send the user to E*TRADE to agree."""
        consumer = self._house() if way == _HOUSE.id else ConsumerKey(filled["key"], filled["secret"], mode)
        begun = self._sign_in(consumer).begin()
        memory = {**_of_consumer(consumer), "token": begun.token, "token_secret": begun.secret}
        return Errand(begun.authorise_at, json.dumps(memory).encode())

    def finish(self, way: str, mode: Mode, memory: bytes, answer: Mapping[str, str]) -> Grant:
        """The token for the code that E*TRADE showed; good until midnight there."""
        told = _read(memory)
        consumer = _consumer_of(told)
        begun = RequestToken(told["token"], told["token_secret"], "")
        return _grant(consumer, self._sign_in(consumer).finish(begun, answer.get("code", "")))

    def open(self, user_id: str, link: Link, token: bytes, keep: Keep) -> Broker:
        """The broker; a token that slept is renewed with the first question, and kept as renewed."""
        told = _read(token)
        consumer = _consumer_of(told)
        return EtradeBroker(
            consumer,
            _token_of(told),
            self.clock,
            host=self.host,
            sign_in_host=self.host or SIGN_IN_HOST,
            renewed=lambda renewed: keep(_grant(consumer, renewed)),
        )

    def filled(self, token: bytes) -> Mapping[str, str]:
        """The key: it outlives the session that ended at midnight."""
        told = _read(token)
        return {"key": told["key"], "secret": told["secret"]}

    def revoke(self, link: Link, token: bytes) -> None:
        """Make the token worthless at E*TRADE; one that is dead has nothing left to lose."""
        told = _read(token)
        if self.clock() < _token_of(told).dies_at:
            self._sign_in(_consumer_of(told)).revoke(_token_of(told))

    def _sign_in(self, consumer: ConsumerKey) -> EtradeSignIn:
        return EtradeSignIn(consumer, self.clock, self.host or SIGN_IN_HOST)

    def _house(self) -> ConsumerKey:
        if self.house is None:
            raise BrokerAuthError(
                f"This installation has no key of {NAME} any more. Link it again with your own.", (NAME,)
            )
        return self.house


def _of_consumer(consumer: ConsumerKey) -> dict[str, str]:
    return {"key": consumer.key, "secret": consumer.secret, "mode": consumer.mode.value}


def _consumer_of(told: Mapping[str, Any]) -> ConsumerKey:
    return ConsumerKey(told["key"], told["secret"], Mode(told["mode"]))


def _grant(consumer: ConsumerKey, token: AccessToken) -> Grant:
    moments = {"granted": token.granted_at.isoformat(), "used": (token.used_at or token.granted_at).isoformat()}
    told = {**_of_consumer(consumer), "token": token.token, "token_secret": token.secret, **moments}
    return Grant(json.dumps(told).encode(), token.dies_at)


def _token_of(told: Mapping[str, Any]) -> AccessToken:
    granted, used = (datetime.fromisoformat(told[name]) for name in ("granted", "used"))
    return AccessToken(told["token"], told["token_secret"], granted, used)


def _read(sealed: bytes) -> dict[str, Any]:
    try:
        told = json.loads(sealed)
    except ValueError:
        raise TokenUnreadableError from None
    if not isinstance(told, dict) or not told.keys() >= {"key", "secret", "mode", "token", "token_secret"}:
        raise TokenUnreadableError
    return told
