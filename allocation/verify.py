"""The independent check of a plan: every law, rule and reported figure, recomputed from the facts in exact numbers.

Nothing here or in `checks` comes from the code that makes plans, so that one mistake cannot hide in both. A plan that has
a fault is never shown, saved or sent.
"""

from allocation.checks.cash import check_cash, check_most_tax, check_sales_needed
from allocation.checks.fault import Fault
from allocation.checks.harvest import check_harvest, read_harvested_ledger
from allocation.checks.improvement import check_doing_nothing, check_invested, check_not_improvable
from allocation.checks.nearness import check_objective, read_goal
from allocation.checks.outcome import carry_out
from allocation.checks.remarks import check_remarks
from allocation.checks.reported import check_snapshots, check_taxes, check_totals
from allocation.checks.sales import check_gains, check_lots, check_method
from allocation.checks.trades import (
    check_caps,
    check_figures,
    check_order,
    check_rules,
    check_trades_belong,
    check_weights_beside_trades,
)
from allocation.facts import Facts
from allocation.plan_id import identify
from allocation.trade_plan import TradePlan

__all__ = ["Fault", "verify_plan"]


def verify_plan(plan: TradePlan, facts: Facts) -> tuple[Fault, ...]:
    """Everything that is wrong with the plan as an answer to these facts; empty when it may be trusted."""
    ledger = read_harvested_ledger(facts)
    if isinstance(ledger, Fault):
        return (ledger,)
    unreadable = tuple(check_trades_belong(plan, ledger))
    if unreadable:
        return unreadable
    outcome, goal = carry_out(plan, ledger), read_goal(ledger)
    faults = [fault for check in _CHECKS for fault in check(plan, outcome)]
    faults += [fault for check in _CHECKS_OF_THE_GOAL for fault in check(plan, outcome, goal)]
    if plan.plan_id != identify(facts, plan.trades):
        faults.append(Fault("plan_id", "The plan id is not the hash of these facts and trades."))
    return tuple(faults)


_CHECKS = (
    check_figures,
    check_rules,
    check_caps,
    check_harvest,
    check_lots,
    check_method,
    check_gains,
    check_taxes,
    check_cash,
    check_most_tax,
    check_sales_needed,
    check_snapshots,
    check_weights_beside_trades,
    check_totals,
    check_order,
    check_remarks,
)
_CHECKS_OF_THE_GOAL = (check_objective, check_doing_nothing, check_invested, check_not_improvable)
