"""Where the search alone may not finish, fixing the trades of the dearest line keeps the bound honest and the plan right.

The search is kept from finishing by allowing it next to no work, so that small problems, which enumeration can solve,
go the way of the very large ones.
"""

from random import Random

import pytest

from allocation.solver import Found, Line, Problem, Run, solve
from allocation.solver.branch import Solver, _free
from allocation.solver.folding import Folded
from allocation.solver.multiplier import cash_price
from allocation.solver.pricing import Priced
from allocation.solver.search import Effort, Scope
from tests.unit.test_solver import a_random_problem, a_random_problem_with_runs, enumerate_best, rank

NO_WORK = Effort(Scope.EVERYTHING, width=1, visits=1, tie_visits=1)
EFFORTS = ("_QUICK", "_GLANCE", "_TRIAL", "_LOOK", "_PROOF")


@pytest.fixture
def tired(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Searches that give up at once, and no other way to settle what they leave open."""
    for effort in EFFORTS:
        monkeypatch.setattr(f"allocation.solver.branch.{effort}", NO_WORK)
    monkeypatch.setattr("allocation.solver.branch.least_leftover", lambda _: None)
    monkeypatch.setattr("allocation.solver.branch.exchange", lambda _, found: found)
    monkeypatch.setattr("allocation.solver.quick.only_plan", lambda _: None)
    return monkeypatch


def problems(count: int, first: int = 0) -> list[Problem]:
    return [
        draw(Random(seed))
        for seed in range(first, first + count)
        for draw in (a_random_problem, a_random_problem_with_runs)
    ]


def test_a_search_that_may_hardly_look_still_gives_an_honest_bound_and_an_allowed_plan(
    tired: pytest.MonkeyPatch,
) -> None:
    tired.setattr("allocation.solver.branch._MOST_PROBLEMS", 3)
    unproved = 0

    for problem in problems(150):
        best, solution = enumerate_best(problem), solve(problem)

        if solution is not None:
            assert best is not None
            found = rank(problem, solution.steps)
            assert found is not None
            assert solution.value == found[0] >= best[0] >= solution.bound
            unproved += not solution.proved
    assert unproved > 10  # or else the test has not gone where it means to


def test_fixing_every_line_in_turn_finds_and_proves_the_best_plan(tired: pytest.MonkeyPatch) -> None:
    tired.setattr("allocation.solver.branch._MOST_PROBLEMS", 100_000)
    tired.setattr("allocation.solver.branch._DEEPEST", 5)
    tired.setattr("allocation.solver.branch._MOST_TRADES", 1_000)
    proved = 0

    for problem in problems(60, first=5_000):
        best, solution = enumerate_best(problem), solve(problem)

        if best is not None and solution is not None and solution.proved:
            assert solution.value == best[0]
            proved += 1
    assert proved > 60


def test_no_more_problems_are_solved_than_allowed(tired: pytest.MonkeyPatch) -> None:
    tired.setattr("allocation.solver.branch._MOST_PROBLEMS", 3)
    solved = []

    for problem in problems(40):
        folded = Folded.of(problem)
        if folded is not None:
            solver = Solver()
            solver.solve(folded)
            solved.append(solver._problems)

    assert max(solved) == 3


def test_a_line_that_has_one_trade_only_is_not_the_dearest() -> None:
    held = Line(step=100, held=300, target=0, lowest=0, highest=0)
    small = Line(step=1, held=3, target=9, lowest=-3, highest=5)
    folded = Folded.of(Problem((held, small), cash=10, cash_target=0))

    assert folded is not None
    assert [_free(row) for row in folded.rows] == [0, folded.rows[1].step]


def test_where_the_price_leaves_three_trades_equally_cheap_none_of_them_is_fixed() -> None:
    # Under l1 every share bought takes as much off the line as it adds to cash: one is as good as another.
    line = Line(step=10, held=0, target=1_000, lowest=0, highest=20)
    folded = Folded.of(Problem((line,), cash=200, cash_target=0, objective="l1"))
    assert folded is not None
    priced = Priced(folded, cash_price(folded))
    floors = sorted(priced.line_regret(0, k) // folded.whole for k in range(21))

    trades = Solver()._trades_of(priced, 0, Found(None, (), None))

    assert (trades is None) == (floors[2] == floors[0])


def test_trades_that_cannot_be_in_a_better_plan_are_left_out() -> None:
    line = Line(step=100, held=0, target=520, lowest=0, highest=10)
    folded = Folded.of(Problem((line,), cash=1_000, cash_target=480))
    assert folded is not None
    priced = Priced(folded, cash_price(folded))
    costs = {k: priced.bound + priced.line_regret(0, k) for k in range(11)}

    trades = Solver()._trades_of(priced, 0, Found(costs[5], (5,), None))

    assert trades == sorted((cost, k) for k, cost in costs.items() if cost <= costs[5])


def test_a_line_may_always_stay_where_it_is_at_no_cost() -> None:
    line = Line(step=7, held=70, target=0, lowest=-10, highest=4, least=3)

    assert line.allowed() == (Run(-10, -3, -70, 7), Run(0, 0, 0, 0), Run(3, 4, 21, 7))
