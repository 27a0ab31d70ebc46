"""What a plan amounts to, in sentences: how good it is, what stays outside it, and why it may hold no trade."""

from collections.abc import Iterable
from decimal import Decimal

from allocation.choices import Choices, Mode
from allocation.errors import listed
from allocation.rules import OutsideTarget
from allocation.trade_plan import Status, TradePlan
from allocation.valuation import printed_total
from pages.shared.look import beside_total, literal, money, percent
from pages.shared.whatif import View

CALCULATED = "Calculated from your targets and rules at the prices shown."
# Remarks of a plan that say what `without_target_text` says already.
SAID_OTHERWISE = frozenset({"excluded", "held_outside_target"})
_WITHOUT_TARGET = {
    OutsideTarget.SELL: "No target, so the plan sells all of {}.",
    OutsideTarget.HOLD: "No target, so kept as they are: {}. They count in the weights, so the other lines cannot all "
    "reach their targets.",
    OutsideTarget.EXCLUDE: "No target, so left out of the plan, the total and the weights: {}.",
}


def no_trades_text(plan: TradePlan, chosen: Choices) -> str:
    """Why nothing is to be done: there is nothing to gain, or the rules are in the way of it."""
    if plan.after.drift < _AS_GOOD_AS_NONE:
        return "On target: no trades."
    near = f"No trades: the account stays {percent(plan.after.drift)} from its targets"
    match chosen.mode:
        case Mode.RAISE_CASH:
            return f"{near}. The cash at hand is enough, and with **{chosen.mode.label}** nothing else is traded."
        case Mode.INVEST:
            return f"{near}. With **{chosen.mode.label}** only the cash at hand can bring it nearer."
        case Mode.OUT_OF_BAND:
            return f"{near}, and every line is within its band."
    if plan.status == Status.OPTIMAL:
        return f"{near}, and no trade your rules allow brings it nearer."
    return f"{near}; none was found that brings it nearer."


_AS_GOOD_AS_NONE = Decimal("0.0005")  # half of a tenth of a percent: what rounding weights to 0.01 % leaves


def proof_text(plan: TradePlan, currency: str) -> str:
    """How near the plan is known to come to the best there is."""
    if plan.status == Status.OPTIMAL:
        return ":material/verified: **Best possible under your rules: proved.**"
    short = max(plan.objective.value - plan.objective.bound, Decimal("0.01"))
    return f":material/rule: **Within {literal(money(short, currency))} of the proved bound.**"


def total_in_cents(view: View, plan: TradePlan) -> Decimal:
    """The plan's total before its trades, each line in cents as the account's broker prints it."""
    return plan.before.total - view.valuation.total + printed_total(view.portfolio, view.valuation)


def beside_plan_text(view: View, plan: TradePlan) -> str:
    """What the account holds beside the plan's total, so that both add up to the whole account; empty without any."""
    excluded = {symbol for remark in plan.remarks if remark.code == "excluded" for symbol in remark.symbols}
    left_out = sum((view.valuation.values.get(symbol, Decimal(0)) for symbol in excluded), Decimal(0))
    return beside_total(view.portfolio, view.valuation, total_in_cents(view, plan), left_out)


def without_target_text(symbols: Iterable[str], chosen: Choices) -> str:
    """What becomes of holdings nobody decided about, and where to decide."""
    said = _WITHOUT_TARGET[chosen.outside].format(listed(symbols))
    return f"{said} Set a target, or choose under More rules → Holdings without a target."
