"""The inputs that say how the user lets us trade: money in or out, whole shares or fractions, selling, and more rules."""

from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import streamlit as st

from allocation.model import Account
from allocation.money import to_decimal
from allocation.rules import Objective, OutsideTarget, Rules, Selling

T = TypeVar("T")

_MOST_MONEY = 1e12
_SHARES = {Decimal(1): "Whole shares", Decimal("0.0001"): "Fractions"}
_SELLING = {
    Selling.ALLOWED: "Buy and sell",
    Selling.NEVER: "Buy only",
    Selling.TO_RAISE_CASH: "Sell only to raise cash",
}
_OBJECTIVES = {Objective.L2: "Balanced", Objective.L1: "Least total deviation"}
_OBJECTIVE_HELP = (
    "Balanced: least sum of squared deviations, so a large miss weighs more than several small ones. "
    "Least total deviation: least sum of the deviations in money."
)
_OUTSIDE = {
    OutsideTarget.SELL: "Sell them",
    OutsideTarget.HOLD: "Keep them",
    OutsideTarget.EXCLUDE: "Leave them out of the weights",
}


def rules_form(account: Account) -> tuple[Rules, Decimal]:
    """The rules as they are set (locks excepted) and the money to invest (+) or withdraw (−)."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="rebalance-rules"):
        cash_flow = _money_input(account, "cash_flow", f"Invest (+) or withdraw (−), {account.currency}", 1000.0)
        increment = _choice(account, "shares", "Trade in", _SHARES, 150, "Fractions are traded in steps of 0.0001.")
        selling = _choice(account, "selling", "Selling", _SELLING, 210)
        least = _money_input(account, "min_trade", f"Smallest trade, {account.currency}", 50.0, lowest=0.0)
        with st.popover("More rules", icon=":material/tune:", width="content"):
            more = _more_rules(account)
    return replace(more, increment=increment, selling=selling, min_trade_value=least), cash_flow


def _more_rules(account: Account) -> Rules:
    reserve = _money_input(account, "reserve", f"Cash reserve, {account.currency}", 100.0, lowest=0.0)
    st.caption("The reserve stays in cash and outside the weights.")
    outside = _choice(account, "outside", "Holdings without a target", _OUTSIDE, 280)
    objective = _choice(account, "objective", "Closest to the targets means", _OBJECTIVES, 280, _OBJECTIVE_HELP)
    return Rules(cash_reserve=reserve, outside_target=outside, objective=objective)


def _choice(account: Account, name: str, label: str, options: dict[T, str], width: int, tip: str | None = None) -> T:
    chosen: T = st.selectbox(
        label,
        list(options),
        format_func=options.__getitem__,
        key=_key(account, name),
        persist_state="session",
        width=width,
        help=tip,
    )
    return chosen


def _money_input(account: Account, name: str, label: str, step: float, lowest: float | None = None) -> Decimal:
    """Money to the cent; an emptied field counts as none."""
    typed = st.number_input(
        label,
        value=0.0,
        step=step,
        format="%.2f",
        min_value=lowest,
        max_value=_MOST_MONEY,
        key=_key(account, name),
        persist_state="session",
        width=215 if lowest is None else 165,
    )
    return to_decimal(round(typed or 0.0, 2), label)


def _key(account: Account, name: str) -> str:
    return f"rebalance.{account.id}.{name}"
