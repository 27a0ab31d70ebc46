"""Settle a very dear share first: where one step outweighs everything else, fix its trade and solve the rest.

A share of 600,000 in an account of three million leaves a wide gap between the bound and any whole-share plan, because
the bound may buy half of it. With its quantity fixed, the remaining lines close the gap as usual.
"""

from dataclasses import replace

from allocation.solver.exchange import exchange, first_look
from allocation.solver.folding import Folded, Leg, Row, part
from allocation.solver.leftover import least_leftover
from allocation.solver.multiplier import cash_price
from allocation.solver.pricing import Priced
from allocation.solver.search import Effort, Found, Scope, Search

_QUICK = Effort(Scope.EVERYTHING, width=400, visits=400, tie_visits=400)
_GLANCE = Effort(Scope.NEAREST, width=24, visits=12_000, tie_visits=12_000)
_TRIAL = Effort(Scope.EVERYTHING, width=20_000, visits=15_000, tie_visits=15_000)
_LOOK = replace(_GLANCE, thorough=True)
_PROOF = replace(_TRIAL, visits=60_000, thorough=True)

# Quantities of one line worth settling one by one, lines settled within each other, and problems solved in all.
_MOST_TRADES = 40
_DEEPEST = 3
_MOST_PROBLEMS = 60


class Solver:
    """Best-first over the quantities of the dearest lines; every cost is folded on one scale and comparable."""

    def __init__(self) -> None:
        self._problems = 0

    def solve(self, folded: Folded, depth: int = 0) -> Found:
        """The best plan by its folded cost (not regret), with `dropped` the least cost any unseen plan could have."""
        self._problems += 1
        priced = Priced(folded, cash_price(folded))
        found = Search(priced, _QUICK, first_look(priced)).run()
        if found.dropped is not None:
            found = Search(priced, _TRIAL, Search(priced, _GLANCE, found).run()).run()
        if not self._settled(priced, found):
            found = Search(priced, _LOOK, found).run()
            if not priced.proves(found.regret):
                found = exchange(priced, found)
            found = Search(priced, _PROOF, found).run()
        if found.doubtful and found.dropped is None:
            found = _in_order(priced, found)
        outcome = self._with_least_leftover(priced, _in_costs(priced, found))
        if depth >= _DEEPEST or self._closed(folded, outcome):
            return outcome
        return self._settle_dearest(priced, outcome, depth)

    def _with_least_leftover(self, priced: Priced, outcome: Found) -> Found:
        """What is still open may be a mere question of adding up prices."""
        exact = None if self._closed(priced.folded, outcome) else least_leftover(priced.folded)
        if exact is None:
            return outcome
        steps, distance = exact
        proved = distance * priced.folded.whole
        if outcome.regret is not None and outcome.regret // priced.folded.whole == distance:
            return replace(outcome, dropped=proved)
        regret = priced.regret(steps)
        return outcome if regret is None else Found(priced.bound + regret, steps, proved)

    def _settled(self, priced: Priced, found: Found) -> bool:
        return self._closed(priced.folded, _in_costs(priced, found))

    @staticmethod
    def _closed(folded: Folded, outcome: Found) -> bool:
        """Whether nothing unseen can have a better φ."""
        if outcome.dropped is None:
            return True
        return outcome.regret is not None and outcome.regret // folded.whole <= outcome.dropped // folded.whole

    def _settle_dearest(self, priced: Priced, outcome: Found, depth: int) -> Found:
        """Solve once for each trade of the dearest line that could still be in the best plan."""
        folded = priced.folded
        index = max(range(len(folded.rows)), key=lambda i: (_free(folded.rows[i]), -i))
        trades = self._trades_of(priced, index, outcome)
        if trades is None or len(trades) < 2:
            return outcome
        best, unseen = outcome, None
        for floor, k in trades:
            if best.regret is not None and floor // folded.whole >= best.regret // folded.whole + 1:
                continue
            if self._problems >= _MOST_PROBLEMS:
                unseen = floor if unseen is None else min(unseen, floor)
                continue
            inner = self.solve(_fixed(folded, index, k), depth + 1)
            if inner.dropped is not None:
                unseen = inner.dropped if unseen is None else min(unseen, inner.dropped)
            if inner.regret is not None and (best.regret is None or inner.regret < best.regret):
                best = inner
        return Found(best.regret, best.steps, None if unseen is None else max(0, unseen))

    def _trades_of(self, priced: Priced, index: int, outcome: Found) -> list[tuple[int, int]] | None:
        """The least cost with each trade of a line, cheapest first; None where going through them settles nothing."""
        row, whole = priced.folded.rows[index], priced.folded.whole
        if sum(leg.high - leg.low + 1 for leg in row.legs) > _MOST_TRADES:
            return None
        floors = sorted(
            (priced.bound + priced.line_regret(index, k), k) for leg in row.legs for k in range(leg.low, leg.high + 1)
        )
        # Where the price leaves more than two trades equally cheap, fixing one of them raises no bound.
        if len(floors) > 2 and floors[2][0] // whole == floors[0][0] // whole:
            return None
        return [floor for floor in floors if outcome.regret is None or floor[0] <= outcome.regret]


def _fixed(folded: Folded, index: int, k: int) -> Folded:
    """The same problem with one trade of a line as its only one."""
    row = folded.rows[index]
    return folded.restricted({index: (part(row.leg(k), row.step, k, k),)})


def _in_order(priced: Priced, found: Found) -> Found:
    """Tell plans apart by the order of their lines, now that it is known how far off the farthest line must be."""
    farthest = max(row.off(k) for row, k in zip(priced.folded.rows, found.steps, strict=True))
    kept = {
        i: tuple(piece for leg in row.legs if (piece := _within(row, leg, farthest)) is not None)
        for i, row in enumerate(priced.folded.rows)
    }
    nearer = Priced(priced.folded.restricted(kept), priced.price)
    regret = nearer.regret(found.steps)
    again = Search(nearer, _PROOF, replace(found, regret=regret), in_order=True).run()
    return found if again.regret is None else replace(found, steps=again.steps)


def _within(row: Row, leg: Leg, farthest: int) -> Leg | None:
    """The part of a leg whose trades leave the line at most so far off."""
    low = max(leg.low, leg.low - (farthest + leg.off) // row.step)
    high = min(leg.high, leg.low + (farthest - leg.off) // row.step)
    return part(leg, row.step, low, high) if low <= high else None


def _in_costs(priced: Priced, found: Found) -> Found:
    """Regrets turned into costs, which compare across problems; no plan costs less than nothing, whatever the bound says."""
    return replace(
        found,
        regret=None if found.regret is None else priced.bound + found.regret,
        dropped=None if found.dropped is None else max(0, priced.bound + found.dropped),
    )


def _free(row: Row) -> int:
    """What one step moves, for a line that can trade at all."""
    return row.step if row.legs[0].low < row.legs[-1].high else 0
