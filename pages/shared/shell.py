"""The frame of every page: the table of pages, the gate before them, and who and which account at the side."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from allocation.allocation import Session, select_account
from allocation.errors import AccountNotFoundError, SettingsError
from allocation.model import Account
from pages.shared import brand, ending, invitation, metrics, state
from pages.shared.browser import ENTER_PATH

ROOT = Path(__file__).resolve().parents[2]
_PICKER = "shell.account"
_OUT_OF_THE_WAY = "<style>.st-key-shell-cookie {position: absolute; opacity: 0;}</style>"

_DIRECT = "Sign in"
# Whoever is signed in is led on from here at once. A ticket shown on the way would be void before it is used.
_LEADING_ON = (brand.NAME, _DIRECT)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table of pages."""

    file: str
    title: str
    icon: str

    @property
    def exists(self) -> bool:
        """Whether this version has the page."""
        return (ROOT / self.file).is_file()


SIGN_IN = Entry("pages/sign_in.py", brand.NAME, ":material/balance:")
REBALANCE = Entry("pages/rebalance.py", "Rebalance", ":material/balance:")
ACCOUNTS = Entry("pages/accounts.py", "Accounts", ":material/account_balance:")
SHARING = Entry("pages/teams.py", "Sharing", ":material/group:")
PAGES = (
    REBALANCE,
    Entry("pages/holdings.py", "Holdings", ":material/pie_chart:"),
    ACCOUNTS,
    SHARING,
    Entry("pages/orders.py", "Orders", ":material/receipt_long:"),
    Entry("pages/history.py", "History", ":material/history:"),
    Entry("pages/security.py", "Security", ":material/lock:"),
)


def show() -> None:
    """Run the page at the visitor's address; a visitor who is not signed in gets sign-in at every address."""
    # Before the table of pages: or else Streamlit fetches the page's icon from the internet to show it on the tab.
    st.set_page_config(brand.NAME, brand.MARK, layout="wide")
    session = _session_or_fault()
    page = _page_at_address(signed_in=session is not None)
    if page.title != brand.NAME:
        st.set_page_config(f"{page.title} · {brand.NAME}")
    invited = invitation.caught()  # before the gate: nobody's address keeps it, signed in or not
    if session is not None:
        if invited or (not session.user.demo and invitation.waited()):
            st.switch_page(ROOT / SHARING.file)
        state.selected_account(session)
        if page.title not in _LEADING_ON:
            _fetch_cookie()
        _sidebar(session)
        ending.watch()
    with metrics.one_run(page.title):
        _run(page, session)
    state.tell_aside()


def _run(page: Page, session: Session | None) -> None:
    try:
        page.run()
    except AccountNotFoundError:
        if session is None or not state.gone_meanwhile(session):
            raise
        st.rerun()


def first_page(session: Session) -> str:
    """Where work begins: at the trades, or at bringing in the first account."""
    return (REBALANCE if session.accounts.list() or not ACCOUNTS.exists else ACCOUNTS).file


def _session_or_fault() -> Session | None:
    """Whoever is signed in; an installation that cannot work says so, at every address, and goes no further."""
    try:
        return state.current_session()
    except SettingsError as error:
        st.error(str(error), icon=":material/settings:")
        st.stop()


def _page_at_address(*, signed_in: bool) -> Page:
    # Sign-in has the address "/" and, as long as nobody is signed in, every other one too: the address asked for
    # stays in the browser with its query, and is simply there once the visitor is signed in.
    start = st.Page(ROOT / SIGN_IN.file, title=SIGN_IN.title, url_path="start", default=True, visibility="hidden")
    others = [
        st.Page(
            ROOT / (entry.file if signed_in else SIGN_IN.file),
            title=entry.title,
            icon=entry.icon,
            url_path=Path(entry.file).stem,
        )
        for entry in PAGES
        if entry.exists
    ]
    direct = st.Page(ROOT / SIGN_IN.file, title=_DIRECT, url_path="sign_in", visibility="hidden")
    return st.navigation([start, *others, direct], position="sidebar" if signed_in else "hidden")


def _fetch_cookie() -> None:
    """Have the browser fetch the cookie of a session that began in this tab: a script of Streamlit's cannot set one."""
    ticket = state.ticket()
    if ticket:
        st.html(_OUT_OF_THE_WAY)
        with st.container(key="shell-cookie"):
            st.html(f'<img src="{ENTER_PATH}?ticket={ticket}" alt="" width="1" height="1">')


def _sidebar(session: Session) -> None:
    st.logo(brand.wordmark(), size="large", icon_image=brand.MARK)
    with st.sidebar:
        _account_picker(session)
        with st.container(key="shell-user"):
            who = session.user
            st.caption("You are exploring the demo: sample data, nothing is kept." if who.demo else "Signed in as")
            if not who.demo:
                st.text(who.email or who.name)
            st.button(
                "Sign out", key="shell.sign_out", icon=":material/logout:", on_click=state.sign_out, width="stretch"
            )


def _account_picker(session: Session) -> None:
    accounts = {account.id: account for account in session.accounts.list()}
    if not accounts:
        st.caption("No account yet. Bring one in on the Accounts page.")
        return
    st.session_state[_PICKER] = session.accounts.selected_id
    st.selectbox(
        "Account",
        list(accounts),
        key=_PICKER,
        format_func=lambda account_id: _name_of(accounts[account_id]),
        on_change=_choose,
    )


def _choose() -> None:
    session = state.current_session()
    chosen = st.session_state.get(_PICKER)
    if session is None or chosen is None:
        return
    try:
        select_account(session, chosen)
    except AccountNotFoundError as error:  # taken away meanwhile, or asked for past the list
        state.remark(str(error))


def _name_of(account: Account) -> str:
    return " · ".join(filter(None, (account.name, account.masked_number)))
