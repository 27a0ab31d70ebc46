"""Every fault of a price's source, from the wire to the market: what the server does, and the code that comes of it.

The names are those of the catalogue of bad input: T for transport, V for values, C for what must pass. Each goes both
ways, in the table of many symbols and in the chart of one, through real yfinance.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from yfinance.data import YfData

from allocation.adapters.exchange_days import ExchangeDays
from allocation.adapters.memory import MemoryQuoteCache
from allocation.adapters.yahoo import YahooSource
from allocation.guard import PriceCode
from allocation.market import Market
from allocation.model import PriceSource, Quote
from allocation.ports import QuoteAnswer
from tests.unit.test_guard import BAD, GOOD, SUNDAY
from tests.unit.test_yahoo import BAD_ANSWERS, PASSING
from tests.yahoo_stub import NOT_FOUND, Answer, YahooStub, chart, yahoo_on_loopback

Route: TypeAlias = Literal["table", "chart"]
ROUTES: tuple[Route, ...] = ("table", "chart")
PATIENCE = 1.0  # seconds for what never ends; five otherwise


@dataclass(frozen=True)
class Server:
    """What it does.

    Attributes:
        says: to every question about the symbol; None: it is not there.
        known: the last close.
        deadline: how long we wait for it.
    """

    says: Answer | None
    known: Quote | None = None
    deadline: float = 5.0
    silent: bool = False


def asked_too_often(*headers: tuple[str, str]) -> Answer:
    return Answer("Too Many Requests\r\n", 429, headers)


FAULTS: dict[str, tuple[Server, PriceCode]] = {
    "T01 connection refused": (Server(None), PriceCode.UNAVAILABLE),
    "T02 no answer": (Server(Answer(""), silent=True, deadline=PATIENCE), PriceCode.TIMEOUT),
    "T03 slow drip": (Server(Answer(chart("X.L"), drip=0.1), deadline=PATIENCE), PriceCode.TIMEOUT),
    "T04 too many requests, an hour": (Server(asked_too_often(("Retry-After", "3600"))), PriceCode.RATE_LIMITED),
    "T05 too many requests, until": (
        Server(asked_too_often(("Retry-After", "Sun, 22 Nov 2026 13:30:00 GMT"))),
        PriceCode.RATE_LIMITED,
    ),
    "T06 too many requests": (Server(asked_too_often()), PriceCode.RATE_LIMITED),
    "T10 unknown symbol": (Server(NOT_FOUND), PriceCode.UNKNOWN_SYMBOL),
    **{name: (Server(answer), code) for name, (answer, code) in BAD_ANSWERS.items() if name[0] == "T"},
    **{name: (Server(Answer(text), known), code) for name, text, known, code in BAD},
}
CONTROLS = {
    **{name: (Server(Answer(text), known), price) for name, text, known, price in GOOD},
    "C01 a fall that can be": (Server(Answer(chart("X.L", 66)), GOOD[1][2]), "66 USD"),
}


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[YahooStub]:
    with yahoo_on_loopback(tmp_path_factory.mktemp("yahoo")) as stub:
        yield stub


@pytest.fixture
def yahoo(loopback: YahooStub, monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooStub]:
    monkeypatch.setenv("HTTPS_PROXY", loopback.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", loopback.certificate)
    yield loopback
    loopback.answers.clear()
    loopback.first.clear()
    loopback.asked.clear()
    loopback.silent, loopback.table = False, False
    YfData().__init__()  # forgets the cookie


def heard(
    yahoo: YahooStub, server: Server, route: Route, folder: Path, now: datetime = SUNDAY, symbol: str = "X.L"
) -> tuple[QuoteAnswer, float]:
    """What the market makes of a server that behaves like this, and how long it took."""
    if server.says is not None:
        yahoo.answers[symbol] = server.says
        yahoo.table = as_table(server.says) if route == "table" else False
    yahoo.silent = server.silent
    cache, by_user = MemoryQuoteCache(), {}
    if server.known and server.known.source == PriceSource.YAHOO:
        cache.save([server.known])
    elif server.known:
        by_user = {symbol: server.known}
    source = YahooSource(server.deadline, folder=folder, clock=lambda: now)
    market = Market(source, cache, sessions=ExchangeDays(), deadline=server.deadline)
    started = time.monotonic()
    answer = market.refresh([symbol], now, force=True, known=by_user)
    return answer, time.monotonic() - started


def as_table(said: Answer) -> Answer:
    """The same said of a row: a chart's meta, character for character, as the only row of a table."""
    begin, end = '"meta": ', ', "timestamp"'
    if not isinstance(said.body, str) or begin not in said.body or not said.body.endswith("}}"):
        return said
    row = said.body.partition(begin)[2].rpartition(end)[0]
    body = f'{{"quoteResponse": {{"result": [{row}], "error": null}}}}'
    return Answer(body, said.status, said.headers, said.missing, said.wait, said.dropped, said.drip)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("server", "code"), FAULTS.values(), ids=FAULTS.keys())
def test_every_fault_has_its_code_and_gives_no_price(
    yahoo: YahooStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, code: PriceCode, route: Route
) -> None:
    if server.says is None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    answer, seconds = heard(yahoo, server, route, tmp_path)

    assert answer.quotes == {}
    assert answer.failures["X.L"].code == code
    assert seconds < 6


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("server", "price"), CONTROLS.values(), ids=CONTROLS.keys())
def test_nothing_good_is_refused(yahoo: YahooStub, tmp_path: Path, server: Server, price: str, route: Route) -> None:
    answer, _ = heard(yahoo, server, route, tmp_path)

    assert answer.failures == {}
    assert f"{answer.quotes['X.L'].price:f} {answer.quotes['X.L'].currency}" == price


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("weakness", PASSING.values(), ids=PASSING.keys())
def test_what_passes_is_waited_out(yahoo: YahooStub, tmp_path: Path, weakness: list[Answer], route: Route) -> None:
    yahoo.first["X.L"] = list(weakness)

    answer, _ = heard(yahoo, Server(Answer(chart("X.L", 100.5))), route, tmp_path)

    assert answer.failures == {}


def at(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


CALENDAR = {
    "Friday's close on Sunday": ("VTI", at(2026, 11, 20, 21), at(2026, 11, 22, 12)),
    "Wednesday's close after Thanksgiving": ("VTI", at(2026, 11, 25, 21), at(2026, 11, 27, 14)),
    "the early close of the day after, on Sunday": ("VTI", at(2026, 11, 27, 18), at(2026, 11, 29, 23)),
    "the close before Christmas, after four days without trade in London": (
        "VOD.L",
        at(2026, 12, 24, 12, 30),
        at(2026, 12, 29, 7, 59),
    ),
    "the hour that New York has twice": ("VTI", at(2026, 10, 30, 20), at(2026, 11, 1, 6, 30)),
    "the hour that New York leaves out": ("VTI", at(2026, 3, 6, 21), at(2026, 3, 8, 7, 30)),
    "the hour that London has twice": ("VOD.L", at(2026, 10, 23, 15, 35), at(2026, 10, 25, 1, 30)),
    "three sessions ago, and no more": ("VTI", at(2026, 11, 17, 21), at(2026, 11, 21, 12)),
    "golden week in Tokyo": ("7203.T", at(2026, 5, 1, 6), at(2026, 5, 7, 0)),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("symbol", "struck", "now"), CALENDAR.values(), ids=CALENDAR.keys())
def test_what_the_exchange_explains_is_not_stale(
    yahoo: YahooStub, tmp_path: Path, symbol: str, struck: datetime, now: datetime, route: Route
) -> None:
    known = Server(Answer(chart(symbol, 100.5, time=int(struck.timestamp()))))

    answer, _ = heard(yahoo, known, route, tmp_path, now, symbol)

    assert answer.failures == {}
    assert answer.quotes[symbol].time == struck


@pytest.mark.parametrize("route", ROUTES)
def test_four_sessions_ago_is_stale(yahoo: YahooStub, tmp_path: Path, route: Route) -> None:
    said = Answer(chart("VTI", 100.5, time=int(at(2026, 11, 16, 21).timestamp())))

    answer, _ = heard(yahoo, Server(said), route, tmp_path, at(2026, 11, 21, 12), "VTI")

    assert answer.failures["VTI"].code == PriceCode.STALE


def test_a_black_hole_costs_its_deadline_once_however_many_ask(yahoo: YahooStub, tmp_path: Path) -> None:
    yahoo.silent = True
    source = YahooSource(PATIENCE, folder=tmp_path, clock=lambda: SUNDAY)
    market = Market(source, MemoryQuoteCache(), deadline=PATIENCE)

    first = market.refresh([f"T{n}" for n in range(60)], SUNDAY, force=True)
    yahoo.asked.clear()
    started = time.monotonic()
    second = market.refresh([f"T{n}" for n in range(60)], SUNDAY, force=True)

    assert {failure.code for failure in first.failures.values()} == {PriceCode.TIMEOUT}
    assert {failure.code for failure in second.failures.values()} == {PriceCode.TIMEOUT}
    assert len(first.failures) == len(second.failures) == 60
    assert time.monotonic() - started < PATIENCE / 2
    assert yahoo.asked == []
