"""What an account's card says of its broker: paper or live, how old its holdings are, and what can be done with the link."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import streamlit as st

from allocation.allocation import Session
from allocation.brokers import BrokerAnswerError, Mode
from allocation.errors import AllocationError
from allocation.linking import Link, LinkedAccount, LinkState
from allocation.links import PAPER
from allocation.model import Account
from allocation.moments import age_text
from pages.shared.cache import workbench
from pages.shared.look import count, literal, money
from pages.shared.state import remark

Again = Callable[[str], None]  # begins to link anew, for a link's id
_VANISHED = "accounts.vanished"
_FAILED = "accounts.link_failed"
_UNLINKED = {
    PAPER: "It stays as it is, with no orders any more. Its paper orders are kept, and there again when you open another.",
    "": "Its holdings and its target stay as they are now.",
}


def linked_accounts(session: Session) -> dict[str, LinkedAccount]:
    """The links of the accounts this user sees, by the account's id; a demo has none."""
    return {} if session.user.demo else workbench().links.linked(session.user.id)


def show_mode(linked: LinkedAccount) -> None:
    """PAPER or LIVE, so that nobody takes one for the other, and how old the holdings are."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        show_badge(linked.link.mode)
        if linked.link.state == LinkState.ENDED:
            st.badge("Link ended", icon=":material/link_off:", color="orange")
        age = age_text(linked.refreshed_at, datetime.now(UTC))
        st.caption(literal(f"{workbench().links.name_of(linked.link.broker)} · refreshed {age}"))


def show_gains(session: Session, account: Account, linked: LinkedAccount) -> None:
    """What the sales of a paper account gained so far."""
    gains = workbench().links.paper_gains(session.user.id, account.id) if linked.link.broker == PAPER else ()
    if not gains:
        return
    known = sum((each.gain for each in gains if each.gain is not None), Decimal(0))
    missing = sum(each.gain is None for each in gains)
    beside = f", without {count(missing, 'sale')} of unknown cost" if missing else ""
    st.caption(literal(f"Realised by sales: {money(known, account.currency)}{beside}"))


def show_badge(mode: Mode) -> None:
    """The mode as one word in a colour of its own."""
    if mode == Mode.LIVE:
        st.badge("LIVE", icon=":material/bolt:", color="red")
    else:
        st.badge("PAPER", icon=":material/description:", color="blue")


def show_trouble(session: Session, account: Account, linked: LinkedAccount, again: Again) -> None:
    """What keeps the link from working, or what the last refresh met, and the way on."""
    link = linked.link
    if link.state == LinkState.ENDED:
        st.warning(literal(link.reason), icon=":material/link_off:")
        if linked.owner_id == session.user.id:
            show_again(link, again, account.id)
        return
    failed = st.session_state.get(f"{_FAILED}.{link.id}")
    if failed is None or linked.owner_id != session.user.id:
        return
    st.error(literal(failed), icon=":material/error:")
    if st.session_state.get(f"{_VANISHED}.{link.id}"):
        label = "The account is empty: replace what was saved"
        if st.button(label, key=f"accounts.vanished.confirm.{account.id}"):
            refresh(session, link, confirmed=True)


def show_link_actions(session: Session, account: Account, linked: LinkedAccount) -> None:
    """Refresh and unlink, for whoever the link belongs to."""
    link = linked.link
    if linked.owner_id != session.user.id:
        return
    working = link.state == LinkState.WORKING
    if st.button("Refresh", key=f"accounts.refresh.{account.id}", icon=":material/sync:", disabled=not working):
        refresh(session, link)
    with st.popover("Unlink"):
        shown_as = "Paper" if link.broker == PAPER else link.name
        st.write(f"Unlink {literal(account.name)} from {literal(shown_as)}?")
        st.caption(_UNLINKED.get(link.broker, _UNLINKED[""]))
        if st.button("Unlink now", key=f"accounts.unlink.{account.id}", icon=":material/link_off:"):
            unlink(session, link)


def show_again(link: Link, again: Again, place: str) -> None:
    """The way to link it again. Several accounts may be behind one link, each in its place."""
    key = f"accounts.again.{place}"
    st.button("Link again", key=key, icon=":material/link:", type="primary", on_click=again, args=(link.id,))


def show_loose_links(session: Session, linked: dict[str, LinkedAccount], again: Again) -> None:
    """Links that brought no account yet: their first refresh failed, or the account was removed here."""
    if session.user.demo:
        return
    attached = {each.link.id for each in linked.values()}
    for link in workbench().links.of_user(session.user.id):
        if link.id not in attached and link.broker != PAPER:
            show_loose_link(session, link, again)


def show_loose_link(session: Session, link: Link, again: Again) -> None:
    """One of them, with what can be done."""
    with st.container(border=True, key=f"accounts-link-{link.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{literal(workbench().links.name_of(link.broker))}**")
            show_badge(link.mode)
        trouble = link.reason or st.session_state.get(f"{_FAILED}.{link.id}")
        st.caption(literal(trouble or "Linked; none of its accounts is here. Refresh to bring them in."))
        with st.container(horizontal=True):
            working = link.state == LinkState.WORKING
            if st.button("Refresh", key=f"accounts.refresh.{link.id}", icon=":material/sync:", disabled=not working):
                refresh(session, link)
            if not working:
                show_again(link, again, link.id)
            if st.button("Unlink", key=f"accounts.unlink.{link.id}", icon=":material/link_off:"):
                unlink(session, link)


def refresh(session: Session, link: Link, *, confirmed: bool = False) -> None:
    """Bring the accounts behind a link up to date; what goes wrong is said on the card."""
    for key in (_FAILED, _VANISHED):
        st.session_state.pop(f"{key}.{link.id}", None)
    try:
        refreshed = workbench().links.refresh(session.user.id, link.id, confirmed=confirmed)
    except AllocationError as error:
        note_failure(link, error)
    else:
        for refused in refreshed.refused:
            note_failure(link, refused)
    st.rerun()


def note_failure(link: Link, error: AllocationError) -> None:
    """Keep the sentence for the card; the link's own state is in the database."""
    st.session_state[f"{_FAILED}.{link.id}"] = error.message
    if isinstance(error, BrokerAnswerError) and error.code == "HOLDINGS_VANISHED":
        st.session_state[f"{_VANISHED}.{link.id}"] = True


def unlink(session: Session, link: Link) -> None:
    """Forget the link; a broker that could not be told is named."""
    try:
        left = workbench().links.unlink(session.user.id, link.id)
    except AllocationError as error:
        st.error(literal(str(error)))
        return
    name = workbench().links.name_of(link.broker)
    remark(f"Unlinked from {name}." if left is None else f"Unlinked here. {name} could not be told: {left.message}")
    st.rerun()
