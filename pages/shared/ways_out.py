"""Rules that leave no plan: each way out that is enough by itself, one click away."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import streamlit as st

from allocation.choices import PLAIN, Choices, Mode
from allocation.desk import Draft
from allocation.errors import InfeasibleError, WayOut
from pages.shared.look import literal
from pages.shared.rules_form import choose
from pages.shared.whatif import View, edit_draft

_Change = Callable[[Choices, WayOut], Mapping[str, Any]]


def show_ways_out(view: View, refused: InfeasibleError) -> None:
    """A button for every way out that the page has an input for."""
    with st.container(horizontal=True, key="rebalance-ways-out"):
        for i, way in enumerate(refused.ways_out):
            _button(view, way, f"rebalance.{view.account.id}.way.{i}")


def _button(view: View, way: WayOut, key: str) -> None:
    name = view.account.name
    label = literal(way.text.replace(f" from {name}", "").replace(f" into {name}", ""))
    text = f"{label[:1].upper()}{label[1:]}"
    if way.rule == "lock":
        st.button(text, key=key, icon=":material/lock_open:", on_click=edit_draft, args=(_unlocking(way.symbols),))
    elif change := _CHANGES.get(way.rule):
        changes = change(view.bench.choices, way)
        st.button(text, key=key, icon=":material/check:", on_click=choose, args=(changes,))


def _unlocking(symbols: tuple[str, ...]) -> Callable[[View, Draft], Draft]:
    return lambda _, draft: replace(draft, locked=draft.locked - frozenset(symbols))


def _more_money(chosen: Choices, way: WayOut) -> Mapping[str, Any]:
    """Money put in is no withdrawal: where the mode asks for one, its input could not hold it."""
    flow = chosen.cash_flow + way.amount
    if chosen.mode == Mode.RAISE_CASH and flow > 0:
        return {"cash_flow": flow, "mode": Mode.REBALANCE}
    return {"cash_flow": flow}


def _fully(_chosen: Choices, _way: WayOut) -> Mapping[str, Any]:
    return {"mode": Mode.REBALANCE}


def _as_before(name: str) -> _Change:
    return lambda _chosen, _way: {name: getattr(PLAIN, name)}


_CHANGES: Mapping[str, _Change] = {
    "cash_reserve": lambda chosen, way: {"reserve": max(chosen.reserve - way.amount, Decimal(0))},
    "cash_flow": _more_money,
    "cash": _more_money,
    "max_trades": _fully,
    "max_tax": _fully,
    "trade": _fully,
    "selling": _fully,
    "max_turnover": _as_before("max_turnover"),
    "min_trade_value": _as_before("min_trade"),
    "outside_target": _as_before("outside"),
    "costs": lambda _chosen, _way: {"per_trade": PLAIN.per_trade, "rate": PLAIN.rate},
}
