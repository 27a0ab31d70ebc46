"""Splits between the day of a holding and the day of its price: found with real yfinance, said, and never planned with."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from yfinance.data import YfData

from allocation.adapters.exchange_days import ExchangeDays
from allocation.adapters.memory import MemoryPriceHistories, MemoryQuoteCache
from allocation.adapters.yahoo import YahooSource
from allocation.guard import PriceCode
from allocation.market import Market
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.ports import QuoteFailure
from allocation.price_history import Histories
from tests.yahoo_stub import Answer, YahooStub, days_chart, yahoo_on_loopback

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
FILED = datetime(2026, 11, 10, tzinfo=UTC)
DAYS = {"2026-11-09": 33, "2026-11-12": 32, "2026-11-20": 30}
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
        stub.table = True
        yield stub


@pytest.fixture
def market(tmp_path: Path) -> Market:
    source, days = YahooSource(folder=tmp_path / "cookies", clock=lambda: SUNDAY), ExchangeDays()
    return Market(source, MemoryQuoteCache(), sessions=days, histories=Histories(source, MemoryPriceHistories(), days))


def holding(price: str | None, quantity: str = "10", filed: datetime = FILED) -> Portfolio:
    quote = Quote("VTI", D(price), "USD", filed, PriceSource.FILE) if price else None
    position = Position("VTI", D(quantity), quote=quote)
    return Portfolio(Account("main", "Main"), (position,), as_of=filed)


def looked(market: Market, portfolio: Portfolio) -> dict[str, QuoteFailure]:
    """What comes of a refresh."""
    known = market.at_hand(["VTI"], portfolio, {}, now=SUNDAY).quotes
    answer = market.refresh(["VTI"], SUNDAY, force=True, known=known)
    return market.split_since(portfolio, answer, SUNDAY)


@pytest.mark.parametrize(
    ("filed_at", "now_at", "split", "units"),
    [("45", 30, (3, 2), "15"), ("120", 30, (4, 1), "40"), ("3", 30, (1, 10), "1"), ("37.5", 30, (5, 4), "12.5")],
)
def test_a_holding_from_before_a_split_is_refused_with_the_way_out(
    yahoo: YahooStub, market: Market, filed_at: str, now_at: int, split: tuple[int, int], units: str
) -> None:
    yahoo.knows("VTI", now_at)
    yahoo.histories["VTI"] = Answer(days_chart("VTI", DAYS, {"2026-11-12": split}))

    failure = looked(market, holding(filed_at))["VTI"]

    assert failure.code == PriceCode.JUMP
    assert failure.message == (
        f"VTI was split {split[0]} for {split[1]} on 12 Nov 2026, and its 10 units are those of 10 Nov 2026: they may be "
        f"{units} now. Import a newer file; if the quantity is right, confirm the price; or leave the line out."
    )
    assert market.at_hand(["VTI"], holding(filed_at), {}, now=SUNDAY).quotes == {}


def test_a_holding_of_the_day_after_the_split_is_as_it_should_be(yahoo: YahooStub, market: Market) -> None:
    yahoo.knows("VTI", 30)
    yahoo.histories["VTI"] = Answer(days_chart("VTI", DAYS, {"2026-11-12": (3, 2)}))
    newer = holding("45", filed=FILED + timedelta(days=3))

    assert looked(market, newer) == {}
    assert market.at_hand(["VTI"], newer, {}, now=SUNDAY).quotes["VTI"].price == 30


def test_a_price_confirmed_by_hand_is_believed(yahoo: YahooStub, market: Market) -> None:
    yahoo.knows("VTI", 30)
    yahoo.histories["VTI"] = Answer(days_chart("VTI", DAYS, {"2026-11-12": (3, 2)}))
    reading = looked(market, holding("45"))["VTI"].readings[0]

    by_hand = {"VTI": replace(reading, source=PriceSource.MANUAL, time=SUNDAY)}

    assert market.at_hand(["VTI"], holding("45"), by_hand, now=SUNDAY).quotes["VTI"].price == 30


def test_a_calm_price_costs_no_request(yahoo: YahooStub, market: Market) -> None:
    yahoo.knows("VTI", 30)

    assert looked(market, holding("31")) == {}
    assert yahoo.charts == []


def test_a_lively_price_without_a_split_is_used(yahoo: YahooStub, market: Market) -> None:
    yahoo.knows("VTI", 30)
    yahoo.histories["VTI"] = Answer(days_chart("VTI", DAYS))

    assert looked(market, holding("40")) == {}
    assert market.at_hand(["VTI"], holding("40"), {}, now=SUNDAY).quotes["VTI"].price == 30


def test_where_the_file_has_no_price_to_compare_with_the_history_is_asked(yahoo: YahooStub, market: Market) -> None:
    yahoo.knows("VTI", 30)
    yahoo.histories["VTI"] = Answer(days_chart("VTI", DAYS, {"2026-11-12": (11, 10)}))

    assert "may be 11 now" in looked(market, holding(None))["VTI"].message


def test_a_history_that_cannot_be_had_refuses_nothing(yahoo: YahooStub, market: Market) -> None:
    yahoo.knows("VTI", 30)
    yahoo.histories["VTI"] = Answer("boom", 500)

    assert looked(market, holding("45")) == {}


# Prices that grew old in the cache


def test_a_price_fetched_too_long_ago_is_not_planned_with_unasked(yahoo: YahooStub, market: Market) -> None:
    yahoo.knows("VTI", 30)
    held = Portfolio(Account("main", "Main"), (Position("VTI", D(10)),))
    market.refresh(["VTI"], SUNDAY)
    friday, monday = SUNDAY + timedelta(days=5, hours=18), SUNDAY + timedelta(days=8, hours=18)

    assert market.at_hand(["VTI"], held, {}, now=friday - timedelta(days=2)).quotes["VTI"].price == 30
    later = market.at_hand(["VTI"], held, {}, now=monday)
    failure = market.too_old(["VTI"], held, {}, monday)["VTI"]

    assert later.quotes == {}
    assert (failure.code, failure.readings[0].price) == (PriceCode.STALE, D(30))
    assert "use the last close of 20 Nov 2026 (30 USD)" in failure.message
    assert market.too_old(["VTI"], held, {}, friday - timedelta(days=2)) == {}


def test_an_old_price_confirmed_by_hand_is_used(yahoo: YahooStub, market: Market) -> None:
    yahoo.knows("VTI", 30)
    held = Portfolio(Account("main", "Main"), (Position("VTI", D(10)),))
    market.refresh(["VTI"], SUNDAY)
    monday = SUNDAY + timedelta(days=8, hours=18)
    reading = market.too_old(["VTI"], held, {}, monday)["VTI"].readings[0]

    by_hand = {"VTI": replace(reading, source=PriceSource.MANUAL, time=monday)}

    assert market.at_hand(["VTI"], held, by_hand, now=monday).quotes["VTI"].price == 30
    assert market.too_old(["VTI"], held, by_hand, monday) == {}
