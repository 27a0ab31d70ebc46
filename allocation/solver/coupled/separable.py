"""A question, or a part of it, in the shape of one account: for the fast solver."""

from collections.abc import Sequence

from allocation.rules import Objective
from allocation.solver.coupled.judge import the_run_of
from allocation.solver.problem import Line, Problem
from allocation.solver.question import Holding, Question, Run


def as_problem(question: Question) -> Problem | None:
    """The whole question as a problem of one account; None where something couples its lines."""
    caps = (question.most_trades, question.most_turnover, question.tax)
    if len(question.purses) != 1 or any(cap is not None for cap in caps):
        return None
    places = [place_of(line) for line in question.lines]
    if None in places or len(set(places)) < len(places):
        return None
    return part_of(question, range(len(places)), (0,) * len(places))


def part_of(question: Question, free: Sequence[int], steps: Sequence[int]) -> Problem:
    """The problem of some lines of one account, each alone in its cell, while all others keep their trades."""
    held, idle, purse = _around(question, free, steps)
    account = question.lines[free[0]].account if free else 0
    floor = max(0, question.reserve - idle)
    most = question.highest_cash
    return Problem(
        tuple(_line(question, i, held) for i in free),
        cash=purse - floor,
        cash_target=question.cash_target + question.reserve - idle - floor,
        objective=Objective.L1 if question.objective == Objective.L1 else Objective.L2,
        taxable=question.purses[account].taxable,
        highest_cash=None if most is None else most + question.reserve - idle - floor,
        cash_weight=question.cash_weight,
    )


def place_of(line: Holding) -> int | None:
    """The one cell of a line; None where it has several, or a step is worth more or less there."""
    return line.worth[0][0] if len(line.worth) == 1 and line.worth[0][1] == line.step else None


def whole_run(low: int, high: int, step: int) -> Run:
    """All trades of a range, free of costs."""
    return Run(low, high, step * low, step)


def _line(question: Question, index: int, held: list[int]) -> Line:
    line = question.lines[index]
    place = line.worth[0][0]
    cell = question.cells[place]
    return Line(line.step, held[place], cell.target, runs=line.runs, weight=cell.weight, misplaced=line.misplaced)


def _around(question: Question, free: Sequence[int], steps: Sequence[int]) -> tuple[list[int], int, int]:
    """What the lines that are not free make of the cells, of the other purses' cash and of this purse's."""
    held = [cell.held for cell in question.cells]
    purses = [purse.cash for purse in question.purses]
    moving = set(free)
    for index, k in enumerate(steps):
        if index not in moving:
            line = question.lines[index]
            purses[line.account] -= the_run_of(line, k).spent(k)
            for cell, worth in line.worth:
                held[cell] += worth * k
    account = question.lines[free[0]].account if free else 0
    return held, sum(purses) - purses[account], purses[account]
