"""Sell to raise missing cash, and nothing that is not needed for it.

A sale is needed when neither leaving it out nor its next smaller allowed size would leave cash enough. So in a plan with
needed sales only, whose easiest reduction in some account brings back m, less than m is left there. Asking for each m
finds the best of all such plans. Taxes are costs of each sale where no loss is netted; else see `needed`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise, product
from math import lcm

from allocation.planning.needed import is_needed, raise_netted
from allocation.planning.runs import NO_TRADE, part_of
from allocation.planning.solving import best_answer, best_of
from allocation.rules import Objective
from allocation.solver.answer import fold_taxes
from allocation.solver.question import Answer, Cell, Holding, Purse, Question, Run

# Combinations of limits that are asked one by one; more are only found for a few accounts that all miss cash.
_MOST_ASKED = 400
_IDLE = (NO_TRADE,)


@dataclass(frozen=True, slots=True)
class Limit:
    """Less than `size` is left in an account, and every sale there brings in at least that much.

    Attributes:
        together: it is the cash over all accounts, beside the reserve, of which less is left.
    """

    size: int
    together: bool = False


Limits = tuple[Limit | None, ...]


def raise_cash(question: Question) -> Answer | None:
    """The best way to raise the missing cash in which every sale is needed; no trades when none is missing."""
    if question.tax is None or not _needy(question):
        return _raise_untaxed(question)
    parts = lcm(question.tax.short.denominator, question.tax.long.denominator)
    plain = fold_taxes(_in_parts(question, parts))
    if plain.tax is not None:
        return raise_netted(question)
    found = _raise_untaxed(plain)
    unit = parts if question.objective == Objective.L1 else parts**2
    return found and Answer(found.steps, Fraction(found.value, unit), Fraction(found.bound, unit))


def _raise_untaxed(question: Question) -> Answer | None:
    needy, short = _needy(question), _is_short(question)
    lines = tuple(line if line.account in needy else replace(line, runs=_IDLE) for line in question.lines)
    asked = replace(question, lines=lines)
    if not needy:
        return best_answer(asked)
    free = best_answer(asked)
    if free is None or (free.proved and is_needed(asked, free.steps)):
        return free
    limits = list(islice(_limits(asked, needy, short), _MOST_ASKED + 1))
    answer = best_of(asked, (_limited(asked, needy, chosen) for chosen in limits[:_MOST_ASKED]))
    if answer is None or len(limits) <= _MOST_ASKED:
        return answer
    # What was not asked may be better; nothing can be better than without these limits.
    return replace(answer, bound=min(answer.bound, free.bound))


def _needy(question: Question) -> list[int]:
    """The accounts that miss cash; all of them where it is the reserve that is missing."""
    short = _is_short(question)
    return [n for n, purse in enumerate(question.purses) if purse.cash < 0 or short]


def _is_short(question: Question) -> bool:
    return sum(purse.cash for purse in question.purses) < question.reserve


def _in_parts(question: Question, parts: int) -> Question:
    """The question with every grain divided into so many; a cap on taxes, which `fold_taxes` leaves alone, is not."""

    def finer(amount: int | None) -> int | None:
        return None if amount is None else amount * parts

    lines = tuple(
        replace(
            line,
            step=line.step * parts,
            runs=tuple(_run_in_parts(run, parts) for run in line.runs),
            worth=tuple((cell, worth * parts) for cell, worth in line.worth),
            lots=tuple(replace(lot, gain=lot.gain * parts) for lot in line.lots),
        )
        for line in question.lines
    )
    return replace(
        question,
        lines=lines,
        cells=tuple(Cell(cell.held * parts, cell.target * parts, cell.weight) for cell in question.cells),
        purses=tuple(Purse(p.cash * parts, p.taxable, finer(p.highest)) for p in question.purses),
        cash_target=question.cash_target * parts,
        reserve=question.reserve * parts,
        highest_cash=finer(question.highest_cash),
        most_turnover=finer(question.most_turnover),
    )


def _run_in_parts(run: Run, parts: int) -> Run:
    return replace(
        run,
        spends=run.spends * parts,
        per_step=run.per_step * parts,
        short=run.short * parts,
        short_per_step=run.short_per_step * parts,
        long=run.long * parts,
        long_per_step=run.long_per_step * parts,
    )


def _limits(question: Question, needy: Sequence[int], short: bool) -> Iterator[Limits]:
    """What is asked of each account that may sell: nothing sold, or a limit of its own or of all together."""
    own: list[list[Limit | None]] = [[*_nothing(question, n), *map(Limit, _sizes(question, [n]))] for n in needy]
    if not short:
        yield from product(*own)
        return
    for together in _sizes(question, needy):
        shared = Limit(together, together=True)
        mixed = product(*([shared, *each] for each in own)) if len(question.purses) > 1 else iter([(shared,)])
        yield from (chosen for chosen in mixed if shared in chosen)
    if len(question.purses) > 1:
        yield from (chosen for chosen in product(*own) if any(chosen))


def _nothing(question: Question, account: int) -> list[None]:
    """Selling nothing is a choice for an account that misses no cash of its own."""
    return [None] if question.purses[account].cash >= 0 else []


def _sizes(question: Question, accounts: Sequence[int]) -> list[int]:
    lines = (line for line in question.lines if line.account in accounts)
    return sorted({size for line in lines for _, _, size in _reductions(line) if size > 0})


def _limited(question: Question, needy: Sequence[int], limits: Limits) -> Question:
    """The question whose answers keep to these limits."""
    by_account = {n: limit for n, limit in zip(needy, limits, strict=True) if limit}
    lines = tuple(
        replace(line, runs=tuple(_needed(line, by_account[line.account].size)) if line.account in by_account else _IDLE)
        for line in question.lines
    )
    if len(question.purses) == 1:
        return replace(
            question, lines=lines, highest_cash=min((each.size - 1 for each in by_account.values()), default=None)
        )
    shared = [limit.size - 1 for limit in by_account.values() if limit.together]
    purses = tuple(
        replace(purse, highest=by_account[n].size - 1) if n in by_account and not by_account[n].together else purse
        for n, purse in enumerate(question.purses)
    )
    return replace(question, lines=lines, purses=purses, highest_cash=min(shared, default=None))


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
