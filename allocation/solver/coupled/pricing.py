"""What every line, cell and balance would do if each coupling had a price (Lagrange's multipliers).

With prices on cash, on every purse, on shared cells, on trades, on turnover and on taxes, nothing competes any longer:
each part picks its own cheapest state. Any prices give a bound that no answer beats (weak duality), and any answer costs
exactly the bound plus the regrets of its parts. All in integers: prices decide how tight the bound is, never whether it
holds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from allocation.solver.coupled.judge import gains_of
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.tax import Levy
from allocation.solver.question import Run


@dataclass(frozen=True, slots=True)
class Prices:
    """Folded cost per grain (per trade for `trade`); those of caps and purses are zero or more.

    `short` and `long` are the prices of realised gains; those of shared cells and of gains may have any sign.
    """

    cash: int = 0
    purses: tuple[int, ...] = ()
    cells: dict[int, int] = field(default_factory=dict)
    trade: int = 0
    turnover: int = 0
    tax: int = 0
    short: int = 0
    long: int = 0

    def scaled(self, factor: Fraction) -> "Prices":
        """The same prices where a unit of φ costs so many times as much."""
        return Prices(
            int(self.cash * factor),
            tuple(int(price * factor) for price in self.purses),
            {cell: int(price * factor) for cell, price in self.cells.items()},
            int(self.trade * factor),
            int(self.turnover * factor),
            int(self.tax * factor),
            int(self.short * factor),
            int(self.long * factor),
        )


@dataclass(frozen=True, slots=True)
class Convex:
    """A convex cost over whole numbers of grains from `low` to `high`, with its cheapest point."""

    cost: Callable[[int], int]
    low: int
    high: int
    best: int
    least: int

    def regret(self, at: int) -> int:
        """What being there costs beyond the cheapest point."""
        return self.cost(at) - self.least

    def regret_within(self, low: int, high: int) -> int | None:
        """The least regret between two points; None where none of them is allowed."""
        low, high = max(low, self.low), min(high, self.high)
        if low > high:
            return None
        return self.cost(min(max(self.best, low), high)) - self.least


class Priced:
    """A model under prices."""

    def __init__(self, model: Model, prices: Prices) -> None:
        self.model = model
        self.prices = prices
        tax_price = prices.cash + prices.tax + model.units.paid
        self.levy = Levy(model.tax, (tax_price, prices.short, prices.long), model.gains)
        lines = range(len(model.question.lines))
        self._linear = [[self._linear_cost(i, run) for run in model.question.lines[i].runs] for i in lines]
        picks = [self.cheapest(i) for i in lines]
        self.base = [k for _, k in picks]
        self.base_cost = [cost for cost, _ in picks]
        self.cash = self._cash()
        self.cells = {cell: self._cell(cell) for cell in model.shared}
        self.bound = self._bound()
        """No answer costs less."""

    def line_cost(self, index: int, position: int, k: int) -> int:
        """What a trade of a run costs under the prices."""
        model, (start, slope) = self.model, self._linear[index][position]
        cost = start + slope * k
        for cell, worth in model.own[index]:
            cost += self._distance(cell, model.start[cell] + worth * k)
        return cost

    def cheapest(self, index: int) -> tuple[int, int]:
        """The least cost of a line and the trade that has it."""
        costs = []
        for position, run in enumerate(self.model.question.lines[index].runs):
            k = self.cheapest_in(index, position, run)
            costs.append((self.line_cost(index, position, k), abs(k), k))
        cost, _, k = min(costs)
        return cost, k

    def cheapest_in(self, index: int, position: int, run: Run) -> int:
        """The cheapest trade of a run, by bisection: the cost is convex along it."""
        low, high = run.low, run.high
        if low < high and not self.model.own[index]:
            return low if self._linear[index][position][1] >= 0 else high
        while low < high:
            middle = (low + high) // 2
            if self.line_cost(index, position, middle + 1) >= self.line_cost(index, position, middle):
                high = middle
            else:
                low = middle + 1
        return low

    def _distance(self, cell: int, off: int) -> int:
        size = off * off if self.model.squared else abs(off)
        return self.model.units.whole * self.model.question.cells[cell].weight * size

    def _linear_cost(self, index: int, run: Run) -> tuple[int, int]:
        """Start and slope of all of a run's costs but those of its own cells."""
        at_low = self._coupled_cost(index, run, run.low)
        if run.low == run.high:
            return at_low, 0
        slope = self._coupled_cost(index, run, run.low + 1) - at_low
        return at_low - slope * run.low, slope

    def _coupled_cost(self, index: int, run: Run, k: int) -> int:
        line, prices = self.model.question.lines[index], self.prices
        purse = prices.purses[line.account] if prices.purses else 0
        cost = self.model.lesser(index, run, k) + (prices.cash + purse) * run.spent(k)
        if self.model.taxed and self.model.realises(index):
            short, long = gains_of(run, k)
            cost += prices.short * short + prices.long * long
        cost += prices.turnover * line.step * abs(k) + (prices.trade if k else 0)
        return cost + k * sum(prices.cells.get(cell, 0) * worth for cell, worth in self.model.joint[index])

    def _cash(self) -> Convex:
        """The cost of all cash left together."""
        question, model = self.model.question, self.model
        wanted = question.reserve + question.cash_target
        freed = sum(max(0, -_least_spent(line.runs)) for line in question.lines)
        low, high = max(question.reserve, 0), max(model.cash, 0) + freed
        if question.highest_cash is not None:
            high = min(high, question.reserve + question.highest_cash)
        weight = model.units.whole * question.cash_weight

        def cost(cash: int) -> int:
            off = cash - wanted
            return weight * (off * off if model.squared else abs(off)) + self.prices.cash * cash

        return _convex(cost, low, max(low, high), wanted, weight, self.prices.cash, model.squared)

    def _cell(self, cell: int) -> Convex:
        """The cost of a shared cell's distance from its target."""
        model, price = self.model, self.prices.cells.get(cell, 0)
        low = high = model.start[cell]
        for index, line in enumerate(model.question.lines):
            for joint, worth in model.joint[index]:
                if joint == cell:
                    ends = worth * line.runs[0].low, worth * line.runs[-1].high
                    low, high = low + min(ends), high + max(ends)
        weight = model.units.whole * model.question.cells[cell].weight
        return _convex(lambda off: self._distance(cell, off) - price * off, low, high, 0, weight, -price, model.squared)

    def _bound(self) -> int:
        model, prices, question = self.model, self.prices, self.model.question
        bound = sum(self.base_cost) + self.cash.least - prices.cash * model.cash
        bound += sum(cell.least for cell in self.cells.values()) + self.levy.least
        bound += sum(prices.cells.get(cell, 0) * model.start[cell] for cell in model.shared)
        bound += sum(self._distance(cell, model.start[cell]) for cell in model.still)
        if prices.purses:
            bound -= sum(price * purse.cash for price, purse in zip(prices.purses, question.purses, strict=True))
        bound -= prices.trade * (question.most_trades or 0) + prices.turnover * (question.most_turnover or 0)
        most_tax = question.tax.most if question.tax is not None else None
        return bound - prices.tax * (most_tax or 0)


def _convex(
    cost: Callable[[int], int], low: int, high: int, center: int, weight: int, slope: int, squared: bool
) -> Convex:
    """The cost weight·φ(x − center) + slope·x with its cheapest point."""
    if squared and weight:
        near = center - slope // (2 * weight)
        picks = [near - 1, near, near + 1]
    else:
        picks = [low, center, high]
    best = min((min(max(x, low), high) for x in picks), key=lambda x: (cost(x), x))
    return Convex(cost, low, high, best, cost(best))


def _least_spent(runs: tuple[Run, ...]) -> int:
    return min(run.spent(k) for run in runs for k in (run.low, run.high))
