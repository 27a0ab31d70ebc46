"""The plan as files: the CSV at hand, and a menu of every other format, each made when it is asked for."""

import re
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from allocation import desk
from allocation.allocation import Session
from allocation.authorisation import Verb
from allocation.errors import RulesError
from allocation.exports import FORMATS, Decision, Format, Terms, wealthscape, why_not
from allocation.exports.decision import WealthscapeCodes
from allocation.orders import OrderType
from allocation.trade_plan import TradePlan
from pages.shared.deferred import while_signed_in
from pages.shared.look import literal
from pages.shared.record import note_download
from pages.shared.state import require_session
from pages.shared.whatif import View, asked_facts

_TYPES = {OrderType.MARKET: "At the market", OrderType.LIMIT: "Limit at the plan's price"}
_BROKERS = tuple(name for name, form in FORMATS.items() if form.takes_terms)
_CODE_HELP = (
    "Fidelity's public pages do not tell this code; your firm's import specification does. Kept for this session."
)


def show_downloads(view: View, plan: TradePlan) -> None:
    """The plan on the desk as files; named by account and day."""
    session, decision = require_session(), _decision(view, plan)
    refusal = session.accounts.why_not(Verb.EXPORT)
    csv = FORMATS["csv"]
    st.download_button(
        "Download CSV",
        csv.write(decision, Terms()),
        _file_name(view, csv),
        csv.mime,
        key="rebalance.csv",
        icon=":material/download:",
        on_click=note_download,
        args=(view.account.id, plan, "csv"),
        disabled=bool(refusal) or not plan.trades,
        help=literal(refusal) or None,
    )
    with st.popover("More formats", icon=":material/file_export:", width="content", key="rebalance-formats"):
        if refusal:
            st.caption(f":material/lock: {literal(refusal)}")
        else:
            _show_formats(session, view, decision)


def _show_formats(session: Session, view: View, decision: Decision) -> None:
    """Tables first, then what brokers read, with the one choice that orders need."""
    with st.container(gap="xsmall"):
        for name in ("xlsx", "json"):
            _offer(session, view, decision, name, Terms())
    if not decision.plan.trades:
        st.caption("No trades, so there is nothing to order.")
        return
    chosen = st.segmented_control(
        "Orders for a broker",
        list(_TYPES),
        format_func=_TYPES.__getitem__,
        default=OrderType.MARKET,
        required=True,
        key="rebalance.formats.type",
        persist_state="session",
        help="A limit is the price the plan was made at, rounded to a price step that is no worse for you.",
    )
    terms = Terms(chosen or OrderType.MARKET)
    with st.container(gap="xsmall"):
        for name in _BROKERS:
            _offer(session, view, decision, name, terms)
    st.caption("A file sends nothing: your broker shows the orders, and you decide there.")
    if any(trade.lots for trade in decision.plan.trades):
        st.caption("No broker's file names tax lots. CSV and Excel do: choose them at the broker.")


def _offer(session: Session, view: View, decision: Decision, name: str, terms: Terms) -> None:
    """One format: its button, and what is in it or why it cannot be."""
    form, place = FORMATS[name], st.container(gap="xsmall")
    if name == "fidelity":
        terms = _with_codes(terms)
    reason = why_not(form, decision, terms)
    with place:
        st.download_button(
            form.label,
            while_signed_in(session, partial(form.write, decision, terms)),
            _file_name(view, form),
            form.mime,
            key=f"rebalance.{name}",
            icon=":material/download:",
            on_click=note_download,
            args=(view.account.id, decision.plan, name),
            disabled=bool(reason),
            help=form.hint,
            width="stretch",
        )
        if reason:
            st.caption(f":material/block: {literal(reason)}")
        elif name == "fidelity" and (blank := wealthscape.blanks(decision, terms)):
            st.caption(f":material/edit: Fill in before you import: {literal(', '.join(blank))}.")


def _with_codes(terms: Terms) -> Terms:
    """The terms with the codes of Fidelity's import that the user knows; one that is none is said and left out."""
    price, day = st.columns(2, gap="small")
    is_limit = terms.type == OrderType.LIMIT
    name = "limit" if is_limit else "market"
    of_price = _code(price, f"Fidelity's code for {name}", f"rebalance.formats.{name}", 2)
    of_day = _code(day, "Fidelity's code for day", "rebalance.formats.day", 1)
    try:
        codes = WealthscapeCodes(limit=of_price, day=of_day) if is_limit else WealthscapeCodes(of_price, day=of_day)
    except RulesError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return terms
    return replace(terms, codes=codes)


def _code(place: DeltaGenerator, label: str, key: str, most: int) -> str:
    return place.text_input(label, key=key, max_chars=most, persist_state="session", help=_CODE_HELP).strip()


def _decision(view: View, plan: TradePlan) -> Decision:
    """The plan with the question it answers, as the desk asked it."""
    facts = asked_facts(view)
    asked_about = [symbol for symbol in view.bench.symbols if symbol in facts.prices and symbol in view.quotes]
    return Decision(
        plan,
        facts.portfolios[0],
        desk.target_of(view.bench.draft),
        facts.rules,
        {symbol: view.quotes[symbol] for symbol in asked_about},
        view.now,
        facts.cash_flow,
        tuple(view.told.rates.values()),
        number_shown=not view.account.owner,
    )


def _file_name(view: View, form: Format) -> str:
    name = re.sub(r"[^A-Za-z0-9]+", "-", view.account.name).strip("-") or "account"
    return f"evenkeel-{name}-{view.now:%Y-%m-%d}{form.name}"
