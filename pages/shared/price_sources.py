"""The order of price sources: shown, and changed, in a popover of the price panel."""

import streamlit as st

from allocation.allocation import Session
from allocation.model import PriceSource
from allocation.price_order import DEFAULT_ORDER, PriceOrder, move_up
from pages.shared.look import literal
from pages.shared.state import require_session, signed_in

_NAMES = {
    PriceSource.MANUAL: "Entered by hand",
    PriceSource.FILE: "The broker's own",
    PriceSource.YAHOO: "Yahoo",
    PriceSource.ALPACA: "Alpaca",
}


def price_sources(session: Session) -> None:
    """A popover with the user's order. Without anything to fetch from there is nothing to put in order."""
    if not session.market.can_refresh:
        return
    order = session.store.price_order(session.user.id)
    with st.popover("Price sources", icon=":material/swap_vert:", width="content"):
        st.markdown("**Whose price counts**")
        st.caption(
            "The first of these whose price is current, symbol by symbol. A price is current until its exchange has traded "
            "for a quarter of an hour since; one entered by hand, until you remove it. Where none is, the newest counts. The "
            "broker's own price came with your holdings, in a file or over a link."
        )
        for place, source in enumerate(order):
            _row(session, place, source)
        if order != DEFAULT_ORDER:
            st.button(
                "Usual order", icon=":material/undo:", key="prices.order.usual", on_click=_keep, args=(DEFAULT_ORDER,)
            )


def _row(session: Session, place: int, source: PriceSource) -> None:
    absent = source == PriceSource.ALPACA and source not in session.market.sources
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(literal(f"{place + 1}. {_NAMES[source]}{' (no keys here)' if absent else ''}"), width="content")
        st.button(
            "Earlier",
            icon=":material/arrow_upward:",
            key=f"prices.earlier.{source.value}",
            help=f"Ask {_NAMES[source]} one place earlier",
            disabled=place == 0,
            on_click=_earlier,
            args=(source,),
        )


@signed_in
def _earlier(source: PriceSource) -> None:
    """Callback: one place up."""
    session = require_session()
    order = session.store.price_order(session.user.id)
    session.store.save_price_order(session.user.id, move_up(order, source))


@signed_in
def _keep(order: PriceOrder) -> None:
    """Callback: this order."""
    session = require_session()
    session.store.save_price_order(session.user.id, order)
