"""Closes of the past on demand: what is read from Yahoo through real yfinance, what is kept, and stopping on the way."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from yfinance.data import YfData

from allocation.adapters.exchange_days import ExchangeDays
from allocation.adapters.memory import MemoryPriceHistories
from allocation.adapters.yahoo import YahooSource
from allocation.guard import PriceCode
from allocation.ports import QuoteFailure, QuoteFault
from allocation.price_history import Close, Histories, Period, PriceHistory, Split
from tests.yahoo_stub import NEW_YORK_CLOSE, TOO_MANY_REQUESTS, Answer, YahooStub, days_chart, yahoo_on_loopback

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
WEEK = {"2026-11-18": 1286.5699462890625, "2026-11-19": 89.55000305175781, "2026-11-20": 91}
D = Decimal


@pytest.fixture(autouse=True)
def forget_cookies() -> Iterator[None]:
    """yfinance keeps one cookie and crumb per process; each test starts without."""
    yield
    YfData().__init__()


@pytest.fixture
def yahoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooStub]:
    with yahoo_on_loopback(tmp_path) as stub:
        monkeypatch.setenv("HTTPS_PROXY", stub.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", stub.certificate)
        yield stub


@pytest.fixture
def source(tmp_path: Path) -> YahooSource:
    return YahooSource(folder=tmp_path / "cookies", clock=lambda: SUNDAY)


def fetched(source: YahooSource, symbol: str = "VTI", period: Period = Period.MONTH) -> PriceHistory:
    history = source.history(symbol, period)
    assert isinstance(history, PriceHistory), history
    return history


# What is read


def test_closes_come_without_the_noise_of_binary_fractions(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.histories["VTI"] = Answer(days_chart("VTI", WEEK, dividends_out=0.5))

    history = fetched(source)

    assert history.closes == (
        Close(date(2026, 11, 18), D("1286.57"), D("643.285")),
        Close(date(2026, 11, 19), D("89.55"), D("44.775")),
        Close(date(2026, 11, 20), D("91"), D("45.5")),
    )
    assert (history.currency, history.period, history.as_of) == ("USD", Period.MONTH, SUNDAY)


def test_pence_become_pounds_in_the_past_too(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.histories["VOD.L"] = Answer(days_chart("VOD.L", {"2026-11-20": 89.55}, currency="GBp"))

    history = fetched(source, "VOD.L")

    assert (history.closes[0].price, history.currency) == (D("0.8955"), "GBP")


def test_splits_are_told_with_their_day(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.histories["VTI"] = Answer(days_chart("VTI", WEEK, {"2026-11-19": (4, 1)}))

    assert fetched(source).splits == (Split(date(2026, 11, 19), D(4), D(1)),)
    assert str(fetched(source).splits[0]) == "4 for 1"


def test_the_session_under_way_is_no_close_yet(yahoo: YahooStub, source: YahooSource) -> None:
    today = {**WEEK, "2026-11-22": 90}
    yahoo.histories["VTI"] = Answer(days_chart("VTI", today, session_ends=int(SUNDAY.timestamp()) + 60))

    assert fetched(source).closes[-1].day == date(2026, 11, 20)


def test_a_day_without_a_price_is_left_out(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.histories["VTI"] = Answer(days_chart("VTI", {**WEEK, "2026-11-19": None, "2026-11-18": -1}))

    assert [close.day.day for close in fetched(source).closes] == [20]


BAD = {
    "another symbol": (Answer(days_chart("BND", WEEK)), PriceCode.SYMBOL),
    "no currency": (Answer(days_chart("VTI", WEEK, currency="usd")), PriceCode.CURRENCY),
    "no zone": (Answer(days_chart("VTI", WEEK).replace("America/New_York", "../etc")), PriceCode.TIMESTAMP),
    "nothing": (Answer(days_chart("VTI", {})), PriceCode.INVALID),
    "out of order": (Answer(days_chart("VTI", dict(reversed(WEEK.items())))), PriceCode.MALFORMED),
    "columns of different lengths": (
        Answer(days_chart("VTI", WEEK).replace(f", {NEW_YORK_CLOSE - 23_400}]", "]")),
        PriceCode.MALFORMED,
    ),
    "a page": (Answer("<html></html>"), PriceCode.MALFORMED),
    "an error": (Answer("boom", 500), PriceCode.UNAVAILABLE),
    "too many requests": (TOO_MANY_REQUESTS, PriceCode.RATE_LIMITED),
}


@pytest.mark.parametrize(("bad", "code"), BAD.values(), ids=BAD.keys())
def test_a_bad_answer_is_a_failure_with_its_code(
    yahoo: YahooStub, source: YahooSource, bad: Answer, code: PriceCode
) -> None:
    yahoo.histories["VTI"] = bad

    answer = source.history("VTI", Period.YEAR)

    assert isinstance(answer, QuoteFailure)
    assert answer.code == code


# Many, with progress


def histories(source: YahooSource | None, cache: MemoryPriceHistories | None = None) -> Histories:
    return Histories(source, cache or MemoryPriceHistories(), ExchangeDays())


def test_progress_counts_every_symbol_once(yahoo: YahooStub, source: YahooSource) -> None:
    symbols = [f"T{n}" for n in range(10)]
    for symbol in symbols[1:]:
        yahoo.histories[symbol] = Answer(days_chart(symbol, WEEK))

    steps = list(histories(source).fetch(symbols, Period.MONTH, SUNDAY))

    assert [step.done for step in steps] == list(range(1, 11))
    assert {step.symbol for step in steps} == set(symbols)
    assert [s.symbol for s in steps if isinstance(s.answer, QuoteFailure)] == ["T0"]


def test_what_is_kept_and_whole_is_not_asked_for_again(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.histories["VTI"] = Answer(days_chart("VTI", WEEK))
    asked = histories(source)
    list(asked.fetch(["VTI"], Period.YEAR, SUNDAY))
    yahoo.asked.clear()

    shorter = list(asked.fetch(["VTI"], Period.MONTH, SUNDAY + timedelta(hours=20)))  # Monday, before New York opens
    assert yahoo.asked == []
    assert isinstance(shorter[0].answer, PriceHistory)

    list(asked.fetch(["VTI"], Period.FIVE_YEARS, SUNDAY))
    list(asked.fetch(["VTI"], Period.FIVE_YEARS, SUNDAY + timedelta(days=2)))  # after Monday's close
    assert len(yahoo.charts) == 2


def test_whoever_stops_listening_cancels_what_was_not_asked_yet(yahoo: YahooStub, source: YahooSource) -> None:
    symbols = [f"T{n}" for n in range(60)]
    for symbol in symbols:
        yahoo.histories[symbol] = Answer(days_chart(symbol, WEEK), wait=0.05)

    steps = histories(source).fetch(symbols, Period.MONTH, SUNDAY)
    next(steps)
    steps.close()
    time.sleep(0.2)

    assert len(yahoo.charts) < 20


def test_after_too_many_requests_nothing_more_is_asked(yahoo: YahooStub, source: YahooSource) -> None:
    symbols = [f"T{n}" for n in range(40)]
    yahoo.histories = dict.fromkeys(symbols, TOO_MANY_REQUESTS)

    steps = list(histories(source).fetch(symbols, Period.MONTH, SUNDAY))

    assert {step.answer.fault for step in steps if isinstance(step.answer, QuoteFailure)} == {QuoteFault.RATE_LIMITED}
    assert len(steps) == 40
    assert len(set(yahoo.charts)) < 20


def test_without_a_source_every_symbol_says_so() -> None:
    steps = list(histories(None).fetch(["VTI", "BND"], Period.MONTH, SUNDAY))

    assert {s.answer.code for s in steps if isinstance(s.answer, QuoteFailure)} == {PriceCode.SWITCHED_OFF}
