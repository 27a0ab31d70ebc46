"""What every cache of price histories promises, held against each of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from allocation.adapters.memory import MemoryPriceHistories
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.price_histories import SqlPriceHistories
from allocation.model import PriceSource
from allocation.price_history import Close, HistoryCache, Period, PriceHistory, Split

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
D = Decimal
VTI = PriceHistory(
    "VTI",
    "USD",
    Period.MONTH,
    (Close(date(2026, 11, 18), D("305.3"), D("304.1")), Close(date(2026, 11, 19), D("0.0000123"), D("100"))),
    (Split(date(2026, 11, 19), D(3), D("2")),),
    NOON,
    PriceSource.YAHOO,
)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def cache(request: pytest.FixtureRequest, opened: Callable[[str], Database]) -> HistoryCache:
    return MemoryPriceHistories() if request.param == "memory" else SqlPriceHistories(opened(request.param))


def test_a_history_comes_back_exactly_and_only_where_asked_for(cache: HistoryCache) -> None:
    cache.save(VTI)
    cache.save(replace(VTI, symbol="BND", currency="EUR", splits=()))

    assert cache.load(["VTI", "NONE"]) == {"VTI": VTI}
    assert cache.load([]) == {}


def test_a_later_history_takes_the_place_of_the_one_before(cache: HistoryCache) -> None:
    later = replace(VTI, period=Period.YEAR, closes=VTI.closes[:1], as_of=NOON + timedelta(days=1))
    cache.save(VTI)

    cache.save(later)

    assert cache.load(["VTI"]) == {"VTI": later}
