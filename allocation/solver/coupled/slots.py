"""Where what lines share stands in the state of a walk: cash, purses, shared cells, trades, turnover, gains, as far as there are any."""

from typing import TypeAlias

from allocation.solver.coupled.judge import gains_of, the_run_of
from allocation.solver.coupled.options import Option
from allocation.solver.coupled.pricing import Priced

Key: TypeAlias = tuple[int, ...]
"""One number for each slot: cash first, then those of purses, shared cells, trades, turnover and gains."""


class Slots:
    """The slots of a priced model.

    Attributes:
        purses: how many purses have a slot; the first is 1. A single purse is all cash, which slot 0 holds.
        of_cell: by shared cell.
        trade, turnover: of what is capped; 0 where it is not.
        of_gains: by taxable purse, the slot of its short-term gains, before that of its long-term ones.
        caps: where the slots of caps begin and end.
        capped: what is capped, as (slot, most, price).
    """

    def __init__(self, priced: Priced) -> None:
        self._priced, self._model = priced, priced.model
        self._question = question = priced.model.question
        self.purses = len(question.purses) if len(question.purses) > 1 else 0
        self.of_cell = {cell: 1 + self.purses + n for n, cell in enumerate(self._model.shared)}
        caps = (question.most_trades, priced.prices.trade), (question.most_turnover, priced.prices.turnover)
        start = end = 1 + self.purses + len(self._model.shared)
        self.capped: list[tuple[int, int, int]] = []
        for most, price in caps:
            if most is not None:
                self.capped.append((end, most, price))
                end += 1
        self.caps = start, end
        self.trade = start if question.most_trades is not None else 0
        self.turnover = end - 1 if question.most_turnover is not None else 0
        taxable = sorted({line.account for i, line in enumerate(question.lines) if self._model.realises(i)})
        self.of_gains = {purse: end + 2 * n for n, purse in enumerate(taxable)}
        self.count = end + 2 * len(taxable)

    def origin(self) -> Key:
        """Every line at its cheapest trade."""
        model, slots = self._model, [0] * self.count
        slots[0] = model.cash
        for purse in range(self.purses):
            slots[1 + purse] = self._question.purses[purse].cash
        for cell, slot in self.of_cell.items():
            slots[slot] = model.start[cell]
        for index, k in enumerate(self._priced.base):
            for slot, change in self._moved(index, k):
                slots[slot] += change
        return tuple(slots)

    def changes(self, option: Option, line: int) -> list[tuple[int, int]]:
        """What a trade adds to each slot beyond the line's cheapest trade."""
        account = self._question.lines[line].account
        changes = [(0, -option.spends)]
        if self.purses:
            changes.append((1 + account, -option.spends))
        changes += [(self.of_cell[cell], off) for cell, off in option.offs]
        if self.trade:
            changes.append((self.trade, option.traded))
        if self.turnover:
            changes.append((self.turnover, option.turned))
        if account in self.of_gains:
            slot = self.of_gains[account]
            changes += [(slot, option.short), (slot + 1, option.long)]
        return [(slot, change) for slot, change in changes if change]

    def _moved(self, index: int, k: int) -> list[tuple[int, int]]:
        """What a trade adds to each slot."""
        line = self._question.lines[index]
        run = the_run_of(line, k)
        moved = [(0, -run.spent(k))]
        if self.purses:
            moved.append((1 + line.account, -run.spent(k)))
        moved += [(self.of_cell[cell], worth * k) for cell, worth in self._model.joint[index]]
        if self.trade:
            moved.append((self.trade, int(k != 0)))
        if self.turnover:
            moved.append((self.turnover, line.step * abs(k)))
        if self._model.realises(index):
            slot, (short, long) = self.of_gains[line.account], gains_of(run, k)
            moved += [(slot, short), (slot + 1, long)]
        return moved
