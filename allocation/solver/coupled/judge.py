"""What a choice of trades is worth: whether it is allowed, its objective and its ties, evaluated from the question."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from allocation.rules import Objective
from allocation.solver.coupled.least import has_lots, least_tax
from allocation.solver.coupled.tax import taxes_by_purse
from allocation.solver.question import Holding, Question, Run

Rank: TypeAlias = tuple[Fraction | int | tuple[tuple[int, int], ...], ...]
"""Criteria in their order; the smaller, the better."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An allowed choice of trades: `value` is its Σ weight·φ, `rank` the value and then every tie-breaker."""

    value: int | Fraction
    rank: Rank


def judge(question: Question, steps: tuple[int, ...]) -> Outcome | None:
    """The outcome of these trades, or None where a rule forbids them."""
    runs = [run_of(line, k) for line, k in zip(question.lines, steps, strict=True)]
    if any(run is None for run in runs) or not _within_caps(question, steps):
        return None
    pairs = [(run, k) for run, k in zip(runs, steps, strict=True) if run is not None]
    taxes = _taxes(question, pairs, steps)
    purses = [purse.cash - tax if tax else purse.cash for purse, tax in zip(question.purses, taxes, strict=True)]
    for line, (run, k) in zip(question.lines, pairs, strict=True):
        purses[line.account] -= run.spent(k)
    idle, most = sum(purses) - question.reserve, question.highest_cash
    too_much = most is not None and idle > most
    too_much |= any(
        purse.highest is not None and left > purse.highest for purse, left in zip(question.purses, purses, strict=True)
    )
    if min(purses) < 0 or idle < 0 or too_much or _over_taxed(question, sum(taxes)):
        return None
    offs = _offs(question, steps)
    value = _distance(question, offs, idle)
    costs = sum(run.spent(k) - line.step * k for line, (run, k) in zip(question.lines, pairs, strict=True))
    return Outcome(value, (value, *_ties(question, steps, costs + sum(taxes), offs)))


def run_of(line: Holding, k: int) -> Run | None:
    """The run that a trade belongs to, or None where the line may not make it."""
    return next((run for run in line.runs if run.low <= k <= run.high), None)


def the_run_of(line: Holding, k: int) -> Run:
    """The run of a trade that the line may make."""
    return next(run for run in line.runs if run.low <= k <= run.high)


def gains_of(run: Run, k: int) -> tuple[int, int]:
    """The short-term and the long-term gain that a trade realises."""
    return run.short + run.short_per_step * (k - run.low), run.long + run.long_per_step * (k - run.low)


def turnover(question: Question, steps: tuple[int, ...]) -> int:
    """Σ |trade value|."""
    return sum(line.step * abs(k) for line, k in zip(question.lines, steps, strict=True))


def tax_of(question: Question, steps: tuple[int, ...]) -> Fraction:
    """All tax on trades that the lines may make."""
    return sum(taxes_of(question, steps), Fraction(0))


def taxes_of(question: Question, steps: tuple[int, ...]) -> list[Fraction]:
    """What every purse pays of the tax on trades that the lines may make."""
    return _taxes(question, [(the_run_of(line, k), k) for line, k in zip(question.lines, steps, strict=True)], steps)


def _within_caps(question: Question, steps: tuple[int, ...]) -> bool:
    most_trades, most_turnover = question.most_trades, question.most_turnover
    if most_trades is not None and sum(1 for k in steps if k) > most_trades:
        return False
    return most_turnover is None or turnover(question, steps) <= most_turnover


def _taxes(question: Question, pairs: list[tuple[Run, int]], steps: tuple[int, ...]) -> list[Fraction]:
    if question.tax is not None and has_lots(question):
        return [least_tax(question.tax, question.lines, steps)]
    gains = [(0, 0)] * len(question.purses)
    for line, (run, k) in zip(question.lines, pairs, strict=True):
        if question.purses[line.account].taxable:
            short, long = gains_of(run, k)
            gains[line.account] = gains[line.account][0] + short, gains[line.account][1] + long
    return [Fraction(0)] * len(gains) if question.tax is None else taxes_by_purse(question.tax, gains)


def _over_taxed(question: Question, tax: int | Fraction) -> bool:
    return question.tax is not None and question.tax.most is not None and tax > question.tax.most


def _offs(question: Question, steps: tuple[int, ...]) -> list[int]:
    """How far every cell ends from its target."""
    offs = [cell.held - cell.target for cell in question.cells]
    for line, k in zip(question.lines, steps, strict=True):
        for cell, worth in line.worth:
            offs[cell] += worth * k
    return offs


def _distance(question: Question, offs: list[int], idle: int | Fraction) -> int | Fraction:
    l1, over = question.objective == Objective.L1, idle - question.cash_target
    cash = max(over, -over)
    cells = zip(question.cells, offs, strict=True)
    apart = sum(cell.weight * (abs(off) if l1 else off * off) for cell, off in cells)
    return apart + question.cash_weight * (cash if l1 else cash * cash)


def _ties(question: Question, steps: tuple[int, ...], paid: int | Fraction, offs: list[int]) -> Rank:
    pairs = list(zip(question.lines, steps, strict=True))
    misplaced = sum(line.misplaced * line.step * k for line, k in pairs)
    sold = sum(-line.step * k for line, k in pairs if k < 0 and question.purses[line.account].taxable)
    trades = sum(1 for k in steps if k)
    largest = max(map(abs, offs), default=0)
    order = tuple((-abs(k), k) for k in steps)
    return misplaced, paid, sold, trades, turnover(question, steps), largest, order
