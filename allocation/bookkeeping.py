"""Where orders are written down: what the executor and the people at their pages ask of the journal."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from allocation.journal import Batch, Decision, Event, Intent, Line
from allocation.limits import Limits


class Journal(Protocol):
    """The journal as the executor keeps it. Each call is one transaction, and acknowledged only when it is durable."""

    def due(self) -> tuple[Batch, ...]:
        """The batches that somebody wants executed or stopped and that are not closed, the oldest first."""
        ...

    def load(self, batch_id: str) -> Batch:
        """A batch with its lines as they are now; raises `JournalError` for one that is not there."""
        ...

    def write(self, before: Line, after: Line, batch_id: str, now: datetime, what: str = "") -> Line:
        """Replace a line by its next one, with the event, if it still is what it was.

        Raises:
            MovedMeanwhileError: somebody else changed it meanwhile; nothing was written.
        """
        ...

    def note(self, batch_id: str, now: datetime, what: str, changes: Mapping[str, Any], **details: Any) -> Batch:
        """Change what stands in the batch itself (paused, begun, sized, closed …), with the event."""
        ...

    def fit(self, batch_id: str, quantities: Mapping[int, Decimal], now: datetime, reason: str) -> Batch:
        """Make orders that were not sent yet smaller, never larger; what comes to nothing is skipped."""
        ...

    def refuse(self, batch_id: str, code: str, reason: str, now: datetime) -> Batch:
        """Close a batch of which nothing was sent: every line skipped, all in one."""
        ...

    def sent_since(self, batch: Batch, moment: datetime) -> tuple[datetime, ...]:
        """When orders of the batch's account were sent after a moment."""
        ...

    def stopped(self, batch: Batch) -> str:
        """Why nobody may send orders for the batch's account just now; empty when nobody said so."""
        ...

    def limits(self, batch: Batch) -> Limits:
        """The limits of the batch's account."""
        ...

    def freeze(self, batch: Batch, reason: str, now: datetime) -> None:
        """Stop the account's orders until a person lets them go on."""
        ...

    def alone(self, batch: Batch) -> AbstractContextManager["Turn | None"]:
        """A turn at the batch's account while the block lasts; None when another executor has it.

        It ends with the process, however that ends.
        """
        ...

    def alone_of_all(self) -> AbstractContextManager["Turn | None"]:
        """The turn of the installation's one worker while the block lasts; None when another has it."""
        ...

    def beat(self, heartbeat: "Heartbeat") -> None:
        """Say that an executor is at work; in place of what it said before."""
        ...


class Turn(Protocol):
    """The right to send orders for one account."""

    def lasts(self) -> bool:
        """Whether it is still ours."""
        ...


@dataclass(frozen=True, slots=True)
class Stop:
    """Orders of an account are stopped: since when, by whom and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """An executor that was at work at this moment."""

    name: str
    started_at: datetime
    at: datetime
    said: str = ""


class OrderDesk(Protocol):
    """The journal as people see it. Every question takes the user's id, and an account's id as that user knows it.

    It raises `AccountNotFoundError` and `NotAllowedError` like the store, and both are written down.
    """

    def commit(self, user_id: str, account_id: str, batch: Batch, intent: Intent) -> Batch:
        """Write the reviewed batch down, whole, before anything is sent. The same batch again is the one that is there.

        Raises:
            BatchOvertakenError: another batch was committed since the review, or is still under way.
        """
        ...

    def latest(self, user_id: str, account_id: str) -> str:
        """The id of the account's latest batch, for the next one to follow; empty before the first."""
        ...

    def batches(self, user_id: str, account_id: str, limit: int = 20) -> tuple[Batch, ...]:
        """The account's batches, the newest first."""
        ...

    def batch(self, user_id: str, account_id: str, batch_id: str) -> Batch:
        """One batch of the account; raises `JournalError` for one that is not there."""
        ...

    def events(self, user_id: str, account_id: str, batch_id: str) -> tuple[Event, ...]:
        """What happened to a batch, in order."""
        ...

    def intend(self, user_id: str, account_id: str, batch_id: str, intent: Intent) -> Batch:
        """Say what is wanted of a batch: execute (or go on with) it, or send nothing more."""
        ...

    def decide(self, user_id: str, account_id: str, batch_id: str, line: int, decision: Decision) -> Batch:
        """A person's decision about a line that waits for one."""
        ...

    def stop(self, user_id: str, account_id: str, reason: str) -> None:
        """The kill switch: no order of the account leaves any more."""
        ...

    def let_go(self, user_id: str, account_id: str) -> None:
        """Orders of the account may be sent again."""
        ...

    def stop_of(self, user_id: str, account_id: str) -> Stop | None:
        """Whether and why the account's orders are stopped."""
        ...

    def limits(self, user_id: str, account_id: str) -> Limits:
        """The account's limits."""
        ...

    def save_limits(self, user_id: str, account_id: str, limits: Limits) -> None:
        """Set them."""
        ...

    def heartbeats(self, since: datetime) -> tuple[Heartbeat, ...]:
        """The executors that were at work since a moment, the latest first."""
        ...
