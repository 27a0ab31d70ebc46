"""Visitors who went to a provider in the tab itself, without a pop-up, and where they left from."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from allocation.sign_in.handshake import Handshake
from allocation.sign_in.mailbox import KEPT_SECONDS

MOST_DEPARTURES = 1000


@dataclass(frozen=True, slots=True)
class Departure:
    """An attempt to sign in, and the address (path and query) to be at afterwards."""

    provider: str
    handshake: Handshake
    left_from: str


class Departures:
    """The latest departure of each browser, in the memory of this process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._departures: OrderedDict[str, tuple[float, Departure]] = OrderedDict()
        self._lock = threading.Lock()

    def leave(self, browser_key: str, departure: Departure) -> None:
        """Remember who left; an earlier departure of the same browser is forgotten."""
        with self._lock:
            self._departures.pop(browser_key, None)
            self._departures[browser_key] = (self._clock(), departure)
            while len(self._departures) > MOST_DEPARTURES:
                self._departures.popitem(last=False)

    def of_browser(self, browser_key: str) -> Departure | None:
        """The departure of this browser, if it is not too long ago."""
        with self._lock:
            left, departure = self._departures.get(browser_key, (0.0, None))
            return departure if departure is not None and self._clock() - left <= KEPT_SECONDS else None

    def forget(self, browser_key: str) -> None:
        """The visitor is back."""
        with self._lock:
            self._departures.pop(browser_key, None)
