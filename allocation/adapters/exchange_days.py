"""When exchanges are open, by exchange_calendars: weekends, holidays, early closes and the hours of summer and winter."""

import warnings
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import cache
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, NamedTuple

from allocation.exchanges import ALWAYS_OPEN, CURRENCIES, Weekdays

if TYPE_CHECKING:
    from pandas import DatetimeIndex

YEARS: Final = 2  # a price from before them is old by any count
PATIENCE: Final = 2.5  # seconds; Seoul's calendar takes eight, and is there the next time


class Hours(NamedTuple):
    """When each session opens and closes."""

    opens: "DatetimeIndex"
    closes: "DatetimeIndex"


class ExchangeDays:
    """The sessions of every exchange that exchange_calendars knows; of any other, and beyond its years, weekdays."""

    def missed(self, exchange: str, struck: datetime, now: datetime) -> int:
        """Sessions that opened after a price was struck and have closed by now."""
        hours = _hours_at(exchange, now)
        if hours is None:
            return Weekdays().missed(exchange, struck, now)
        over, begun = hours.closes.searchsorted(now, "right"), hours.opens.searchsorted(struck, "left")
        return max(0, int(over) - int(begun))

    def traded(self, exchange: str, struck: datetime, now: datetime) -> timedelta:
        """How long the exchange was open between the two moments."""
        hours = _hours_at(exchange, now)
        if hours is None or struck < hours.opens[0]:
            return Weekdays().traded(exchange, struck, now)
        first, end = hours.closes.searchsorted(struck, "right"), hours.opens.searchsorted(now, "left")
        sessions = zip(hours.opens[first:end], hours.closes[first:end], strict=True)
        return sum((min(closes, now) - max(opens, struck) for opens, closes in sessions), timedelta(0))


def _hours_at(exchange: str, now: datetime) -> Hours | None:
    """The hours around a moment; None where every weekday, or every day, must do."""
    hours = None if exchange in (ALWAYS_OPEN, CURRENCIES) else _hours(exchange, now.year - YEARS)
    return hours if hours is not None and hours.opens[0] <= now <= hours.closes[-1] else None


def _hours(exchange: str, first_year: int) -> Hours | None:
    """The hours since that year and up to a year from today, unless they are unknown or not ready yet."""
    with _lock:
        under_way = _begun(exchange, first_year)
    try:
        return under_way.result(0 if exchange in _waited_for else PATIENCE)
    except TimeoutError:
        _waited_for.add(exchange)  # once; nobody waits for the same calendar twice
        return None


_lock = Lock()
_waited_for: set[str] = set()


@cache
def _begun(exchange: str, first_year: int) -> "Future[Hours | None]":
    ready: Future[Hours | None] = Future()

    def build() -> None:
        try:
            ready.set_result(_built(exchange, f"{first_year}-01-01") or _built(exchange, f"{first_year + YEARS}-02-01"))
        except BaseException as error:
            ready.set_exception(error)
            raise

    Thread(target=build, name=f"calendar {exchange}", daemon=True).start()
    return ready


def _built(exchange: str, start: str) -> Hours | None:
    import exchange_calendars  # type: ignore[import-untyped]  # noqa: PLC0415  a second, for what many a run never asks
    import pandas  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas about the insides of the library; nothing about the days
        try:
            calendar = exchange_calendars.get_calendar(exchange, start=start)
        except exchange_calendars.errors.InvalidCalendarName:
            return None
        except ValueError:  # 4.13 cannot build Tel Aviv's years before it moved from Sunday to Friday, in January 2026
            return None
    return Hours(pandas.DatetimeIndex(calendar.opens), pandas.DatetimeIndex(calendar.closes))
