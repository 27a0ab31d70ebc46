"""Linking a broker: a dialog that asks what the broker asks for, or opens a paper account."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import streamlit as st

from allocation.allocation import Session, select_account
from allocation.brokers import Mode
from allocation.errors import AllocationError, NumberError, SignInRefusedError
from allocation.imported import LONGEST_NAME
from allocation.linking import BrokerKind, Callback, Comeback, Errand, Link, Way
from allocation.links import Links
from allocation.model import Account, Portfolio
from allocation.money import to_decimal
from allocation.paper_terms import PaperTerms
from pages.shared.browser import browser_key, callback_address
from pages.shared.cache import attempts, workbench
from pages.shared.link_card import note_failure
from pages.shared.look import account_label, literal
from pages.shared.popup import provider_answer
from pages.shared.state import current_session, remark, require_session, signed_in

PAPER_CHOICE = "Paper"
SAVED = "accounts.saved"
_CASH_ONLY = ""
_DOOR = "link.door.state"
_OPEN = "link.open"
_MODES = {Mode.PAPER: "Paper: play money", Mode.LIVE: "Live: real money"}
_MOST_LETTERS = 400


@dataclass(frozen=True, slots=True)
class Door:
    """The broker's page for a pop-up, with the state that has to come back."""

    state: str = field(repr=False)
    url: str = field(repr=False)

    def authorize_url(self, _redirect_uri: str) -> str:
        """The page to open; its address was made with our own in it."""
        return self.url


def show_way_to_link(session: Session) -> None:
    """The button; a demo says why not."""
    help = "The demo keeps nothing, so it links nothing. Sign in to link a broker." if session.user.demo else None
    st.button(
        "Link a broker",
        key="accounts.link",
        icon=":material/add_link:",
        disabled=bool(help),
        help=help,
        on_click=open_dialog,
    )
    if st.session_state.get(_OPEN) and not session.user.demo:
        ask_for_link()


@signed_in
def open_dialog() -> None:
    """Callback: open until a broker is linked or the dialog dismissed, whatever else runs the page meanwhile."""
    st.session_state[_OPEN] = True


@signed_in
def link_again(link_id: str) -> None:
    """Callback: the dialog for a link that has ended, with as much done as can be without asking."""
    session = current_session()
    links = workbench().links
    link = next((link for link in links.of_user(session.user.id) if link.id == link_id), None) if session else None
    kind = next((kind for kind in links.kinds if link and kind.id == link.broker), None)
    if session is None or link is None or kind is None:
        return
    st.session_state[_OPEN] = True
    st.session_state["link.broker"] = kind.name
    way = next((way for way in kind.ways if way.id == link.way), None)
    if way is None:
        return
    st.session_state[f"link.way.{kind.id}"] = way.label
    st.session_state[f"link.mode.{kind.id}.{way.id}"] = link.mode
    if way.comeback == Comeback.CODE:
        try:
            links.again(session.user.id, link_id)
        except AllocationError as error:
            remark(error.message)


@signed_in
def close_dialog() -> None:
    """Callback: nothing was linked."""
    st.session_state.pop(_OPEN, None)


@st.dialog("Link a broker", icon=":material/add_link:", width="medium", on_dismiss=close_dialog)
def ask_for_link() -> None:
    """Which broker, and what it asks for."""
    session = require_session()
    kinds = {kind.name: kind for kind in workbench().links.kinds}
    names = [PAPER_CHOICE, *kinds]
    st.session_state.setdefault("link.broker", PAPER_CHOICE)
    chosen = st.segmented_control("Broker", names, key="link.broker", required=True)
    kind = kinds.get(str(chosen))
    if kind is None:
        show_paper(session)
    else:
        show_kind(session, kind)


# ── A paper account ─────────────────────────────────────────────────────────────────────────────────────────────────


def show_paper(session: Session) -> None:
    """Open a paper account: what it begins with, and how it deals."""
    st.caption("Rehearse with play money: orders are filled here, at the prices your pages show, and go nowhere else.")
    accounts = {account.id: account for account in session.accounts.list()}
    labels = {_CASH_ONLY: "Cash only", **{key: f"The holdings of {account_label(a)}" for key, a in accounts.items()}}
    start = st.selectbox("Begin with", list(labels), key="link.paper.start", format_func=labels.__getitem__)
    with st.form("link.paper", border=False, enter_to_submit=False):
        proposed = f"{accounts[start].own_name} on paper" if start else "Paper account"
        name = st.text_input("Name", proposed[:LONGEST_NAME], max_chars=LONGEST_NAME, key=f"link.paper.name.{start}")
        cash = "" if start else st.text_input("Cash in USD", "100000", key="link.paper.cash", max_chars=20)
        with st.expander("How it deals"):
            told = ask_terms()
        pressed = st.form_submit_button("Open paper account", type="primary", width="stretch")
    if pressed:
        open_paper(session, name, start, cash, told)


def ask_terms() -> dict[str, str | bool]:
    """The terms as typed."""
    left, right = st.columns(2)
    return {
        "spread": left.text_input("Spread, %", "0.02", key="link.paper.spread", help="Between bid and ask."),
        "commission": right.text_input("Commission per order", "0", key="link.paper.commission"),
        "rate": left.text_input("Commission, % of value", "0", key="link.paper.rate"),
        "share": right.text_input(
            "Filled at a look, %", "100", key="link.paper.share", help="Less than 100 fills in parts."
        ),
        "fractional": left.checkbox("Parts of a share", value=True, key="link.paper.fractional"),
        "hours": right.checkbox("Keeps exchange hours", value=False, key="link.paper.hours"),
    }


def open_paper(session: Session, name: str, start: str, cash: str, told: Mapping[str, str | bool]) -> None:
    """Open it, or say what is not right."""
    try:
        begin = session.store.portfolio(session.user.id, start) if start else cash_alone(cash)
        opened = workbench().links.open_paper(session.user.id, name, begin, terms_of(told))
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.session_state[SAVED] = (opened.account.id,)
    select_account(session, opened.account.id)
    st.session_state.pop(_OPEN, None)
    st.rerun()


def cash_alone(text: str) -> Portfolio:
    """An account of nothing but cash."""
    cash = to_decimal(text.replace(",", ""), "Cash in USD")
    if cash < 0:
        raise NumberError("Cash in USD", text, "an amount that is not below zero")
    return Portfolio(Account(PAPER_CHOICE, PAPER_CHOICE), (), cash)


def terms_of(told: Mapping[str, str | bool]) -> PaperTerms:
    """The terms in numbers."""

    def percent(name: str, label: str) -> Decimal:
        return to_decimal(str(told[name]), label) / 100

    return PaperTerms(
        spread=percent("spread", "The spread"),
        commission=to_decimal(str(told["commission"]), "The commission per order"),
        commission_rate=percent("rate", "The commission in percent"),
        fill_share=percent("share", "What is filled at a look"),
        fractional=bool(told["fractional"]),
        keeps_hours=bool(told["hours"]),
    )


# ── A broker outside ────────────────────────────────────────────────────────────────────────────────────────────────


def show_kind(session: Session, kind: BrokerKind) -> None:
    """One broker: the way, paper or live, and what it asks for."""
    ways = {way.label: way for way in kind.ways}
    label = next(iter(ways))
    if len(ways) > 1:
        label = st.radio("How", list(ways), key=f"link.way.{kind.id}", horizontal=True)
    way = ways[str(label)]
    modes = f"link.mode.{kind.id}.{way.id}"
    mode = st.radio("Which account", way.modes, key=modes, format_func=_MODES.__getitem__, horizontal=True)
    if way.about:
        st.caption(literal(way.about))
    if mode == Mode.LIVE:
        st.caption(":material/bolt: Holdings and orders of this link are real. Every order is asked for once more.")
    if way.comeback == Comeback.CALLBACK:
        show_door(session, kind, way, mode)
        return
    under_way = workbench().links.errand(session.user.id, kind.id)
    if under_way is not None and (under_way[0].way, under_way[0].mode) == (way.id, mode):
        show_code(session, kind, under_way[1])
    else:
        show_form(session, kind, way, mode)


def show_form(session: Session, kind: BrokerKind, way: Way, mode: Mode) -> None:
    """What the broker asks for. Cleared when it is sent, whatever comes of it."""
    with st.form(f"link.form.{kind.id}.{way.id}", border=False, clear_on_submit=True):
        filled = {
            asked.name: st.text_input(
                asked.label,
                key=f"link.{kind.id}.{way.id}.{asked.name}",
                type="password" if asked.secret else "default",
                max_chars=_MOST_LETTERS,
                help=asked.help or None,
                autocomplete="off",
            )
            for asked in way.asks
        }
        label = f"Link {kind.name}" if way.comeback == Comeback.NONE else f"Continue to {kind.name}"
        pressed = st.form_submit_button(label, type="primary", width="stretch")
    if not pressed:
        return
    try:
        begun = workbench().links.begin(session.user.id, kind.id, way.id, mode, filled)
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    if isinstance(begun, Errand):
        st.rerun(scope="fragment")
    bring_in(session, begun)


def show_code(session: Session, kind: BrokerKind, errand: Errand) -> None:
    """The broker's page, and a place for the code that it shows."""
    st.markdown(
        f"1. Open {literal(kind.name)}, sign in there and agree.\n2. Copy the code it shows, and enter it here."
    )
    st.link_button(f"Open {kind.name}", errand.url, icon=":material/open_in_new:", width="stretch")
    with st.form(f"link.code.{kind.id}", border=False, clear_on_submit=True):
        code = st.text_input("Code", key=f"link.code.text.{kind.id}", max_chars=40, autocomplete="one-time-code")
        pressed = st.form_submit_button("Finish", type="primary", width="stretch")
    if pressed:
        finish(session, kind, {"code": code})
    if st.button("Start over", key=f"link.again.{kind.id}", type="tertiary"):
        workbench().links.drop_errands(session.user.id, kind.id)
        st.rerun(scope="fragment")


def show_door(session: Session, kind: BrokerKind, way: Way, mode: Mode) -> None:
    """A button with the broker's own sign-in in a window; the answer comes to our own address."""
    try:
        address = callback_address(workbench().settings.base_url, st.context.url or "")
        door = door_to(workbench().links, session, kind, way, mode, address)
        name = hashlib.sha256(door.state.encode()).hexdigest()[:8]
        answer = provider_answer(f"Sign in at {kind.name}", door, address, f"link.door.{kind.id}.{name}")
    except SignInRefusedError as error:
        workbench().links.drop_errands(session.user.id, kind.id)
        st.error(literal(str(error)), icon=":material/error:")
        return
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    if answer is not None:
        finish(session, kind, {"code": str(answer.get("code", ""))})


def door_to(links: Links, session: Session, kind: BrokerKind, way: Way, mode: Mode, address: str) -> Door:
    """The way there that is open already, or a new one."""
    under_way = links.errand(session.user.id, kind.id)
    if under_way is not None and (under_way[0].way, under_way[0].mode) == (way.id, mode):
        state = parse_qs(urlsplit(under_way[1].url).query).get("state", [""])[0]
        if state == st.session_state.get(_DOOR):  # one that this tab opened: another browser's answer is not for us
            return Door(state, under_way[1].url)
    state = st.session_state[_DOOR] = attempts().new_state(browser_key())
    begun = links.begin(session.user.id, kind.id, way.id, mode, {}, Callback(address, state))
    return Door(state, begun.url if isinstance(begun, Errand) else "")


def finish(session: Session, kind: BrokerKind, answer: Mapping[str, str]) -> None:
    """Link with what the user brought back, or say what is not right."""
    try:
        link = workbench().links.finish(session.user.id, kind.id, answer)
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    bring_in(session, link)


def bring_in(session: Session, link: Link) -> None:
    """The accounts behind a new link; what goes wrong now is said on the page, where it can be tried again."""
    try:
        refreshed = workbench().links.refresh(session.user.id, link.id)
        saved = tuple(portfolio.account.id for portfolio in refreshed.saved)
        st.session_state[SAVED] = saved
        if saved:
            select_account(session, saved[0])
        for refused in refreshed.refused:
            note_failure(link, refused)
    except AllocationError as error:
        note_failure(link, error)
    st.session_state.pop(_OPEN, None)
    st.rerun()
