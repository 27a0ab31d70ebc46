"""Where the rules leave no plan, each way out is told as a change that is enough by itself."""

from dataclasses import replace
from decimal import Decimal

import pytest

from allocation.errors import InfeasibleError, WayOut
from allocation.facts import Facts
from allocation.plan import plan_facts
from allocation.rules import Rules
from allocation.targets import TargetAllocation
from tests.builders import a_portfolio

PRICES = {"VTI": Decimal(100), "BND": Decimal(50)}
TARGET = TargetAllocation({"VTI": Decimal("0.6"), "BND": Decimal("0.4")})


def ways_out(facts: Facts) -> dict[str, WayOut]:
    with pytest.raises(InfeasibleError) as refused:
        plan_facts(facts)
    return {way.rule: way for way in refused.value.ways_out}


def test_a_withdrawal_against_locks_can_be_lowered_or_a_line_unlocked() -> None:
    rules = Rules(lock=frozenset({"VTI", "BND"}))
    facts = Facts((a_portfolio({"VTI": 6, "BND": 8}, 100),), TARGET, PRICES, rules, {"main": Decimal(-300)})

    ways = ways_out(facts)

    assert ways["cash_flow"] == WayOut("cash_flow", ("main",), Decimal("200.00"), "withdraw 200.00 less from main")
    assert ways["lock"].symbols == ("VTI",)
    plan_facts(replace(facts, cash_flows={"main": Decimal(-100)}))
    plan_facts(replace(facts, rules=Rules(lock=frozenset({"BND"}))))


def test_a_reserve_that_nothing_may_raise_can_be_lowered() -> None:
    rules = Rules(cash_reserve=Decimal(500), max_trades=0)
    facts = Facts((a_portfolio({"VTI": 6, "BND": 8}, 100),), TARGET, PRICES, rules)

    ways = ways_out(facts)

    assert ways["cash_reserve"].amount == 400
    assert ways["max_trades"].amount == 0
    plan_facts(replace(facts, rules=replace(rules, cash_reserve=Decimal(100))))
    plan_facts(replace(facts, rules=replace(rules, max_trades=None)))
