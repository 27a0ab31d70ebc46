"""What each line would do if cash had a price.

`Priced` adds a price λ on cash (Lagrange's multiplier) to the folded costs. Under it the lines no longer compete: each
picks its own cheapest trade in closed form, and what any other trade costs beyond that is its regret.
"""

from allocation.solver.folding import Folded, Leg, Row


class Priced:
    """A folded problem under a price on cash; knows every line's cheapest trade and what any other costs beyond it.

    Attributes:
        price: folded cost of a grain of cash.
        base: by line, the cheapest trade.
        cash_left: what those leave in cash; may be below zero.
        bound: no plan costs less, whatever the price (weak duality).
    """

    def __init__(self, folded: Folded, price: int) -> None:
        self.folded = folded
        self.price = price
        picks = [self._cheapest(row) for row in folded.rows]
        self.base_cost = [cost for cost, _, _, _ in picks]
        self.base = [k for _, _, k, _ in picks]
        self.base_spends = [spends for _, _, _, spends in picks]
        self.cash_left = folded.cash - sum(self.base_spends)
        self.wanted_cash = self.cheapest_cash(0)
        self.least_cash_cost = self.cash_cost(self.wanted_cash)
        self.bound = sum(self.base_cost) + self.least_cash_cost - price * folded.cash

    @property
    def overspends(self) -> bool:
        """Whether at this price lines and cash together want more than there is."""
        return self.cash_left < self.wanted_cash

    def proves(self, regret: int | None) -> bool:
        """Whether no plan has a better φ than one with this regret; lesser criteria may still differ."""
        whole = self.folded.whole
        return regret is not None and (self.bound + regret) // whole == self.bound // whole

    def cash_cost(self, cash: int) -> int:
        """What leaving this much cash costs, its price included."""
        off = cash - self.folded.cash_target
        return self.folded.cash_weight * (off * off if self.folded.squared else abs(off)) + self.price * cash

    def cash_regret(self, cash: int) -> int:
        """What leaving this much cash costs beyond leaving the amount that the price makes cheapest."""
        return self.cash_cost(cash) - self.least_cash_cost

    def cash_allowed(self, cash: int) -> bool:
        """Whether an account may end with this much cash."""
        most = self.folded.highest_cash
        return cash >= 0 and (most is None or cash <= most)

    def cheapest_cash(self, slope: int) -> int:
        """The cash after trading with the least cost when every grain of it costs `slope` more.

        Only balances that trades can leave are looked at: cash modulo the grid never changes.
        """
        folded, linear = self.folded, self.price + slope
        weight, grid = folded.cash_weight, folded.grid
        if folded.squared and weight:
            ideal = folded.cash_target + -linear // (2 * weight)
        elif abs(linear) > weight:
            ideal = 0 if linear > 0 else folded.most_cash
        else:
            ideal = folded.cash_target
        below = ideal - (ideal - folded.cash) % grid
        low, high = self._clamp_cash(below), self._clamp_cash(below + grid)
        return high if self.cash_cost(high) + slope * high < self.cash_cost(low) + slope * low else low

    def base_plain(self, index: int) -> int:
        """What the cheapest trade of a line costs without the price on its cash."""
        return self.base_cost[index] - self.price * self.base_spends[index]

    def line_regret(self, index: int, steps: int) -> int:
        """What a trade costs beyond the line's cheapest."""
        row = self.folded.rows[index]
        return self.cost(row, row.leg(steps), steps) - self.base_cost[index]

    def regret(self, steps: tuple[int, ...]) -> int | None:
        """What a whole plan costs beyond `bound`; None when it leaves a cash balance that is not allowed."""
        cash = self.cash_after(steps)
        if not self.cash_allowed(cash):
            return None
        return sum(self.line_regret(i, k) for i, k in enumerate(steps)) + self.cash_regret(cash)

    def cash_after(self, steps: tuple[int, ...]) -> int:
        """What a whole plan leaves in cash."""
        return self.folded.cash - sum(row.spends(k) for row, k in zip(self.folded.rows, steps, strict=True))

    def worst_regret(self) -> int:
        """No plan has a larger regret: every line and cash at its dearest, which is at an end of what is allowed."""
        dearest = sum(
            max(self.cost(row, leg, k) for leg in row.legs for k in (leg.low, leg.high)) - base
            for row, base in zip(self.folded.rows, self.base_cost, strict=True)
        )
        most = max(0, self.folded.most_cash)
        return dearest + max(self.cash_regret(0), self.cash_regret(most), 0)

    def cost(self, row: Row, leg: Leg, steps: int) -> int:
        """The folded cost of a trade, its cash at the price."""
        more = steps - leg.low
        off = leg.off + row.step * more
        cost = row.weight * (off * off if self.folded.squared else abs(off))
        return cost + leg.lesser + leg.lesser_per_step * more + self.price * (leg.spends + leg.per_step * more)

    def cheapest_in(self, row: Row, leg: Leg) -> int:
        """The cheapest trade of a leg, along which the cost is convex."""
        low, high, _, per_step, off, _, lesser = leg
        if low == high:
            return low
        linear, step, weight = lesser + self.price * per_step, row.step, row.weight
        if self.folded.squared and weight:
            near = low + (-linear // (2 * weight * step) - off) // step
        elif abs(linear) > weight * step:
            return low if linear > 0 else high
        else:
            near = low + -off // step
        if near < low:
            return low
        if near >= high:
            return high
        first, second = self.cost(row, leg, near), self.cost(row, leg, near + 1)
        return near + 1 if (second, abs(near + 1)) < (first, abs(near)) else near

    def _cheapest(self, row: Row) -> tuple[int, int, int, int]:
        """The least cost, the tie-breaker, the trade and what it spends."""
        picks = []
        for leg in row.legs:
            k = self.cheapest_in(row, leg)
            picks.append((self.cost(row, leg, k), abs(k), k, leg.spends + leg.per_step * (k - leg.low)))
        return min(picks)

    def _clamp_cash(self, cash: int) -> int:
        """The nearest allowed balance on the grid; where the grid misses the allowed span, its least balance."""
        least = self.folded.cash % self.folded.grid
        most = self.folded.highest_cash
        if most is not None:
            cash = min(cash, most - (most - least) % self.folded.grid)
        return max(least, cash)
