"""A line to E*TRADE for one signed-in customer: every request signed, a sleeping token renewed, a dead one not sent."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from allocation.adapters.broker_fields import Fields, fields_of
from allocation.adapters.broker_wire import Answer, Wire
from allocation.adapters.etrade_sign_in import (
    HOSTS,
    NAME,
    SIGN_IN_AGAIN,
    SIGN_IN_HOST,
    AccessToken,
    ConsumerKey,
    EtradeSignIn,
    authorisation,
)
from allocation.brokers import BrokerAnswerError

_XML: Final = {"Content-Type": "application/xml"}


class EtradeLine:
    """E*TRADE's server as one customer reaches it. Safe to share between threads."""

    def __init__(
        self,
        consumer: ConsumerKey,
        token: AccessToken,
        clock: Callable[[], datetime],
        *,
        host: str = "",
        sign_in_host: str = SIGN_IN_HOST,
        read_seconds: float,
        order_seconds: float,
        renewed: Callable[[AccessToken], None],
    ) -> None:
        """Open no connection yet; see `EtradeBroker`."""
        self.wire = Wire(NAME, host or HOSTS[consumer.mode], read_seconds=read_seconds, order_seconds=order_seconds)
        self._consumer = consumer
        self._token = token
        self._clock = clock
        self._sign_in = EtradeSignIn(consumer, clock, sign_in_host)
        self._renewed = renewed
        self._lock = threading.Lock()

    def read(self, path: str, **query: str) -> Fields | None:
        """What E*TRADE says to a question; None for 204, which is its word for "nothing there"."""
        return self.understood(self.ask("GET", path, urlencode(query)))

    def ask(self, method: str, path: str, query: str = "", body: bytes | None = None) -> Answer:
        """The answer to a question. A token that fell asleep is renewed, and the question asked once more."""
        headers = {**(_XML if body else {}), **self._signed(method, path, query)}
        answer = self.wire.read(method, path, headers, query=query, body=body)
        if answer.status == 401:
            self._renew()
            headers |= self._signed(method, path, query)
            answer = self.wire.read(method, path, headers, query=query, body=body)
        return answer

    def order(self, method: str, path: str, body: bytes) -> Answer:
        """The answer to an order or a cancellation, sent once."""
        answer = self.wire.order(method, path, {**_XML, **self._signed(method, path)}, body=body)
        if answer.status in (401, 403):
            raise self.wire.no_access(SIGN_IN_AGAIN)
        return answer

    def understood(self, answer: Answer) -> Fields | None:
        """What an answer says; None for 204.

        Raises:
            BrokerAuthError: E*TRADE does not know the customer any more.
            BrokerAnswerError: BROKER_MALFORMED.
        """
        if answer.status == 204:
            return None
        if answer.status in (401, 403):
            raise self.wire.no_access(SIGN_IN_AGAIN)
        if answer.status != 200:
            raise self.wire.malformed(f"status {answer.status}, {reason_of(answer)}")
        return fields_of(NAME, "the answer", answer)

    def _signed(self, method: str, path: str, query: str = "") -> dict[str, str]:
        """The headers that prove who asks; raises `BrokerAuthError` without asking once the token is dead."""
        now = self._clock()
        if now >= self._token.dies_at:
            raise self.wire.no_access(SIGN_IN_AGAIN)
        if self._token.sleeps(now):
            self._renew()
        url = f"{self.wire.base_url}{path}{'?' if query else ''}{query}"
        token = self._token
        signed = authorisation(
            method, url, self._consumer, now, resource_owner_key=token.token, resource_owner_secret=token.secret
        )
        with self._lock:
            self._token = replace(self._token, used_at=now)
        return {"Authorization": signed, "consumerkey": self._consumer.key}

    def _renew(self) -> None:
        renewed = self._sign_in.renew(self._token)
        with self._lock:
            self._token = renewed
        self._renewed(renewed)


def reason_of(answer: Answer) -> str:
    """E*TRADE's own words for a refusal, or the status."""
    try:
        error = fields_of(NAME, "the answer", answer).one("Error")
        return f"{error.text('message').rstrip('.')[:300]} (code {error.maybe_text('code') or 'none'})."
    except BrokerAnswerError:
        return f"status {answer.status}."
