"""Invest every cent that can be: no line could be bought by one more step with what is left."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise, product
from math import prod

from allocation.planning.judging import rank_of, worth_of
from allocation.planning.runs import part_of
from allocation.planning.solving import best_answer
from allocation.solver.coupled.judge import judge
from allocation.solver.question import Answer, Holding, Question, Run

Stretch = tuple[int, int, int]

# Combinations of limits that are asked one by one.
_MOST_ASKED = 100
# Purchases of a single step by which an answer is completed.
_SMALL_PURCHASES = 50


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
        return _invest_together(question, buyable, free)
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
    capped = question.most_turnover is not None
    completed = [_completed(question, buyable, found) for found in ((*wider, free) if capped else (free,))]
    best = min((*invested, *completed), key=lambda found: rank_of(question, found.steps))
    bounds = [found.bound for found in (*wider, *([free] if capped or not invested else []))]
    return replace(best, bound=min(best.value, *bounds))


def _invest_together(question: Question, buyable: Sequence[bool], free: Answer) -> Answer | None:
    """The same for several accounts: less is left in each than its cheapest further purchase costs.

    Where the reserve leaves less over all than in one account, that account could not spend what it has; such plans are
    only found by completing, and the bound is then that without the condition.
    """
    prices = [_prices_in(question, buyable, account) for account in range(len(question.purses))]
    asked = islice(product(*prices), _MOST_ASKED + 1)
    wider = [found for chosen in asked if (found := best_answer(_left_in_each(question, buyable, chosen)))]
    completed = _completed(question, buyable, free)
    invested = [found for found in wider if _is_invested(question, found.steps, buyable)]
    best = min((*invested, completed), key=lambda found: rank_of(question, found.steps))
    simple = not (question.reserve or question.tax or question.most_trades or question.most_turnover)
    certain = simple and prod(map(len, prices)) <= _MOST_ASKED and invested
    bound = min(found.bound for found in (wider if certain else [free]))
    return replace(best, bound=min(best.value, bound))


def _completed(question: Question, buyable: Sequence[bool], found: Answer) -> Answer:
    """An answer with further purchases, the best at hand each time, until nothing can be bought; its bound is kept.

    After many small ones each purchase takes all that there is for it, so that cheap steps do not take forever.
    """
    steps, purchases = found.steps, 0
    lines = [n for n, may in enumerate(buyable) if may]
    while further := [r for n in lines if (r := _bought(question, steps, n, purchases >= _SMALL_PURCHASES))]:
        steps = min(further, key=lambda reached: rank_of(question, reached))
        purchases += 1
    value = worth_of(question, steps)
    return Answer(steps, value, min(value, found.bound))


def _bought(question: Question, steps: tuple[int, ...], n: int, as_much: bool) -> tuple[int, ...] | None:
    """The trades with one line bought further, by a step or by as much as possible; None where it cannot be."""
    least = _next(question.lines[n], steps[n])
    if least is None or not judge(question, (*steps[:n], least, *steps[n + 1 :])):
        return None
    most = _run(question.lines[n], least).high if as_much else least
    while least < most:
        middle = (least + most + 1) // 2
        if judge(question, (*steps[:n], middle, *steps[n + 1 :])):
            least = middle
        else:
            most = middle - 1
    return (*steps[:n], least, *steps[n + 1 :])


def _prices_in(question: Question, buyable: Sequence[bool], account: int) -> list[int | None]:
    """What a further purchase in one account may cost; None alone where it can buy nothing."""
    own = [may and line.account == account for line, may in zip(question.lines, buyable, strict=True)]
    return list(_prices(question, own)) if any(own) else [None]


def _left_in_each(question: Question, buyable: Sequence[bool], prices: Sequence[int | None]) -> Question:
    """The question whose answers leave less in each account than any further purchase there costs."""
    lines = tuple(
        replace(line, runs=tuple(_dear(line, prices[line.account], untraded=False))) if may else line
        for line, may in zip(question.lines, buyable, strict=True)
    )
    purses = tuple(
        purse if price is None else replace(purse, highest=price - 1)
        for purse, price in zip(question.purses, prices, strict=True)
    )
    return replace(question, lines=lines, purses=purses)


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
