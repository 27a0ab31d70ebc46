"""Plans with planted faults: an honest plan to spoil, and any trades at all written up as a plan."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from allocation.facts import Facts
from allocation.money import Number, to_decimal
from allocation.plan import plan_facts
from allocation.plan_id import identify
from allocation.planning.choice import Choice
from allocation.planning.outcome import nothing_done, outcome_of
from allocation.planning.remarks import remarks_on
from allocation.planning.sheet import lay_out
from allocation.planning.writing import attainment, snapshot, totals_of, trades_of
from allocation.request.complaints import Complaints
from allocation.request.fields import REQUEST
from allocation.request.request import Request
from allocation.trade_plan import LotSale, Side, Status, Trade, TradePlan
from allocation.verify import Fault, verify_plan

Key = tuple[str, str]


def facts_of(told: Mapping[str, Any]) -> Facts:
    """The facts of a request."""
    complaints = Complaints()
    read = REQUEST.read(told, "", complaints)
    complaints.refuse()
    return Request(read or {}).to_facts()


def codes_of(faults: Iterable[Fault]) -> set[str]:
    """The codes of faults; each of them has to say in a sentence what is wrong."""
    found = tuple(faults)
    assert all(fault.message.endswith(".") for fault in found)
    return {fault.code for fault in found}


class Asked:
    """One request, its honest plan, and the check of any other answer to it."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.facts = facts_of(told)

    @property
    def plan(self) -> TradePlan:
        """What the planner answers."""
        return plan_facts(self.facts)

    def faults(self, plan: TradePlan, facts: Facts | None = None) -> set[str]:
        """The codes found; the plan id is made to fit, so that only the planted fault shows."""
        facts = facts or self.facts
        fitted = replace(plan, plan_id=identify(facts, plan.trades))
        return codes_of(verify_plan(fitted, facts))

    def faults_as_proved(self, trades: Mapping[str | Key, Number]) -> set[str]:
        """The codes found when these trades claim to be the best."""
        plan = self.written(trades)
        bound = max(Decimal(0), plan.objective.value - Decimal("1e-12"))
        told = replace(plan.objective, bound=bound, gap=Decimal(0))
        return self.faults(replace(plan, objective=told, status=Status.OPTIMAL))

    def written(self, trades: Mapping[str | Key, Number]) -> TradePlan:
        """These signed quantities, by symbol or by account and symbol, as a plan that claims no proof."""
        sheet = lay_out(self.facts)
        wanted = {k if isinstance(k, tuple) else ("main", k): Fraction(to_decimal(q)) for k, q in trades.items()}
        steps = []
        for line in sheet.lines:
            quantity = wanted.pop((sheet.accounts[line.account].id, line.symbol), Fraction(0))
            steps.append(int(quantity / Fraction(self.facts.rules.increment_of(line.symbol))))
        assert not wanted
        outcome = outcome_of(sheet, tuple(steps))
        choice = Choice(outcome, outcome.distance(), Fraction(0))
        trades = trades_of(outcome)
        return TradePlan(
            plan_id=identify(self.facts, trades),
            status=Status.OPTIMAL if choice.proved else Status.FEASIBLE,
            objective=attainment(choice, self.facts.rules.objective, sheet.money(sheet.invested)),
            trades=trades,
            before=snapshot(nothing_done(sheet)),
            after=snapshot(outcome),
            totals=totals_of(outcome),
            remarks=tuple(remarks_on(outcome)),
        )


def with_trade(plan: TradePlan, symbol: str, change: Callable[[Trade], Trade]) -> TradePlan:
    """The plan with one trade changed."""
    assert any(t.symbol == symbol for t in plan.trades)
    return replace(plan, trades=tuple(change(t) if t.symbol == symbol else t for t in plan.trades))


def with_lot(plan: TradePlan, symbol: str, **changes: Any) -> TradePlan:
    """The plan with the first lot of a sale changed."""

    def change(trade: Trade) -> Trade:
        if trade.side == Side.BUY:
            return trade
        first, *others = trade.lots
        return replace(trade, lots=(replace(first, **changes), *others))

    return with_trade(plan, symbol, change)


def with_lots(plan: TradePlan, symbol: str, *lots: LotSale) -> TradePlan:
    """The plan with other lots for a sale."""
    return with_trade(plan, symbol, lambda trade: replace(trade, lots=lots))


def an_account(id_: str = "main", cash: Number = 0, **held: Any) -> dict[str, Any]:
    """An account of a request; a holding is a quantity, or a list of lots (quantity, unit cost, day)."""
    return {"id": id_, "cash": str(cash), "positions": [_position(symbol, told) for symbol, told in held.items()]}


def _position(symbol: str, told: Any) -> dict[str, Any]:
    if not isinstance(told, list):
        return {"symbol": symbol, "quantity": told}
    lots = [{"quantity": q, "unit_cost": str(cost), "acquired": day} for q, cost, day in told]
    return {"symbol": symbol, "quantity": str(sum(Decimal(q) for q, _, _ in told)), "lots": lots}


def a_question(
    weights: Mapping[str, Number], prices: Mapping[str, Number], *accounts: Mapping[str, Any], **rules: Any
) -> dict[str, Any]:
    """A request."""
    securities = {symbol: {"price": str(price)} for symbol, price in prices.items()}
    target = {"weights": {symbol: str(weight) for symbol, weight in weights.items()}}
    return {"accounts": list(accounts), "securities": securities, "target": target, "rules": rules}
