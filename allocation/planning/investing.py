"""Invest every cent that can be: no line could be bought by one more step with what is left."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from allocation.errors import NotSupportedError
from allocation.planning.judging import rank_of
from allocation.planning.runs import part_of
from allocation.planning.solving import best_answer
from allocation.solver.coupled.judge import judge
from allocation.solver.question import Answer, Holding, Question, Run

Stretch = tuple[int, int, int]


def invest(question: Question, buyable: Sequence[bool]) -> Answer | None:
    """The best answer after which no buyable line can be bought further, neither by a step nor by selling less.

    So all such plans whose cheapest further purchase costs m leave less than m in cash; ask for each m. Where caps forbid
    a further purchase, or a smaller sale saves tax as well, the questions allow a little too much: then only answers that
    prove invested count, and the bound is that of all.
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
    asked = [_left_below(question, buyable, m) for m in _prices(question, buyable)]
    if question.most_trades is not None:
        asked += [
            _left_below(question, buyable, m, untraded=True) for m in (*_prices(question, buyable, least=True), None)
        ]
    wider = [found for each in asked if (found := best_answer(each))]
    if question.tax is not None:
        narrower = [_left_below(_without_sales(question, buyable), buyable, m) for m in _prices(question, buyable)]
        wider += [found for each in narrower if (found := best_answer(each))]
    invested = [found for found in wider if _is_invested(question, found.steps, buyable)]
    if not invested:
        return None
    best = min(invested, key=lambda found: rank_of(question, found.steps))
    bounds = [found.bound for found in (*wider, *([free] if question.most_turnover is not None else []))]
    return replace(best, bound=min(best.value, *bounds))


def _prices(question: Question, buyable: Sequence[bool], least: bool = False) -> list[int]:
    """What a further purchase may cost where every line (or with `least`, any line) has one at least as dear."""
    found = [[price for _, _, price in _further(line)] for line in _chosen(question, buyable)]
    dearest = (max if least else min)(max(prices) for prices in found)
    return sorted({price for prices in found for price in prices if 0 < price <= dearest})


def _chosen(question: Question, buyable: Sequence[bool]) -> list[Holding]:
    return [line for line, may in zip(question.lines, buyable, strict=True) if may]


def _left_below(question: Question, buyable: Sequence[bool], price: int | None, untraded: bool = False) -> Question:
    """The question whose answers leave less cash than any further purchase costs, none of them cheaper than this.

    Args:
        price: None where no buyable line is to trade at all.
        untraded: whether what a line costs that does not trade is left out of account.
    """
    lines = tuple(
        replace(line, runs=tuple(_dear(line, price, untraded))) if may else line
        for line, may in zip(question.lines, buyable, strict=True)
    )
    return replace(question, lines=lines, highest_cash=None if price is None else price - 1)


def _without_sales(question: Question, buyable: Sequence[bool]) -> Question:
    """The question without sales of lines that may be bought."""
    return replace(
        question,
        lines=tuple(
            replace(line, runs=tuple(run for run in line.runs if run.low >= 0)) if may else line
            for line, may in zip(question.lines, buyable, strict=True)
        ),
    )


def _dear(line: Holding, least: int | None, untraded: bool) -> Iterator[Run]:
    for low, high, price in _further(line):
        if (least is not None and price >= least) or (untraded and low == high == 0):
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
    """Whether nothing can be bought further, the caps and taxes considered."""
    cash = [purse.cash for purse in question.purses]
    for line, k in zip(question.lines, steps, strict=True):
        cash[line.account] -= _run(line, k).spent(k)
    spare = sum(cash) - question.reserve
    for n, (line, k, may) in enumerate(zip(question.lines, steps, buyable, strict=True)):
        further = _next(line, k) if may else None
        if further is None:
            continue
        price = _run(line, further).spent(further) - _run(line, k).spent(k)
        affordable = price <= min(cash[line.account], spare)
        if (affordable or question.tax) and judge(question, (*steps[:n], further, *steps[n + 1 :])):
            return False
    return True


def _next(line: Holding, k: int) -> int | None:
    """The next larger allowed trade."""
    if k < _run(line, k).high:
        return k + 1
    return min((run.low for run in line.runs if run.low > k), default=None)


def _run(line: Holding, k: int) -> Run:
    return next(run for run in line.runs if run.low <= k <= run.high)
