"""Demo visits: each has sample data of its own, found again by its browser, kept in memory for a while."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from allocation.market import Market
from allocation.ports import Store, User

KEPT_FOR = timedelta(hours=2)
MOST_VISITS = 500


@dataclass(frozen=True, slots=True)
class Demo:
    """One visitor's demo: nobody else sees it, and it is gone with the process."""

    user: User
    store: Store
    market: Market


class Demos:
    """The demos under way, by the key of the browser they were opened in."""

    def __init__(self, open_demo: Callable[[], tuple[User, Store, Market]]) -> None:
        self._open_demo = open_demo
        self._visits: OrderedDict[str, tuple[datetime, Demo]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, browser_key: str, now: datetime) -> Demo:
        """A fresh demo; a browser without a key gets one that nothing remembers."""
        demo = Demo(*self._open_demo())
        if browser_key:
            with self._lock:
                self._visits[browser_key] = (now, demo)
                self._visits.move_to_end(browser_key)
                while len(self._visits) > MOST_VISITS:
                    self._visits.popitem(last=False)
        return demo

    def of_browser(self, browser_key: str, now: datetime, *, use: bool = True) -> Demo | None:
        """The demo this browser opened, if it was used in the last two hours; only a `use` prolongs it."""
        with self._lock:
            last, demo = self._visits.get(browser_key, (now, None))
            if demo is None:
                return None
            if now - last > KEPT_FOR:
                del self._visits[browser_key]
                return None
            if use:
                self._visits[browser_key] = (now, demo)
                self._visits.move_to_end(browser_key)
            return demo

    def end(self, browser_key: str) -> None:
        """Forget the demo of this browser; harmless when there is none."""
        with self._lock:
            self._visits.pop(browser_key, None)
