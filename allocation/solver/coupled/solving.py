"""Solve a coupled question: a good answer by the fast solver, prices and a bound, then a walk through what could still win.

Limits count work, not seconds.
"""

from fractions import Fraction
from typing import TypeAlias

from allocation.rules import Objective
from allocation.solver import solve
from allocation.solver.coupled.descent import improve
from allocation.solver.coupled.judge import judge
from allocation.solver.coupled.merged import merge
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.prices import find_prices
from allocation.solver.coupled.pricing import Priced, Prices
from allocation.solver.coupled.sharing import share_out
from allocation.solver.coupled.walk import Effort, Found, Walk
from allocation.solver.question import Answer, Question

Steps: TypeAlias = tuple[int, ...]

_GLANCES = (Effort(width=30, visits=10_000, few=8), Effort(width=150, visits=30_000, few=40))
_PROOF = Effort(width=50_000, visits=150_000)
# More lines than this are not gone through one by one: what they could still gain is not worth the time.
_MOST_LINES = 60


def solve_coupled(question: Question) -> Answer | None:
    """The best trades found and a bound that is proved; None when no choice of trades is allowed."""
    merger = merge(question)
    floor: int | Fraction = 0
    start: Steps | None = None
    if merger is not None:
        together = solve(merger.problem)
        if together is None:
            return None
        floor = together.bound + _still(question)
        start = share_out(question, merger, together.steps)
    if start is None or judge(question, start) is None:
        start = improve(question, start or _no_trades(question))
    if len(question.lines) > _MOST_LINES:
        return _unsearched(question, start, floor)
    return _searched(question, start, floor)


def _searched(question: Question, start: Steps, floor: int | Fraction) -> Answer | None:
    """The best answer of a walk over all lines."""
    model = Model(question)
    priced = find_prices(model)
    found = _known(question, model, start, Found())
    for effort in _GLANCES:
        found = Walk(priced, effort, found).run()
    if found.cost is not None:
        found = _known(question, model, improve(question, found.steps), found)
    outcome = None if found.cost is None else judge(question, found.steps)
    unit = model.finer**2 if model.squared else model.finer
    proved = int(floor * unit) if outcome is not None and outcome.value == floor else None
    found = Walk(priced, _PROOF, found, proved).run()
    if found.cost is None:
        return None
    least = found.cost if found.dropped is None else min(found.cost, found.dropped)
    return _answer(question, found.steps, max(floor, _bound(model, least)))


def _known(question: Question, model: Model, steps: Steps, known: Found) -> Found:
    """The better of two answers, one of them perhaps none."""
    if judge(question, steps) is None:
        return known
    cost = model.cost(steps)
    return Found(cost, steps) if known.cost is None or cost < known.cost else known


def _unsearched(question: Question, start: Steps, floor: int | Fraction) -> Answer | None:
    if judge(question, start) is None:
        return None
    if _value(question, start) > floor:
        model = Model(question)
        floor = max(floor, _bound(model, Priced(model, Prices(purses=(0,) * len(question.purses))).bound))
    return _answer(question, start, floor)


def _bound(model: Model, least: int) -> Fraction:
    """The bound on φ that a bound on the folded cost leaves, in the grains asked."""
    unit = model.finer**2 if model.squared else model.finer
    # Lesser criteria add between most_misplaced and one unit of φ; what is left after them is the bound on φ.
    return Fraction((least - model.units.misplaced * model.most_misplaced) // model.units.whole, unit)


def _answer(question: Question, steps: Steps, bound: int | Fraction) -> Answer:
    value = _value(question, steps)
    return Answer(steps, _plain(value), _plain(min(value, Fraction(bound))))


def _value(question: Question, steps: Steps) -> Fraction:
    outcome = judge(question, steps)
    if outcome is None:
        raise ArithmeticError("these trades are not allowed")
    return outcome.value


def _no_trades(question: Question) -> Steps:
    """Every line's allowed trade closest to none."""
    return tuple(
        min((k for run in line.runs for k in {run.low, run.high, min(max(0, run.low), run.high)}), key=abs)
        for line in question.lines
    )


def _still(question: Question) -> int:
    """What cells that no line moves add to the objective."""
    moved = {cell for line in question.lines for cell, _ in line.worth}
    return sum(
        cell.weight * (abs(cell.held - cell.target) ** (1 if question.objective == Objective.L1 else 2))
        for n, cell in enumerate(question.cells)
        if n not in moved
    )


def _plain(amount: Fraction) -> int | Fraction:
    return amount.numerator if amount.denominator == 1 else amount
