"""What fewer trades, less tax or less turnover would cost: the best plan for each budget, one click from being adopted."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from allocation.choices import Choices, Mode
from allocation.facts import Facts
from allocation.figures import TradeOffStep, tradeoff_figure
from allocation.frontier import Over, Point
from allocation.rules import Rules
from allocation.tracing import Progress, Trace, start_trace
from allocation.trade_plan import Status, TradePlan
from pages.shared.look import CURRENCY_SIGNS, literal
from pages.shared.rules_form import choose
from pages.shared.state import require_session, signed_in
from pages.shared.tables import ROW_HEIGHT, grid_height
from pages.shared.whatif import View, asked_facts, look_up

_TITLE = "What would fewer trades, less tax or less turnover cost?"
_LABELS = {Over.TRADES: "Trades", Over.TAX: "Tax", Over.TURNOVER: "Turnover"}
# In these modes the number of trades or the tax is the analyst's to choose; the others have another aim.
_FREE_MODES = frozenset({Mode.REBALANCE, Mode.FEWEST_TRADES, Mode.TAX_BUDGET})


def show_tradeoff(view: View, plan: TradePlan, chosen: Choices) -> None:
    """The picture, drawn only when it is opened; points appear as they are found."""
    key = _key(view.account.id, "tradeoff")
    body = st.expander(_TITLE, icon=":material/ssid_chart:", key=key, on_change="rerun")
    if not body.open:
        _stop(view.account.id)
        return
    with body:
        over = _axis(view, chosen)
        trace = _traced(view, over)
        if trace.progress.finished:
            _show_points(view, trace, plan)
        else:
            _watch()


@st.fragment(run_every=1.0)
def _watch() -> None:
    """Points as they come, until all are there."""
    view = look_up(require_session())
    trace, plan = _current(view.account.id), view.bench.plan
    adopted = st.session_state.pop(_key(view.account.id, "adopted"), False)
    if adopted or trace is None or plan is None or trace.progress.finished:
        st.rerun()  # the desk around this fragment has something to say as well
    progress = trace.progress
    done, expected = len(progress.points), max(progress.expected, 1)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(done / expected, 1.0), text=f"{done} of {progress.expected or '…'} points")
        st.button("Stop here", icon=":material/stop:", key=_key(view.account.id, "stop"), on_click=_stop_here)
    if done:
        _show_points(view, trace, plan)


def _axis(view: View, chosen: Choices) -> Over:
    """What is budgeted; only what the mode leaves open."""
    free = [over for over in Over if _is_open(over, chosen)]
    key = _key(view.account.id, f"over.{'.'.join(free)}")  # what another mode left open is not chosen for this one
    picked = st.segmented_control("Budget", free, format_func=_LABELS.__getitem__, default=free[0], key=key)
    return picked if picked in free else free[0]


def _is_open(over: Over, chosen: Choices) -> bool:
    if over == Over.TURNOVER:
        return True
    taxed = bool(chosen.short_rate or chosen.long_rate)
    return chosen.mode in _FREE_MODES and (over == Over.TRADES or taxed)


def _show_points(view: View, trace: Trace, plan: TradePlan) -> None:
    progress, currency = trace.progress, view.account.currency
    if progress.refusal:
        st.caption(f":material/block: {literal(progress.refusal)}")
        return
    steps = [_step(point, trace.over, plan) for point in progress.points]
    suffix = {Over.TURNOVER: " %", Over.TAX: f" {CURRENCY_SIGNS.get(currency, currency)}"}.get(trace.over, "")
    places = (_key(view.account.id, f"points.{trace.over}"), _key(view.account.id, f"rows.{trace.over}"))
    st.plotly_chart(
        tradeoff_figure(steps, _LABELS[trace.over], suffix),
        key=places[0],
        on_select=partial(_adopt, places[0]),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="Chart of the drift that is left for each budget; the table beneath holds the same numbers",
    )
    st.caption(_said_of(progress))
    st.dataframe(
        _frame(progress.points, trace.over, plan),
        key=places[1],
        hide_index=True,
        on_select=partial(_adopt, places[1]),
        selection_mode="single-row",
        column_config=_columns(trace.over, currency),
        row_height=ROW_HEIGHT,
        height=grid_height(len(progress.points), 10),
        alt="Each budget with the drift, trades, turnover, cost and tax of its best plan",
    )


def _said_of(progress: Progress) -> str:
    proved = all(point.plan.status == Status.OPTIMAL for point in progress.points)
    how_good = "Every point is proved to be the best for its budget." if proved else "Points marked ≈ are not proved."
    stopped = " Stopped before all points were found." if progress.finished and not progress.complete else ""
    return f"The diamond is the plan above. Select a point or a row to plan with its budget. {how_good}{stopped}"


def _step(point: Point, over: Over, plan: TradePlan) -> TradeOffStep:
    return TradeOffStep(_shown_budget(point, over), point.plan.after.drift, point.plan.shares == plan.shares)


def _shown_budget(point: Point, over: Over) -> Decimal:
    return point.budget * 100 if over == Over.TURNOVER else point.budget


def _frame(points: tuple[Point, ...], over: Over, plan: TradePlan) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "is": "plan above" if point.plan.shares == plan.shares else "",
                "budget": float(_shown_budget(point, over)),
                "drift": float(point.plan.after.drift * 100),
                "trades": point.plan.totals.trades,
                "turnover": float(point.plan.totals.turnover * 100),
                "cost": float(point.plan.totals.cost),
                "tax": float(point.plan.totals.tax),
                "proved": "proved" if point.plan.status == Status.OPTIMAL else "≈",
            }
            for point in points
        ]
    )


def _columns(over: Over, currency: str) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    budget = {Over.TRADES: "%d", Over.TAX: "%,.2f", Over.TURNOVER: "%.2f"}[over]
    return {
        "is": st.column_config.TextColumn("", width=90),
        "budget": number(f"{_LABELS[over]} at most", format=budget),
        "drift": number("Drift %", format="%.2f"),
        "trades": number("Trades", format="%d"),
        "turnover": number("Turnover %", format="%.2f"),
        "cost": number(f"Cost, {currency}", format="%,.2f"),
        "tax": number(f"Tax, {currency}", format="%,.2f"),
        "proved": st.column_config.TextColumn("", width=70),
    }


# ── Adopting a point ────────────────────────────────────────────────────────────────────────────────────────────────


@signed_in
def _adopt(key: str) -> None:
    """Callback: plan with the budget of the point or row that was selected."""
    account_id = look_up(require_session()).account.id
    trace = _current(account_id)
    index = selected_place(st.session_state.get(key))
    if trace is not None and index is not None and index < len(trace.progress.points):
        choose(_choice_of(trace.progress.points, index, trace.over))
        st.session_state[_key(account_id, "adopted")] = True


def selected_place(answer: object) -> int | None:
    """The place in the list of what was selected; what a browser sends may be anything."""
    selection = answer.get("selection") if isinstance(answer, Mapping) else None
    if not isinstance(selection, Mapping):
        return None
    rows, points = selection.get("rows"), selection.get("points")
    if isinstance(points, list) and points and isinstance(points[0], Mapping):
        rows = [points[0].get("point_index")]
    first = rows[0] if isinstance(rows, list) and rows else None
    return first if isinstance(first, int) and not isinstance(first, bool) and first >= 0 else None


def _choice_of(points: tuple[Point, ...], index: int, over: Over) -> dict[str, Any]:
    """What to choose for this budget; for the last one nothing need be capped."""
    budget, is_best = points[index].budget, index == len(points) - 1
    match over:
        case Over.TURNOVER:
            return {"max_turnover": None if is_best else budget * 100}
        case Over.TAX if not is_best:
            return {"mode": Mode.TAX_BUDGET, "max_tax": budget}
        case Over.TRADES if not is_best:
            return {"mode": Mode.FEWEST_TRADES, "max_trades": int(budget)}
    return {"mode": Mode.REBALANCE}


# ── The trace of this tab ───────────────────────────────────────────────────────────────────────────────────────────


def _traced(view: View, over: Over) -> Trace:
    """The trace of what is on the desk now; an older one ends."""
    facts, current = _unbudgeted(asked_facts(view), over), _current(view.account.id)
    if current is not None and (current.facts, current.over) == (facts, over):
        return current
    _stop(view.account.id)
    trace = start_trace(facts, over)
    st.session_state[_key(view.account.id, "trace")] = trace
    return trace


def _unbudgeted(facts: Facts, over: Over) -> Facts:
    """The question without the budget that is varied, so that adopting a point leaves the picture as it is."""
    return replace(facts, rules=_without(facts.rules, over))


def _without(rules: Rules, over: Over) -> Rules:
    if over == Over.TURNOVER:
        return replace(rules, max_turnover=None)
    return replace(rules, max_trades=None, taxes=replace(rules.taxes, max_tax=None))


def _current(account_id: str) -> Trace | None:
    trace: Trace | None = st.session_state.get(_key(account_id, "trace"))
    return trace


def _stop(account_id: str) -> None:
    trace: Trace | None = st.session_state.pop(_key(account_id, "trace"), None)
    if trace is not None:
        trace.cancel()


@signed_in
def _stop_here() -> None:
    """Callback: be content with the points there are."""
    trace = _current(look_up(require_session()).account.id)
    if trace is not None:
        trace.cancel()


def _key(account_id: str, name: str) -> str:
    return f"rebalance.{account_id}.tradeoff.{name}"
