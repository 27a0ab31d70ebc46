"""The inputs that say how the user lets us trade: money in or out, whole shares or fractions, selling, and more rules."""

from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import streamlit as st

from allocation.model import Account, Portfolio
from allocation.money import to_decimal
from allocation.rules import Objective, OutsideTarget, Rules, Selling
from pages.shared.state import signed_in

T = TypeVar("T")

_MOST_MONEY = 1e12
_SHARES = {Decimal(1): "Whole shares", Decimal("0.0001"): "Fractions"}
SELLING = {
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
    OutsideTarget.HOLD: "Keep them, count them in the weights",
    OutsideTarget.EXCLUDE: "Keep them, leave them out of the weights",
}
_OUTSIDE_HELP = (
    "For lines whose target is empty; a target of 0 always sells. Counted in, their value is part of the 100 %; "
    "left out, the targets divide what the rest is worth."
)
# What counts as not set; the last of each is what a reset writes. A widget that was never shown, or emptied, is None.
_PLAIN: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("cash_flow", "min_trade", "reserve"), (None, 0.0)),
    "shares": (None, next(iter(_SHARES))),
    "selling": (None, next(iter(SELLING))),
    "outside": (None, next(iter(_OUTSIDE))),
    "objective": (None, next(iter(_OBJECTIVES))),
}


def rules_form(portfolio: Portfolio) -> tuple[Rules, Decimal]:
    """The rules as they are set (locks excepted) and the money to invest (+) or withdraw (−)."""
    account = portfolio.account
    _forget_money_of_other_holdings(portfolio)
    with st.container(horizontal=True, vertical_alignment="bottom", key="rebalance-rules"):
        cash_flow = _money_input(account, "cash_flow", f"Invest (+) or withdraw (−), {account.currency}", 1000.0)
        increment = _choice(account, "shares", "Trade in", _SHARES, "Fractions are traded in steps of 0.0001.")
        selling = _choice(account, "selling", "Selling", SELLING)
        least = _money_input(account, "min_trade", f"Smallest trade, {account.currency}", 50.0, lowest=0.0)
        with st.popover(_more_label(account), icon=":material/tune:", width="content", key="rebalance-more-rules"):
            more = _more_rules(account)
    return replace(more, increment=increment, selling=selling, min_trade_value=least), cash_flow


def _forget_money_of_other_holdings(portfolio: Portfolio) -> None:
    """Money typed in was meant for the holdings of then; those of a newer file may include it already."""
    key, remembered = _key(portfolio.account, "cash_flow"), _key(portfolio.account, "cash_flow_for")
    held = (portfolio.positions, portfolio.cash)
    if st.session_state.get(remembered, held) != held and st.session_state.get(key):
        st.session_state[key] = 0.0
        st.toast("The holdings are new: money to invest or withdraw is back at 0.", icon=":material/info:")
    st.session_state[remembered] = held


def _more_label(account: Account) -> str:
    """Rules out of sight are counted, so that none works unnoticed."""
    given = sum(_is_set(account, name) for name in ("reserve", "outside", "objective"))
    return f"More rules: {given} set" if given else "More rules"


def _is_set(account: Account, name: str) -> bool:
    return st.session_state.get(_key(account, name)) not in _PLAIN[name]


def _more_rules(account: Account) -> Rules:
    reserve = _money_input(account, "reserve", f"Cash reserve, {account.currency}", 100.0, lowest=0.0)
    st.caption("The reserve stays in cash and outside the weights.")
    outside = _choice(account, "outside", "Holdings without a target", _OUTSIDE, _OUTSIDE_HELP)
    objective = _choice(account, "objective", "Closest to the targets means", _OBJECTIVES, _OBJECTIVE_HELP)
    nothing_set = not any(_is_set(account, name) for name in _PLAIN)
    st.button(
        "Reset all rules",
        key=_key(account, "plain"),
        icon=":material/undo:",
        on_click=_reset_rules,
        args=(account,),
        disabled=nothing_set,
        help="Money to invest or withdraw, too. Targets stay as they are.",
    )
    return Rules(cash_reserve=reserve, outside_target=outside, objective=objective)


@signed_in
def _reset_rules(account: Account) -> None:
    """Callback: every rule of this account as it was before anybody touched it."""
    for name, plain in _PLAIN.items():
        st.session_state[_key(account, name)] = plain[-1]


def _choice(account: Account, name: str, label: str, options: dict[T, str], tip: str | None = None) -> T:
    chosen: T = st.selectbox(
        label,
        list(options),
        format_func=options.__getitem__,
        key=_key(account, name),
        persist_state="session",
        help=tip,
    )
    return chosen


def _money_input(account: Account, name: str, label: str, step: float, lowest: float | None = None) -> Decimal:
    """Money to the cent; an emptied field counts as none."""
    typed = st.number_input(
        label,
        step=step,
        format="%.2f",
        min_value=lowest,
        max_value=_MOST_MONEY,
        key=_key(account, name),
        persist_state="session",
    )
    return to_decimal(round(typed or 0.0, 2), label)


def _key(account: Account, name: str) -> str:
    return f"rebalance.{account.id}.{name}"
