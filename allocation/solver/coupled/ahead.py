"""What is still to come after each line of a walk: how far the lines left can take every slot, and the least that costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from allocation.solver.coupled.options import Options, density
from allocation.solver.coupled.pricing import Convex, Priced
from allocation.solver.coupled.slots import Key, Slots
from allocation.solver.coupled.tax import Box

Changes: TypeAlias = dict[int, list[tuple[int, int]]]
"""Of one line: by its trade, what that adds to each slot beyond its cheapest trade."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is to come after a line.

    Attributes:
        least, most: by slot, the least and the most that the lines to come can add.
        open_cells: shared cells that a line to come moves, as (slot, cost).
        closing: shared cells that this line was the last to move.
        open_purses: purses that a line to come, or taxes, still change, as (slot, price).
        closing_purses: purses whose last line this was, as (slot, price).
        low, high: outside these balances it pays to move cash at `density` a grain.
        gains: the least and the most that the lines to come can add to net gains.
    """

    least: Key
    most: Key
    open_cells: tuple[tuple[int, Convex], ...]
    closing: tuple[tuple[int, Convex], ...]
    open_purses: tuple[tuple[int, int], ...]
    closing_purses: tuple[tuple[int, int], ...]
    density: int
    low: int
    high: int
    gains: Box


class Outlook:
    """What is to come after every line, in the order in which a walk goes through them.

    Attributes:
        changes: by position, what each trade of the line changes.
        late: purses that are closed at the end only, with their prices: those without a line, or with taxes.
    """

    def __init__(self, priced: Priced, slots: Slots, options: Sequence[Options], order: Sequence[int]) -> None:
        self._priced, self._slots = priced, slots
        model, lines = priced.model, priced.model.question.lines
        self.changes: list[Changes] = [
            {option.steps: slots.changes(option, line) for option in each.trades}
            for line, each in zip(order, options, strict=True)
        ]
        self._first_of_cell: dict[int, int] = {}
        self._last_of_cell: dict[int, int] = {}
        for n, line in enumerate(order):
            for cell, _ in model.joint[line]:
                self._first_of_cell.setdefault(cell, n)
                self._last_of_cell[cell] = n
        self._last_of_purse = {lines[line].account: n for n, line in enumerate(order)} if slots.purses else {}
        self._prices = priced.prices.purses or (0,) * slots.purses
        self.late = {
            purse: self._prices[purse]
            for purse in range(slots.purses)
            if purse not in self._last_of_purse or purse in slots.of_gains
        }
        self.after = self._look_ahead(options)
        """By position, what is to come after its line."""

    def _look_ahead(self, options: Sequence[Options]) -> list[Ahead]:
        """From the last line back to the first."""
        least, most = [0] * self._slots.count, [0] * self._slots.count
        cheapest: int | None = None
        ahead: list[Ahead] = []
        for n in range(len(options) - 1, -1, -1):
            ahead.append(
                Ahead(
                    tuple(least),
                    tuple(most),
                    *self._cells_at(n),
                    *self._purses_at(n),
                    *self._spread(cheapest),
                    self._gains(least, most),
                )
            )
            _widen(least, most, self.changes[n])
            slope = density(options[n])
            cheapest = slope if cheapest is None else min(cheapest, slope)
        return ahead[::-1]

    def _cells_at(self, n: int) -> tuple[tuple[tuple[int, Convex], ...], tuple[tuple[int, Convex], ...]]:
        """The cells that are open after a line, and those that it closes."""
        costs, slot_of = self._priced.cells, self._slots.of_cell
        open_cells, closing = [], []
        for cell, last in self._last_of_cell.items():
            if self._first_of_cell[cell] <= n < last:
                open_cells.append((slot_of[cell], costs[cell]))
            elif last == n:
                closing.append((slot_of[cell], costs[cell]))
        return tuple(open_cells), tuple(closing)

    def _purses_at(self, n: int) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
        """The purses that are open after a line, and those that it closes."""
        last, late = self._last_of_purse, self.late
        open_purses = [p for p in range(self._slots.purses) if last.get(p, -1) > n or p in late]
        closing = [p for p, at in last.items() if at == n and p not in late]
        return tuple((1 + p, self._prices[p]) for p in open_purses), tuple((1 + p, self._prices[p]) for p in closing)

    def _spread(self, slope: int | None) -> tuple[int, int, int]:
        """The density to come and the balances beyond which it pays to move cash at it."""
        cash = self._priced.cash
        if not slope:
            return 0, cash.best, cash.best
        return slope, _turning_point(cash, -slope), _turning_point(cash, slope)

    def _gains(self, least: Sequence[int], most: Sequence[int]) -> Box:
        slots = self._slots.of_gains.values()
        return Box(*(sum(reach[slot + term] for slot in slots) for term in (0, 1) for reach in (least, most)))


def _widen(least: list[int], most: list[int], changes: Changes) -> None:
    """Add what one more line can do to what is to come."""
    moved = [dict(each) for each in changes.values()]
    for slot in {slot for each in moved for slot in each}:
        amounts = [each.get(slot, 0) for each in moved]
        least[slot], most[slot] = least[slot] + min(amounts), most[slot] + max(amounts)


def _turning_point(cash: Convex, slope: int) -> int:
    """The point beyond which a convex cost rises (falls) by more than the slope for every grain: by bisection."""
    low, high = (cash.best, cash.high) if slope > 0 else (cash.low, cash.best)
    while low < high:
        middle = (low + high) // 2
        if cash.cost(middle + 1) - cash.cost(middle) >= slope:
            high = middle
        else:
            low = middle + 1
    return low
