"""Yahoo prices, through real yfinance, from a Yahoo that runs on this machine."""

import gzip
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from yfinance.data import YfData

from allocation.adapters.yahoo import YahooSource
from allocation.adapters.yahoo_batch import Batch
from allocation.adapters.yahoo_chart import yahoo_ticker
from allocation.guard import PriceCode
from allocation.model import PriceSource
from allocation.ports import QuoteAnswer, QuoteFault
from tests.yahoo_stub import NOT_FOUND, TOO_MANY_REQUESTS, Answer, YahooStub, chart, yahoo_on_loopback

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
        yield stub


@pytest.fixture
def source(tmp_path: Path) -> YahooSource:
    return YahooSource(folder=tmp_path / "cookies", clock=lambda: SUNDAY)


def test_a_quote_has_price_currency_time_and_source(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.knows("VTI", 305.3)

    quote = source.quotes(["VTI"]).quotes["VTI"]

    assert quote.price == Decimal("305.3")
    assert quote.currency == "USD"
    assert quote.time == datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
    assert quote.source == PriceSource.YAHOO


@pytest.mark.parametrize(("unit", "currency"), [("GBp", "GBP"), ("GBX", "GBP"), ("ZAc", "ZAR"), ("ILA", "ILS")])
def test_hundredths_become_whole_units(yahoo: YahooStub, source: YahooSource, unit: str, currency: str) -> None:
    yahoo.knows("VOD.L", 89.55, unit)

    quote = source.quotes(["VOD.L"]).quotes["VOD.L"]

    assert (quote.price, quote.currency) == (Decimal("0.8955"), currency)


def test_pounds_stay_pounds(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.knows("VOD.L", 89.55, "GBP")

    quote = source.quotes(["VOD.L"]).quotes["VOD.L"]

    assert (quote.price, quote.currency) == (Decimal("89.55"), "GBP")


@pytest.mark.parametrize("ours", ["BRK.B", "BRK/B", "BRK B", "BRK-B", "BRKB", "brk.b"])
def test_a_share_class_is_found_under_every_spelling(yahoo: YahooStub, source: YahooSource, ours: str) -> None:
    yahoo.knows("BRK-B", 480.25)

    answer = source.quotes([ours])

    assert answer.quotes[ours].symbol == ours
    assert yahoo.charts == ["BRK-B"]


@pytest.mark.parametrize("symbol", ["VOD.L", "7203.T", "SAP.DE", "BAS.F", "BTC-USD", "RIO.AX"])
def test_an_exchange_suffix_is_no_share_class(symbol: str) -> None:
    assert yahoo_ticker(symbol) == symbol


@pytest.mark.parametrize(
    "symbol",
    ["", "CASH SWEEP", "EURUSD=F", "EUREUR=X", "../../v8/finance", "AAPL/../X", "AAPL%2F..", "http://169.254.169.254/", "SPAXX**",
     "US0378331005", "A" * 64, "АAPL", "AAPL?x=1", "AAPL#"],
)  # fmt: skip
def test_what_cannot_be_a_ticker_never_reaches_the_network(yahoo: YahooStub, source: YahooSource, symbol: str) -> None:
    answer = source.quotes([symbol])

    assert yahoo.asked == []
    assert answer.failures[symbol].fault == QuoteFault.UNKNOWN_SYMBOL
    assert "by hand" in answer.failures[symbol].message


# T: the names of the catalogue of bad input. What is wrong with a value is in test_guard.py.
BAD_ANSWERS = {
    "T07 server error": (Answer("boom", 500), PriceCode.UNAVAILABLE),
    "T08 server down": (
        Answer('{"chart": {"result": null, "error": {"code": "Internal", "description": "boom"}}}', 503),
        PriceCode.UNAVAILABLE,
    ),
    "T09 unauthorized": (Answer("no", 401), PriceCode.AUTH),
    "T09 forbidden": (Answer("no", 403), PriceCode.AUTH),
    "connection dropped": (Answer("", dropped=True), PriceCode.UNAVAILABLE),
    "T12 short body": (Answer(chart("BAD"), missing=100), PriceCode.UNAVAILABLE),
    "T11 truncated": (Answer(chart("BAD")[:-20]), PriceCode.MALFORMED),
    "T13 empty": (Answer(""), PriceCode.MALFORMED),
    "T14 page in HTML": (Answer("<html>Will be right back</html>"), PriceCode.MALFORMED),
    "T15 redirect": (
        Answer("", 302, (("Location", "https://query1.finance.yahoo.com/elsewhere"),)),
        PriceCode.REDIRECT,
    ),
    "T15 redirect into the cloud": (
        Answer("", 307, (("Location", "http://169.254.169.254/latest/meta-data/"),)),
        PriceCode.REDIRECT,
    ),
    "T16 64 megabytes": (Answer(b" " * 64_000_000 + chart("BAD").encode()), PriceCode.TOO_LARGE),
    "T17 64 megabytes, packed": (
        Answer(gzip.compress(b" " * 64_000_000 + chart("BAD").encode()), headers=(("Content-Encoding", "gzip"),)),
        PriceCode.TOO_LARGE,
    ),
    "T18 repeated key": (Answer(chart("BAD").replace('"priceHint"', '"regularMarketPrice"')), PriceCode.MALFORMED),
    "T19 nested ten thousand deep": (Answer("[" * 10_000 + "]" * 10_000), PriceCode.MALFORMED),
    "T20 error object": (Answer('{"error": "x"}'), PriceCode.MALFORMED),
    "no result": (Answer('{"chart": {"result": [], "error": null}}'), PriceCode.MALFORMED),
    "no price": (Answer(chart("BAD", None)), PriceCode.INVALID),
    "a hundred thousand digits": (
        Answer(chart("BAD", 77777).replace("77777", "9" * 100_000)),
        PriceCode.INVALID,
    ),
    "a price of 1970": (Answer(chart("BAD", time=0)), PriceCode.STALE),
    "another symbol": (Answer(chart("GOOD")), PriceCode.SYMBOL),
}


@pytest.mark.parametrize(("bad", "code"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_is_a_sentence_and_never_a_price(
    yahoo: YahooStub, source: YahooSource, bad: Answer, code: PriceCode
) -> None:
    yahoo.knows("GOOD")
    yahoo.answers["BAD"] = bad

    answer, seconds = timed(source, "BAD", "GOOD")

    assert set(answer.quotes) == {"GOOD"}
    assert answer.failures["BAD"].fault == QuoteFault.UNUSABLE
    assert answer.failures["BAD"].code == code
    assert answer.failures["BAD"].message.startswith("Yahoo gave no usable price for BAD: ")
    assert answer.failures["BAD"].message.endswith("enter a price by hand.")
    assert seconds < 6


@pytest.mark.parametrize("name", ["T15 redirect", "T15 redirect into the cloud"])
def test_a_redirect_is_not_followed(yahoo: YahooStub, source: YahooSource, name: str) -> None:
    yahoo.answers["BAD"], _ = BAD_ANSWERS[name]

    source.quotes(["BAD"])

    assert yahoo.charts == ["BAD"]
    assert not [path for path in yahoo.asked if "elsewhere" in path or "meta-data" in path]


PASSING = {
    "C05 too many requests, once": [TOO_MANY_REQUESTS],
    "C06 an error, twice": [Answer("boom", 500)] * 2,
    "C07 a connection that breaks off, once": [Answer("", dropped=True)],
    "a body that breaks off, once": [Answer(chart("VTI"), missing=100)],
}


@pytest.mark.parametrize("weakness", PASSING.values(), ids=PASSING.keys())
def test_a_passing_weakness_costs_no_price(yahoo: YahooStub, source: YahooSource, weakness: list[Answer]) -> None:
    yahoo.knows("VTI", 305.3)
    yahoo.first["VTI"] = list(weakness)

    answer = source.quotes(["VTI"])

    assert not answer.failures
    assert answer.quotes["VTI"].price == Decimal("305.3")


def test_an_error_that_stays_is_not_asked_about_for_ever(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.answers["BAD"] = Answer("boom", 500)

    source.quotes(["BAD"])

    assert len(yahoo.charts) <= 4


@pytest.mark.parametrize(
    ("case", "said", "back"),
    [
        ("T04", "3600", SUNDAY + timedelta(hours=1)),
        ("T05", "Sun, 22 Nov 2026 13:30:00 GMT", SUNDAY + timedelta(minutes=90)),
        ("T06", "", None),
        ("in the past", "Sun, 22 Nov 2020 13:30:00 GMT", None),
        ("no date", "soon", None),
        ("a year", "31536000", SUNDAY + timedelta(days=1)),
        ("beyond any calendar", "9" * 30, None),
    ],
)
def test_too_many_requests_say_when_to_come_back(
    yahoo: YahooStub, source: YahooSource, case: str, said: str, back: datetime | None
) -> None:
    yahoo.answers["*"] = Answer("Too Many Requests\r\n", 429, (("Retry-After", said),) if said else ())

    failure = source.quotes(["VTI"]).failures["VTI"]

    assert (failure.code, failure.retry_at) == (PriceCode.RATE_LIMITED, back), case
    assert failure.message.endswith(f"Try again at {back:%H:%M} UTC." if back else "Try again in a few minutes.")


def test_an_unknown_symbol_leaves_the_others_alone(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.knows("VTI")
    yahoo.answers["NOPE"] = NOT_FOUND

    answer = source.quotes(["NOPE", "VTI"])

    assert set(answer.quotes) == {"VTI"}
    assert answer.failures["NOPE"].fault == QuoteFault.UNKNOWN_SYMBOL
    assert answer.failures["NOPE"].code == PriceCode.UNKNOWN_SYMBOL  # T10
    assert "NOPE" in answer.failures["NOPE"].message


def test_one_request_for_each_symbol_once_the_cookie_is_there(yahoo: YahooStub, source: YahooSource) -> None:
    symbols = [f"T{n:03}" for n in range(40)]
    for symbol in symbols:
        yahoo.knows(symbol)
    source.quotes(["T000"])
    yahoo.asked.clear()

    answer = source.quotes(symbols)

    assert set(answer.quotes) == set(symbols)
    assert sorted(yahoo.charts) == symbols
    assert len(yahoo.asked) == len(symbols)


def test_too_many_requests_end_the_batch(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.answers["*"] = TOO_MANY_REQUESTS

    answer = source.quotes([f"T{n:03}" for n in range(40)])

    assert {failure.fault for failure in answer.failures.values()} == {QuoteFault.RATE_LIMITED}
    assert len(answer.failures) == 40
    assert len(set(yahoo.charts)) <= 8


def test_a_slow_symbol_costs_the_deadline_and_no_more(yahoo: YahooStub, tmp_path: Path) -> None:
    source = YahooSource(deadline=1.5, folder=tmp_path / "cookies", clock=lambda: SUNDAY)
    yahoo.knows("FAST")
    yahoo.answers["SLOW"] = Answer(chart("SLOW"), wait=4)

    answer, seconds = timed(source, "FAST", "SLOW")

    assert set(answer.quotes) == {"FAST"}
    assert answer.failures["SLOW"].fault == QuoteFault.TIMEOUT
    assert "1.5 seconds" in answer.failures["SLOW"].message
    assert 1.4 < seconds < 3  # on a busy machine; the stub would take 4


def test_an_answer_that_drips_in_costs_the_deadline_and_no_more(yahoo: YahooStub, tmp_path: Path) -> None:
    source = YahooSource(deadline=1.5, folder=tmp_path / "cookies", clock=lambda: SUNDAY)
    yahoo.answers["SLOW"] = Answer(chart("SLOW"), drip=0.1)

    answer, seconds = timed(source, "SLOW")

    assert answer.failures["SLOW"].code == PriceCode.TIMEOUT
    assert 1.4 < seconds < 3  # on a busy machine; the stub would take a minute


def test_a_silent_yahoo_costs_the_deadline_and_no_more(yahoo: YahooStub, tmp_path: Path) -> None:
    source = YahooSource(deadline=1, folder=tmp_path / "cookies", clock=lambda: SUNDAY)
    yahoo.silent = True

    answer, seconds = timed(source, *(f"T{n}" for n in range(20)))

    assert {failure.fault for failure in answer.failures.values()} == {QuoteFault.TIMEOUT}
    assert len(answer.failures) == 20
    assert seconds < 2.5  # on a busy machine; three rounds of 8 would take 3 even so
    for thread in (thread for thread in threading.enumerate() if thread.name == "yahoo"):
        thread.join(timeout=1)
        assert not thread.is_alive()


def test_a_machine_without_network_knows_it_at_once(source: YahooSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")

    answer, seconds = timed(source, *(f"T{n}" for n in range(40)))

    assert {failure.fault for failure in answer.failures.values()} == {QuoteFault.OFFLINE}
    assert {failure.code for failure in answer.failures.values()} == {PriceCode.UNAVAILABLE}
    assert len(answer.failures) == 40
    assert seconds < 2


def test_the_process_ends_although_yahoo_is_silent(yahoo: YahooStub, tmp_path: Path) -> None:
    yahoo.silent = True
    script = "from allocation.adapters.yahoo import YahooSource; print(len(YahooSource(deadline=0.5).quotes(['VTI']).failures))"

    done = subprocess.run(
        [sys.executable, "-c", script], env=dict(os.environ), capture_output=True, text=True, timeout=20, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.parametrize(("importing", "left"), [(0.0, 5.0), (2.5, 2.5), (4.5, 2.0)])
def test_the_time_that_yfinance_takes_to_import_is_part_of_the_deadline(
    yahoo: YahooStub, source: YahooSource, monkeypatch: pytest.MonkeyPatch, importing: float, left: float
) -> None:
    yahoo.knows("VTI")
    given: list[float] = []
    batch = source._batch

    def noted(tickers: Mapping[str, str], deadline: float) -> Batch:
        given.append(deadline)
        return batch(tickers, deadline)

    monkeypatch.setattr(source, "_batch", noted)
    monkeypatch.setattr("allocation.adapters.yahoo.monotonic", iter([100.0, 100.0 + importing]).__next__)

    assert set(source.quotes(["VTI"]).quotes) == {"VTI"}
    assert given == [left]


def timed(source: YahooSource, *symbols: str) -> tuple[QuoteAnswer, float]:
    started = time.monotonic()
    answer = source.quotes(symbols)
    return answer, time.monotonic() - started


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
