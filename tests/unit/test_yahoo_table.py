"""Many prices in one answer, through real yfinance: how many requests they cost, and what happens when it surprises us."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from yfinance.data import YfData

from allocation.adapters.yahoo import YahooSource
from allocation.guard import PriceCode
from allocation.ports import QuoteFault
from tests.yahoo_stub import TABLE, TOO_MANY_REQUESTS, Answer, YahooStub, yahoo_on_loopback

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


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
        stub.table = True
        yield stub


@pytest.fixture
def source(tmp_path: Path) -> YahooSource:
    return YahooSource(folder=tmp_path / "cookies", clock=lambda: SUNDAY)


@pytest.mark.parametrize("count", [1, 60, 200, 201, 500])
def test_a_request_for_each_two_hundred_symbols_and_two_for_cookie_and_crumb(
    yahoo: YahooStub, source: YahooSource, count: int
) -> None:
    symbols = [f"T{n:03}" for n in range(count)]
    for symbol in symbols:
        yahoo.knows(symbol)

    answer = source.quotes(symbols)

    assert set(answer.quotes) == set(symbols)
    assert len(yahoo.asked) <= -(-count // 200) + 2
    assert yahoo.charts == []


def test_prices_and_rates_come_in_the_same_table(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.knows("VOD.L", 89.55, "GBp")
    yahoo.knows("GBPUSD=X", 1.30842)
    yahoo.knows("USDJPY=X", 157.251, "JPY")

    quotes = source.quotes(["VOD.L", "GBPUSD=X", "USDJPY=X"]).quotes

    assert {s: (q.price, q.currency) for s, q in quotes.items()} == {
        "VOD.L": (Decimal("0.8955"), "GBP"),
        "GBPUSD=X": (Decimal("1.30842"), "USD"),
        "USDJPY=X": (Decimal("157.251"), "JPY"),
    }
    assert yahoo.tables == 1


def test_a_pair_may_go_by_its_short_name(yahoo: YahooStub, source: YahooSource) -> None:
    row = {"symbol": "JPY=X", "regularMarketPrice": 157.2, "currency": "JPY", "regularMarketTime": 1_795_208_400}
    yahoo.table = Answer(json.dumps({"quoteResponse": {"result": [row], "error": None}}))

    assert source.quotes(["USDJPY=X"]).quotes["USDJPY=X"].price == Decimal("157.2")


def test_a_symbol_that_the_table_leaves_out_is_unknown_without_another_request(
    yahoo: YahooStub, source: YahooSource
) -> None:
    yahoo.knows("VTI")

    answer = source.quotes(["VTI", "NOPE"])

    assert answer.failures["NOPE"].code == PriceCode.UNKNOWN_SYMBOL
    assert yahoo.charts == []


def test_what_is_doubtful_in_the_table_is_asked_of_the_chart(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.knows("VTI")
    yahoo.knows("BAD", None)

    answer = source.quotes(["VTI", "BAD"])

    assert answer.failures["BAD"].code == PriceCode.INVALID
    assert yahoo.charts == ["BAD"]


SURPRISES = {
    "gone": Answer("<html>not here any more</html>"),
    "no row": Answer('{"quoteResponse": {"result": [], "error": null}}'),
    "not a list": Answer('{"quoteResponse": {"result": {"VTI": 1}, "error": null}}'),
    "a row that is none": Answer('{"quoteResponse": {"result": [7], "error": null}}'),
    "a symbol twice": Answer('{"quoteResponse": {"result": [{"symbol": "VTI"}, {"symbol": "vti"}]}}'),
    "another crumb": Answer('{"finance": {"error": {"code": "Unauthorized"}}}', 401),
    "server error": Answer("boom", 500),
    "too many requests": TOO_MANY_REQUESTS,
    "redirect": Answer("", 302, (("Location", "https://query1.finance.yahoo.com/elsewhere"),)),
    "dropped": Answer("", dropped=True),
    "too large": Answer(b" " * 2_000_000),
}


@pytest.mark.parametrize("surprise", SURPRISES.values(), ids=SURPRISES.keys())
def test_a_surprise_falls_back_on_charts(yahoo: YahooStub, source: YahooSource, surprise: Answer) -> None:
    yahoo.knows("VTI", 305.3)
    yahoo.knows("BND", 72.31)
    yahoo.table = surprise

    answer = source.quotes(["VTI", "BND"])

    assert {symbol: quote.price for symbol, quote in answer.quotes.items()} == {
        "VTI": Decimal("305.3"),
        "BND": Decimal("72.31"),
    }
    assert not [path for path in yahoo.asked if "elsewhere" in path]


def test_after_a_surprise_the_table_rests_and_each_symbol_costs_one_request(yahoo: YahooStub, tmp_path: Path) -> None:
    clock = [SUNDAY]
    source = YahooSource(folder=tmp_path / "cookies", clock=lambda: clock[0])
    symbols = [f"T{n:03}" for n in range(20)]
    for symbol in symbols:
        yahoo.knows(symbol)
    yahoo.table = SURPRISES["gone"]
    source.quotes(["T000"])

    yahoo.asked.clear()
    source.quotes(symbols)
    assert len(yahoo.asked) == len(symbols)

    yahoo.asked.clear()
    yahoo.table = True
    clock[0] += timedelta(minutes=10)
    source.quotes(symbols)
    assert yahoo.asked == [TABLE]


def test_a_slow_table_leaves_time_for_the_charts(yahoo: YahooStub, tmp_path: Path) -> None:
    source = YahooSource(deadline=3, folder=tmp_path / "cookies", clock=lambda: SUNDAY)
    yahoo.knows("VTI")
    yahoo.table = Answer("", wait=4)

    answer = source.quotes(["VTI"])

    assert set(answer.quotes) == {"VTI"}


def test_a_network_that_is_gone_ends_it_before_any_chart(source: YahooSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    answer = source.quotes([f"T{n}" for n in range(40)])

    assert {failure.fault for failure in answer.failures.values()} == {QuoteFault.OFFLINE}
    assert len(answer.failures) == 40
