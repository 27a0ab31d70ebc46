"""The sheet as a question to the solver, in whole grains of money, and its answer as steps for each line."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

from allocation.errors import InfeasibleError, listed
from allocation.planning.exact import money_text
from allocation.planning.sheet import Sheet, SheetLine
from allocation.rules import Objective, Rules, Selling
from allocation.solver import Line, Problem, Solution, solve


@dataclass(frozen=True, slots=True)
class Choice:
    """The steps chosen for each line of the sheet, and what is proved.

    Attributes:
        steps: negative to sell.
        distance, bound: Σ φ in money (l1) or squared money (l2).
    """

    steps: tuple[int, ...]
    distance: Fraction
    bound: Fraction
    proved: bool


def choose_steps(sheet: Sheet, rules: Rules) -> Choice:
    """The best steps under the rules.

    Raises:
        InfeasibleError: the rules keep more than the cash that must be raised would need.
    """
    _refuse_what_cannot_be_raised(sheet)
    problem, grain = ask(sheet, rules.objective)
    solution = _raise_cash(problem) if rules.selling == Selling.TO_RAISE_CASH else solve(problem)
    if solution is None:
        raise InfeasibleError("No trades satisfy all the rules together. Relax one of them.", ("rules",))
    unit = grain * grain if rules.objective == Objective.L2 else grain
    return Choice(solution.steps, solution.value * unit, solution.bound * unit, solution.proved)


def ask(sheet: Sheet, objective: Objective) -> tuple[Problem, Fraction]:
    """The question in integers, and what one grain is worth in money."""
    invested, spendable = sheet.invested, sheet.free_cash + _most_raised(sheet)
    cash_target = sheet.cash_weight * invested
    amounts = [sheet.free_cash, cash_target]
    amounts += [m for line in sheet.lines for m in (line.step, line.value, line.weight * invested)]
    grain = _grain(amounts)
    lines = tuple(
        Line(
            step=int(line.step / grain),
            held=int(line.value / grain),
            target=int(line.weight * invested / grain),
            lowest=-line.most_sold,
            highest=spendable // line.step if line.may_buy else 0,
            least=line.least,
        )
        for line in sheet.lines
    )
    return Problem(lines, int(sheet.free_cash / grain), int(cash_target / grain), objective, sheet.taxable), grain


def _grain(amounts: list[Fraction]) -> Fraction:
    """The largest amount of money that divides every one of these."""
    denominator = lcm(*(a.denominator for a in amounts))
    numerator = gcd(*(int(a * denominator) for a in amounts))
    return Fraction(numerator or 1, denominator)


def _raise_cash(problem: Problem) -> Solution | None:
    """The best way to raise the missing cash in which every sale is needed; no trades when none is missing.

    A sale is needed when its smallest reduction, one step or the whole of a smallest allowed trade, would leave cash
    short. So all the needed-only plans whose easiest reduction is m leave less than m in cash; ask for each m.
    """
    if problem.cash >= 0:
        return solve(replace(problem, lines=tuple(replace(line, lowest=0, highest=0) for line in problem.lines)))
    reductions = {m for line in problem.lines if line.lowest for m in (line.step, line.step * line.least)}
    answers = []
    for smallest in sorted(reductions):
        lines = tuple(replace(line, lowest=_lowest_needed(line, smallest)) for line in problem.lines)
        answer = solve(replace(problem, lines=lines, highest_cash=smallest - 1))
        if answer is not None:
            answers.append(answer)
    if not answers:
        return None
    best = min(answers, key=lambda answer: _rank(problem, answer))
    return replace(best, bound=min(answer.bound for answer in answers))


def _lowest_needed(line: Line, smallest: int) -> int:
    if line.step >= smallest:
        return line.lowest
    return max(line.lowest, -line.least) if line.step * line.least >= smallest else 0


def _rank(problem: Problem, answer: Solution) -> tuple[int | tuple[int, ...], ...]:
    """Smaller is better: the objective, then the ties in their order."""
    values = [line.step * abs(k) for line, k in zip(problem.lines, answer.steps, strict=True)]
    sold = sum(v for v, k in zip(values, answer.steps, strict=True) if k < 0) if problem.taxable else 0
    offs = [abs(line.held + line.step * k - line.target) for line, k in zip(problem.lines, answer.steps, strict=True)]
    trades = sum(1 for k in answer.steps if k)
    return answer.value, sold, trades, sum(values), max(offs, default=0), answer.steps


def _most_raised(sheet: Sheet) -> Fraction:
    return sum((line.step * line.most_sold for line in sheet.lines), Fraction(0))


def _refuse_what_cannot_be_raised(sheet: Sheet) -> None:
    missing, raised = -sheet.free_cash, _most_raised(sheet)
    if missing <= raised:
        return
    keepers: dict[str, list[str]] = {}
    for line in sheet.lines:
        if line.step * line.most_sold < line.value:
            keepers.setdefault(line.kept_by or _obstacle(line), []).append(line.symbol)
    because = "; ".join(f"{listed(symbols)} {_KEPT[rule]}" for rule, symbols in keepers.items())
    raise InfeasibleError(
        f"Sales must raise {money_text(missing)}, but the rules allow {money_text(raised)} at most: {because}. "
        "Relax one of these, withdraw less, or lower the cash reserve.",
        [name for rule, symbols in keepers.items() for name in (rule, *symbols)],
    )


def _obstacle(line: SheetLine) -> str:
    """What keeps a line, or the rest of it, that no rule protects by name."""
    return "min_trade_value" if line.quantity >= line.increment and not line.most_sold else "increment"


_KEPT = {
    "lock": "(locked)",
    "do_not_sell": "(not to be sold)",
    "outside_target": "(held outside the target)",
    "selling": "(kept because selling is never)",
    "min_trade_value": "(worth less than the smallest trade)",
    "increment": "(sold in whole steps only)",
}
