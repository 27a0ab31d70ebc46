"""Improve an answer part by part: some lines of one account are solved exactly while all others keep their trades.

A part has one line to a cell, so the fast solver answers it. Accounts take turns; where an account has several lines
in a cell, so do these. An exchange is kept when the whole answer, judged anew, is allowed and better.
"""

from dataclasses import replace
from fractions import Fraction

from allocation.solver import solve
from allocation.solver.coupled.judge import gains_of, judge, the_run_of
from allocation.solver.coupled.separable import part_of, place_of
from allocation.solver.question import Question, Run

_SWEEPS = 4
# Beyond so many lines one sweep has to do, and no part is larger than this.
_MANY, _LARGEST = 400, 40


def improve(question: Question, steps: tuple[int, ...]) -> tuple[int, ...]:
    """An answer at least as good as the one given, which may break rules; then the first that breaks none."""
    best = judge(question, steps)
    for _ in range(_SWEEPS if len(question.lines) <= _MANY else 1):
        before = steps
        for part in _parts(question):
            proposal = _solved(question, part, steps)
            if proposal is None or proposal == steps:
                continue
            outcome = judge(question, proposal)
            if best is None or (outcome is not None and outcome.rank < best.rank):
                steps, best = proposal, outcome
        if steps == before:
            break
    return steps


def _parts(question: Question) -> list[list[int]]:
    """The lines of each account, at most one to a cell; the more a cell has, the more parts."""
    parts: dict[tuple[int, int], list[int]] = {}
    seen: dict[tuple[int, int], int] = {}
    for index, line in enumerate(question.lines):
        place = place_of(line)
        if place is not None:
            turn = seen.get((line.account, place), 0)
            seen[line.account, place] = turn + 1
            parts.setdefault((line.account, turn), []).append(index)
    largest = _LARGEST if len(question.lines) > _MANY else _MANY
    whole = [parts[key] for key in sorted(parts)]
    return [part[first : first + largest] for part in whole for first in range(0, len(part), largest)]


def _solved(question: Question, part: list[int], steps: tuple[int, ...]) -> tuple[int, ...] | None:
    """The best trades of a part, the others keeping theirs."""
    fixed = set(part)
    if question.most_trades is not None:
        elsewhere = sum(1 for i, k in enumerate(steps) if k and i not in fixed)
        if elsewhere + len(part) > question.most_trades:
            part = [i for i in part if steps[i]]
    if not part:
        return None
    problem = part_of(_with_marginal_taxes(question, steps, part), part, steps)
    found = solve(problem)
    if found is None:
        return None
    changed = dict(zip(part, found.steps, strict=True))
    return tuple(changed.get(i, k) for i, k in enumerate(steps))


def _with_marginal_taxes(question: Question, steps: tuple[int, ...], part: list[int]) -> Question:
    """The question with taxes as costs, at the rates that apply to the present net gains."""
    tax = question.tax
    if tax is None:
        return question
    short = long = 0
    for line, k in zip(question.lines, steps, strict=True):
        if question.purses[line.account].taxable:
            gains = gains_of(the_run_of(line, k), k)
            short, long = short + gains[0], long + gains[1]
    if short + long <= 0:
        return replace(question, tax=None)
    rates = (tax.long, tax.long) if short < 0 else (tax.short, tax.short) if long < 0 else (tax.short, tax.long)
    lines = list(question.lines)
    for index in part:
        if question.purses[lines[index].account].taxable:
            lines[index] = replace(lines[index], runs=tuple(_taxed(run, rates) for run in lines[index].runs))
    return replace(question, lines=tuple(lines), tax=None)


def _taxed(run: Run, rates: tuple[Fraction, Fraction]) -> Run:
    """A run whose tax is part of what it spends, rounded up to whole grains."""
    due = -int(-(rates[0] * run.short + rates[1] * run.long) // 1)
    slope = -int(-(rates[0] * run.short_per_step + rates[1] * run.long_per_step) // 1)
    return replace(run, spends=run.spends + due, per_step=run.per_step + slope)
