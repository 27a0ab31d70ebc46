"""Households in which trades cost a fixed amount, or only so many may be made: solved to the end, bounds held against enumeration."""

import json
from random import Random
from typing import Any

import pytest

from allocation.plan import plan_facts
from allocation.request import read_request
from allocation.rules import Objective
from allocation.solver.coupled.counted import count_by_count, fixed_cost
from allocation.solver.coupled.judge import judge
from allocation.solver.coupled.patterns import Patterns, has_few_patterns
from allocation.solver.question import Question
from allocation.trade_plan import Status
from tests.unit.test_coupled_households import a_household, allowed_trades, rank_of

RULES: list[dict[str, Any]] = [
    {"trades": 1},
    {"trades": 2},
    {"trades": 3},
    {"fee": (3, 0)},
    {"fee": (9, 0), "trades": 2},
]


def least_value(question: Question) -> Any:
    return min(rank_of(question, steps)[0] for steps in allowed_trades(question))


@pytest.mark.parametrize("objective", [Objective.L2, Objective.L1])
@pytest.mark.parametrize("rules", RULES)
def test_looking_through_all_patterns_finds_what_enumeration_finds(objective: Objective, rules: dict[str, Any]) -> None:
    for seed in range(8):
        question = a_household(seed, objective, **rules)
        assert has_few_patterns(question)

        patterns = Patterns(question)
        patterns.look_through()

        assert patterns.value == least_value(question)
        assert patterns.unseen is None


@pytest.mark.parametrize("objective", [Objective.L2, Objective.L1])
@pytest.mark.parametrize("rules", RULES)
def test_the_best_totals_of_any_number_of_trades_are_no_farther_off_than_any_trades(
    objective: Objective, rules: dict[str, Any]
) -> None:
    met = 0
    for seed in range(12):
        question = a_household(seed, objective, **rules)
        best = least_value(question)

        steps, bound = count_by_count(question)

        assert bound is not None
        assert bound <= best
        if steps is not None:
            outcome = judge(question, steps)
            assert outcome is not None
            met += outcome.value == bound
    assert met


def test_costs_in_proportion_to_a_trade_are_no_fixed_cost() -> None:
    in_proportion, fixed, free = (a_household(0, Objective.L2, fee=fee) for fee in ((0, 2), (3, 0), (0, 0)))

    assert fixed_cost(in_proportion.lines) is None
    assert fixed_cost(fixed.lines) == 3
    assert fixed_cost(free.lines) == 0


def a_family(seed: int, **rules: Any) -> str:
    """Two accounts of three securities each, of a size that enumeration does not reach."""
    chance = Random(seed)
    prices = {name: round(chance.uniform(15, 400), 2) for name in ("A", "B", "C")}
    accounts = [
        {
            "id": f"account {n}",
            "tax_treatment": treatment,
            "cash": str(round(chance.uniform(0, 5_000), 2)),
            "positions": [
                {"symbol": name, "quantity": str(int(chance.uniform(1_000, 30_000) / price) + 1)}
                for name, price in prices.items()
                if chance.random() < 0.7
            ],
        }
        for n, treatment in enumerate(("taxable", "tax_deferred"))
    ]
    securities = {name: {"price": str(price)} for name, price in prices.items()}
    target = {"weights": {"A": "0.5", "B": "0.3", "C": "0.2"}}
    return json.dumps({"accounts": accounts, "securities": securities, "target": target, "rules": rules})


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "rules",
    [{"max_trades": 2}, {"max_trades": 3}, {"max_trades": 3, "objective": "l1"}, {"costs": {"per_trade": "1"}}],
)
def test_two_accounts_of_three_securities_are_proved(seed: int, rules: dict[str, Any]) -> None:
    plan = plan_facts(read_request(a_family(seed, **rules)).to_facts())

    assert plan.status == Status.OPTIMAL
