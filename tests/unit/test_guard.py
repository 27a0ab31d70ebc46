"""What sources get wrong about a price, each with the code it is refused with; and good quotes, none of which is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from allocation.adapters.memory import MemoryQuoteCache
from allocation.adapters.yahoo_chart import NoPriceError, failure, read_chart
from allocation.guard import REACH, DoubtfulPriceError, PriceCode, refuse_leap
from allocation.market import Market
from allocation.model import PriceSource, Quote
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault
from tests.yahoo_stub import chart

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 21, tzinfo=UTC)
DAY = 86_400


def last(price: str, currency: str = "USD", source: PriceSource = PriceSource.YAHOO) -> Quote:
    """The last known close, of Thursday."""
    return Quote("X.L", Decimal(price), currency, FRIDAY - timedelta(days=1), source)


def raw(digits: str) -> str:
    """A chart whose price stands there in these very characters."""
    return chart("X.L", 77777).replace("77777", digits)


class Told:
    """A Yahoo that says one thing: the adapter's reading of it, without the wire."""

    def __init__(self, text: str, now: datetime = SUNDAY) -> None:
        self.text, self.now = text, now

    def quotes(self, _symbols: object, _within: float | None = None) -> QuoteAnswer:
        try:
            return QuoteAnswer({"X.L": read_chart("X.L", "X.L", 200, self.text, self.now)}, {})
        except NoPriceError as error:
            return QuoteAnswer({}, {"X.L": failure("X.L", error)})


def heard(text: str, known: Quote | None = None, now: datetime = SUNDAY) -> QuoteAnswer:
    """What the market makes of it, with the last close in its cache."""
    cache = MemoryQuoteCache()
    if known and known.source == PriceSource.YAHOO:
        cache.save([known])
    by_user = {"X.L": known} if known and known.source != PriceSource.YAHOO else {}
    return Market(Told(text, now), cache).refresh(["X.L"], now, known=by_user)


def struck(seconds_before: int) -> int:
    return int(SUNDAY.timestamp()) - seconds_before


# The names are those of the catalogue of bad input: V for values.
BAD = [
    ("V01 null", chart("X.L", None), None, PriceCode.INVALID),
    ("V02 NaN", raw("NaN"), None, PriceCode.INVALID),
    ("V03 NaN as text", chart("X.L", "NaN"), None, PriceCode.INVALID),
    ("V04 infinity", raw("Infinity"), None, PriceCode.INVALID),
    ("V04 minus infinity", raw("-Infinity"), None, PriceCode.INVALID),
    ("V05 zero", chart("X.L", 0), None, PriceCode.INVALID),
    ("V05 minus zero", raw("-0.0"), None, PriceCode.INVALID),
    ("V06 negative", chart("X.L", -12.5), None, PriceCode.INVALID),
    ("V07 letters", chart("X.L", "abc"), None, PriceCode.INVALID),
    ("V08 thousands separator", chart("X.L", "1,234.56"), None, PriceCode.INVALID),
    ("V09 true", chart("X.L", True), None, PriceCode.INVALID),
    ("V10 list", chart("X.L", [100.5]), None, PriceCode.INVALID),
    ("V11 missing", chart("X.L").replace("regularMarketPrice", "other"), None, PriceCode.INVALID),
    ("V12 beyond all reason", raw("1e308"), None, PriceCode.ABSURD),
    ("V12 beyond any float", raw("1e99999999999999999999"), None, PriceCode.INVALID),
    ("V13 next to nothing", raw("1e-12"), None, PriceCode.ABSURD),
    ("V14 a hundred times", chart("X.L", 8955, "GBP"), last("89.55", "GBP"), PriceCode.UNIT_SUSPECT),
    ("V14 a hundred times and a lively day", chart("X.L", 11000, "GBP"), last("89.55", "GBP"), PriceCode.UNIT_SUSPECT),
    ("V15 a hundredth", chart("X.L", 0.8955, "GBP"), last("89.55", "GBP"), PriceCode.UNIT_SUSPECT),
    ("V16 pounds labelled pence", chart("X.L", 89.55, "GBp"), last("89.55", "GBP"), PriceCode.UNIT_SUSPECT),
    ("V16 pence labelled pounds", chart("X.L", 89.55, "GBP"), last("0.8955", "GBP"), PriceCode.UNIT_SUSPECT),
    ("V16 against the file", chart("X.L", 89.55), last("0.8955", source=PriceSource.FILE), PriceCode.UNIT_SUSPECT),
    ("V17 yen for pounds", chart("X.L", 18000, "JPY"), last("89.55", "GBP"), PriceCode.CURRENCY),
    ("V18 dollars of the same number", chart("X.L", 89.55, "USD"), last("89.55", "GBP"), PriceCode.CURRENCY),
    ("V19 no currency", chart("X.L").replace('"currency"', '"other"'), None, PriceCode.CURRENCY),
    ("V20 null currency", chart("X.L", currency=None), None, PriceCode.CURRENCY),
    ("V21 no such currency", chart("X.L", currency="XXX"), None, PriceCode.CURRENCY),
    ("V21 lower case", chart("X.L", currency="usd"), None, PriceCode.CURRENCY),
    ("V22 a week old", chart("X.L", time=struck(7 * DAY)), None, PriceCode.STALE),
    ("V23 seven years old", chart("X.L", time=struck(7 * 365 * DAY)), None, PriceCode.STALE),
    ("V24 two hours to come", chart("X.L", time=struck(-7200)), None, PriceCode.FUTURE),
    ("V24 beyond any calendar", chart("X.L", time=10**18), None, PriceCode.FUTURE),
    ("V25 no time", chart("X.L").replace("regularMarketTime", "other"), None, PriceCode.TIMESTAMP),
    ("V25 null time", chart("X.L", time=None), None, PriceCode.TIMESTAMP),
    ("V26 without a zone", chart("X.L", time="2026-11-20T21:00:00"), None, PriceCode.TIMESTAMP),
    ("V26 before all time", chart("X.L", time=-1), None, PriceCode.TIMESTAMP),
    ("V27 epoch", chart("X.L", time=0), None, PriceCode.STALE),
    ("V28 yesterday", chart("X.L", time="yesterday"), None, PriceCode.TIMESTAMP),
    ("V29 another symbol", chart("Y.L"), None, PriceCode.SYMBOL),
    ("V29 no symbol", chart("X.L").replace('"symbol"', '"other"'), None, PriceCode.SYMBOL),
    ("V30 a fall of 45 %", chart("X.L", 55), last("100"), PriceCode.JUMP),
    ("V31 four for one", chart("X.L", 25), last("100"), PriceCode.JUMP),
    ("V31 two for one", chart("X.L", 50.5), last("100"), PriceCode.JUMP),
    ("V31 one for ten", chart("X.L", 1000), last("100"), PriceCode.JUMP),
    ("V31 a split since the file", chart("X.L", 25), last("100", source=PriceSource.FILE), PriceCode.JUMP),
    ("V32 a rise of 60 %", chart("X.L", 160), last("100"), PriceCode.JUMP),
    ("V33 full-width digits", chart("X.L", "１００"), None, PriceCode.INVALID),
    ("V34 a hundred thousand digits", raw("9" * 100_000), None, PriceCode.INVALID),
    ("V34 as many decimals", raw("1." + "9" * 100_000), None, PriceCode.INVALID),
    ("V35 currency as object", chart("X.L", currency={"code": "USD"}), None, PriceCode.CURRENCY),
]  # fmt: skip

GOOD = [
    ("C01 good", chart("X.L", 100.5), None, "100.5 USD"),
    ("C01 like yesterday", chart("X.L", 100.5), last("100"), "100.5 USD"),
    ("C02 pence", chart("X.L", 89.55, "GBp"), last("0.9", "GBP"), "0.8955 GBP"),
    ("C03 pence by another name", chart("X.L", 89.55, "GBX"), last("0.9", "GBP"), "0.8955 GBP"),
    ("C03 South African cents", chart("X.L", 301550, "ZAc"), None, "3015.5 ZAR"),
    ("C03 agorot", chart("X.L", 6123, "ILA"), None, "61.23 ILS"),
    ("C03 pence to the last digit", raw("0.12345678").replace("USD", "GBp"), None, "0.0012345678 GBP"),
    ("C04 a whole number", chart("X.L", 100), None, "100 USD"),
    ("C04 a plain number as text", chart("X.L", "100.5"), None, "100.5 USD"),
    ("C04 a number with an exponent", raw("1.005e2"), None, "100.5 USD"),
    ("a very cheap coin", raw("0.00001234"), None, "0.00001234 USD"),
    ("a very dear share", raw("812345.5"), None, "812345.5 USD"),
    ("a bad day", chart("X.L", 70), last("100"), "70 USD"),
    ("a good day", chart("X.L", 145), last("100"), "145 USD"),
    ("a file in the account's own currency", chart("X.L", 89.55, "GBP"), last("112", source=PriceSource.FILE), "89.55 GBP"),
    ("a sample of long ago", chart("X.L", 400), last("20", source=PriceSource.SAMPLE), "400 USD"),
    ("a clock that is a little behind", chart("X.L", time=struck(-600)), None, "100.5 USD"),
    ("Friday's close on Sunday", chart("X.L", time=int(FRIDAY.timestamp())), None, "100.5 USD"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "known", "code"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_lie_is_refused_with_its_code(text: str, known: Quote | None, code: PriceCode) -> None:
    answer = heard(text, known)

    assert answer.quotes == {}
    assert answer.failures["X.L"].code == code


@pytest.mark.parametrize(("text", "known"), [case[1:3] for case in BAD], ids=[case[0] for case in BAD])
def test_a_refusal_names_the_symbol_and_what_can_be_done(text: str, known: Quote | None) -> None:
    said = heard(text, known).failures["X.L"].message

    assert said.startswith("Yahoo gave no usable price for X.L: ")
    assert said.endswith("leave the line out, or enter a price by hand.")
    assert len(said) < 400
    if known:
        assert f"use the last close of 19 Nov 2026 ({known.price} {known.currency})" in said


@pytest.mark.parametrize(("text", "known", "expected"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_a_good_quote_is_never_refused(text: str, known: Quote | None, expected: str) -> None:
    answer = heard(text, known)

    assert not answer.failures
    found = answer.quotes["X.L"]
    assert f"{found.price:f} {found.currency}" == expected


def test_a_mix_up_of_units_shows_both_readings() -> None:
    refused = heard(chart("X.L", 89.55, "GBp"), last("89.55", "GBP")).failures["X.L"]

    assert "0.8955 GBP as it stands or 89.55 GBP" in refused.message
    assert [str(reading.price) for reading in refused.readings] == ["0.8955", "89.5500"]


def test_a_change_of_currency_can_be_confirmed_by_hand() -> None:
    quote = Quote("X.L", Decimal("120"), "USD", SUNDAY, PriceSource.YAHOO)
    by_hand = Quote("X.L", Decimal("119"), "USD", SUNDAY - timedelta(hours=1), PriceSource.MANUAL)

    refuse_leap(quote, [last("89.55", "GBP"), by_hand])
    with pytest.raises(DoubtfulPriceError):
        refuse_leap(quote, [last("89.55", "GBP")])


@pytest.mark.parametrize("times", ["0.6", "1.7"])
def test_a_price_may_have_gone_further_in_a_year_than_in_a_week(times: str) -> None:
    then = Quote("X", Decimal(100), "USD", SUNDAY - timedelta(days=200), PriceSource.YAHOO)
    now = Quote("X", 100 * Decimal(times), "USD", SUNDAY, PriceSource.YAHOO)

    refuse_leap(now, [then])
    with pytest.raises(DoubtfulPriceError):
        refuse_leap(now, [last("100")])


@pytest.mark.parametrize(("age", "lowest", "highest"), REACH[:2])
def test_the_limits_themselves_are_within_reach(age: timedelta, lowest: Decimal, highest: Decimal) -> None:
    then = Quote("X", Decimal(100), "USD", SUNDAY - age, PriceSource.YAHOO)

    for factor, step in ((lowest, Decimal("-0.000001")), (highest, Decimal("0.000001"))):
        refuse_leap(Quote("X", 100 * factor, "USD", SUNDAY, PriceSource.YAHOO), [then])
        with pytest.raises(DoubtfulPriceError):
            refuse_leap(Quote("X", 100 * factor + step, "USD", SUNDAY, PriceSource.YAHOO), [then])


def test_every_fault_of_a_source_has_a_code() -> None:
    assert {QuoteFailure("X", fault, "").code for fault in QuoteFault} <= set(PriceCode)
