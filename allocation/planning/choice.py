"""The best trades for a sheet under all its rules, and what is proved about them."""

from dataclasses import dataclass
from fractions import Fraction

from allocation.errors import InfeasibleError, listed
from allocation.planning.exact import money_text
from allocation.planning.question import Asked, ask
from allocation.planning.raising import raise_cash
from allocation.planning.relative import answer_relative
from allocation.planning.sheet import Sheet, SheetLine
from allocation.planning.solving import best_answer
from allocation.rules import Objective, Selling
from allocation.solver.question import Answer


@dataclass(frozen=True, slots=True)
class Choice:
    """The steps chosen for each line of the sheet, and what is proved.

    Attributes:
        steps: negative to sell.
        distance, bound: Σ φ in money (l1), squared money (l2), or squared fractions of the targets (relative).
    """

    steps: tuple[int, ...]
    distance: Fraction
    bound: Fraction

    @property
    def proved(self) -> bool:
        """Whether nothing can be better."""
        return self.bound == self.distance


def choose_steps(sheet: Sheet) -> Choice:
    """The best steps under the rules.

    Raises:
        InfeasibleError: the rules keep more than the cash that must be raised would need.
    """
    _refuse_what_cannot_be_raised(sheet)
    asked = ask(sheet)
    found = _answer(sheet, asked)
    if found is None:
        raise InfeasibleError("No trades satisfy all the rules together. Relax one of them.", ("rules",))
    answer, unit = found
    return Choice(answer.steps, answer.value * unit, answer.bound * unit)


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
    if missing <= raised:
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
    "min_trade_value": "(worth less than the smallest trade)",
    "increment": "(sold in whole steps only)",
}
