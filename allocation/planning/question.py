"""The sheet as a question to the solver, in the fewest whole grains that tell every amount exactly."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

from allocation.planning.gains import gains_of
from allocation.planning.runs import most_bought, runs_of
from allocation.planning.sheet import Sheet, SheetLine
from allocation.rules import Objective
from allocation.solver.question import Cell, Holding, Purse, Question, Run, TaxRates
from allocation.taxes import GainRun


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what one of its grains is worth in money."""

    question: Question
    grain: Fraction


def ask(sheet: Sheet, washed: Iterable[str] = ()) -> Asked:
    """What the solver is asked about a sheet.

    Args:
        washed: securities that the plan may buy in one account while another sells them at a loss, which then counts
            for nothing.
    """
    gains = gains_of(sheet, frozenset(washed))
    finer = lcm(*(d for runs in gains for run in runs for d in _denominators(run)), 1)
    bought = most_bought(sheet)
    holdings = tuple(
        _holding(sheet, line, most, [_finer_gain(g, finer) for g in runs], finer)
        for line, most, runs in zip(sheet.lines, bought, gains, strict=True)
    )
    taxed = any(gains)
    question = Question(
        lines=holdings,
        cells=tuple(Cell(cell.held * finer, cell.aim * finer) for cell in sheet.cells),
        purses=tuple(Purse(account.cash * finer, account.taxable) for account in sheet.accounts),
        objective=Objective.L1 if sheet.rules.objective == Objective.L1 else Objective.L2,
        cash_target=sheet.cash_target * finer,
        reserve=sheet.reserve * finer,
        most_trades=sheet.rules.max_trades,
        most_turnover=_most_turnover(sheet, finer),
        tax=_tax(sheet, finer) if taxed else None,
    )
    return in_coarsest_grains(question, Fraction(1, sheet.grains * finer))


def in_coarsest_grains(question: Question, grain: Fraction) -> Asked:
    """The same question in the largest grain that divides all its amounts."""
    shared = gcd(*_amounts(question)) or 1
    if shared == 1:
        return Asked(question, grain)
    tax, turnover, cash = question.tax, question.most_turnover, question.highest_cash
    coarser = replace(
        question,
        lines=tuple(_coarser(line, shared) for line in question.lines),
        cells=tuple(Cell(c.held // shared, c.target // shared, c.weight) for c in question.cells),
        purses=tuple(replace(purse, cash=purse.cash // shared) for purse in question.purses),
        cash_target=question.cash_target // shared,
        reserve=question.reserve // shared,
        highest_cash=None if cash is None else cash // shared,
        most_turnover=None if turnover is None else turnover // shared,
        tax=None if tax is None else replace(tax, most=None if tax.most is None else tax.most // shared),
    )
    return Asked(coarser, grain * shared)


def _holding(sheet: Sheet, line: SheetLine, most: int, gains: Sequence[GainRun], finer: int) -> Holding:
    runs = runs_of(line, sheet.fees, most, gains)
    if finer > 1:
        runs = tuple(replace(run, spends=run.spends * finer, per_step=run.per_step * finer) for run in runs)
    return Holding(
        account=line.account,
        step=line.step * finer,
        runs=runs,
        worth=tuple((cell, worth * finer) for cell, worth in line.worth),
        misplaced=_misplaced(sheet, line),
    )


def _misplaced(sheet: Sheet, line: SheetLine) -> int:
    """How far the account is from the best place for the security; 0 where nobody said."""
    places = sheet.rules.location.get(line.symbol, ())
    treatment = sheet.accounts[line.account].portfolio.account.tax_treatment
    return places.index(treatment) if treatment in places else len(places)


def _most_turnover(sheet: Sheet, finer: int) -> int | None:
    most = sheet.rules.max_turnover
    return None if most is None else int(Fraction(most) * 2 * sheet.total * finer)


def _tax(sheet: Sheet, finer: int) -> TaxRates:
    taxes = sheet.rules.taxes
    most = None if taxes.max_tax is None else int(Fraction(taxes.max_tax) * sheet.grains * finer)
    return TaxRates(Fraction(taxes.short_term_rate), Fraction(taxes.long_term_rate), most)


def _denominators(run: GainRun) -> Iterator[int]:
    for amount in (run.short, run.short_per_step, run.long, run.long_per_step):
        yield amount.denominator


def _finer_gain(run: GainRun, finer: int) -> GainRun:
    return GainRun(
        run.low,
        run.high,
        run.short * finer,
        run.short_per_step * finer,
        run.long * finer,
        run.long_per_step * finer,
    )


def _amounts(question: Question) -> Iterator[int]:
    for line in question.lines:
        yield line.step
        yield from (worth for _, worth in line.worth)
        for run in line.runs:
            yield from (run.spends, run.per_step, run.short, run.short_per_step, run.long, run.long_per_step)
    for cell in question.cells:
        yield from (cell.held, cell.target)
    yield from (purse.cash for purse in question.purses)
    yield from (question.cash_target, question.reserve)
    if question.tax and question.tax.most is not None:
        yield question.tax.most


def _coarser(line: Holding, shared: int) -> Holding:
    return Holding(
        line.account,
        line.step // shared,
        tuple(_coarser_run(run, shared) for run in line.runs),
        tuple((cell, worth // shared) for cell, worth in line.worth),
        line.misplaced,
    )


def _coarser_run(run: Run, shared: int) -> Run:
    return Run(
        run.low,
        run.high,
        run.spends // shared,
        run.per_step // shared,
        run.short // shared,
        run.short_per_step // shared,
        run.long // shared,
        run.long_per_step // shared,
    )
