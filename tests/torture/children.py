"""Processes that are killed: each runs one command of the program, forked from a server that has it imported already."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic, sleep

PATIENCE = 120.0  # seconds after which a child that says nothing is a failure of the program
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["allocation.dealing", "allocation.__main__", "allocation.plan", "tests.torture.naive"])


@dataclass(frozen=True)
class Child:
    """A command under way; what it prints is in a file."""

    process: BaseProcess
    said: Path

    def wait_until_ready(self) -> bool:
        """Whether it may be killed now; False when it ended before."""
        ends = monotonic() + PATIENCE
        while monotonic() < ends:
            if b"READY" in self.said.read_bytes():
                return True
            if not self.process.is_alive():
                return b"READY" in self.said.read_bytes()
            sleep(0.001)
        raise AssertionError(f"nothing was said for {PATIENCE} s")

    def kill(self) -> bool:
        """Without notice; whether it still lived."""
        with suppress(ProcessLookupError):  # it may end by itself just now
            if self.process.is_alive() and self.process.pid is not None:
                os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(10)
        return self.process.exitcode == -signal.SIGKILL

    def finish(self, seconds: float = PATIENCE) -> int:
        """Its exit status."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.kill()
            raise AssertionError(f"not done within {seconds} s: {self.said.read_text()[-500:]}")
        return self.process.exitcode if self.process.exitcode is not None else -1


def start(run: Callable[[Sequence[str]], int], arguments: Sequence[str], said: Path, crash_at: int = 0) -> Child:
    """Run a command in a process of its own, which kills itself at its n-th crash point where that is said."""
    said.write_bytes(b"")
    process = _server.Process(target=_run, args=(run, list(arguments), str(said), crash_at))
    process.start()
    return Child(process, said)


def _run(run: Callable[[Sequence[str]], int], arguments: list[str], said: str, crash_at: int) -> None:
    number = os.open(said, os.O_WRONLY | os.O_TRUNC)
    os.dup2(number, 1)
    os.dup2(number, 2)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    _count_crashpoints(Path(said + ".points"), crash_at)
    status = run(arguments)
    sys.stdout.flush()
    sys.exit(status)


def _count_crashpoints(names: Path, crash_at: int) -> None:
    from allocation.crashing import at_crashpoints

    passed = 0
    log = names.open("a", buffering=1)

    def count(name: str) -> None:
        nonlocal passed
        passed += 1
        log.write(f"{name}\n")
        if passed == crash_at:
            os.kill(os.getpid(), signal.SIGKILL)

    at_crashpoints(count)
