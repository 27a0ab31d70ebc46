"""The objective `relative`: deviations as fractions of their targets; what has no target is sold first, all cash invested.

Lines without a target come first, lexicographically: where each can be brought to its smallest allowed holding by itself,
it is; where rules or money stand in the way, one more cell counts what remains of them with a weight that outweighs all
else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

from allocation.planning.investing import invest
from allocation.planning.judging import worth_of
from allocation.planning.raising import raise_cash
from allocation.planning.runs import part_of
from allocation.planning.solving import best_answer
from allocation.solver.question import Answer, Cell, Holding, Question, Run

Solve = Callable[[Question], Answer | None]


@dataclass(frozen=True, slots=True)
class Weighing:
    """Whole weights by which squares in grains become squares of fractions, times `unit` squared."""

    cells: tuple[int, ...]
    cash: int
    unit: int

    @classmethod
    def of(cls, question: Question) -> "Weighing":
        """1/target², brought to a common denominator; 0 for what has no target."""
        targets = [cell.target for cell in question.cells]
        unit = lcm(*(target for target in (*targets, question.cash_target) if target))
        weights = tuple((unit // target) ** 2 if target else 0 for target in targets)
        return cls(weights, (unit // question.cash_target) ** 2 if question.cash_target else 0, unit)


def answer_relative(question: Question, buyable: Sequence[bool], raising: bool) -> tuple[Answer, Fraction] | None:
    """The best answer in squared fractions of the targets, and what one of its units is worth in these.

    Args:
        question: in the terms of l2, all weights one.
        buyable: by line, whether the rules let it be bought.
        raising: whether only sales that raise missing cash are allowed.
    """
    weighing = Weighing.of(question)
    cells = tuple(replace(cell, weight=w) for cell, w in zip(question.cells, weighing.cells, strict=True))
    weighed = replace(question, cells=cells, cash_weight=weighing.cash)
    empty = frozenset(n for n, cell in enumerate(cells) if not cell.target)

    def solve(asked: Question) -> Answer | None:
        if raising:
            return raise_cash(asked)
        return best_answer(asked) if question.cash_target else invest(asked, buyable)

    found = (None if raising else solve(_emptied(weighed, empty))) or _solve_emptying(weighed, empty, solve)
    return None if found is None else (found, Fraction(1, weighing.unit**2))


def _emptied(question: Question, empty: frozenset[int]) -> Question:
    """Every line without a target brought to its smallest allowed holding."""
    return replace(
        question,
        lines=tuple(
            replace(line, runs=(_smallest(line),)) if _touches(line, empty) else line for line in question.lines
        ),
    )


def _smallest(line: Holding) -> Run:
    return part_of(line.runs[0], line.runs[0].low, line.runs[0].low)


def _touches(line: Holding, empty: frozenset[int]) -> bool:
    return any(cell in empty for cell, _ in line.worth)


def _solve_emptying(question: Question, empty: frozenset[int], solve: Solve) -> Answer | None:
    """As much of what has no target sold as rules and money allow together, then the best of the rest."""
    rest, most = len(question.cells), _most(question)
    held = sum(question.cells[n].held for n in empty)
    heavy = most + 1
    lines = tuple(_counted(line, empty, rest) for line in question.lines)
    found = solve(replace(question, lines=lines, cells=(*question.cells, Cell(held, 0, heavy))))
    if found is None:
        return None
    left = held + sum(
        worth * k
        for line, k in zip(question.lines, found.steps, strict=True)
        for cell, worth in line.worth
        if cell in empty
    )
    value = worth_of(question, found.steps)
    bound = value if found.proved else max(0, found.bound - heavy * left * left)
    return Answer(found.steps, value, min(value, bound))


def _counted(line: Holding, empty: frozenset[int], rest: int) -> Holding:
    """The line, its part without a target counted in one more cell; never bought further."""
    more = sum(worth for cell, worth in line.worth if cell in empty)
    if not more:
        return line
    sells = tuple(run for run in line.runs if run.low <= 0)
    return replace(line, runs=sells, worth=(*line.worth, (rest, more)))


def _most(question: Question) -> int:
    """More than the objective of any allowed answer."""
    wealth = sum(cell.held for cell in question.cells) + sum(max(0, purse.cash) for purse in question.purses)
    cells = sum(cell.weight * (wealth + cell.target) ** 2 for cell in question.cells)
    return cells + question.cash_weight * (wealth + question.cash_target) ** 2
