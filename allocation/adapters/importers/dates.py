"""The moment a broker's file was made, as the file itself says it. All three brokers print United States Eastern time."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
_DAY = re.compile(
    r"(?P<iso>\d{4})[/-](?P<iso_month>\d{1,2})[/-](?P<iso_day>\d{1,2})"
    r"|(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})"
    r"|(?P<word>[A-Z][a-z]{2})[a-z]*[- .](?P<word_day>\d{1,2})[-, ]+(?P<word_year>\d{4})"
)
_CLOCK = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::\d{2})?\s*(?P<half>[ap])\.?m", re.IGNORECASE)
_US_DAY = re.compile(r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read_moment(text: str) -> datetime | None:
    """The date, and the time if there is one, in a line such as "Date downloaded Nov-20-2026 4:10 p.m ET"."""
    day = _DAY.search(text)
    if day is None:
        return None
    clock = _CLOCK.search(text)
    hour, minute = (
        (int(clock["hour"]) % 12 + 12 * (clock["half"].lower() == "p"), int(clock["minute"])) if clock else (0, 0)
    )
    try:
        return datetime(*_year_month_day(day), hour, minute, tzinfo=EASTERN)
    except ValueError:
        return None


def read_us_day(text: str) -> date | None:
    """A day written as 11/20/2026, month first, as brokers of the United States do; None for anything else."""
    found = _US_DAY.fullmatch(text)
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"])) if found else None
    except ValueError:
        return None


def _year_month_day(day: re.Match[str]) -> tuple[int, int, int]:
    if day["iso"]:
        return int(day["iso"]), int(day["iso_month"]), int(day["iso_day"])
    if day["word"]:
        month = _MONTHS.index(day["word"]) + 1 if day["word"] in _MONTHS else 0
        return int(day["word_year"]), month, int(day["word_day"])
    return int(day["year"]), int(day["month"]), int(day["day"])
