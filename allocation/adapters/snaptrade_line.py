"""A line to SnapTrade: requests signed with a Personal key, as docs.snaptrade.com/docs/request-signatures wants them.

A Personal key stands for its one owner, so no request names a user. Account data may be asked ten times a minute for each
account, everything together 250 times (docs.snaptrade.com/docs/ratelimiting).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from allocation.adapters.broker_fields import Fields, fields_of, list_of
from allocation.adapters.broker_wire import READ_SECONDS, Answer, Wire
from allocation.brokers import BrokerAnswerError, OrderRefusedError
from allocation.money import plain

NAME: Final = "SnapTrade"
HOST: Final = "https://api.snaptrade.com"
LINK_AGAIN: Final = "Check client id and consumer key at dashboard.snaptrade.com, and link SnapTrade again."
_ROOT: Final = "/api/v1"
_ORDER_SECONDS: Final = 30.0  # it waits itself until the institution has answered
_NOT_HERE: Final = frozenset((403, 404, 501))


@dataclass(frozen=True, slots=True)
class SnaptradeKey:
    """A Personal key. The client id travels in addresses; the consumer key only signs and never travels."""

    client_id: str = field(repr=False)
    consumer_key: str = field(repr=False)


class SnaptradeLine:
    """SnapTrade's server as one key reaches it. Safe to share between threads."""

    def __init__(
        self,
        key: SnaptradeKey,
        clock: Callable[[], datetime],
        host: str = HOST,
        *,
        read_seconds: float = READ_SECONDS,
        order_seconds: float = _ORDER_SECONDS,
    ) -> None:
        """Open no connection yet; see `SnaptradeBroker`."""
        self.wire = Wire(NAME, host, read_seconds=read_seconds, order_seconds=order_seconds)
        self._key = key
        self._clock = clock

    def list(self, path: str, **query: str) -> tuple[Fields, ...]:
        """The objects of a list."""
        return list_of(NAME, path.rsplit("/", 1)[1], self._understood(self.ask("GET", path, query)))

    def one(self, path: str, **query: str) -> Fields:
        """An object."""
        return fields_of(NAME, path.rsplit("/", 1)[1], self._understood(self.ask("GET", path, query)))

    def maybe(self, path: str, **query: str) -> Answer | None:
        """An answer, or None where the institution behind the account does not offer it."""
        answer = self.ask("GET", path, query)
        return None if answer.status in _NOT_HERE else self._understood(answer)

    def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Answer:
        """The answer to a question, whatever its status; raises `BrokerAuthError` for a key that is not known."""
        path, told, headers, content = self._signed(path, query or {}, body)
        answer = self.wire.read(method, path, headers, query=told, body=content)
        return self._known(answer)

    def order(self, path: str, body: Mapping[str, Any]) -> Answer:
        """The answer to an order or a cancellation, sent once."""
        path, told, headers, content = self._signed(path, {}, body)
        return self._known(self.wire.order("POST", path, headers, query=told, body=content))

    def _known(self, answer: Answer) -> Answer:
        if answer.status == 401 or (answer.status == 403 and "signature" in reason_of(answer).casefold()):
            raise self.wire.no_access(LINK_AGAIN)
        return answer

    def _understood(self, answer: Answer) -> Answer:
        if answer.status in (403, 404):
            raise BrokerAnswerError(
                "BROKER_ACCOUNT",
                f"{NAME} does not give out this account: {reason_of(answer)} Look at the connection at "
                "dashboard.snaptrade.com, then refresh.",
                ("account",),
            )
        if answer.status != 200:
            raise self.wire.malformed(f"status {answer.status}, {reason_of(answer)}")
        return answer

    def _signed(
        self, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> tuple[str, str, dict[str, str], bytes | None]:
        """Path, query, headers and body of a request, the last three belonging together by their signature."""
        moment = str(int(self._clock().timestamp()))
        told = urlencode({**query, "clientId": self._key.client_id, "timestamp": moment})
        signature = signature_of(self._key.consumer_key, f"{_ROOT}{path}", told, body)
        headers = {"Signature": signature, **({"Content-Type": "application/json"} if body else {})}
        return f"{_ROOT}{path}", told, headers, canonical_json(body).encode() if body else None


def signature_of(consumer_key: str, path: str, query: str, body: Mapping[str, Any] | None) -> str:
    """HMAC-SHA256 over body, path and query as canonical JSON, in base64."""
    signed = canonical_json({"content": body or None, "path": path, "query": query})
    return base64.b64encode(hmac.new(consumer_key.encode(), signed.encode(), hashlib.sha256).digest()).decode()


def canonical_json(found: object) -> str:
    """JSON with sorted keys and without blanks."""
    return json.dumps(found, separators=(",", ":"), sort_keys=True)


def as_number(found: Decimal, what: str, symbol: str) -> int | float:
    """A decimal as the JSON number SnapTrade takes, digit for digit.

    Raises:
        OrderRefusedError: it has more digits than such a number holds; nothing was sent.
    """
    if found == found.to_integral_value():
        return int(found)
    number = float(found)
    if Decimal(repr(number)) != found:
        raise OrderRefusedError(
            f"{NAME} takes numbers of 15 digits, and {what} of {plain(found)} {symbol} has more. Round it; nothing was sent.",
            (symbol,),
        )
    return number


def reason_of(answer: Answer) -> str:
    """SnapTrade's own words for a refusal, or the status."""
    try:
        told = fields_of(NAME, "the answer", answer)
        said = next(
            (told.maybe_text(name) for name in ("detail", "default_detail", "error") if told.told.get(name)), ""
        )
    except BrokerAnswerError:
        said = ""
    return f"{said.rstrip('.')[:300] or f'status {answer.status}'}."
