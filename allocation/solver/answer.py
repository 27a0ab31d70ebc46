"""Answer a question: the separable goes to the fast solver of one account, everything else to the coupled one.

Separable is a question of one purse, one line to a cell, no caps, and taxes that are certain to be linear: where no
trade can realise a loss nothing is ever netted, and the tax is a cost of each sale.
"""

from dataclasses import replace
from fractions import Fraction

from allocation.errors import UndecidedError
from allocation.rules import Objective
from allocation.solver import solve
from allocation.solver.coupled.least import has_lots, is_netted_alone
from allocation.solver.coupled.separable import as_problem
from allocation.solver.question import Answer, Cell, Question, Run, TaxRates


def answer(question: Question) -> Answer | None:
    """The best trades with a proved bound; None when no choice of trades is allowed.

    Raises:
        UndecidedError: neither trades that are allowed nor a proof that there are none.
    """
    free = _without_caps(question)
    return _answered(question) if free == question else _capped(question, free)


def _without_caps(question: Question) -> Question:
    tax = None if question.tax is None else replace(question.tax, most=None)
    return replace(question, most_trades=None, most_turnover=None, tax=tax)


def _capped(question: Question, free: Question) -> Answer | None:
    """The answer under caps. Where the best trades without them keep them, those are the best; at least they bound it."""
    from allocation.solver.coupled.judge import judge  # noqa: PLC0415 - only caps and couplings need it

    try:
        unbound = _answered(free)
    except UndecidedError:
        return _answered(question)
    if unbound is None:
        return None
    keeps = judge(question, unbound.steps) is not None
    if keeps and unbound.proved:
        return unbound
    found = _answered(question)
    if found is None:
        return None
    best = unbound if keeps and unbound.value < found.value else found
    return Answer(best.steps, best.value, min(best.value, max(found.bound, unbound.bound)))


def _answered(question: Question) -> Answer | None:
    plain = fold_taxes(question)
    problem = as_problem(plain)
    if problem is None and is_netted_alone(plain):
        return _netted(plain)
    if problem is None:
        from allocation.solver.coupled.solving import solve_coupled  # noqa: PLC0415 - much to load, rarely needed

        return solve_coupled(plain)
    solution = solve(problem)
    if solution is None:
        return None
    # What no line moves is no part of the problem, yet of the objective.
    moved = {cell for line in question.lines for cell, _ in line.worth}
    still = sum(_phi(question, cell) for n, cell in enumerate(question.cells) if n not in moved)
    return Answer(solution.steps, solution.value + still, solution.bound + still)


def _netted(question: Question) -> Answer | None:
    """The answer of one account whose sales are taxed together."""
    from allocation.solver.coupled.netted import solve_netted  # noqa: PLC0415 - much to load, rarely needed
    from allocation.solver.coupled.solving import solve_coupled  # noqa: PLC0415

    try:
        return solve_netted(question)
    except UndecidedError:
        # What cannot be paid for without taxes cannot be with them.
        if _answered(replace(question, tax=None)) is None:
            return None
        if has_lots(question):
            raise
        return solve_coupled(question)


def fold_taxes(question: Question) -> Question:
    """The same question with its taxes as costs, where that is exact: no cap, no losses and whole grains of tax."""
    tax = question.tax
    if tax is None or tax.most is not None:
        return question
    taxed = [question.purses[line.account].taxable for line in question.lines]
    runs = [run for line, owes in zip(question.lines, taxed, strict=True) if owes for run in line.runs]
    if not all(_is_linear(tax, run) for run in runs):
        return question
    lines = tuple(
        replace(line, runs=tuple(_taxed(tax, run) for run in line.runs)) if owes else line
        for line, owes in zip(question.lines, taxed, strict=True)
    )
    return replace(question, lines=lines, tax=None)


def _phi(question: Question, cell: Cell) -> int:
    off = abs(cell.held - cell.target)
    return cell.weight * (off if question.objective == Objective.L1 else off * off)


def _is_linear(tax: TaxRates, run: Run) -> bool:
    """Whether a run realises no loss, and the tax on each of its trades is whole."""
    steps = run.high - run.low
    ends = (run.short, run.long, run.short + run.short_per_step * steps, run.long + run.long_per_step * steps)
    dues = [_due(tax, run.short, run.long), _due(tax, run.short_per_step, run.long_per_step)]
    return min(ends) >= 0 and all(due.denominator == 1 for due in dues)


def _taxed(tax: TaxRates, run: Run) -> Run:
    """A run whose tax is part of what it spends."""
    start, slope = _due(tax, run.short, run.long), _due(tax, run.short_per_step, run.long_per_step)
    return Run(run.low, run.high, run.spends + int(start), run.per_step + int(slope))


def _due(tax: TaxRates, short: int, long: int) -> Fraction:
    return tax.short * short + tax.long * long
