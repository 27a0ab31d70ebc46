"""How old a price is by the calendar of its exchange: weekends, holidays, early closes and summer time."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from allocation.adapters.exchange_days import ExchangeDays
from allocation.exchanges import ALWAYS_OPEN, CURRENCIES, Weekdays, exchange_of

DAYS = ExchangeDays()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("symbol", "currency", "exchange"),
    [
        ("VTI", "USD", "XNYS"),
        ("BRK.B", "USD", "XNYS"),
        ("vod.l", "GBP", "XLON"),
        ("IWDA.AS", "EUR", "XAMS"),
        ("SHOP.TO", "CAD", "XTSE"),
        ("7203.T", "JPY", "XTKS"),
        ("A fund", "EUR", "XETR"),
        ("A fund", "PEN", "XNYS"),
        ("ABC.ZZ", "GBP", "XLON"),
        ("BTC-USD", "USD", ALWAYS_OPEN),
        ("BRK-B", "USD", "XNYS"),
    ],
)
def test_a_symbol_is_traded_where_its_suffix_or_its_currency_says(symbol: str, currency: str, exchange: str) -> None:
    assert exchange_of(symbol, currency) == exchange


@pytest.mark.parametrize(
    ("case", "exchange", "struck", "now", "missed"),
    [
        ("Friday's close on Sunday", "XNYS", "2026-11-20 21:00", "2026-11-22 12:00", 0),
        ("Friday's close on Monday before the close", "XNYS", "2026-11-20 21:00", "2026-11-23 20:59", 0),
        ("Friday's close on Monday after the close", "XNYS", "2026-11-20 21:00", "2026-11-23 21:00", 1),
        ("a price within its session", "XNYS", "2026-11-20 17:00", "2026-11-22 12:00", 0),
        ("Wednesday's close over Thanksgiving", "XNYS", "2026-11-25 21:00", "2026-11-27 17:59", 0),
        ("the early close of the day after", "XNYS", "2026-11-25 21:00", "2026-11-27 18:00", 1),
        ("the last trade of the early close", "XNYS", "2026-11-27 17:59", "2026-11-27 22:00", 0),
        ("London is open on Thanksgiving", "XLON", "2026-11-25 16:30", "2026-11-26 17:00", 1),
        ("Easter in London", "XLON", "2026-04-02 15:30", "2026-04-07 12:00", 0),
        ("Easter in New York, where Monday counts", "XNYS", "2026-04-02 20:00", "2026-04-07 12:00", 1),
        ("golden week in Tokyo", "XTKS", "2026-05-01 06:30", "2026-05-06 12:00", 0),
        ("new year in Shanghai", "XSHG", "2026-02-13 07:00", "2026-02-23 12:00", 0),
        ("before summer time ends the close is at eight", "XNYS", "2026-10-29 20:00", "2026-10-30 20:00", 1),
        ("and at nine afterwards", "XNYS", "2026-10-30 20:00", "2026-11-02 20:30", 0),
        ("an hour later it is missed", "XNYS", "2026-10-30 20:00", "2026-11-02 21:00", 1),
        ("weeks in which only Europe keeps winter time", "XNYS", "2026-03-13 20:00", "2026-03-16 20:00", 1),
        ("a week", "XNYS", "2026-11-13 21:00", "2026-11-21 12:00", 5),
        ("a clock that is behind", "XNYS", "2026-11-20 21:00", "2026-11-19 12:00", 0),
        ("coins on a weekend", ALWAYS_OPEN, "2026-11-20 21:00", "2026-11-23 12:00", 2),
        ("an exchange nobody knows", "XXXX", "2026-11-20 21:00", "2026-11-24 12:00", 1),
        ("Tel Aviv, whose older years cannot be built", "XTAE", "2026-11-20 11:00", "2026-11-23 17:00", 1),
        ("beyond the calendar's years", "XNYS", "2058-11-18 21:00", "2058-11-22 12:00", 3),
    ],
)
def test_sessions_that_passed_since_a_price(case: str, exchange: str, struck: str, now: str, missed: int) -> None:
    assert DAYS.missed(exchange, at(struck), at(now)) == missed, case


def test_a_price_of_another_century_is_old_by_any_calendar() -> None:
    assert DAYS.missed("XNYS", at("1970-01-01 00:00"), at("2026-11-22 12:00")) > 400


def test_without_a_calendar_a_weekday_is_a_session() -> None:
    assert Weekdays().missed("XNYS", at("2026-11-20 21:00"), at("2026-11-22 12:00")) == 0
    assert Weekdays().missed("XNYS", at("2026-11-20 21:00"), at("2026-12-04 12:00")) == 9
    assert Weekdays().missed("XNYS", at("2026-11-20 21:00"), at("2026-11-01 12:00")) == 0


def test_no_calendar_is_loaded_before_somebody_asks() -> None:
    script = "import sys, allocation.adapters.exchange_days; print('exchange_calendars' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert said == "False\n"


@pytest.mark.parametrize(
    ("case", "exchange", "struck", "now", "minutes"),
    [
        ("the last ten minutes of Friday", "XNYS", "2026-11-20T20:50", "2026-11-22T12:00", 10),
        ("a whole session and half an hour", "XNYS", "2026-11-19T21:00", "2026-11-23T15:00", 390 + 30),
        ("Thanksgiving is none", "XNYS", "2026-11-25T21:00", "2026-11-27T14:30", 0),
        ("the day after ends at one", "XNYS", "2026-11-27T17:45", "2026-11-28T12:00", 15),
        ("before the clocks go back and after", "XNYS", "2026-10-30T19:55", "2026-11-02T14:35", 5 + 5),
        ("London's afternoon", "XLON", "2026-11-20T16:00", "2026-11-20T23:00", 30),
        ("a coin has no weekend", "24/7", "2026-11-21T12:00", "2026-11-21T12:20", 20),
        ("a currency has one", "24/5", "2026-11-20T23:50", "2026-11-23T00:05", 10 + 5),
        ("an exchange nobody knows", "XXXX", "2026-11-20T23:00", "2026-11-21T12:00", 60),
        ("a price to come", "XNYS", "2026-11-22T12:00", "2026-11-21T12:00", 0),
    ],
)
def test_how_long_an_exchange_was_open(case: str, exchange: str, struck: str, now: str, minutes: int) -> None:
    begin, end = (datetime.fromisoformat(f"{moment}+00:00") for moment in (struck, now))

    assert ExchangeDays().traded(exchange, begin, end) == timedelta(minutes=minutes), case


def test_a_currency_pair_is_traded_on_weekdays() -> None:
    assert exchange_of("EURUSD=X", "USD") == CURRENCIES
