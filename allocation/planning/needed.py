"""Sales that are needed for missing cash: none could be left out or made smaller with cash enough, taxes paid anew."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product
from math import ceil, prod
from typing import Any, TypeAlias

from allocation.errors import UndecidedError
from allocation.planning.solving import best_answer
from allocation.solver.coupled.judge import gains_of, judge
from allocation.solver.question import Answer, Holding, Question

Steps: TypeAlias = tuple[int, ...]

# Combinations of sales that are tried one by one.
_MOST_TRIED = 4000


def raise_netted(question: Question) -> Answer | None:
    """The best needed sales where gains and losses are netted, so that a smaller sale may save or cost tax.

    Few combinations are all tried. Else the sales of the best plan that leaves no more cash than needed sales could, and
    all there are, are made smaller until they are needed; the bound is that of the former.

    Raises:
        UndecidedError: cash can be raised, but no needed sales were found that keep to the caps.
    """
    if prod(sum(run.high - run.low + 1 for run in line.runs) for line in question.lines) <= _MOST_TRIED:
        return _best_of_all(question)
    free = best_answer(_with_little_left(question))
    if free is None:
        return None
    uncapped = _uncapped(question)

    def suffices(steps: Steps) -> bool:
        return judge(uncapped, steps) is not None

    everything = tuple(line.runs[0].low for line in question.lines)
    starts = [free.steps, *([everything] if suffices(everything) else [])]
    shrunk = {shrink(question.lines, start, suffices, lambda steps: _rank(question, steps)) for start in starts}
    allowed = [(outcome.rank, steps, outcome.value) for steps in shrunk if (outcome := judge(question, steps))]
    if not allowed:
        raise UndecidedError
    _, steps, value = min(allowed)
    return Answer(steps, value, min(value, free.bound))


def shrink(
    lines: Sequence[Holding], steps: Steps, suffices: Callable[[Steps], bool], rank: Callable[[Steps], Any]
) -> Steps:
    """Sales made smaller, or left out, one at a time until no more can be; of several ways the one of least rank.

    Args:
        suffices: whether there is cash enough with these trades.
    """
    while smaller := [each for n in range(len(lines)) for each in _with_less_sold(lines[n], n, steps, suffices)]:
        steps = min(smaller, key=rank)
    return steps


def is_needed(question: Question, steps: Steps) -> bool:
    """Whether cash would be short with any sale left out, or made smaller by the least that the rules allow."""
    uncapped = _uncapped(question)
    return not any(
        judge(uncapped, _changed(steps, n, less)) is not None
        for n, line in enumerate(question.lines)
        if steps[n] < 0
        for less in {_next_smaller(line, steps[n]), 0} - {steps[n]}
    )


def _best_of_all(question: Question) -> Answer | None:
    """The best of all needed sales, every combination tried."""
    ways = product(*([k for run in line.runs for k in range(run.low, run.high + 1)] for line in question.lines))
    judged = sorted(
        ((outcome.rank, steps, outcome.value) for steps in ways if (outcome := judge(question, steps))),
        key=lambda each: each[0],
    )
    return next((Answer(steps, value, value) for _, steps, value in judged if is_needed(question, steps)), None)


def _with_little_left(question: Question) -> Question:
    """The question without plans that leave, in a single account, more than making any sale smaller could cost."""
    if question.tax is None or len(question.purses) > 1:
        return question
    rate = max(question.tax.short, question.tax.long)
    most = max((ceil(cost) for line in question.lines for cost in _costs_of_less(line, rate)), default=0)
    return replace(question, highest_cash=most)


def _costs_of_less(line: Holding, rate: Fraction) -> Iterator[Fraction]:
    """At least the cash that each next smaller sale costs, whatever it does to the tax."""
    sells = [run for run in line.runs if run.high <= 0]
    # Where lots are chosen together, a smaller sale leaves out what it would choose to: no more than the dearest lot.
    dearest = rate * line.parts * max((abs(lot.gain) for lot in line.lots), default=0)
    for run in sells:
        if run.low < run.high:
            yield run.per_step + max(dearest, rate * (abs(run.short_per_step) + abs(run.long_per_step)))
    for run, smaller in pairwise(sells):
        more, less = gains_of(run, run.high), gains_of(smaller, smaller.low)
        change = rate * sum(abs(a - b) for a, b in zip(more, less, strict=True))
        yield smaller.spends - run.spent(run.high) + max(dearest * (smaller.low - run.high), change)


def _uncapped(question: Question) -> Question:
    """The question with cash as its only rule: a smaller sale is one even where a loss not taken breaks a cap."""
    tax = None if question.tax is None else replace(question.tax, most=None)
    return replace(question, most_trades=None, most_turnover=None, tax=tax)


def _rank(question: Question, steps: Steps) -> tuple[bool, Any]:
    """What keeps to the caps comes first."""
    outcome = judge(question, steps)
    return (True, ()) if outcome is None else (False, outcome.rank)


def _with_less_sold(line: Holding, n: int, steps: Steps, suffices: Callable[[Steps], bool]) -> Iterator[Steps]:
    """The trades with one sale left out, or made smaller as far as its run and the cash allow."""
    if steps[n] >= 0:
        return
    if _may_trade(line, 0) and suffices(_changed(steps, n, 0)):
        yield _changed(steps, n, 0)
    least = _next_smaller(line, steps[n])
    if least in (0, steps[n]) or not suffices(_changed(steps, n, least)):
        return
    most = next(run.high for run in line.runs if run.low <= least <= run.high)
    while least < most:
        middle = (least + most + 1) // 2
        if suffices(_changed(steps, n, middle)):
            least = middle
        else:
            most = middle - 1
    yield _changed(steps, n, least)


def _next_smaller(line: Holding, k: int) -> int:
    """The next smaller sale that the rules allow; the same one where there is none."""
    return min((max(k + 1, run.low) for run in line.runs if run.high > k), default=k)


def _may_trade(line: Holding, k: int) -> bool:
    return any(run.low <= k <= run.high for run in line.runs)


def _changed(steps: Steps, n: int, k: int) -> Steps:
    return (*steps[:n], k, *steps[n + 1 :])
