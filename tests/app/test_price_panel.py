"""The price panel on a page of its own: what it says, when it asks the network, and prices entered by hand."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from allocation.adapters.memory import MemoryPriceHistories, MemoryQuoteCache, MemoryStore
from allocation.allocation import Session, select_account, start_session
from allocation.exchanges import Weekdays
from allocation.market import Market
from allocation.model import Position, PriceSource, Quote
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault, QuoteSource, User
from allocation.price_history import Histories, Period, PriceHistory, Split
from allocation.price_order import DEFAULT_ORDER
from pages.shared import state
from pages.shared.prices import _save_price
from tests.app.conftest import button, said
from tests.builders import a_portfolio


class FakeYahoo:
    """Knows the prices it was given, struck a moment ago, and remembers what it was asked."""

    def __init__(self, fault: QuoteFault = QuoteFault.UNKNOWN_SYMBOL, **prices: str) -> None:
        self.prices = prices
        self.fault = fault
        self.asked: list[tuple[str, ...]] = []

    def quotes(self, symbols: Iterable[str], _within: float | None = None) -> QuoteAnswer:
        wanted = tuple(symbols)
        self.asked.append(wanted)
        time = datetime.now(UTC) - timedelta(minutes=2, seconds=30)
        found = {
            s: Quote(s, Decimal(self.prices[s]), "USD", time, PriceSource.YAHOO) for s in wanted if s in self.prices
        }
        return QuoteAnswer(found, {s: QuoteFailure(s, self.fault, "…") for s in wanted if s not in found})


def page() -> None:
    import streamlit as st

    from pages.shared.prices import price_panel
    from pages.shared.state import require_session

    session = require_session()
    portfolio = session.accounts.get_portfolio()
    extra = st.text_input("Extra", key="extra")
    quotes = price_panel(session, portfolio, [*portfolio.symbols, *filter(None, [extra])]).quotes
    st.text("; ".join(f"{symbol} {quote.price}" for symbol, quote in quotes.items()))


def open_panel(
    source: QuoteSource | None,
    *kept: Quote,
    positions: tuple[Position, ...] = (),
    histories: Histories | None = None,
) -> tuple[AppTest, Session]:
    store, cache = MemoryStore(), MemoryQuoteCache()
    cache.save(kept)
    held = a_portfolio({"VTI": 10, "BND": 5})
    store.save_portfolios("jane", [replace(held, positions=positions or held.positions)])
    session = start_session(User("jane", "Jane", demo=True), store, Market(source, cache, histories=histories))
    select_account(session, "main")
    app = AppTest.from_function(page, default_timeout=20)
    app.session_state[state._SIGNED_IN] = state.SignedIn(session)
    return app.run(), session


def prices(app: AppTest) -> str:
    return str(app.text[0].value)


def line(app: AppTest) -> str:
    return str(app.caption[0].value).replace("\\", "")


def enter_price(app: AppTest, symbol: str, typed: str) -> Any:
    app.selectbox(key="prices.symbol").select(symbol)
    app.text_input(key="prices.price").input(typed)
    return button(app, "Save price").click().run()


def test_opening_an_account_fetches_its_prices_once() -> None:
    yahoo = FakeYahoo(VTI="250.10", BND="72.31")

    app, _ = open_panel(yahoo)
    app.run()
    app.run()

    assert not app.exception
    assert prices(app) == "VTI 250.10; BND 72.31"
    assert line(app) == "Prices: Yahoo, 2 minutes ago"
    assert yahoo.asked == [("VTI", "BND")]


def test_a_symbol_added_later_is_asked_for_once_and_alone() -> None:
    yahoo = FakeYahoo(VTI="250.10", BND="72.31")
    app, _ = open_panel(yahoo)

    app.text_input(key="extra").input("NOPE").run()
    app.run()

    assert yahoo.asked == [("VTI", "BND"), ("NOPE",)]
    assert line(app) == "Prices: Yahoo, 2 minutes ago · NOPE missing"
    assert "Yahoo does not know NOPE" in said(app)


def test_refresh_asks_for_everything_again() -> None:
    yahoo = FakeYahoo(VTI="250.10", BND="72.31")
    app, _ = open_panel(yahoo)
    yahoo.prices["VTI"] = "251"

    button(app, "Refresh prices").click().run()

    assert prices(app) == "VTI 251; BND 72.31"
    assert yahoo.asked == [("VTI", "BND")] * 2


def test_without_a_network_the_page_says_so_and_goes_on() -> None:
    yahoo = FakeYahoo(QuoteFault.OFFLINE)

    app, _ = open_panel(yahoo)
    button(app, "Refresh prices").click().run()

    assert not app.exception
    assert "Yahoo cannot be reached. Going on with the prices at hand." in said(app).replace("\\", "")
    assert line(app) == "Prices: VTI and BND missing"
    assert len(yahoo.asked) == 1


def test_where_prices_are_not_fetched_there_is_nothing_to_refresh() -> None:
    app, _ = open_panel(None)

    assert not app.exception
    assert [b.label for b in app.button] == ["Save price"]


def test_a_price_entered_by_hand_goes_before_every_other_until_it_is_removed() -> None:
    app, session = open_panel(FakeYahoo(VTI="250.10", BND="72.31"))

    enter_price(app, "VTI", "249.99")

    assert prices(app) == "VTI 249.99; BND 72.31"
    assert session.store.manual_prices("jane")["VTI"].source == PriceSource.MANUAL
    assert "1 entered by hand" in line(app)

    app.button(key="prices.remove.VTI").click().run()

    assert prices(app) == "VTI 250.10; BND 72.31"
    assert session.store.manual_prices("jane") == {}


@pytest.mark.parametrize("typed", ["", "0", "-5", "NaN", "inf", "1e308", "100000001", "1,234.56", "١٢", "abc"])
def test_what_is_no_price_is_not_saved(typed: str) -> None:
    app, session = open_panel(FakeYahoo(VTI="250.10", BND="72.31"))

    enter_price(app, "VTI", typed)

    assert "The price of VTI" in said(app)
    assert session.store.manual_prices("jane") == {}
    assert prices(app) == "VTI 250.10; BND 72.31"


def test_a_jump_is_refused_until_somebody_confirms_it() -> None:
    yahoo = FakeYahoo(VTI="250.10", BND="72.31")
    app, session = open_panel(yahoo)
    yahoo.prices["VTI"] = "62.50"

    button(app, "Refresh prices").click().run()

    assert prices(app) == "VTI 250.10; BND 72.31"
    assert any("the price jumped from" in caption.value for caption in app.caption)

    confirm = app.button(key="prices.confirm.VTI.62.50")
    assert confirm.label.replace("\\", "") == "Use 62.5 USD for VTI"
    confirm.click().run()

    assert prices(app) == "VTI 62.50; BND 72.31"
    assert session.store.manual_prices("jane")["VTI"].source == PriceSource.MANUAL
    assert not any("the price jumped" in caption.value for caption in app.caption)
    assert not [each for each in app.button if each.label.startswith("Use ")]

    button(app, "Refresh prices").click().run()
    app.button(key="prices.remove.VTI").click().run()

    assert prices(app) == "VTI 62.50; BND 72.31"
    assert session.store.manual_prices("jane") == {}


def test_nobody_saves_a_price_after_the_session_ended() -> None:
    app, session = open_panel(FakeYahoo(VTI="250.10", BND="72.31"))
    del app.session_state[state._SIGNED_IN]

    enter_price(app, "VTI", "1")

    assert session.store.manual_prices("jane") == {}
    assert "Sign in" in said(app)


@pytest.mark.parametrize("missing", ["prices.symbol", "prices.price"])
def test_a_click_without_its_form_is_refused_quietly(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    _, session = open_panel(None)
    kept = {"prices.symbol": "VTI", "prices.price": "1"}
    kept.pop(missing)
    monkeypatch.setattr(st, "session_state", {state._SIGNED_IN: state.SignedIn(session), **kept})

    _save_price()

    assert session.store.manual_prices("jane") == {}


def test_the_form_offers_the_symbol_that_lacks_a_price() -> None:
    app, _ = open_panel(FakeYahoo(VTI="250.10", BND="72.31"))

    app.text_input(key="extra").input("NOPE").run()

    assert app.selectbox(key="prices.symbol").value == "NOPE"


def test_a_network_that_is_missed_by_no_line_is_said_in_passing() -> None:
    yahoo = FakeYahoo(VTI="250.10", BND="72.31")
    app, _ = open_panel(yahoo)
    yahoo.prices, yahoo.fault = {}, QuoteFault.OFFLINE

    button(app, "Refresh prices").click().run()

    assert said(app) == ""
    assert any("Yahoo cannot be reached" in c.value for c in app.caption)


def test_an_old_price_in_another_currency_can_be_confirmed_as_well() -> None:
    long_ago = datetime.now(UTC) - timedelta(days=20)
    kept = Quote("VTI", Decimal("250.10"), "EUR", long_ago, PriceSource.YAHOO)
    app, session = open_panel(FakeYahoo(QuoteFault.OFFLINE), kept)

    app.button(key="prices.confirm.VTI.250.10").click().run()

    assert session.store.manual_prices("jane")["VTI"].currency == "EUR"


# Splits


class SplitYahoo(FakeYahoo):
    """Says that every symbol was split three for two last week."""

    def history(self, symbol: str, period: Period) -> PriceHistory:
        now = datetime.now(UTC)
        last_week = (now - timedelta(days=7)).date()
        return PriceHistory(
            symbol, "USD", period, (), (Split(last_week, Decimal(3), Decimal(2)),), now, PriceSource.YAHOO
        )


def test_a_holding_from_before_a_split_waits_for_somebodys_word() -> None:
    yahoo = SplitYahoo(VTI="30", BND="72.31")
    histories = Histories(yahoo, MemoryPriceHistories(), Weekdays())
    filed = datetime.now(UTC) - timedelta(days=20)
    own = {"VTI": Decimal("45"), "BND": Decimal("72")}
    positions = tuple(
        Position(s, Decimal(10), quote=Quote(s, price, "USD", filed, PriceSource.FILE)) for s, price in own.items()
    )
    app, _ = open_panel(yahoo, positions=positions, histories=histories)

    assert prices(app) == "BND 72.31"
    assert "VTI was split 3 for 2" in said(app)
    assert "they may be 15 now" in said(app)

    app.button(key="prices.confirm.VTI.30").click().run()

    assert prices(app) == "VTI 30; BND 72.31"
    assert "split" not in said(app)


# The order of sources


def test_the_order_of_sources_is_shown_and_changed() -> None:
    app, session = open_panel(FakeYahoo(VTI="250.10", BND="72.31"))
    assert app.button(key="prices.earlier.manual").disabled
    assert not [each for each in app.button if each.key == "prices.order.usual"]

    app.button(key="prices.earlier.yahoo").click().run()

    assert session.store.price_order("jane")[:2] == (PriceSource.MANUAL, PriceSource.YAHOO)
    assert any(each.value.replace("\\", "") == "2. Yahoo" for each in app.markdown)
    assert any("no keys here" in each.value for each in app.markdown)

    app.button(key="prices.order.usual").click().run()

    assert session.store.price_order("jane") == DEFAULT_ORDER


def test_a_price_by_hand_gives_way_where_the_user_wants_that() -> None:
    app, _ = open_panel(FakeYahoo(VTI="250.10", BND="72.31"))
    enter_price(app, "VTI", "249.99")

    app.button(key="prices.earlier.yahoo").click().run()
    app.button(key="prices.earlier.yahoo").click().run()

    assert prices(app) == "VTI 250.10; BND 72.31"


def test_nobody_changes_the_order_after_the_session_ended() -> None:
    app, session = open_panel(FakeYahoo(VTI="250.10", BND="72.31"))
    del app.session_state[state._SIGNED_IN]

    app.button(key="prices.earlier.yahoo").click().run()

    assert session.store.price_order("jane") == DEFAULT_ORDER


# Prices that grew old


def test_a_price_that_grew_old_is_used_only_once_somebody_confirmed_it() -> None:
    yahoo = FakeYahoo(QuoteFault.OFFLINE)
    long_ago = datetime.now(UTC) - timedelta(days=20)
    app, session = open_panel(yahoo, Quote("VTI", Decimal("250.10"), "USD", long_ago, PriceSource.YAHOO))

    assert prices(app) == ""
    assert line(app) == "Prices: VTI and BND missing"
    assert "Too old to plan with: VTI (" in said(app).replace("\\", "")

    app.button(key="prices.confirm.VTI.250.10").click().run()

    assert prices(app) == "VTI 250.10"
    assert session.store.manual_prices("jane")["VTI"].price == Decimal("250.10")
    assert "Too old" not in said(app)
