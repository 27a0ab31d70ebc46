"""What one line may do other than its cheapest trade, and which of it could still win.

A line with few choices has them all written down; one with many (fractions, cheap shares in a large account) is asked
anew for each cash balance, by bisection, because regret plus the cost of balancing cash is convex in its trade.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from allocation.solver.pricing import Priced, ranges

# Trades written down in each direction; beyond it bisection is quicker than reading the list.
FEW = 48


@dataclass(frozen=True, slots=True)
class Option:
    """One trade: what it spends beyond the cheapest one, and what it costs beyond it."""

    spends: int
    regret: int
    steps: int


Balance = Callable[[int], int]
"""The least that balancing a cash balance must still cost."""


class Menu:
    """The other trades of one line.

    Attributes:
        density: no other trade has a smaller regret per grain of cash it moves.
        asking_costs: the work of one question, in visits.
    """

    def __init__(self, priced: Priced, index: int, limit: int | None) -> None:
        self._priced = priced
        self._index = index
        self._line = priced.problem.lines[index]
        self._base = priced.base[index]
        self._written: list[Option] = []
        densities: list[int] = []
        whole = [self._write_down(run, limit, densities) for run in self._runs()]
        self._complete = all(whole)
        self._written.sort(key=lambda option: (option.regret, abs(option.spends), option.spends))
        self.density = min(densities, default=0)
        self.asking_costs = 1 if self._complete else 24

    def __bool__(self) -> bool:
        return bool(self._written) or not self._complete

    def nearest(self, cash: int, balance: Balance) -> list[Option]:
        """A handful worth a first look: the least regrets, and whatever balances this cash best."""
        options = self._written[:4]
        if not self._complete:
            for low, high in ranges(self._line):
                best = self._best_balanced(low, high, cash, balance)
                options += [self._option(k) for k in range(max(low, best - 1), min(high, best + 1) + 1)]
        return options

    def within(self, cash: int, spare: int, balance: Balance) -> Iterator[Option]:
        """Every trade whose regret and the balancing it leaves cost at most `spare`."""
        if self._complete:
            return (option for option in self._written if option.regret <= spare)
        return self._balanced_within(cash, spare, balance)

    def _balanced_within(self, cash: int, spare: int, balance: Balance) -> Iterator[Option]:
        for low, high in ranges(self._line):
            best = self._best_balanced(low, high, cash, balance)
            for run in (range(best, high + 1), range(best - 1, low - 1, -1)):
                for k in run:
                    option = self._option(k)
                    if option.regret + balance(cash - option.spends) > spare:
                        break
                    if k != self._base:
                        yield option

    def _runs(self) -> Iterator[range]:
        """All trades as runs along which the regret never falls."""
        for low, high in ranges(self._line):
            start = self._priced.cheapest_in(self._line, low, high)
            yield range(start, high + 1)
            yield range(start - 1, low - 1, -1)

    def _write_down(self, run: range, limit: int | None, densities: list[int]) -> bool:
        """Write down a run up to the limit on regret; False when it is too long to write down whole."""
        for count, k in enumerate(run):
            option = self._option(k)
            if limit is not None and option.regret > limit:
                return True
            if count >= FEW:
                farthest = max(abs(run[-1] - self._base), abs(k - self._base))
                densities.append(option.regret // (self._line.step * farthest))
                return False
            if k != self._base:
                self._written.append(option)
                densities.append(option.regret // abs(option.spends))
        return True

    def _best_balanced(self, low: int, high: int, cash: int, balance: Balance) -> int:
        """The trade of a range with the least regret plus balancing, by bisection on a convex function."""

        def total(k: int) -> int:
            option = self._option(k)
            return option.regret + balance(cash - option.spends)

        while low < high:
            middle = (low + high) // 2
            if total(middle + 1) >= total(middle):
                high = middle
            else:
                low = middle + 1
        return low

    def _option(self, k: int) -> Option:
        return Option(self._line.step * (k - self._base), self._priced.line_regret(self._index, k), k)
