"""Classes filled by several securities, where trading is free: the best sums of trades by class, then the simplest trades.

The objective knows only the sum of the trades of each class, so `class_walk` goes over the sums that a class reaches.
Among all sums of the least objective, the trades that come to them are told apart by the lesser criteria. Several accounts
are walked as one, which bounds them all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from math import gcd, prod
from typing import TypeAlias

from allocation.rules import Objective
from allocation.solver.coupled.class_walk import FINE, Amount, ClassWalk, Node, Walked
from allocation.solver.coupled.judge import judge, the_run_of
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.separable import place_of
from allocation.solver.coupled.sums import Evenly, Member, Sums, Table, Written, can_tell_apart, fits, member_of, nearby
from allocation.solver.question import Answer, Question

# The ways to one sum that are compared, and the sums whose ways are, times the lines of the question.
_MOST_WAYS = 300
_MOST_COMPARED = 3_000
# The amounts sold that are tried, least first, and how many ways of selling and of buying are paired.
_MOST_SALES = 200
_MOST_PAIRED = 100

Trades: TypeAlias = tuple[tuple[int, int], ...]
"""Line and steps."""


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one class; every sum of their trades is a whole multiple of `grid`.

    Attributes:
        most: in grids, no sum above this is of any use, not even on the way to another.
    """

    cell: int
    lines: tuple[int, ...]
    members: tuple[Member, ...]
    grid: int
    most: int


@dataclass(frozen=True, slots=True)
class Way:
    """The best trades of one class that come to a sum: their lesser criteria and the trades."""

    lesser: int
    trades: Trades


@dataclass(frozen=True, slots=True)
class Tied:
    """Trades of the classes so far, equal in φ: their lesser criteria, the largest deviation and the trades."""

    lesser: int
    largest: int
    trades: Trades

    def comes_first(self, other: "Tied") -> bool:
        """Whether its larger trades are of earlier lines."""
        return _in_order(self.trades) < _in_order(other.trades)


def is_by_class(question: Question) -> bool:
    """Whether nothing but shared cells and accounts couples the lines, and trading is free."""
    caps = (question.most_trades, question.most_turnover, question.tax)
    if any(cap is not None for cap in caps) or any(place_of(line) is None for line in question.lines):
        return False
    ends = ((line, run, k) for line in question.lines for run in line.runs for k in (run.low, run.high))
    return bool(question.lines) and all(run.spent(k) == line.step * k for line, run, k in ends)


def solve_classes(question: Question) -> Answer | None:
    """The best trades of one account, `is_by_class`; None where none are found this way."""
    groups = sorted(groups_of(question), key=lambda group: _gap(question, group), reverse=True)
    found = [sums_of(group) for group in groups]
    sums = [each for each in found if each is not None]
    proved: int | None = None
    if len(sums) < len(groups):
        rough = [each or _evenly(group) for each, group in zip(found, groups, strict=True)]
        relaxed = _walk(question, groups, rough)
        if relaxed is None:
            return None
        proved = _least(question, *relaxed)
        wanted = zip(groups, found, _chosen(relaxed[1], relaxed[1].last[0]), strict=True)
        groups = [group if each else _narrowed(group, amount) for group, each, amount in wanted]
        near = [each or sums_of(group) for each, group in zip(found, groups, strict=True)]
        sums = [each for each in near if each is not None]
    walked = _walk(question, groups, sums)
    steps = None if walked is None else Simplest(question, groups, walked[1]).steps()
    outcome = None if steps is None else judge(question, steps)
    if walked is None or steps is None or outcome is None:
        return None
    value = int(outcome.value)
    return Answer(steps, value, min(value, _least(question, *walked) if proved is None else proved))


def least_by_class(question: Question) -> int | None:
    """The least that the objective could be if cash moved freely between accounts, `is_by_class`; None if nothing can."""
    groups = sorted(groups_of(question), key=lambda group: _gap(question, group), reverse=True)
    walked = _walk(question, groups, [sums_of(group) or _evenly(group) for group in groups])
    return None if walked is None else _least(question, *walked)


def groups_of(question: Question) -> list[Group]:
    """The lines by cell."""
    lines: dict[int, list[int]] = {}
    for index, line in enumerate(question.lines):
        lines.setdefault(line.worth[0][0], []).append(index)
    groups = []
    # A class can buy for what cash there is and all others sell; on the way there it may sell all it has.
    payable = sum(p.cash for p in question.purses) - sum(
        line.step * min(0, line.runs[0].low) for line in question.lines
    )
    for cell, own in lines.items():
        grid = gcd(*(question.lines[i].step for i in own))
        members = tuple(member_of(question.lines[i], grid) for i in own)
        groups.append(Group(cell, tuple(own), members, grid, max(0, payable) // grid))
    return groups


def sums_of(group: Group) -> Sums | None:
    """All sums of a class; None where they are too many to write down."""
    if len(group.lines) == 1:
        (member,) = group.members
        return Evenly(group.grid * member.stride, member.ranges)
    if not fits(group.members, group.most):
        return None
    bits, low = Table(group.members, group.most).reached()
    return Written(bits, group.grid * low, group.grid)


def _gap(question: Question, group: Group) -> int:
    """How far apart the sums of a class are, roughly: coarse classes are decided first."""
    cell = question.cells[group.cell]
    width = abs(cell.target - cell.held) + group.grid * max(member.stride for member in group.members)
    ways = prod(width // (group.grid * member.stride) + 1 for member in group.members)
    return max(group.grid, width // ways)


def _evenly(group: Group) -> Evenly:
    """Every multiple of the grid, whether trades come to it or not."""
    low, high = (sum(m.stride * getattr(m, end) for m in group.members) for end in ("low", "high"))
    return Evenly(group.grid, ((low, high),))


def _narrowed(group: Group, amount: int) -> Group:
    return Group(group.cell, group.lines, nearby(group.members, amount // group.grid), group.grid, group.most)


def _walk(question: Question, groups: list[Group], sums: list[Sums]) -> tuple[ClassWalk, Walked] | None:
    cash = sum(purse.cash for purse in question.purses)
    most = cash - sum(each.low for each in sums)
    low, high = max(0, question.reserve), most
    for highest in (
        None if question.highest_cash is None else question.highest_cash + question.reserve,
        question.purses[0].highest if len(question.purses) == 1 else None,
    ):
        high = high if highest is None else min(high, highest)
    if low > high:
        return None
    wanted = question.reserve + question.cash_target
    amounts = []
    for group, each in zip(groups, sums, strict=True):
        cell = question.cells[group.cell]
        amounts.append(Amount(cell.held - cell.target, cell.weight, each.low, each.high))
    walk = ClassWalk(
        list(zip(amounts, sums, strict=True)),
        cash,
        Amount(-wanted, question.cash_weight, low, high),
        question.objective != Objective.L1,
    )
    walked = walk.run()
    return None if walked is None else (walk, walked)


def _least(question: Question, walk: ClassWalk, walked: Walked) -> int:
    """The bound on φ that a walk proves."""
    least = walked.excess if walked.dropped is None else min(walked.excess, walked.dropped)
    return -(-(walk.base + least) // FINE) + _still(question)


def _chosen(walked: Walked, last: int) -> list[int]:
    """The amounts of one best answer, class by class."""
    amounts, spent = list[int](), last
    for layer in reversed(walked.layers):
        spent, amount = layer[spent].ways[0]
        amounts.append(amount)
    return amounts[::-1]


def _still(question: Question) -> int:
    """What cells that no line moves add to the objective."""
    moved = {line.worth[0][0] for line in question.lines}
    power = 1 if question.objective == Objective.L1 else 2
    cells = (cell for n, cell in enumerate(question.cells) if n not in moved)
    return sum(cell.weight * abs(cell.held - cell.target) ** power for cell in cells)


@dataclass
class Simplest:
    """Among all trades of the least objective, those that the lesser criteria prefer."""

    question: Question
    groups: list[Group]
    walked: Walked
    _ways: dict[tuple[int, int], Way | None] = field(default_factory=dict)
    _tables: dict[tuple[int, int], Table | None] = field(default_factory=dict)

    @cached_property
    def model(self) -> Model:
        """For the lesser criteria."""
        return Model(self.question)

    def steps(self) -> tuple[int, ...] | None:
        """The trades of every line; None where the sums of a class cannot be had after all."""
        layers = self._best_layers()
        amounts = {(n, amount) for n, layer in enumerate(layers) for node in layer.values() for _, amount in node.ways}
        if len(amounts) * len(self.question.lines) > _MOST_COMPARED:
            layers = self._one_path()
        moved = {group.cell for group in self.groups}
        still = (abs(c.held - c.target) for n, c in enumerate(self.question.cells) if n not in moved)
        tied = {0: [Tied(0, max(still, default=0), ())]}
        for number, layer in enumerate(layers):
            tied = self._extended(number, layer, tied)
        ends = [each for ends in tied.values() for each in ends]
        if not ends:
            return None
        best = min(ends, key=lambda each: (each.lesser, each.largest, _in_order(each.trades)))
        steps = dict(best.trades)
        return tuple(steps[i] for i in range(len(self.question.lines)))

    def _extended(self, number: int, layer: dict[int, Node], tied: dict[int, list[Tied]]) -> dict[int, list[Tied]]:
        cell = self.question.cells[self.groups[number].cell]
        reached: dict[int, list[Tied]] = {}
        for spent, node in layer.items():
            for before, amount in node.ways:
                way = self._way(number, amount)
                off = abs(cell.held + amount - cell.target)
                for each in tied.get(before, ()) if way is not None else ():
                    found = Tied(
                        each.lesser + way.lesser,  # type: ignore[union-attr]
                        max(each.largest, off),
                        tuple(sorted(each.trades + way.trades)),  # type: ignore[union-attr]
                    )
                    _keep(reached.setdefault(spent, []), found)
        return reached

    def _best_layers(self) -> list[dict[int, Node]]:
        """The walk's layers without what no best answer goes through."""
        kept: list[dict[int, Node]] = []
        wanted = set(self.walked.last)
        for layer in reversed(self.walked.layers):
            kept.append({spent: layer[spent] for spent in sorted(wanted)})
            wanted = {before for spent in wanted for before, _ in layer[spent].ways}
        return kept[::-1]

    def _one_path(self) -> list[dict[int, Node]]:
        """The layers of one best answer alone."""
        layers, spent = list[dict[int, Node]](), 0
        for amount in _chosen(self.walked, self.walked.last[0]):
            layers.append({spent + amount: Node(0, [(spent, amount)])})
            spent += amount
        return layers

    def _way(self, number: int, amount: int) -> Way | None:
        key = number, amount
        if key not in self._ways:
            self._ways[key] = self._best_way(number, amount)
        return self._ways[key]

    def _best_way(self, number: int, amount: int) -> Way | None:
        """The least sold, then the fewest trades, then the smaller turnover, then more of earlier lines."""
        group = self.groups[number]
        total, lines = amount // group.grid, [self.question.lines[i] for i in group.lines]
        if not can_tell_apart(group.members, group.most):
            way = Table(group.members, group.most).any_way(total)
            return self._best_of(group, [] if way is None else [way])
        alike = len({line.misplaced for line in lines}) == 1 and all(member.may_rest for member in group.members)
        if not alike:
            return self._best_of(group, self._listed(number, 0, total, len(lines)))
        if not self.question.purses[0].taxable:
            return self._best_of(group, self._fewest(number, 0, total))
        straight = self._fewest(number, 1 if total >= 0 else -1, total)
        return self._best_of(group, straight or self._least_sold(number, total))

    def _fewest(self, number: int, side: int, total: int) -> list[tuple[int, ...]]:
        table = self._table(number, side)
        trades = None if table is None else table.fewest(total)
        return [] if trades is None else self._listed(number, side, total, trades)

    def _listed(self, number: int, side: int, total: int, trades: int) -> list[tuple[int, ...]]:
        table = self._table(number, side)
        return [] if table is None else list(islice(table.ways(total, trades), _MOST_WAYS))

    def _least_sold(self, number: int, total: int) -> list[tuple[int, ...]]:
        """Purchases and sales of different lines, as little sold as can be."""
        selling, buying = self._table(number, -1), self._table(number, 1)
        if selling is None or buying is None:
            return []
        bought, _ = buying.reached()
        sold, _ = selling.mirrored().reached()
        both = sold & (bought >> total if total >= 0 else bought << -total)
        for amount in islice(Written(both, 0, 1).upwards(0), _MOST_SALES) if both else ():
            ways = self._apart(selling.ways(-amount, len(selling.members)), buying, total + amount)
            if ways:
                return ways
        return self._fewest(number, 0, total)

    def _apart(self, sales: Iterator[tuple[int, ...]], buying: Table, bought: int) -> list[tuple[int, ...]]:
        """Sales with purchases of other lines."""
        purchases = list(islice(buying.ways(bought, len(buying.members)), _MOST_PAIRED))
        return [
            tuple(map(sum, zip(sale, purchase, strict=True)))
            for sale in islice(sales, _MOST_PAIRED)
            for purchase in purchases
            if not any(a and b for a, b in zip(sale, purchase, strict=True))
        ]

    def _table(self, number: int, side: int) -> Table | None:
        """The sums of all trades (0), of purchases alone (1) or of sales alone (-1)."""
        key = number, side
        if key not in self._tables:
            group = self.groups[number]
            parts = [
                member if not side else member.within(0, member.high) if side > 0 else member.within(member.low, 0)
                for member in group.members
            ]
            members = tuple(part for part in parts if part is not None)
            self._tables[key] = Table(members, group.most) if len(members) == len(parts) else None
        return self._tables[key]

    def _best_of(self, group: Group, ways: list[tuple[int, ...]]) -> Way | None:
        best: tuple[int, list[tuple[int, int]], tuple[int, ...]] | None = None
        for steps in ways:
            lesser = sum(
                self.model.lesser(i, the_run_of(self.model.question.lines[i], k), k)
                for i, k in zip(group.lines, steps, strict=True)
            )
            rank = lesser, [(-abs(k), k) for k in steps], steps
            if best is None or rank < best:
                best = rank
        return None if best is None else Way(best[0], tuple(zip(group.lines, best[2], strict=True)))


def _keep(rivals: list[Tied], found: Tied) -> None:
    """Keep an answer unless another with the same future is at least as good, whatever follows."""
    if rivals and found.lesser > rivals[0].lesser:
        return
    if rivals and found.lesser < rivals[0].lesser:
        rivals.clear()
    if any(r.largest <= found.largest and not found.comes_first(r) for r in rivals):
        return
    rivals[:] = [r for r in rivals if r.largest < found.largest or r.comes_first(found)]
    rivals.append(found)


def _in_order(trades: Trades) -> list[tuple[int, int]]:
    return [(-abs(k), k) for _, k in trades]
