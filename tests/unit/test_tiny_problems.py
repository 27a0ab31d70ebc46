"""The separable solver against every choice of trades at once: optimum, bound and ties of tiny problems."""

from random import Random

import pytest

from allocation.rules import Objective
from allocation.solver import Line, Problem, Solution, solve
from tests.brute_force.million import broken_by_kernel, broken_by_solve
from tests.brute_force.tiny import a_tiny_problem, best_steps, faults

# Seeds of problems in small whole numbers, where the cheapest balance of cash lies between two grains.
BETWEEN_GRAINS = [1725, 6006, 11043, 15179, 17195, 26741, 28308, 33809]


@pytest.mark.parametrize("block", range(10))
def test_no_choice_of_trades_is_better_and_ties_fall_as_told(block: int) -> None:
    for seed in range(block * 200, block * 200 + 200):
        problem = a_tiny_problem(Random(seed))

        assert faults(problem, solve(problem)) == [], seed


@pytest.mark.parametrize("seed", BETWEEN_GRAINS)
def test_cash_is_balanced_to_the_grain(seed: int) -> None:
    problem = a_tiny_problem(Random(seed))

    assert faults(problem, solve(problem)) == []


def test_amounts_beyond_64_bits_are_compared_digit_for_digit() -> None:
    huge = 10**12
    line = Line(step=huge + 1, held=0, target=3 * huge, lowest=0, highest=5)
    problem = Problem((line, line), cash=6 * huge, cash_target=0, objective=Objective.L2)

    assert best_steps(problem) == (3, 2)
    assert faults(problem, solve(problem)) == []


def test_no_plan_overspends_sells_short_or_touches_a_locked_line() -> None:
    assert broken_by_solve(count=300, first=0) == []


@pytest.mark.parametrize("seed", [1601263, 1806379, 1818858, 2205002, 2205571, 2210470])
def test_no_bound_is_below_zero_where_a_proof_fails(seed: int) -> None:
    assert broken_by_solve(count=1, first=seed) == []


@pytest.mark.parametrize("seed", [0, 5_000])
def test_no_book_overspends_sells_short_or_touches_a_locked_line(seed: int) -> None:
    assert broken_by_kernel(accounts=60, seed=seed) == []


def test_an_overspent_account_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(1)

    def careless(problem: Problem) -> Solution:
        return Solution(tuple(line.allowed()[chance.choice([0, -1])].low for line in problem.lines), 1, 2)

    monkeypatch.setattr("tests.brute_force.million.solve", careless)

    told = " ".join(broken_by_solve(count=100, first=0))

    for law in ("is not allowed", "is not that of", "above the value", "worse than trading nothing"):
        assert law in told


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Solution((0, 2), 2, 2), "value 2"),
        (Solution((1, 1), 2, 2), "steps (1, 1)"),
        (Solution((1, 0), 37, 10), "bound 10"),
        (None, "answered None"),
    ],
)
def test_a_wrong_answer_is_seen(answer: Solution | None, fault: str) -> None:
    line = Line(step=10, held=0, target=6, lowest=0, highest=1)
    problem = Problem((line, line), cash=12, cash_target=0)

    assert any(fault in found for found in faults(problem, answer))
