"""Drafts kept beside the work: an edit never waits for a write, and what is written last is what was typed last."""

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from allocation.desk import Draft
from allocation.errors import AllocationError
from allocation.money import plain, to_decimal
from allocation.presence import Drafts

_log = logging.getLogger("evenkeel.drafts")
_Key = tuple[str, str]


class DraftKeeper:
    """Writes drafts in a thread of its own, which the process waits for at its end. Safe to share between threads."""

    def __init__(self, drafts: Drafts, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._drafts = drafts
        self._now = now
        self._waiting: dict[_Key, str | None] = {}
        self._known: dict[_Key, str | None] = {}
        self._turn = threading.Condition()
        self._writing = False

    def keep(self, user_id: str, account_id: str, draft: Draft | None) -> None:
        """Have this written soon, or the draft forgotten; returns at once."""
        content, key = written(draft) if draft else None, (user_id, account_id)
        with self._turn:
            if key in self._known and self._known[key] == content:
                return
            self._known[key] = self._waiting[key] = content
            if not self._writing:
                self._writing = True
                threading.Thread(target=self._write, name="drafts").start()

    def find(self, user_id: str, account_id: str) -> Draft | None:
        """The draft that was kept last, written or not."""
        key = (user_id, account_id)
        with self._turn:
            waiting = key in self._waiting
            content = self._waiting.get(key)
        if not waiting:
            content = self._drafts.load(*key)
            with self._turn:
                self._known[key] = content
        return read(content) if content else None

    def settle(self, seconds: float = 5) -> bool:
        """Wait until everything is written; False when that takes too long."""
        with self._turn:
            return self._turn.wait_for(lambda: not self._writing, seconds)

    def _write(self) -> None:
        while True:
            with self._turn:
                if not self._waiting:
                    self._writing = False
                    self._turn.notify_all()
                    return
                key, content = next(iter(self._waiting.items()))
            self._write_one(key, content)
            with self._turn:
                if self._waiting.get(key) == content:  # or else something newer came meanwhile
                    self._waiting.pop(key, None)

    def _write_one(self, key: _Key, content: str | None) -> None:
        try:
            if content is None:
                self._drafts.drop(*key)
            else:
                self._drafts.save(*key, content, self._now())
        except AllocationError as error:  # the page goes on with what it has; the next edit tries again
            _log.warning("A draft was not written: %s", error.code)
            with self._turn:
                self._known.pop(key, None)


def written(draft: Draft) -> str:
    """A draft as text."""
    percents = {symbol: plain(percent) for symbol, percent in draft.percents.items()}
    return json.dumps({"percents": percents, "locked": sorted(draft.locked), "extra": list(draft.extra)})


def read(content: str) -> Draft | None:
    """The draft in a text; None when it is none, as from another version."""
    try:
        told = json.loads(content)
        percents = {str(symbol): to_decimal(percent, symbol) for symbol, percent in told["percents"].items()}
        return Draft(percents, frozenset(map(str, told["locked"])), tuple(map(str, told["extra"])))
    except (ValueError, KeyError, TypeError, AttributeError, AllocationError):
        return None
