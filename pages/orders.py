"""How do the trades become orders? A last look at fresh prices, one confirmation, and what became of each order."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from allocation.allocation import Session
from allocation.journal import Batch
from allocation.linking import LinkedAccount, LinkState
from pages.shared.cache import workbench
from pages.shared.link_card import linked_accounts, show_mode
from pages.shared.look import account_header, literal, no_account
from pages.shared.order_limits import show_limits, show_switch
from pages.shared.order_preview import show_preview
from pages.shared.order_progress import show_batch
from pages.shared.state import require_session

_SILENT_FOR = timedelta(seconds=20)
_NEWS_FOR = timedelta(minutes=10)
_EARLIER = 10


def show_page() -> None:
    """The chosen account's orders, or the way to an account."""
    session = require_session()
    if session.accounts.selected_id is None:
        no_account()
        return
    portfolio = session.accounts.get_portfolio()
    account_header(portfolio)
    linked = linked_accounts(session).get(portfolio.account.id)
    if linked is None:
        show_not_linked(session)
        return
    show_mode(linked)
    if linked.link.state == LinkState.ENDED:
        st.warning(literal(linked.link.reason), icon=":material/link_off:")
    show_orders(session, portfolio.account.id, linked)


def show_not_linked(session: Session) -> None:
    """An account without a broker: its trades can be taken along as a file, but nothing can be sent."""
    if session.user.demo:
        st.info(
            "The demo sends nothing. Sign in with an account of your own, open a paper account with its holdings, and "
            "practise with orders that cost nothing.",
            icon=":material/science:",
        )
        return
    st.info(
        "This account is not linked to a broker, so nothing can be sent from here. Link your broker, or open a paper account "
        "with these holdings and rehearse.",
        icon=":material/link:",
    )
    st.page_link("pages/accounts.py", label="Open accounts", icon=":material/account_balance:")


def show_orders(session: Session, account_id: str, linked: LinkedAccount) -> None:
    """What is under way before what could be sent next, then what was."""
    batches = workbench().orders.batches(session.user.id, account_id, _EARLIER)
    current = batches[0] if batches and batches[0].closed_at is None else None
    show_switch(session, account_id)
    if current is not None:
        show_worker(current)
        show_batch(account_id, current.id)
    elif batches and _is_news(batches[0]):
        st.subheader("Your orders", anchor=False)
        show_batch(account_id, batches[0].id)
        st.subheader("Next", anchor=False)
        show_preview(session, account_id, linked)
    else:
        show_preview(session, account_id, linked)
        if batches:
            st.subheader("Last orders", anchor=False)
            show_batch(account_id, batches[0].id)
    show_earlier(account_id, batches[1:])
    show_limits(session, account_id)


def _is_news(batch: Batch) -> bool:
    """Whether it ended a moment ago, so that its user still waits for how it ended."""
    return batch.closed_at is not None and datetime.now(UTC) - batch.closed_at < _NEWS_FOR


def show_worker(batch: Batch) -> None:
    """Whether anybody is there to send: a page never does it itself."""
    if workbench().settings.executor == "embedded":
        return
    since = datetime.now(UTC) - _SILENT_FOR
    if not workbench().orders.heartbeats(since) and batch.closed_at is None:
        st.warning(
            "No worker is running, so nothing is sent. Whoever runs Evenkeel starts it with "
            "`python -m allocation orders work`.",
            icon=":material/engineering:",
        )


def show_earlier(account_id: str, batches: tuple[Batch, ...]) -> None:
    """The account's batches before the last one."""
    for batch in batches:
        label = f"{batch.reviewed_at:%d %b %Y %H:%M} UTC · {len(batch.lines)} orders"
        with st.expander(label, icon=":material/receipt_long:"):
            show_batch(account_id, batch.id, finished=True)


show_page()
