"""Why a trade is in the plan: the reason, what happens without it, the lots it sells, and where its price comes from."""

from typing import Any

import pandas as pd
import streamlit as st

from allocation.planning.without import without_trade
from allocation.price_text import price_age_text
from allocation.trade_plan import LotSale, Trade, TradePlan, WithoutIt
from pages.shared.look import literal, money, percent, units
from pages.shared.tables import ROW_HEIGHT, grid_height
from pages.shared.whatif import View, asked_facts

_TITLE = "Why is a trade in the plan, and what happens without it?"


def show_explanation(view: View, plan: TradePlan) -> None:
    """One trade of the plan in detail, worked out only when it is asked for."""
    body = st.expander(_TITLE, icon=":material/help:", key=f"rebalance.{view.account.id}.why", on_change="rerun")
    if not body.open:
        return
    with body:
        names = [_name(trade) for trade in plan.trades]
        picked = st.selectbox("Trade", names, key=f"rebalance.{view.account.id}.why.trade")
        if picked in names:
            _show_trade(view, plan, plan.trades[names.index(picked)])


def _show_trade(view: View, plan: TradePlan, trade: Trade) -> None:
    currency = view.account.currency
    st.markdown(f"**{literal(trade.reason)}.**")
    st.markdown(literal(_moves_text(trade)))
    st.markdown(literal(_without_text(plan, _without(view, trade), currency)))
    if quote := view.quotes.get(trade.symbol):
        age = price_age_text(quote, view.now)
        st.markdown(literal(f"Price {money(quote.price, quote.currency)}: {age}. {_cost_text(trade, currency)}"))
    if trade.lots:
        st.dataframe(
            _lots_frame(trade.lots),
            hide_index=True,
            column_config=_lot_columns(currency),
            row_height=ROW_HEIGHT,
            height=grid_height(len(trade.lots), 10),
            alt="Tax lots that the sale takes, with their gains",
        )


def _name(trade: Trade) -> str:
    return f"{trade.side.value.capitalize()} {units(trade.quantity)} {trade.symbol}"


def _moves_text(trade: Trade) -> str:
    before, after, target = map(percent, (trade.weight_before, trade.weight_after, trade.weight_target))
    return f"It brings {trade.symbol} from {before} to {after} of the account; its target is {target}."


def _cost_text(trade: Trade, currency: str) -> str:
    return f"Cost {money(trade.cost, currency)}, tax {money(trade.tax, currency)}."


def _without(view: View, trade: Trade) -> WithoutIt | None:
    """Worked out once for each plan and trade."""
    facts, kept = asked_facts(view), view.bench.explained
    key = (trade.account, trade.symbol)
    if kept.question != facts:
        kept.question, kept.answers = facts, {}
    if key not in kept.answers:
        with st.spinner("Planning again without it …"):
            kept.answers[key] = without_trade(facts, trade)
    return kept.answers[key]


def _without_text(plan: TradePlan, without: WithoutIt | None, currency: str) -> str:
    if without is None:
        return "Without it your rules leave no plan at all."
    tax = without.tax - plan.totals.tax
    told = f"Without it the best plan leaves a drift of {percent(without.drift)} instead of {percent(plan.after.drift)}"
    if not tax:
        return f"{told}."
    return f"{told}, and causes {money(abs(tax), currency)} {'more' if tax > 0 else 'less'} tax."


def _lots_frame(lots: tuple[LotSale, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "acquired": lot.acquired,
                "quantity": float(lot.quantity),
                "unit_cost": float(lot.unit_cost),
                "gain": float(lot.gain),
                "term": lot.term,
                "disallowed": float(lot.disallowed),
            }
            for lot in lots
        ]
    )


def _lot_columns(currency: str) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "acquired": st.column_config.DateColumn("Acquired", format="D MMM YYYY"),
        "quantity": number("Units sold", format="%,.6g"),
        "unit_cost": number(f"Cost of one, {currency}", format="%,.4f"),
        "gain": number(f"Gain, {currency}", format="%,.2f"),
        "term": st.column_config.TextColumn("Term"),
        "disallowed": number(
            f"Loss not counted, {currency}", format="%,.2f", help="A wash sale: bought again too soon."
        ),
    }
