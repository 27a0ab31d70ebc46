"""`python -m allocation book`: from file to file, with a line on how far it is and a tidy end to Ctrl-C."""

import argparse
import os
import sys
from pathlib import Path
from time import monotonic
from typing import Any

from allocation.book.book import Progress
from allocation.book.to_files import Report, rebalance_files
from allocation.errors import RequestError
from allocation.rules import Rules

# The exit status of a program that Ctrl-C ended.
INTERRUPTED = 130
_SECONDS_BETWEEN_LINES = 0.5


def rebalance(chosen: argparse.Namespace, rules: Rules) -> tuple[dict[str, Any], int]:
    """Do what the command line says; what was written, and the exit status."""
    if chosen.workers < 0:
        raise RequestError(f"--workers is {chosen.workers}; it must be 1 or more.", ("--workers",))
    report = rebalance_files(
        Path(chosen.accounts),
        Path(chosen.models),
        Path(chosen.out),
        rules,
        workers=chosen.workers or cores(),
        scheduler=chosen.scheduler,
        watch=_Telling(),
    )
    if report.stopped_after is not None:
        after = f"after account {report.stopped_after}" if report.stopped_after else "before the first account"
        _say(f"Stopped {after}; {report.accounts:,} accounts are in {report.trades_file} and {report.summary_file}.\n")
    return _told(report), 0 if report.stopped_after is None else INTERRUPTED


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Telling:
    """One line on standard error, written over and over where that is a terminal."""

    def __init__(self) -> None:
        self._begun = self._told = monotonic()
        self._over = "\r" if sys.stderr.isatty() else ""

    def __call__(self, progress: Progress) -> None:
        now, ended = monotonic(), progress.done == progress.accounts
        if now - self._told < _SECONDS_BETWEEN_LINES and not ended:
            return
        self._told = now
        speed = progress.done / max(now - self._begun, 1e-9)
        refused = f", {progress.refused:,} refused" if progress.refused else ""
        line = f"{progress.done:,} of {progress.accounts:,} accounts{refused}, {speed:,.0f} a second"
        _say(f"{self._over}{line:<70}" + ("" if self._over and not ended else "\n"))


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)  # noqa: T201  the command line talks


def _told(report: Report) -> dict[str, Any]:
    return {
        "accounts": report.accounts,
        "statuses": report.statuses,
        "refusals": report.refusals,
        "trades": report.trades,
        "files": {"trades": str(report.trades_file), "summary": str(report.summary_file)},
        "stopped_after": report.stopped_after,
    }
