"""Which exchange rate is used: by hand, from the network, or the European Central Bank's, and the way round each is asked."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from allocation.adapters.ecb import EcbRates
from allocation.adapters.memory import MemoryQuoteCache
from allocation.currencies import Rate, RateOrigin
from allocation.market import Market
from allocation.model import PriceSource, Quote
from allocation.pairs import pair_of, pair_symbol, pair_symbols, rate_of, rates_at_hand
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 21, tzinfo=UTC)
BANKS_DAY = datetime(2026, 10, 30, 15, tzinfo=UTC)
BANK = (
    Rate("EUR", "USD", Decimal("1.1172"), BANKS_DAY, RateOrigin.ECB),
    Rate("EUR", "GBP", Decimal("0.8338"), BANKS_DAY, RateOrigin.ECB),
)


class FakeYahoo:
    """Answers with what it was given and remembers what it was asked."""

    def __init__(self, *quotes: Quote) -> None:
        self.prices = {quote.symbol: quote for quote in quotes}
        self.asked: list[tuple[str, ...]] = []

    def quotes(self, symbols: Iterable[str], _within: float | None = None) -> QuoteAnswer:
        wanted = tuple(symbols)
        self.asked.append(wanted)
        unknown = {s: QuoteFailure(s, QuoteFault.UNKNOWN_SYMBOL, f"No {s}.") for s in wanted if s not in self.prices}
        return QuoteAnswer({s: self.prices[s] for s in wanted if s in self.prices}, unknown)


def quote(symbol: str, price: str, currency: str = "USD", source: PriceSource = PriceSource.YAHOO) -> Quote:
    return Quote(symbol, Decimal(price), currency, FRIDAY, source)


# The bank's


def test_the_bank_says_what_a_euro_costs_and_when() -> None:
    rates = {rate.counter: rate for rate in EcbRates().rates(["USD", "JPY", "EUR", "XXX"])}

    assert set(rates) == {"USD", "JPY"}
    assert rates["USD"].base == "EUR"
    assert Decimal("0.8") < rates["USD"].price < Decimal("1.7")  # every year of the euro so far
    assert rates["USD"].source == RateOrigin.ECB
    assert rates["USD"].time.astimezone(UTC).hour in (14, 15)  # 16:00 in Frankfurt, summer and winter


# How a pair is spelled


@pytest.mark.parametrize(
    ("one", "other", "symbol"),
    [("EUR", "USD", "EURUSD=X"), ("USD", "EUR", "EURUSD=X"), ("JPY", "USD", "USDJPY=X"), ("SEK", "NOK", "NOKSEK=X")],
)
def test_a_pair_is_asked_for_the_way_round_that_dealers_quote_it(one: str, other: str, symbol: str) -> None:
    assert pair_symbol(one, other) == symbol


def test_a_currency_needs_no_rate_in_itself() -> None:
    assert pair_symbols(["USD", "EUR", "EUR"], "USD") == ("EURUSD=X",)


@pytest.mark.parametrize(("symbol", "pair"), [("EURUSD=X", ("EUR", "USD")), ("EUREUR=X", None), ("VTI", None)])
def test_a_symbol_is_a_pair_or_none(symbol: str, pair: tuple[str, str] | None) -> None:
    assert pair_of(symbol) == pair


def test_a_quote_in_another_currency_than_its_pair_is_no_rate() -> None:
    assert rate_of(quote("EURUSD=X", "1.08", "GBP")) is None


# Which one counts


def test_a_rate_by_hand_goes_before_every_other() -> None:
    by_hand = quote("EURUSD=X", "1.2", source=PriceSource.MANUAL)

    answer = rates_at_hand(["EUR"], "USD", [{"EURUSD=X": by_hand}, {"EURUSD=X": quote("EURUSD=X", "1.08")}], BANK)

    assert answer.rates["EUR", "USD"] == Rate("EUR", "USD", Decimal("1.2"), FRIDAY, RateOrigin.MANUAL)


def test_yahoos_newer_rate_goes_before_the_banks() -> None:
    answer = rates_at_hand(["EUR"], "USD", [{"EURUSD=X": quote("EURUSD=X", "1.08")}], BANK)

    assert answer.rates["EUR", "USD"].source == RateOrigin.YAHOO


def test_the_banks_rate_goes_before_an_older_one_of_yahoos() -> None:
    old = Quote("GBPUSD=X", Decimal("1.3"), "USD", BANKS_DAY - timedelta(days=1), PriceSource.YAHOO)

    answer = rates_at_hand(["GBP"], "USD", [{"GBPUSD=X": old}], BANK)

    assert answer.rates["GBP", "USD"].source == RateOrigin.ECB
    assert answer.rates.price("GBP", "USD") == Decimal("1.33988966179")  # 1.1172 / 0.8338, to twelve digits


def test_a_currency_that_nothing_is_known_of_is_named() -> None:
    answer = rates_at_hand(["EUR", "XAU"], "USD", [], BANK)

    assert answer.missing == ("XAU",)


# With the prices


def test_rates_are_fetched_with_the_prices_in_one_batch() -> None:
    yahoo = FakeYahoo(quote("VTI", "305.3"), quote("EURUSD=X", "1.08"))
    market = Market(yahoo, MemoryQuoteCache(), reference=EcbRates())

    market.refresh(["VTI"], SUNDAY, currencies=["EUR", "USD"], base="USD")

    assert yahoo.asked == [("VTI", "EURUSD=X")]
    assert market.rates(["EUR"], "USD").rates["USD", "EUR"] == Rate(
        "USD", "EUR", Decimal("0.925925925926"), FRIDAY, RateOrigin.YAHOO
    )


def test_a_currency_that_only_the_answer_shows_is_asked_for_once_more() -> None:
    yahoo = FakeYahoo(quote("SAP.DE", "212.4", "EUR"), quote("EURUSD=X", "1.08"))
    market = Market(yahoo, MemoryQuoteCache())

    answer = market.refresh(["SAP.DE"], SUNDAY, base="USD")

    assert yahoo.asked == [("SAP.DE",), ("EURUSD=X",)]
    assert set(answer.quotes) == {"SAP.DE", "EURUSD=X"}


def test_without_a_network_the_banks_rates_are_there() -> None:
    market = Market(None, MemoryQuoteCache(), reference=EcbRates())

    answer = market.rates(["EUR", "JPY", "GBP"], "CHF")

    assert answer.missing == ()
    assert answer.rates["JPY", "CHF"].via == "EUR"
