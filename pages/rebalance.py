"""What should I trade? Targets to edit, and everything that follows from them at once: trades, chart, numbers."""

from collections.abc import Callable
from typing import Literal

import streamlit as st

from allocation import desk
from allocation.allocation import Session
from allocation.choices import Choices
from allocation.conversions import Settlement
from allocation.desk import DeskLine
from allocation.errors import AccountNotFoundError
from allocation.figures import weights_figure
from allocation.model import Portfolio
from allocation.rate_text import made_of
from allocation.trade_plan import TradePlan
from pages.shared.currencies import show_currencies
from pages.shared.downloads import show_downloads
from pages.shared.drafts import keep_draft
from pages.shared.explanation import show_explanation
from pages.shared.look import NOT_KNOWN, account_header, count, literal, money, no_account, percent
from pages.shared.prices import fetch_once, price_panel
from pages.shared.rules_form import rules_form
from pages.shared.state import gone_meanwhile, require_session, tell_aside
from pages.shared.tables import (
    EDITABLE,
    ROW_HEIGHT,
    SCROLLBAR_HEIGHT,
    desk_columns,
    desk_frame,
    grid_height,
    set_aside_table,
    trades_columns,
    trades_frame,
)
from pages.shared.tradeoff import show_tradeoff
from pages.shared.verdict import (
    CALCULATED,
    SAID_OTHERWISE,
    beside_plan_text,
    no_trades_text,
    proof_text,
    total_in_cents,
    without_target_text,
)
from pages.shared.ways_out import show_ways_out
from pages.shared.whatif import (
    View,
    add_line,
    edit_draft,
    equal_weights,
    from_current,
    look_up,
    removal_of,
    save_targets,
    saved_draft,
    spread_rest,
    try_plan,
)

# A phone shows the toolbar of a table all the time, above it: room for it, so that it covers no button.
_PHONE_STYLE = """<style>
@media (max-width: 640px) {.st-key-rebalance-bar {margin-bottom: 2.25rem;}}
</style>"""


# ── The page ────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_page() -> None:
    """The chosen account's desk, or the way to an account."""
    session = require_session()
    if session.accounts.selected_id is None:
        no_account()
        return
    st.html(_PHONE_STYLE)
    with st.container(gap="xsmall"):
        account_header(session.accounts.get_portfolio())
        show_desk()


@st.fragment
def show_desk() -> None:
    """Everything that follows an edit; runs without the page around it."""
    session = require_session()
    try:
        with st.container(gap="xsmall"):
            show_account(session)
    except AccountNotFoundError:
        if not gone_meanwhile(session):
            raise
        st.rerun(scope="app")  # the picker and the address name it still


def show_account(session: Session) -> None:
    """The desk of the account chosen in this session, from the headline to what is not traded."""
    portfolio = session.accounts.get_portfolio()
    fetch_once(session, portfolio, portfolio.symbols)  # before the first draft, which is made from weights
    view = look_up(session)
    headline = st.container(gap="xsmall")
    row = st.container(horizontal=True, vertical_alignment="center", key="rebalance-prices")
    proof = row.container(width="stretch")
    price_panel(session, view.portfolio, view.bench.symbols, row)
    chosen = rules_form(view)
    keep_draft(session.user, view.bench, edited=view.edited)
    show_target_bar(view)
    plan, refusal = try_plan(view, chosen)
    settlement = view.settlement(plan, chosen.cash_flow) if plan else None
    with headline:
        show_headline(view, plan, refusal, settlement)
    if plan is not None:
        proof.caption(proof_text(plan, view.account.currency))
    lines = view.lines(plan)
    show_weights(view, lines, plan)
    show_deliberate(lines, chosen, plan)
    if plan is not None:
        show_trades(view, plan, chosen)
        show_explanation(view, plan)
        show_tradeoff(view, plan, chosen)
    told = view.told
    show_currencies(session, view.portfolio, told.rates, told.unrated, settlement)
    show_set_aside(view.portfolio)
    tell_aside()  # what a button of the desk had to say: in a fragment a callback shows nothing itself


# ── Headline ────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_headline(view: View, plan: TradePlan | None, refusal: str, settlement: Settlement | None) -> None:
    """What it comes to in one row, and how sure it is; or why there is no plan."""
    if plan is None:
        st.error(literal(refusal), title="No plan", icon=":material/block:")
        if view.bench.refused is not None:
            show_ways_out(view, view.bench.refused)
        return
    currency = view.account.currency
    figures = {
        "Total": money(total_in_cents(view, plan), currency),
        "Drift": f"{percent(plan.before.drift)} → {percent(plan.after.drift)}",
        "Turnover": percent(plan.totals.turnover),
        "Cash left": money(plan.after.cash, currency),
        "Trades": str(plan.totals.trades),
    }
    help_texts = (
        _HEADLINE_HELP
        if settlement is None
        else {**_HEADLINE_HELP, "Cash left": cash_left_text(settlement, view.told.lines)}
    )
    with st.container(horizontal=True, key="rebalance-headline"):
        for label, figure in figures.items():
            st.metric(label, literal(figure), border=True, help=help_texts.get(label))
    if beside := beside_plan_text(view, plan):
        st.caption(literal(beside))


def cash_left_text(settlement: Settlement, lines: tuple[str, ...]) -> str:
    """What the cash that is left is made of, once the trades are paid for; a currency with a target is none of it."""
    left = made_of({code: cash for code, cash in settlement.after.items() if code not in lines})
    return f"Made of {literal(left)}." if left else "No cash in any currency."


_HEADLINE_HELP = {
    "Total": "What the plan divides: holdings, cash, and money put in or taken out.",
    "Drift": "Half the sum of all distances between weight and target, cash included: 0 % is on target.",
    "Turnover": "Half of what is bought and sold, as a part of the total.",
}


# ── Targets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_target_bar(view: View) -> None:
    """Whether the draft is saved, and the way to save or drop it."""
    with st.container(horizontal=True, vertical_alignment="center", key="rebalance-bar"):
        st.subheader("Targets", anchor=False, width="content")
        st.space("stretch")
        if view.edited:
            st.badge("Unsaved what-if", icon=":material/edit_note:", color="orange")
        _button("Reset", edit_draft, saved_draft, icon=":material/undo:", disabled=not view.edited)
        why_not, nothing_new = view.why_not_save, not view.unsaved
        disabled = bool(why_not) or nothing_new
        _button(
            "Save targets", save_targets, icon=":material/save:", kind="primary", disabled=disabled, why_not=why_not
        )
    if view.why_not_save:
        st.caption(f":material/lock: {literal(view.why_not_save)} What you try here is yours and changes nothing.")
    if view.saved is None:
        st.caption(f"No targets saved yet: {_EDITED if view.edited else _AS_HELD}")
    if view.bench.notice:
        st.warning(literal(view.bench.notice), icon=":material/info:")
        view.bench.notice = ""


_AS_HELD = "they start from what the account holds, so nothing trades until you edit one."
_EDITED = "this is your what-if, begun from what the account holds."


def show_verbs(view: View) -> None:
    """What changes many targets at once, and the lines themselves."""
    with st.container(horizontal=True, key="rebalance-verbs"):
        _button("Set targets from current", edit_draft, from_current)
        _button("Spread the rest evenly", edit_draft, spread_rest)
        _button("Equal weights", edit_draft, equal_weights)
        with st.popover("Add or remove lines", width="content"):
            show_line_form(view)


def show_line_form(view: View) -> None:
    """Add a symbol, or take away one that is not held."""
    key = f"rebalance.{view.account.id}.add"
    st.text_input("Symbol to add", key=key, max_chars=64, placeholder="VXUS", on_change=add_line, args=(key,))
    if view.bench.refused_line:
        st.error(literal(view.bench.refused_line), icon=":material/error:")
        view.bench.refused_line = ""
    st.caption("Press Enter to add it. It needs a price before the plan can use it.")
    held = view.portfolio.symbols
    for symbol in (s for s in view.bench.symbols if s not in held):
        _button(f"Remove {literal(symbol)}", edit_draft, removal_of(symbol), icon=":material/delete:")


def _button(
    label: str,
    on_click: Callable[..., None],
    *args: object,
    icon: str | None = None,
    kind: Literal["primary", "secondary"] = "secondary",
    disabled: bool = False,
    why_not: str = "",
) -> None:
    key, help_text = f"rebalance.{label}", literal(why_not) or None
    st.button(label, icon=icon, key=key, on_click=on_click, args=args, type=kind, disabled=disabled, help=help_text)


# ── The grid and the chart ──────────────────────────────────────────────────────────────────────────────────────────


def show_weights(view: View, lines: tuple[DeskLine, ...], plan: TradePlan | None) -> None:
    """The grid and, row beside row, the chart; on a narrow screen one under the other."""
    grid, chart = st.columns([2, 1], gap="small")
    with grid, st.container(gap="xsmall"):
        show_grid(view, lines, plan)
    with chart:
        show_chart(view, lines, plan)


def show_grid(view: View, lines: tuple[DeskLine, ...], plan: TradePlan | None) -> None:
    """One row per line to edit, cash and the verbs beneath. What the browser answers is read by the bench, not here."""
    if not lines:
        st.info("No holdings yet. Add a symbol above, give it a target, and invest money.", icon=":material/info:")
    else:
        # The grid lays its edits over what it began with; given them back, it would take them for its own beginning.
        began_with = desk.with_targets_of(lines, view.bench.base)
        frame, columns = desk_frame(began_with, view.now), desk_columns(lines, view.account.currency)
        st.data_editor(
            frame,
            key=view.bench.grid_key,
            hide_index=True,
            num_rows="fixed",
            column_config=columns,
            disabled=[name for name in frame.columns if name not in EDITABLE],
            row_height=ROW_HEIGHT,
            height=grid_height(len(lines)) + SCROLLBAR_HEIGHT,
            placeholder=NOT_KNOWN,
            alt="Lines of the account with editable targets and locks",
        )
    st.markdown(cash_text(view, plan))
    show_verbs(view)


def cash_text(view: View, plan: TradePlan | None) -> str:
    """Cash as the last line: now, target (what is missing to 100 %), after."""
    draft = view.bench.draft
    if draft.cash < 0:
        too_much = f"**Targets {desk.percent_text(draft.total)} %** · {desk.percent_text(-draft.cash)} points too much"
        return f":red[:material/error: {too_much}]"
    cash = desk.cash_row(view.valuation, draft, plan)
    after = f" · after {percent(cash.after)}" if plan else ""
    target = f"**target {desk.percent_text(draft.cash)} %** (what is missing to 100 %)"
    return f":material/payments: **Cash** · now {percent(cash.current)} · {target}{after}"


def show_chart(view: View, lines: tuple[DeskLine, ...], plan: TradePlan | None) -> None:
    """Current, target and after weight of every line, in the order of the table."""
    rows = desk.weight_rows(lines, desk.cash_row(view.valuation, view.bench.draft, plan))
    st.plotly_chart(
        weights_figure(rows, ROW_HEIGHT),
        key="rebalance.chart",
        config={"displayModeBar": False},
        alt="Chart of current, target and after weights; the table beside it holds the same numbers",
    )


def show_deliberate(lines: tuple[DeskLine, ...], chosen: Choices, plan: TradePlan | None) -> None:
    """What is easily overlooked: holdings without a target, and remarks of the plan."""
    names = desk.without_target(lines)
    if names:
        st.warning(literal(without_target_text(names, chosen)), icon=":material/visibility:")
    for remark in (r for r in plan.remarks if r.code not in SAID_OTHERWISE) if plan else ():
        st.caption(f":material/info: {literal(remark.message)}")


# ── The trades ──────────────────────────────────────────────────────────────────────────────────────────────────────


def show_trades(view: View, plan: TradePlan, chosen: Choices) -> None:
    """The trade table and its downloads."""
    with st.container(horizontal=True, vertical_alignment="center", key="rebalance-downloads"):
        st.subheader("Trades", anchor=False, width="content")
        st.space("stretch")
        show_downloads(view, plan)
        st.page_link("pages/orders.py", label="Review as orders", icon=":material/receipt_long:", width="content")
    if not plan.trades:
        st.info(no_trades_text(plan, chosen), icon=":material/check_circle:")
        return
    # Above the table: its toolbar, which comes up there under the pointer, would lie on the buttons.
    totals, currency, told = plan.totals, view.account.currency, view.told
    sums = f"Sell {money(totals.sells, currency)} · buy {money(totals.buys, currency)}"
    st.caption(literal(f"{count(totals.trades, 'trade')} · {sums} · {CALCULATED}"))
    st.dataframe(
        trades_frame(plan, view.quotes, told.rates),
        key="rebalance.trades",
        hide_index=True,
        column_config=trades_columns(plan, view.account.currency, view.quotes if told.rates else None),
        row_height=ROW_HEIGHT,
        height=grid_height(len(plan.trades), 24),
        alt="Trades of the plan, sells first",
    )


def show_set_aside(portfolio: Portfolio) -> None:
    """Lines of the account that no plan touches."""
    if portfolio.set_aside:
        with st.expander(f"Not traded: {count(len(portfolio.set_aside), 'line')}", icon=":material/inventory_2:"):
            set_aside_table(portfolio)


show_page()
