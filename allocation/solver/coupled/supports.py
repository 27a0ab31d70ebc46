"""A limit on trades alone: choose the lines that may trade, and let the fast solver do the rest.

Under prices on cash and on trades, leaving a line out costs it a known regret. Sets of lines are tried by the sum of these
regrets, which no answer within the set can beat; so the search ends as soon as the next set is beaten by what is known.
"""

from dataclasses import dataclass, replace
from math import isqrt

from allocation.solver import solve
from allocation.solver.coupled.judge import Outcome, judge
from allocation.solver.coupled.pricing import Priced
from allocation.solver.coupled.separable import as_problem, part_of
from allocation.solver.problem import Line
from allocation.solver.question import Question

# Sets solved, and sets listed at most.
_MOST_SOLVED = 400
_MOST_LISTED = 20_000
# Up to so many sets are solved without raising their bounds; prices on either side when they are raised.
_FEW = 12
_GRID = 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """The best answer over all sets tried, and the least folded cost that any other could have (None: none could)."""

    steps: tuple[int, ...]
    unseen: int | None


def is_limited_only(question: Question) -> bool:
    """Whether nothing but the number of trades couples the lines of a question."""
    return question.most_trades is not None and as_problem(replace(question, most_trades=None)) is not None


def choose_lines(priced: Priced, most: int) -> Chosen | None:
    """The best answer with at most so many trades; None where no set of lines leads to one.

    `priced` counts φ alone.
    """
    model = priced.model
    question, whole = model.question, model.units.whole
    wanted = [_wanted(priced, i) for i in range(len(question.lines))]
    if wanted.count(None) > most:
        return None
    best: tuple[Outcome, tuple[int, ...]] | None = None
    found = _try(question, tuple(_dearest(wanted)[:most]))
    if found is not None:
        best = found
    limit = None if best is None else int(best[0].value * whole) - priced.bound
    sets, unlisted = _sets(wanted, most, limit)
    unseen = None if unlisted is None else unlisted + priced.bound
    bounded = [(priced.bound + regret, chosen) for regret, chosen in sets]
    if best is not None and len(sets) > _FEW:
        bounded = Bounds(priced, limit or 0, most).raise_all(bounded)
    for number, (cost, chosen) in enumerate(bounded):
        if best is not None and cost > best[0].value * whole:
            break
        if number == _MOST_SOLVED:
            unseen = cost if unseen is None else min(unseen, cost)
            break
        found = _try(question, chosen)
        if found is not None and (best is None or found[0].rank < best[0].rank):
            best = found
    return None if best is None else Chosen(best[1], unseen)


class Bounds:
    """Bounds for sets of lines at many prices on cash at once: every set has a price of its own that suits it best."""

    def __init__(self, priced: Priced, gap: int, most: int) -> None:
        model, prices = priced.model, priced.prices
        whole = model.units.whole
        if model.squared:
            # A price d off loses d²·(lines + 1)/4: beyond this reach a set is out of the question anyway.
            reach = isqrt(4 * max(gap, 0) * whole // (most + 1)) * 6 // 5
        else:
            reach = whole * max(1, model.question.cash_weight)
        around = [prices.cash + reach * n // _GRID for n in range(-_GRID, _GRID + 1)]
        at = [Priced(model, replace(prices, cash=price, trade=0)) for price in around]
        self._out = [[_out_cost(each, i) for each in at] for i in range(len(model.question.lines))]
        self._in = [[each.base_cost[i] for each in at] for i in range(len(model.question.lines))]
        self._rest = [each.bound - sum(each.base_cost) for each in at]

    def raise_all(self, sets: list[tuple[int, tuple[int, ...]]]) -> list[tuple[int, tuple[int, ...]]]:
        """The sets with the best bound each, in its order; floats pick the price, whole numbers make the bound."""
        import numpy as np  # noqa: PLC0415 - a tenth of a second to load, and few questions need it

        inside = np.zeros((len(sets), len(self._in)))
        for row, (_, chosen) in enumerate(sets):
            inside[row, list(chosen)] = 1.0
        into, out = np.array(self._in, float), np.array(self._out, float)
        best = np.argmax(inside @ into + (1 - inside) @ out + np.array(self._rest, float), axis=1)
        raised = []
        for (cost, chosen), price in zip(sets, best.tolist(), strict=True):
            within = set(chosen)
            parts = ((self._in if i in within else self._out)[i][price] for i in range(len(self._in)))
            raised.append((max(cost, sum(parts) + self._rest[price]), chosen))
        return sorted(raised)


def _out_cost(priced: Priced, index: int) -> int:
    """What a line costs that does not trade; a line that has to is in every set."""
    wanted = _wanted(priced, index)
    return priced.base_cost[index] + (wanted if wanted is not None else 0)


def _wanted(priced: Priced, index: int) -> int | None:
    """The regret of leaving a line out; None where it has to trade."""
    for position, run in enumerate(priced.model.question.lines[index].runs):
        if run.low <= 0 <= run.high:
            return priced.line_cost(index, position, 0) - priced.base_cost[index]
    return None


def _dearest(wanted: list[int | None]) -> list[int]:
    """The lines, those first that have to trade, then by how dear it is to leave them out."""
    return sorted(range(len(wanted)), key=lambda i: (wanted[i] is not None, -(wanted[i] or 0), i))


def _sets(
    wanted: list[int | None], most: int, limit: int | None
) -> tuple[list[tuple[int, tuple[int, ...]]], int | None]:
    """Sets of `most` lines by the regret of leaving the others out, and the least regret of those not listed."""
    order = _dearest(wanted)
    tail = [0]
    for i in reversed(order):
        tail.append(tail[-1] + (wanted[i] or 0))
    tail.reverse()
    partial: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    unlisted: int | None = None
    for place, i in enumerate(order):
        grown = []
        for regret, chosen in partial:
            if len(chosen) < most:
                grown.append((regret, (*chosen, i)))
            left_out = wanted[i]
            if left_out is not None and len(chosen) + len(order) - place - 1 >= min(most, len(order)):
                grown.append((regret + left_out, chosen))
        # Whoever fits in from here on are the dearest to leave out; the rest of the tail must stay out.
        prospects = sorted(
            (regret + tail[min(len(order), place + 1 + most - len(chosen))], regret, chosen) for regret, chosen in grown
        )
        if limit is not None:
            prospects = [each for each in prospects if each[0] <= limit]
        if len(prospects) > _MOST_LISTED:
            cut = prospects[_MOST_LISTED][0]
            unlisted = cut if unlisted is None else min(unlisted, cut)
        partial = [(regret, chosen) for _, regret, chosen in prospects[:_MOST_LISTED]]
    return sorted(partial), unlisted


def _try(question: Question, chosen: tuple[int, ...]) -> tuple[Outcome, tuple[int, ...]] | None:
    """The best answer in which only these lines trade."""
    free, still = sorted(chosen), (0,) * len(question.lines)
    problem = part_of(question, free, still)
    solution = solve(replace(problem, lines=(*problem.lines, *_farthest(question, set(free)))))
    if solution is None:
        return None
    moved = dict(zip(free, solution.steps, strict=False))
    steps = tuple(moved.get(i, 0) for i in range(len(still)))
    outcome = judge(question, steps)
    return None if outcome is None else (outcome, steps)


def _farthest(question: Question, free: set[int]) -> tuple[Line, ...]:
    """A line at rest as far off as the farthest cell that these lines do not move: nearer deviations are then all alike."""
    moved = {cell for i in free for cell, _ in question.lines[i].worth}
    offs = [abs(cell.held - cell.target) for n, cell in enumerate(question.cells) if n not in moved]
    return (Line(1, max(offs), 0, weight=0),) if offs else ()
