"""The worker: a process of its own that sends orders, and what keeps it alive beside the app's server."""

import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any, TypeAlias

from allocation.acting import begin_request
from allocation.authorisation import Verb
from allocation.bookkeeping import Heartbeat, Turn
from allocation.bootstrap import Workbench, workbench
from allocation.errors import AllocationError, StoreUnavailableError
from allocation.execution import Executor, Means, Progress, Standing
from allocation.journal import Batch
from allocation.links import OpenLink
from allocation.logs import start_log
from allocation.redaction import hide_always
from allocation.settings import load_settings

Answer: TypeAlias = tuple[dict[str, Any], int]
LOOK_SECONDS = 1.0  # how often the server looks whether there is something to send
ROUND_SECONDS = 0.25
IDLE_SECONDS = 60.0  # after which a worker that has nothing to do ends
BEAT = timedelta(seconds=5)
SETTLE = timedelta(seconds=60)  # how long a broker may take to show an order or a fill
_FIRST_WAIT, _LONGEST_WAIT, _FOR_A_PERSON = 0.25, 5.0, 15.0
_log = logging.getLogger("evenkeel.worker")


def work(*, embedded: bool = False) -> Answer:
    """Send what is confirmed until told to stop; embedded, until there is nothing to do or the server is gone."""
    settings, stopping = load_settings(), Event()
    hide_always(settings.secrets())
    start_log(as_json=None if settings.log == "auto" else settings.log == "json")
    if embedded:
        Thread(target=_until_closed, args=(stopping,), daemon=True).start()
    worker = Worker(workbench(settings), stopping)
    try:
        worker.run(IDLE_SECONDS if embedded else None)
    except KeyboardInterrupt:
        stopping.set()
    return {"rounds": worker.rounds}, 0


@dataclass
class _Waiting:
    """When a batch is looked at again, and how it was when it was looked at last."""

    until: float
    seconds: float
    seen: tuple[object, ...]


class Worker:
    """One worker. Of several in an installation one works, and the others wait for it to go away."""

    def __init__(self, bench: Workbench, stopping: Event) -> None:
        self._bench = bench
        self._stopping = stopping
        self._waiting: dict[str, _Waiting] = {}
        self._executors: dict[str, Executor] = {}
        self._name = f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(2)}"
        self._started = self._beaten = datetime.now(UTC) - BEAT
        self.rounds = 0

    def run(self, idle_seconds: float | None = None) -> None:
        """Round after round, while it is this worker's turn."""
        busy = monotonic()
        while not self._stopping.is_set():
            try:
                with self._bench.journal.alone_of_all() as turn:
                    while turn is not None and turn.lasts() and not self._stopping.wait(ROUND_SECONDS):
                        if self.round():
                            busy = monotonic()
                        if idle_seconds is not None and monotonic() - busy > idle_seconds:
                            return
            except StoreUnavailableError as error:
                _log.warning("The database does not answer; trying again: %s", error)
            if idle_seconds is not None and monotonic() - busy > idle_seconds:
                return
            self._stopping.wait(LOOK_SECONDS)

    def round(self) -> int:
        """Take every batch that is due a step further; how many there are."""
        begin_request()
        self.rounds += 1
        due = self._bench.journal.due()
        for batch in due:
            if not self._stopping.is_set() and self._is_time_for(batch):
                self._step(batch)
        self._beat(f"{len(due)} under way" if due else "")
        return len(due)

    def _is_time_for(self, batch: Batch) -> bool:
        waiting = self._waiting.get(batch.id)
        return waiting is None or waiting.seen != _seen(batch) or monotonic() >= waiting.until

    def _step(self, batch: Batch) -> None:
        with self._bench.journal.alone(batch) as turn:
            if turn is None:  # somebody at a command line is at it
                self._wait(batch, Standing.WAITING)
                return
            try:
                opened = self._bench.links.open(batch.owner_id, batch.account_id, Verb.SEND_ORDERS)
                progress = self._executor(batch, self._means(batch, opened), turn).advance(batch.id)
            except AllocationError as error:  # the link is gone, or its token does not open
                progress = self._paused(batch, error)
        self._wait(progress.batch, progress.standing)
        if progress.standing == Standing.DONE:
            self._executors.pop(batch.id, None)
            self._bring_up_to_date(opened)

    def _executor(self, batch: Batch, means: Means, turn: Turn) -> Executor:
        """The batch's own, from round to round."""
        executor = self._executors.setdefault(batch.id, Executor(means, turn))
        executor.take_over(means, turn)
        return executor

    def _means(self, batch: Batch, opened: OpenLink) -> Means:
        owner, bench = batch.owner_id, self._bench

        def rates(currencies: Iterable[str], base: str) -> Mapping[str, Decimal]:
            known = bench.market.rates(tuple(currencies), base, bench.store.manual_prices(owner)).rates
            return {code: known.price(code, base) for code in currencies if known.knows(code, base)}

        return Means(
            bench.journal,
            opened.broker,
            lambda symbols: bench.dealing_quotes(owner, tuple(symbols)),
            lambda: datetime.now(UTC),
            bench.closed_now,
            rates,
            SETTLE,
        )

    def _paused(self, batch: Batch, error: AllocationError) -> Progress:
        if (batch.paused_code, batch.paused_reason) != (error.code, error.message):
            changes = {"paused_code": error.code, "paused_reason": error.message}
            now = datetime.now(UTC)
            batch = self._bench.journal.note(batch.id, now, "paused", changes, code=error.code, reason=error.message)
        return Progress(batch, Standing.PAUSED, error.message)

    def _wait(self, batch: Batch, standing: Standing) -> None:
        """Look again soon, and less and less often while nothing moves."""
        before, seen = self._waiting.get(batch.id), _seen(batch)
        if standing == Standing.DONE:
            self._waiting.pop(batch.id, None)
            return
        same = before is not None and before.seen == seen
        seconds = min(before.seconds * 2, _LONGEST_WAIT) if same and before else _FIRST_WAIT
        if standing != Standing.WAITING:
            seconds = _FOR_A_PERSON
        self._waiting[batch.id] = _Waiting(monotonic() + seconds, seconds, seen)

    def _bring_up_to_date(self, opened: OpenLink) -> None:
        """What the pages show of the account is what the broker holds after the fills."""
        try:
            self._bench.links.refresh(opened.account.owner_id, opened.account.link.id)
        except AllocationError as error:  # the next refresh by hand says so on the page
            _log.warning("The account was not brought up to date after its orders: %s", error.code)

    def _beat(self, said: str) -> None:
        now = datetime.now(UTC)
        if now - self._beaten >= BEAT:
            self._bench.journal.beat(Heartbeat(self._name, self._started, now, said))
            self._beaten = now


class EmbeddedWorker:
    """Keeps a worker's process alive beside this server for as long as there is something to send."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._stopping, self._woken = Event(), Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._watch, name="orders", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """Look now: something was confirmed."""
        self._woken.set()

    def stop(self) -> None:
        """Let the worker finish the order it is at, and end."""
        self._stopping.set()
        self._woken.set()
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()  # it sees that nobody is there any more

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(LOOK_SECONDS)
            self._woken.clear()
            if not self._stopping.is_set() and not self._lives() and self._has_work():
                self._process = _started_worker()

    def _lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _has_work(self) -> bool:
        try:
            return bool(self._bench.journal.due())
        except AllocationError as error:  # the readiness check says so as well
            _log.warning("Nobody knows whether there are orders to send: %s", error.code)
            return False


def _started_worker() -> subprocess.Popen[bytes]:
    package = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "allocation", "orders", "work", "--embedded"]
    return subprocess.Popen(command, cwd=package, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S603  our own


def _until_closed(stopping: Event) -> None:
    """The server holds the other end of standard input; when it goes away, however, this one ends."""
    sys.stdin.buffer.read()
    stopping.set()


def _seen(batch: Batch) -> tuple[object, ...]:
    revisions = tuple(line.revision for line in batch.lines)
    return (batch.wanted_at, batch.intent, batch.paused_code, revisions)
