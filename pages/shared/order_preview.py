"""Before anything is sent: the orders at fresh prices and holdings, what stands against them, and the one confirmation."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.column_config import NumberColumn, TextColumn

from allocation.allocation import Session
from allocation.authorisation import Verb
from allocation.base_currency import in_base_currency
from allocation.brokers import Mode
from allocation.desk import named_in
from allocation.errors import AllocationError, RulesError
from allocation.execution.means import Means
from allocation.execution.review import GOOD_FOR, Review, changes_in_words, review
from allocation.journal import Intent
from allocation.linking import LinkedAccount
from allocation.money import to_decimal
from allocation.order_draft import Place, Terms
from allocation.orders import OrderType, TimeInForce
from allocation.trade_plan import Side, TradePlan
from pages.shared import step_up
from pages.shared.cache import embedded_worker, workbench
from pages.shared.look import count, literal, money, percent
from pages.shared.state import remark, require_session, signed_in
from pages.shared.tables import ROW_HEIGHT, grid_height
from pages.shared.whatif import View, look_up, try_plan

_REVIEW = "orders.review"
_REFUSED = "orders.refused"
_CHANGED = "orders.changed"
_PROVING = "orders.proving"
_LARGE = "orders.large_confirmed"
_TYPES = {OrderType.MARKET: "Market", OrderType.LIMIT: "Limit with a collar"}
_FORCES = {TimeInForce.DAY: "For the day", TimeInForce.GOOD_TILL_CANCELLED: "Until cancelled"}


@dataclass(frozen=True)
class _Kept:
    """A review and the account it is of."""

    account_id: str
    review: Review


def show_preview(session: Session, account_id: str, linked: LinkedAccount) -> None:
    """What the desk proposes, the way to review it, and the review itself."""
    why_not = session.accounts.why_not(Verb.SEND_ORDERS)
    kept: _Kept | None = st.session_state.get(_REVIEW)
    if refused := st.session_state.pop(_REFUSED, ""):
        st.error(literal(refused), icon=":material/block:")
    if kept is None or kept.account_id != account_id:
        _show_proposal(session, account_id, why_not)
        return
    found = kept.review
    if not found.is_good(datetime.now(UTC)):
        st.warning(
            f"This review is older than {GOOD_FOR.seconds // 60} minutes. Review the orders again.",
            icon=":material/timer_off:",
        )
    _show_changes(found)
    _show_review(found)
    _show_refusals(found)
    _show_verbs(found, account_id, linked, why_not)


def _show_proposal(session: Session, account_id: str, why_not: str) -> None:
    view = look_up(session)
    plan, refusal = try_plan(view, view.bench.choices)
    if plan is None:
        st.error(literal(refusal), title="No plan", icon=":material/block:")
    elif not plan.trades:
        st.success("There is nothing to send: the account is as near to its target as the rules allow.")
    else:
        what_if = " Your targets are a what-if that is not saved." if view.edited else ""
        st.markdown(
            f"The desk proposes **{count(len(plan.trades), 'trade')}**, from a drift of {percent(plan.before.drift)} to "
            f"{percent(plan.after.drift)}.{what_if} The review looks at the broker's holdings and at prices once more; "
            "nothing is sent by it."
        )
        _terms_form(account_id)
        st.button(
            "Review orders",
            type="primary",
            icon=":material/rate_review:",
            key="orders.review_now",
            on_click=make_review,
            disabled=bool(why_not),
            help=literal(why_not) or None,
        )
    if why_not:
        st.caption(f":material/lock: {literal(why_not)}")
    st.page_link("pages/rebalance.py", label="Change the plan", icon=":material/balance:")


def _terms_form(account_id: str) -> None:
    with st.container(horizontal=True, key="orders-terms"):
        chosen = st.selectbox("Order type", list(_TYPES), key="orders.type", format_func=_TYPES.__getitem__, width=220)
        st.selectbox("In force", list(_FORCES), key="orders.force", format_func=_FORCES.__getitem__, width=180)
        if chosen == OrderType.LIMIT:
            st.number_input(
                "Collar, %",
                min_value=0.0,
                max_value=10.0,
                value=1.0,
                step=0.25,
                key="orders.collar",
                width=140,
                help="How much worse than the price of the review an order may be filled.",
            )


@signed_in
def make_review() -> None:
    """Callback: look at holdings and prices once more, plan again, and draft the orders."""
    session = require_session()
    account_id = session.accounts.selected_id or ""
    try:
        st.session_state[_REVIEW] = _Kept(account_id, _reviewed(session, account_id))
    except AllocationError as error:
        st.session_state.pop(_REVIEW, None)
        st.session_state[_REFUSED] = str(error)


@signed_in
def drop_review() -> None:
    """Callback: back to the proposal."""
    st.session_state.pop(_REVIEW, None)


def forget_review() -> None:
    """What was reviewed may not be what is allowed any more."""
    st.session_state.pop(_REVIEW, None)


def _reviewed(session: Session, account_id: str) -> Review:
    """Fresh holdings, fresh prices, the plan again, and the batch that would execute it."""
    bench, user = workbench(), session.user
    desk = look_up(session)
    before = try_plan(desk, desk.bench.choices)[0]
    opened = bench.links.open(user.id, account_id, Verb.SEND_ORDERS)
    owner = opened.account.owner_id
    bench.links.refresh(owner, opened.account.link.id)
    bench.dealing_quotes(owner, tuple(desk.bench.symbols))
    view = look_up(session)
    plan, refusal = try_plan(view, view.bench.choices)
    if plan is None:
        raise RulesError(refusal, ("plan",))
    if not plan.trades:
        raise RulesError("There is nothing to send any more: the account is on its target.", ("plan",))
    rules = view.bench.choices.rules(view.bench.symbols, view.now.date())
    means = Means(
        bench.journal,
        opened.broker,
        lambda symbols: bench.dealing_quotes(owner, tuple(symbols)),
        lambda: datetime.now(UTC),
        bench.closed_now,
        lambda currencies, base: _rates(session, currencies, base),
    )
    return review(
        means,
        plan,
        before,
        _place(view, plan, opened.account),
        _terms(),
        bench.orders.limits(user.id, account_id),
        increment=rules.increment,
        keep=rules.cash_reserve,
        record=json.dumps(plan.as_dict()),
    )


def _place(view: View, plan: TradePlan, linked: LinkedAccount) -> Place:
    told = in_base_currency(view.portfolio, view.quotes, view.at_hand.rates, named_in(view.bench.draft))
    money_lines = sorted({trade.symbol for trade in plan.trades} & set(told.lines))
    if money_lines:
        raise RulesError(
            f"The plan exchanges {', '.join(money_lines)}, and currencies are not exchanged from here. Exchange them at the "
            "bank first, or take the currency out of the target.",
            money_lines,
        )
    follows = workbench().orders.latest(require_session().user.id, view.account.id)
    base = view.account.currency
    currencies = {trade.symbol: view.quotes[trade.symbol].currency for trade in plan.trades}
    rates = {code: view.at_hand.rates.price(code, base) for code in set(currencies.values()) - {base}}
    return Place(
        linked.owner_id,
        linked.account_id,
        f"{linked.link.broker}-{linked.link.mode.value}",
        linked.broker_account,
        base,
        linked.link.mode == Mode.LIVE,
        follows,
        view.portfolio.cash,
        view.portfolio.quantities,
        currencies,
        rates,
    )


def _rates(session: Session, currencies: Iterable[str], base: str) -> Mapping[str, Decimal]:
    codes = tuple(currencies)
    known = session.market.rates(codes, base, session.store.manual_prices(session.user.id)).rates
    return {code: known.price(code, base) for code in codes if known.knows(code, base)}


def _terms() -> Terms:
    kind = st.session_state.get("orders.type", OrderType.MARKET)
    collar = to_decimal(st.session_state.get("orders.collar", 1.0), "The collar") / 100
    return Terms(kind, st.session_state.get("orders.force", TimeInForce.DAY), collar)


# ── The review ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _show_changes(found: Review) -> None:
    changed = changes_in_words(found.before, found.plan)
    if st.session_state.pop(_CHANGED, False):
        st.warning(
            "Prices moved while you looked, so the orders were worked out again.", icon=":material/sync_problem:"
        )
    if changed:
        st.warning(
            literal(f"Holdings or prices changed since the plan was made. Now: {'; '.join(changed)}."),
            icon=":material/difference:",
        )


def _show_review(found: Review) -> None:
    currency, cash = found.batch.currency, found.cash
    sold, bought = (_value_of(found, side) for side in (Side.SELL, Side.BUY))
    figures = {
        "Orders": str(len(found.batch.lines)),
        "Sold, then bought": f"{money(sold, currency)} → {money(bought, currency)}",
        "Drift": f"{percent(found.plan.before.drift)} → {percent(found.plan.after.drift)}",
        "Cost": money(found.plan.totals.cost if found.fees is None else found.fees, currency),
        "Tax": money(found.plan.totals.tax, currency),
    }
    with st.container(horizontal=True, key="orders-headline"):
        for label, figure in figures.items():
            st.metric(label, literal(figure), border=True, help=_COST_HELP if label == "Cost" else None)
    _show_orders(found, "orders.preview")
    st.markdown(
        f":material/payments: **Cash** · {literal(money(cash.now, currency))} now · "
        f"{literal(money(cash.after_sales, currency))} after the sales · "
        f"{literal(money(cash.after_purchases, currency))} after the purchases"
    )
    kind, force = found.batch.lines[0].order.type, found.batch.lines[0].order.time_in_force
    st.caption(
        f"{_TYPES[kind]} orders, {_FORCES[force].lower()}. Sales go first; the purchases follow with the cash that really came "
        f"in. Reviewed at {found.at:%H:%M:%S} UTC, good for {GOOD_FOR.seconds // 60} minutes."
    )


_COST_HELP = "What the broker says its fees would be, where it says; or else what the rules of the plan assume."


def _show_orders(found: Review, key: str) -> None:
    """Every order; the columns that would say the same in every row, or nothing, are left out."""
    frame = orders_frame(found)
    shown = [name for name in frame.columns if name != "limit" or frame["limit"].notna().any()]
    if set(frame["currency"]) == {found.batch.currency}:
        shown.remove("currency")
    st.dataframe(
        frame[shown],
        key=key,
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(frame), 10),
        column_config=_columns(),
        alt="The orders with side, symbol, quantity, price, limit and value, in the order in which they are sent",
    )


def orders_frame(found: Review) -> pd.DataFrame:
    """One row for each order of the review."""
    return pd.DataFrame(
        [
            {
                "side": line.order.side.value.capitalize(),
                "symbol": line.order.symbol,
                "quantity": float(line.order.quantity),
                "price": float(line.price),
                "limit": None if line.order.limit is None else float(line.order.limit),
                "currency": line.order.currency,
                "value": float(line.order.quantity * line.price * line.rate),
            }
            for line in found.batch.lines
        ]
    )


def _columns() -> dict[str, Any]:
    return {
        "side": TextColumn("Side", width=70),
        "symbol": TextColumn("Symbol", width=100),
        "quantity": NumberColumn("Quantity", format="localized", width=100),
        "price": NumberColumn("Price", format="%.2f", width=100),
        "limit": NumberColumn("Limit", format="%.2f", width=100),
        "currency": TextColumn("Currency", width=80),
        "value": NumberColumn("Value", format="%.2f", width=120),
    }


def _show_refusals(found: Review) -> None:
    for each in found.refusals:
        st.error(
            literal(each.message),
            title=f"Found {literal(each.value)}, allowed {literal(each.limit)}",
            icon=":material/block:",
        )
    if found.large_turnover is not None:
        st.warning(literal(found.large_turnover.message), icon=":material/swap_vert:")


def _show_verbs(found: Review, account_id: str, linked: LinkedAccount, why_not: str) -> None:
    blocked = bool(found.refusals) or bool(why_not) or not found.is_good(datetime.now(UTC))
    with st.container(horizontal=True, key="orders-verbs"):
        if st.button(
            f"Send {count(len(found.batch.lines), 'order')}…",
            type="primary",
            icon=":material/send:",
            key="orders.send",
            disabled=blocked,
            help="Something above stands against it." if blocked else None,
        ):
            _confirm()
        st.button("Review again", icon=":material/refresh:", key="orders.again", on_click=make_review)
        st.button("Back", icon=":material/undo:", key="orders.back", on_click=drop_review)
    if linked.link.mode == Mode.LIVE and step_up.passed(_PURPOSE, asked=st.session_state.pop(_PROVING, False)):
        _commit(account_id, found, large_turnover=bool(st.session_state.pop(_LARGE, False)))
        st.rerun()


# ── The confirmation ────────────────────────────────────────────────────────────────────────────────────────────────

_PURPOSE = "send orders that cost real money"


@st.dialog("Send these orders?", width="medium", icon=":material/send:")
def _confirm() -> None:
    """Totals and every order once more; for a live account its name is typed, and it is asked who it is."""
    session = require_session()
    kept: _Kept | None = st.session_state.get(_REVIEW)
    if kept is None or st.session_state.get(_PROVING):
        st.rerun()  # it was confirmed, or its user is asked who they are
    found, account = kept.review, session.accounts.get_portfolio().account
    live = found.batch.live
    st.markdown(
        f"**{count(len(found.batch.lines), 'order')}** for {literal(account.name)}, "
        f"{'with real money' if live else 'on paper'}. Each is sent once."
    )
    _show_orders(found, "orders.confirmed")
    st.markdown(literal(_in_a_sentence(found)))
    typed, large = True, False
    if live:
        name = st.text_input(
            f"Type the account's name, {literal(account.name)}, to go on", key="orders.name", max_chars=200
        )
        typed = name.strip() == account.name
    if found.large_turnover is not None:
        large = st.checkbox(
            f"Yes, turn over {literal(found.large_turnover.value)} of the portfolio", key="orders.large"
        )
    ready = typed and (found.large_turnover is None or large)
    st.button(
        "Send",
        type="primary",
        icon=":material/send:",
        key="orders.confirm",
        disabled=not ready,
        width="stretch",
        on_click=confirm,
    )


def _in_a_sentence(found: Review) -> str:
    """How they are sent, and what they come to."""
    order, currency = found.batch.lines[0].order, found.batch.currency
    sold, bought = (_value_of(found, side) for side in (Side.SELL, Side.BUY))
    return (
        f"{_TYPES[order.type]} orders, {_FORCES[order.time_in_force].lower()}: {money(sold, currency)} sold, "
        f"{money(bought, currency)} bought, {money(found.cash.after_purchases, currency)} left in cash."
    )


def _value_of(found: Review, side: Side) -> Decimal:
    return sum((line.order.quantity * line.price * line.rate for line in found.batch.of_side(side)), Decimal(0))


@signed_in
def confirm() -> None:
    """Callback: the one confirmation. For real money it is asked once more who it is, on the page."""
    session = require_session()
    kept: _Kept | None = st.session_state.get(_REVIEW)
    if kept is None:
        return
    large = bool(st.session_state.get("orders.large"))
    if not kept.review.batch.live:
        _commit(kept.account_id, kept.review, large_turnover=large)
    elif str(st.session_state.get("orders.name", "")).strip() == session.accounts.get_portfolio().account.name:
        st.session_state[_PROVING], st.session_state[_LARGE] = True, large


def _commit(account_id: str, found: Review, *, large_turnover: bool) -> None:
    """Write the batch down; the worker sends it. Prices older than seconds are looked at once more before."""
    session, now = require_session(), datetime.now(UTC)
    try:
        if not found.has_fresh_quotes(now):
            again = _reviewed(session, account_id)
            if again.refusals or again.plan.plan_id != found.plan.plan_id:
                st.session_state[_REVIEW] = _Kept(account_id, again)
                st.session_state[_CHANGED] = True
                return
            found = again
        batch = found.confirmed(large_turnover=large_turnover)
        workbench().orders.commit(session.user.id, account_id, batch, Intent.EXECUTE)
    except AllocationError as error:
        st.session_state[_REFUSED] = str(error)
        st.session_state.pop(_REVIEW, None)
        return
    worker = embedded_worker()
    if worker is not None:
        worker.wake()
    st.session_state.pop(_REVIEW, None)
    remark("The orders are on their way. You may leave this page; they go on without it.")
