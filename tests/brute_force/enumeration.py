"""The contract, word by word: what a combination of trades comes to, whether it is allowed, and which of two is better."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from tests.brute_force.question import Json, Question, exact
from tests.brute_force.taxes import TaxBill, bill_for
from tests.brute_force.trades import Line, Trade, lines_of

Rank = tuple[Any, ...]
Plan = tuple[Trade, ...]


class NothingThereError(Exception):
    """There is nothing to divide: every account together comes to nothing, or to no more than the reserve."""


@dataclass(frozen=True)
class Outcome:
    """What a combination of trades comes to. Money; `cells` in the order of the question's cells."""

    cash: tuple[Fraction, ...]
    cells: tuple[Fraction, ...]
    cost: Fraction
    bill: TaxBill
    rank: Rank

    @property
    def all_cash(self) -> Fraction:
        return sum(self.cash, Fraction(0))


class Enumeration:
    """Every combination of trades of one request."""

    def __init__(self, request: Json) -> None:
        self.question = Question(request)
        if self.question.whole <= 0:
            raise NothingThereError
        self.lines = lines_of(self.question)
        self.objective = str(self.question.rules.get("objective", "l2"))
        self.aims = tuple(self.question.aim(cell) for cell in self.question.cells)
        self.cash_aim = self.question.cash_weight * self.question.whole
        self.cells_before = tuple(self.question.value_in(cell) for cell in self.question.cells)

    @property
    def combinations(self) -> int:
        """How many there are before the rules that concern several lines."""
        count = 1
        for line in self.lines:
            count *= len(line.trades)
        return count

    def best_of_everything(self) -> Plan | None:
        """The best allowed plan, or None where there is none, without any short cut."""
        plans = (plan for plan in product(*(line.trades for line in self.lines)) if self.allowed(plan))
        return min(plans, key=lambda plan: self.outcome(plan).rank, default=None)

    def outcome(self, plan: Plan) -> Outcome:
        """What the trades come to, allowed or not."""
        question, bill = self.question, bill_for(self.question, self.lines, plan)
        cash = [account.cash - tax for account, tax in zip(question.accounts, bill.by_account, strict=True)]
        cells = list(self.cells_before)
        for line, trade in zip(self.lines, plan, strict=True):
            cash[line.account] -= trade.spent
            for c, cell in enumerate(question.cells):
                cells[c] += trade.value * cell.exposure.get(line.symbol, 0)
        cost = sum((trade.cost for trade in plan), Fraction(0))
        rank = self._rank(plan, cells, sum(cash, Fraction(0)) - question.reserve, cost + bill.total)
        return Outcome(tuple(cash), tuple(cells), cost, bill, rank)

    def allowed(self, plan: Plan) -> bool:
        """Whether every rule holds."""
        if not self.affordable(plan) or not self.within_caps(plan):
            return False
        if self.question.rules.get("selling") == "to_raise_cash":
            return not any(self.affordable(other) for other in self._with_less_sold(plan))
        if self.objective == "relative" and not self.question.cash_weight:
            return not any(self.affordable(other) and self.within_caps(other) for other in self._with_more_bought(plan))
        return True

    def affordable(self, plan: Plan) -> bool:
        """Whether the money suffices in every account, and over all of them for the reserve."""
        outcome = self.outcome(plan)
        return min(outcome.cash) >= 0 and outcome.all_cash >= self.question.reserve

    def within_caps(self, plan: Plan) -> bool:
        """The rules that cap a sum over all trades."""
        rules = self.question.rules
        most_trades, most_tax = rules.get("max_trades"), self.question.number("taxes", "max_tax", default=None)
        if most_trades is not None and sum(1 for t in plan if t.steps) > int(most_trades):
            return False
        if rules.get("max_turnover") is not None:
            turnover = sum(abs(t.value) for t in plan) / 2 / self.question.total
            if turnover > exact(rules["max_turnover"]):
                return False
        return most_tax is None or self.outcome(plan).bill.total <= exact(most_tax)

    def distance(self, cells: Sequence[Fraction], free_cash: Fraction) -> Fraction:
        """The objective without its root."""
        pairs = list(zip(cells, self.aims, strict=True))
        if self.objective != "relative" or self.cash_aim:
            pairs.append((free_cash, self.cash_aim))
        if self.objective == "relative":
            return sum((((value - aim) / aim) ** 2 for value, aim in pairs if aim), Fraction(0))
        offs = [value - aim for value, aim in pairs]
        return sum((off * off if self.objective == "l2" else abs(off) for off in offs), Fraction(0))

    def _rank(self, plan: Plan, cells: Sequence[Fraction], free_cash: Fraction, paid: Fraction) -> Rank:
        """Smaller is better: the objective, then the ties in the order of the contract."""
        accounts = self.question.accounts
        taxed = [t.value for line, t in zip(self.lines, plan, strict=True) if accounts[line.account].taxable]
        return (
            self._left_without_target(cells),
            self.distance(cells, free_cash),
            sum((self.misplaced(line, trade) for line, trade in zip(self.lines, plan, strict=True)), Fraction(0)),
            paid,
            sum((-value for value in taxed if value < 0), Fraction(0)),
            sum(1 for t in plan if t.steps),
            sum((abs(t.value) for t in plan), Fraction(0)),
            max((abs(value - aim) for value, aim in zip(cells, self.aims, strict=True)), default=Fraction(0)),
            tuple((-abs(t.steps), t.steps) for t in plan),
        )

    def misplaced(self, line: Line, trade: Trade) -> Fraction:
        """Value times how far the account is from the best place for the security."""
        places = (self.question.rules.get("location") or {}).get(line.symbol)
        if places is None:
            return Fraction(0)
        treatment = self.question.accounts[line.account].treatment
        rank = places.index(treatment) if treatment in places else len(places)
        return rank * (line.held * self.question.price[line.symbol] + trade.value)

    def _left_without_target(self, cells: Sequence[Fraction]) -> Fraction:
        if self.objective != "relative":
            return Fraction(0)
        return sum((v for v, aim in zip(cells, self.aims, strict=True) if not aim), Fraction(0))

    def _with_less_sold(self, plan: Plan) -> Iterator[Plan]:
        """Each sale left out, and each made smaller by the least that the rules allow."""
        for i, (line, trade) in enumerate(zip(self.lines, plan, strict=True)):
            smaller = [t for t in line.trades if trade.steps < t.steps <= 0]
            for other in {smaller[0], smaller[-1]} if smaller else ():
                yield (*plan[:i], other, *plan[i + 1 :])

    def _with_more_bought(self, plan: Plan) -> Iterator[Plan]:
        """Each line that may be bought with its next larger trade."""
        for i, (line, trade) in enumerate(zip(self.lines, plan, strict=True)):
            larger = next((t for t in line.trades if t.steps > trade.steps), None)
            if line.buyable and larger is not None:
                yield (*plan[:i], larger, *plan[i + 1 :])
