"""Accounts as one where every trade costs the same: how many trades are best, and trades of all accounts that come up to it.

As one, the accounts know only what is traded in all and what that costs, so many times the same. For every number of trades
the best totals bound what any trades so many come to; HiGHS looks for trades that have these totals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from allocation.solver import solve
from allocation.solver.coupled.judge import judge
from allocation.solver.coupled.merged import Merger, merge, untouched
from allocation.solver.coupled.programme import Programme, summed
from allocation.solver.question import Holding, Question, Run

Steps: TypeAlias = tuple[int, ...]

REST = Run(0, 0, 0, 0)
_NODES = 200
# Numbers of trades for which trades are looked for.
_FEW = 4


class Totals(NamedTuple):
    """The best that so many trades could come to, were the accounts one, and what is traded of each security then."""

    bound: int
    trades: int
    steps: Steps


def fixed_cost(lines: Sequence[Holding]) -> int | None:
    """What every trade costs, whatever its size; None where that differs."""
    trades = [(line, run, k) for line in lines for run in line.runs if run != REST for k in (run.low, run.high)]
    costs = {run.spent(k) - line.step * k for line, run, k in trades if k}
    if len(costs) > 1 or any(run.low <= 0 <= run.high for _, run, _ in trades if costs != {0}):
        return None
    return costs.pop() if costs else 0


def without_costs(line: Holding, cost: int) -> Holding:
    """A line whose trades are free."""
    return replace(line, runs=tuple(r if r == REST else replace(r, spends=r.spends - cost) for r in line.runs))


def shared_out(question: Question, merger: Merger, totals: Steps, trades: int | None = None) -> Steps | None:
    """Allowed trades with these totals, so many of them if that is told; None where HiGHS finds none."""
    programme = Programme(question, most_nodes=_NODES)
    for group, total in zip(merger.groups, totals, strict=False):
        programme.add_row(summed(programme.steps(i) for i in group), total, total)
    if trades is not None:
        programme.add_row(summed(programme.traded(i) for i in range(len(question.lines))), trades, trades)
    found = programme.minimise({})
    return found[0] if found is not None and judge(question, found[0]) is not None else None


def count_by_count(question: Question) -> tuple[Steps | None, int | None]:
    """The best trades found, and what no trades stay below (None where this way says nothing of it)."""
    cost = fixed_cost(question.lines)
    merger = None if cost is None else merge(_freed(question, cost))
    if merger is None or cost is None:
        return None, None
    known = sorted(_totals(question, merger, cost))
    for totals in known[:_FEW]:
        steps = shared_out(question, merger, totals.steps, totals.trades if cost else None)
        if steps is not None:
            return steps, known[0].bound
    return None, known[0].bound if known else None


def _freed(question: Question, cost: int) -> Question:
    lines = tuple(without_costs(line, cost) for line in question.lines)
    return replace(question, lines=lines, most_trades=None, most_turnover=None)


def _totals(question: Question, merger: Merger, cost: int) -> Iterator[Totals]:
    """The best totals for every number of trades."""
    most = min(len(question.lines), len(question.lines) if question.most_trades is None else question.most_trades)
    still = untouched(question)
    for trades in range(most + 1) if cost else (most,):
        solution = solve(replace(merger.problem, cash=merger.problem.cash - cost * trades))
        if solution is not None:
            yield Totals(solution.bound + still, trades, solution.steps)
