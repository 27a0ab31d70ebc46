"""The best plan found by walking through all combinations, leaving out only what provably cannot be better.

A branch is left when money cannot suffice any more, a cap is passed, or when a lower bound on its rank, criterion by
criterion, is above the rank of a plan in hand. Sums that only grow bound themselves; a cell is bounded by what the lines still
to come can add to it and take from it at most.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import lcm

from tests.brute_force.enumeration import Enumeration, Plan, Rank
from tests.brute_force.question import exact
from tests.brute_force.taxes import bill_for
from tests.brute_force.trades import Line, Trade


class TooLargeError(Exception):
    """More branches than are worth the time; nothing is known about the request."""


def best_plan(every: Enumeration, most_branches: int = 200_000) -> Plan | None:
    """The best allowed plan, or None where there is none; the same as `every.best_of_everything()`, sooner."""
    walk = _Walk(every, most_branches)
    walk.visit_all()
    return walk.found


class _Walk:
    """Depth first through the trades of one line after another, all money in whole grains."""

    def __init__(self, every: Enumeration, most_branches: int) -> None:
        self.every, self.question = every, every.question
        # Dear lines first: what is left to decide then is fine enough for the bounds to bite.
        self.order = sorted(range(len(every.lines)), key=lambda i: -self._step(every.lines[i]))
        self.grain = lcm(*(amount.denominator for amount in self._amounts()), 1)
        self.cells = [self._whole(amount) for amount in every.cells_before]
        self.aims = [self._whole(amount) for amount in every.aims]
        self.cash_aim = self._whole(every.cash_aim)
        self.weights = self._weights()
        self.taxed = bool(bill_for(self.question, every.lines, tuple(_none(line) for line in every.lines)).rates)
        self.found: Plan | None = None
        self.rank: Rank | None = None
        self.left = most_branches
        self._prepare()

    def visit_all(self) -> None:
        cash = [self._whole(account.cash) for account in self.question.accounts]
        self._visit(0, {}, cash, self.cells, (0, 0, 0, 0, 0))

    def _visit(
        self, depth: int, chosen: dict[int, Trade], cash: list[int], cells: list[int], sums: tuple[int, ...]
    ) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooLargeError
        if self._hopeless(depth, cash, cells, sums):
            return
        if depth == len(self.order):
            self._consider(tuple(chosen[i] for i in range(len(self.order))))
            return
        i = self.order[depth]
        account = self.every.lines[i].account
        for trade, spent, worth, more in self.options[depth]:
            chosen[i] = trade
            purse = cash.copy()
            purse[account] -= spent
            filled = cells.copy()
            for c, amount in worth:
                filled[c] += amount
            self._visit(depth + 1, chosen, purse, filled, tuple(a + b for a, b in zip(sums, more, strict=True)))

    def _consider(self, plan: Plan) -> None:
        rank = self.every.outcome(plan).rank
        if (self.rank is None or rank < self.rank) and self.every.allowed(plan):
            self.found, self.rank = plan, rank

    def _hopeless(self, depth: int, cash: list[int], cells: list[int], sums: tuple[int, ...]) -> bool:
        """Whether no choice for the lines still to come can be allowed and better than the plan in hand."""
        raised = self.raised[depth]
        highest = [now + more for now, more in zip(cash, raised, strict=True)]
        free = sum(highest) - self.reserve
        if min(highest) < 0 or free < 0 or (self.most_trades is not None and sums[3] > self.most_trades):
            return True
        if self.most_turnover is not None and sums[4] > self.most_turnover:
            return True
        if self.rank is None:
            return False
        least = (*self._nearest(depth, cells, self._lowest_cash(depth, cash), free), sums[0] + self.misplaced[depth])
        return (*least, *sums[1:]) > self.told

    def _lowest_cash(self, depth: int, cash: list[int]) -> int:
        return 0 if self.taxed else max(0, sum(cash) - self.reserve - self.spendable[depth])

    def _nearest(self, depth: int, cells: list[int], poorest: int, richest: int) -> tuple[int, int]:
        """Lower bounds: what is left without a target, and the objective."""
        zeros, total = 0, 0
        for now, low, high, aim, weight in zip(
            cells, self.low[depth], self.high[depth], self.aims, self.weights, strict=True
        ):
            off = max(now + low - aim, aim - now - high, 0)
            total += self._measure(off) * weight
            zeros += now + low if not weight else 0
        cash_off = max(poorest - self.cash_aim, self.cash_aim - richest, 0)
        return zeros, total + self._measure(cash_off) * self.cash_factor

    def _measure(self, off: int) -> int:
        return off if self.every.objective == "l1" else off * off

    @property
    def told(self) -> Rank:
        """The first criteria of the plan in hand, in grains."""
        assert self.rank is not None
        zeros, distance, misplaced, paid, sold, trades, turnover = self.rank[:7]
        unit = {"l1": self.grain, "l2": self.grain**2}.get(self.every.objective, self.common**2)
        money = [amount * self.grain for amount in (zeros, misplaced, paid, sold, turnover)]
        return money[0], distance * unit, money[1], money[2], money[3], trades, money[4]

    def _weights(self) -> list[int]:
        """What multiplies the measure of each cell: 1, or for `relative` its target's square turned upside down, as wholes."""
        self.cash_factor, self.common = 1, 1
        if self.every.objective != "relative":
            return [1] * len(self.aims)
        self.common = lcm(*(aim for aim in (*self.aims, self.cash_aim) if aim), 1)
        self.cash_factor = (self.common // self.cash_aim) ** 2 if self.cash_aim else 0
        return [(self.common // aim) ** 2 if aim else 0 for aim in self.aims]

    def _prepare(self) -> None:
        """The options of each line in the order of trial, and what all later lines together can still do."""
        lines, n = self.every.lines, len(self.order)
        self.reserve = self._whole(self.question.reserve)
        turnover = self.question.rules.get("max_turnover")
        trades = self.question.rules.get("max_trades")
        self.most_trades = None if trades is None else int(trades)
        self.most_turnover = None if turnover is None else exact(turnover) * 2 * self.question.total * self.grain
        self.options = [self._options(lines[i]) for i in self.order]
        accounts, cells = len(self.question.accounts), len(self.aims)
        self.raised = [[0] * accounts for _ in range(n + 1)]
        self.low = [[0] * cells for _ in range(n + 1)]
        self.high = [[0] * cells for _ in range(n + 1)]
        self.misplaced, self.spendable = [0] * (n + 1), [0] * (n + 1)
        for depth in reversed(range(n)):
            self._take_in(depth, lines[self.order[depth]].account)

    def _take_in(self, depth: int, account: int) -> None:
        for table in (self.raised, self.low, self.high):
            table[depth] = table[depth + 1].copy()
        options = self.options[depth]
        self.raised[depth][account] += max(-spent for _, spent, _, _ in options)
        self.spendable[depth] = self.spendable[depth + 1] + max(spent for _, spent, _, _ in options)
        self.misplaced[depth] = self.misplaced[depth + 1] + min(more[0] for _, _, _, more in options)
        for c in {c for _, _, worth, _ in options for c, _ in worth}:
            amounts = [dict(worth).get(c, 0) for _, _, worth, _ in options]
            self.low[depth][c] += min(amounts)
            self.high[depth][c] += max(amounts)

    def _options(self, line: Line) -> list[tuple[Trade, int, list[tuple[int, int]], tuple[int, ...]]]:
        """Trade, cash it uses, what it adds to which cell, and what it adds to the sums of the ties; likely ones first."""
        exposed = [
            (c, cell.exposure[line.symbol])
            for c, cell in enumerate(self.question.cells)
            if line.symbol in cell.exposure
        ]
        taxable = self.question.accounts[line.account].taxable
        options = []
        for trade in line.trades:
            value, cost = self._whole(trade.value), self._whole(trade.cost)
            worth = [(c, self._whole(trade.value * part)) for c, part in exposed] if trade.steps else []
            sold = -value if taxable and value < 0 else 0
            sums = (self._whole(self.every.misplaced(line, trade)), cost, sold, int(trade.steps != 0), abs(value))
            options.append((trade, value + cost, worth, sums))
        return sorted(options, key=lambda option: (self._off(option[2], exposed), abs(option[0].steps)))

    def _off(self, worth: list[tuple[int, int]], exposed: list[tuple[int, Fraction]]) -> int:
        added = dict(worth)
        return sum(abs(self.cells[c] + added.get(c, 0) - self.aims[c]) for c, _ in exposed)

    def _amounts(self) -> Iterator[Fraction]:
        every = self.every
        yield from (*every.aims, every.cash_aim, *every.cells_before, self.question.reserve)
        yield from (account.cash for account in self.question.accounts)
        for line in every.lines:
            exposures = [cell.exposure.get(line.symbol, Fraction(0)) for cell in self.question.cells]
            for trade in line.trades:
                yield from (trade.cost, trade.value, every.misplaced(line, trade))
                yield from (trade.value * part for part in exposures)

    def _whole(self, amount: Fraction) -> int:
        whole = amount * self.grain
        assert whole.denominator == 1
        return int(whole)

    def _step(self, line: Line) -> Fraction:
        return self.question.price[line.symbol] * self.question.increment(line.symbol)


def _none(line: Line) -> Trade:
    return next(trade for trade in line.trades if not trade.steps)
