"""From facts to the list of trades: pure, exact, the same answer every time."""

import logging
from collections.abc import Mapping
from decimal import Decimal

from allocation.errors import InfeasibleError, PlanNotVerifiedError
from allocation.facts import Facts
from allocation.model import Portfolio
from allocation.plan_id import identify
from allocation.planning.choice import choose_steps
from allocation.planning.conflicts import explain_conflict
from allocation.planning.outcome import nothing_done
from allocation.planning.remarks import remarks_on
from allocation.planning.sheet import lay_out
from allocation.planning.writing import attainment, snapshot, totals_of, trades_of
from allocation.rules import Rules
from allocation.targets import ClassTarget, TargetAllocation
from allocation.trade_plan import Attainment, Remark, Side, Snapshot, Status, Totals, Trade, TradePlan
from allocation.verify import verify_plan

__all__ = [
    "Attainment",
    "Remark",
    "Side",
    "Snapshot",
    "Status",
    "Totals",
    "Trade",
    "TradePlan",
    "plan_facts",
    "plan_trades",
]

_log = logging.getLogger(__name__)


def plan_facts(facts: Facts) -> TradePlan:
    """The trades that bring the accounts closest to their target under the rules; verified before they are returned.

    Raises:
        AllocationError: the facts are incomplete or impossible, or the rules leave no plan.
    """
    sheet = lay_out(facts)
    try:
        choice = choose_steps(sheet)
    except InfeasibleError as refused:
        raise explain_conflict(facts, refused) from None
    outcome = choice.outcome
    trades = trades_of(outcome)
    plan = TradePlan(
        plan_id=identify(facts, trades),
        status=Status.OPTIMAL if choice.proved else Status.FEASIBLE,
        objective=attainment(choice, facts.rules.objective, sheet.money(sheet.invested)),
        trades=trades,
        before=snapshot(nothing_done(sheet)),
        after=snapshot(outcome),
        totals=totals_of(outcome),
        remarks=tuple(remarks_on(outcome)),
    )
    faults = verify_plan(plan, facts)
    if faults:
        _log.error("plan %s withheld: %s", plan.plan_id, "; ".join(f"{f.code}: {f.message}" for f in faults))
        raise PlanNotVerifiedError(f.code for f in faults)
    return plan


def plan_trades(
    portfolio: Portfolio,
    target: TargetAllocation | ClassTarget,
    prices: Mapping[str, Decimal],
    rules: Rules | None = None,
    cash_flow: Decimal = Decimal(0),
) -> TradePlan:
    """`plan_facts` for one account.

    Args:
        prices: money for one unit, for every line held or wanted.
        cash_flow: money in (+) or out (−) before trading.
    """
    return plan_facts(Facts((portfolio,), target, prices, rules or Rules(), {portfolio.account.id: cash_flow}))
