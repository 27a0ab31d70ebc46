"""The faults of rate sources, each with its verdict: one table, through the market as the pages ask it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from allocation.adapters.memory import MemoryQuoteCache
from allocation.currencies import Rate, RateOrigin
from allocation.errors import AllocationError
from allocation.fx_guard import RateCode, days_old, refuse_old_rates
from allocation.guard import DoubtfulPriceError, PriceCode, Reading, read_quote
from allocation.market import Market
from allocation.model import PriceSource, Quote
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault

D = Decimal
MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
FRIDAY = MONDAY - timedelta(days=3)
SYMBOL = "EURUSD=X"
BANK = Rate("EUR", "USD", D("1.0581"), datetime(2026, 10, 30, 15, tzinfo=UTC), RateOrigin.ECB)
YEN = Rate("EUR", "JPY", D("163.12"), BANK.time, RateOrigin.ECB)
GOOD = {"answered": SYMBOL, "price": D("1.0624"), "currency": "USD", "time": int(MONDAY.timestamp())}


class Bank:
    """The central bank's rates, which need no network."""

    def rates(self, currencies: Iterable[str]) -> tuple[Rate, ...]:
        return tuple(rate for rate in (BANK, YEN) if rate.counter in set(currencies))


class Says:
    """A source that says one thing about every symbol, read like a real one's answer."""

    def __init__(self, said: dict[str, object] | QuoteFault) -> None:
        self._said = said

    def quotes(self, symbols: Iterable[str], within: float | None = None) -> QuoteAnswer:
        good, bad = dict[str, Quote](), dict[str, QuoteFailure]()
        for symbol in symbols:
            try:
                good[symbol] = self._quote(symbol)
            except DoubtfulPriceError as error:
                bad[symbol] = QuoteFailure(
                    symbol, QuoteFault.UNUSABLE, f"No rate for {symbol}: {error.message}.", PriceCode(error.code)
                )
            except LookupError:
                assert isinstance(self._said, QuoteFault)
                bad[symbol] = QuoteFailure(symbol, self._said, f"No {symbol}.")
        return QuoteAnswer(good, bad)

    def _quote(self, symbol: str) -> Quote:
        if isinstance(self._said, QuoteFault):
            raise LookupError
        said = {"answered": symbol, **self._said}
        reading = Reading(symbol, symbol, said["answered"], said["price"], said["currency"], said["time"])
        return read_quote(reading, PriceSource.YAHOO, MONDAY)


def verdict(said: dict[str, object] | QuoteFault, last: str = "", symbol: str = SYMBOL) -> QuoteFailure | Quote:
    """What becomes of a source's word on a Monday, where Friday's rate is known or only the bank's of three weeks ago."""
    cache = MemoryQuoteCache()
    if last:
        cache.save([Quote(symbol, D(last), symbol[3:6], FRIDAY, PriceSource.YAHOO)])
    answer = Market(Says(said), cache, reference=Bank()).refresh([symbol], MONDAY, force=True)
    found: QuoteFailure | Quote = answer.failures[symbol] if answer.failures else answer.quotes[symbol]
    return found


FAULTS = {
    "F02 missing": (GOOD | {"price": None}, "1.06", RateCode.INVALID),
    "F03 zero": (GOOD | {"price": 0}, "1.06", RateCode.INVALID),
    "F04 not a number": (GOOD | {"price": "NaN"}, "1.06", RateCode.INVALID),
    "negative": (GOOD | {"price": D("-1.0624")}, "1.06", RateCode.INVALID),
    "text": (GOOD | {"price": "1,0624"}, "1.06", RateCode.INVALID),
    "no time": (GOOD | {"time": None}, "1.06", RateCode.INVALID),
    "F05 inverted, the last one known": (GOOD | {"price": D("0.9413")}, "1.06", RateCode.JUMP),
    "F05 inverted, only the bank's known": (GOOD | {"price": D("0.9413")}, "", RateCode.JUMP),
    "F06 a hundredfold": (GOOD | {"price": D("106.24")}, "1.06", RateCode.JUMP),
    "F06 a hundredth": (GOOD | {"price": D("0.010624")}, "", RateCode.JUMP),
    "doubled": (GOOD | {"price": D("2.12")}, "1.06", RateCode.JUMP),
    "F07 about another pair": (GOOD | {"answered": "EURGBP=X"}, "1.06", RateCode.PAIR),
    "F07 told in another currency": (GOOD | {"currency": "GBP"}, "1.06", RateCode.PAIR),
    "F07 in no currency": (GOOD | {"currency": ""}, "1.06", RateCode.PAIR),
    "F08 of last Monday": (GOOD | {"time": int((MONDAY - timedelta(days=7)).timestamp())}, "", RateCode.STALE),
    "F09 an error of the source": (QuoteFault.OFFLINE, "1.06", RateCode.UNAVAILABLE),
    "too late": (QuoteFault.TIMEOUT, "1.06", RateCode.UNAVAILABLE),
    "too many requests": (QuoteFault.RATE_LIMITED, "1.06", RateCode.UNAVAILABLE),
    "an unknown pair": (QuoteFault.UNKNOWN_SYMBOL, "1.06", RateCode.UNAVAILABLE),
}
CONTROLS = {
    "F01 a plain rate": (GOOD, "1.06"),
    "a first rate, near the bank's": (GOOD, ""),
    "a lively day": (GOOD | {"price": D("1.12")}, "1.06"),
    "from above one to below it": (GOOD | {"price": D("0.995")}, "1.012"),
    "Friday's on a Monday": (GOOD | {"time": int(FRIDAY.timestamp())}, ""),
    "Tuesday's on the Monday after": (GOOD | {"time": int((MONDAY - timedelta(days=6)).timestamp())}, ""),
    "many digits": (GOOD | {"price": D("1.0624123456789")}, "1.06"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_has_its_code_and_a_sentence_with_the_pair_and_the_way_out(case: str) -> None:
    said, last, code = FAULTS[case]

    found = verdict(said, last)

    assert isinstance(found, QuoteFailure)
    assert found.code == code
    assert "EUR" in found.message
    assert "USD" in found.message


@pytest.mark.parametrize("case", CONTROLS)
def test_a_good_rate_is_never_refused(case: str) -> None:
    said, last = CONTROLS[case]

    assert isinstance(verdict(said, last), Quote)


def test_a_refusal_says_what_was_said_what_was_known_and_what_to_do() -> None:
    found = verdict(GOOD | {"price": D("0.9413")}, "1.06")

    assert isinstance(found, QuoteFailure)
    assert found.message == (
        "Yahoo gave no usable rate for EUR/USD: 1 EUR = 0.9413 USD on 23 Nov 2026 looks inverted: the last known is 1.06 of "
        "20 Nov 2026. If it is right, confirm it. Refresh later, or enter the rate by hand. The last good one stays."
    )
    assert [reading.price for reading in found.readings] == [D("0.9413"), D("1.06236056518")]


def test_a_yen_turned_round_is_told_by_its_size() -> None:
    found = verdict(GOOD | {"answered": "EURJPY=X", "price": D("0.00613"), "currency": "JPY"}, symbol="EURJPY=X")

    assert isinstance(found, QuoteFailure)
    assert "inverted" in found.message


def test_a_jump_that_was_confirmed_by_hand_is_believed() -> None:
    cache = MemoryQuoteCache()
    cache.save([Quote(SYMBOL, D("1.06"), "USD", FRIDAY, PriceSource.YAHOO)])
    by_hand = {SYMBOL: Quote(SYMBOL, D("2.1"), "USD", MONDAY - timedelta(hours=1), PriceSource.MANUAL)}
    market = Market(Says(GOOD | {"price": D("2.12")}), cache, reference=Bank())

    answer = market.refresh([SYMBOL], MONDAY, force=True, known=by_hand)

    assert SYMBOL in answer.quotes


# Rates at hand


@pytest.mark.parametrize(
    ("struck", "now", "days"),
    [
        (FRIDAY, MONDAY, 0),
        (MONDAY - timedelta(days=6), MONDAY, 3),
        (MONDAY - timedelta(days=7), MONDAY, 4),
        (MONDAY, MONDAY, 0),
        (FRIDAY, FRIDAY + timedelta(days=2), 0),
    ],
)
def test_the_age_of_a_rate_is_counted_in_business_days_that_are_over(
    struck: datetime, now: datetime, days: int
) -> None:
    assert days_old(replace(BANK, time=struck), now) == days


def test_rates_that_are_too_old_to_plan_with_are_all_named() -> None:
    with pytest.raises(AllocationError) as refusal:
        refuse_old_rates([BANK, replace(YEN, time=FRIDAY), replace(YEN, counter="CHF")], MONDAY)

    assert refusal.value.code == "FX_STALE"
    assert refusal.value.culprits == ("EUR/USD", "EUR/CHF")
    assert str(refusal.value).startswith(
        "Old exchange rates: 1 EUR = 1.0581 USD is of 30 Oct 2026, 15 business days ago and 1 EUR = 163.12 CHF is of"
    )
    assert "Refresh rates, or confirm or enter today's by hand." in str(refusal.value)


@pytest.mark.parametrize("source", [RateOrigin.MANUAL, RateOrigin.SAMPLE])
def test_what_was_entered_by_hand_and_a_sample_are_as_they_are(source: RateOrigin) -> None:
    refuse_old_rates([replace(BANK, source=source)], MONDAY)


def test_a_rate_that_was_refused_leaves_the_last_good_one() -> None:
    cache = MemoryQuoteCache()
    cache.save([Quote(SYMBOL, D("1.06"), "USD", FRIDAY, PriceSource.YAHOO)])
    market = Market(Says(GOOD | {"price": D("106.24")}), cache, reference=Bank())

    market.refresh([SYMBOL], MONDAY, force=True)

    assert market.rates(["EUR"], "USD").rates.price("EUR", "USD") == D("1.06")
