"""What planning asks the solver, in integers: several accounts, one target, every rule as a number.

All money is in grains, one unit fine enough that every amount below is whole. The separable case (one account, one line
to a cell, no caps) is solved as a `Problem`; everything else is coupled.
"""

from dataclasses import dataclass
from fractions import Fraction

from allocation.rules import Objective


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring trades of one line along which everything is linear: `low` to `high` steps, negative to sell.

    Attributes:
        spends: cash that `low` steps use up, trading costs included, taxes not; negative for a sale.
        per_step: cash that each further step uses.
        short, long: taxable gain that `low` steps realise, by term; negative for a loss.
        short_per_step, long_per_step: gain of each further step.
    """

    low: int
    high: int
    spends: int
    per_step: int
    short: int = 0
    short_per_step: int = 0
    long: int = 0
    long_per_step: int = 0

    def spent(self, steps: int) -> int:
        """Cash that a trade of this run uses."""
        return self.spends + self.per_step * (steps - self.low)


@dataclass(frozen=True, slots=True)
class Lot:
    """Units of a line bought together, counted in the line's parts.

    Attributes:
        gain: what one part gains, in grains; negative for a loss.
        long: whether that counts as long term.
        turn: when its loss is washed, counted from 0 over the lots of the line; the losses of what comes first go first.
        recent: bought within the wash-sale window: what is kept of it washes losses of the line, part for part.
    """

    parts: int
    gain: int
    long: bool
    turn: int = 0
    recent: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """One security in one account.

    Attributes:
        account: index into `Question.purses`.
        step: what one step is worth, in grains; above zero.
        runs: every allowed trade, in ascending order without overlap; the trade 0 is its own run (0, 0, 0, …) unless a
            rule demands otherwise.
        worth: by cell, what one step adds to it, in grains.
        misplaced: how far from its best place a step is held here, as a rank (0 is best): the first tie-breaker.
        lots: where a sale may take the units of any lots: these, and the gains of the runs are those of one way to take
            them. All sales of the account then take the lots with the least tax together.
        parts: how many parts of a lot one step is.
    """

    account: int
    step: int
    runs: tuple[Run, ...]
    worth: tuple[tuple[int, int], ...]
    misplaced: int = 0
    lots: tuple[Lot, ...] = ()
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Cell:
    """What the target speaks of: a security or a class. `held` is its value before trading.

    `weight` multiplies the square or the absolute deviation; 1 for l2 and l1.
    """

    held: int
    target: int
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Purse:
    """The cash of one account, after its cash flow; negative when sales must raise some.

    `highest` is the most that may remain in it, or None; told where there are several purses.
    """

    cash: int
    taxable: bool = True
    highest: int | None = None


@dataclass(frozen=True, slots=True)
class TaxRates:
    """Rates on net gains. Losses offset gains of their term first, then of the other; a net loss pays nothing back.

    `most` is the largest tax allowed, in grains, or None.
    """

    short: Fraction
    long: Fraction
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Choose the trade of every line.

    minimise Σ weight·φ(held + Σ worth·k − target) over the cells + cash_weight·φ(cash_after − reserve − cash_target),
    subject to every account's cash after spending and taxes being at least zero, all cash together at least `reserve`,
    and the caps. Ties: misplacement, costs and taxes, what is sold in taxable accounts, the number of trades, turnover,
    the largest deviation, the order of the lines.

    Attributes:
        reserve: cash that has to remain over all accounts together, outside the target.
        highest_cash: the most that may remain above the reserve, or None.
        most_turnover: the most of Σ |step·k|, in grains, or None.
    """

    lines: tuple[Holding, ...]
    cells: tuple[Cell, ...]
    purses: tuple[Purse, ...]
    objective: Objective
    cash_target: int
    cash_weight: int = 1
    reserve: int = 0
    highest_cash: int | None = None
    most_trades: int | None = None
    most_turnover: int | None = None
    tax: TaxRates | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The best trades found, and what is proved about them; `bound` equals `value` when nothing can be better.

    Both are in grains (l1) or squared grains, and whole unless taxes take parts of a grain.
    """

    steps: tuple[int, ...]
    value: int | Fraction
    bound: int | Fraction

    @property
    def proved(self) -> bool:
        """Whether no choice of trades has a smaller objective."""
        return self.bound == self.value
