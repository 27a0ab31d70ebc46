"""What each line would do if cash had a price.

Every criterion of a plan is folded into one integer cost, most important first, so that comparing two costs compares the
objective, then what is sold in a taxable account, then the number of trades, then turnover:

    cost(k) = ((φ·sold_unit + sold)·trade_unit + trades)·turnover_unit + turnover

Each unit exceeds all the lesser criteria can add up to. `Priced` adds a price λ on cash (Lagrange's multiplier), under
which the lines no longer compete: each picks its own cheapest trade in closed form.
"""

from dataclasses import dataclass
from math import gcd

from allocation.rules import Objective
from allocation.solver.problem import Line, Problem


@dataclass(frozen=True, slots=True)
class Scale:
    """The units of the folded cost: `whole` is worth one unit of φ."""

    whole: int
    per_sold: int
    per_trade: int

    @classmethod
    def of(cls, problem: Problem) -> "Scale":
        """Units large enough that no sum of a lesser criterion reaches one unit of a greater one."""
        most_sold = sum(-line.lowest * line.step for line in problem.lines)
        most_bought = sum(line.highest * line.step for line in problem.lines)
        per_trade = most_sold + most_bought + 1
        per_sold = per_trade * (len(problem.lines) + 1)
        if not problem.taxable:
            return cls(per_sold, 0, per_trade)
        return cls(per_sold * (most_sold + 1), per_sold, per_trade)

    def of_trading(self, spent: int) -> int:
        """What a trade costs by the lesser criteria; `spent` is negative for a sale."""
        if spent == 0:
            return 0
        return self.per_trade + abs(spent) + (self.per_sold * -spent if spent < 0 else 0)


class Priced:
    """A problem under a price on cash; knows every line's cheapest trade and what any other would cost beyond it."""

    def __init__(self, problem: Problem, scale: Scale, price: int) -> None:
        self.problem = problem
        self.scale = scale
        self.price = price
        self._squared = problem.objective == Objective.L2
        self._grid = gcd(*(line.step for line in problem.lines)) or 1
        self.most_cash = max(0, problem.cash) + sum(-line.lowest * line.step for line in problem.lines)
        self.base = [self._cheapest(line) for line in problem.lines]
        self.base_cost = [self._cost(line, k) for line, k in zip(problem.lines, self.base, strict=True)]
        self.cash_left = problem.cash - sum(line.step * k for line, k in zip(problem.lines, self.base, strict=True))
        self._best_cash_cost = self._cash_cost(self.cheapest_cash(0))
        self.bound = sum(self.base_cost) + self._best_cash_cost - price * problem.cash
        """No plan costs less, whatever the price (weak duality)."""
        self.forbidding = scale.whole * (len(problem.lines) + 2) * (10 * (self.most_cash + abs(problem.cash) + 1)) ** 2
        """A price on one grain of cash that is more than any plan could be worth."""

    @property
    def overspends(self) -> bool:
        """Whether at this price lines and cash together want more than there is."""
        return self.cash_left < self.cheapest_cash(0)

    def proves(self, regret: int | None) -> bool:
        """Whether no plan has a better φ than one with this regret; lesser criteria may still differ."""
        return regret is not None and (self.bound + regret) // self.scale.whole == self.bound // self.scale.whole

    def cash_regret(self, cash: int) -> int:
        """What leaving this much cash costs beyond leaving the amount that the price makes cheapest."""
        return self._cash_cost(cash) - self._best_cash_cost

    def cash_allowed(self, cash: int) -> bool:
        """Whether an account may end with this much cash."""
        most = self.problem.highest_cash
        return cash >= 0 and (most is None or cash <= most)

    def cheapest_cash(self, slope: int) -> int:
        """The cash after trading with the least cost when every grain of it costs `slope` more.

        Only balances that whole steps can leave are looked at: cash modulo the steps' common divisor never changes.
        """
        linear, whole, wanted = self.price + slope, self.scale.whole, self.problem.cash_target
        if self._squared:
            ideal = wanted - linear // (2 * whole)
        elif abs(linear) > whole:
            ideal = 0 if linear > 0 else self.most_cash
        else:
            ideal = wanted
        below = ideal - (ideal - self.problem.cash) % self._grid
        choices = {self._clamp_cash(below), self._clamp_cash(below + self._grid)}
        return min(choices, key=lambda c: (self._cash_cost(c) + slope * c, c))

    def line_regret(self, index: int, steps: int) -> int:
        """What a trade costs beyond the line's cheapest."""
        return self._cost(self.problem.lines[index], steps) - self.base_cost[index]

    def regret(self, steps: tuple[int, ...]) -> int | None:
        """What a whole plan costs beyond `bound`; None when it leaves a cash balance that is not allowed."""
        lines = self.problem.lines
        cash = self.problem.cash - sum(line.step * k for line, k in zip(lines, steps, strict=True))
        if not self.cash_allowed(cash):
            return None
        return sum(self.line_regret(i, k) for i, k in enumerate(steps)) + self.cash_regret(cash)

    def _clamp_cash(self, cash: int) -> int:
        """The nearest allowed balance on the grid; where the grid misses the allowed span, its least balance."""
        least = self.problem.cash % self._grid
        most = self.problem.highest_cash
        if most is not None:
            cash = min(cash, most - (most - least) % self._grid)
        return max(least, cash)

    def _cash_cost(self, cash: int) -> int:
        off = cash - self.problem.cash_target
        return self.scale.whole * (off * off if self._squared else abs(off)) + self.price * cash

    def _cost(self, line: Line, k: int) -> int:
        off = line.held + line.step * k - line.target
        cost = self.scale.whole * (off * off if self._squared else abs(off)) + self.price * line.step * k
        return cost + self.scale.of_trading(line.step * k)

    def _cheapest(self, line: Line) -> int:
        picks = [self.cheapest_in(line, low, high) for low, high in ranges(line)]
        return min(picks, key=lambda k: (self._cost(line, k), abs(k), k))

    def cheapest_in(self, line: Line, low: int, high: int) -> int:
        """The cheapest trade within a range on which the cost is convex."""
        linear = self.price + (1 if low >= 0 else -1 - self.scale.per_sold)
        if self._squared:
            wanted = line.target - line.held - linear // (2 * self.scale.whole)
        elif abs(linear) > self.scale.whole:
            return low if linear > 0 else high
        else:
            wanted = line.target - line.held
        near = wanted // line.step
        picks = {min(max(k, low), high) for k in (near, near + 1)}
        return min(picks, key=lambda k: (self._cost(line, k), abs(k), k))


def ranges(line: Line) -> list[tuple[int, int]]:
    """The trades a line may make: not trading, selling at least the least, buying at least the least."""
    ranges = [(0, 0)]
    if line.lowest <= -line.least:
        ranges.append((line.lowest, -line.least))
    if line.highest >= line.least:
        ranges.append((line.least, line.highest))
    return ranges


def allows(line: Line, steps: int) -> bool:
    """Whether a line may make this trade."""
    return any(low <= steps <= high for low, high in ranges(line))
