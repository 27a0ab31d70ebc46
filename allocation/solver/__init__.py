"""The numerics behind a plan. `solve(problem)` is the whole interface."""

from allocation.solver.problem import Line, Problem, Solution

__all__ = ["Line", "Problem", "Solution"]
