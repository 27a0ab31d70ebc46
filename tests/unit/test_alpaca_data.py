"""Last trades from Alpaca, from a server on this machine that is held to Alpaca's own description."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from allocation.adapters.alpaca_data import AlpacaKeys, AlpacaSource
from allocation.adapters.exchange_days import ExchangeDays
from allocation.guard import PriceCode
from allocation.model import PriceSource, Quote
from allocation.ports import QuoteFault
from tests.alpaca_data_stub import KEY_ID, SECRET, AlpacaDataStub, alpaca_data_on_loopback, trade
from tests.yahoo_stub import Answer

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def alpaca() -> Iterator[AlpacaDataStub]:
    with alpaca_data_on_loopback() as stub:
        yield stub
    assert stub.violations == []


def source(alpaca: AlpacaDataStub, deadline: float = 5.0, secret: str = SECRET) -> AlpacaSource:
    return AlpacaSource(AlpacaKeys(KEY_ID, secret), ExchangeDays(), deadline, lambda: SUNDAY, alpaca.url)


def test_all_symbols_are_asked_for_in_one_request(alpaca: AlpacaDataStub) -> None:
    symbols = [f"{a}{b}{c}" for a in "ABCDE" for b in "ABCDEFGHIJ" for c in "ABCDEFGHIJ"]
    alpaca.trades = {symbol: trade() for symbol in symbols}

    answer = source(alpaca).quotes(symbols)

    assert set(answer.quotes) == set(symbols)
    assert len(alpaca.asked) == 1


def test_a_trade_becomes_a_quote_to_the_last_digit(alpaca: AlpacaDataStub) -> None:
    alpaca.trades["BRK.B"] = trade(480.2575)

    quote = source(alpaca).quotes(["BRK-B"]).quotes["BRK-B"]

    struck = datetime(2026, 11, 20, 20, 59, 59, tzinfo=UTC)
    assert quote == Quote("BRK-B", Decimal("480.2575"), "USD", struck, PriceSource.ALPACA)


@pytest.mark.parametrize("symbol", ["VOD.L", "BTC-USD", "EURUSD=X", "US0378331005", "../x", ""])
def test_what_is_not_listed_in_the_united_states_is_not_even_asked(alpaca: AlpacaDataStub, symbol: str) -> None:
    answer = source(alpaca).quotes([symbol])

    assert answer.failures[symbol].fault == QuoteFault.UNKNOWN_SYMBOL
    assert alpaca.asked == []


def test_a_symbol_that_is_absent_is_unknown_and_leaves_the_others_alone(alpaca: AlpacaDataStub) -> None:
    alpaca.trades["VTI"] = trade()

    answer = source(alpaca).quotes(["VTI", "NOPE"])

    assert set(answer.quotes) == {"VTI"}
    assert answer.failures["NOPE"].code == PriceCode.UNKNOWN_SYMBOL


BAD_TRADES = {
    "no price": ({**trade(), "p": None}, PriceCode.INVALID),
    "zero": (trade(0), PriceCode.INVALID),
    "text": (trade("1,234.56"), PriceCode.INVALID),
    "absurd": (trade(1e300), PriceCode.ABSURD),
    "no time": (trade(time=None), PriceCode.TIMESTAMP),
    "no zone": (trade(time="2026-11-20T20:59:59"), PriceCode.TIMESTAMP),
    "no such day": (trade(time="2026-02-30T20:59:59Z"), PriceCode.TIMESTAMP),
    "tomorrow": (trade(time="2026-11-23T20:59:59Z"), PriceCode.FUTURE),
    "last month": (trade(time="2026-10-20T20:59:59Z"), PriceCode.STALE),
    "taken back": ({**trade(), "u": "canceled"}, PriceCode.INVALID),
    "no trade": (7, PriceCode.INVALID),
}


@pytest.mark.parametrize(("bad", "code"), BAD_TRADES.values(), ids=BAD_TRADES.keys())
def test_a_bad_trade_is_a_sentence_and_never_a_price(bad: object, code: PriceCode) -> None:
    with alpaca_data_on_loopback() as alpaca:
        alpaca.trades = {"BAD": bad, "VTI": trade()}

        answer = source(alpaca).quotes(["BAD", "VTI"])

    assert set(answer.quotes) == {"VTI"}
    assert answer.failures["BAD"].code == code
    assert answer.failures["BAD"].message.startswith("Alpaca gave no usable price for BAD: ")


BAD_ANSWERS = {
    "server error": (Answer("boom", 500), PriceCode.UNAVAILABLE),
    "bad request": (Answer('{"message": "invalid symbol"}', 400), PriceCode.UNAVAILABLE),
    "unauthorized": (Answer("no", 401), PriceCode.AUTH),
    "redirect": (Answer("", 307, (("Location", "http://169.254.169.254/latest/meta-data/"),)), PriceCode.REDIRECT),
    "dropped": (Answer("", dropped=True), PriceCode.UNAVAILABLE),
    "short": (Answer('{"trades": {}}', missing=100), PriceCode.UNAVAILABLE),
    "truncated": (Answer('{"trades": {'), PriceCode.MALFORMED),
    "a page": (Answer("<html></html>"), PriceCode.MALFORMED),
    "a repeated key": (Answer('{"trades": {}, "trades": {}}'), PriceCode.MALFORMED),
    "deep": (Answer("[" * 10_000), PriceCode.MALFORMED),
    "no trades": (Answer('{"message": "x"}'), PriceCode.MALFORMED),
    "another currency": (Answer('{"currency": "JPY", "trades": {}}'), PriceCode.CURRENCY),
    "too large": (Answer(b" " * 2_000_000), PriceCode.TOO_LARGE),
    "too many requests": (Answer("slow down", 429), PriceCode.RATE_LIMITED),
}


@pytest.mark.parametrize(("bad", "code"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_is_a_sentence_for_every_symbol(alpaca: AlpacaDataStub, bad: Answer, code: PriceCode) -> None:
    alpaca.instead = bad

    answer = source(alpaca).quotes(["VTI", "BND"])

    assert {failure.code for failure in answer.failures.values()} == {code}
    assert {failure.source for failure in answer.failures.values()} == {PriceSource.ALPACA}
    assert len(answer.failures) == 2


@pytest.mark.parametrize("weakness", [Answer("boom", 503), Answer("", dropped=True)])
def test_a_passing_weakness_costs_no_price(alpaca: AlpacaDataStub, weakness: Answer) -> None:
    alpaca.trades["VTI"] = trade()
    alpaca.first = [weakness]

    assert set(source(alpaca).quotes(["VTI"]).quotes) == {"VTI"}


def test_too_many_requests_say_when_to_come_back(alpaca: AlpacaDataStub) -> None:
    back = SUNDAY + timedelta(seconds=40)
    alpaca.instead = Answer("slow down", 429, (("X-RateLimit-Reset", str(int(back.timestamp()))),))

    assert source(alpaca).quotes(["VTI"]).failures["VTI"].retry_at == back


@pytest.mark.parametrize("slow", [Answer("", wait=2), Answer(" " * 100, drip=0.05)])
def test_a_slow_answer_costs_the_time_there_is_and_no_more(alpaca: AlpacaDataStub, slow: Answer) -> None:
    alpaca.instead = slow
    started = time.monotonic()

    answer = source(alpaca).quotes(["VTI"], 0.5)

    assert answer.failures["VTI"].fault == QuoteFault.TIMEOUT
    assert time.monotonic() - started < 1.9  # on a busy machine; the stub would take 2 and more


def test_a_server_that_is_not_there_is_known_at_once(alpaca: AlpacaDataStub) -> None:
    keys = AlpacaKeys(KEY_ID, SECRET)
    nobody = AlpacaSource(keys, ExchangeDays(), 5.0, lambda: SUNDAY, "http://127.0.0.1:1")

    assert nobody.quotes(["VTI"]).failures["VTI"].fault == QuoteFault.OFFLINE


def test_wrong_keys_are_said_and_shown_nowhere(alpaca: AlpacaDataStub) -> None:
    wrong = source(alpaca, secret="canary-wrong-secret")

    failure = wrong.quotes(["VTI"]).failures["VTI"]

    assert failure.code == PriceCode.AUTH
    assert "keys" in failure.message
    assert "canary" not in f"{failure} {wrong!r} {AlpacaKeys(KEY_ID, SECRET)!r}".lower()


@pytest.mark.parametrize("url", ["https://data.example.com", "http://data.alpaca.markets", "http://169.254.169.254"])
def test_keys_are_sent_to_alpaca_alone(url: str) -> None:
    with pytest.raises(ValueError, match="to Alpaca alone"):
        AlpacaSource(AlpacaKeys(KEY_ID, SECRET), ExchangeDays(), base_url=url)
