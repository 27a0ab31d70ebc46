"""Random problems of the separable solver small enough to try every choice, and all their choices tried at once, in columns."""

from dataclasses import dataclass
from functools import reduce
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from allocation.rules import Objective
from allocation.solver import Line, Problem, Run, Solution

# Whole numbers below which every sum of a problem fits into 64 bits; above, the columns hold Python's own.
_FITS = 1 << 62
# The most trades of a line by the number of lines.
_TOPS = {1: 300, 2: 30, 3: 10, 4: 5, 5: 3, 6: 2}

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class _Choices:
    """The trades of one line in columns: steps, cash used, and what each adds to the criteria."""

    steps: Column
    spent: Column
    off: Column
    distance: Column
    misplaced: Column
    cost: Column
    sold: Column
    trades: Column
    turnover: Column


def a_tiny_problem(chance: Random) -> Problem:
    """One to six lines with locks, minimum trades, withdrawals, costs, lots, bands, weights and places."""
    n = chance.choice([1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6])
    return a_problem(chance, n, _TOPS[n])


def a_problem(chance: Random, n: int, top: int) -> Problem:
    """So many lines of at most `top` steps held or bought."""
    size = chance.choice([10, 100, 1000, 10**6, 10**9])
    alike = chance.randint(1, size)
    steps = [chance.choice([alike, chance.randint(1, size), chance.randint(1, size)]) for _ in range(n)]
    held = [chance.randint(0, top) for _ in range(n)]
    stock = sum(s * h for s, h in zip(steps, held, strict=True))
    cash = chance.randint(0, 3 * size) - (chance.randint(0, stock) if chance.random() < 0.3 else 0)
    whole = max(1, stock + cash)
    shares = [chance.choice([0, 1, 1, 2, 5]) for _ in range(n + 1)]
    targets = [whole * share // max(1, sum(shares)) for share in shares]
    weights = chance.choice([(1,), (1,), (1,), (1, 2, 3), (0, 1, 5, 40)])
    places = chance.choice([(0,), (0,), (0, 1, 2)])
    lines = tuple(
        _line(chance, s, h, target, (top, weights, places)) for s, h, target in zip(steps, held, targets, strict=False)
    )
    return Problem(
        lines,
        cash=cash,
        cash_target=chance.choice([0, 0, targets[-1]]),
        objective=chance.choice([Objective.L2, Objective.L1]),
        taxable=chance.random() < 0.7,
        highest_cash=chance.randint(0, 2 * size) if chance.random() < 0.1 else None,
        cash_weight=chance.choice([1, 1, 1, 0, 3]),
    )


def _line(
    chance: Random, step: int, held: int, target: int, about: tuple[int, tuple[int, ...], tuple[int, ...]]
) -> Line:
    top, weights, places = about
    lowest = -held if chance.random() < 0.8 else 0
    highest = chance.randint(0, top) if chance.random() < 0.8 else 0
    return Line(
        step,
        held * step,
        target,
        lowest,
        highest,
        least=chance.choice([1, 1, 1, 2, 3]),
        runs=_runs(chance, step, -lowest, highest) if chance.random() < 0.5 else None,
        weight=chance.choice(weights),
        misplaced=chance.choice(places),
    )


def _runs(chance: Random, step: int, most_sold: int, most_bought: int) -> tuple[Run, ...]:
    """A fixed and a proportional cost, sales taxed by the lot, a smallest purchase; now and then no way but to trade."""
    fixed, rate = chance.choice([0, 0, step // 3, 3 * step]), chance.choice([0, 0, 1, step // 50])
    runs: list[Run] = []
    sold, taxes = 0, fixed
    while sold < most_sold and chance.random() < 0.85:
        lot, tax = chance.randint(1, most_sold - sold), chance.choice([0, 0, step // 10, step // 4])
        brings = step - rate - tax
        if brings <= 0:
            break
        sold, taxes = sold + lot, taxes + (tax + rate) * lot
        runs.insert(0, Run(-sold, lot - sold - 1, taxes - step * sold, brings))
    if chance.random() < 0.85 or not runs:
        runs.append(Run(0, 0, 0, 0))
    least = chance.choice([1, 1, 1, 2])
    if most_bought >= least:
        runs.append(Run(least, most_bought, fixed + (step + rate) * least, step + rate))
    return tuple(runs)


def faults(problem: Problem, solution: Solution | None) -> list[str]:
    """What is wrong with an answer; every choice of trades is compared with it."""
    best = best_steps(problem)
    if solution is None or best is None:
        return [] if solution is None and best is None else [f"answered {solution}, best is {best}"]
    found = []
    least = distance_of(problem, best)
    if not solution.bound == solution.value == least:
        found.append(f"value {solution.value} and bound {solution.bound}, best is {least}")
    if solution.steps != best:
        found.append(f"steps {solution.steps}, best are {best}")
    return found


def best_steps(problem: Problem) -> tuple[int, ...] | None:
    """The best choice of all by every criterion; None where none is allowed."""
    number = np.int64 if _largest(problem) < _FITS else np.object_
    lines = [_choices(line, problem, number) for line in problem.lines]
    left = problem.cash - _sums([line.spent for line in lines])
    allowed = left >= 0 if problem.highest_cash is None else (left >= 0) & (left <= problem.highest_cash)
    if not allowed.any():
        return None
    off = left - problem.cash_target
    cash = off * off if problem.objective == Objective.L2 else abs(off)
    distance = _sums([line.distance for line in lines]) + problem.cash_weight * cash
    nearest = np.flatnonzero(allowed & (distance == distance[allowed].min()))
    places = np.unravel_index(nearest, [len(line.steps) for line in lines])
    return _first([(line, place) for line, place in zip(lines, places, strict=True)])


def distance_of(problem: Problem, steps: tuple[int, ...]) -> int:
    """Σ weight·φ of one choice."""
    trades = list(zip(problem.lines, steps, strict=True))
    offs = [(line.weight, line.held + line.step * k - line.target) for line, k in trades]
    offs.append((problem.cash_weight, cash_after(problem, steps) - problem.cash_target))
    return sum(w * (off * off if problem.objective == Objective.L2 else abs(off)) for w, off in offs)


def cash_after(problem: Problem, steps: tuple[int, ...]) -> int:
    """The cash that one choice leaves.

    Raises:
        ValueError: a line may not make its trade.
    """
    left = problem.cash
    for line, k in zip(problem.lines, steps, strict=True):
        run = next((run for run in line.allowed() if run.low <= k <= run.high), None)
        if run is None:
            raise ValueError(f"{k} steps are not allowed of {line}")
        left -= run.spends + run.per_step * (k - run.low)
    return left


def _first(chosen: list[tuple[_Choices, Column]]) -> tuple[int, ...]:
    """Of choices with equal objective the one that the ties put first."""
    for criterion in ("misplaced", "cost", "sold", "trades", "turnover", "off"):
        if len(chosen[0][1]) == 1:
            break
        columns = [getattr(line, criterion)[place] for line, place in chosen]
        total = reduce(np.maximum, map(abs, columns)) if criterion == "off" else sum(columns)
        keep = total == total.min()
        chosen = [(line, place[keep]) for line, place in chosen]
    rows = zip(*([int(k) for k in line.steps[place]] for line, place in chosen), strict=True)
    return min(rows, key=lambda row: tuple((-abs(k), k) for k in row))


def _choices(line: Line, problem: Problem, number: Any) -> _Choices:
    runs = line.allowed()
    steps = [k for run in runs for k in range(run.low, run.high + 1)]
    spent = [run.spends + run.per_step * (k - run.low) for run in runs for k in range(run.low, run.high + 1)]
    k, paid = np.array(steps, number), np.array(spent, number)
    value = k * line.step
    off = value + (line.held - line.target)
    return _Choices(
        k,
        paid,
        off,
        line.weight * (off * off if problem.objective == Objective.L2 else abs(off)),
        line.misplaced * value,
        paid - value,
        np.where(value < 0, -value, 0) if problem.taxable else 0 * k,
        (k != 0) * np.array(1, number),
        abs(value),
    )


def _sums(columns: list[Column]) -> Column:
    """The sum of every choice, the last line's choices next to each other."""
    return reduce(lambda total, column: np.add.outer(total, column).ravel(), columns)


def _largest(problem: Problem) -> int:
    """No sum of the problem exceeds this."""
    reach, cash = 0, abs(problem.cash) + abs(problem.cash_target)
    for line in problem.lines:
        ends = [abs(k) for run in line.allowed() for k in (run.low, run.high)]
        off = abs(line.held - line.target) + max(ends) * line.step
        cash += max(abs(run.spends) + run.per_step * (run.high - run.low) for run in line.allowed())
        reach += max(1, line.weight) * off * off + line.misplaced * max(ends) * line.step
    return reach + problem.cash_weight * cash * cash + cash
