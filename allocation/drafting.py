"""Drafts kept beside the work: an edit never waits for a write, and what is written last is what was typed last."""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allocation.choices import PLAIN, Choices, read_choices, told
from allocation.desk import Draft
from allocation.errors import AllocationError
from allocation.money import plain, to_decimal
from allocation.presence import Drafts

_log = logging.getLogger("evenkeel.drafts")
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was typed for an account and is not saved.

    Attributes:
        draft: targets and locks; None where they are as saved.
        held: a mark of the holdings that the money in `choices` was meant for.
    """

    draft: Draft | None = None
    choices: Choices = PLAIN
    held: str = ""

    @property
    def says_something(self) -> bool:
        """Whether anything in it differs from what everybody begins with."""
        return self.draft is not None or self.choices != PLAIN


class DraftKeeper:
    """Writes drafts in a thread of its own, which the process waits for at its end. Safe to share between threads."""

    def __init__(self, drafts: Drafts, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._drafts = drafts
        self._now = now
        self._waiting: dict[_Key, str | None] = {}
        self._known: dict[_Key, str | None] = {}
        self._turn = threading.Condition()
        self._writing = False

    def keep(self, user_id: str, account_id: str, kept: Kept) -> None:
        """Have this written soon, or forgotten where it says nothing; returns at once."""
        content, key = written(kept) if kept.says_something else None, (user_id, account_id)
        with self._turn:
            if key in self._known and self._known[key] == content:
                return
            self._known[key] = self._waiting[key] = content
            if not self._writing:
                self._writing = True
                threading.Thread(target=self._write, name="drafts").start()

    def find(self, user_id: str, account_id: str) -> Kept:
        """What was kept last, written or not."""
        key = (user_id, account_id)
        with self._turn:
            waiting = key in self._waiting
            content = self._waiting.get(key)
        if not waiting:
            content = self._drafts.load(*key)
            with self._turn:
                self._known[key] = content
        return read(content) if content else Kept()

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


def written(kept: Kept) -> str:
    """What is kept, as text."""
    draft = {} if kept.draft is None else _written(kept.draft)
    return json.dumps({**draft, "rules": told(kept.choices), "held": kept.held})


def read(content: str) -> Kept:
    """What was kept in a text; of a text from another version, as much as can be read."""
    try:
        told_then = json.loads(content)
    except ValueError:
        return Kept()
    if not isinstance(told_then, dict):
        return Kept()
    rules = told_then.get("rules")
    return Kept(
        _read(told_then), read_choices(rules if isinstance(rules, dict) else {}), str(told_then.get("held", ""))
    )


def _written(draft: Draft) -> dict[str, object]:
    percents = {symbol: plain(percent) for symbol, percent in draft.percents.items()}
    return {"percents": percents, "locked": sorted(draft.locked), "extra": list(draft.extra)}


def _read(told_then: dict[str, Any]) -> Draft | None:
    try:
        percents = {str(symbol): to_decimal(percent, symbol) for symbol, percent in told_then["percents"].items()}
        return Draft(percents, frozenset(map(str, told_then["locked"])), tuple(map(str, told_then["extra"])))
    except (ValueError, KeyError, TypeError, AttributeError, AllocationError):
        return None
