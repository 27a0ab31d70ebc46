"""What trades are worth to a question, asked of the solver's own judge."""

from fractions import Fraction

from allocation.solver.coupled.judge import Rank, judge
from allocation.solver.question import Question


def rank_of(question: Question, steps: tuple[int, ...]) -> Rank:
    """The objective and every tie-breaker, smaller is better."""
    outcome = judge(question, steps)
    if outcome is None:
        raise ArithmeticError("the solver returned trades that the question does not allow")
    return outcome.rank


def worth_of(question: Question, steps: tuple[int, ...]) -> int | Fraction:
    """Σ weight·φ."""
    outcome = judge(question, steps)
    if outcome is None:
        raise ArithmeticError("the solver returned trades that the question does not allow")
    value = outcome.value
    return value.numerator if value.denominator == 1 else value
