"""The one shape every single-account question is brought into before it is solved: integers only.

All money is in one unit, the grain, fine enough that every price, holding, cost and target is a whole number of grains.
"""

from dataclasses import dataclass

from allocation.rules import Objective
from allocation.solver.question import Run


@dataclass(frozen=True, slots=True)
class Line:
    """One security. A trade is a number of steps, negative to sell.

    Its trades are either plain (any from `lowest` to `highest`, free of costs) or written out as `runs`, along each of
    which the cash used is linear: that is how trading costs, tax lots, bands and forced sales are told.

    Attributes:
        step: what one step is worth, in grains; above zero.
        held: value held now, in grains.
        target: value wanted, in grains.
        lowest, highest: the most steps that may be sold (≤ 0) and bought (≥ 0); not trading (0) is allowed then.
        least: a trade is zero or at least this many steps either way; 1 where there is no minimum.
        runs: every allowed trade instead, in ascending order without overlap, costs and taxes in what they spend; then
            `lowest`, `highest` and `least` say nothing. Not trading is allowed where a run holds 0.
        weight: multiplies the square or the absolute deviation, 0 or more.
        misplaced: how far from its best place a step is held here, as a rank; the first tie-breaker.
    """

    step: int
    held: int
    target: int
    lowest: int = 0
    highest: int = 0
    least: int = 1
    runs: tuple[Run, ...] | None = None
    weight: int = 1
    misplaced: int = 0

    def allowed(self) -> tuple[Run, ...]:
        """Every allowed trade, as runs."""
        if self.runs is not None:
            return self.runs
        runs = [Run(0, 0, 0, 0)]
        if self.lowest <= -self.least:
            runs.insert(0, Run(self.lowest, -self.least, self.step * self.lowest, self.step))
        if self.highest >= self.least:
            runs.append(Run(self.least, self.highest, self.step * self.least, self.step))
        return tuple(runs)


@dataclass(frozen=True, slots=True)
class Problem:
    """Choose the trade of every line to bring the values, cash included, closest to their targets.

    minimise Σ weight·φ(held + step·k − target) + cash_weight·φ(cash_after − cash_target), φ = square (l2) or absolute
    value (l1), subject to 0 ≤ cash_after = cash − Σ spent(k) ≤ highest_cash.

    Equal answers are told apart by: less misplaced, less spent on costs and taxes (Σ spent − step·k), less sold (where
    `taxable`), fewer trades, smaller turnover, smaller largest deviation of a line, then larger trades of earlier
    lines. Callers sort the lines by symbol.

    Attributes:
        cash: money free before trading, in grains; negative when sales must raise some.
        highest_cash: the most that may be left, or None.
        cash_weight: multiplies what cash is off by; 0 where cash has no target.
    """

    lines: tuple[Line, ...]
    cash: int
    cash_target: int
    objective: Objective = Objective.L2
    taxable: bool = True
    highest_cash: int | None = None
    cash_weight: int = 1


@dataclass(frozen=True, slots=True)
class Solution:
    """The best trades found, and what is proved about them.

    Attributes:
        steps: the trade of each line, in its steps.
        value: Σ weight·φ of this solution, in grains (l1) or squared grains (l2).
        bound: no solution has a smaller Σ weight·φ; equal to `value` when proved best.
    """

    steps: tuple[int, ...]
    value: int
    bound: int

    @property
    def proved(self) -> bool:
        """Whether nothing can be better."""
        return self.bound == self.value
