"""What every quote cache promises, held against each of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from allocation.adapters.memory import MemoryQuoteCache
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.quote_cache import SqlQuoteCache
from allocation.model import PriceSource, Quote
from allocation.ports import QuoteCache

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
VTI = Quote("VTI", Decimal("250.10"), "USD", NOON, PriceSource.YAHOO)
BND = Quote("BND", Decimal("0.000001"), "EUR", NOON, PriceSource.YAHOO)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def cache(request: pytest.FixtureRequest, opened: Callable[[str], Database]) -> QuoteCache:
    return MemoryQuoteCache() if request.param == "memory" else SqlQuoteCache(opened(request.param))


def test_quotes_come_back_exactly_and_only_those_asked_for(cache: QuoteCache) -> None:
    cache.save([VTI, BND])

    assert cache.load(["BND", "NONE", "BND"]) == {"BND": BND}
    assert cache.load(iter(["VTI", "BND"])) == {"VTI": VTI, "BND": BND}
    assert cache.load([]) == {}


def test_a_newer_quote_replaces_an_older_one(cache: QuoteCache) -> None:
    newer = replace(VTI, price=Decimal(260), time=NOON + timedelta(microseconds=1), currency="EUR")
    cache.save([VTI])

    cache.save([newer])

    assert cache.load(["VTI"]) == {"VTI": newer}


def test_a_correction_of_the_same_moment_replaces_what_it_corrects(cache: QuoteCache) -> None:
    cache.save([VTI])

    cache.save([replace(VTI, price=Decimal(99))])

    assert cache.load(["VTI"])["VTI"].price == 99


def test_an_answer_that_comes_late_does_not_replace_a_newer_quote(cache: QuoteCache) -> None:
    newer = replace(VTI, price=Decimal(260), time=NOON + timedelta(seconds=1))
    cache.save([newer])

    cache.save([BND, VTI])

    assert cache.load(["VTI", "BND"]) == {"VTI": newer, "BND": BND}


def test_saving_nothing_is_harmless(cache: QuoteCache) -> None:
    cache.save([])

    assert cache.load(["VTI"]) == {}


def test_a_symbol_is_looked_up_as_it_is_spelled(cache: QuoteCache) -> None:
    cache.save([VTI])

    assert cache.load(["vti", "VTI ", "x'; DROP TABLE quote", "\x00"]) == {}


def test_a_thousand_quotes_go_in_and_out_together(cache: QuoteCache) -> None:
    many = {f"S{n}": replace(VTI, symbol=f"S{n}") for n in range(1000)}

    cache.save(many.values())

    assert cache.load(many) == many
