"""Have every account pay for its part of the merged trades where trades cost something, or are taxed.

What sharing them out costs beyond the least is known only once they are shared out. So the merged problem is asked again
with that much less cash, until it is paid for; what an account still lacks then, it makes up by trades left out.
"""

from dataclasses import replace
from fractions import Fraction
from math import ceil

from allocation.solver import solve
from allocation.solver.coupled.judge import Outcome, judge, taxes_of, the_run_of
from allocation.solver.coupled.merged import Merger
from allocation.solver.coupled.rough import rough_shares
from allocation.solver.coupled.sharing import Sharing, repaired, rounded
from allocation.solver.question import Question

_ROUNDS = 4
# Trades made smaller, at most, until every account can pay.
_MOST_SHED = 100


class Paying:
    """The rounds: what the merged accounts trade, what every purse keeps back, and the best answer so far."""

    def __init__(self, question: Question, merger: Merger) -> None:
        self._question, self._merger = question, merger
        self._withheld = [Fraction(0)] * len(question.purses)
        self._rough: list[float] | None = None
        self._best: tuple[Outcome, tuple[int, ...]] | None = None

    def from_trades(self, together: tuple[int, ...]) -> tuple[int, ...] | None:
        """The best answer found, beginning with the best of the merged problem; None where none is found."""
        totals: tuple[int, ...] | None = together[: len(self._merger.groups)]
        for _ in range(_ROUNDS):
            if totals is None:
                break
            extra = self._share(totals)
            totals = None if extra is None else self._merged(extra)
        return None if self._best is None else self._best[1]

    def _share(self, totals: tuple[int, ...]) -> int | None:
        """Share the totals out; what that costs beyond what the merged problem counts. None where they cannot be."""
        question, merger = self._question, self._merger
        rough = rough_shares(question, merger, totals, self._withheld, self._rough)
        if rough is None:
            return None
        self._rough = rough
        sharing = Sharing(question, merger, rounded(question, merger, totals, rough), self._withheld)
        repaired(sharing)
        steps = tuple(sharing.steps)
        self._withheld = taxes_of(question, steps)
        self._keep(shed(question, sharing))
        spent = sum(the_run_of(line, k).spent(k) for line, k in zip(question.lines, steps, strict=True))
        counted = zip(merger.problem.lines, totals, strict=False)
        least = sum(next(r for r in line.allowed() if r.low <= k <= r.high).spent(k) for line, k in counted)
        return ceil(spent + sum(self._withheld)) - least

    def _merged(self, extra: int) -> tuple[int, ...] | None:
        """What is best to trade in all with so much less cash."""
        problem = self._merger.problem
        lines = problem.lines[: len(self._merger.groups)]
        solution = solve(replace(problem, lines=lines, cash=problem.cash - extra))
        return None if solution is None else solution.steps

    def _keep(self, steps: tuple[int, ...]) -> None:
        outcome = judge(self._question, steps)
        if outcome is not None and (self._best is None or outcome.rank < self._best[0].rank):
            self._best = outcome, steps


def shed(question: Question, sharing: Sharing) -> tuple[int, ...]:
    """The trades, some bought less or sold more of, until every account can pay or nothing is left to change."""
    for _ in range(_MOST_SHED):
        poorest = min(range(len(sharing.purses)), key=lambda p: (sharing.purses[p], p))
        change = _change(question, sharing, poorest) if sharing.purses[poorest] < 0 else None
        if change is None:
            break
        sharing.trade(*change)
    return tuple(sharing.steps)


def _change(question: Question, sharing: Sharing, purse: int) -> tuple[int, int] | None:
    """The line with its next lower trade that brings in what is lacking, as little more as can be; else the most."""
    best: tuple[tuple[bool, int, int], int] | None = None
    for index, line in enumerate(question.lines):
        after = _next_lower(sharing, index) if line.account == purse else None
        if after is None:
            continue
        before = sharing.steps[index]
        brings = the_run_of(line, before).spent(before) - the_run_of(line, after).spent(after)
        rank = brings < -sharing.purses[purse], abs(brings + sharing.purses[purse]), index
        if brings > 0 and (best is None or rank < best[0]):
            best = rank, after
    return None if best is None else (best[0][2], best[1])


def _next_lower(sharing: Sharing, index: int) -> int | None:
    below = [min(high, sharing.steps[index] - 1) for low, high in sharing.ranges[index] if low < sharing.steps[index]]
    return max(below, default=None)
