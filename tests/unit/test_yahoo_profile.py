"""What Yahoo says a security is, through real yfinance, from a Yahoo that runs on this machine."""

import json
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yfinance.data import YfData

from allocation.adapters.yahoo import YahooSource
from allocation.adapters.yahoo_chart import NoPriceError
from allocation.adapters.yahoo_profile import read_profile
from allocation.securities import FactsSource, FactsUnavailableError, SecurityFacts
from tests.yahoo_stub import TOO_MANY_REQUESTS, Answer, YahooStub, yahoo_on_loopback

D = Decimal
SUMMARY = "/v10/finance/quoteSummary/"


def summary(symbol: str, type_: str = "EQUITY", **parts: Any) -> str:
    kind = {"quoteType": {"symbol": symbol, "quoteType": type_}}
    return json.dumps({"quoteSummary": {"result": [{**kind, **parts}], "error": None}})


def fund(**positions: Any) -> str:
    return summary("VBIAX", "MUTUALFUND", topHoldings=positions)


@pytest.fixture
def yahoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooStub]:
    """A Yahoo whose `answers` are summaries."""
    with yahoo_on_loopback(tmp_path) as stub:
        charts = stub.answer

        def answer(host: str, path: str, query: str = "") -> Answer:
            if path.startswith(SUMMARY):
                stub.asked.append(path)
                return stub.answers.get(path.removeprefix(SUMMARY), Answer('{"quoteSummary": {}}', 404))
            return charts(host, path, query)

        monkeypatch.setattr(stub, "answer", answer)
        monkeypatch.setenv("HTTPS_PROXY", stub.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", stub.certificate)
        yield stub
    YfData().__init__()  # it keeps one cookie and crumb per process


@pytest.fixture
def source(tmp_path: Path) -> YahooSource:
    return YahooSource(folder=tmp_path / "cookies")


def test_a_share_has_its_sector_and_country(yahoo: YahooStub, source: YahooSource) -> None:
    profile = {"sector": "Financial Services", "country": "United States"}
    yahoo.answers["BRK-B"] = Answer(summary("BRK-B", assetProfile=profile))

    facts = source.facts("BRK/B")

    assert facts == SecurityFacts(
        "BRK-B", {"Stocks": D(1)}, "Financial Services", "United States", source=FactsSource.YAHOO
    )
    assert [path for path in yahoo.asked if path.startswith(SUMMARY)] == [f"{SUMMARY}BRK-B"]


def test_a_fund_has_the_shares_of_what_it_holds(yahoo: YahooStub, source: YahooSource) -> None:
    yahoo.answers["VBIAX"] = Answer(fund(stockPosition=0.5987, bondPosition={"raw": 0.3912}, cashPosition=0.0101))

    facts = source.facts("VBIAX")

    assert facts.classes == {"Stocks": D("0.5987"), "Bonds": D("0.3912"), "Cash": D("0.0101")}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer("", 404), "does not know VTI"),
        (Answer(summary("VTV")), "nothing of VTI that can be used"),
        (Answer("<html>", 200), "nothing of VTI that can be used"),
        (Answer("{}", 302, (("Location", "https://evil.example/"),)), "nothing of VTI that can be used"),
        (TOO_MANY_REQUESTS, "no more requests"),
        (Answer(summary("VTI"), dropped=True), "nothing of VTI that can be used"),
    ],
)
def test_what_yahoo_does_not_say_plainly_is_refused_in_a_sentence(
    yahoo: YahooStub, source: YahooSource, answer: Answer, said: str
) -> None:
    yahoo.answers["VTI"] = answer

    with pytest.raises(FactsUnavailableError, match=said):
        source.facts("VTI")


def test_what_cannot_be_a_ticker_is_not_asked(yahoo: YahooStub, source: YahooSource) -> None:
    with pytest.raises(FactsUnavailableError, match="does not know"):
        source.facts("../../v8/finance")

    assert yahoo.asked == []


def test_a_yahoo_that_says_nothing_is_not_waited_for(yahoo: YahooStub, tmp_path: Path) -> None:
    yahoo.silent = True

    with pytest.raises(FactsUnavailableError, match="did not answer for VTI within"):
        YahooSource(deadline=0.2, folder=tmp_path / "cookies").facts("VTI")


@pytest.mark.parametrize(
    "positions",
    [
        {},
        {"stockPosition": 0.5},
        {"stockPosition": 1.2, "cashPosition": -0.2},
        {"stockPosition": "all"},
        {"stockPosition": True},
    ],
)
def test_shares_that_are_not_the_whole_fund_are_left_out(positions: dict[str, Any]) -> None:
    assert read_profile("VBIAX", "VBIAX", 200, fund(**positions)).classes == {}


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=6))
def test_a_funds_shares_always_make_a_whole(parts: list[int]) -> None:
    names = (
        "stockPosition",
        "bondPosition",
        "cashPosition",
        "preferredPosition",
        "convertiblePosition",
        "otherPosition",
    )
    shares = {name: round(part / sum(parts), 6) for name, part in zip(names, parts, strict=False)}

    classes = read_profile("VBIAX", "VBIAX", 200, fund(**shares)).classes

    assert sum(classes.values(), D(0)) == 1


WORDS = st.text(max_size=8)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | WORDS,
    lambda some: st.lists(some, max_size=2) | st.dictionaries(WORDS, some, max_size=2),
    max_leaves=3,
)


@settings(max_examples=40)
@given(ANYTHING)
def test_no_answer_breaks_the_reading(anything: Any) -> None:
    parts = {"assetProfile": anything, "topHoldings": {"stockPosition": anything, "bondPosition": {"raw": anything}}}
    for text in (json.dumps(anything), summary("X", "ETF", **parts), summary("X", "EQUITY", **parts)):
        with suppress(NoPriceError):
            assert read_profile("X", "X", 200, text).source == FactsSource.YAHOO
