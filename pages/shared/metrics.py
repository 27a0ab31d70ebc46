"""What an operator can count: runs, plans, refusals, and how old the prices behind a plan are. No user, account or symbol."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from streamlit import runtime
from streamlit.runtime.stats import ACTIVE_SESSIONS_FAMILY, GaugeStat

from allocation.model import Quote

_MILLISECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_AGES = (_MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY)

_registry = CollectorRegistry()
_connected = Gauge("evenkeel_connected_tabs", "Browser tabs that are connected now.", registry=_registry)
_connected.set_function(lambda: _connected_tabs())
_runs = Counter("evenkeel_runs", "Runs of a page, by the page.", ["page"], registry=_registry)
_run_seconds = Histogram(
    "evenkeel_run_seconds", "How long a run of a page took.", buckets=_MILLISECONDS, registry=_registry
)
_plan_seconds = Histogram(
    "evenkeel_plan_seconds", "How long a plan took, its check included.", buckets=_MILLISECONDS, registry=_registry
)
_price_age = Histogram(
    "evenkeel_price_age_seconds", "Age of the oldest price behind a plan.", buckets=_AGES, registry=_registry
)
_price_failures = Counter(
    "evenkeel_price_failures", "Symbols without a price, by reason.", ["fault"], registry=_registry
)
_refusals = Counter(
    "evenkeel_sign_in_refusals", "Sign-ins refused, by way and reason.", ["way", "reason"], registry=_registry
)
_faults = Counter("evenkeel_faults", "Faults of the program that a visitor met.", registry=_registry)


def text() -> bytes:
    """Everything counted, as Prometheus reads it."""
    return generate_latest(_registry)


@contextmanager
def one_run(page: str) -> Iterator[None]:
    """A run of a page; counted and timed whether it ends, stops or fails."""
    _runs.labels(page).inc()
    with _run_seconds.time():
        yield


@contextmanager
def one_plan(quotes: Iterable[Quote], now: datetime) -> Iterator[None]:
    """The making of a plan from these prices; one that is refused is not counted."""
    began = time.perf_counter()
    yield
    _plan_seconds.observe(time.perf_counter() - began)
    oldest = min((quote.time for quote in quotes), default=now)
    _price_age.observe(max(0.0, (now - oldest).total_seconds()))


def price_failed(fault: str) -> None:
    """A source had no price for a symbol."""
    _price_failures.labels(fault).inc()


def sign_in_refused(way: str, reason: str) -> None:
    """Somebody was not let in; `reason` is a code of ours, never what the visitor sent."""
    _refusals.labels(way, reason).inc()


def fault_met() -> None:
    """A visitor was shown that something went wrong on our side."""
    _faults.inc()


def _connected_tabs() -> float:
    if not runtime.exists():
        return 0.0
    found = runtime.get_instance().stats_mgr.get_stats(family_names=[ACTIVE_SESSIONS_FAMILY])
    return float(sum(stat.value for stats in found.values() for stat in stats if isinstance(stat, GaugeStat)))
