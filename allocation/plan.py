"""From a portfolio, a target, prices and rules to the list of trades: pure, exact, the same answer every time."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from allocation.drift import measure_drift
from allocation.errors import PlanNotVerifiedError, listed
from allocation.facts import Facts
from allocation.model import Portfolio
from allocation.money import plain
from allocation.plan_id import identify
from allocation.planning.exact import as_decimal, nearest, root_down, root_up, rounded_down, rounded_up
from allocation.planning.explain import reason_for
from allocation.planning.question import Choice, choose_steps
from allocation.planning.sheet import Sheet, SheetLine, lay_out
from allocation.rules import Objective, OutsideTarget, Rules
from allocation.targets import TargetAllocation
from allocation.trade_plan import Attainment, Remark, Side, Snapshot, Status, Totals, Trade, TradePlan
from allocation.verify import verify_plan

__all__ = ["Attainment", "Remark", "Side", "Snapshot", "Status", "Totals", "Trade", "TradePlan", "plan_trades"]

_log = logging.getLogger(__name__)


def plan_trades(
    portfolio: Portfolio,
    target: TargetAllocation,
    prices: Mapping[str, Decimal],
    rules: Rules | None = None,
    cash_flow: Decimal = Decimal(0),
) -> TradePlan:
    """The trades that bring the portfolio closest to its target under the rules; verified before it is returned.

    Args:
        prices: money for one unit, for every line held or wanted.
        cash_flow: money in (+) or out (−) before trading.

    Raises:
        AllocationError: the facts are incomplete or impossible, or the rules leave no plan.
    """
    rules = rules or Rules()
    facts = Facts((portfolio,), target, prices, rules, {portfolio.account.id: cash_flow})
    sheet = lay_out(portfolio, target, prices, rules, cash_flow)
    choice = choose_steps(sheet, rules)
    trades = _trades(sheet, choice.steps, rules, portfolio.account.id)
    before, after = _snapshot(sheet, [0] * len(sheet.lines)), _snapshot(sheet, choice.steps)
    plan = TradePlan(
        plan_id=identify(facts, trades),
        status=Status.OPTIMAL if choice.proved else Status.FEASIBLE,
        objective=_attainment(choice, rules.objective, sheet.invested),
        trades=trades,
        before=before,
        after=after,
        totals=_totals(trades, before.total),
        remarks=tuple(_remarks(sheet, choice.steps, rules)),
    )
    faults = verify_plan(plan, facts)
    if faults:
        _log.error("plan %s withheld: %s", plan.plan_id, "; ".join(f"{f.code}: {f.message}" for f in faults))
        raise PlanNotVerifiedError(f.code for f in faults)
    return plan


def _trades(sheet: Sheet, steps: Sequence[int], rules: Rules, account: str) -> tuple[Trade, ...]:
    """Sells before buys, the largest first."""
    trades = [_trade(line, k, sheet, rules, account) for line, k in zip(sheet.lines, steps, strict=True) if k]
    return tuple(sorted(trades, key=lambda t: (t.side == Side.BUY, t.value.copy_negate(), t.symbol)))


def _trade(line: SheetLine, steps: int, sheet: Sheet, rules: Rules, account: str) -> Trade:
    quantity = abs(steps) * line.increment
    after = line.value + steps * line.step
    return Trade(
        account=account,
        symbol=line.symbol,
        side=Side.BUY if steps > 0 else Side.SELL,
        quantity=as_decimal(quantity),
        price=as_decimal(line.price),
        value=as_decimal(quantity * line.price),
        weight_before=nearest(line.value / sheet.invested),
        weight_after=nearest(after / sheet.invested),
        weight_target=nearest(line.weight),
        reason=reason_for(line, steps, sheet, rules.selling),
    )


def _snapshot(sheet: Sheet, steps: Sequence[int]) -> Snapshot:
    """The account with these trades done."""
    values = {line.symbol: line.value + line.step * k for line, k in zip(sheet.lines, steps, strict=True)}
    cash = sheet.total - sum(values.values())
    targets = {line.symbol: line.weight for line in sheet.lines}
    return Snapshot(
        total=as_decimal(sheet.total),
        cash=as_decimal(cash),
        drift=nearest(measure_drift(values, cash - sheet.reserve, targets, sheet.cash_weight)),
        weights={symbol: nearest(value / sheet.invested) for symbol, value in values.items()},
        reserve=as_decimal(sheet.reserve),
    )


def _attainment(choice: Choice, objective: Objective, invested: Fraction) -> Attainment:
    """The objective in money: its value never rounded down, its bound never rounded up."""
    squared = objective == Objective.L2
    value = root_up(choice.distance) if squared else rounded_up(choice.distance)
    bound = root_down(choice.bound) if squared else rounded_down(choice.bound)
    gap = Decimal(0) if choice.proved else rounded_up((Fraction(value) - Fraction(bound)) / invested)
    return Attainment(objective, value, bound, gap)


def _totals(trades: Sequence[Trade], total: Decimal) -> Totals:
    buys = sum((Fraction(t.value) for t in trades if t.side == Side.BUY), Fraction(0))
    sells = sum((Fraction(t.value) for t in trades if t.side == Side.SELL), Fraction(0))
    return Totals(
        buys=as_decimal(buys),
        sells=as_decimal(sells),
        turnover=nearest((buys + sells) / 2 / Fraction(total)),
        cost=Decimal(0),
        tax=Decimal(0),
        trades=len(trades),
    )


def _remarks(sheet: Sheet, steps: Sequence[int], rules: Rules) -> Iterator[Remark]:
    yield from _remainders(sheet, steps)
    if sheet.excluded:
        yield Remark("excluded", f"{listed(sheet.excluded)}: left out of the total, not traded.", sheet.excluded)
    elif sheet.outside and rules.outside_target == OutsideTarget.HOLD:
        message = f"{listed(sheet.outside)}: without a target, held, and counted in the total."
        yield Remark("held_outside_target", message, sheet.outside)
    known = {*sheet.excluded, *(line.symbol for line in sheet.lines)}
    for rule, symbols in (("lock", rules.lock), ("do_not_buy", rules.do_not_buy), ("do_not_sell", rules.do_not_sell)):
        idle = tuple(sorted(symbols - known))
        if idle:
            message = f"The rule {rule} names {listed(idle)}, which is neither held nor in the target."
            yield Remark("unused_rule", message, idle)


def _remainders(sheet: Sheet, steps: Sequence[int]) -> Iterator[Remark]:
    """Fractions of a step that stay although the whole line was to be sold."""
    for line, k in zip(sheet.lines, steps, strict=True):
        rest = line.quantity % line.increment
        unsold = line.quantity + k * line.increment
        if rest and unsold == rest and not line.kept_by and (k or not line.weight):
            message = (
                f"{line.symbol}: {plain(as_decimal(rest))} units remain; it trades in steps of "
                f"{plain(as_decimal(line.increment))}."
            )
            yield Remark("fractional_remainder", message, (line.symbol,))
