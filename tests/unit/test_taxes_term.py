"""The holding period, to the day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.taxes import Term, first_long_term_day, term_of

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("acquired", "first_long"),
    [
        ("2025-11-20", "2026-11-21"),
        ("2024-12-31", "2026-01-01"),
        ("2025-01-01", "2026-01-02"),
        ("2015-02-27", "2016-02-28"),
        ("2015-02-28", "2016-03-01"),  # the last of its month: February ends on the 29th a year later
        ("2016-02-28", "2017-03-01"),  # the count begins on a day that the next year does not have
        ("2016-02-29", "2017-03-01"),
        ("2014-02-28", "2015-03-01"),
        ("2019-03-01", "2020-03-02"),
        ("2023-02-28", "2024-03-01"),
        ("2026-04-30", "2027-05-01"),
    ],
)
def test_a_lot_is_long_term_from_the_day_after_a_full_year(acquired: str, first_long: str) -> None:
    bought, turns = date.fromisoformat(acquired), date.fromisoformat(first_long)

    assert first_long_term_day(bought) == turns
    assert term_of(bought, turns - DAY) == Term.SHORT
    assert term_of(bought, turns) == Term.LONG


def test_a_lot_without_a_date_is_short_term() -> None:
    assert term_of(None, date(2026, 11, 20)) == Term.SHORT
    assert term_of(date(2000, 1, 1), None) == Term.SHORT


def test_a_lot_bought_at_the_end_of_the_calendar_never_becomes_long_term() -> None:
    assert first_long_term_day(date.max) is None
    assert first_long_term_day(date(9998, 12, 31)) is None
    assert first_long_term_day(date(9998, 12, 30)) == date.max
    assert term_of(date.max, date.max) == Term.SHORT


@given(st.dates(max_value=date(9998, 12, 29)))
def test_a_lot_bought_later_does_not_become_long_term_sooner(acquired: date) -> None:
    turns, next_turns = first_long_term_day(acquired), first_long_term_day(acquired + DAY)

    assert turns is not None
    assert next_turns is not None
    assert turns <= next_turns


@given(st.dates(max_value=date(9998, 12, 30)))
def test_the_holding_is_longer_than_a_year_by_at_most_two_days(acquired: date) -> None:
    turns = first_long_term_day(acquired)

    assert turns is not None
    assert 366 <= (turns - acquired).days <= 367
