"""Who is at a provider just now, and what the provider answered: in the database, so that any worker can go on.

An answer counts only when it came by our own callback address, in the browser that began, for a state that we made for
it, and once. A provider may cut its pop-up off from the page that opened it (Cross-Origin-Opener-Policy); the page then
finds the answer here all the same.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from allocation.errors import TokenUnreadableError
from allocation.ports import Vault
from allocation.presence import AttemptRows

LONGEST_VALUE = 4096
_RANDOM_BYTES = 32
_STATE, _DEPARTURE, _ANSWER, _ADDRESS = "sign_in_state", "sign_in_departure", "sign_in_answer", "sign_in_address"
_KEPT_FIELDS = ("code", "state", "iss", "error")


@dataclass(frozen=True, slots=True)
class Departure:
    """Somebody who left for a provider in the tab itself: what to go on with, and the address to be at afterwards."""

    provider: str
    left_from: str
    handshake: str = field(repr=False)  # as `Handshake.written` has it


class Attempts:
    """Attempts under way. Everything is kept sealed, and opens only together with the browser's own key."""

    def __init__(
        self, rows: AttemptRows, vault: Vault, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._rows = rows
        self._vault = vault
        self._now = now

    def new_state(self, browser_key: str) -> str:
        """A state of 256 random bits that we know again, for this browser, without having kept it."""
        return _text(self._vault.seal(browser_key, _STATE, secrets.token_bytes(_RANDOM_BYTES)))

    def leave(self, state: str, browser_key: str, departure: Departure) -> None:
        """Remember who left; an earlier departure of the same browser is forgotten."""
        written = json.dumps([departure.provider, departure.left_from, departure.handshake]).encode()
        self._rows.put(state, browser_key, self._vault.seal(browser_key, _DEPARTURE, written), self._now())

    def post(self, browser_key: str, query: Mapping[str, str]) -> str | None:
        """Keep what a provider sent back through this browser.

        Returns:
            Where this tab goes on: empty for a pop-up, which closes. None when no attempt of this browser can have
            asked for it, or it was answered before.
        """
        answer = {name: query[name] for name in _KEPT_FIELDS if query.get(name)}
        state = answer.get("state", "")
        if not browser_key or max(map(len, answer.values()), default=0) > LONGEST_VALUE:
            return None
        if not self._is_ours(state, browser_key):
            return None
        row = self._rows.find(state, browser_key, self._now())
        departure = self._departure(row.sealed_departure, browser_key) if row else None
        sealed = self._vault.seal(browser_key, _ANSWER, json.dumps(answer).encode())
        if not self._rows.answer(state, browser_key, sealed, self._now()):
            return None
        return departure.left_from if departure else ""

    def holds(self, state: str, browser_key: str, *, for_seconds: float = 0) -> bool:
        """Whether an answer to this attempt has been here for so long."""
        row, now = self._rows.find(state, browser_key, self._now()), self._now()
        if row is None or row.sealed_answer is None or row.answered_at is None:
            return False
        return now - row.answered_at >= timedelta(seconds=for_seconds)

    def collect(self, state: str, browser_key: str) -> Mapping[str, str] | None:
        """The answer to this attempt, once; None when there is none."""
        row = self._rows.take(state, browser_key, self._now()) if browser_key else None
        return self._answer(row.sealed_answer, browser_key) if row else None

    def returned(self, browser_key: str) -> tuple[Departure, Mapping[str, str]] | None:
        """Who left a page of this browser and is back, with the answer; handed out once."""
        row = self._rows.latest_departure(browser_key, self._now()) if browser_key else None
        if row is None:
            return None
        departure, answer = (
            self._departure(row.sealed_departure, browser_key),
            self._answer(row.sealed_answer, browser_key),
        )
        if departure is None or answer is None or self.collect(answer["state"], browser_key) is None:
            return None
        return departure, answer

    def keep_address(self, browser_key: str, address: str) -> str:
        """Keep an address that holds a secret, for this browser to go to once; returns what to ask for it with."""
        ticket = secrets.token_urlsafe(_RANDOM_BYTES)
        self._rows.put(ticket, browser_key, self._vault.seal(browser_key, _ADDRESS, address.encode()), self._now())
        return ticket

    def take_address(self, ticket: str, browser_key: str) -> str | None:
        """The address that was kept under this ticket for this browser, once."""
        row = self._rows.take(ticket, browser_key, self._now()) if browser_key else None
        return self._opened(_ADDRESS, row.sealed_departure, browser_key).decode() or None if row else None

    def _is_ours(self, state: str, browser_key: str) -> bool:
        try:
            return len(self._vault.open(browser_key, _STATE, _bytes(state))) == _RANDOM_BYTES
        except (TokenUnreadableError, ValueError):
            return False

    def _departure(self, sealed: bytes | None, browser_key: str) -> Departure | None:
        written = self._opened(_DEPARTURE, sealed, browser_key)
        return Departure(*json.loads(written)) if written else None

    def _answer(self, sealed: bytes | None, browser_key: str) -> dict[str, str] | None:
        written = self._opened(_ANSWER, sealed, browser_key)
        answer: dict[str, str] | None = json.loads(written) if written else None
        return answer

    def _opened(self, name: str, sealed: bytes | None, browser_key: str) -> bytes:
        try:
            return self._vault.open(browser_key, name, sealed) if sealed else b""
        except TokenUnreadableError:  # the keys were changed in these minutes: the visitor tries again
            return b""


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(text[:0]) from error
