"""Put questions to the solver, and choose among answers to several."""

from collections.abc import Iterable
from dataclasses import replace

from allocation.planning.judging import rank_of
from allocation.solver.answer import answer
from allocation.solver.coupled.judge import judge
from allocation.solver.question import Answer, Question


def best_answer(question: Question) -> Answer | None:
    """The best trades with a proved bound; None when no choice of trades is allowed."""
    if not question.lines:
        nothing = judge(question, ())
        return Answer((), nothing.value, nothing.value) if nothing else None
    return answer(question)


def best_of(question: Question, narrower: Iterable[Question]) -> Answer | None:
    """The best answer to any of several questions that differ from this one in what they allow only."""
    answers = [found for each in narrower if (found := best_answer(each)) is not None]
    if not answers:
        return None
    best = min(answers, key=lambda found: rank_of(question, found.steps))
    return replace(best, bound=min(found.bound for found in answers))
