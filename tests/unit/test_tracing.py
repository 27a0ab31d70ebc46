"""A trade-off traced in the background: every point as soon as it is found, and an end that can be asked for."""

from collections.abc import Iterator
from decimal import Decimal
from threading import Event

from allocation.facts import Facts
from allocation.frontier import Over, Point, points_of, trace_frontier
from allocation.rules import Rules
from allocation.targets import TargetAllocation
from allocation.tracing import Trace, start_trace
from tests.builders import a_portfolio

PRICES = {"VTI": Decimal(100), "BND": Decimal(50), "GLD": Decimal(20)}
TARGET = TargetAllocation({"VTI": Decimal("0.6"), "BND": Decimal("0.3"), "GLD": Decimal("0.1")})


def facts(cash: int = 500, **rules: object) -> Facts:
    return Facts((a_portfolio({"VTI": 75, "BND": 40}, cash),), TARGET, PRICES, Rules(**rules))  # type: ignore[arg-type]


def wait_for(trace: Trace) -> None:
    done = Event()
    while not trace.progress.finished:
        done.wait(0.01)


def test_what_is_traced_is_the_frontier() -> None:
    trace = start_trace(facts(), Over.TRADES)

    wait_for(trace)

    assert trace.progress.points == trace_frontier(facts(), Over.TRADES)
    assert trace.progress.expected == len(trace.progress.points)


def test_points_are_shown_as_they_are_found_the_best_plan_first() -> None:
    seen, trace = list[int](), Trace(facts(), Over.TRADES)

    def looking(told: Facts, over: Over) -> Iterator[Point]:
        for point in points_of(told, over):
            yield point
            seen.append(len(trace.progress.points))
            assert not trace.progress.finished

    trace.run(looking)

    assert seen == list(range(1, len(seen) + 1))
    assert trace.progress.points[-1].plan.totals.trades == 3


def test_a_cancelled_trace_ends_with_the_points_it_has() -> None:
    trace = Trace(facts(), Over.TURNOVER)
    trace.cancel()

    trace.run()

    assert trace.progress.finished
    assert not trace.progress.complete
    assert len(trace.progress.points) == 1


def test_budgets_that_leave_no_plan_do_not_make_a_trace_less_complete() -> None:
    trace = Trace(facts(cash=-5000), Over.TRADES)  # without a trade nothing pays the 5,000

    trace.run()

    assert trace.progress.complete
    assert len(trace.progress.points) < trace.progress.expected


def test_rules_that_leave_no_plan_are_said_and_end_the_trace() -> None:
    trace = Trace(facts(cash=-5000, do_not_sell={"VTI", "BND"}), Over.TRADES)

    trace.run()

    assert trace.progress.finished
    assert "must raise 5,000.00" in trace.progress.refusal
    assert trace.progress.points == ()
