"""The inputs that say what the analyst came for and how we may trade; in units a person types, kept between visits."""

from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, TypeVar

import streamlit as st

from allocation.choices import PLAIN, Choices, Mode
from allocation.money import to_decimal
from allocation.rules import Combine, Destination, LotMethod, Objective, OutsideTarget
from pages.shared.drafts import Bench, holdings_mark
from pages.shared.state import require_session, signed_in
from pages.shared.whatif import View, look_up

T = TypeVar("T")

_MOST_MONEY = 1e12
_MOST_TURNOVER = 1e6  # percent of the total; a large withdrawal trades many times what it leaves
_MODE_WIDTH = 230  # the longest name fits
_BAND_WIDTH = 260
_SHARES = {Decimal(1): "Whole shares", Decimal("0.0001"): "Fractions"}
_OBJECTIVES = {Objective.L2: "Balanced", Objective.L1: "Least total deviation", Objective.RELATIVE: "Relative"}
_OBJECTIVE_HELP = (
    "Balanced: least sum of squared deviations, so a large miss weighs more than several small ones. "
    "Least total deviation: least sum of the deviations in money. "
    "Relative: deviations as parts of their targets, so small targets count as much as large ones."
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
_LOT_METHODS = {
    LotMethod.LEAST_TAX: "Least tax",
    LotMethod.FIFO: "First in, first out",
    LotMethod.LIFO: "Last in, first out",
    LotMethod.HIFO: "Highest cost first",
    LotMethod.AVERAGE_COST: "Average cost",
    LotMethod.SHARE_POOL: "Share pool (UK)",
}
_DESTINATIONS = {Destination.TARGET: "To the target", Destination.EDGE: "To the edge of the band"}


class _BandKind(StrEnum):
    """A band as people name it; which widths it has follows."""

    NARROWER = "5/25: the narrower of two"
    WIDER = "Hybrid floor: the wider of two"
    POINTS = "Points of weight"
    PERCENT = "Percent of the target"


_ASKING = frozenset({Mode.OUT_OF_BAND, Mode.FEWEST_TRADES, Mode.TAX_BUDGET})  # for more than money
# Rules that are out of sight most of the time, so that a number says how many of them are set.
_OUT_OF_SIGHT = (
    "reserve",
    "outside",
    "objective",
    "max_turnover",
    "per_trade",
    "rate",
    "short_rate",
    "long_rate",
    "lot_method",
)
_NAMES = tuple(field.name for field in fields(Choices))


def rules_form(view: View) -> Choices:
    """What is chosen now, from the mode to the last rule."""
    form = _Form(view.account.id, view.account.currency, view.bench)
    _forget_money_of_other_holdings(form, view)
    with st.container(horizontal=True, vertical_alignment="bottom", key="rebalance-rules"):
        labels = {mode: mode.label for mode in Mode}
        mode = form.choice("mode", "What to do", labels, width=_MODE_WIDTH, on_change=_mode_changed)
        flow = form.cash_flow(mode)
        increment = form.choice("increment", "Trade in", _SHARES, "Fractions are traded in steps of 0.0001.")
        least = form.money("min_trade", "Smallest trade", 50.0)
        with st.popover(form.more_label, icon=":material/tune:", width="content", key="rebalance-more-rules"):
            chosen = form.more(Choices(mode, flow, increment, least))
    if mode in _ASKING:  # an empty container would go on showing what another mode had put there
        with st.container(horizontal=True, vertical_alignment="bottom", key="rebalance-mode"):
            chosen = form.of_mode(chosen)
    st.caption(_said_of(chosen))
    view.bench.choices = chosen
    return chosen


def _said_of(chosen: Choices) -> str:
    """What the mode does, and what it still needs to do anything."""
    said = chosen.mode.sentence
    if chosen.mode == Mode.TAX_BUDGET and not (chosen.short_rate or chosen.long_rate):
        return f"{said} Your tax rates are 0 %, so nothing is taxed yet: set them under More rules."
    if chosen.mode == Mode.RAISE_CASH and not chosen.cash_flow:
        return f"{said} Type the money to withdraw."
    return said


@signed_in
def choose(changes: Mapping[str, Any]) -> None:
    """Callback: set some of the choices of the account on the desk, as if they had been typed."""
    view = look_up(require_session())
    view.bench.choices = replace(view.bench.choices, **changes)
    _show(view.bench)


@signed_in
def _reset_rules() -> None:
    """Callback: every rule of this account as it was before anybody touched it."""
    view = look_up(require_session())
    view.bench.choices = PLAIN
    _show(view.bench)


@signed_in
def _mode_changed() -> None:
    """Callback: money to withdraw is typed without a sign where the mode says that it is withdrawn."""
    bench = look_up(require_session()).bench
    key = _key(bench.account_id, "mode")
    bench.choices = replace(bench.choices, mode=Mode(st.session_state[key]))
    st.session_state[_key(bench.account_id, "cash_flow")] = _shown_flow(bench.choices)


def _forget_money_of_other_holdings(form: "_Form", view: View) -> None:
    """Money typed in was meant for the holdings of then; those of a newer file may include it already."""
    mark, bench = holdings_mark(view.portfolio), view.bench
    if bench.held and bench.held != mark and bench.choices.cash_flow:
        bench.choices = replace(bench.choices, cash_flow=Decimal(0))
        st.session_state[_key(bench.account_id, "cash_flow")] = 0.0
        st.toast("The holdings are new: money to invest or withdraw is back at 0.", icon=":material/info:")
    bench.held = mark


# ── One account's inputs ────────────────────────────────────────────────────────────────────────────────────────────


class _Form:
    """The inputs of one account: each begins with what was chosen before."""

    def __init__(self, account_id: str, currency: str, bench: Bench) -> None:
        self._account_id = account_id
        self._currency = currency
        self._before = bench.choices

    @property
    def more_label(self) -> str:
        """Rules out of sight are counted, so that none works unnoticed."""
        given = sum(self._is_set(name) for name in _OUT_OF_SIGHT)
        return f"More rules: {given} set" if given else "More rules"

    def _is_set(self, name: str) -> bool:
        return st.session_state.get(self._key(name), _shown(self._before, name)) not in {None, _shown(PLAIN, name)}

    def of_mode(self, chosen: Choices) -> Choices:
        """What the mode asks for beside itself."""
        match chosen.mode:
            case Mode.OUT_OF_BAND:
                return self._band(chosen)
            case Mode.FEWEST_TRADES:
                return replace(chosen, max_trades=self._count("max_trades", "Trades at most"))
            case Mode.TAX_BUDGET:
                return replace(chosen, max_tax=self.money("max_tax", "Tax at most", 100.0))
        return chosen

    def more(self, chosen: Choices) -> Choices:
        """The rules behind "More rules"."""
        reserve = self.money("reserve", "Cash reserve", 100.0)
        st.caption("The reserve stays in cash and outside the weights.")
        outside = self.choice("outside", "Holdings without a target", _OUTSIDE, _OUTSIDE_HELP)
        objective = self.choice("objective", "Closest to the targets means", _OBJECTIVES, _OBJECTIVE_HELP)
        turnover = self._percent("max_turnover", "Turnover at most, %", _MOST_TURNOVER, placeholder="none")
        chosen = replace(chosen, reserve=reserve, outside=outside, objective=objective, max_turnover=turnover)
        chosen = self._taxes(self._costs(chosen))
        st.button(
            "Reset all rules",
            key=self._key("plain"),
            icon=":material/undo:",
            on_click=_reset_rules,
            disabled=chosen == PLAIN,
            help="Money to invest or withdraw, too. Targets stay as they are.",
        )
        return chosen

    def _costs(self, chosen: Choices) -> Choices:
        with st.container(horizontal=True):
            per_trade = self.money("per_trade", "Cost per trade", 1.0)
            rate = self._percent("rate", "Cost, % of value")
        return replace(chosen, per_trade=per_trade, rate=rate or Decimal(0))

    def _taxes(self, chosen: Choices) -> Choices:
        with st.container(horizontal=True):
            short = self._percent("short_rate", "Short-term tax, %")
            long = self._percent("long_rate", "Long-term tax, %")
        method = self.choice("lot_method", "Lots sold first", _LOT_METHODS)
        st.caption("Taxes are calculated in taxable accounts, from the lots of the holdings.")
        return replace(chosen, short_rate=short or Decimal(0), long_rate=long or Decimal(0), lot_method=method)

    def cash_flow(self, mode: Mode) -> Decimal:
        """Money to invest (+) or to withdraw (−); without a sign where the mode says which."""
        withdrawn = mode == Mode.RAISE_CASH
        label = {Mode.RAISE_CASH: "Withdraw", Mode.INVEST: "Invest"}.get(mode, "Invest (+) or withdraw (−)")
        lowest = 0.0 if mode in {Mode.RAISE_CASH, Mode.INVEST} else None
        typed = self.money("cash_flow", label, 1000.0, lowest)
        return -typed if withdrawn and typed else typed

    def _band(self, chosen: Choices) -> Choices:
        kind = self.choice("band_kind", "Band", {kind: kind.value for kind in _BandKind}, width=_BAND_WIDTH)
        absolute = relative = None
        if kind != _BandKind.PERCENT:
            absolute = self._percent("band_absolute", "Points of weight")
        if kind != _BandKind.POINTS:
            relative = self._percent("band_relative", "% of the target")
        destination = self.choice("destination", "Bring them", _DESTINATIONS)
        combine = Combine.WIDER if kind == _BandKind.WIDER else Combine.NARROWER
        return replace(chosen, band_absolute=absolute, band_relative=relative, combine=combine, destination=destination)

    # ── Kinds of input

    def choice(
        self,
        name: str,
        label: str,
        options: Mapping[T, str],
        tip: str | None = None,
        *,
        width: int | Literal["stretch"] = "stretch",
        on_change: Any = None,
    ) -> T:
        """One of several."""
        key = self._begin(name)
        if st.session_state[key] not in options:  # set in a newer version, or sent by no page of ours
            st.session_state[key] = next(iter(options))
        chosen: T = st.selectbox(
            label,
            list(options),
            format_func=options.__getitem__,
            key=key,
            persist_state="session",
            help=tip,
            width=width,
            on_change=on_change,
        )
        return chosen

    def money(self, name: str, label: str, step: float, lowest: float | None = 0.0) -> Decimal:
        """Money to the cent; an emptied field counts as none."""
        text = f"{label}, {self._currency}"
        typed = st.number_input(
            text,
            step=step,
            format="%.2f",
            min_value=lowest,
            max_value=_MOST_MONEY,
            key=self._begin(name),
            persist_state="session",
        )
        return to_decimal(round(typed or 0.0, 2), text)

    def _percent(self, name: str, label: str, most: float = 100.0, *, placeholder: str | None = None) -> Decimal | None:
        """None where the field is empty, which is not the same as 0."""
        typed = st.number_input(
            label,
            step=1.0,
            format="%.2f",
            min_value=0.0,
            max_value=most,
            key=self._begin(name),
            persist_state="session",
            placeholder=placeholder,
        )
        return None if typed is None else to_decimal(round(typed, 4), label)

    def _count(self, name: str, label: str) -> int:
        typed = st.number_input(
            label,
            step=1,
            min_value=0,
            max_value=999,
            key=self._begin(name),
            persist_state="session",
            placeholder=str(PLAIN.max_trades),
        )
        return PLAIN.max_trades if typed is None else int(typed)

    def _begin(self, name: str) -> str:
        """The key of an input, which begins with what was chosen before."""
        key = self._key(name)
        st.session_state.setdefault(key, _shown(self._before, name))
        return key

    def _key(self, name: str) -> str:
        return _key(self._account_id, name)


def _show(bench: Bench) -> None:
    """Have every input of the account show the choices."""
    for name in (*_NAMES, "band_kind"):
        st.session_state[_key(bench.account_id, name)] = _shown(bench.choices, name)


def _shown(choices: Choices, name: str) -> Any:
    """A choice as its input holds it."""
    if name == "band_kind":
        return _band_kind(choices)
    if name == "cash_flow":
        return _shown_flow(choices)
    value = getattr(choices, name)
    return float(value) if isinstance(value, Decimal) and name != "increment" else value


def _shown_flow(choices: Choices) -> float:
    """Money without a sign where the mode says which way it goes; none where it went the other way."""
    match choices.mode:
        case Mode.RAISE_CASH:
            return float(max(-choices.cash_flow, Decimal(0)))
        case Mode.INVEST:
            return float(max(choices.cash_flow, Decimal(0)))
    return float(choices.cash_flow)


def _band_kind(choices: Choices) -> _BandKind:
    if choices.band_relative is None:
        return _BandKind.POINTS
    if choices.band_absolute is None:
        return _BandKind.PERCENT
    return _BandKind.WIDER if choices.combine == Combine.WIDER else _BandKind.NARROWER


def _key(account_id: str, name: str) -> str:
    return f"rebalance.{account_id}.{name}"
