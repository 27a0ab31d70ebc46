"""Solve a coupled question: prices, a quick look for a good answer, then a walk through everything that could beat it."""

from fractions import Fraction

from allocation.solver.coupled.judge import judge
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.prices import find_prices
from allocation.solver.coupled.pricing import Priced
from allocation.solver.coupled.walk import Effort, Found, Walk
from allocation.solver.question import Answer, Question

_GLANCES = (Effort(width=40, visits=20_000, few=8), Effort(width=400, visits=200_000, few=40))
_PROOF = Effort(width=200_000, visits=2_000_000)


def solve_coupled(question: Question) -> Answer | None:
    """The best trades found and a bound that is proved; None when no choice of trades is allowed."""
    model = Model(question)
    priced = find_prices(model)
    found = Found()
    for effort in _GLANCES:
        found = Walk(priced, effort, found).run()
    found = Walk(priced, _PROOF, found).run()
    return _answer(question, priced, found)


def _answer(question: Question, priced: Priced, found: Found) -> Answer | None:
    if found.cost is None:
        return None
    outcome = judge(question, found.steps)
    if outcome is None:
        raise ArithmeticError("the search returned trades that the question does not allow")
    model = priced.model
    least = found.cost if found.dropped is None else min(found.cost, found.dropped)
    unit = model.finer**2 if model.squared else model.finer
    # Lesser criteria add between most_misplaced and one unit of φ; what is left after them is the bound on φ.
    floor = Fraction((least - model.units.misplaced * model.most_misplaced) // model.units.whole, unit)
    bound = min(outcome.value, floor)
    return Answer(found.steps, _plain(outcome.value), _plain(bound))


def _plain(amount: Fraction) -> int | Fraction:
    return amount.numerator if amount.denominator == 1 else amount
