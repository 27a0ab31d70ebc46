"""What one line may do other than its cheapest trade, and which of it could still win.

A line with few choices has them all written down; one with many (fractions, cheap shares in a large account) is asked
anew for each cash balance, by bisection, because along a leg regret plus the cost of balancing cash is convex.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from allocation.solver.folding import Leg
from allocation.solver.pricing import Priced

# Trades written down in each direction of a leg; beyond it bisection is quicker than reading the list.
FEW = 48

Option: TypeAlias = tuple[int, int, int]
"""One trade: what it costs beyond the cheapest one, what it spends beyond it, and its steps."""

Balance: TypeAlias = Callable[[int], int]
"""The least that balancing a cash balance must still cost."""

Spare: TypeAlias = Callable[[], int]
"""The most that could still win, as of now."""


class Menu:
    """The other trades of one line that cost at most `limit` beyond its cheapest.

    Attributes:
        index: the line.
        written: the trades written down, cheapest first; all there are unless some `unwritten` legs are left.
        density: no other trade has a smaller regret per grain of cash it moves.
    """

    def __init__(self, priced: Priced, index: int, limit: int) -> None:
        self.index = index
        self._priced = priced
        self._row = priced.folded.rows[index]
        self._base, self._spends, self._cost = priced.base[index], priced.base_spends[index], priced.base_cost[index]
        self.written: list[Option] = []
        self.unwritten: list[Leg] = []
        self._densities: list[int] = []
        for leg in self._row.legs:
            self._write_down(leg, limit)
        self.written.sort()
        self._densities += [regret // abs(spends) for regret, spends, _ in self.written if spends]
        self.density = min(self._densities, default=limit)

    @property
    def coarseness(self) -> int:
        """Cash that a single step moves."""
        return max(leg.per_step for leg in self._row.legs)

    def __bool__(self) -> bool:
        return bool(self.written) or bool(self.unwritten)

    def balanced(self, leg: Leg, cash: int, spare: Spare, balance: Balance) -> Iterator[Option]:
        """Every trade of an unwritten leg whose regret and the balancing it leaves cost at most what is to spare by then.

        What is to spare is asked for each trade: the first may be so good that the millions after it need no look.
        """
        best = self._best_balanced(leg, cash, balance)
        for run in (range(best, leg.high + 1), range(best - 1, leg.low - 1, -1)):
            for k in run:
                regret, spends, _ = option = self.option(leg, k)
                if regret + balance(cash - spends) > spare():
                    break
                if k != self._base:
                    yield option

    def near(self, leg: Leg, cash: int, balance: Balance) -> list[Option]:
        """The trades of an unwritten leg that balance this cash best."""
        best = self._best_balanced(leg, cash, balance)
        return [
            self.option(leg, k) for k in range(max(leg.low, best - 1), min(leg.high, best + 1) + 1) if k != self._base
        ]

    def option(self, leg: Leg, k: int) -> Option:
        """A trade of a leg, compared with the cheapest."""
        spends = leg.spends + leg.per_step * (k - leg.low)
        return self._priced.cost(self._row, leg, k) - self._cost, spends - self._spends, k

    def _write_down(self, leg: Leg, limit: int) -> None:
        """Write down a leg up to the limit, outwards from its cheapest trade, or set it aside if it is too long."""
        start = self._base if leg.low <= self._base <= leg.high else self._priced.cheapest_in(self._row, leg)
        if self.option(leg, start)[0] > limit:
            return
        options: list[Option] = []
        for run in (range(start, leg.high + 1), range(start - 1, leg.low - 1, -1)):
            for count, k in enumerate(run):
                option = self.option(leg, k)
                if option[0] > limit:
                    break
                if count >= FEW:
                    self._set_aside(leg, start)
                    return
                if k != self._base:
                    options.append(option)
        self.written += options

    def _set_aside(self, leg: Leg, start: int) -> None:
        self.unwritten.append(leg)
        self._densities.append(self._least_density(leg, start))

    def _least_density(self, leg: Leg, start: int) -> int:
        """A lower bound on regret per grain moved along a leg.

        Exact next to the cheapest trade; where the leg holds it, the ratio only grows outwards by convexity. A leg
        without it is bounded by its least regret over the most it can move.
        """
        if start == self._base:
            near = [k for k in (start - 1, start + 1) if leg.low <= k <= leg.high]
            return min(self._density(self.option(leg, k)) for k in near)
        farthest = max(abs(self.option(leg, k)[1]) for k in (leg.low, leg.high))
        return self.option(leg, start)[0] // max(1, farthest)

    @staticmethod
    def _density(option: Option) -> int:
        return option[0] // abs(option[1])

    def _best_balanced(self, leg: Leg, cash: int, balance: Balance) -> int:
        """The trade of a leg with the least regret plus balancing, by bisection on a convex function."""

        def total(k: int) -> int:
            regret, spends, _ = self.option(leg, k)
            return regret + balance(cash - spends)

        low, high = leg.low, leg.high
        while low < high:
            middle = (low + high) // 2
            if total(middle + 1) >= total(middle):
                high = middle
            else:
                low = middle + 1
        return low
