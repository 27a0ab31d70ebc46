"""Answers that providers sent to our callback address, for the attempt that waits for them.

A provider may cut its pop-up off from the page that opened it (Cross-Origin-Opener-Policy); the page then finds the
answer here. An answer is handed out once, only for the state it came with, and only to the browser that brought it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from time import monotonic

KEPT_SECONDS = 600.0
MOST_ANSWERS = 1000
LONGEST_VALUE = 4096
_KEPT_FIELDS = ("code", "state", "iss", "error")


class Mailbox:
    """Answers by (state, browser key), in the memory of this process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._answers: OrderedDict[tuple[str, str], tuple[float, dict[str, str]]] = OrderedDict()
        self._lock = threading.Lock()

    def post(self, browser_key: str, query: Mapping[str, str]) -> None:
        """Keep what a provider sent back through this browser; what no attempt of ours can have asked for is dropped."""
        answer = {field: query[field] for field in _KEPT_FIELDS if query.get(field)}
        if not browser_key or "state" not in answer or max(map(len, answer.values())) > LONGEST_VALUE:
            return
        with self._lock:
            self._answers[answer["state"], browser_key] = (self._clock(), answer)
            while len(self._answers) > MOST_ANSWERS:
                self._answers.popitem(last=False)

    def holds(self, state: str, browser_key: str, *, for_seconds: float = 0) -> bool:
        """Whether an answer to this attempt has been here for so long."""
        with self._lock:
            came, _ = self._answers.get((state, browser_key), (None, {}))
            return came is not None and for_seconds <= self._clock() - came <= KEPT_SECONDS

    def collect(self, state: str, browser_key: str) -> Mapping[str, str] | None:
        """The answer to this attempt, once; None when there is none or it is too old."""
        with self._lock:
            came, answer = self._answers.pop((state, browser_key), (0.0, None))
            return answer if answer is not None and self._clock() - came <= KEPT_SECONDS else None
