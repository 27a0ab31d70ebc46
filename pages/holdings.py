"""What do I own? Positions, lots, value, weight, and the price behind every number."""

from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from allocation.errors import MissingPriceError
from allocation.model import Portfolio, Quote
from allocation.valuation import Valuation, printed_total, total_gain, value_portfolio
from pages.shared.look import NOT_KNOWN, account_header, beside_total, count, literal, money, no_account, percent
from pages.shared.prices import price_panel
from pages.shared.state import require_session
from pages.shared.tables import (
    ROW_HEIGHT,
    grid_height,
    holdings_columns,
    holdings_frame,
    lots_columns,
    lots_frame,
    set_aside_table,
)


def show_page() -> None:
    """The chosen account's holdings, or the way to an account."""
    session = require_session()
    if session.accounts.selected_id is None:
        no_account()
        return
    portfolio = session.accounts.get_portfolio()
    account_header(portfolio)
    if not (portfolio.positions or portfolio.cash or portfolio.set_aside):
        show_empty()
        return
    headline = st.container()
    quotes = price_panel(session, portfolio, portfolio.symbols)
    valuation = value_portfolio(portfolio, quotes)
    with headline:
        show_headline(portfolio, valuation)
    if portfolio.positions:
        show_positions(portfolio, valuation, quotes)
        show_lots(portfolio, quotes)
    show_set_aside(portfolio)


def show_empty() -> None:
    """An account without positions or cash."""
    st.info(
        "This account is empty. Import its positions file again, or choose another account.", icon=":material/info:"
    )
    st.page_link("pages/accounts.py", label="Open accounts", icon=":material/account_balance:")


def show_headline(portfolio: Portfolio, valuation: Valuation) -> None:
    """The sums; a line without a price is named and not counted."""
    currency = portfolio.account.currency
    figures = {
        "Total" if not valuation.unpriced else "Total of what has a price": money(
            printed_total(portfolio, valuation), currency
        ),
        "Cash": money(valuation.cash, currency),
        "Positions": str(len(portfolio.positions)),
        "Unrealised gain": money(total_gain(portfolio, valuation), currency),
    }
    with st.container(horizontal=True, key="holdings-headline"):
        for label, figure in figures.items():
            st.metric(label, literal(figure), border=True)
    if beside := beside_total(portfolio, valuation):
        st.caption(literal(beside))
    if valuation.unpriced:
        st.warning(literal(str(MissingPriceError(valuation.unpriced))), icon=":material/price_change:")


def show_positions(portfolio: Portfolio, valuation: Valuation, quotes: Mapping[str, Quote]) -> None:
    """The table of positions, with cash beneath."""
    currency = portfolio.account.currency
    st.dataframe(
        holdings_frame(portfolio, valuation, quotes, datetime.now(UTC)),
        key="holdings.positions",
        hide_index=True,
        column_config=holdings_columns(portfolio, valuation, quotes),
        row_height=ROW_HEIGHT,
        height=grid_height(len(portfolio.positions), 24),
        placeholder=NOT_KNOWN,
        alt="Positions of the account with value, weight, gain and the source of each price",
    )
    cash = f"**Cash** · {literal(money(portfolio.cash, currency))} · {percent(valuation.cash_weight)}"
    st.markdown(f":material/payments: {cash}")


def show_lots(portfolio: Portfolio, quotes: Mapping[str, Quote]) -> None:
    """The tax lots behind the positions, where the account knows them."""
    lots = lots_frame(portfolio, quotes)
    if not len(lots):
        return
    with st.expander(f"Lots: {count(len(lots), 'purchase')}", icon=":material/layers:"):
        st.dataframe(
            lots,
            key="holdings.lots",
            hide_index=True,
            column_config=lots_columns(portfolio, portfolio.account.currency),
            row_height=ROW_HEIGHT,
            height=grid_height(len(lots)),
            placeholder=NOT_KNOWN,
            alt="Tax lots of the positions with date, cost and gain",
        )


def show_set_aside(portfolio: Portfolio) -> None:
    """Lines of the account that are shown and never traded."""
    if portfolio.set_aside:
        st.subheader("Not traded", anchor=False)
        set_aside_table(portfolio)


show_page()
