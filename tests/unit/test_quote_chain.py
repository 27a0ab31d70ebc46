"""Several sources of prices: in whose order, for what is missing only, and what becomes of one that fails."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from allocation.adapters.exchange_days import ExchangeDays
from allocation.adapters.memory import MemoryQuoteCache
from allocation.errors import PriceOrderError
from allocation.guard import PriceCode
from allocation.market import Market
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault
from allocation.price_order import DEFAULT_ORDER, PriceOrder, check_order, choose_quote, complete, move_up
from allocation.price_text import failure_sentences
from allocation.quote_chain import QuoteChain

MANUAL, FILE, YAHOO, ALPACA = DEFAULT_ORDER
SAMPLE = PriceSource.SAMPLE
ALPACA_FIRST: PriceOrder = (ALPACA, MANUAL, FILE, YAHOO)
SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLOSE = datetime(2026, 11, 20, 21, tzinfo=UTC)


class Source:
    """Answers with what it was given and remembers what it was asked, and how long it was given."""

    def __init__(self, *quotes: Quote, fault: QuoteFault = QuoteFault.UNKNOWN_SYMBOL, slow: float = 0) -> None:
        self.prices = {quote.symbol: quote for quote in quotes}
        self.fault = fault
        self.slow = slow
        self.asked: list[tuple[str, ...]] = []
        self.given: list[float | None] = []

    def quotes(self, symbols: Iterable[str], within: float | None = None) -> QuoteAnswer:
        wanted = tuple(symbols)
        self.asked.append(wanted)
        self.given.append(within)
        time.sleep(min(self.slow, within or self.slow))
        failures = {s: QuoteFailure(s, self.fault, f"No {s}.", source=YAHOO) for s in wanted if s not in self.prices}
        return QuoteAnswer({s: self.prices[s] for s in wanted if s in self.prices}, failures)


def quote(symbol: str = "VTI", price: str = "250", source: PriceSource = YAHOO, struck: datetime = CLOSE) -> Quote:
    return Quote(symbol, Decimal(price), "USD", struck, source)


def market(yahoo: Source, alpaca: Source, deadline: float = 5.0) -> Market:
    return Market(yahoo, MemoryQuoteCache(), sessions=ExchangeDays(), others={ALPACA: alpaca}, deadline=deadline)


def portfolio(*quotes: Quote) -> Portfolio:
    return Portfolio(Account("main", "Main"), tuple(Position(q.symbol, Decimal(1), quote=q) for q in quotes))


# Who is asked


def test_the_second_source_is_asked_only_for_what_the_first_lacks() -> None:
    yahoo, alpaca = Source(quote("VTI")), Source(quote("BND", source=ALPACA))

    answer = market(yahoo, alpaca).refresh(["VTI", "BND"], SUNDAY)

    assert (yahoo.asked, alpaca.asked) == ([("VTI", "BND")], [("BND",)])
    assert {symbol: found.source for symbol, found in answer.quotes.items()} == {"VTI": YAHOO, "BND": ALPACA}
    assert answer.failures == {}


def test_the_users_order_says_who_is_first() -> None:
    yahoo, alpaca = Source(quote("VTI")), Source(quote("VTI", source=ALPACA))

    answer = market(yahoo, alpaca).refresh(["VTI"], SUNDAY, order=ALPACA_FIRST)

    assert answer.quotes["VTI"].source == ALPACA
    assert yahoo.asked == []


def test_a_doubtful_price_of_the_first_leaves_the_word_to_the_second() -> None:
    yahoo, alpaca = Source(quote("VTI", "25000")), Source(quote("VTI", "251", ALPACA))
    prices = market(yahoo, alpaca)
    yesterday = quote("VTI", "250", struck=CLOSE - timedelta(days=1))

    answer = prices.refresh(["VTI"], SUNDAY, force=True, known={"VTI": yesterday})

    assert answer.quotes["VTI"].price == 251
    assert answer.failures == {}


def test_without_any_good_price_the_first_sources_word_stands() -> None:
    yahoo, alpaca = Source(quote("VTI", "25000")), Source()

    failure = market(yahoo, alpaca).refresh(["VTI"], SUNDAY, known={"VTI": quote("VTI", "250")}).failures["VTI"]

    assert failure.code == PriceCode.UNIT_SUSPECT
    assert {reading.price for reading in failure.readings} == {Decimal(25000), Decimal(250)}


# One that fails


def test_a_source_out_of_reach_is_left_alone_for_a_minute_and_the_other_goes_on() -> None:
    yahoo, alpaca = Source(fault=QuoteFault.OFFLINE), Source(quote("VTI", source=ALPACA))
    prices = market(yahoo, alpaca)

    first = prices.refresh(["VTI"], SUNDAY, force=True)
    second = prices.refresh(["VTI"], SUNDAY + timedelta(seconds=59), force=True)
    third = prices.refresh(["VTI"], SUNDAY + timedelta(seconds=60), force=True)

    assert all(answer.quotes["VTI"].source == ALPACA for answer in (first, second, third))
    assert (len(yahoo.asked), len(alpaca.asked)) == (2, 3)


def test_a_source_that_sends_us_away_does_not_silence_the_other() -> None:
    yahoo, alpaca = Source(quote("VTI")), Source(fault=QuoteFault.RATE_LIMITED)
    prices = market(yahoo, alpaca)

    prices.refresh(["VTI", "BND"], SUNDAY, force=True)
    prices.refresh(["VTI", "BND"], SUNDAY, force=True)

    assert (len(yahoo.asked), len(alpaca.asked)) == (2, 1)


def test_a_silent_first_source_leaves_time_for_the_second_and_all_ends_by_the_deadline() -> None:
    yahoo = Source(fault=QuoteFault.TIMEOUT, slow=9)
    alpaca = Source(fault=QuoteFault.TIMEOUT, slow=9)
    chain = QuoteChain({YAHOO: yahoo, ALPACA: alpaca}, deadline=0.4)
    started = time.monotonic()

    chain.quotes(["VTI"], DEFAULT_ORDER, SUNDAY, lambda answer: answer)

    assert 0.1 < (alpaca.given[0] or 0) < 0.2
    assert time.monotonic() - started < 1.5  # on a busy machine; each would take 9


def test_nobody_is_asked_about_nothing() -> None:
    yahoo, alpaca = Source(), Source()

    assert market(yahoo, alpaca).refresh([], SUNDAY) == QuoteAnswer({}, {})
    assert (yahoo.asked, alpaca.asked) == ([], [])


# What need not be asked


def test_what_has_not_been_traded_since_is_not_fetched_again() -> None:
    yahoo, alpaca = Source(quote("VTI")), Source()
    prices = market(yahoo, alpaca)
    prices.refresh(["VTI"], CLOSE + timedelta(minutes=1))

    on_sunday = prices.refresh(["VTI"], SUNDAY)
    on_monday = datetime(2026, 11, 23, 14, 32, tzinfo=UTC)  # New York opens at 14:30
    prices.refresh(["VTI"], on_monday)

    assert on_sunday.quotes["VTI"] == quote("VTI")
    assert len(yahoo.asked) == 2


def test_a_current_price_of_the_broker_goes_before_the_network_which_is_not_asked() -> None:
    yahoo, alpaca = Source(quote("VTI", "249")), Source()
    prices = market(yahoo, alpaca)
    brokers = quote("VTI", "250", FILE, CLOSE + timedelta(hours=1))
    held = portfolio(brokers)

    answer = prices.refresh(["VTI"], SUNDAY, known=prices.known(["VTI"], held, {}, now=SUNDAY))

    assert answer.quotes["VTI"] == brokers
    assert yahoo.asked == []


def test_the_network_is_asked_before_the_broker_where_the_user_wants_that() -> None:
    yahoo, alpaca = Source(quote("VTI", "249")), Source()
    prices = market(yahoo, alpaca)
    brokers = quote("VTI", "250", FILE, CLOSE + timedelta(hours=1))
    order: PriceOrder = (MANUAL, YAHOO, ALPACA, FILE)

    prices.refresh(["VTI"], SUNDAY, known={"VTI": brokers}, order=order)

    assert prices.known(["VTI"], portfolio(brokers), {}, order, now=SUNDAY)["VTI"].source == YAHOO


# Whose price is used


def test_a_price_that_is_not_current_gives_way_to_one_that_is() -> None:
    old, new = quote(source=FILE), quote(source=YAHOO)

    assert choose_quote([old, new], DEFAULT_ORDER, lambda each: each == new) == new
    assert choose_quote([old, new], DEFAULT_ORDER, lambda each: each == old) == old


def test_of_several_current_prices_the_first_in_the_order_counts() -> None:
    quotes = [quote(source=source) for source in (ALPACA, YAHOO, FILE, MANUAL, SAMPLE)]

    assert choose_quote(quotes, DEFAULT_ORDER, lambda _: True) == quote(source=MANUAL)
    assert choose_quote(quotes, ALPACA_FIRST, lambda _: True) == quote(source=ALPACA)


def test_a_price_by_hand_is_current_until_it_is_removed() -> None:
    by_hand = quote(source=MANUAL, struck=CLOSE - timedelta(days=900))

    assert choose_quote([quote(source=YAHOO), by_hand], (YAHOO, ALPACA, FILE, MANUAL)) == by_hand


# The order itself


def test_moving_up_swaps_with_the_one_above() -> None:
    assert move_up(DEFAULT_ORDER, YAHOO) == (MANUAL, YAHOO, FILE, ALPACA)
    assert move_up(DEFAULT_ORDER, MANUAL) == DEFAULT_ORDER
    assert move_up(move_up(DEFAULT_ORDER, ALPACA), ALPACA) == (MANUAL, ALPACA, FILE, YAHOO)


def test_an_order_of_an_older_version_gets_the_new_sources_at_its_end() -> None:
    assert complete([YAHOO, SAMPLE, MANUAL]) == (YAHOO, MANUAL, FILE, ALPACA)
    assert complete([]) == DEFAULT_ORDER


@pytest.mark.parametrize("order", [(), (MANUAL,), (*DEFAULT_ORDER, MANUAL), (MANUAL, FILE, YAHOO, SAMPLE)])
def test_an_order_names_every_source_once(order: PriceOrder) -> None:
    with pytest.raises(PriceOrderError):
        check_order(order)


# In words


def test_what_failed_is_said_of_the_source_that_failed() -> None:
    failures = {
        "VTI": QuoteFailure("VTI", QuoteFault.OFFLINE, "…"),
        "BND": QuoteFailure("BND", QuoteFault.UNKNOWN_SYMBOL, "…", source=ALPACA),
        "GLD": QuoteFailure("GLD", QuoteFault.UNUSABLE, "The keys are wrong.", source=ALPACA),
        "IAU": QuoteFailure("IAU", QuoteFault.UNUSABLE, "The keys are wrong.", source=ALPACA),
    }

    assert failure_sentences(failures) == (
        "Yahoo cannot be reached.",
        "Alpaca does not know BND; check the spelling or enter a price by hand.",
        "The keys are wrong.",
    )
