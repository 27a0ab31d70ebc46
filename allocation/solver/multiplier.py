"""Find the price on cash at which the lines' cheapest trades just about spend the money there is.

Any price gives a valid bound; a good one makes it tight. So this part may use floats: it decides how long the exact
search takes, never what it answers.
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from allocation.rules import Objective
from allocation.solver.pricing import Priced, Scale
from allocation.solver.problem import Problem

Floats = npt.NDArray[np.float64]

_ROUNDS = 120


def cash_price(problem: Problem, scale: Scale) -> int:
    """The multiplier in folded cost per grain."""
    rough = int(Fraction(_Demand(problem).balancing_price()) * scale.whole)
    if problem.objective == Objective.L1 and abs(abs(rough) - scale.whole) < scale.whole // 10**6:
        return _between_ties(problem, scale, scale.whole if rough > 0 else -scale.whole)
    return rough


def _between_ties(problem: Problem, scale: Scale, tie: int) -> int:
    """Under l1 it is often indifferent which line carries a deviation; then the lesser criteria set the price.

    Bisection in integers around the price at which φ ties, as far as those criteria reach.
    """
    reach = 2 * (scale.per_sold + scale.per_trade + 1)
    low, high = tie - reach, tie + reach
    while high - low > 1:
        middle = (low + high) // 2
        if Priced(problem, scale, middle).overspends:
            low = middle
        else:
            high = middle
    return high


class _Demand:
    """How much cash lines and the cash line together want at a price; falls as the price rises."""

    def __init__(self, problem: Problem) -> None:
        lines = problem.lines
        self.squared = problem.objective == Objective.L2
        self.step = np.array([line.step for line in lines], float)
        self.gap = np.array([line.target - line.held for line in lines], float)
        lowest = np.array([line.lowest for line in lines], float)
        highest = np.array([line.highest for line in lines], float)
        least = np.array([line.least for line in lines], float)
        self.sell = (lowest, np.maximum(-least, lowest), lowest <= -least)
        self.buy = (np.minimum(least, highest), highest, highest >= least)
        self.cash = float(problem.cash)
        self.cash_target = float(problem.cash_target)
        self.highest_cash = np.inf if problem.highest_cash is None else float(problem.highest_cash)

    def balancing_price(self) -> float:
        """The price at which demand meets the cash, from the side where the money suffices."""
        low, high = self._bracket()
        for _ in range(_ROUNDS):
            middle = (low + high) / 2
            if not low < middle < high:
                break
            if self._wants_too_much(middle):
                low = middle
            else:
                high = middle
        return high

    def _bracket(self) -> tuple[float, float]:
        largest = 2.0 * float(np.abs(self.gap).sum() + abs(self.cash) + self.cash_target) if self.squared else 1.0
        reach = max(largest, 1.0) * (1 + 1e-9)
        return -reach, reach

    def _wants_too_much(self, price: float) -> bool:
        return bool(float((self.step * self._trades(price)).sum()) + self._cash(price) > self.cash)

    def _trades(self, price: float) -> Floats:
        choices = [np.zeros_like(self.step)]
        costs = [self._cost(choices[0], price)]
        for low, high, possible in (self.sell, self.buy):
            trade = self._cheapest(low, high, price)
            choices.append(trade)
            costs.append(np.where(possible, self._cost(trade, price), np.inf))
        best = np.argmin(np.stack(costs), axis=0)
        trades: Floats = np.stack(choices)[best, np.arange(len(self.step))]
        return trades

    def _cheapest(self, low: Floats, high: Floats, price: float) -> Floats:
        if not self.squared and abs(price) >= 1:
            return low if price > 0 else high
        wanted = self.gap - price / 2 if self.squared else self.gap
        floor = np.clip(np.floor(wanted / self.step), low, high)
        above = np.minimum(floor + 1, high)
        nearest: Floats = np.where(self._cost(above, price) < self._cost(floor, price), above, floor)
        return nearest

    def _cost(self, trade: Floats, price: float) -> Floats:
        off = self.step * trade - self.gap
        cost: Floats = (off * off if self.squared else np.abs(off)) + price * self.step * trade
        return cost

    def _cash(self, price: float) -> float:
        if self.squared:
            wanted = self.cash_target - price / 2
        else:
            wanted = 0.0 if price >= 1 else self.highest_cash if price <= -1 else self.cash_target
        return min(max(wanted, 0.0), self.highest_cash)
