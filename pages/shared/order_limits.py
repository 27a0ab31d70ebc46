"""The kill switch of an account, and what its orders may be at most."""

from decimal import Decimal

import streamlit as st

from allocation.allocation import Session
from allocation.authorisation import Verb
from allocation.errors import AllocationError
from allocation.limits import Limits
from allocation.money import to_decimal
from pages.shared.cache import workbench
from pages.shared.look import literal
from pages.shared.order_preview import forget_review
from pages.shared.state import remark, require_session, signed_in


def show_switch(session: Session, account_id: str) -> None:
    """Whether orders of the account are stopped, and the way to stop them or let them go on."""
    stop = workbench().orders.stop_of(session.user.id, account_id)
    why_not = session.accounts.why_not(Verb.SEND_ORDERS)
    if stop is not None:
        st.error(
            literal(f"Since {stop.at:%d %b %Y %H:%M} UTC no order of this account is sent: {stop.reason}"),
            title="Orders are stopped",
            icon=":material/dangerous:",
        )
        st.button(
            "Let orders be sent again",
            icon=":material/lock_open:",
            key="orders.let_go",
            on_click=_let_go,
            args=(account_id,),
            disabled=bool(why_not),
        )
        return
    with st.container(horizontal=True, horizontal_alignment="right", key="orders-switch"):
        st.button(
            "Stop all orders",
            icon=":material/dangerous:",
            key="orders.stop",
            on_click=_stop,
            args=(account_id,),
            disabled=bool(why_not),
            help="The kill switch: no order of this account leaves any more, until somebody lets them go on.",
        )


def show_limits(session: Session, account_id: str) -> None:
    """The account's limits, to be changed by its owners."""
    limits = workbench().orders.limits(session.user.id, account_id)
    why_not = session.accounts.why_not(Verb.SET_LIMITS)
    with st.expander("Limits for orders", icon=":material/speed:"), st.form("orders.limits", border=False):
        first, second, third = st.columns(3)
        share = first.number_input("One order, % of the portfolio", 0.1, 100.0, float(limits.order_share * 100), 1.0)
        value = second.number_input(
            "One order, in money", 0.0, 1e12, float(limits.order_value or 0), 1000.0, help="0: no such limit"
        )
        turnover = third.number_input("Turnover without asking, %", 0.1, 100.0, float(limits.turnover * 100), 5.0)
        collar = first.number_input("Price may move, %", 0.01, 100.0, float(limits.collar * 100), 0.25)
        minutes = second.number_input("Age of a price, minutes", 1, 100_000, limits.quote_minutes)
        orders = third.number_input("Orders at once", 1, 10_000, limits.orders)
        rate = first.number_input("Orders a minute", 1, 10_000, limits.orders_per_minute)
        again = second.number_input("Same order again after, minutes", 0, 100_000, limits.duplicate_minutes)
        hours = third.checkbox("Only while the exchange is open", limits.market_hours)
        pressed = st.form_submit_button("Save limits", disabled=bool(why_not))
        if why_not:
            st.caption(f":material/lock: {literal(why_not)}")
    if pressed:
        _save(
            account_id,
            order_share=_part(share),
            order_value=to_decimal(value) if value else None,
            turnover=_part(turnover),
            orders=int(orders),
            orders_per_minute=int(rate),
            collar=_part(collar),
            quote_minutes=int(minutes),
            duplicate_minutes=int(again),
            market_hours=bool(hours),
        )


def _part(percent: float) -> Decimal:
    return to_decimal(percent) / 100


def _save(account_id: str, **told: object) -> None:
    session = require_session()
    forget_review()
    try:
        workbench().orders.save_limits(session.user.id, account_id, Limits(**told))  # type: ignore[arg-type]
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.toast("The limits are saved.", icon=":material/check:")


@signed_in
def _stop(account_id: str) -> None:
    """Callback: the kill switch."""
    session = require_session()
    forget_review()
    try:
        workbench().orders.stop(session.user.id, account_id, f"{session.user.name} pressed stop.")
    except AllocationError as error:
        remark(str(error))


@signed_in
def _let_go(account_id: str) -> None:
    """Callback: orders may be sent again."""
    session = require_session()
    forget_review()
    try:
        workbench().orders.let_go(session.user.id, account_id)
    except AllocationError as error:
        remark(str(error))
