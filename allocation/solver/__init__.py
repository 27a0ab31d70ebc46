"""The numerics behind a plan. `solve(problem)` is the whole interface.

In three moves: find the price on cash at which the lines nearly balance (`multiplier`), let every line pick its
cheapest trade at that price (`pricing`), then search the deviations from there (`menu`, `search`): first at a glance for
a good plan, improved by `exchange`, then through everything that could beat it, which proves the best. What l1 leaves
open, because it does not care which line falls short, `leftover` settles; where one share is worth more than all the
rest, `branch` fixes its quantity first.
"""

from allocation.rules import Objective
from allocation.solver.branch import Solver
from allocation.solver.pricing import Scale
from allocation.solver.problem import Line, Problem, Solution

__all__ = ["Line", "Problem", "Solution", "solve"]


def solve(problem: Problem) -> Solution | None:
    """The best trades, with a proved bound; None when no choice of trades leaves an allowed cash balance.

    Ties are told apart as `Problem` says. The same problem gives the same answer on every machine.
    """
    scale = Scale.of(problem)
    found = Solver(scale).solve(problem)
    if found.regret is None:
        return None
    value = _distance(problem, found.steps)
    least = found.regret if found.dropped is None else min(found.regret, found.dropped)
    return Solution(found.steps, value, min(value, least // scale.whole))


def _distance(problem: Problem, steps: tuple[int, ...]) -> int:
    """Σ φ over the lines and cash."""
    offs = [line.held + line.step * k - line.target for line, k in zip(problem.lines, steps, strict=True)]
    cash = problem.cash - sum(line.step * k for line, k in zip(problem.lines, steps, strict=True))
    offs.append(cash - problem.cash_target)
    return sum(off * off for off in offs) if problem.objective == Objective.L2 else sum(map(abs, offs))
