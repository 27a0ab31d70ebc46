"""The best trades for a sheet under all its rules, and what is proved about them."""

from dataclasses import dataclass, replace
from fractions import Fraction

from allocation.errors import InfeasibleError, listed
from allocation.planning.certainty import taxes_are_certain
from allocation.planning.exact import money_text
from allocation.planning.needed import shrink
from allocation.planning.outcome import Outcome, outcome_of
from allocation.planning.question import Asked, ask
from allocation.planning.raising import raise_cash
from allocation.planning.relative import Weighing, answer_relative
from allocation.planning.sheet import Sheet, SheetLine
from allocation.planning.solving import best_answer
from allocation.rules import Objective, Selling
from allocation.solver.question import Answer


@dataclass(frozen=True, slots=True)
class Choice:
    """The trades chosen for a sheet, and what is proved about them.

    Attributes:
        distance, bound: Σ φ as `Outcome.distance` has it.
    """

    outcome: Outcome
    distance: Fraction
    bound: Fraction

    @property
    def proved(self) -> bool:
        """Whether nothing can be better."""
        return self.bound == self.distance


def choose_steps(sheet: Sheet) -> Choice:
    """The best steps under the rules.

    Where a purchase in one account washes a loss in another, the plan is made again with that loss counting for nothing.

    Raises:
        InfeasibleError: no trades satisfy all the rules.
    """
    _refuse_what_cannot_be_raised(sheet)
    washed: frozenset[str] = frozenset()
    found: list[Choice] = []
    while (choice := _choose(sheet, washed)) is not None:
        if choice.outcome.affordable:
            found.append(choice)
        settlement = choice.outcome.settlement
        more = washed.union(settlement.washed if settlement else ())
        if more == washed or choice.proved or len(sheet.accounts) == 1:
            break
        washed = more
    if not found and sheet.rules.taxes.as_of:
        # With no loss counting for anything, what the plan owes in the end is not more than it reckoned with.
        careful = _choose(sheet, frozenset(line.symbol for line in sheet.lines))
        found += [careful] if careful and careful.outcome.affordable else []
    if not found:
        raise InfeasibleError("No trades satisfy all the rules together. Relax one of them.", ("rules",))
    return min(found, key=lambda each: each.distance)


def _choose(sheet: Sheet, washed: frozenset[str]) -> Choice | None:
    """The best choice with the losses of some securities not counted."""
    asked = ask(sheet, washed)
    found = _answer(sheet, asked)
    if found is None:
        return None
    answer, unit = found
    if asked.question.tax is None:
        return Choice(outcome_of(sheet, answer.steps), answer.value * unit, answer.bound * unit)
    if not washed and taxes_are_certain(sheet, asked.question):
        outcome, bound = outcome_of(sheet, answer.steps), answer.bound * unit
    else:
        outcome, bound = _settled(sheet, asked, answer.steps), _bound_without_taxes(sheet, asked, unit)
    distance = outcome.distance()
    return Choice(outcome, distance, min(bound, distance))


def _settled(sheet: Sheet, asked: Asked, steps: tuple[int, ...]) -> Outcome:
    """What trades come to; where sales only raise cash, these made smaller as far as the taxes truly owed allow."""
    if sheet.rules.selling == Selling.TO_RAISE_CASH and outcome_of(sheet, steps).suffices:
        lines = asked.question.lines
        steps = shrink(lines, steps, lambda k: outcome_of(sheet, k).suffices, lambda k: outcome_of(sheet, k).distance())
    return outcome_of(sheet, steps)


def _bound_without_taxes(sheet: Sheet, asked: Asked, unit: Fraction) -> Fraction:
    """No plan is nearer to the target, whatever its tax: cash and all that is paid out of it left out of the objective."""
    question = asked.question
    if sheet.rules.objective == Objective.RELATIVE:
        weighing = Weighing.of(question)
        cells = tuple(replace(cell, weight=w) for cell, w in zip(question.cells, weighing.cells, strict=True))
        question, unit = replace(question, cells=cells), Fraction(1, weighing.unit**2)
    free = best_answer(replace(question, tax=None, cash_weight=0))
    return Fraction(0) if free is None else free.bound * unit


def _answer(sheet: Sheet, asked: Asked) -> tuple[Answer, Fraction] | None:
    """The best answer, and what one unit of its value is worth in the objective."""
    rules, question = sheet.rules, asked.question
    raising = rules.selling == Selling.TO_RAISE_CASH
    if rules.objective == Objective.RELATIVE:
        return answer_relative(question, [not line.no_buy for line in sheet.lines], raising)
    answer = raise_cash(question) if raising else best_answer(question)
    if answer is None:
        return None
    return answer, asked.grain if rules.objective == Objective.L1 else asked.grain**2


def _refuse_what_cannot_be_raised(sheet: Sheet) -> None:
    missing, raised = -sheet.free_cash, sum(line.step * line.most_sold for line in sheet.lines)
    # With several accounts one may be short while another is not: the search says so, and names the rules in conflict.
    if missing <= raised or len(sheet.accounts) > 1:
        return
    keepers: dict[str, list[str]] = {}
    for line in sheet.lines:
        if line.step * line.most_sold < line.held:
            keepers.setdefault(line.no_sale or _obstacle(line), []).append(line.symbol)
    because = "; ".join(f"{listed(symbols)} {_KEPT[rule]}" for rule, symbols in keepers.items())
    missing_text, raised_text = money_text(sheet.money(missing)), money_text(sheet.money(raised))
    raise InfeasibleError(
        f"Sales must raise {missing_text}, but the rules allow {raised_text} at most: {because}. "
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
    "trade": "(inside its band)",
    "without_it": "(its trade left out)",
    "min_trade_value": "(worth less than the smallest trade)",
    "increment": "(sold in whole steps only)",
}
