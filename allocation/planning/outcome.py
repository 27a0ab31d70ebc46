"""What a choice of trades comes to: costs, lots, taxes, cash, and how far from the target it ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from allocation.planning.sheet import Sheet
from allocation.rules import Objective
from allocation.taxes import Settlement, settle


@dataclass(frozen=True, slots=True)
class Outcome:
    """The accounts with these trades done.

    Attributes:
        costs: trading cost of each line, in grains.
        settlement: the taxes and lots of the sales; None where nothing is sold, or nothing taxed and no lots are known.
    """

    sheet: Sheet
    steps: tuple[int, ...]
    costs: tuple[int, ...]
    settlement: Settlement | None

    @property
    def tax(self) -> Fraction:
        """All tax, in money."""
        return self.settlement.tax if self.settlement else Fraction(0)

    @property
    def affordable(self) -> bool:
        """Whether every account pays for itself, the reserve is kept, and no more tax is paid than allowed."""
        most = self.sheet.rules.taxes.max_tax
        return self.suffices and (most is None or self.tax <= most)

    @property
    def suffices(self) -> bool:
        """Whether every account pays for itself and the reserve is kept."""
        cash = self.cash()
        return all(left >= 0 for left in cash) and sum(cash, Fraction(0)) >= self.sheet.reserve

    def cash(self) -> list[Fraction]:
        """Cash of each account, in grains; taxes may take parts of a grain."""
        sheet = self.sheet
        cash = [account.cash for account in sheet.accounts]
        for line, k, cost in zip(sheet.lines, self.steps, self.costs, strict=True):
            cash[line.account] -= line.step * k + cost
        paid = self.settlement.by_account if self.settlement and self.settlement.tax else {}
        return [left - paid.get(a.id, Fraction(0)) * sheet.grains for a, left in zip(sheet.accounts, cash, strict=True)]

    def values(self) -> dict[str, int]:
        """Grains in each security over all accounts."""
        values: dict[str, int] = {}
        for line, k in zip(self.sheet.lines, self.steps, strict=True):
            values[line.symbol] = values.get(line.symbol, 0) + line.held + line.step * k
        return values

    def cells(self) -> list[int]:
        """Grains in each cell of the target."""
        cells = [cell.held for cell in self.sheet.cells]
        for line, k in zip(self.sheet.lines, self.steps, strict=True):
            for cell, worth in line.worth if k else ():
                cells[cell] += worth * k
        return cells

    def distance(self) -> Fraction:
        """Σ φ in money (l1), squared money (l2), or squared fractions of the targets (relative)."""
        sheet, objective = self.sheet, self.sheet.rules.objective
        idle = sum(self.cash(), Fraction(0)) - sheet.reserve
        offs = [(idle - sheet.cash_target, sheet.cash_target)]
        offs += [(Fraction(value - cell.aim), cell.aim) for value, cell in zip(self.cells(), sheet.cells, strict=True)]
        if objective == Objective.RELATIVE:
            return sum(((off / aim) ** 2 for off, aim in offs if aim), Fraction(0))
        if objective == Objective.L1:
            return sum((abs(off) for off, _ in offs), Fraction(0)) / sheet.grains
        return sum((off * off for off, _ in offs), Fraction(0)) / sheet.grains**2


def outcome_of(sheet: Sheet, steps: tuple[int, ...]) -> Outcome:
    """Costs, lots and taxes of these trades."""
    costs = tuple(sheet.fees.cost(line, k) for line, k in zip(sheet.lines, steps, strict=True))
    return Outcome(sheet, steps, costs, _settle(sheet, steps))


def nothing_done(sheet: Sheet) -> Outcome:
    """The accounts as they are."""
    nothing = (0,) * len(sheet.lines)
    return Outcome(sheet, nothing, nothing, None)


def _settle(sheet: Sheet, steps: Sequence[int]) -> Settlement | None:
    """The taxes of the sales; with all trades, because purchases may wash losses. None where nothing is to be told."""
    taxes, sold = sheet.rules.taxes, {line.symbol for line, k in zip(sheet.lines, steps, strict=True) if k < 0}
    holdings = (p for account in sheet.accounts for p in account.portfolio.positions)
    if not sold or not (
        taxes.short_term_rate or taxes.long_term_rate or any(p.lots and p.symbol in sold for p in holdings)
    ):
        return None
    trades, prices = dict(_signed(sheet, steps)), {line.symbol: line.price for line in sheet.lines}
    return settle([account.portfolio for account in sheet.accounts], prices, trades, sheet.rules)


def _signed(sheet: Sheet, steps: Sequence[int]) -> Iterator[tuple[tuple[str, str], Decimal]]:
    for line, k in zip(sheet.lines, steps, strict=True):
        if k:
            yield (sheet.accounts[line.account].id, line.symbol), sheet.units(k, line)
