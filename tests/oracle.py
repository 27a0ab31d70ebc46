"""The slow, obvious answer: every allowed choice of trades tried one by one. For small accounts only."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import ceil, floor

from allocation.rules import Objective, Rules, Selling

Steps = tuple[int, ...]


class Oracle:
    """All plans of one account: held quantities, prices, target weights, cash after the flow."""

    def __init__(
        self,
        held: Mapping[str, Decimal],
        prices: Mapping[str, Decimal],
        weights: Mapping[str, Decimal],
        cash: Decimal,
        rules: Rules,
    ) -> None:
        self.rules = rules
        self.symbols = sorted({*(s for s, q in held.items() if q), *(s for s, w in weights.items() if w)})
        self.held = [Fraction(held.get(s, 0)) for s in self.symbols]
        self.price = [Fraction(prices[s]) for s in self.symbols]
        self.step = [p * Fraction(rules.increment_of(s)) for p, s in zip(self.price, self.symbols, strict=True)]
        self.value = [q * p for q, p in zip(self.held, self.price, strict=True)]
        self.free = Fraction(cash) - Fraction(rules.cash_reserve)
        self.whole = sum(self.value) + self.free
        self.weight = [Fraction(weights.get(s, 0)) for s in self.symbols]

    def distance(self, steps: Steps) -> Fraction:
        """Σ φ in money or squared money."""
        offs = [
            v + k * s - w * self.whole for v, k, s, w in zip(self.value, steps, self.step, self.weight, strict=True)
        ]
        offs.append(self.left(steps) - (1 - sum(self.weight)) * self.whole)
        return Fraction(sum(o * o for o in offs) if self.rules.objective == Objective.L2 else sum(map(abs, offs)))

    def left(self, steps: Steps) -> Fraction:
        """Free cash after trading."""
        return self.free - sum(k * s for k, s in zip(steps, self.step, strict=True))

    def rank(self, steps: Steps) -> tuple[Fraction | int, ...]:
        """The objective and the ties, in the order of the contract."""
        moved = [abs(k) * s for k, s in zip(steps, self.step, strict=True)]
        sold = sum(m for m, k in zip(moved, steps, strict=True) if k < 0)
        return self.distance(steps), sold, sum(1 for k in steps if k), sum(moved)

    def plans(self) -> Iterator[Steps]:
        """Every allowed choice."""
        for steps in product(*(self._choices(i) for i in range(len(self.symbols)))):
            if self.left(steps) >= 0 and (self.rules.selling != Selling.TO_RAISE_CASH or self._all_needed(steps)):
                yield steps

    def best(self) -> Steps | None:
        """The best allowed choice, or None."""
        return min(self.plans(), key=self.rank, default=None)

    def _choices(self, i: int) -> list[int]:
        rules, symbol = self.rules, self.symbols[i]
        locked = symbol in rules.lock
        no_sale = locked or symbol in rules.do_not_sell or rules.selling == Selling.NEVER
        no_buy = locked or symbol in rules.do_not_buy or not self.weight[i] or rules.selling == Selling.TO_RAISE_CASH
        wealth = max(Fraction(0), self.free) + sum(self.value)
        lowest = 0 if no_sale else -floor(self.held[i] / Fraction(rules.increment_of(symbol)))
        highest = 0 if no_buy else floor(wealth / self.step[i])
        least = max(1, ceil(Fraction(rules.min_trade_value) / self.step[i]))
        return [k for k in range(lowest, highest + 1) if k == 0 or abs(k) >= least]

    def _all_needed(self, steps: Steps) -> bool:
        """No sale can be made smaller in any allowed way without leaving cash short."""
        for i, k in enumerate(steps):
            for smaller in self._choices(i):
                if k < smaller <= 0 and self.left((*steps[:i], smaller, *steps[i + 1 :])) >= 0:
                    return False
        return True
