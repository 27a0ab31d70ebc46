"""The currencies of an account: what is held in each, at which rate it counts, what a plan leaves, and rates by hand."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.column_config import TextColumn

from allocation.allocation import Session
from allocation.conversions import Settlement
from allocation.currencies import Rate, RateOrigin, Rates, in_currency
from allocation.errors import AllocationError
from allocation.fx_guard import MOST_DAYS_OLD, days_old
from allocation.model import Portfolio, PriceSource, Quote
from allocation.moments import date_text
from allocation.money import plain, to_decimal
from allocation.pairs import pair_of, pair_symbol
from allocation.rate_text import amount, conversion_in_words, rate_age, rate_in_words, short_sentence
from pages.shared.look import NOT_KNOWN, literal
from pages.shared.prices import failures_of
from pages.shared.state import require_session, signed_in
from pages.shared.tables import ROW_HEIGHT, grid_height

_CODE = "currencies.code"
_RATE = "currencies.rate"
_REFUSED = "currencies.refused"
_CONVERSIONS = (
    "What a currency lacks once its securities are bought and sold, or to reach its target, is bought in whole cents; nothing "
    "else is exchanged. Your bank's rate will differ."
)


def show_currencies(
    session: Session,
    portfolio: Portfolio,
    rates: Mapping[str, Rate],
    unrated: Iterable[str],
    settlement: Settlement | None = None,
) -> None:
    """A short table of every currency there is money or a price in; nothing for an account with its own only.

    Args:
        rates: by currency, the rate at which it counts.
        unrated: currencies without a rate.
        settlement: how a plan is paid for, where there is one.
    """
    missing = tuple(unrated)
    codes = tuple(dict.fromkeys((*portfolio.balances, *rates, *missing)))
    if not codes:
        return
    now = datetime.now(UTC)
    with st.container(horizontal=True, vertical_alignment="center", key="currencies-head"):
        st.subheader("Currencies", anchor=False, width="content")
        st.space("stretch")
        with st.popover("Enter a rate", icon=":material/currency_exchange:", width="content"):
            _offer_readings(session, portfolio)
            _offer_old(portfolio, rates, now)
            _rate_form(portfolio, (*missing, *(code for code in codes if code not in missing)))
    base = portfolio.account.currency
    rows = [_row(code, portfolio, rates.get(code), settlement, now) for code in (base, *codes)]
    st.dataframe(
        pd.DataFrame(rows),
        key="currencies.table",
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(rows)),
        column_config=_columns(base, settlement is not None),
        alt="Cash in each currency, the rate at which it counts, where the rate comes from and how old it is",
    )
    if settlement is not None:
        _show_conversions(settlement)


def _row(
    code: str, portfolio: Portfolio, rate: Rate | None, settlement: Settlement | None, now: datetime
) -> dict[str, str]:
    base = portfolio.account.currency
    cash = portfolio.cash if code == base else portfolio.balances.get(code, Decimal(0))
    worth = cash if code == base else None if rate is None else in_currency(cash, rate.price)
    after = settlement.after.get(code, Decimal(0)) if settlement else None
    return {
        "currency": code,
        "cash": amount(cash, code),
        "worth": NOT_KNOWN if worth is None else amount(worth, base),
        "rate": "its own" if code == base else rate_in_words(rate) if rate else "no rate",
        "source": "" if code == base else rate_age(rate, now) if rate else "enter one by hand",
        "after": NOT_KNOWN if after is None else amount(after, code),
    }


def _columns(base: str, planned: bool) -> dict[str, Any]:
    return {
        "currency": TextColumn("Currency", width=76, pinned=True),
        "cash": TextColumn("Cash now", width=132, alignment="right"),
        "worth": TextColumn(f"In {base}", width=132, alignment="right"),
        "rate": TextColumn("Rate", width=164),
        "source": TextColumn("Rate from", width=210),
        "after": TextColumn("Cash after", width=132, alignment="right") if planned else None,
    }


def _show_conversions(settlement: Settlement) -> None:
    """The exchanges that pay for the trades, in the order in which they are to be made."""
    if not settlement.conversions:
        st.caption(":material/check: The trades need no exchange of money.")
    for each in settlement.conversions:
        at = f"at {rate_in_words(each.rate)}"
        st.markdown(f":material/currency_exchange: **{literal(conversion_in_words(each))}** · {literal(at)}")
    if settlement.conversions:
        st.caption(_CONVERSIONS)
    if short := short_sentence(settlement.short):
        st.warning(literal(short), icon=":material/toll:")


# ── Rates by hand ───────────────────────────────────────────────────────────────────────────────────────────────────


def _offer_readings(session: Session, portfolio: Portfolio) -> None:
    """A rate that was refused for being so different can be confirmed, or turned the way round it may have meant."""
    by_hand = session.store.manual_prices(session.user.id)
    for symbol, failure in failures_of(session, portfolio).items():
        pair = pair_of(symbol)
        if pair is None or symbol in by_hand:
            continue
        for reading in failure.readings:
            text = f"Use {plain(reading.price)} for {'/'.join(pair)}"
            key = f"currencies.reading.{symbol}.{reading.price}"
            kept = replace(reading, source=PriceSource.MANUAL)
            st.button(literal(text), icon=":material/check:", key=key, on_click=_keep_rate, args=(kept,))


def _offer_old(portfolio: Portfolio, rates: Mapping[str, Rate], now: datetime) -> None:
    """A rate that is too old to plan with can be confirmed; it is kept as one entered by hand."""
    for code, rate in rates.items():
        if rate.source in (RateOrigin.MANUAL, RateOrigin.SAMPLE) or days_old(rate, now) <= MOST_DAYS_OLD:
            continue
        symbol = pair_symbol(code, portfolio.account.currency)
        base, counter = pair_of(symbol) or (code, portfolio.account.currency)
        price = Rates([rate]).price(base, counter)
        quote = Quote(symbol, price, counter, now, PriceSource.MANUAL)
        text = f"Use {rate_in_words(rate)} of {date_text(rate.time)}"
        key = f"currencies.confirm.{code}"
        st.button(literal(text), icon=":material/check:", key=key, on_click=_keep_rate, args=(quote,))


def _rate_form(portfolio: Portfolio, codes: tuple[str, ...]) -> None:
    base = portfolio.account.currency
    with st.form("currencies.form", border=False):
        st.selectbox("Currency", codes, key=_CODE)
        st.text_input(f"What one unit of it costs in {base}", key=_RATE, max_chars=20, placeholder="1.0624")
        st.form_submit_button("Save rate", type="primary", on_click=_save_rate, args=(portfolio.account.id, codes))
    if refused := st.session_state.pop(_REFUSED, ""):
        st.error(literal(refused), icon=":material/block:")
    st.caption(
        "A rate entered by hand goes before every other, in all your accounts, until you remove it among the prices."
    )


@signed_in
def _save_rate(account_id: str, codes: tuple[str, ...]) -> None:
    """Callback: keep the rate in the form, or say what is wrong with it."""
    session = require_session()
    code, typed = st.session_state.get(_CODE), st.session_state.get(_RATE)
    if code not in codes or typed is None:  # no page of ours sends the click without its form
        return
    try:
        base = session.store.portfolio(session.user.id, account_id).account.currency
        session.store.save_manual_price(session.user.id, _typed_rate(code, base, typed))
    except AllocationError as error:
        st.session_state[_REFUSED] = str(error)
    else:
        st.session_state[_RATE] = ""


def _typed_rate(code: str, base: str, typed: str) -> Quote:
    """The rate as the quote of its pair, the way round in which pairs are kept."""
    now, symbol = datetime.now(UTC), pair_symbol(code, base)
    price = to_decimal(typed, f"The rate {code}/{base}")
    rate = Rate(code, base, price, now, RateOrigin.MANUAL)
    kept = rate if pair_of(symbol) == (code, base) else rate.inverse
    return Quote(symbol, kept.price, kept.counter, now, PriceSource.MANUAL)


@signed_in
def _keep_rate(quote: Quote) -> None:
    """Callback: believe a rate that is old or was refused, as the user's own."""
    session = require_session()
    session.store.save_manual_price(session.user.id, replace(quote, time=datetime.now(UTC)))
