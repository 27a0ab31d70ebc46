"""Sell to raise missing cash, and nothing that is not needed for it."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from allocation.planning.runs import NO_TRADE, part_of
from allocation.planning.solving import best_answer, best_of
from allocation.solver.question import Answer, Holding, Question, Run


def raise_cash(question: Question) -> Answer | None:
    """The best way to raise the missing cash in which every sale is needed; no trades when none is missing.

    A sale is needed when neither leaving it out nor its next smaller allowed size would leave cash enough. So all the
    needed-only plans whose easiest reduction is m leave less than m in cash; ask for each m.
    """
    (purse,) = question.purses
    if purse.cash >= question.reserve:
        return best_answer(replace(question, lines=tuple(replace(line, runs=(NO_TRADE,)) for line in question.lines)))
    sizes = sorted({size for line in question.lines for _, _, size in _reductions(line)})
    return best_of(question, (_all_needed(question, smallest) for smallest in sizes))


def _all_needed(question: Question, smallest: int) -> Question:
    """The question whose answers leave less in cash than the smallest reduction of any sale brings back."""
    lines = tuple(replace(line, runs=tuple(_needed(line, smallest))) for line in question.lines)
    return replace(question, lines=lines, highest_cash=smallest - 1)


def _needed(line: Holding, smallest: int) -> Iterator[Run]:
    for low, high, size in _reductions(line):
        if size >= smallest:
            run = next(run for run in line.runs if run.low <= low <= run.high)
            yield part_of(run, low, high)
    yield NO_TRADE


def _reductions(line: Holding) -> Iterator[tuple[int, int, int]]:
    """Stretches of sales, with the least cash that making a sale smaller or leaving it out would cost.

    Within a run, one step less costs the same everywhere, but for small sales that hardly pay their commission:
    leaving one out costs less than a step.
    """
    sells = [run for run in line.runs if run.high < 0]
    for run, smaller in pairwise([*sells, NO_TRADE]):
        last = min(smaller.spends - run.spent(run.high), -run.spent(run.high))
        full = run.high - 1 if run.per_step <= 0 else min(run.high - 1, _paying(run))
        if run.low <= full:
            yield run.low, full, run.per_step
        for k in range(max(run.low, full + 1), run.high):
            yield k, k, -run.spent(k)
        yield run.high, run.high, last


def _paying(run: Run) -> int:
    """The smallest sale of a run, as steps, that brings in at least what a step does."""
    return run.low + (-run.per_step - run.spends) // run.per_step
