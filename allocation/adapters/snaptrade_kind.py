"""How SnapTrade is linked: with a Personal key, after the institutions were connected on SnapTrade's own pages."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from allocation.adapters.snaptrade import SnaptradeBroker
from allocation.adapters.snaptrade_line import HOST, LINK_AGAIN, NAME, SnaptradeKey
from allocation.brokers import Broker, BrokerAuthError, Mode
from allocation.errors import TokenUnreadableError
from allocation.linking import Asked, Callback, Errand, Grant, Keep, Link, Way

_KEYS: Final = Way(
    "keys",
    "With a Personal key",
    (Mode.LIVE,),
    (
        Asked(
            "client_id",
            "Client ID",
            help="dashboard.snaptrade.com → API key. A Personal key is free, one for each person.",
        ),
        Asked("consumer_key", "Consumer key", help="SnapTrade shows it once, when the key is made."),
    ),
    about="Reads what you connected at dashboard.snaptrade.com: most American and Canadian brokers. Some take orders this way, "
    "most only read; each account says which.",
)


@dataclass(frozen=True, slots=True)
class SnaptradeKind:
    """A `BrokerKind`. `host`: where tests lead it to their own; empty for SnapTrade."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    host: str = ""
    id: str = field(default="snaptrade", init=False)
    name: str = field(default=NAME, init=False)
    sign_in_again: str = field(default=LINK_AGAIN, init=False)

    @property
    def ways(self) -> tuple[Way, ...]:
        """With a key."""
        return (_KEYS,)

    def begin(self, way: str, mode: Mode, filled: Mapping[str, str], callback: Callback) -> Grant | Errand:
        """Prove the key at once."""
        key = SnaptradeKey(filled["client_id"], filled["consumer_key"])
        self._broker(key).accounts()
        return Grant(json.dumps({"client_id": key.client_id, "consumer_key": key.consumer_key}).encode())

    def finish(self, way: str, mode: Mode, memory: bytes, answer: Mapping[str, str]) -> Grant:
        """Nobody is sent anywhere to come back from."""
        raise BrokerAuthError(f"{NAME} is linked with a key. {LINK_AGAIN}", (NAME,))

    def open(self, user_id: str, link: Link, token: bytes, keep: Keep) -> Broker:
        """The broker."""
        try:
            told = json.loads(token)
            return self._broker(SnaptradeKey(told["client_id"], told["consumer_key"]))
        except (ValueError, KeyError, TypeError):
            raise TokenUnreadableError from None

    def filled(self, token: bytes) -> Mapping[str, str]:
        """Nothing: what was refused once has to be new."""
        return {}

    def revoke(self, link: Link, token: bytes) -> None:
        """Keys are withdrawn on SnapTrade's own pages."""

    def _broker(self, key: SnaptradeKey) -> SnaptradeBroker:
        return SnaptradeBroker(key, self.clock, self.host or HOST)
