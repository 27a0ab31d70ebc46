"""The numerics behind a plan. `solve(problem)` is the whole interface for one account with separable lines.

Every criterion is folded into one whole number and every line into legs along which its cost is convex (`folding`). Then
in three moves: find the price on cash at which the lines nearly balance (`multiplier`), let every line pick its cheapest
trade at that price (`pricing`), and search the deviations from there (`menu`, `search`), which proves the best plan. Where
a first walk does not, `exchange` improves the plan and `outlook` bounds what is ahead more tightly. What l1 leaves open,
because it does not care which line falls short, `leftover` settles; where one share is worth more than all the rest,
`branch` fixes its quantity first.
"""

from allocation.rules import Objective
from allocation.solver.branch import Solver
from allocation.solver.folding import Folded
from allocation.solver.problem import Line, Problem, Solution
from allocation.solver.question import Run

__all__ = ["Line", "Problem", "Run", "Solution", "solve"]


def solve(problem: Problem) -> Solution | None:
    """The best trades, with a proved bound; None when no choice of trades leaves an allowed cash balance.

    Ties are told apart as `Problem` says. The same problem gives the same answer on every machine.
    """
    folded = Folded.of(problem)
    if folded is None:
        return None
    found = Solver().solve(folded)
    if found.regret is None:
        return None
    value = _distance(problem, folded, found.steps)
    least = found.regret if found.dropped is None else min(found.regret, found.dropped)
    return Solution(found.steps, value, min(value, least // folded.whole))


def _distance(problem: Problem, folded: Folded, steps: tuple[int, ...]) -> int:
    """Σ weight·φ over the lines and cash."""
    squared = problem.objective == Objective.L2
    cash = problem.cash - sum(row.spends(k) for row, k in zip(folded.rows, steps, strict=True))
    offs = [
        (line.weight, line.held + line.step * k - line.target) for line, k in zip(problem.lines, steps, strict=True)
    ]
    offs.append((problem.cash_weight, cash - problem.cash_target))
    return sum(weight * (off * off if squared else abs(off)) for weight, off in offs)
