"""Settle a very dear share first: where one step outweighs everything else, fix its trade and solve the rest.

A share of 600,000 in an account of three million leaves a wide gap between the bound and any whole-share plan, because
the bound may buy half of it. With its quantity fixed, the remaining lines close the gap as usual.
"""

from dataclasses import replace

from allocation.solver.exchange import exchange
from allocation.solver.leftover import least_leftover
from allocation.solver.multiplier import cash_price
from allocation.solver.pricing import Priced, Scale, allows
from allocation.solver.problem import Line, Problem
from allocation.solver.search import Effort, Found, Scope, Search

_GLANCE = Effort(Scope.NEAREST, width=24, visits=10**9, tie_visits=10**9)
_TRIAL = Effort(Scope.EVERYTHING, width=20_000, visits=15_000, tie_visits=15_000)
_PROOF = replace(_TRIAL, visits=60_000)

# Quantities of one line worth settling one by one, lines settled within each other, and problems solved in all.
_MOST_TRADES = 40
_DEEPEST = 3
_MOST_PROBLEMS = 60


class Solver:
    """Best-first over the quantities of the dearest lines; every cost is folded on one scale and comparable."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._problems = 0

    def solve(self, problem: Problem, depth: int = 0) -> Found:
        """The best plan by its folded cost (not regret), with `dropped` the least cost any unseen plan could have."""
        self._problems += 1
        priced = Priced(problem, self._scale, cash_price(problem, self._scale))
        found = Search(priced, _GLANCE, _most_cash(priced)).run()
        found = Search(priced, _TRIAL, found).run()
        if not self._settled(_in_costs(priced, found)):
            found = Search(priced, _PROOF, exchange(priced, found)).run()
        outcome = self._with_least_leftover(priced, _in_costs(priced, found))
        if depth >= _DEEPEST or self._settled(outcome):
            return outcome
        return self._settle_dearest(priced, outcome, depth)

    def _with_least_leftover(self, priced: Priced, outcome: Found) -> Found:
        """What is still open may be a mere question of adding up prices."""
        exact = None if self._settled(outcome) else least_leftover(priced.problem)
        if exact is None:
            return outcome
        steps, distance = exact
        proved = distance * self._scale.whole
        if outcome.regret is not None and outcome.regret // self._scale.whole == distance:
            return replace(outcome, dropped=proved)
        regret = priced.regret(steps)
        return outcome if regret is None else Found(priced.bound + regret, steps, proved)

    def _settled(self, outcome: Found) -> bool:
        """Whether nothing unseen can have a better φ."""
        if outcome.dropped is None:
            return True
        return (
            outcome.regret is not None and outcome.regret // self._scale.whole <= outcome.dropped // self._scale.whole
        )

    def _settle_dearest(self, priced: Priced, outcome: Found, depth: int) -> Found:
        """Solve once for each trade of the dearest line that could still be in the best plan."""
        index = max(range(len(priced.problem.lines)), key=lambda i: (_free(priced.problem.lines[i]), -i))
        trades = self._trades_of(priced, index, outcome)
        if trades is None or len(trades) < 2:
            return outcome
        best, unseen = outcome, None
        for floor, k in trades:
            if best.regret is not None and floor // self._scale.whole >= best.regret // self._scale.whole + 1:
                continue
            if self._problems >= _MOST_PROBLEMS:
                unseen = floor if unseen is None else min(unseen, floor)
                continue
            inner = self._fixed(priced.problem, index, k, depth)
            if inner.dropped is not None:
                unseen = inner.dropped if unseen is None else min(unseen, inner.dropped)
            if inner.regret is not None and (best.regret is None or inner.regret < best.regret):
                best = inner
        return Found(best.regret, best.steps, unseen)

    def _trades_of(self, priced: Priced, index: int, outcome: Found) -> list[tuple[int, int]] | None:
        """The least cost with each trade of a line, cheapest first; None where going through them settles nothing."""
        line = priced.problem.lines[index]
        if line.highest - line.lowest > _MOST_TRADES:
            return None
        floors = sorted(
            (priced.bound + priced.line_regret(index, k), k)
            for k in range(line.lowest, line.highest + 1)
            if allows(line, k)
        )
        # Where the price leaves more than two trades equally cheap, fixing one of them raises no bound.
        if len(floors) > 2 and floors[2][0] // self._scale.whole == floors[0][0] // self._scale.whole:
            return None
        return [floor for floor in floors if outcome.regret is None or floor[0] <= outcome.regret]

    def _fixed(self, problem: Problem, index: int, k: int, depth: int) -> Found:
        """The best plan in which a line trades exactly this much."""
        line = problem.lines[index]
        spent = line.step * k
        settled = replace(line, held=line.held + spent, lowest=0, highest=0)
        lines = (*problem.lines[:index], settled, *problem.lines[index + 1 :])
        inner = self.solve(replace(problem, lines=lines, cash=problem.cash - spent), depth + 1)
        extra = self._scale.of_trading(spent)
        steps = (*inner.steps[:index], k, *inner.steps[index + 1 :]) if inner.steps else ()
        return Found(
            None if inner.regret is None else inner.regret + extra,
            steps,
            None if inner.dropped is None else inner.dropped + extra,
        )


def _in_costs(priced: Priced, found: Found) -> Found:
    """Regrets turned into costs, which compare across problems."""
    return Found(
        None if found.regret is None else priced.bound + found.regret,
        found.steps,
        None if found.dropped is None else priced.bound + found.dropped,
    )


def _free(line: Line) -> int:
    """What one step moves, for a line that can trade at all."""
    return line.step if line.highest > line.lowest else 0


def _most_cash(priced: Priced) -> Found:
    """Where any plan is possible, selling everything that may be sold is; a start, if a poor one."""
    steps = tuple(line.lowest if line.lowest <= -line.least else 0 for line in priced.problem.lines)
    regret = priced.regret(steps)
    return Found() if regret is None else Found(regret, steps)
