"""What do I own? Positions, lots, value, weight, and the price behind every number."""

from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from allocation.errors import MissingPriceError, MissingRateError
from allocation.model import Portfolio, Quote
from allocation.rate_text import made_of
from allocation.securities import SecurityFacts
from allocation.valuation import Valuation, printed_total, total_gain, value_portfolio
from pages.shared.classes import show_classes
from pages.shared.currencies import show_currencies
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
    if not (portfolio.positions or portfolio.cash or portfolio.balances or portfolio.set_aside):
        show_empty()
        return
    headline = st.container()
    at_hand = price_panel(session, portfolio, portfolio.symbols)
    valuation = value_portfolio(portfolio, at_hand.quotes, at_hand.rates)
    with headline:
        show_headline(portfolio, valuation)
    if portfolio.positions:
        known = session.store.security_facts(session.user.id)
        show_positions(portfolio, valuation, at_hand.quotes, known)
        show_lots(portfolio, valuation)
        show_classes(session, portfolio, valuation)
    show_currencies(session, portfolio, valuation.rates, valuation.unrated)
    show_set_aside(portfolio)


def show_empty() -> None:
    """An account without positions or cash."""
    st.info(
        "This account is empty. Import its positions file again, or choose another account.", icon=":material/info:"
    )
    st.page_link("pages/accounts.py", label="Open accounts", icon=":material/account_balance:")


def show_headline(portfolio: Portfolio, valuation: Valuation) -> None:
    """The sums; a line without a price is named and not counted."""
    currency, parts = portfolio.account.currency, cash_made_of(portfolio)
    unknown = valuation.unpriced or valuation.unrated
    figures = {
        "Total" if not unknown else "Total of what has a price": money(printed_total(portfolio, valuation), currency),
        "Cash": money(valuation.cash, currency),
        "Positions": str(len(portfolio.positions)),
        "Unrealised gain": money(total_gain(portfolio, valuation), currency),
    }
    with st.container(horizontal=True, key="holdings-headline"):
        for label, figure in figures.items():
            st.metric(label, literal(figure), border=True, help=literal(parts) if label == "Cash" and parts else None)
    if beside := beside_total(portfolio, valuation):
        st.caption(literal(beside))
    if valuation.unrated:
        pairs = [f"{code}/{currency}" for code in valuation.unrated]
        st.warning(literal(str(MissingRateError(pairs))), icon=":material/currency_exchange:")
    elif valuation.unpriced:
        st.warning(literal(str(MissingPriceError(valuation.unpriced))), icon=":material/price_change:")


def cash_made_of(portfolio: Portfolio) -> str:
    """What the cash is made of, where it is in several currencies; else empty."""
    if not portfolio.balances:
        return ""
    return f"Made of {made_of({portfolio.account.currency: portfolio.cash, **portfolio.balances})}, at the rates below."


def show_positions(
    portfolio: Portfolio, valuation: Valuation, quotes: Mapping[str, Quote], known: Mapping[str, SecurityFacts]
) -> None:
    """The table of positions, with cash beneath."""
    currency = portfolio.account.currency
    st.dataframe(
        holdings_frame(portfolio, valuation, quotes, datetime.now(UTC), known),
        key="holdings.positions",
        hide_index=True,
        column_config=holdings_columns(portfolio, valuation, quotes),
        row_height=ROW_HEIGHT,
        height=grid_height(len(portfolio.positions), 24),
        placeholder=NOT_KNOWN,
        alt="Positions of the account with value, weight, gain and the source of each price",
    )
    cash = f"**Cash** · {literal(money(valuation.cash, currency))} · {percent(valuation.cash_weight)}"
    parts = f" · {literal(cash_made_of(portfolio))}" if portfolio.balances else ""
    st.markdown(f":material/payments: {cash}{parts}")


def show_lots(portfolio: Portfolio, valuation: Valuation) -> None:
    """The tax lots behind the positions, where the account knows them."""
    lots = lots_frame(portfolio, valuation)
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
