"""Prove the best plan: walk through the lines once, keeping every cash balance that could still win.

The lines start from their cheapest trades under a price on cash. Any other plan costs exactly the sum of the regrets of
its deviations from there, so a partial plan is given up as soon as its regrets, and the least that balancing its cash
must still cost, exceed the regret of the best plan known. What survives to the end is proved best, in integers.

The bounds follow Pisinger's core idea for knapsack problems (D. Pisinger, "A minimal algorithm for the 0-1 knapsack
problem", Operations Research 45, 1997), with the cash line's own cost in place of a fixed capacity.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from allocation.rules import Objective
from allocation.solver.menu import Menu, Option
from allocation.solver.pricing import Priced

Moves: TypeAlias = dict[int, int]
"""Steps by line, for the lines that do not make their cheapest trade."""


class Scope(Enum):
    """Which trades of a line a search tries."""

    NEAREST = auto()
    EVERYTHING = auto()


@dataclass(frozen=True, slots=True)
class Effort:
    """Where and how hard to look. Limits count work, not seconds, so that every machine gives the same answer.

    Attributes:
        scope: which trades of each line to try.
        width: cash balances kept from line to line.
        visits: work to spend on the best objective.
        tie_visits: work to spend on telling plans of that objective apart.
    """

    scope: Scope
    width: int
    visits: int
    tie_visits: int


@dataclass(frozen=True, slots=True)
class Node:
    """A partial plan: the regret so far and the way it was reached."""

    regret: int
    parent: "Node | None" = None
    line: int = -1
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The best plan known, by its regret; `dropped` is the least regret any plan set aside unseen could have."""

    regret: int | None = None
    steps: tuple[int, ...] = ()
    dropped: int | None = None


class Search:
    """One walk over the lines of a priced problem."""

    def __init__(self, priced: Priced, effort: Effort, known: Found) -> None:
        self._priced = priced
        self._effort = effort
        self._best = known.regret
        self._best_moves = {i: k for i, k in enumerate(known.steps) if k != priced.base[i]}
        self._dropped: int | None = None
        self._visits = 0
        # Lines by how far their cheapest trade leaves them off, farthest first: all of them, and those visited.
        self._offs = sorted((-self._off(i, k), i) for i, k in enumerate(priced.base))
        self._visited: list[tuple[int, int]] = []
        self._unbounded_idle = priced.problem.objective == Objective.L2 or priced.problem.highest_cash is not None

    def run(self) -> Found:
        """Walk the lines, those that balance cash most cheaply first."""
        limit = self._best if self._effort.scope == Scope.EVERYTHING else None
        menus = [(Menu(self._priced, i, limit), i) for i in range(len(self._priced.base))]
        stages = sorted(((menu.density, i, menu) for menu, i in menus if menu), key=lambda stage: stage[:2])
        ahead = [Completion.of(self._priced, density) for density, _, _ in stages]
        ahead.append(Completion.of(self._priced, self._priced.forbidding))
        states = {self._priced.cash_left: Node(0)}
        self._consider(self._priced.cash_left, states[self._priced.cash_left])
        for position, (_, index, menu) in enumerate(stages):
            states = self._extend(states, index, menu, ahead[position], ahead[position + 1])
        steps = [self._best_moves.get(i, k) for i, k in enumerate(self._priced.base)]
        return Found(self._best, () if self._best is None else tuple(steps), self._dropped)

    def _extend(
        self, states: dict[int, Node], index: int, menu: Menu, now: "Completion", then: "Completion"
    ) -> dict[int, Node]:
        """Every surviving state with every trade of one more line."""
        reached: dict[int, Node] = {}
        insort(self._visited, (-self._off(index, self._priced.base[index]), index))
        for cash, node in states.items():
            self._keep(reached, cash, node, then)
            if not self._exhausted:
                self._visits += menu.asking_costs
                self._branch(reached, cash, node, index, self._offers(menu, cash, node, then), then)
            if self._exhausted:
                self._drop(node.regret + now.least(cash))
        return self._narrow(reached, then)

    def _branch(
        self,
        reached: dict[int, Node],
        cash: int,
        node: Node,
        index: int,
        options: Iterable[Option],
        then: "Completion",
    ) -> None:
        """One state with the offered trades of one line."""
        for option in options:
            self._visits += 1
            if self._exhausted:
                return
            child = Node(node.regret + option.regret, node, index, option.steps)
            self._consider(cash - option.spends, child)
            self._keep(reached, cash - option.spends, child, then)

    @property
    def _exhausted(self) -> bool:
        if self._visits <= self._effort.tie_visits:
            return False
        return self._visits > self._effort.visits or self._priced.proves(self._best)

    def _offers(self, menu: Menu, cash: int, node: Node, then: "Completion") -> Iterable[Option]:
        if self._effort.scope == Scope.NEAREST:
            return menu.nearest(cash, then.least)
        most = self._priced.forbidding if self._best is None else self._best
        return menu.within(cash, most - node.regret, then.least)

    def _consider(self, cash: int, node: Node) -> None:
        """Take a partial plan as a whole one: every line not yet visited makes its cheapest trade."""
        if not self._priced.cash_allowed(cash):
            return
        total = node.regret + self._priced.cash_regret(cash)
        if self._best is not None and total > self._best:
            return
        moves = _moves(node)
        if total != self._best or self._goes_first(moves, self._best_moves, self._offs):
            self._best, self._best_moves = total, moves

    def _keep(self, reached: dict[int, Node], cash: int, node: Node, then: "Completion") -> None:
        if self._best is not None and node.regret + then.least(cash) > self._best:
            return
        rival = reached.get(cash)
        if (
            rival is None
            or node.regret < rival.regret
            or (node.regret == rival.regret and self._goes_first(_moves(node), _moves(rival), self._visited))
        ):
            reached[cash] = node

    def _narrow(self, reached: dict[int, Node], then: "Completion") -> dict[int, Node]:
        """Forget what another state beats whatever follows; then what is beyond the width, worst prospects first."""
        kept = reached if self._unbounded_idle else self._undominated(reached)
        if len(kept) <= self._effort.width:
            return kept
        wanted, whole = self._priced.cheapest_cash(0), self._priced.scale.whole
        prospects = {cash: node.regret + then.least(cash) for cash, node in kept.items()}
        # Among equal objectives, balanced cash goes first: there the next line's step can still close the rest.
        ranked = sorted(prospects, key=lambda cash: (prospects[cash] // whole, abs(cash - wanted), cash))
        self._drop(min(prospects[cash] for cash in ranked[self._effort.width :]))
        return {cash: kept[cash] for cash in ranked[: self._effort.width]}

    def _undominated(self, reached: dict[int, Node]) -> dict[int, Node]:
        """Drop states that another with more cash beats even if the surplus stays idle."""
        idle = self._priced.scale.whole + self._priced.price
        kept: dict[int, Node] = {}
        leader: int | None = None
        for cash in sorted(reached, reverse=True):
            rank = reached[cash].regret + idle * cash
            if leader is None or leader >= rank:
                kept[cash] = reached[cash]
                leader = rank
        return kept

    def _drop(self, regret: int) -> None:
        if self._dropped is None or regret < self._dropped:
            self._dropped = regret

    def _goes_first(self, moves: Moves, rival: Moves, among: list[tuple[int, int]]) -> bool:
        """Between plans of equal cost over these lines: the smaller largest deviation, then more of the earlier line."""
        moved = sorted(moves.keys() | rival.keys())
        elsewhere = next((-off for off, i in among if i not in moved), 0)
        return self._tie_rank(moves, moved, elsewhere) < self._tie_rank(rival, moved, elsewhere)

    def _tie_rank(self, moves: Moves, moved: list[int], elsewhere: int) -> tuple[int, list[tuple[int, int]]]:
        steps = [moves.get(i, self._priced.base[i]) for i in moved]
        largest = max((self._off(i, k) for i, k in zip(moved, steps, strict=True)), default=0)
        return max(largest, elsewhere), [(-abs(k), k) for k in steps]

    def _off(self, index: int, steps: int) -> int:
        """How far a trade leaves its line from the target."""
        line = self._priced.problem.lines[index]
        return abs(line.held + line.step * steps - line.target)


def _moves(node: Node) -> Moves:
    """The lines that a partial plan trades otherwise than most cheaply."""
    moves: Moves = {}
    while node.parent is not None:
        moves[node.line] = node.steps
        node = node.parent
    return moves


@dataclass(frozen=True, slots=True)
class Completion:
    """The least that the lines still to come must add: moving a grain of cash costs them at least `density`.

    The infimal convolution of the cash line's regret with density·|moved|: the regret itself between `low` and `high`,
    straight lines beyond.
    """

    priced: Priced
    density: int
    low: int
    high: int
    regret_at_low: int
    regret_at_high: int

    @classmethod
    def of(cls, priced: Priced, density: int) -> "Completion":
        """For lines to come with this least density; `priced.forbidding` where none is to come."""
        low, high = priced.cheapest_cash(density), priced.cheapest_cash(-density)
        return cls(priced, density, low, high, priced.cash_regret(low), priced.cash_regret(high))

    def least(self, cash: int) -> int:
        """A lower bound on all regret still to come from this cash balance."""
        if cash < self.low:
            return self.regret_at_low + self.density * (self.low - cash)
        if cash > self.high:
            return self.regret_at_high + self.density * (cash - self.high)
        return self.priced.cash_regret(cash)
