"""The numerics behind a plan. `solve(problem)` is the whole interface for one account with separable lines.

Every criterion is folded into one whole number and every line into legs along which its cost is convex (`folding`). Then
in three moves: find the price on cash at which the lines nearly balance (`multiplier`), let every line pick its cheapest
trade at that price (`pricing`), and search the deviations from there (`menu`, `search`), which proves the best plan. Where
a first walk does not, `exchange` improves the plan and `outlook` bounds what is ahead more tightly. What l1 leaves open,
because it does not care which line falls short, `leftover` settles; where one share is worth more than all the rest,
`branch` fixes its quantity first.
"""

from allocation.rules import Objective
from allocation.solver import quick
from allocation.solver.branch import Solver
from allocation.solver.folding import Folded
from allocation.solver.problem import Line, Problem, Solution
from allocation.solver.question import Run
from allocation.solver.search import Found

__all__ = ["Line", "Problem", "Run", "Solution", "solve"]


def solve(problem: Problem) -> Solution | None:
    """The best trades, with a proved bound; None when no choice of trades leaves an allowed cash balance.

    Ties are told apart as `Problem` says. The same problem gives the same answer on every machine.
    """
    folded = Folded.of(problem)
    if folded is None:
        return None
    found = Solver().solve(folded)
    if _is_open(found, folded.whole) and (steps := quick.only_plan(problem)) is not None:
        # Where lines are many the kernel sees further, compiled or not.
        return _proved(problem, steps)
    if found.regret is None:
        return None
    value = _distance(problem, found.steps)
    least = found.regret if found.dropped is None else min(found.regret, found.dropped)
    return Solution(found.steps, value, min(value, least // folded.whole))


def _is_open(found: Found, whole: int) -> bool:
    """Whether a plan set aside unseen could have a better φ than the best one known."""
    if found.dropped is None:
        return False
    return found.regret is None or found.dropped // whole < found.regret // whole


def _proved(problem: Problem, steps: tuple[int, ...]) -> Solution:
    value = _distance(problem, steps)
    return Solution(steps, value, value)


def _distance(problem: Problem, steps: tuple[int, ...]) -> int:
    """Σ weight·φ over the lines and cash."""
    squared, cash, total = problem.objective == Objective.L2, problem.cash, 0
    for line, k in zip(problem.lines, steps, strict=True):
        off = line.held + line.step * k - line.target
        total += line.weight * (off * off if squared else abs(off))
        cash -= next(run.spent(k) for run in line.allowed() if run.low <= k <= run.high)
    off = cash - problem.cash_target
    return total + problem.cash_weight * (off * off if squared else abs(off))
