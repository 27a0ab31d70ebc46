"""The quick kernel against plain enumeration: what it calls decided is the one best plan, and its bounds hold exactly."""

import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise, product
from random import Random

import numpy as np
import pytest

from allocation.rules import Objective
from allocation.solver.kernel import propose
from allocation.solver.kernel_batch import solve_accounts
from allocation.solver.kernel_compiled import COMPILED
from allocation.solver.kernel_settle import BEST, ONLY
from allocation.solver.problem import Line, Problem
from allocation.solver.question import Run

OBJECTIVES = [Objective.L2, Objective.L1]


def distance(problem: Problem, steps: tuple[int, ...]) -> int | None:
    """Σ weight·φ in whole numbers; None when a trade or the cash it leaves is not allowed."""
    cash, total = problem.cash, 0
    for line, k in zip(problem.lines, steps, strict=True):
        run = next((run for run in line.allowed() if run.low <= k <= run.high), None)
        if run is None:
            return None
        cash -= run.spent(k)
        total += line.weight * deviation(problem, line.held + line.step * k - line.target)
    if cash < 0 or (problem.highest_cash is not None and cash > problem.highest_cash):
        return None
    return total + problem.cash_weight * deviation(problem, cash - problem.cash_target)


def deviation(problem: Problem, off: int) -> int:
    return off * off if problem.objective == Objective.L2 else abs(off)


def every_plan(problem: Problem) -> Iterator[tuple[int, tuple[int, ...]]]:
    """All allowed plans with their distance."""
    choices = [[k for run in line.allowed() for k in range(run.low, run.high + 1)] for line in problem.lines]
    for steps in product(*choices):
        if (found := distance(problem, steps)) is not None:
            yield found, steps


def a_line(random: Random, top: int, price: int, weight: int) -> Line:
    """A line with a holding, perhaps locked, with a minimum trade, with costs, or forced to trade."""
    held, target = random.randint(0, top), random.randint(0, top * price + price // 2)
    lowest, highest = (-held if random.random() < 0.8 else 0), (top if random.random() < 0.8 else 0)
    if random.random() < 0.6:
        return Line(price, price * held, target, lowest, highest, least=random.choice([1, 1, 1, 2, 3]), weight=weight)
    fee, rate = random.choice([0, random.randint(0, 3 * price)]), random.randint(0, price // 3)
    runs = [Run(0, 0, 0, 0)] if random.random() < 0.8 or not (lowest or highest) else []
    if lowest:
        runs.insert(0, Run(lowest, -1, lowest * (price - rate) + fee, price - rate))
    if highest:
        runs.append(Run(1, highest, fee + price + rate, price + rate))
    return Line(price, price * held, target, runs=tuple(runs), weight=weight)


def a_problem(random: Random) -> Problem:
    """Up to five lines with anything the rules of one account can ask for."""
    count = random.randint(1, 5)
    top = {1: 60, 2: 20, 3: 9, 4: 5, 5: 3}[count]
    a_price = random.choice([lambda: random.randint(1, 600), lambda: random.choice([5, 10, 20, 25]), lambda: 10])
    weights = random.choice([[1], [1], [1, 2, 7]])
    lines = tuple(a_line(random, top, a_price(), random.choice(weights)) for _ in range(count))
    return Problem(
        lines,
        cash=random.randint(-2 * max(line.step for line in lines), 6 * max(line.step for line in lines)),
        cash_target=random.choice([0, 0, random.randint(0, 500)]),
        objective=random.choice(OBJECTIVES),
        highest_cash=random.choice([None] * 9 + [random.randint(0, 900)]),
        cash_weight=random.choice([1, 1, 1, 3]),
    )


@pytest.mark.parametrize("block", range(6))
def test_what_is_decided_is_the_one_best_plan(block: int) -> None:
    decided = 0
    for seed in range(block * 200, block * 200 + 200):
        problem = a_problem(Random(seed))
        plans = sorted(every_plan(problem))

        proposal = propose(problem, width=Random(seed).choice([3, 20, 4096]), visits=Random(seed).choice([30, 10**5]))

        assert proposal is not None
        if not plans:
            assert proposal.steps == (), seed
        elif proposal.decided:
            decided += 1
            assert proposal.steps == plans[0][1], seed
            assert len(plans) == 1 or plans[1][0] > plans[0][0], seed
    assert decided > 70


@pytest.mark.parametrize("block", range(3))
def test_a_proposal_keeps_the_rules_and_no_plan_is_better_by_more_than_its_slack(block: int) -> None:
    for seed in range(10_000 + block * 150, 10_150 + block * 150):
        problem = a_problem(Random(seed))
        best = min(every_plan(problem), default=None)

        proposal = propose(problem, width=8, visits=200)

        if best is not None and proposal is not None and proposal.steps:
            found = distance(problem, proposal.steps)
            assert found is not None, seed
            assert found - best[0] <= proposal.slack, seed


def test_the_multiplier_alone_proves_a_bound_in_exact_arithmetic() -> None:
    for seed in range(120):
        problem = a_problem(Random(seed))
        best = min(every_plan(problem), default=None)
        proposal = propose(problem)

        if best is not None and proposal is not None:
            assert lagrange_bound(problem, Fraction(proposal.multiplier)) <= best[0], seed


def lagrange_bound(problem: Problem, price: Fraction) -> Fraction:
    """Weak duality: lines and cash each at their cheapest, with every grain of cash at this price."""
    total = -price * problem.cash
    for line in problem.lines:
        total += min(
            line.weight * deviation(problem, line.held + line.step * k - line.target) + price * run.spent(k)
            for run in line.allowed()
            for k in range(run.low, run.high + 1)
        )
    most = problem.highest_cash
    if most is None:
        most = max(problem.cash, 0) + sum(-min(run.spends for run in line.allowed()) for line in problem.lines)
    return total + min(
        problem.cash_weight * deviation(problem, left - problem.cash_target) + price * left for left in range(most + 1)
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_two_equal_lines_and_money_for_one_are_a_tie(objective: Objective) -> None:
    line = Line(step=10, held=0, target=10, highest=2)
    problem = Problem((line, line), cash=10, cash_target=0, objective=objective)

    proposal = propose(problem)

    assert proposal is not None
    assert not proposal.decided
    assert sorted(proposal.steps) == [0, 1]


def test_the_same_objective_reached_by_different_shares_is_a_tie() -> None:
    """Two steps of 5 or one of 10: the same distance under l1, found by different lines."""
    lines = (Line(step=5, held=0, target=10, highest=2), Line(step=10, held=0, target=10, highest=1))

    proposal = propose(Problem(lines, cash=10, cash_target=0, objective=Objective.L1))

    assert proposal is not None
    assert not proposal.decided


def test_amounts_beyond_64_bits_are_left_to_the_exact_search() -> None:
    huge = 10**20

    assert propose(Problem((Line(huge, 0, huge, highest=1),), cash=huge, cash_target=0)) is None


def test_a_dear_share_beside_a_cheap_one_is_decided_to_the_step() -> None:
    """A share of 600,000 and one of 0.0001, in grains of a millionth: rounding must not reach a single step."""
    dear, cheap = 600_000 * 10**6, 100
    lines = (Line(dear, 0, dear, highest=2), Line(cheap, 0, 12_345 * cheap, highest=20_000))

    proposal = propose(Problem(lines, cash=dear + 12_345 * cheap, cash_target=0))

    assert proposal is not None
    assert proposal.decided
    assert proposal.steps == (1, 12_345)


def a_book(seed: int, accounts: int) -> tuple[list[list[int]], list[int]]:
    """Accounts of 3 to 40 plain lines: the columns of `solve_accounts`, and where each account begins."""
    random = Random(seed)
    offsets, columns, free = [0], [[] for _ in range(5)], []
    for _ in range(accounts):
        count = random.randint(3, 40)
        total = 100_000 * random.randint(20, 5_000) * 100
        for _ in range(count):
            price = 100_000 * random.randint(100, 40_000)
            held = random.randint(0, 2 * total // count // price + 1)
            columns[0].append(price)
            columns[1].append(price * held)
            columns[2].append(total // count + random.randint(-total // count // 2, total // count // 2))
            columns[3].append(-held)
            columns[4].append(total // price)
        free.append(total // 3)
        offsets.append(len(columns[0]))
    return [offsets, *columns, free, [0] * accounts], offsets


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("unique", [True, False])
def test_compiled_and_uncompiled_give_the_same_numbers_to_the_bit(squared: bool, unique: bool) -> None:
    if not COMPILED.wait():
        assert not os.environ.get("CI"), "where every change is checked, numba must be there"
        pytest.skip("numba is not installed")
    columns, offsets = a_book(7, 40)
    lines, accounts = offsets[-1], len(offsets) - 1
    plain = [[0] * lines, *([0.0] * accounts for _ in range(3)), [0] * accounts]
    arrays = [np.array(column) for column in plain]

    solve_accounts(*columns, squared, 512, 20_000, unique, *plain)  # type: ignore[arg-type]
    assert COMPILED.solve_accounts is not None
    COMPILED.solve_accounts(*(np.array(column) for column in columns), squared, 512, 20_000, unique, *arrays)

    assert [array.tolist() for array in arrays] == plain


def test_every_account_of_a_book_is_proved_and_overspends_nothing() -> None:
    columns, offsets = a_book(11, 60)
    steps, proved = [0] * offsets[-1], [0] * 60
    values, bounds, prices = ([0.0] * 60 for _ in range(3))

    solve_accounts(*columns, True, 4096, 300_000, True, steps, values, bounds, prices, proved)

    step, lowest, highest, free = columns[1], columns[4], columns[5], columns[6]
    for account, (begin, end) in enumerate(pairwise(offsets)):
        assert proved[account] in (BEST, ONLY)
        assert bounds[account] <= values[account]
        assert sum(step[i] * steps[i] for i in range(begin, end)) <= free[account]
    assert all(low <= k <= high for low, k, high in zip(lowest, steps, highest, strict=True))


def test_a_step_that_changes_nothing_is_a_twin_and_nothing_is_decided() -> None:
    # 150 held of 225 wanted, 100 in cash of 25 wanted: one share of 50 or two leave both 25 off, either way round.
    problem = Problem((Line(50, 150, 225, -3, 6),), cash=100, cash_target=25)

    proposal = propose(problem)

    assert proposal is not None
    assert not proposal.decided


def test_the_process_that_compiles_ends_with_the_one_that_started_it() -> None:
    order = (
        "import threading, time\n"
        "from allocation.solver.kernel_compiled import _end_with_parent\n"
        "threading.Thread(target=_end_with_parent, daemon=True).start()\n"
        "print('at work', flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", order], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        still_at_work = child.poll() is None

        child.stdin.close()  # as the system does for a parent that is gone, however it went

        assert child.wait(60) == 1
    assert still_at_work
