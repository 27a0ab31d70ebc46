"""The prices of a page: one line that says where they come from, a refresh, and prices entered by hand.

The network is asked when somebody presses "Refresh prices", and once unasked: when an account is opened, or a symbol
without a price is added. Every other run takes the prices at hand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from allocation.allocation import Session, prices_at_hand
from allocation.base_currency import currency_lines, foreign_currencies
from allocation.errors import AllocationError
from allocation.market import AtHand
from allocation.model import Portfolio, PriceSource, Quote
from allocation.money import plain, to_decimal
from allocation.pairs import pair_of, pair_symbols
from allocation.ports import QuoteFailure, QuoteFault
from allocation.price_text import (
    currency_remark,
    failure_sentences,
    price_age_text,
    prices_line,
    stale_remark,
    too_old_remark,
)
from pages.shared import metrics
from pages.shared.look import literal
from pages.shared.price_sources import price_sources
from pages.shared.state import require_session, signed_in

_ASKED = "prices.asked"  # the symbols each account was opened with, or got later: these were asked for once
_FAILURES = "prices.failures"
_REFUSED = "prices.refused"
_SYMBOL = "prices.symbol"
_PRICE = "prices.price"
_MISSING = "prices.missing"


def fetch_once(session: Session, portfolio: Portfolio, symbols: Iterable[str]) -> bool:
    """Fetch what was never asked for: everything when an account is opened, later what was added without a price.

    A page that builds on prices before it shows the panel calls this first. Says whether anything was fetched.
    """
    wanted = _never_asked(session, portfolio, tuple(dict.fromkeys(symbols)))
    if wanted:
        _fetch(session, portfolio, wanted)
    return bool(wanted)


def price_panel(
    session: Session, portfolio: Portfolio, symbols: Iterable[str], row: DeltaGenerator | None = None
) -> AtHand:
    """Show the state of these symbols' prices with what can be done about it, and answer with the prices and rates at hand.

    It goes into the page's own row, if there is one to share. Starts the run again after it fetched prices, so that
    whatever stands above it is right as well.
    """
    wanted = tuple(dict.fromkeys(symbols))
    if fetch_once(session, portfolio, wanted):
        st.rerun()
    at_hand, now = _at_hand(session, portfolio, wanted), datetime.now(UTC)
    quotes, securities = at_hand.quotes, without_currencies(portfolio, wanted)
    with row or st.container(horizontal=True, vertical_alignment="center", key="prices-panel"):
        missing = tuple(symbol for symbol in securities if symbol not in quotes)
        line = prices_line(quotes.values(), missing, now, session.market.sessions_missed(quotes.values(), now))
        st.caption(literal(line), width="content" if row else "stretch")
        _refresh_button(session, portfolio, wanted)
        with st.popover("Enter a price", icon=":material/edit:", width="content"):
            _offer_missing(missing)
            _offer_readings(session, portfolio, wanted, now)
            _price_form(session, portfolio, tuple(dict.fromkeys((*missing, *securities))), now)
        price_sources(session)
    _remarks(session, portfolio, wanted, at_hand)
    return at_hand


def without_currencies(portfolio: Portfolio, symbols: Iterable[str]) -> tuple[str, ...]:
    """The symbols of securities among these: a currency has a rate, and no price."""
    every = tuple(symbols)
    lines = currency_lines(portfolio, every)
    return tuple(symbol for symbol in every if symbol not in lines)


def _at_hand(session: Session, portfolio: Portfolio, symbols: Iterable[str]) -> AtHand:
    return prices_at_hand(session, portfolio, symbols, datetime.now(UTC))


# ── Fetching ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _refresh_button(session: Session, portfolio: Portfolio, symbols: tuple[str, ...]) -> None:
    if not session.market.can_refresh:
        return
    if st.button(
        "Refresh prices", icon=":material/refresh:", key="prices.refresh", disabled=not (symbols or portfolio.balances)
    ):
        _fetch(session, portfolio, symbols, force=True)
        st.rerun()


def _never_asked(session: Session, portfolio: Portfolio, symbols: tuple[str, ...]) -> tuple[str, ...]:
    if not session.market.can_refresh:
        return ()
    asked = st.session_state.setdefault(_ASKED, {}).get(_whose(session, portfolio))
    if asked is None:
        return symbols
    added = tuple(symbol for symbol in symbols if symbol not in asked)
    at_hand, base = _at_hand(session, portfolio, added), portfolio.account.currency
    lines = currency_lines(portfolio, added)
    known = (*at_hand.quotes, *(code for code in lines if at_hand.rates.knows(code, base)))
    return tuple(symbol for symbol in added if symbol not in known)


def _fetch(session: Session, portfolio: Portfolio, symbols: tuple[str, ...], *, force: bool = False) -> None:
    whose = _whose(session, portfolio)
    with st.spinner("Asking for prices …"):
        known, lines = _with_pairs(session, portfolio, symbols), currency_lines(portfolio, symbols)
        now = datetime.now(UTC)
        answer = session.market.refresh(
            without_currencies(portfolio, symbols),
            now,
            force=force,
            known=known,
            currencies=(*portfolio.balances, *lines),
            base=portfolio.account.currency,
            order=session.store.price_order(session.user.id),
        )
        split = session.market.split_since(portfolio, answer, now)
    st.session_state.setdefault(_ASKED, {}).setdefault(whose, set()).update(symbols)
    failures: dict[str, QuoteFailure] = st.session_state.setdefault(_FAILURES, {}).setdefault(whose, {})
    for symbol in (*symbols, *answer.quotes):
        failures.pop(symbol, None)
    failures.update({**answer.failures, **split})
    for failure in {**answer.failures, **split}.values():
        metrics.price_failed(failure.fault)


def _with_pairs(session: Session, portfolio: Portfolio, symbols: tuple[str, ...]) -> dict[str, Quote]:
    """What is known of these symbols, and the rates entered by hand: they may confirm a jump."""
    by_hand, base = session.store.manual_prices(session.user.id), portfolio.account.currency
    rates = {symbol: quote for symbol, quote in by_hand.items() if base in (pair_of(symbol) or ())}
    return {**_at_hand(session, portfolio, symbols).quotes, **rates}


def _whose(session: Session, portfolio: Portfolio) -> tuple[str, str]:
    return session.user.id, portfolio.account.id


# ── What there is to say ────────────────────────────────────────────────────────────────────────────────────────────


def _remarks(session: Session, portfolio: Portfolio, symbols: tuple[str, ...], at_hand: AtHand) -> None:
    """What the last fetch could not bring, prices of a currency without a rate, and prices that are old."""
    quotes, base = at_hand.quotes, portfolio.account.currency
    by_hand = session.store.manual_prices(session.user.id)
    needed = {*symbols, *pair_symbols(foreign_currencies(portfolio, quotes, symbols), base)}
    open_failures = {s: f for s, f in failures_of(session, portfolio).items() if s in needed and s not in by_hand}
    if open_failures:
        said = literal(" ".join((*failure_sentences(open_failures), "Going on with the prices at hand.")))
        if any(not _is_at_hand(symbol, at_hand) for symbol in open_failures):
            st.warning(said, icon=":material/cloud_off:")
        else:
            st.caption(f":material/cloud_off: {said}")
    outdated = [f.readings[0] for f in _too_old(session, portfolio, symbols).values()]
    if remark := too_old_remark(outdated, session.market.sessions_missed(outdated, datetime.now(UTC))):
        st.warning(literal(remark), icon=":material/history:")
    foreign = [quote for quote in quotes.values() if not at_hand.rates.knows(quote.currency, base)]
    if remark := currency_remark(foreign, base):
        st.warning(literal(remark), icon=":material/price_change:")
    if old := stale_remark(quotes.values(), session.market.sessions_missed(quotes.values(), datetime.now(UTC))):
        st.caption(f":material/history: {literal(old)}")


def _is_at_hand(symbol: str, at_hand: AtHand) -> bool:
    pair = pair_of(symbol)
    return at_hand.rates.knows(*pair) if pair else symbol in at_hand.quotes


def failures_of(session: Session, portfolio: Portfolio) -> Mapping[str, QuoteFailure]:
    """What the last fetches could not bring, by symbol; of rates, by their pair's."""
    failed: Mapping[str, QuoteFailure] = st.session_state.get(_FAILURES, {}).get(_whose(session, portfolio), {})
    return failed


def _too_old(session: Session, portfolio: Portfolio, symbols: tuple[str, ...]) -> dict[str, QuoteFailure]:
    """Symbols whose last price was fetched too long ago to plan with unasked."""
    user_id, store = session.user.id, session.store
    order, by_hand = store.price_order(user_id), store.manual_prices(user_id)
    return session.market.too_old(without_currencies(portfolio, symbols), portfolio, by_hand, datetime.now(UTC), order)


def refused_rates(session: Session, portfolio: Portfolio) -> tuple[str, ...]:
    """Why a source's rates were not believed, in sentences: pair, value and cause."""
    failures = failures_of(session, portfolio)
    return tuple(f.message for symbol, f in failures.items() if pair_of(symbol) and f.fault == QuoteFault.UNUSABLE)


# ── Prices entered by hand ──────────────────────────────────────────────────────────────────────────────────────────


def _offer_missing(missing: tuple[str, ...]) -> None:
    """A symbol that has just turned out to lack a price is the one chosen in the form."""
    if missing and missing != st.session_state.get(_MISSING):
        st.session_state[_SYMBOL] = missing[0]
    st.session_state[_MISSING] = missing


def _offer_readings(session: Session, portfolio: Portfolio, symbols: tuple[str, ...], now: datetime) -> None:
    """A price that was refused for being so different, or old, can be confirmed; it is kept as one entered by hand."""
    by_hand = session.store.manual_prices(session.user.id)
    failed = {**_too_old(session, portfolio, symbols), **_with_readings(failures_of(session, portfolio))}
    for symbol in symbols:
        readings = failed[symbol].readings if symbol in failed and symbol not in by_hand else ()
        for reading in readings:
            text = f"Use {plain(reading.price)} {reading.currency} for {symbol}"
            key = f"prices.confirm.{symbol}.{reading.price}"
            confirmed = replace(reading, time=now, source=PriceSource.MANUAL)
            st.button(literal(text), icon=":material/check:", key=key, on_click=_confirm_price, args=(confirmed,))


def _with_readings(failures: Mapping[str, QuoteFailure]) -> dict[str, QuoteFailure]:
    return {symbol: failure for symbol, failure in failures.items() if failure.readings}


def _price_form(session: Session, portfolio: Portfolio, symbols: tuple[str, ...], now: datetime) -> None:
    currency = portfolio.account.currency
    with st.form("prices.form", border=False):
        st.selectbox("Symbol", symbols, key=_SYMBOL)
        st.text_input(f"Price of one unit in {currency}", key=_PRICE, max_chars=20, placeholder="250.10")
        st.form_submit_button("Save price", type="primary", on_click=_save_price, disabled=not symbols)
    if refused := st.session_state.pop(_REFUSED, ""):
        st.error(literal(refused), icon=":material/block:")
    st.caption("A price entered by hand goes before every other, in all your accounts, until you remove it.")
    for symbol, quote in sorted(session.store.manual_prices(session.user.id).items()):
        text = f"Remove {symbol} {plain(quote.price)} {quote.currency}, {price_age_text(quote, now)}"
        key = f"prices.remove.{symbol}"
        st.button(literal(text), icon=":material/delete:", key=key, on_click=_remove_price, args=(symbol,))


@signed_in
def _save_price() -> None:
    """Callback: keep the price in the form, or say what is wrong with it."""
    session = require_session()
    symbol, typed = st.session_state.get(_SYMBOL), st.session_state.get(_PRICE)
    if symbol is None or typed is None:  # no page of ours sends the click without its form
        return
    try:
        account = session.accounts.get_portfolio().account
        price = to_decimal(typed, f"The price of {symbol}")
        quote = Quote(symbol, price, account.currency, datetime.now(UTC), PriceSource.MANUAL)
        session.store.save_manual_price(session.user.id, quote)
    except AllocationError as error:
        st.session_state[_REFUSED] = str(error)
    else:
        st.session_state[_PRICE] = ""


@signed_in
def _confirm_price(quote: Quote) -> None:
    """Callback: believe what was refused, as the user's own price."""
    session = require_session()
    session.store.save_manual_price(session.user.id, quote)


@signed_in
def _remove_price(symbol: str) -> None:
    """Callback: forget a price entered by hand."""
    session = require_session()
    session.store.remove_manual_price(session.user.id, symbol)
