"""The solver against plain enumeration: same optimum, same ties, an honest bound."""

from dataclasses import replace
from itertools import product
from random import Random

import pytest

from allocation.rules import Objective
from allocation.solver import Line, Problem, Run, quick, solve
from allocation.solver.folding import Folded
from allocation.solver.leftover import least_leftover
from allocation.solver.menu import Menu
from allocation.solver.multiplier import cash_price
from allocation.solver.pricing import Priced
from allocation.solver.search import Effort, Scope

THOROUGH = Effort(Scope.EVERYTHING, width=20_000, visits=60_000, tie_visits=60_000, thorough=True)
OBJECTIVES = [Objective.L2, Objective.L1]


Rank = tuple[int | tuple[tuple[int, int], ...], ...]


def spent(line: Line, k: int) -> int:
    """Cash that a trade uses, costs included."""
    return next(run.spent(k) for run in line.allowed() if run.low <= k <= run.high)


def rank(problem: Problem, steps: tuple[int, ...]) -> Rank | None:
    """The criteria of a plan in their order; None when it leaves a balance that is not allowed."""
    trades = list(zip(problem.lines, steps, strict=True))
    cash = problem.cash - sum(spent(line, k) for line, k in trades)
    if cash < 0 or (problem.highest_cash is not None and cash > problem.highest_cash):
        return None
    off = [line.held + line.step * k - line.target for line, k in trades]
    every = [(line.weight, o) for (line, _), o in zip(trades, off, strict=True)]
    every.append((problem.cash_weight, cash - problem.cash_target))
    return (
        sum(w * o * o for w, o in every) if problem.objective == Objective.L2 else sum(w * abs(o) for w, o in every),
        sum(line.misplaced * line.step * k for line, k in trades),
        sum(spent(line, k) - line.step * k for line, k in trades),
        sum(-line.step * k for line, k in trades if k < 0) if problem.taxable else 0,
        sum(1 for k in steps if k),
        sum(line.step * abs(k) for line, k in trades),
        max(map(abs, off), default=0),
        tuple((-abs(k), k) for k in steps),
    )


def enumerate_best(problem: Problem) -> Rank | None:
    """The least rank of all."""
    choices = [[k for run in line.allowed() for k in range(run.low, run.high + 1)] for line in problem.lines]
    return min((r for steps in product(*choices) if (r := rank(problem, steps)) is not None), default=None)


def a_random_problem(random: Random) -> Problem:
    """Up to five lines with holdings, locks, minimum trades, withdrawals, equal prices and cash targets."""
    n = random.randint(1, 5)
    top = {1: 60, 2: 20, 3: 9, 4: 5, 5: 3}[n]
    price_of = random.choice([lambda: random.randint(1, 600), lambda: random.choice([5, 10, 20, 25]), lambda: 10])
    prices = [price_of() for _ in range(n)]
    held = [random.randint(0, top) for _ in range(n)]
    cash = random.randint(0, 4 * max(prices))
    flow = random.choice([0, 0, -1]) * random.randint(0, sum(p * h for p, h in zip(prices, held, strict=True)) + cash)
    value = max(1, sum(p * h for p, h in zip(prices, held, strict=True)) + cash + flow)
    shares = [random.choice([0, 1, 1, 2, 5]) for _ in range(n)]
    cash_share = random.choice([0, 0, 1])
    whole = sum(shares) + cash_share or 1
    lines = tuple(
        Line(
            step=p * whole,
            held=p * h * whole,
            target=s * value,
            lowest=-h if random.random() < 0.8 else 0,
            highest=min(top, value // p + random.choice([0, 1])) if random.random() < 0.8 else 0,
            least=random.choice([1, 1, 1, 2, 3]),
        )
        for p, h, s in zip(prices, held, shares, strict=True)
    )
    return Problem(
        lines,
        cash=(cash + flow) * whole,
        cash_target=cash_share * value,
        objective=random.choice(OBJECTIVES),
        taxable=random.random() < 0.7,
        highest_cash=random.choice([None] * 9 + [random.randint(0, 2 * max(prices)) * whole]),
    )


def runs_with_costs(random: Random, step: int, held: int, highest: int) -> tuple[Run, ...]:
    """Lots sold at rising taxes, a band or a forced sale, purchases with a fixed and a proportional cost."""
    fixed, rate = random.choice([0, 0, step // 3, 3 * step]), random.choice([0, 0, 1, step // 50])
    runs, sold, taxes = [], 0, fixed
    while sold < held and random.random() < 0.85:
        lot, tax = random.randint(1, held - sold), random.choice([0, 0, step // 10, step // 4])
        first = -step * (sold + 1) + taxes + rate * (sold + 1) + tax
        runs.insert(0, Run(-sold - lot, -sold - 1, first - (step - rate - tax) * (lot - 1), step - rate - tax))
        sold, taxes = sold + lot, taxes + tax * lot
    if random.random() < 0.8 or not runs:
        runs.append(Run(0, 0, 0, 0))
    least = random.choice([1, 1, 1, 2])
    if highest >= least:
        runs.append(Run(least, highest, fixed + (step + rate) * least, step + rate))
    return tuple(runs)


def a_random_problem_with_runs(random: Random) -> Problem:
    """The same with trading costs, lots, forced trades, weights and places."""
    plain = a_random_problem(random)
    factor = random.choice([1, 1, 7])
    weights = random.choice([(1,), (1,), (1, 2, 3), (0, 1, 5, 40)])
    places = random.choice([(0,), (0,), (0, 1, 2)])

    def dressed(line: Line) -> Line:
        step, held = line.step * factor, line.held * factor
        runs = runs_with_costs(random, step, -line.lowest, line.highest) if random.random() < 0.8 else None
        return replace(
            line,
            step=step,
            held=held,
            target=line.target * factor,
            runs=runs,
            weight=random.choice(weights),
            misplaced=random.choice(places),
        )

    highest = plain.highest_cash
    return replace(
        plain,
        lines=tuple(map(dressed, plain.lines)),
        cash=plain.cash * factor,
        cash_target=plain.cash_target * factor,
        highest_cash=None if highest is None else highest * factor,
        cash_weight=random.choice([1, 1, 0, 3]),
    )


def assert_solved_as_enumerated(problem: Problem, seed: int) -> None:
    best = enumerate_best(problem)

    solution = solve(problem)

    if best is None:
        assert solution is None, seed
    else:
        assert solution is not None, seed
        assert rank(problem, solution.steps) == best, seed
        assert solution.proved, seed
        assert solution.value == best[0], seed


@pytest.mark.parametrize("block", range(8))
def test_small_problems_are_solved_as_enumeration_solves_them_ties_included(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        assert_solved_as_enumerated(a_random_problem(Random(seed)), seed)


@pytest.mark.parametrize("block", range(12))
def test_costs_lots_forced_trades_and_weights_are_solved_as_enumeration_solves_them(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        assert_solved_as_enumerated(a_random_problem_with_runs(Random(seed)), seed)


@pytest.mark.parametrize("block", range(4))
def test_the_thorough_search_alone_agrees_with_enumeration_too(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allocation.solver.branch._TRIAL", THOROUGH)

    for seed in range(block * 100, block * 100 + 100):
        assert_solved_as_enumerated(a_random_problem_with_runs(Random(seed)), seed)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_of_two_equal_lines_the_first_is_traded(objective: Objective) -> None:
    line = Line(step=10, held=0, target=6, lowest=0, highest=1)
    problem = Problem((line, line), cash=12, cash_target=0, objective=objective)

    solution = solve(problem)

    assert solution is not None
    assert solution.steps == (1, 0)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_share_dearer_than_all_else_is_settled_exactly(objective: Objective) -> None:
    giant = Line(step=60_000_000, held=120_000_000, target=157_000_000, lowest=-2, highest=3)
    small = [
        Line(step=p, held=p * 100, target=p * 100 + 11_111_111, lowest=-100, highest=9_000)
        for p in (4_321, 7_003, 12_345)
    ]
    problem = Problem((giant, *small), cash=70_000_000, cash_target=0, objective=objective)

    solution = solve(problem)

    assert solution is not None
    assert solution.bound <= solution.value <= solution.bound * (1 + 1e-6)
    fixed = [solve(settled(problem, k)) for k in range(-2, 2)]
    assert solution.value <= min(s.value for s in fixed if s is not None)
    assert solution.bound <= min(s.value for s in fixed if s is not None)


def test_a_small_account_is_settled_without_exchanging_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("exchanging took nine tenths of the time of a small plan")

    monkeypatch.setattr("allocation.solver.branch.exchange", never)
    prices = (25_010, 7_231, 19_044, 4_127, 8_803, 31_250, 1_299, 5_817)
    lines = tuple(Line(step=p, held=p * 7, target=250_003, lowest=-7, highest=400) for p in prices)

    solution = solve(Problem(lines, cash=1_300_000, cash_target=0))

    assert solution is not None
    assert solution.proved


def settled(problem: Problem, k: int) -> Problem:
    """The same problem with the first line's trade made already."""
    first, *rest = problem.lines
    done = replace(first, held=first.held + first.step * k, lowest=0, highest=0)
    return replace(problem, lines=(done, *rest), cash=problem.cash - first.step * k)


def test_money_that_may_go_to_any_of_many_lines_is_spent_to_the_last_cent_that_adds_up() -> None:
    random = Random(7)
    prices = [random.randint(2_000, 40_000) for _ in range(12)]
    lines = tuple(Line(step=p, held=0, target=p * 300, lowest=0, highest=300) for p in prices)
    over = Line(step=1_000, held=90_000_000, target=10_000_000, lowest=0, highest=0)
    problem = Problem((*lines, over), cash=2_345_678, cash_target=0, objective=Objective.L1)

    solution = solve(problem)

    assert solution is not None
    assert solution.proved
    assert sum(p * k for p, k in zip(prices, solution.steps, strict=False)) == 2_345_678


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("seed", range(6))
def test_the_bound_never_lies_above_what_is_found_and_twenty_lines_are_proved(objective: Objective, seed: int) -> None:
    random = Random(seed)
    prices = [random.randint(500, 60_000) for _ in range(20)]
    weights = [random.randint(1, 100) for _ in prices]
    whole, value = sum(weights), 20_000_000
    held = [random.randint(0, 2 * value * w // whole // p) for p, w in zip(prices, weights, strict=True)]
    cash = value - sum(p * h for p, h in zip(prices, held, strict=True))
    lines = tuple(
        Line(p * whole, p * h * whole, w * value, -h, value // p) for p, h, w in zip(prices, held, weights, strict=True)
    )

    solution = solve(Problem(lines, cash * whole, 0, objective))

    assert solution is not None
    assert solution.bound == solution.value


def test_no_cash_and_nothing_to_sell_has_no_solution() -> None:
    line = Line(step=10, held=50, target=50, lowest=0, highest=5)

    assert solve(Problem((line,), cash=-1, cash_target=0)) is None


def test_what_can_be_left_over_at_least_is_found_by_adding_up_prices() -> None:
    for seed in range(300):
        problem = replace(a_random_problem(Random(seed)), objective=Objective.L1, highest_cash=None)
        best = enumerate_best(problem)

        folded = Folded.of(problem)
        exact = folded and least_leftover(folded)

        if exact is not None:
            steps, distance = exact
            found = rank(problem, steps)
            assert best is not None, seed
            assert found is not None, seed
            assert distance == found[0] == best[0], seed


@pytest.mark.parametrize("seed", range(4))
def test_buying_only_for_twenty_lines_is_proved_under_l1(seed: int) -> None:
    random = Random(seed)
    prices = [random.randint(500, 60_000) for _ in range(20)]
    held = [random.randint(0, 30) for _ in prices]
    value = sum(p * h for p, h in zip(prices, held, strict=True)) + 1_000_000
    lines = tuple(Line(p * 20, p * h * 20, value, 0, 1_000_000 // p) for p, h in zip(prices, held, strict=True))

    solution = solve(Problem(lines, 20_000_000, 0, Objective.L1))

    assert solution is not None
    assert solution.proved


def test_a_line_that_does_not_count_is_settled_by_the_ties_alone() -> None:
    # Both lines may end anywhere; selling 20 steps of 30 raises the 600 that are missing in one trade.
    problem = Problem(
        (Line(30, 600, 60, -20, 6, weight=0), Line(60, 180, 120, -3, 3, weight=0)),
        cash=-600,
        cash_target=0,
        cash_weight=3,
    )

    solution = solve(problem)

    assert solution is not None
    assert solution.steps == (-20, 0)
    assert quick.only_plan(problem) is None


def test_once_a_trade_is_found_that_leaves_nothing_to_spare_the_millions_after_it_are_not_looked_at() -> None:
    folded = Folded.of(Problem((Line(1, 0, 5_000_000, 0, 10_000_000),), cash=10_000_000, cash_target=5_000_000))
    assert folded is not None
    priced = Priced(folded, cash_price(folded))
    menu = Menu(priced, 0, priced.worst_regret() + 1)
    to_spare = [priced.worst_regret() + 1]

    offered = []
    for option in menu.balanced(menu.unwritten[0], priced.cash_left, lambda: to_spare[0], lambda _: 0):
        offered.append(option)
        to_spare[0] = 0
        assert len(offered) < 3

    assert offered
