"""A quick proposal for a problem: nearly always the one best plan, with the price on cash that shows it.

The kernel counts regrets in floats with a margin for rounding. Where a rival comes within the margin, or an amount does
not fit into 64 bits, it says so, and the search in whole numbers has the last word.
"""

import math
from dataclasses import dataclass

import numpy as np

from allocation.rules import Objective
from allocation.solver.kernel_batch import LARGEST, solve_book
from allocation.solver.kernel_compiled import COMPILED
from allocation.solver.kernel_lines import UNLIMITED, Cash, Lines
from allocation.solver.kernel_settle import IMPOSSIBLE, NOTHING, ONLY
from allocation.solver.problem import Line, Problem
from allocation.solver.question import Run


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the kernel found.

    Attributes:
        steps: the trade of each line; empty where none was found.
        multiplier: the price on a grain of cash, in units of Σ φ per grain; any price gives a valid bound.
        decided: whether no other plan has as good an objective; then nothing is left to be searched.
        slack: no plan has an objective better by more than this.
    """

    steps: tuple[int, ...]
    multiplier: float
    decided: bool
    slack: float


def propose(problem: Problem, width: int = 4096, visits: int = 300_000) -> Proposal | None:
    """The kernel's plan; None where amounts do not fit. The same compiled or not."""
    columns = _columns(problem)
    if columns is None:
        return None
    lines, cash = columns
    steps, values, bounds, prices, proved = [0] * len(problem.lines), [0.0], [0.0], [0.0], [NOTHING]
    question = ([0, len(steps)], *lines, [cash.free], [cash.target], [cash.most])
    limits = (cash.weight, cash.squared, width, visits, True, 0.0)
    if COMPILED.solve_book is None:
        solve_book(*question, *limits, steps, values, bounds, prices, proved)
    else:
        outcome = [np.array(column) for column in (steps, values, bounds, prices, proved)]
        COMPILED.solve_book(*(np.array(column) for column in question), *limits, *outcome)
        steps, values, bounds, prices, proved = (column.tolist() for column in outcome)
    if proved[0] in (IMPOSSIBLE, NOTHING):
        return Proposal((), prices[0], False, math.inf)
    return Proposal(tuple(steps), prices[0], proved[0] == ONLY, values[0] - bounds[0])


def _columns(problem: Problem) -> tuple[Lines, Cash] | None:
    """The problem as columns; None where a sum could leave 64 bits."""
    runs = [_runs(line) for line in problem.lines]
    least = [min(run.spends for run in allowed) for allowed in runs]
    most_cash = max(0, problem.cash) - sum(least)
    largest = abs(most_cash) + abs(problem.cash) + abs(problem.cash_target)
    lines = Lines([], [], [], [0], [], [], [], [])
    for line, allowed, fewest in zip(problem.lines, runs, least, strict=True):
        lines.step.append(line.step)
        lines.gap.append(line.target - line.held)
        lines.weight.append(float(line.weight))
        for run in allowed:
            if run.per_step <= 0 and run.high > run.low:
                return None
            # No further than the money goes when every other line uses the least it can.
            affordable = run.low + max(0, (most_cash + fewest - run.spends) // max(1, run.per_step))
            lines.low.append(run.low)
            lines.high.append(min(run.high, affordable))
            lines.spent.append(run.spends)
            lines.rate.append(max(1, run.per_step))
            largest += abs(run.spends) + (run.per_step + line.step) * (lines.high[-1] - run.low + 1)
        lines.first.append(len(lines.low))
        largest += 2 * abs(line.target - line.held) + line.step * abs(allowed[0].low)
    if largest >= LARGEST:
        return None
    most = UNLIMITED if problem.highest_cash is None else problem.highest_cash
    squared = problem.objective == Objective.L2
    return lines, Cash(problem.cash, problem.cash_target, most, float(problem.cash_weight), squared)


def _runs(line: Line) -> tuple[Run, ...]:
    """The allowed trades of a line; one run where every step between the ends is allowed and free of costs."""
    if line.runs is None and line.least == 1:
        return (Run(line.lowest, line.highest, line.step * line.lowest, line.step),)
    return line.allowed()
