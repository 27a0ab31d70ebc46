"""The sheet as a question to the solver, in the fewest whole grains that tell every amount exactly."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from math import gcd, lcm

from allocation.planning.gains import gains_of, parcels_of
from allocation.planning.runs import free_runs_of, most_bought, runs_of
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
    gains, bought = gains_of(sheet, frozenset(washed)), most_bought(sheet)
    taxed = any(gains)
    parcels = parcels_of(sheet) if taxed else [None] * len(sheet.lines)
    finer = lcm(*(d for runs in gains for run in runs for d in _denominators(run)), 1) if taxed else 1
    finer = lcm(finer, *(gain.denominator for own in parcels if own for gain in own.gains))
    free = not (taxed or sheet.fees.charged or any(line.spread_fee or line.rate_fee for line in sheet.lines))
    fine = [] if free else [_runs(sheet, n, most, gains[n], finer) for n, most in enumerate(bought)]
    tax = _tax(sheet, finer) if taxed else None
    most_tax = tax.most if tax and tax.most is not None else 0
    realised = [int(gain * finer) for own in parcels if own for gain in own.gains]
    shared = gcd(most_tax, *realised, *_amounts(sheet, fine, finer)) or 1
    if free:
        runs = [free_runs_of(line, line.step // shared, most) for line, most in zip(sheet.lines, bought, strict=True)]
    else:
        runs = [tuple(_coarser(run, shared) for run in own) if shared > 1 else own for own in fine]

    def told(amount: int) -> int:
        return amount * finer // shared

    question = Question(
        lines=tuple(
            Holding(
                account=line.account,
                step=told(line.step),
                runs=own,
                worth=tuple([(cell, told(worth)) for cell, worth in line.worth]),
                misplaced=_misplaced(sheet, line),
                lots=() if choice is None else choice.told(finer, shared),
                parts=1 if choice is None else choice.parts,
            )
            for line, own, choice in zip(sheet.lines, runs, parcels, strict=True)
        ),
        cells=tuple([Cell(told(cell.held), told(cell.aim)) for cell in sheet.cells]),
        purses=tuple(Purse(told(account.cash), account.taxable) for account in sheet.accounts),
        objective=Objective.L1 if sheet.rules.objective == Objective.L1 else Objective.L2,
        cash_target=told(sheet.cash_target),
        reserve=told(sheet.reserve),
        most_trades=sheet.rules.max_trades,
        most_turnover=_most_turnover(sheet, finer, shared),
        tax=None if tax is None else replace(tax, most=None if tax.most is None else tax.most // shared),
    )
    return Asked(question, Fraction(shared, sheet.grains * finer))


def _runs(sheet: Sheet, index: int, most: int, gains: Sequence[GainRun], finer: int) -> tuple[Run, ...]:
    """The allowed trades of a line in the finest grains."""
    runs = runs_of(sheet.lines[index], sheet.fees, most, [_finer_gain(g, finer) for g in gains])
    if finer == 1:
        return runs
    return tuple(replace(run, spends=run.spends * finer, per_step=run.per_step * finer) for run in runs)


def _misplaced(sheet: Sheet, line: SheetLine) -> int:
    """How far the account is from the best place for the security; 0 where nobody said."""
    places = sheet.rules.location.get(line.symbol)
    if not places:
        return 0
    treatment = sheet.accounts[line.account].portfolio.account.tax_treatment
    return places.index(treatment) if treatment in places else len(places)


def _most_turnover(sheet: Sheet, finer: int, shared: int) -> int | None:
    most = sheet.rules.max_turnover
    return None if most is None else int(Fraction(most) * 2 * sheet.total * finer) // shared


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


def _amounts(sheet: Sheet, runs: Iterable[Sequence[Run]], finer: int) -> Iterator[int]:
    """Every amount of money in the question, in the finest grains."""
    for line in sheet.lines:
        yield line.step * finer
        yield from (worth * finer for _, worth in line.worth)
    for run in chain.from_iterable(runs):
        yield from (run.spends, run.per_step, run.short, run.short_per_step, run.long, run.long_per_step)
    for cell in sheet.cells:
        yield from (cell.held * finer, cell.aim * finer)
    yield from (account.cash * finer for account in sheet.accounts)
    yield from (sheet.cash_target * finer, sheet.reserve * finer)


def _coarser(run: Run, shared: int) -> Run:
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
