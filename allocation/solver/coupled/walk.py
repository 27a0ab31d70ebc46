"""Walk through the lines once, keeping every state that could still win; what survives to the end is proved best.

A state is what the lines decided so far have done to everything that is coupled: cash, purses, open cells, trades,
turnover and gains, with every line to come at its cheapest trade. It is given up as soon as its regrets, and the least
that the couplings must still cost within the reach of the lines to come, exceed the regret of the best answer known.
"""

from dataclasses import dataclass
from typing import TypeAlias

from allocation.solver.coupled.couplings import Couplings
from allocation.solver.coupled.options import Option, options_of, walking_order
from allocation.solver.coupled.pricing import Priced
from allocation.solver.coupled.slots import Key

Moves: TypeAlias = dict[int, int]
"""Steps by line, for lines that do not make their cheapest trade."""
# States followed to the end once the work is used up.
_LAST = 50


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look. Limits count work, not seconds, so that every machine gives the same answer.

    Attributes:
        width: states kept from line to line.
        visits: trades of states tried.
        few: the most trades of one line tried, or None for all that could win.
        only_better: whether to look for nothing but a smaller φ.
    """

    width: int
    visits: int
    few: int | None = None
    only_better: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The best answer known by its folded cost; `dropped` is the least cost any answer set aside unseen could have."""

    cost: int | None = None
    steps: tuple[int, ...] = ()
    dropped: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A partial answer.

    Attributes:
        regret: of the lines and cells decided so far.
        prospect: with the least that is still to come.
        levied: what gains cost so far, where that is settled.
        slots: what it has done to everything that is coupled.
        largest: the largest deviation of the cells decided so far.
        lesser: what the lines decided so far cost by the criteria below φ, taxes apart.
    """

    regret: int
    prospect: int
    levied: int
    slots: Key
    largest: int
    lesser: int
    parent: "Node | None" = None
    line: int = -1
    steps: int = 0


class Walk:
    """One walk under given prices, starting from the best answer known."""

    def __init__(self, priced: Priced, effort: Effort, known: Found, proved: int | None = None) -> None:
        """With `proved`, the φ of the answer known, when no answer has a smaller one: then ties alone are open."""
        self._priced = priced
        self._effort = effort
        self._limit = None if known.cost is None else known.cost - priced.bound
        if self._limit is not None and effort.only_better:
            self._limit -= priced.model.units.whole
        self._known = known
        self._visits = 0
        self._dropped: int | None = None
        lines = [i for i, moves in enumerate(priced.model.movable) if moves]
        limit = self._limit
        self._options = {i: options_of(priced, i, limit, effort.few) for i in lines}
        self._order = walking_order(priced, self._options)
        self._couplings = Couplings(priced, [self._options[i] for i in self._order], self._order)
        self._most_lesser: int | None = None
        if proved is not None and known.cost is not None:
            self._most_lesser = known.cost - proved * priced.model.units.whole
        self._lesser_to_come = self._least_lesser()

    def run(self) -> Found:
        """The best answer, with the least cost that anything unseen could have."""
        for i in self._order:
            self._drop(self._options[i].unseen)
        couplings = self._couplings
        states: dict[Key, list[Node]] = {
            couplings.origin: [Node(0, 0, 0, couplings.origin, couplings.largest_still, self._lesser_still())]
        }
        for position, line in enumerate(self._order):
            states = self._extend(states, position, line)
        cost, steps = self._best_of(states)
        dropped = None if self._dropped is None else self._dropped + self._priced.bound
        return Found(cost, steps, dropped)

    def _extend(self, states: dict[Key, list[Node]], position: int, line: int) -> dict[Key, list[Node]]:
        """Every surviving state with every trade of one more line."""
        reached: dict[Key, list[Node]] = {}
        options = self._options[line]
        cheapest = [option for option in options.trades if option.steps == options.base]
        for node in (node for nodes in states.values() for node in nodes):
            trades = options.trades
            if self._visits >= self._effort.visits:
                trades = cheapest
                self._drop(node.prospect)
            for option in trades:
                if self._limit is not None and node.regret + option.regret > self._limit:
                    break
                self._visits += 1
                self._step(reached, node, option, position)
        return self._narrow(reached)

    def _step(self, reached: dict[Key, list[Node]], node: Node, option: Option, position: int) -> None:
        arrival = self._couplings.arrive(node.slots, option, position)
        if arrival is None:
            return
        slots, settled, to_come, largest = arrival
        regret = node.regret + option.regret + settled
        if self._limit is not None and regret + to_come > self._limit:
            return
        lesser = node.lesser + option.lesser
        if self._most_lesser is not None and lesser + self._lesser_to_come[position] > self._most_lesser:
            return
        largest = max(node.largest, largest, option.largest)
        there, levied = self._couplings.alike(slots, position)
        prospect, line = regret + to_come, self._order[position]
        self._keep(reached, there, Node(regret, prospect, levied, slots, largest, lesser, node, line, option.steps))

    def _keep(self, reached: dict[Key, list[Node]], key: Key, child: Node) -> None:
        """Keep a state unless another with the same future is at least as good, whatever follows."""
        rivals = reached.get(key)
        if rivals is None:
            reached[key] = [child]
            return
        cost, least = child.regret + child.levied, rivals[0].regret + rivals[0].levied
        if cost > least:
            return
        if cost < least:
            reached[key] = [child]
            return
        for rival in rivals:
            if rival.largest <= child.largest and not self._goes_first(child, rival):
                return
        kept = [r for r in rivals if r.largest < child.largest or self._goes_first(r, child)]
        reached[key] = [*kept, child]

    def _goes_first(self, node: Node, rival: Node) -> bool:
        """Whether a node makes the larger trade where the two first differ in the order of the lines."""
        mine, theirs = _moves(node), _moves(rival)
        base = self._priced.base
        for line in sorted(mine.keys() | theirs.keys()):
            here, there = mine.get(line, base[line]), theirs.get(line, base[line])
            if here != there:
                return (-abs(here), here) < (-abs(there), there)
        return False

    def _narrow(self, reached: dict[Key, list[Node]]) -> dict[Key, list[Node]]:
        """Forget what is beyond the width, worst prospects first."""
        if self._effort.only_better:
            reached = self._couplings.undominated(reached, lambda nodes: nodes[0].regret + nodes[0].levied)
        # With nothing left to try, what is not among the best is not worth following to the end.
        width = self._effort.width if self._visits < self._effort.visits else min(self._effort.width, _LAST)
        if len(reached) <= width:
            return reached
        prospects = {key: min(node.prospect for node in nodes) for key, nodes in reached.items()}
        # Among equal prospects those go first that would cost least if nothing else were traded.
        now = {key: nodes[0].regret + self._couplings.cost_as_it_is(nodes[0].slots) for key, nodes in reached.items()}
        ranked = sorted(reached, key=lambda key: (prospects[key], now[key], key))
        self._drop(prospects[ranked[width]])
        return {key: reached[key] for key in ranked[:width]}

    def _best_of(self, states: dict[Key, list[Node]]) -> tuple[int | None, tuple[int, ...]]:
        best: tuple[int, int, list[tuple[int, int]], tuple[int, ...]] | None = None
        for node in (node for nodes in states.values() for node in nodes):
            closing = self._couplings.close(node.slots)
            if closing is not None:
                moves = _moves(node)
                steps = tuple(moves.get(i, k) for i, k in enumerate(self._priced.base))
                total = node.regret + closing + self._priced.bound
                rank = (total, node.largest, [(-abs(k), k) for k in steps], steps)
                if best is None or rank < best:
                    best = rank
        if best is None or (self._known.cost is not None and best[0] > self._known.cost):
            return self._known.cost, self._known.steps
        return best[0], best[3]

    def _lesser_still(self) -> int:
        """The lesser criteria of the lines that have no choice."""
        model = self._priced.model
        still = [i for i, moves in enumerate(model.movable) if not moves]
        return sum(model.lesser(i, model.question.lines[i].runs[0], self._priced.base[i]) for i in still)

    def _least_lesser(self) -> list[int]:
        """By position, the least that the lines after it cost by the lesser criteria."""
        sums = [0]
        for line in reversed(self._order):
            trades = self._options[line].trades
            sums.append(sums[-1] + min((option.lesser for option in trades), default=0))
        return sums[-2::-1]

    def _drop(self, regret: int | None) -> None:
        if regret is not None and (self._dropped is None or regret < self._dropped):
            self._dropped = regret


def _moves(node: Node) -> Moves:
    """The trades a partial answer has decided."""
    moves: Moves = {}
    while node.parent is not None:
        moves[node.line] = node.steps
        node = node.parent
    return moves
