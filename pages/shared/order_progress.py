"""What becomes of a batch: every order as the journal has it, what a person has to decide, and fills against plan."""

from datetime import timedelta
from decimal import Decimal

import pandas as pd
import streamlit as st
from streamlit.column_config import NumberColumn, TextColumn

from allocation.allocation import Session
from allocation.authorisation import Verb
from allocation.errors import AllocationError
from allocation.journal import FOR_A_PERSON, Batch, Decision, Intent, Line, LineState
from allocation.trade_plan import Side
from pages.shared.cache import embedded_worker, workbench
from pages.shared.look import NOT_KNOWN, count, literal, money
from pages.shared.state import remark, require_session, signed_in, still_signed_in
from pages.shared.tables import ROW_HEIGHT, grid_height

_EVERY = timedelta(seconds=1)
_WORDS = {
    LineState.REVIEWED: "Waiting",
    LineState.SUBMITTING: "Being sent",
    LineState.UNKNOWN: "Looking it up",
    LineState.ACCEPTED: "At the broker",
    LineState.PARTIAL: "Partly filled",
    LineState.FILLED: "Filled",
    LineState.CANCELLED: "Cancelled",
    LineState.REFUSED: "Refused",
    LineState.HOLD: "Needs you",
    LineState.CONFLICT: "Needs you",
    LineState.SKIPPED: "Not sent",
    LineState.SETTLED: "Settled by hand",
}
_DECISIONS = {
    Decision.SEND: ("Send it after all", ":material/send:"),
    Decision.SKIP: ("Leave it out", ":material/block:"),
    Decision.LOOK_AGAIN: ("Look again", ":material/search:"),
    Decision.SETTLE: ("I have seen to it at the broker", ":material/handshake:"),
}


def show_batch(account_id: str, batch_id: str, *, finished: bool = False) -> None:
    """A batch as it is now; one that is under way is looked at every second, whatever else its user does."""
    session = require_session()
    batch = workbench().orders.batch(session.user.id, account_id, batch_id)
    if finished or batch.closed_at is not None:
        _show(session, account_id, batch)
    else:
        _follow(session, account_id, batch_id)


@st.fragment(run_every=_EVERY)
def _follow(session: Session, account_id: str, batch_id: str) -> None:
    if not still_signed_in():
        st.rerun(scope="app")  # the page says that the session ended
    batch = workbench().orders.batch(session.user.id, account_id, batch_id)
    if batch.closed_at is not None:
        st.rerun(scope="app")  # what could be sent next is offered again
    _show(session, account_id, batch)


def _show(session: Session, account_id: str, batch: Batch) -> None:
    _show_headline(batch)
    _show_lines(batch)
    if batch.closed_at is None:
        _show_verbs(session, account_id, batch)
        _show_held(session, account_id, batch)
    else:
        _show_outcome(batch)


def _show_headline(batch: Batch) -> None:
    filled = sum(line.state == LineState.FILLED for line in batch.lines)
    sold, bought = (_filled_value(batch.of_side(side)) for side in (Side.SELL, Side.BUY))
    fees = sum((line.fees or Decimal(0) for line in batch.lines), Decimal(0))
    figures = {
        "Filled": f"{filled} of {len(batch.lines)}",
        "Sold": money(sold, batch.currency),
        "Bought": money(bought, batch.currency),
        "Fees": money(fees, batch.currency),
    }
    with st.container(horizontal=True, key=f"orders-progress-{batch.id[:8]}"):
        for label, figure in figures.items():
            st.metric(label, literal(figure), border=True)
    if batch.closed_at is not None and batch.paused_code and not filled:
        st.error(literal(batch.paused_reason), title="Nothing was sent", icon=":material/block:")
    elif batch.closed_at is not None:
        st.caption(f"Done at {batch.closed_at:%d %b %Y %H:%M:%S} UTC.")
    elif batch.paused_code:
        st.warning(literal(batch.paused_reason), title="Paused: nothing is sent", icon=":material/pause_circle:")
    elif batch.intent == Intent.STOP:
        st.info("Being called back: nothing more is sent, and what is open is cancelled.", icon=":material/undo:")
    else:
        st.info("Under way. You may leave this page; it goes on without it.", icon=":material/local_shipping:")


def _filled_value(lines: tuple[Line, ...]) -> Decimal:
    return sum((line.fill_value * line.rate for line in lines), Decimal(0))


def _show_lines(batch: Batch) -> None:
    st.dataframe(
        lines_frame(batch),
        key=f"orders.lines.{batch.id}",
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(batch.lines)),
        placeholder=NOT_KNOWN,
        column_config={
            "state": TextColumn("State", width=120),
            "side": TextColumn("Side", width=60),
            "symbol": TextColumn("Symbol", width=90),
            "planned": NumberColumn("Planned", format="localized", width=90),
            "filled": NumberColumn("Filled", format="localized", width=90),
            "price": NumberColumn("Planned price", format="%.2f", width=110),
            "paid": NumberColumn("Filled at", format="%.4f", width=100),
            "slippage": NumberColumn(
                "Slippage", format="%.2f", width=90, help="In money; above zero is worse than planned."
            ),
            "fees": NumberColumn("Fees", format="%.2f", width=80),
            "note": TextColumn("Note", width=420),
        },
        alt="Every order with its state, units planned and filled, prices planned and filled, slippage and fees",
    )


def lines_frame(batch: Batch) -> pd.DataFrame:
    """One row for each order, in the order in which they are sent."""
    return pd.DataFrame(
        [
            {
                "state": _WORDS[line.state],
                "side": line.order.side.value.capitalize(),
                "symbol": line.order.symbol,
                "planned": float(line.reviewed_quantity),
                "filled": float(line.filled),
                "price": float(line.price),
                "paid": None if line.average_price is None else float(line.average_price),
                "slippage": None if line.slippage is None else float(line.slippage * line.filled * line.rate),
                "fees": None if line.fees is None else float(line.fees),
                "note": line.note,
            }
            for line in batch.lines
        ]
    )


def _show_verbs(session: Session, account_id: str, batch: Batch) -> None:
    may = not session.accounts.why_not(Verb.SEND_ORDERS)
    with st.container(horizontal=True, key="orders-under-way"):
        if batch.intent != Intent.STOP:
            st.button(
                "Call back what is not filled",
                icon=":material/undo:",
                key="orders.call_back",
                on_click=_intend,
                args=(account_id, batch.id, Intent.STOP),
                disabled=not may,
            )
        if batch.paused_code and batch.intent != Intent.STOP:
            st.button(
                "Go on",
                type="primary",
                icon=":material/play_arrow:",
                key="orders.go_on",
                on_click=_intend,
                args=(account_id, batch.id, Intent.EXECUTE),
                disabled=not may,
            )


def _show_held(session: Session, account_id: str, batch: Batch) -> None:
    may = not session.accounts.why_not(Verb.SEND_ORDERS)
    for line in batch.lines:
        if line.state not in FOR_A_PERSON:
            continue
        with st.container(border=True, key=f"orders-held-{line.number}"):
            what = f"{line.order.side.value.capitalize()} {line.order.quantity:f} {line.order.symbol}"
            st.markdown(f":material/front_hand: **{literal(what)}** · {literal(line.note)}")
            st.caption(literal(f"Its id at the broker: {line.order.client_id}"))
            with st.container(horizontal=True):
                for decision in line.decisions:
                    label, icon = _DECISIONS[decision]
                    st.button(
                        label,
                        icon=icon,
                        key=f"orders.{decision.value}.{line.number}",
                        on_click=_decide,
                        args=(account_id, batch.id, line.number, decision),
                        disabled=not may,
                    )


def _show_outcome(batch: Batch) -> None:
    """What is left to do: differences for a person to look at, and the rest of the plan."""
    for symbol, units in batch.differences.items():
        more = "more" if units > 0 else "fewer"
        st.warning(
            literal(
                f"The broker holds {abs(units):f} {symbol} {more} than the fills explain. Look at the account at the broker; "
                "what it holds is what the next plan starts from."
            ),
            icon=":material/balance:",
        )
    short = [line for line in batch.lines if line.filled < line.reviewed_quantity]
    if short:
        st.markdown(
            f"{count(len(short), 'order')} of the plan {'was' if len(short) == 1 else 'were'} not filled in full."
        )
        st.page_link("pages/rebalance.py", label="Plan the rest", icon=":material/balance:")


@signed_in
def _intend(account_id: str, batch_id: str, intent: Intent) -> None:
    """Callback: say what is wanted of the batch."""
    session = require_session()
    try:
        workbench().orders.intend(session.user.id, account_id, batch_id, intent)
    except AllocationError as error:
        remark(str(error))
    _wake()


@signed_in
def _decide(account_id: str, batch_id: str, line: int, decision: Decision) -> None:
    """Callback: a person's decision about one order."""
    session = require_session()
    try:
        workbench().orders.decide(session.user.id, account_id, batch_id, line, decision)
    except AllocationError as error:
        remark(str(error))
    _wake()


def _wake() -> None:
    worker = embedded_worker()
    if worker is not None:
        worker.wake()
