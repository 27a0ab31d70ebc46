"""Prove the best plan: walk through the lines once, keeping every cash balance that could still win.

The lines start from their cheapest trades under a price on cash. Any other plan costs exactly the sum of the regrets of
its deviations from there, so a partial plan is given up as soon as its regrets, and the least that balancing its cash
must still cost, exceed the regret of the best plan known. What survives to the end is proved best, in integers.

The bounds follow Pisinger's core idea for knapsack problems (D. Pisinger, "A minimal algorithm for the 0-1 knapsack
problem", Operations Research 45, 1997), with the cash line's own cost in place of a fixed capacity.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain, islice
from typing import TypeAlias, cast

from allocation.solver.menu import Menu, Option
from allocation.solver.outlook import Completion, Outlook, Tangents
from allocation.solver.pricing import Priced

Moves: TypeAlias = dict[int, int]
"""Steps by line, for the lines that do not make their cheapest trade."""

Node: TypeAlias = tuple[int, object, int, int]
"""A partial plan: the regret so far, the node it was reached from, and the line and the steps that led here."""

States: TypeAlias = dict[int, Node]
"""By cash left, the best partial plan."""


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
        thorough: whether to bound what is ahead as tightly as possible, which takes time to prepare.
    """

    scope: Scope
    width: int
    visits: int
    tie_visits: int
    thorough: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The best plan known.

    Attributes:
        regret: what it costs beyond the bound; None where no plan is known.
        dropped: the least regret any plan set aside unseen could have.
        doubtful: whether a smaller largest deviation was preferred where it may not have counted in the end.
    """

    regret: int | None = None
    steps: tuple[int, ...] = ()
    dropped: int | None = None
    doubtful: bool = False


class Search:
    """One walk over the lines of a priced problem.

    With `in_order` the largest deviation is taken as settled, and equal plans are told apart by the order of lines only.
    """

    def __init__(self, priced: Priced, effort: Effort, known: Found, in_order: bool = False) -> None:
        self._priced = priced
        self._effort = effort
        self._found = known.regret is not None
        # A plan that is only imagined, worse than all real ones, saves asking everywhere whether one is known.
        self._best = priced.worst_regret() + 1 if known.regret is None else known.regret
        self._best_moves: Moves = {i: k for i, k in enumerate(known.steps) if k != priced.base[i]}
        self._in_order = in_order
        self._dropped: int | None = None
        self._doubtful = False
        self._visits = 0
        # Lines by how far their cheapest trade leaves them off, farthest first: all of them, and those visited.
        self._offs = sorted(
            (-row.off(k), i) for i, (row, k) in enumerate(zip(priced.folded.rows, priced.base, strict=True))
        )
        self._visited: list[tuple[int, int]] = []

    def run(self) -> Found:
        """Walk the lines, those that balance cash most cheaply first."""
        menus = [menu for i in range(len(self._priced.base)) if (menu := Menu(self._priced, i, self._best))]
        ahead = self._in_stages(menus)
        start = self._priced.cash_left
        states: States = {start: (0, None, -1, 0)}
        if self._priced.cash_allowed(start) and self._priced.cash_regret(start) <= self._best:
            self._consider(self._priced.cash_regret(start), states[start])
        for position, menu in enumerate(menus):
            then = ahead[position + 1] if position + 1 < len(menus) else None
            states = self._extend(states, menu, ahead[position], then)
        steps = tuple(self._best_moves.get(i, k) for i, k in enumerate(self._priced.base))
        return Found(self._best, steps, self._dropped, self._doubtful) if self._found else Found(dropped=self._dropped)

    def _in_stages(self, menus: list[Menu]) -> Sequence[Outlook]:
        """Put the lines in their order of visit and say what is ahead before each."""
        if not self._effort.thorough:
            menus.sort(key=lambda menu: (menu.density, menu.index))
            return [Completion.of(self._priced, menu.density) for menu in menus]
        # What moves most goes first: what moves little can balance it at a cost that tangents tell well.
        menus.sort(key=lambda menu: (-menu.coarseness, menu.index))
        return Tangents.before_each(self._priced, [(menu.index, menu.density) for menu in menus], self._best)

    def _extend(self, states: States, menu: Menu, now: Outlook, then: Outlook | None) -> States:
        """Every surviving state with every trade of one more line."""
        row, base = self._priced.folded.rows[menu.index], self._priced.base[menu.index]
        insort(self._visited, (-row.off(base), menu.index))
        reached: States = {}
        if then is not None:
            best = self._best
            reached = {cash: node for cash, node in states.items() if node[0] + then.least(cash) <= best}
        for position, (cash, node) in enumerate(states.items()):
            if self._exhausted:
                left = islice(states.items(), position, None)
                self._give_up(left, now)
                self._give_up(reached.items(), then)
                return {}
            self._branch(reached, cash, node, menu.index, self._offers(menu, cash, node, now, then), then)
        return self._narrow(reached, then)

    def _give_up(self, states: Iterable[tuple[int, Node]], ahead: Outlook | None) -> None:
        """Own up to what is not followed any further."""
        if ahead is not None:
            for cash, node in states:
                self._drop(node[0] + ahead.least(cash))

    def _branch(
        self, reached: States, cash: int, node: Node, index: int, options: Iterable[Option], then: Outlook | None
    ) -> None:
        """One state with the offered trades of one line. Here the time goes: nothing is asked twice."""
        regret, best, allowed = node[0], self._best, self._priced.cash_allowed
        for extra, spends, k in options:
            total = regret + extra
            if total > best:
                continue
            self._visits += 1
            after = cash - spends
            if then is None:
                if allowed(after) and total + self._priced.cash_regret(after) <= best:
                    self._consider(total + self._priced.cash_regret(after), (total, node, index, k))
                    best = self._best
                continue
            least = then.least(after)
            if total + least > best:
                continue
            child = (total, node, index, k)
            if allowed(after):
                whole = total + self._priced.cash_regret(after)
                if whole <= best:
                    self._consider(whole, child)
                    best = self._best
            rival = reached.get(after)
            if rival is None or total < rival[0] or (total == rival[0] and self._replaces(child, rival)):
                reached[after] = child

    @property
    def _exhausted(self) -> bool:
        if self._visits <= self._effort.tie_visits:
            return False
        return self._visits > self._effort.visits or (self._found and self._priced.proves(self._best))

    def _offers(self, menu: Menu, cash: int, node: Node, now: Outlook, then: Outlook | None) -> Iterable[Option]:
        if not menu.unwritten:
            return menu.written[:4] if self._effort.scope == Scope.NEAREST else menu.written
        balance = self._last_balance if then is None else then.least
        if self._effort.scope == Scope.NEAREST:
            return chain(menu.written[:4], *(menu.near(leg, cash, balance) for leg in menu.unwritten))
        asked = (menu.balanced(leg, cash, lambda: self._best - node[0], balance) for leg in menu.unwritten)
        self._visits += 24 * len(menu.unwritten)
        return self._limited(chain(menu.written, *asked), node[0] + now.least(cash))

    def _last_balance(self, cash: int) -> int:
        """Where no line is to come, an impossible balance costs more than any plan could be worth."""
        folded = self._priced.folded
        low, high = 0, folded.highest_cash
        nearest = max(low, cash if high is None else min(cash, high))
        return self._priced.cash_regret(nearest) + (self._best + abs(self._priced.price) * folded.grid + 1) * abs(
            nearest - cash
        )

    def _limited(self, options: Iterable[Option], floor: int) -> Iterable[Option]:
        """The options until the work is used up; what is left out is owned up to."""
        for option in options:
            if self._exhausted:
                self._drop(floor)
                return
            yield option

    def _consider(self, regret: int, node: Node) -> None:
        """Take a partial plan as a whole one: every line not yet visited makes its cheapest trade."""
        moves = _moves(node)
        if not self._found or regret < self._best or self._goes_first(moves, self._best_moves, self._offs):
            self._best, self._best_moves, self._found = regret, moves, True

    def _replaces(self, node: Node, rival: Node) -> bool:
        """Between partial plans of equal cost and cash: the smaller largest deviation, then more of the earlier line."""
        return self._goes_first(_moves(node), _moves(rival), self._visited, partial=True)

    def _narrow(self, reached: States, then: Outlook | None) -> States:
        """Forget what another state beats whatever follows; then what is beyond the width, worst prospects first."""
        if then is None or len(reached) < 2:
            return reached
        kept = self._undominated(reached)
        if len(kept) <= self._effort.width:
            return kept
        wanted, whole = self._priced.wanted_cash, self._priced.folded.whole
        prospects = {cash: node[0] + then.least(cash) for cash, node in kept.items()}
        # Among equal objectives, balanced cash goes first: there the next line's step can still close the rest.
        ranked = sorted(prospects, key=lambda cash: (prospects[cash] // whole, abs(cash - wanted), cash))
        self._drop(min(prospects[cash] for cash in ranked[self._effort.width :]))
        return {cash: kept[cash] for cash in ranked[: self._effort.width]}

    def _undominated(self, reached: States) -> States:
        """Drop states that another with more cash beats even if the surplus stays idle."""
        priced, folded = self._priced, self._priced.folded
        if folded.highest_cash is not None or (folded.squared and folded.cash_weight):
            return reached
        idle = folded.cash_weight + priced.price
        kept: States = {}
        leader: int | None = None
        for cash in sorted(reached, reverse=True):
            rank = reached[cash][0] + idle * cash
            if leader is None or leader >= rank:
                kept[cash] = reached[cash]
                leader = rank
        return kept

    def _drop(self, regret: int) -> None:
        if self._dropped is None or regret < self._dropped:
            self._dropped = regret

    def _goes_first(self, moves: Moves, rival: Moves, among: list[tuple[int, int]], partial: bool = False) -> bool:
        """Between plans of equal cost over these lines: the smaller largest deviation, then more of the earlier line."""
        moved = sorted(moves.keys() | rival.keys())
        order, other = self._in_turn(moves, moved), self._in_turn(rival, moved)
        if self._in_order:
            return order < other
        elsewhere = next((-off for off, i in among if i not in moves and i not in rival), 0)
        largest, largest_other = self._largest(moves, moved, elsewhere), self._largest(rival, moved, elsewhere)
        if largest == largest_other:
            return order < other
        # Lines still to come may be farther off than either; then the order of lines decides after all.
        if partial and (order < other) != (largest < largest_other):
            self._doubtful = True
        return largest < largest_other

    def _in_turn(self, moves: Moves, moved: list[int]) -> list[tuple[int, int]]:
        base = self._priced.base
        return [(-abs(k), k) for k in (moves.get(i, base[i]) for i in moved)]

    def _largest(self, moves: Moves, moved: list[int], elsewhere: int) -> int:
        rows, base = self._priced.folded.rows, self._priced.base
        return max([elsewhere, *(rows[i].off(moves.get(i, base[i])) for i in moved)])


def _moves(node: Node) -> Moves:
    """The lines that a partial plan trades otherwise than most cheaply."""
    moves: Moves = {}
    while node[1] is not None:
        moves[node[2]] = node[3]
        node = cast(Node, node[1])
    return moves
