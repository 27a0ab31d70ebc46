"""How long ago something was, in a person's words."""

from datetime import UTC, datetime, timedelta

import pytest

from allocation.moments import age_text, date_text, day_text

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(hours=24), "19 Nov 2026"),
    ],
)
def test_an_age_is_told_in_the_largest_unit_that_fits(ago: timedelta, text: str) -> None:
    assert age_text(NOW - ago, NOW) == text


@pytest.mark.parametrize(("hours", "text"), [(0, "today"), (12, "today"), (13, "yesterday"), (37, "18 Nov 2026")])
def test_a_day_is_seen_from_now(hours: int, text: str) -> None:
    assert day_text(NOW - timedelta(hours=hours), NOW) == text


def test_a_date_has_its_month_in_letters() -> None:
    assert date_text(NOW) == "20 Nov 2026"
