"""Put questions to the solver, and choose among answers to several."""

from collections.abc import Iterable
from dataclasses import replace

from allocation.errors import NotSupportedError
from allocation.solver import Line, Problem, solve
from allocation.solver.question import Answer, Holding, Question


def best_answer(question: Question) -> Answer | None:
    """The best trades with a proved bound; None when no choice of trades is allowed."""
    capped = question.most_trades is not None or question.most_turnover is not None or question.tax
    if len(question.purses) > 1 or capped or question.cash_weight != 1:
        raise NotSupportedError("This combination of rules is not calculated yet.", ("rules",))
    (purse,) = question.purses
    problem = Problem(
        tuple(_line(i, holding, question) for i, holding in enumerate(question.lines)),
        purse.cash - question.reserve,
        question.cash_target,
        question.objective,
        purse.taxable,
        question.highest_cash,
    )
    solution = solve(problem)
    return None if solution is None else Answer(solution.steps, solution.value, solution.bound)


def best_of(question: Question, narrower: Iterable[Question]) -> Answer | None:
    """The best answer to any of several questions that differ from this one in what they allow only."""
    answers = [found for each in narrower if (found := best_answer(each)) is not None]
    if not answers:
        return None
    best = min(answers, key=lambda found: _rank(question, found))
    return replace(best, bound=min(found.bound for found in answers))


def _line(index: int, holding: Holding, question: Question) -> Line:
    cell = question.cells[index]
    plain = all(
        run.per_step == holding.step and run.spends == holding.step * run.low for run in holding.runs if run.low
    )
    if holding.worth != ((index, holding.step),) or not plain or cell.weight != 1:
        raise NotSupportedError("This combination of rules is not calculated yet.", ("rules",))
    least = min((abs(k) for run in holding.runs for k in (run.low, run.high) if k), default=1)
    return Line(holding.step, cell.held, cell.target, holding.runs[0].low, holding.runs[-1].high, least)


def _rank(question: Question, found: Answer) -> tuple[object, ...]:
    """Smaller is better: the objective, then the ties in their order."""
    values = [line.step * abs(k) for line, k in zip(question.lines, found.steps, strict=True)]
    sold = sum(v for v, k in zip(values, found.steps, strict=True) if k < 0) if question.purses[0].taxable else 0
    offs = [
        abs(cell.held + line.step * k - cell.target)
        for cell, line, k in zip(question.cells, question.lines, found.steps, strict=True)
    ]
    trades = sum(1 for k in found.steps if k)
    return found.value, sold, trades, sum(values), max(offs, default=0), found.steps
