"""How long somebody who keeps guessing has to wait: longer each time, for each user name by itself."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from allocation.errors import TooManyAttemptsError

FREE_ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 300.0
FORGET_SECONDS = 3600.0
MOST_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last: float

    @property
    def wait_seconds(self) -> float:
        """1, 2, 4 … seconds after the free attempts are used up."""
        excess = self.count - FREE_ATTEMPTS
        return 0.0 if excess < 0 else min(LONGEST_WAIT_SECONDS, 2.0 ** min(excess, 20))


class Patience:
    """Failures by user name, in the memory of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, name: str) -> str:
        """Counts as a failure until `succeeded`, so that guesses made at the same moment all count.

        Raises:
            TooManyAttemptsError: it is too early for another attempt; says how long to wait.
        """
        with self._lock:
            now = self._clock()
            before = self._failures.get(name, _Failures(0, now))
            if now - before.last > FORGET_SECONDS:
                before = _Failures(0, now)
            left = before.last + before.wait_seconds - now
            if before.count and left > 0:
                raise TooManyAttemptsError(math.ceil(left))
            self._failures[name] = _Failures(before.count + 1, now)
            self._failures.move_to_end(name)
            if len(self._failures) > MOST_NAMES:
                self._failures.popitem(last=False)
            return name

    def succeeded(self, name: str) -> None:
        """The password was right: forget the failures."""
        with self._lock:
            self._failures.pop(name, None)
