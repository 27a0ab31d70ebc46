"""The one shape every whole-share question is brought into before it is solved: integers only.

All money is in one unit, the grain, fine enough that every price, holding and target is a whole number of grains.
"""

from dataclasses import dataclass

from allocation.rules import Objective


@dataclass(frozen=True, slots=True)
class Line:
    """One security. A trade is a number of steps, negative to sell; not trading (0) is always allowed.

    Attributes:
        step: what one step costs, in grains; above zero.
        held: value held now, in grains.
        target: value wanted, in grains.
        lowest, highest: the most steps that may be sold (≤ 0) and bought (≥ 0).
        least: a trade is zero or at least this many steps either way; 1 where there is no minimum.
    """

    step: int
    held: int
    target: int
    lowest: int
    highest: int
    least: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """Choose the trade of every line to bring the values, cash included, closest to their targets.

    minimise Σ φ(held + step·k − target) + φ(cash_after − cash_target), φ = square (l2) or absolute value (l1),
    subject to 0 ≤ cash_after = cash − Σ step·k ≤ highest_cash.

    Equal answers are told apart by: less sold (where `taxable`), fewer trades, smaller turnover, smaller largest
    deviation, then the order of the lines. Callers sort the lines by symbol.

    Attributes:
        cash: money free before trading, in grains; negative when sales must raise some.
        highest_cash: the most that may be left, or None.
    """

    lines: tuple[Line, ...]
    cash: int
    cash_target: int
    objective: Objective = Objective.L2
    taxable: bool = True
    highest_cash: int | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """The best trades found, and what is proved about them.

    Attributes:
        steps: the trade of each line, in its steps.
        value: Σ φ of this solution, in grains (l1) or squared grains (l2).
        bound: no solution has a smaller Σ φ; equal to `value` when proved best.
    """

    steps: tuple[int, ...]
    value: int
    bound: int

    @property
    def proved(self) -> bool:
        """Whether nothing can be better."""
        return self.bound == self.value
