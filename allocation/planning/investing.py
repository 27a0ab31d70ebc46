"""Invest every cent that can be: no line could be bought by one more step with what is left."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from allocation.errors import NotSupportedError
from allocation.planning.runs import part_of
from allocation.planning.solving import best_answer, best_of
from allocation.solver.question import Answer, Holding, Question, Run

Stretch = tuple[int, int, int]


def invest(question: Question, buyable: Sequence[bool]) -> Answer | None:
    """The best answer after which no buyable line can be bought further, neither by a step nor by selling less.

    So all such plans whose cheapest further purchase costs m leave less than m in cash; ask for each m. A cap on trades
    or turnover may forbid the further purchase: where the best plan without the condition meets it that way, it is best.
    """
    free = best_answer(question)
    if free is None or not any(buyable) or _is_invested(question, free.steps, buyable):
        return free
    if len(question.purses) > 1:
        raise NotSupportedError(
            "The objective relative without a target for cash is not calculated for several accounts yet. "
            "Give cash a target, or choose l2.",
            ("rules.objective",),
        )
    found = best_of(question, (_left_below(question, buyable, m) for m in _prices(question, buyable)))
    capped = question.most_trades is not None or question.most_turnover is not None
    return replace(found, bound=min(found.bound, free.bound)) if found and capped else found


def _prices(question: Question, buyable: Sequence[bool]) -> list[int]:
    """What a further purchase may cost where every line has one at least as dear."""
    found = [[price for _, _, price in _further(line)] for line in _chosen(question, buyable)]
    dearest = min(max(prices) for prices in found)
    return sorted({price for prices in found for price in prices if 0 < price <= dearest})


def _chosen(question: Question, buyable: Sequence[bool]) -> list[Holding]:
    return [line for line, may in zip(question.lines, buyable, strict=True) if may]


def _left_below(question: Question, buyable: Sequence[bool], price: int) -> Question:
    """The question whose answers leave less cash than any further purchase costs, none of them cheaper than this."""
    lines = tuple(
        replace(line, runs=tuple(_dear(line, price))) if may else line
        for line, may in zip(question.lines, buyable, strict=True)
    )
    return replace(question, lines=lines, highest_cash=price - 1)


def _dear(line: Holding, least: int) -> Iterator[Run]:
    for low, high, price in _further(line):
        if price >= least:
            yield part_of(next(run for run in line.runs if run.low <= low <= run.high), low, high)


def _further(line: Holding) -> Iterator[Stretch]:
    """Stretches of trades, with what the next larger trade costs beyond each of them.

    The largest trade is as much as all money buys: what it leaves is less than a step, so a step stands for the next.
    """
    for run, larger in pairwise((*line.runs, None)):
        if run is None:
            continue
        if run.low < run.high:
            yield run.low, run.high - 1, run.per_step
        yield run.high, run.high, line.step if larger is None else larger.spends - run.spent(run.high)


def _is_invested(question: Question, steps: Sequence[int], buyable: Sequence[bool]) -> bool:
    """Whether nothing can be bought further, the caps on trades and turnover considered."""
    cash = [purse.cash for purse in question.purses]
    for line, k in zip(question.lines, steps, strict=True):
        cash[line.account] -= _run(line, k).spent(k)
    spare = sum(cash) - question.reserve
    for line, k, may in zip(question.lines, steps, buyable, strict=True):
        further = _next(line, k)
        if not may or further is None or not _within_caps(question, steps, line, k, further):
            continue
        price = _run(line, further).spent(further) - _run(line, k).spent(k)
        if price <= min(cash[line.account], spare):
            return False
    return True


def _within_caps(question: Question, steps: Sequence[int], line: Holding, k: int, further: int) -> bool:
    trades = sum(1 for step in steps if step) - bool(k) + bool(further)
    turnover = sum(other.step * abs(step) for other, step in zip(question.lines, steps, strict=True))
    turnover += line.step * (abs(further) - abs(k))
    return (question.most_trades is None or trades <= question.most_trades) and (
        question.most_turnover is None or turnover <= question.most_turnover
    )


def _next(line: Holding, k: int) -> int | None:
    """The next larger allowed trade."""
    if k < _run(line, k).high:
        return k + 1
    return min((run.low for run in line.runs if run.low > k), default=None)


def _run(line: Holding, k: int) -> Run:
    return next(run for run in line.runs if run.low <= k <= run.high)
