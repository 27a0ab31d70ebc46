"""Adding up whole prices settles plain l1 questions, and keeps out of every other."""

from dataclasses import replace
from random import Random

import pytest

from allocation.rules import Objective
from allocation.solver import Line, Problem, Run
from allocation.solver.folding import Folded
from allocation.solver.leftover import least_leftover
from tests.unit.test_solver import a_random_problem_with_runs, enumerate_best, rank

PRICES = (700, 1_100, 1_300)


def short_of_money(**changes: object) -> Problem:
    """Buying only, with money for a part of what is wanted: no line can reach its target."""
    lines = tuple(Line(price, 0, 1_000_000, 0, 20) for price in PRICES)
    problem = Problem(lines, cash=10_050, cash_target=0, objective=Objective.L1)
    return replace(problem, **changes)  # type: ignore[arg-type]


def settled(problem: Problem) -> tuple[tuple[int, ...], int] | None:
    folded = Folded.of(problem)
    assert folded is not None
    return least_leftover(folded)


def test_as_much_as_whole_prices_can_make_is_spent() -> None:
    found = settled(short_of_money())

    assert found is not None
    # All prices are hundreds: 10,000 can be spent, and 50 are left.
    assert sum(k * price for k, price in zip(found[0], PRICES, strict=True)) == 10_000


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": Objective.L2},
        {"highest_cash": 1_000},
        {"cash_weight": 2},
        {"lines": ()},
        {"lines": tuple(Line(price, 0, 1_000_000, 0, 20, weight=2) for price in PRICES)},
        {"lines": (Line(700, 0, 1_000_000, runs=(Run(0, 0, 0, 0), Run(1, 20, 705, 700))),)},
        {"lines": (Line(700, 0, 1_000_000, runs=(Run(0, 20, 0, 703),)),)},
    ],
    ids=[
        "l2",
        "a limit on cash",
        "cash weighs more",
        "no lines",
        "lines weigh more",
        "a fixed cost",
        "a proportional cost",
    ],
)
def test_a_question_that_is_not_about_adding_up_prices_is_left_to_others(changes: dict[str, object]) -> None:
    assert settled(short_of_money(**changes)) is None


def test_cash_that_cannot_be_raised_has_no_answer() -> None:
    assert Folded.of(short_of_money(cash=-1)) is None or settled(short_of_money(cash=-1)) is None


def test_whatever_is_settled_is_the_best_there_is_costs_and_weights_included() -> None:
    answered = 0

    for seed in range(1_500):
        problem = replace(a_random_problem_with_runs(Random(seed)), objective=Objective.L1, highest_cash=None)
        folded = Folded.of(problem)
        exact = folded and least_leftover(folded)

        if exact is not None:
            best, found = enumerate_best(problem), rank(problem, exact[0])
            assert best is not None, seed
            assert found is not None, seed
            assert exact[1] == found[0] == best[0], seed
            answered += 1
    assert answered > 20


def test_too_many_ways_to_overshoot_are_left_to_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    # 15 is to be spent on shares of 10 towards a target of 7: one share overshoots by 3.
    problem = Problem((Line(10, 0, 7, 0, 3), Line(4, 0, 3, 0, 3)), cash=15, cash_target=0, objective=Objective.L1)
    folded = Folded.of(problem)
    assert folded is not None
    settled_here = least_leftover(folded)
    monkeypatch.setattr("allocation.solver.leftover._MOST_OVERSHOOTING", 0)

    assert settled_here is not None
    assert least_leftover(folded) is None
