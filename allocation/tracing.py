"""Work that takes longer than a page may wait: the points of a trade-off, found in the background and shown as they come."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from allocation.errors import AllocationError
from allocation.facts import Facts
from allocation.frontier import Over, Point, how_many, points_of


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a trace has come.

    Attributes:
        points: those found so far, by budget.
        expected: how many there may be in the end; 0 while even the best plan is not known.
        finished: nothing more will come: all were found, it was cancelled, or it was refused.
        complete: every point there is was found; fewer than `expected` where some budgets leave no plan.
        refusal: why there are no points.
    """

    points: tuple[Point, ...] = ()
    expected: int = 0
    finished: bool = False
    complete: bool = False
    refusal: str = ""


@dataclass
class Trace:
    """One trade-off being traced. Safe to share between the thread that finds and those that look."""

    facts: Facts
    over: Over
    _progress: Progress = field(default_factory=Progress)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def progress(self) -> Progress:
        """What is known by now."""
        return self._progress

    def cancel(self) -> None:
        """Find no more points than the one at work."""
        self._cancelled.set()

    def run(self, points: Callable[[Facts, Over], Iterator[Point]] = points_of) -> None:
        """Find the points; returns when all are found or the trace was cancelled."""
        found, expected, complete, refusal = list[Point](), 0, False, ""
        try:
            for point in points(self.facts, self.over):
                expected = expected or how_many(point.plan, self.over)
                found.append(point)
                self._progress = Progress(_by_budget(found), expected)
                if self._cancelled.is_set():
                    break
            else:
                complete = True
        except AllocationError as refused:
            refusal = str(refused)
        finally:
            self._progress = Progress(_by_budget(found), expected, True, complete, refusal)


def start_trace(facts: Facts, over: Over) -> Trace:
    """A trace that has begun in a thread of its own, which the process does not wait for at its end."""
    trace = Trace(facts, over)
    threading.Thread(target=trace.run, name="trace", daemon=True).start()
    return trace


def _by_budget(points: list[Point]) -> tuple[Point, ...]:
    return tuple(sorted(points, key=lambda point: point.budget))
