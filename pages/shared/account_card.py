"""One account on the Accounts page: what it is, what it is worth, whose it is, and what can be done with it."""

from datetime import UTC, datetime

import streamlit as st

from allocation.allocation import Session, prices_at_hand, select_account
from allocation.authorisation import Role, Verb
from allocation.errors import AllocationError, listed
from allocation.imported import LONGEST_NAME
from allocation.linking import LinkedAccount
from allocation.model import Account, Portfolio, TaxTreatment
from allocation.price_text import prices_line
from allocation.valuation import printed_total, value_portfolio
from pages.shared.cache import workbench
from pages.shared.link_card import show_gains, show_link_actions, show_mode, show_trouble
from pages.shared.link_dialog import link_again
from pages.shared.look import beside_total, count, literal, money

TAXED = {
    TaxTreatment.TAXABLE: "Taxable",
    TaxTreatment.TAX_DEFERRED: "Tax-deferred (IRA, 401(k))",
    TaxTreatment.TAX_FREE: "Tax-free (Roth, HSA)",
}


def show_account(session: Session, account: Account, linked: LinkedAccount | None = None) -> None:
    """One account as a card: what it is, what it is worth, and what can be done with it."""
    portfolio = session.store.portfolio(session.user.id, account.id)
    with st.container(border=True, key=f"accounts-card-{account.id}"):
        about, worth, actions = st.columns([4, 3, 4], vertical_alignment="center")
        with about:
            st.subheader(literal(account.name), anchor=False)
            st.caption(literal(facts_of(portfolio)))
            show_role(session, account)
            if linked is not None:
                show_mode(linked)
                show_gains(session, account, linked)
        with worth:
            show_worth(session, portfolio)
        with actions, st.container(horizontal=True, horizontal_alignment="right"):
            show_actions(session, account)
            if linked is not None:
                show_link_actions(session, account, linked)
        if linked is not None:
            show_trouble(session, account, linked, link_again)


def show_role(session: Session, account: Account) -> None:
    """What the user is to an account that is not theirs alone to decide on."""
    role = session.accounts.role(account.id)
    if role != Role.OWNER:
        st.badge(f"Shared with you as {role}", icon=":material/group:", color="blue")


def facts_of(portfolio: Portfolio) -> str:
    """Broker, masked number, taxes, lines and date in one line."""
    account = portfolio.account
    lines = count(len(portfolio.positions), "position")
    aside = f"{len(portfolio.set_aside)} not traded" if portfolio.set_aside else ""
    dated = f"as of {portfolio.as_of.day} {portfolio.as_of:%b %Y}" if portfolio.as_of else ""
    taxed = TAXED[account.tax_treatment].split(" (", maxsplit=1)[0]
    return " · ".join(filter(None, (account.broker, account.masked_number, taxed, lines, aside, dated)))


def show_worth(session: Session, portfolio: Portfolio) -> None:
    """The value at the best prices at hand, with their source and age."""
    now = datetime.now(UTC)
    at_hand = prices_at_hand(session, portfolio, portfolio.symbols, now)
    quotes, valuation = at_hand.quotes, value_portfolio(portfolio, at_hand.quotes, at_hand.rates)
    currency = portfolio.account.currency
    st.markdown(f"**{literal(money(printed_total(portfolio, valuation), currency))}**")
    if beside := beside_total(portfolio, valuation):
        st.caption(literal(beside))
    if valuation.unrated:
        st.caption(literal(f"No exchange rate for {listed(valuation.unrated)}: not in the value."))
    passed = session.market.sessions_missed(quotes.values(), now)
    st.caption(literal(prices_line(quotes.values(), valuation.unpriced, now, passed)))


def show_actions(session: Session, account: Account) -> None:
    """Open; rename or remove after a second, deliberate click, for whoever may."""
    if st.button("Open", key=f"accounts.open.{account.id}", icon=":material/arrow_forward:"):
        select_account(session, account.id)
        st.switch_page("pages/rebalance.py")
    why_not = literal(session.accounts.why_not(Verb.RENAME, account.id))
    with st.popover("Rename", disabled=bool(why_not), help=why_not or None):
        key = f"accounts.rename.name.{account.id}"
        st.text_input("Account name", account.own_name, key=key, max_chars=LONGEST_NAME)
        if st.button("Save name", key=f"accounts.rename.{account.id}"):
            rename(session, account, st.session_state[key])
    why_not = literal(session.accounts.why_not(Verb.REMOVE, account.id))
    with st.popover("Remove", disabled=bool(why_not), help=why_not or None):
        st.write(f"Remove {literal(account.name)} with its holdings and its target? This cannot be undone.")
        if st.button("Remove for good", key=f"accounts.remove.{account.id}", icon=":material/delete:"):
            remove(session, account)


def rename(session: Session, account: Account, name: str) -> None:
    """Give the account another name, or say why not."""
    try:
        session.store.rename_account(session.user.id, account.id, name)
    except AllocationError as error:
        st.error(literal(str(error)))
        return
    st.rerun()


def remove(session: Session, account: Account) -> None:
    """Forget the account; one that another tab removed already is gone all the same."""
    try:
        if session.user.demo:
            session.store.remove_account(session.user.id, account.id)
        else:
            workbench().links.remove_account(session.user.id, account.id)
    except AllocationError as error:
        st.error(literal(str(error)))
        return
    if session.accounts.selected_id == account.id:
        session.accounts.select_none()
    st.rerun()
