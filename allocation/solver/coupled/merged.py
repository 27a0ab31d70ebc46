"""Several accounts as one: the best that could be if cash moved freely between them, and trades that come up to it.

Where trading is free, the objective knows only how many steps of each security are traded over all accounts. So the
merged problem, one line to a security, is exact but for every account's own cash; its answer is shared out by a linear
programme that keeps every purse, puts securities where they belong, and sells and trades as little as it can. A merged
trade costs the least that any sharing of it could (`charges`); what costs and taxes take beyond that is one more line
without a target. So the merged problem is never worse than the question.
"""

from dataclasses import dataclass, replace

from allocation.rules import Objective
from allocation.solver.coupled.charges import charged_runs, surplus_of
from allocation.solver.coupled.separable import part_of, place_of
from allocation.solver.problem import Line, Problem
from allocation.solver.question import Holding, Purse, Question

_MOST_RANGES = 40


@dataclass(frozen=True, slots=True)
class Merger:
    """The lines of each cell that has any, and the accounts as one with one line to each of these cells: question and problem.

    Where there are costs or taxes the problem has one more line, for the cash they take beyond the least they can.
    """

    groups: tuple[tuple[int, ...], ...]
    whole: Question
    problem: Problem


def merge(question: Question) -> Merger | None:
    """The question with its accounts merged; None where classes make accounts differ or a trade pays for itself."""
    places = [place_of(line) for line in question.lines]
    if None in places or not all(map(_costs_nothing_or_more, question.lines)):
        return None
    groups: dict[int, list[int]] = {}
    for index, place in enumerate(places):
        if place is not None:
            groups.setdefault(place, []).append(index)
    grid, surplus = surplus_of(question.lines)
    merged = [_merged([question.lines[i] for i in group], grid) for group in groups.values()]
    lines = [line for line in merged if line is not None]
    if len(lines) < len(groups) or any(len({question.lines[i].step for i in g}) > 1 for g in groups.values()):
        return None
    purse = Purse(sum(purse.cash for purse in question.purses), any(purse.taxable for purse in question.purses))
    whole = Question(
        tuple(lines),
        question.cells,
        (purse,),
        question.objective,
        question.cash_target,
        question.cash_weight,
        question.reserve,
        question.highest_cash,
    )
    problem = part_of(whole, range(len(lines)), (0,) * len(lines))
    if question.tax is not None or not all(map(_is_free, question.lines)):
        # Taxes may come to any amount of cash; costs to whole multiples of what they have in common.
        most = purse.cash - sum(line.step * line.runs[0].low for line in lines)
        step, steps = (1, max(0, most)) if question.tax is not None else (grid, surplus)
        problem = replace(problem, lines=(*problem.lines, Line(step, 0, 0, highest=steps, weight=0)))
    return Merger(tuple(map(tuple, groups.values())), whole, problem)


def untouched(question: Question) -> int:
    """What cells that no line moves add to the objective."""
    moved = {cell for line in question.lines for cell, _ in line.worth}
    return sum(
        cell.weight * (abs(cell.held - cell.target) ** (1 if question.objective == Objective.L1 else 2))
        for n, cell in enumerate(question.cells)
        if n not in moved
    )


def _is_free(line: Holding) -> bool:
    """Whether every trade spends exactly what it is worth."""
    return all(run.spent(k) == line.step * k for run in line.runs for k in (run.low, run.high))


def _costs_nothing_or_more(line: Holding) -> bool:
    """Whether no trade spends less than it is worth."""
    return all(run.spent(k) >= line.step * k for run in line.runs for k in (run.low, run.high))


def _merged(lines: list[Holding], grid: int) -> Holding | None:
    """One line that can do what several can together."""
    ranges = [(0, 0)]
    for line in lines:
        sums = sorted((low + run.low, high + run.high) for low, high in ranges for run in line.runs)
        ranges = joined(sums)
        if len(ranges) > _MOST_RANGES:
            return None
    runs = tuple(run for low, high in ranges for run in charged_runs(lines, low, high, grid))
    return Holding(0, lines[0].step, runs, lines[0].worth)


def joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in ascending order, with those that touch made one."""
    found = [ranges[0]]
    for low, high in ranges[1:]:
        if low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return found
