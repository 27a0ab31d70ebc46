"""Accounts in several currencies on the pages: what is shown in which, rates by hand, and the exchanges beside the trades."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from allocation.adapters.memory import MemoryQuoteCache, MemoryStore
from allocation.allocation import calculate_allocation, select_account, start_session
from allocation.currencies import Rate, RateOrigin
from allocation.market import Market
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault, QuoteSource
from allocation.targets import TargetAllocation
from pages.shared import currencies
from pages.shared.state import SignedIn
from tests.app.conftest import OpenApp, button, said
from tests.app.desks import NOON, VISITOR
from tests.app.test_rebalance_page import grid, headline

D = Decimal
REBALANCE, HOLDINGS = "pages/rebalance.py", "pages/holdings.py"
HELD = Portfolio(
    Account("main", "Main"),
    (Position("VTI", D(10)), Position("SAP.DE", D(4))),
    D(100),
    NOON,
    balances={"EUR": D(500)},
)
TARGET = {"VTI": "0.5", "SAP.DE": "0.5"}


@dataclass
class Bank:
    """A central bank that quoted the euro on a day of our choosing."""

    time: datetime

    def rates(self, currencies: Iterable[str]) -> tuple[Rate, ...]:
        return (Rate("EUR", "USD", D("1.05"), self.time, RateOrigin.ECB),) if "EUR" in set(currencies) else ()


def market(rate: str = "1.0624", bank: Bank | None = None, source: QuoteSource | None = None) -> Market:
    samples = {
        "VTI": Quote("VTI", D(250), "USD", NOON, PriceSource.SAMPLE),
        "SAP.DE": Quote("SAP.DE", D(200), "EUR", NOON, PriceSource.SAMPLE),
    }
    if rate:
        samples["EURUSD=X"] = Quote("EURUSD=X", D(rate), "USD", NOON, PriceSource.SAMPLE)
    return Market(source, MemoryQuoteCache(), samples, reference=bank)


def opened(open_app: OpenApp, page: str, prices: Market, target: dict[str, Any], held: Portfolio = HELD) -> AppTest:
    store = MemoryStore()
    store.save_portfolios(VISITOR.id, [held])
    store.save_target(VISITOR.id, "main", TargetAllocation.of(target))
    app = open_app()
    app.session_state["state.signed_in"] = SignedIn(start_session(VISITOR, store, prices))
    return app.run().switch_page(page).run()


# What the columns of each table begin with.
TABLES = {"trades": "side", "currencies": "currency", "holdings": "symbol"}


def table(app: AppTest, name: str) -> list[dict[str, Any]]:
    found = next(each for each in app.dataframe if each.value.columns[0] == TABLES[name])
    return list(found.value.to_dict("records"))


def exchanges(app: AppTest) -> str:
    return "\n".join(each.value for each in app.markdown if "currency_exchange" in each.value).replace("\\", "")


def test_a_line_shows_its_own_currency_and_what_it_is_worth_in_the_accounts(open_app: OpenApp) -> None:
    app = opened(open_app, REBALANCE, market(), TARGET)

    row = next(row for row in grid(app).value.to_dict("records") if row["symbol"] == "SAP.DE")
    assert (row["price"], row["currency"], row["own_value"], row["value"]) == (200, "EUR", 800, 849.92)
    assert "1 EUR = 1.0624 USD (sample rate, 20 Nov 2026)" in row["priced"]
    assert headline(app)["Total"] == "$3,981.12"  # 2,500 + 849.92 + 100 + 500 × 1.0624


def test_the_exchanges_that_pay_for_the_trades_stand_beside_them(open_app: OpenApp) -> None:
    app = opened(open_app, REBALANCE, market(), TARGET)

    # Half of 3,981.12 $ is 1,990.56 $: 8 × 250 $ and 9 × 200 €. Two sold bring 500 $, five bought take 1,000 €.
    trades = {row["symbol"]: row for row in table(app, "trades")}
    assert (trades["SAP.DE"]["quantity"], trades["SAP.DE"]["own_value"], trades["SAP.DE"]["currency"]) == (
        5,
        1000,
        "EUR",
    )
    assert trades["SAP.DE"]["rate"] == 1.0624
    assert exchanges(app) == (":material/currency_exchange: **Buy 500.00 EUR for 531.20 USD** · at 1 EUR = 1.0624 USD")
    euro = next(row for row in table(app, "currencies") if row["currency"] == "EUR")
    assert (euro["cash"], euro["worth"], euro["after"]) == ("500.00 EUR", "531.20 USD", "0.00 EUR")
    assert euro["rate"] == "1 EUR = 1.0624 USD"


def test_a_currency_with_a_target_is_a_line_like_any_other(open_app: OpenApp) -> None:
    app = opened(open_app, REBALANCE, market(), {"VTI": "0.5", "EUR": "0.5"})

    row = next(row for row in grid(app).value.to_dict("records") if row["symbol"] == "EUR")
    assert (row["quantity"], row["price"], row["currency"], row["value"]) == (500, 1.0624, "USD", 531.2)
    bought = next(row for row in table(app, "trades") if row["symbol"] == "EUR")
    assert bought["side"] == "Buy"
    # The shares of SAP are sold for 800 €: that much less has to be bought.
    assert f"Buy {bought['quantity'] - 800:,.2f} EUR" in exchanges(app)


def test_the_downloaded_table_has_both_currencies_the_rate_its_time_and_its_source(open_app: OpenApp) -> None:
    app = opened(open_app, REBALANCE, market(), TARGET)

    (row,) = [r for r in csv.DictReader(io.StringIO(downloaded(app))) if r["symbol"] == "SAP.DE"]
    assert (row["currency"], row["price"], row["value"]) == ("USD", "212.48", "1062.4")
    assert (row["own_currency"], row["own_price"], row["own_value"]) == ("EUR", "200", "1000")
    assert (row["rate"], row["rate_time"], row["rate_source"]) == ("1.0624", "2026-11-20T12:00:00+00:00", "sample")


def downloaded(app: AppTest) -> str:
    """The CSV as it is written for the plan on the desk."""
    from allocation.report import trades_csv

    bench = app.session_state["rebalance.main.bench"]
    at_hand = app.session_state["state.signed_in"].session.market.at_hand(["VTI", "SAP.DE"], HELD, {})
    return trades_csv(bench.plan, "USD", None, at_hand.quotes, {"EUR": at_hand.rates["EUR", "USD"]})


def test_without_a_rate_there_is_no_plan_until_somebody_enters_one(open_app: OpenApp) -> None:
    app = opened(open_app, REBALANCE, market(rate=""), TARGET)
    assert "No exchange rate for EUR/USD" in app.error[0].value.replace("\\", "")
    assert "enter the rate, or the price in USD, by hand" in said(app).replace("\\", "")

    app.text_input(key="currencies.rate").input("1.0624")
    button(app, "Save rate").click().run()

    assert not app.error
    assert "entered by hand today" in table(app, "currencies")[1]["source"]
    assert "Priced in another currency" not in said(app)


@pytest.mark.parametrize("typed", ["", "0", "-1", "NaN", "1,06", "one", "1e300"])
def test_what_is_no_rate_is_not_saved(open_app: OpenApp, typed: str) -> None:
    app = opened(open_app, REBALANCE, market(rate=""), TARGET)

    app.text_input(key="currencies.rate").input(typed)
    button(app, "Save rate").click().run()

    assert "EUR/USD" in app.error[-1].value.replace("\\", "")
    assert table(app, "currencies")[1]["rate"] == "no rate"


def test_a_rate_that_is_too_old_is_refused_until_it_is_confirmed(open_app: OpenApp) -> None:
    old = datetime.now(UTC) - timedelta(days=20)
    app = opened(open_app, REBALANCE, market(rate="", bank=Bank(old)), TARGET)
    assert "Old exchange rate: 1 EUR = 1.05 USD is of" in app.error[0].value.replace("\\", "")
    assert headline(app) == {}

    button(app, f"Use 1 EUR = 1\\.05 USD of {old.day} {old:%b %Y}").click().run()

    assert not app.error
    assert headline(app)["Total"] == "$3,965.00"  # 2,500 + 800 × 1.05 + 100 + 525


class Yahoo:
    """Knows one rate, struck a moment ago, and remembers what it was asked."""

    def __init__(self, rate: str) -> None:
        self.rate = rate
        self.asked: list[str] = []

    def quotes(self, symbols: Iterable[str], within: float | None = None) -> QuoteAnswer:
        wanted = tuple(symbols)
        self.asked += wanted
        time = datetime.now(UTC) - timedelta(minutes=2, seconds=30)
        known = {s: Quote(s, D(self.rate), "USD", time, PriceSource.YAHOO) for s in wanted if s == "EURUSD=X"}
        unknown = {s: QuoteFailure(s, QuoteFault.UNKNOWN_SYMBOL, "…") for s in wanted if s not in known}
        return QuoteAnswer(known, unknown)


def test_opening_an_account_asks_for_its_rates_with_its_prices(open_app: OpenApp) -> None:
    yahoo = Yahoo("1.0624")

    app = opened(open_app, REBALANCE, market(rate="", source=yahoo), TARGET)

    assert sorted(yahoo.asked) == ["EURUSD=X", "SAP.DE", "VTI"]
    assert table(app, "currencies")[1]["source"] == "Yahoo, 2 minutes ago"
    assert headline(app)["Total"] == "$3,981.12"


def test_a_rate_that_was_refused_says_why_and_can_be_turned_round(open_app: OpenApp) -> None:
    bank = Bank(datetime.now(UTC) - timedelta(days=20))

    app = opened(open_app, REBALANCE, market(rate="", source=Yahoo("0.9413"), bank=bank), TARGET)

    refusal = app.error[0].value.replace("\\", "")
    assert "1 EUR = 0.9413 USD on" in refusal
    assert "looks inverted: the last known is 1.05" in refusal
    button(app, "Use 1\\.06236056518 for EUR/USD").click().run()
    assert table(app, "currencies")[1]["rate"] == "1 EUR = 1.06236 USD"
    assert not app.error


def test_the_typed_calls_refuse_what_the_page_refuses() -> None:
    for rate, bank, code in (("", None, "FX_UNAVAILABLE"), ("", Bank(NOON - timedelta(days=300)), "FX_STALE")):
        store = MemoryStore()
        store.save_portfolios(VISITOR.id, [HELD])
        session = start_session(VISITOR, store, market(rate, bank))
        select_account(session, "main")

        answer = calculate_allocation(session, TARGET)

        assert (answer["status"], answer["code"]) == ("error", code)
        assert "EUR/USD" in answer["culprits"]


def test_the_holdings_say_what_the_cash_is_made_of(open_app: OpenApp) -> None:
    app = opened(open_app, HOLDINGS, market(), TARGET)

    cash = next(metric for metric in app.metric if metric.label == "Cash")
    assert cash.value.replace("\\", "") == "$631.20"
    assert cash.help.replace("\\", "") == "Made of 100.00 USD, 500.00 EUR, at the rates below."
    row = table(app, "holdings")[1]
    assert (row["price"], row["currency"], row["own_value"], row["value"]) == (200, "EUR", 800, 849.92)


def test_an_account_in_one_currency_says_nothing_about_currencies(open_app: OpenApp) -> None:
    plain = Portfolio(Account("main", "Main"), (Position("VTI", D(10)),), D(100), NOON)

    for page in (REBALANCE, HOLDINGS):
        app = opened(open_app, page, market(), {"VTI": "1"}, plain)

        assert all(each.value.columns[0] != "currency" for each in app.dataframe)
        assert "Currencies" not in [each.value for each in app.subheader]


def test_a_rate_typed_the_other_way_round_is_kept_as_its_pair() -> None:
    quote = currencies._typed_rate("USD", "EUR", "0.8")

    assert (quote.symbol, quote.price, quote.currency) == ("EURUSD=X", D("1.25"), "USD")
