"""Which price is used, when the network is asked, and what people read about it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event

import pytest

from allocation.adapters.exchange_days import ExchangeDays
from allocation.adapters.memory import MemoryQuoteCache
from allocation.adapters.samples import sample_names, sample_quotes
from allocation.errors import MissingPriceError
from allocation.guard import PriceCode
from allocation.market import Market, get_current_price, get_current_prices
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault
from allocation.price_order import PriceOrder, choose_quote
from allocation.price_text import (
    currency_remark,
    failure_sentences,
    price_age_text,
    prices_line,
    stale_remark,
)

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
FRIDAY_CLOSE = datetime(2026, 11, 20, 21, tzinfo=UTC)
MANUAL, YAHOO, FILE, SAMPLE = PriceSource.MANUAL, PriceSource.YAHOO, PriceSource.FILE, PriceSource.SAMPLE
ALPACA = PriceSource.ALPACA


class FakeYahoo:
    """Answers with what it was given and remembers what it was asked."""

    def __init__(self, *quotes: Quote, fault: QuoteFault = QuoteFault.UNKNOWN_SYMBOL) -> None:
        self.prices = {quote.symbol: quote for quote in quotes}
        self.fault = fault
        self.asked: list[tuple[str, ...]] = []

    def quotes(self, symbols: Iterable[str], _within: float | None = None) -> QuoteAnswer:
        wanted = tuple(symbols)
        self.asked.append(wanted)
        failures = {s: QuoteFailure(s, self.fault, f"No {s}.") for s in wanted if s not in self.prices}
        return QuoteAnswer({s: self.prices[s] for s in wanted if s in self.prices}, failures)


class CountingCache(MemoryQuoteCache):
    """A cache that counts how often it is read."""

    loads = 0

    def load(self, symbols: Iterable[str]) -> dict[str, Quote]:
        self.loads += 1
        return super().load(symbols)


def quote(
    symbol: str = "VTI",
    price: str = "250.10",
    source: PriceSource = YAHOO,
    time: datetime = FRIDAY_CLOSE,
    currency: str = "USD",
) -> Quote:
    return Quote(symbol, Decimal(price), currency, time, source)


def portfolio(*positions: Position, currency: str = "USD") -> Portfolio:
    return Portfolio(Account("main", "Main", currency=currency), positions)


def market(*quotes: Quote, fault: QuoteFault = QuoteFault.UNKNOWN_SYMBOL) -> tuple[Market, FakeYahoo]:
    yahoo = FakeYahoo(*quotes, fault=fault)
    return Market(yahoo, MemoryQuoteCache()), yahoo


# The article's functions


def test_the_current_price_of_one_symbol() -> None:
    yahoo = FakeYahoo(quote("VTI", "250.10"))

    assert get_current_price("VTI", yahoo).price == Decimal("250.10")


def test_a_current_price_that_is_missing_says_why() -> None:
    yahoo = FakeYahoo(fault=QuoteFault.OFFLINE)

    with pytest.raises(MissingPriceError, match=r"No price for VTI\. Yahoo cannot be reached\."):
        get_current_price("VTI", yahoo)


def test_current_prices_are_fetched_in_one_round_trip() -> None:
    yahoo = FakeYahoo(quote("VTI"), quote("BND", "72.31"))

    prices = get_current_prices(["VTI", "BND"], yahoo)

    assert {symbol: found.price for symbol, found in prices.items()} == {
        "VTI": Decimal("250.10"),
        "BND": Decimal("72.31"),
    }
    assert yahoo.asked == [("VTI", "BND")]


def test_missing_prices_name_every_culprit() -> None:
    yahoo = FakeYahoo(quote("VTI"))

    with pytest.raises(MissingPriceError) as refusal:
        get_current_prices(["ABCD", "VTI", "EFGH"], yahoo)

    assert refusal.value.culprits == ("ABCD", "EFGH")
    assert "Yahoo does not know ABCD and EFGH" in str(refusal.value)


# Which quote is trusted


def test_a_price_entered_by_hand_wins_over_newer_ones() -> None:
    by_hand = quote(source=MANUAL, time=FRIDAY_CLOSE - timedelta(days=30))

    assert choose_quote([quote(source=YAHOO), by_hand, quote(source=FILE)]) == by_hand


@pytest.mark.parametrize(("newer", "older"), [(YAHOO, FILE), (FILE, YAHOO)])
def test_the_newer_of_yahoo_and_file_wins(newer: PriceSource, older: PriceSource) -> None:
    new, old = quote(source=newer), quote(source=older, time=FRIDAY_CLOSE - timedelta(seconds=1))

    assert choose_quote([old, new]) == choose_quote([new, old]) == new


@pytest.mark.parametrize("order", [(MANUAL, FILE, YAHOO, ALPACA), (YAHOO, ALPACA, FILE, MANUAL)])
def test_of_two_prices_of_the_same_time_the_earlier_in_the_order_counts(order: PriceOrder) -> None:
    first = YAHOO if order[0] == YAHOO else FILE

    assert choose_quote([quote(source=YAHOO), quote(source=FILE)], order) == quote(source=first)
    assert choose_quote([quote(source=FILE), quote(source=YAHOO)], order) == quote(source=first)


def test_a_sample_is_the_last_resort() -> None:
    sample = quote(source=SAMPLE)

    assert choose_quote([sample]) == sample
    assert choose_quote([sample, quote(source=FILE, time=FRIDAY_CLOSE - timedelta(days=900))]) != sample


def test_no_candidate_is_no_quote() -> None:
    assert choose_quote([]) is None


# What is known without the network


def test_known_prices_come_from_every_place_and_never_from_the_network() -> None:
    yahoo, cache = FakeYahoo(quote("VTI", "1")), MemoryQuoteCache()
    cache.save([quote("VTI", "250")])
    held = portfolio(Position("BND", Decimal(5), quote=quote("BND", "72", FILE)))
    prices = Market(yahoo, cache, {"KO": quote("KO", "62.61", SAMPLE)})

    known = prices.known(["VTI", "BND", "GOLD", "KO", "NOPE"], held, {"GOLD": quote("GOLD", "9", MANUAL)})

    assert {symbol: str(found.price) for symbol, found in known.items()} == {
        "VTI": "250",
        "BND": "72",
        "GOLD": "9",
        "KO": "62.61",
    }
    assert yahoo.asked == []


def test_a_price_in_another_currency_without_a_rate_is_no_price_and_says_so() -> None:
    prices, _ = market(quote("VOD.L", "0.8955", currency="GBP"))
    prices.refresh(["VOD.L"], SUNDAY)

    at_hand = prices.at_hand(["VOD.L"], portfolio(), {})

    assert prices.known(["VOD.L"], portfolio(), {}) == {}
    assert not at_hand.rates.knows("GBP", "USD")
    assert currency_remark(at_hand.quotes.values(), "USD") == (
        "Priced in another currency than the account's USD, and without its rate: VOD.L (GBP). Refresh, or enter the "
        "rate, or the price in USD, by hand."
    )


def test_with_its_rate_a_price_in_another_currency_is_as_good_as_any() -> None:
    prices, _ = market(quote("VOD.L", "0.8955", currency="GBP"), quote("GBPUSD=X", "1.25"))
    prices.refresh(["VOD.L"], SUNDAY, currencies=["GBP"], base="USD")
    in_file = quote("VOD.L", "1.13", FILE, FRIDAY_CLOSE - timedelta(days=1))

    at_hand = prices.at_hand(["VOD.L"], portfolio(Position("VOD.L", Decimal(1), quote=in_file)), {})

    assert (at_hand.quotes["VOD.L"].currency, at_hand.rates.price("GBP", "USD")) == ("GBP", Decimal("1.25"))


def test_a_symbol_that_means_a_currency_has_a_rate_and_no_quote() -> None:
    prices, _ = market(quote("EUR"), quote("EURUSD=X", "1.0624"))
    prices.refresh(["EUR", "EURUSD=X"], SUNDAY)

    at_hand = prices.at_hand(["EUR"], portfolio(), {})

    assert at_hand.quotes == {}
    assert at_hand.rates.price("EUR", "USD") == Decimal("1.0624")


def test_a_worse_source_in_the_right_currency_is_used() -> None:
    prices, _ = market(quote("VOD.L", "0.8955", currency="GBP"))
    prices.refresh(["VOD.L"], SUNDAY)
    in_file = quote("VOD.L", "1.13", FILE, FRIDAY_CLOSE - timedelta(days=1))

    known = prices.known(["VOD.L"], portfolio(Position("VOD.L", Decimal(1), quote=in_file)), {})

    assert known == {"VOD.L": in_file}


def test_prices_in_the_account_currency_need_no_remark() -> None:
    assert currency_remark([quote("VTI")], "USD") == ""


def test_an_edit_reads_no_disk() -> None:
    cache = CountingCache()
    prices = Market(FakeYahoo(), cache)
    prices.known(["VTI", "BND"], portfolio(), {})

    for _ in range(100):
        prices.known(["BND", "VTI"], portfolio(), {})

    assert cache.loads == 1


# Refreshing


def test_a_refresh_keeps_the_good_quotes_and_explains_the_rest() -> None:
    prices, _ = market(quote("VTI"))

    answer = prices.refresh(["VTI", "NOPE"], SUNDAY)

    assert set(answer.quotes) == {"VTI"}
    assert set(answer.failures) == {"NOPE"}
    assert prices.known(["VTI", "NOPE"], portfolio(), {}) == {"VTI": quote("VTI")}


def test_refreshed_prices_are_known_to_the_next_process() -> None:
    cache = MemoryQuoteCache()
    Market(FakeYahoo(quote("VTI")), cache).refresh(["VTI"], SUNDAY)

    known = Market(None, cache).known(["VTI"], portfolio(), {})

    assert known == {"VTI": quote("VTI")}


def test_an_older_quote_does_not_replace_a_newer_one() -> None:
    cache = MemoryQuoteCache()
    cache.save([quote("VTI", "260", time=FRIDAY_CLOSE + timedelta(hours=1))])
    prices = Market(FakeYahoo(quote("VTI", "250")), cache)

    prices.refresh(["VTI"], SUNDAY)

    assert prices.known(["VTI"], portfolio(), {})["VTI"].price == 260


def test_what_was_fetched_within_the_minute_is_not_fetched_again() -> None:
    prices, yahoo = market(quote("VTI"), quote("BND"))
    prices.refresh(["VTI"], SUNDAY)

    answer = prices.refresh(["VTI", "BND"], SUNDAY + timedelta(seconds=59))

    assert yahoo.asked == [("VTI",), ("BND",)]
    assert set(answer.quotes) == {"VTI", "BND"}


def test_after_a_minute_it_is_fetched_again() -> None:
    prices, yahoo = market(quote("VTI"))
    prices.refresh(["VTI"], SUNDAY)

    prices.refresh(["VTI"], SUNDAY + timedelta(seconds=60))

    assert yahoo.asked == [("VTI",), ("VTI",)]


def test_force_fetches_at_once() -> None:
    prices, yahoo = market(quote("VTI"))
    prices.refresh(["VTI"], SUNDAY)

    prices.refresh(["VTI"], SUNDAY, force=True)

    assert len(yahoo.asked) == 2


@pytest.mark.parametrize("fault", [QuoteFault.OFFLINE, QuoteFault.RATE_LIMITED, QuoteFault.TIMEOUT])
def test_a_source_out_of_reach_is_left_alone_for_a_minute(fault: QuoteFault) -> None:
    prices, yahoo = market(fault=fault)
    prices.refresh(["VTI"], SUNDAY)

    answer = prices.refresh(["VTI", "BND"], SUNDAY + timedelta(seconds=59), force=True)

    assert len(yahoo.asked) == 1
    assert {failure.fault for failure in answer.failures.values()} == {fault}
    assert set(answer.failures) == {"VTI", "BND"}


def test_after_the_pause_the_source_is_asked_again() -> None:
    prices, yahoo = market(fault=QuoteFault.OFFLINE)
    prices.refresh(["VTI"], SUNDAY)
    yahoo.prices["VTI"] = quote("VTI")

    answer = prices.refresh(["VTI"], SUNDAY + timedelta(seconds=60))

    assert set(answer.quotes) == {"VTI"}


def test_one_slow_symbol_does_not_stop_the_others_next_time() -> None:
    prices, yahoo = market(quote("VTI"), fault=QuoteFault.TIMEOUT)
    prices.refresh(["VTI", "SLOW"], SUNDAY)

    prices.refresh(["SLOW"], SUNDAY)

    assert yahoo.asked == [("VTI", "SLOW"), ("SLOW",)]


def test_too_many_requests_pause_even_when_some_quotes_came_through() -> None:
    prices, yahoo = market(quote("VTI"), fault=QuoteFault.RATE_LIMITED)
    prices.refresh(["VTI", "BND"], SUNDAY)

    prices.refresh(["BND"], SUNDAY)

    assert len(yahoo.asked) == 1


def test_without_a_source_nothing_is_fetched_and_everything_explained() -> None:
    prices = Market(None, MemoryQuoteCache())

    answer = prices.refresh(["VTI"], SUNDAY)

    assert answer.failures["VTI"].fault == QuoteFault.SWITCHED_OFF
    assert not prices.can_refresh


# What is refused


def test_a_doubtful_quote_is_a_failure_with_its_code_and_the_last_good_one_stays() -> None:
    prices, yahoo = market(quote("VTI", "250.10"))
    prices.refresh(["VTI"], SUNDAY)
    yahoo.prices["VTI"] = quote("VTI", "62.50", time=SUNDAY)

    answer = prices.refresh(["VTI"], SUNDAY + timedelta(hours=1))

    assert answer.quotes == {}
    assert answer.failures["VTI"].code == PriceCode.JUMP
    assert answer.failures["VTI"].readings == (yahoo.prices["VTI"],)
    assert answer.failures["VTI"].message == (
        "Yahoo gave no usable price for VTI: the price jumped from 250.1 USD on 20 Nov 2026 to 62.5 USD on 22 Nov 2026; "
        "a split, or an error. If the new price is right, confirm it. Refresh later, use the last close "
        "of 20 Nov 2026 (250.1 USD), leave the line out, or enter a price by hand."
    )
    assert prices.known(["VTI"], portfolio(), {})["VTI"].price == Decimal("250.10")


def test_a_jump_is_believed_once_it_was_confirmed_by_hand() -> None:
    prices, yahoo = market(quote("VTI", "250.10"))
    prices.refresh(["VTI"], SUNDAY)
    yahoo.prices["VTI"] = quote("VTI", "62.50", time=SUNDAY)
    by_hand = quote("VTI", "62", MANUAL, SUNDAY)

    answer = prices.refresh(["VTI"], SUNDAY + timedelta(hours=1), known={"VTI": by_hand})

    assert answer.quotes["VTI"].price == Decimal("62.50")
    assert prices.known(["VTI"], portfolio(), {})["VTI"].price == Decimal("62.50")


def test_a_first_quote_that_contradicts_the_file_is_doubtful() -> None:
    prices, _ = market(quote("VTI", "25010"))

    answer = prices.refresh(
        ["VTI"], SUNDAY, known={"VTI": quote("VTI", "250", FILE, datetime(2026, 11, 1, tzinfo=UTC))}
    )

    assert answer.failures["VTI"].code == PriceCode.UNIT_SUSPECT


def test_an_old_quote_of_any_source_is_refused() -> None:
    prices, _ = market(quote("VTI", time=datetime(2019, 3, 4, tzinfo=UTC)))

    answer = prices.refresh(["VTI"], SUNDAY)

    assert answer.failures["VTI"].code == PriceCode.STALE
    assert prices.known(["VTI"], portfolio(), {}) == {}


def test_a_source_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    prices, yahoo = market()
    back = SUNDAY + timedelta(hours=1)
    sent_away = QuoteFailure("VTI", QuoteFault.RATE_LIMITED, "…", retry_at=back)
    yahoo.quotes = lambda symbols, _within=None: (
        yahoo.asked.append(tuple(symbols)) or QuoteAnswer({}, {"VTI": sent_away})
    )  # type: ignore[method-assign,func-returns-value]
    prices.refresh(["VTI"], SUNDAY)

    answer = prices.refresh(["VTI"], SUNDAY + timedelta(minutes=59), force=True)

    assert len(yahoo.asked) == 1
    assert answer.failures["VTI"].retry_at == back
    assert failure_sentences(answer.failures) == (
        "Yahoo takes no more requests from here for now; try again at 13:00 UTC.",
    )
    prices.refresh(["VTI"], back)
    assert len(yahoo.asked) == 2


# Several users at once


class SlowYahoo(FakeYahoo):
    """Answers only when it is told to."""

    def __init__(self, *quotes: Quote) -> None:
        super().__init__(*quotes)
        self.called, self.go = Event(), Event()

    def quotes(self, symbols: Iterable[str], _within: float | None = None) -> QuoteAnswer:
        answer = super().quotes(symbols)
        self.called.set()
        assert self.go.wait(10)
        return answer


def test_what_several_users_ask_at_the_same_time_is_asked_once() -> None:
    yahoo = SlowYahoo(quote("VTI"), quote("BND"))
    prices = Market(yahoo, MemoryQuoteCache())

    with ThreadPoolExecutor(9) as users:
        first = users.submit(prices.refresh, ["VTI", "BND"], SUNDAY, force=True)
        assert yahoo.called.wait(10)
        others = [users.submit(prices.refresh, ["BND", "VTI"], SUNDAY, force=True) for _ in range(8)]
        wait(others, timeout=0.2)
        yahoo.go.set()
        answers = [asked.result(10) for asked in (first, *others)]

    assert yahoo.asked == [("VTI", "BND")]
    assert all(set(answer.quotes) == {"VTI", "BND"} and not answer.failures for answer in answers)


def test_who_wants_more_than_is_under_way_asks_for_the_rest_only() -> None:
    yahoo = SlowYahoo(quote("VTI"), quote("BND"))
    prices = Market(yahoo, MemoryQuoteCache())

    with ThreadPoolExecutor(2) as users:
        first = users.submit(prices.refresh, ["VTI"], SUNDAY)
        assert yahoo.called.wait(10)
        second = users.submit(prices.refresh, ["VTI", "BND"], SUNDAY)
        wait([second], timeout=0.2)
        yahoo.go.set()

    assert yahoo.asked == [("VTI",), ("BND",)]
    assert set(first.result().quotes) == {"VTI"}
    assert set(second.result().quotes) == {"VTI", "BND"}


# What people read


@pytest.mark.parametrize(
    ("source", "time", "text"),
    [
        (YAHOO, SUNDAY - timedelta(seconds=30), "Yahoo, just now"),
        (YAHOO, SUNDAY - timedelta(seconds=60), "Yahoo, 1 minute ago"),
        (YAHOO, SUNDAY - timedelta(minutes=4, seconds=50), "Yahoo, 4 minutes ago"),
        (YAHOO, SUNDAY - timedelta(minutes=60), "Yahoo, 1 hour ago"),
        (YAHOO, SUNDAY - timedelta(hours=23, minutes=59), "Yahoo, 23 hours ago"),
        (YAHOO, FRIDAY_CLOSE, "Yahoo, 20 Nov 2026"),
        (FILE, FRIDAY_CLOSE, "file, 20 Nov 2026"),
        (MANUAL, SUNDAY - timedelta(hours=3), "entered by hand today"),
        (MANUAL, SUNDAY - timedelta(hours=13), "entered by hand yesterday"),
        (MANUAL, FRIDAY_CLOSE, "entered by hand 20 Nov 2026"),
        (SAMPLE, sample_quotes()["AAPL"].time, "sample price, 28 Dec 2022"),
    ],
)
def test_a_price_says_where_it_comes_from_and_how_old_it_is(source: PriceSource, time: datetime, text: str) -> None:
    assert price_age_text(quote(source=source, time=time), SUNDAY) == text


def test_all_prices_in_one_line() -> None:
    quotes = [
        quote("A", time=SUNDAY - timedelta(minutes=2)),
        quote("B", time=SUNDAY - timedelta(hours=5)),
        quote("C", source=FILE, time=datetime(2026, 11, 19, tzinfo=UTC)),
        quote("D", source=FILE, time=FRIDAY_CLOSE),
        quote("E", source=MANUAL),
    ]

    line = prices_line(quotes, ["F", "G"], SUNDAY)

    assert line == (
        "Prices: Yahoo, 2 minutes ago, the oldest 5 hours ago · 2 from the file, 19 Nov 2026 to 20 Nov 2026 · 1 entered by hand · "
        "F and G missing"
    )


@pytest.mark.parametrize(
    ("now", "passed"),
    [
        (datetime(2026, 11, 23, 14, tzinfo=UTC), 0),  # Monday
        (datetime(2026, 11, 25, 20, tzinfo=UTC), 2),  # Wednesday
        (datetime(2026, 11, 20, 20, tzinfo=UTC), 0),  # a clock that is behind
    ],
)
def test_where_no_calendar_is_known_every_weekday_is_a_session(now: datetime, passed: int) -> None:
    prices, _ = market()

    assert prices.sessions_missed([quote(time=FRIDAY_CLOSE)], now) == {"VTI": passed}


def test_a_files_price_is_that_of_the_end_of_its_day() -> None:
    thursday = datetime(2026, 11, 19, tzinfo=UTC)
    prices = Market(None, MemoryQuoteCache(), sessions=ExchangeDays())

    passed = prices.sessions_missed([quote("A", time=thursday, source=FILE), quote("B", time=thursday)], SUNDAY)

    assert passed == {"A": 1, "B": 2}


def test_old_prices_are_remarked_on_by_name_but_samples_are_not() -> None:
    quotes = [
        quote("VTI"),
        quote("KO", source=SAMPLE, time=datetime(2022, 12, 28, tzinfo=UTC)),
        quote("OLD", time=datetime(2026, 11, 16, tzinfo=UTC)),
    ]
    prices, _ = market()

    remark = stale_remark(quotes, prices.sessions_missed(quotes, SUNDAY))

    assert remark == "Old price: OLD (16 Nov 2026, 4 sessions ago). Refresh, or enter today's price by hand."
    assert stale_remark(quotes[:2], prices.sessions_missed(quotes[:2], SUNDAY)) == ""


def test_a_fund_that_is_one_session_behind_is_not_old() -> None:
    assert stale_remark([quote("VFIAX")], {"VFIAX": 1}) == ""
    assert "VFIAX" in stale_remark([quote("VFIAX")], {"VFIAX": 2})


def test_the_line_says_whether_a_date_is_the_last_close() -> None:
    friday, older = quote("A"), quote("B", time=FRIDAY_CLOSE - timedelta(days=2))

    assert prices_line([friday], [], SUNDAY, {"A": 0}) == "Prices: Yahoo, 20 Nov 2026 (the last close)"
    assert prices_line([friday], [], SUNDAY, {"A": 1}) == "Prices: Yahoo, 20 Nov 2026 (1 session ago)"
    assert prices_line([friday, older], [], SUNDAY, {"A": 0, "B": 2}) == (
        "Prices: Yahoo, 20 Nov 2026, the oldest 18 Nov 2026 (up to 2 sessions ago)"
    )
    assert prices_line([quote("A", time=SUNDAY)], [], SUNDAY, {"A": 0}) == "Prices: Yahoo, just now"


def test_a_failure_that_symbols_share_is_said_once() -> None:
    offline = {s: QuoteFailure(s, QuoteFault.OFFLINE, "…") for s in ("VTI", "BND")}
    mixed = {
        "X": QuoteFailure("X", QuoteFault.UNUSABLE, "Yahoo gave no usable price for X: it names no price."),
        "Y": QuoteFailure("Y", QuoteFault.UNKNOWN_SYMBOL, "…"),
        "Z": QuoteFailure("Z", QuoteFault.UNKNOWN_SYMBOL, "…"),
    }

    assert failure_sentences(offline) == ("Yahoo cannot be reached.",)
    assert failure_sentences(mixed) == (
        "Yahoo does not know Y and Z; check the spelling or enter a price by hand.",
        "Yahoo gave no usable price for X: it names no price.",
    )


@pytest.mark.parametrize("fault", list(QuoteFault))
def test_every_fault_has_a_sentence(fault: QuoteFault) -> None:
    assert failure_sentences({"VTI": QuoteFailure("VTI", fault, "A sentence.")})


# Samples


def test_samples_are_real_closes_of_one_old_day_and_labelled_as_samples() -> None:
    samples = sample_quotes()

    assert len(samples) == 25
    assert samples["JPM"].price == Decimal("129.58")
    assert {found.source for found in samples.values()} == {SAMPLE}
    assert {found.time.date().isoformat() for found in samples.values()} == {"2022-12-28"}
    assert set(sample_names()) == set(samples)
    assert all(sample_names().values())
