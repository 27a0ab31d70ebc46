"""What the securities of an account are: their classes with shares, sector and region, said by the user for themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import pandas as pd
import streamlit as st
from streamlit.column_config import NumberColumn, ProgressColumn, TextColumn

from allocation.allocation import Session
from allocation.errors import AllocationError
from allocation.model import Portfolio
from allocation.money import plain, to_decimal
from allocation.securities import (
    LONGEST_NAME,
    USUAL_CLASSES,
    FactsSource,
    FactsUnavailableError,
    SecurityFacts,
    classes_in_words,
    facts_of,
    values_by_class,
)
from allocation.valuation import Valuation
from pages.shared.look import CURRENCY_SIGNS, count, literal
from pages.shared.state import remark, require_session, signed_in
from pages.shared.tables import ROW_HEIGHT, grid_height


@dataclass(frozen=True, slots=True)
class _Typed:
    """What stands in the form; shares in percent."""

    shares: Mapping[str, Decimal]
    sector: str
    region: str
    isin: str

    def facts(self, symbol: str) -> SecurityFacts:
        """The same as facts; raises `FactsError` when they describe no security."""
        classes = {name: share.scaleb(-2) for name, share in self.shares.items()}
        return SecurityFacts(symbol, classes, self.sector, self.region, self.isin)


_SOURCES = {FactsSource.USER: "you", FactsSource.YAHOO: "Yahoo", FactsSource.SAMPLE: "sample"}
_CASH = "Cash in the account"
_OPEN = "classes.open"
_PROPOSED = "classes.proposed"  # what Yahoo said of a security, by symbol, or why it said nothing


def show_classes(session: Session, portfolio: Portfolio, valuation: Valuation) -> None:
    """What the account comes to by class, what each security is, and the way to say it."""
    known = session.store.security_facts(session.user.id)
    described = sum(bool(classes_in_words(facts_of(symbol, known))) for symbol in portfolio.symbols)
    label = f"Classes: {described} of {count(len(portfolio.positions), 'security').replace('ys', 'ies')}"
    with st.expander(label, icon=":material/category:", key="holdings-classes"):
        if not described:
            st.caption("Nobody has said what these securities are. Evenkeel does not guess it.")
        else:
            _show_by_class(portfolio, valuation, known)
        _show_securities(portfolio, known)
        st.button("Say what a security is", icon=":material/edit:", key="holdings.describe", on_click=_open)
    if st.session_state.get(_OPEN):
        _describe()


def _show_by_class(portfolio: Portfolio, valuation: Valuation, known: Mapping[str, SecurityFacts]) -> None:
    currency, whole = portfolio.account.currency, valuation.total
    sums = {**values_by_class(valuation.values, known), _CASH: valuation.cash}
    rows = [
        {"class": name, "value": float(value), "weight": float(round(value / whole * 100, 2)) if whole > 0 else None}
        for name, value in sums.items()
        if value
    ]
    st.dataframe(
        pd.DataFrame(rows, columns=["class", "value", "weight"]),
        key="holdings.by_class",
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(rows)),
        alt="Value and weight of each asset class, cash last",
        column_config={
            "class": TextColumn("Class", width=220),
            "value": NumberColumn("Value", width=120, format=f"{CURRENCY_SIGNS.get(currency, '')}%,.2f"),
            "weight": ProgressColumn("Weight", width=150, format="%.2f %%", min_value=0, max_value=100),
        },
    )


def _show_securities(portfolio: Portfolio, known: Mapping[str, SecurityFacts]) -> None:
    rows = [_row(symbol, facts_of(symbol, known)) for symbol in portfolio.symbols]
    st.dataframe(
        pd.DataFrame(rows),
        key="holdings.securities",
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(rows), 10),
        alt="Class, sector, region and ISIN of each security, and who said so",
        column_config={
            "symbol": TextColumn("Symbol", width=76, pinned=True),
            "class": TextColumn("Class", width=250),
            "sector": TextColumn("Sector", width=150),
            "region": TextColumn("Region", width=130),
            "isin": TextColumn("ISIN", width=120),
            "source": TextColumn("Said by", width=80),
        },
    )


def _row(symbol: str, facts: SecurityFacts | None) -> dict[str, str]:
    return {
        "symbol": symbol,
        "class": classes_in_words(facts) or "not known",
        "sector": facts.sector if facts else "",
        "region": facts.region if facts else "",
        "isin": facts.isin if facts else "",
        "source": _SOURCES[facts.source] if facts else "",
    }


# ── Saying it ───────────────────────────────────────────────────────────────────────────────────────────────────────


@signed_in
def _open() -> None:
    """Callback: the dialog is open until it is answered or dismissed."""
    st.session_state[_OPEN] = True


@signed_in
def _close() -> None:
    """Callback: the dialog is closed, and what Yahoo said forgotten."""
    st.session_state.pop(_OPEN, None)
    st.session_state.pop(_PROPOSED, None)


@st.dialog("What a security is", icon=":material/category:", on_dismiss=_close)
def _describe() -> None:
    session = require_session()
    portfolio, known = session.accounts.get_portfolio(), session.store.security_facts(session.user.id)
    names = {position.symbol: position.name for position in portfolio.positions}
    symbol = st.selectbox(
        "Security",
        portfolio.symbols,
        format_func=lambda symbol: " · ".join(filter(None, (symbol, names.get(symbol)))),
        key="classes.symbol",
    )
    facts = facts_of(symbol, known) or SecurityFacts(symbol)
    proposed = _ask_yahoo(session, symbol)
    typed = _form(symbol, proposed or facts, known)
    with st.container(horizontal=True):
        wants_save = st.button("Save", type="primary", icon=":material/save:", key="classes.save")
        forget = st.button("Forget", icon=":material/delete:", key="classes.forget", disabled=facts.is_empty)
    st.caption("It is kept for you, for every account you see, and nobody else's view changes.")
    if forget:
        session.store.remove_security_facts(session.user.id, symbol)
        _done(f"What {literal(symbol)} is was forgotten.")
    elif wants_save:
        _save(session, symbol, typed, proposed)


def _ask_yahoo(session: Session, symbol: str) -> SecurityFacts | None:
    """The button to ask Yahoo, where there is a network to ask over, and what came of it for this security."""
    if session.market.describer is None:
        return None
    st.button("Ask Yahoo", icon=":material/travel_explore:", key="classes.ask", on_click=_fetch, args=(symbol,))
    said: SecurityFacts | str | None = st.session_state.get(_PROPOSED, {}).get(symbol)
    if isinstance(said, str):
        st.warning(literal(said), icon=":material/info:")
        return None
    if said is not None:
        st.caption("Filled in with what Yahoo says. Look it over; it counts once you save it.")
    return said


@signed_in
def _fetch(symbol: str) -> None:
    """Callback: what Yahoo says of a security, in place of what stands in the fields."""
    describer = require_session().market.describer
    if describer is None:
        return
    proposed = st.session_state.setdefault(_PROPOSED, {})
    try:
        proposed[symbol] = describer.facts(symbol)
    except FactsUnavailableError as error:
        proposed[symbol] = str(error)
        return
    for key in [key for key in st.session_state if str(key).startswith(f"classes.{symbol}.")]:
        del st.session_state[key]


def _form(symbol: str, facts: SecurityFacts, known: Mapping[str, SecurityFacts]) -> _Typed:
    """The fields for one security, beginning with what is known."""
    others = {name for each in known.values() for name in each.classes}
    classes = st.multiselect(
        "Classes",
        list(dict.fromkeys((*facts.classes, *USUAL_CLASSES, *sorted(others)))),
        default=list(facts.classes),
        accept_new_options=True,
        key=f"classes.{symbol}.classes",
        placeholder="Choose, or type a name",
        help="A fund can be of several classes; then each has its share.",
    )
    shares = {name: _share(symbol, name, facts, len(classes)) for name in classes}
    if len(classes) > 1:
        st.caption(f"Together {plain(sum(shares.values(), Decimal(0)))} %; they have to come to 100 %.")
    sector = st.text_input("Sector", facts.sector, max_chars=LONGEST_NAME, key=f"classes.{symbol}.sector")
    region = st.text_input("Region", facts.region, max_chars=LONGEST_NAME, key=f"classes.{symbol}.region")
    isin = st.text_input(
        "ISIN", facts.isin, max_chars=12, key=f"classes.{symbol}.isin", placeholder="Twelve letters and digits"
    )
    return _Typed(shares, sector, region, isin)


def _share(symbol: str, name: str, facts: SecurityFacts, classes: int) -> Decimal:
    """In percent; a class alone is the whole security."""
    if classes == 1:
        return Decimal(100)
    began, key = float(facts.classes.get(name, Decimal(0)) * 100), f"classes.{symbol}.share.{name}"
    typed = st.number_input(f"{literal(name)}, %", 0.0, 100.0, began, 1.0, format="%.2f", key=key)
    return to_decimal(round(typed, 4), f"The share of {name}")


def _save(session: Session, symbol: str, typed: _Typed, proposed: SecurityFacts | None) -> None:
    """What is saved as Yahoo said it, keeps Yahoo's name; whatever was changed is the user's word."""
    try:
        said = typed.facts(symbol)
        unchanged = proposed is not None and said == replace(proposed, source=said.source)
        session.store.save_security_facts(session.user.id, proposed if unchanged and proposed else said)
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
    else:
        _done(f"What {literal(symbol)} is was saved.")


def _done(sentence: str) -> None:
    """Close the dialog; the page says what was done."""
    _close()
    remark(sentence)
    st.rerun()
