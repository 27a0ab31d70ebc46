"""How long somebody who keeps guessing has to wait: longer each time, for each user name and each address by itself."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from allocation.errors import TooManyAttemptsError
from allocation.ports import FailureLog, Failures
from allocation.sign_in.throttle import network_of

LONGEST_WAIT = timedelta(minutes=5)
FORGOTTEN_AFTER = timedelta(hours=1)
# For one name, from one address; for one name, from anywhere; from one address, whatever the name. The second is wider
# than the first, so that somebody elsewhere who guesses does not make the right person wait; the third is for offices.
# A browser in which the name was signed in before is counted by itself, so that strangers make nobody wait there.
FREE_ATTEMPTS, FREE_FROM_ANYWHERE, FREE_FROM_ADDRESS = 5, 50, 20


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt under way: what it counts for, and how many attempts each of those has free."""

    own: Mapping[str, int]
    shared: Mapping[str, int]

    @property
    def free(self) -> Mapping[str, int]:
        """All of them."""
        return {**self.own, **self.shared}


class Patience:
    """Failures in the database, where all workers of an installation see them."""

    def __init__(self, log: FailureLog, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._log = log
        self._now = now

    def attempt(self, name: str, address: str = "", browser: str = "") -> Attempt:
        """Counts as a failure until `succeeded`, so that guesses made at the same moment all count.

        Args:
            name: whose secret is tried.
            address: where from; empty when nobody knows.
            browser: the key of a browser in which this name was signed in before; empty for any other.

        Raises:
            TooManyAttemptsError: it is too early for another attempt, and this one does not count; says how long to wait.
        """
        attempt, now = _attempt(name, network_of(address), browser), self._now()
        self._log.forget(now - FORGOTTEN_AFTER)

        def one_more(before: Mapping[str, Failures]) -> Mapping[str, Failures]:
            wait = max(wait_after(before.get(key), free, now) for key, free in attempt.free.items())
            if wait > timedelta(0):
                raise TooManyAttemptsError(math.ceil(wait.total_seconds()))
            return {key: _one_more(before.get(key), now) for key in attempt.free}

        self._log.revise(attempt.free, one_more)
        return attempt

    def first_time(self, what: str) -> bool:
        """Whether this did not happen within the last hour, whichever worker asks; from now on it did."""
        key, now, earlier = _key("once", what), self._now(), 0

        def once_more(before: Mapping[str, Failures]) -> Mapping[str, Failures]:
            nonlocal earlier
            after = _one_more(before.get(key), now)
            earlier = after.count - 1
            return {key: after}

        self._log.revise([key], once_more)
        return not earlier

    def succeeded(self, attempt: Attempt) -> None:
        """The secret was right: forget the failures of its name, and this one of its address."""

        def taken_back(before: Mapping[str, Failures]) -> Mapping[str, Failures]:
            left = {key: 0 if key in attempt.own else max(0, tally.count - 1) for key, tally in before.items()}
            return {key: replace(before[key], count=count) for key, count in left.items()}

        self._log.revise(attempt.free, taken_back)


def wait_after(failures: Failures | None, free: int, now: datetime) -> timedelta:
    """How long still to wait: after the free attempts 1, 2, 4 … seconds from the last failure, up to five minutes."""
    if failures is None or failures.count < free or now - failures.last > FORGOTTEN_AFTER:
        return timedelta(0)
    whole = min(LONGEST_WAIT, timedelta(seconds=2.0 ** min(failures.count - free, 20)))
    # A clock that was set back must not make anybody wait for longer than was said.
    return min(whole, failures.last + whole - now)


def _one_more(before: Failures | None, now: datetime) -> Failures:
    known = before is not None and now - before.last <= FORGOTTEN_AFTER
    return Failures(before.count + 1 if known and before else 1, now)


def _attempt(name: str, network: str, browser: str) -> Attempt:
    shared = {_key("address", network): FREE_FROM_ADDRESS} if network else {}
    if browser:
        return Attempt({_key("name and browser", name, browser): FREE_ATTEMPTS}, shared)
    own = {_key("name and address", name, network): FREE_ATTEMPTS}
    return Attempt({**own, _key("name", name): FREE_FROM_ANYWHERE} if network else own, shared)


def _key(*parts: str) -> str:
    """A hash: a password typed as a user name must not stand in the database."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
