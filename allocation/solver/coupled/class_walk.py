"""Walk over classes, keeping every sum of trades that could still win.

At a price on cash every class and cash itself name their cheapest amounts, and any answer costs what these cost plus its
excess: how dear its own amounts are at that price. Classes to come and cash must absorb what the sums so far leave, which
costs at least as much as if money could be divided at will.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import nsmallest

from allocation.solver.coupled.sums import Sums

# A unit of φ, so that prices can have parts; what a look ahead may be off by.
FINE = 1 << 40
_MARGIN = FINE // 2
# Amounts tried, states kept on the way to a first answer, and amounts of one state tried then.
_MOST_VISITS = 40_000
_TIE_VISITS = 10_000
_WIDTH = 40
_FEW = 12


@dataclass(frozen=True, slots=True)
class Amount:
    """A class or cash: the grains it may have beyond what it has, and where it would like to be.

    Attributes:
        start: how far it is from its target now.
        weight: of its φ.
    """

    start: int
    weight: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Part:
    """What an amount costs under the price; `best` is its cheapest one and `least` what that costs."""

    start: int
    weight: int
    slope: int
    squared: bool
    low: int
    high: int
    best: int
    least: int

    @classmethod
    def of(cls, amount: Amount, slope: int, squared: bool) -> "Part":
        """A part whose every grain has a price."""
        start, weight = amount.start, FINE * amount.weight
        bare = cls(start, weight, slope, squared, amount.low, amount.high, 0, 0)
        picks = [amount.low, amount.high, -start]
        if squared and weight:
            near = -start - slope // (2 * weight)
            picks = [near - 1, near, near + 1]
        within = (min(max(pick, amount.low), amount.high) for pick in picks)
        best = min(within, key=lambda x: (bare.excess(x), x))
        return cls(start, weight, slope, squared, amount.low, amount.high, best, bare.excess(best))

    def excess(self, amount: int) -> int:
        """What an amount costs beyond the cheapest."""
        off = self.start + amount
        return self.weight * (off * off if self.squared else abs(off)) + self.slope * amount - self.least

    @property
    def slopes(self) -> tuple[int, int]:
        """Under l1, the least that each grain more, and each grain less, than the cheapest amount costs."""
        off = self.start + self.best
        more = self.slope + (self.weight if off >= 0 else -self.weight)
        less = -self.slope + (self.weight if off <= 0 else -self.weight)
        return max(0, more), max(0, less)


@dataclass(slots=True)
class Node:
    """The cheapest ways to have spent so much; each is what was spent before and the amount of the last class."""

    excess: int
    ways: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is to come after a class: its cheapest and outermost sums together, and how readily it absorbs money."""

    best: int
    low: int
    high: int
    slack: int
    ease: Fraction
    slopes: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Walked:
    """The layers of a walk, class by class, and what is proved.

    Attributes:
        excess: of the best answer.
        last: what the best answers spend in all.
        dropped: the least excess that anything unseen could have, or None when all was seen.
    """

    layers: list[dict[int, Node]]
    excess: int
    last: list[int]
    dropped: int | None

    def bounded(self, least: int) -> "Walked":
        """The same, knowing that nothing has a smaller excess."""
        dropped = None if self.dropped is None else max(least, self.dropped)
        return Walked(self.layers, self.excess, self.last, dropped)


@dataclass(slots=True)
class ClassWalk:
    """Classes with the sums they can reach, in the order of the walk; `cash` before any trade."""

    classes: list[tuple[Amount, Sums]]
    cash: int
    idle: Amount
    squared: bool
    parts: list[Part] = field(init=False)
    rest: Part = field(init=False)
    ahead: list[Ahead] = field(init=False)
    whole: Ahead = field(init=False)
    base: int = field(init=False)
    """What the cheapest amounts cost: no answer costs less."""
    _visits: int = 0
    _seen: dict[tuple[int, int], int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        price = self._balancing_price()
        self.parts = [Part.of(amount, price, self.squared) for amount, _ in self.classes]
        self.rest = Part.of(self.idle, price, self.squared)
        self.base = sum(part.least for part in self.parts) + self.rest.least - price * self.cash
        self.ahead = self._look_ahead()

    def run(self) -> Walked | None:
        """The best answers, first along few states, then through all that could be better; None where none is found."""
        first = self._walk(None, _WIDTH, _FEW)
        least = self._least_left(self.whole, 0) or 0
        self._visits = 0
        if first is None:
            return self._walk(None, _MOST_VISITS, None)
        # Where the first answer leaves nothing to be gained, the rest is about ties alone.
        self._visits = 0 if first.excess >= least + FINE else _MOST_VISITS - _TIE_VISITS
        last = self._walk(first.excess, _MOST_VISITS, None)
        if last is not None and last.excess <= first.excess:
            return last.bounded(least)
        dropped = first.dropped if last is None else last.dropped
        return Walked(first.layers, first.excess, first.last, dropped).bounded(least)

    def _walk(self, limit: int | None, width: int, few: int | None) -> Walked | None:
        layer, layers = {0: Node(0, [])}, list[dict[int, Node]]()
        dropped: int | None = None
        for position in range(len(self.classes)):
            reached: dict[int, Node] = {}
            for spent, node in layer.items():
                for excess, prospect, amount in self._amounts(position, spent, node.excess, limit, few):
                    if self._visits > _MOST_VISITS:
                        dropped = prospect if dropped is None else min(dropped, prospect)
                        break
                    self._reach(reached, spent, amount, excess)
            layer, cut = self._narrowed(reached, position, width)
            dropped = cut if dropped is None or (cut is not None and cut < dropped) else dropped
            layers.append(layer)
        return self._ended(layers, layer, dropped)

    def _ended(self, layers: list[dict[int, Node]], layer: dict[int, Node], dropped: int | None) -> Walked | None:
        totals = {
            spent: node.excess + left
            for spent, node in layer.items()
            if (left := self._least_ahead(len(layers) - 1, spent)) is not None
        }
        if not totals:
            return None
        least = min(totals.values())
        return Walked(layers, least, [spent for spent, total in totals.items() if total == least], dropped)

    def _reach(self, reached: dict[int, Node], spent: int, amount: int, excess: int) -> None:
        there = reached.get(spent + amount)
        if there is None or excess < there.excess:
            reached[spent + amount] = Node(excess, [(spent, amount)])
        elif excess == there.excess:
            there.ways.append((spent, amount))

    def _narrowed(self, reached: dict[int, Node], position: int, width: int) -> tuple[dict[int, Node], int | None]:
        """The states with the best prospects, and the best prospect of the others."""
        if len(reached) <= width:
            return reached, None
        prospects = [(node.excess + (self._least_ahead(position, s) or 0), s) for s, node in reached.items()]
        kept = nsmallest(width + 1, prospects)
        return {spent: reached[spent] for _, spent in kept[:-1]}, kept[-1][0]

    def _amounts(
        self, position: int, spent: int, so_far: int, limit: int | None, few: int | None
    ) -> Iterator[tuple[int, int, int]]:
        """The sums of a class, the most promising first, with excess and prospect."""
        part, sums = self.parts[position], self.classes[position][1]
        start = self._start(position, spent)
        sides = [sums.upwards(start), sums.downwards(start)]
        heads = [self._next(side, position, spent, so_far, None, limit) for side in sides]
        count = 0
        while any(heads) and (few is None or count < few):
            near = 0 if heads[1] is None or (heads[0] is not None and heads[0] <= heads[1]) else 1
            head = heads[near]
            if head is None:
                return
            prospect, amount = head
            if limit is None or prospect - _MARGIN <= limit:
                count += 1
                yield so_far + part.excess(amount), prospect, amount
            heads[near] = self._next(sides[near], position, spent, so_far, prospect, limit)

    def _next(
        self, side: Iterator[int], position: int, spent: int, so_far: int, before: int | None, limit: int | None
    ) -> tuple[int, int] | None:
        """The next amount of a side with its prospect; None where nothing further out can win."""
        for amount in side:
            self._visits += 1
            left = self._least_ahead(position, spent + amount)
            if left is None:
                if before is not None:
                    return None
                if not self._could_balance(position, spent + amount):
                    return None
                continue
            prospect = so_far + self.parts[position].excess(amount) + left
            if limit is not None and prospect - _MARGIN > limit and before is not None and prospect >= before:
                return None
            return prospect, amount
        return None

    def _could_balance(self, position: int, spent: int) -> bool:
        ahead = self.ahead[position]
        least, most = self.cash - spent - ahead.high, self.cash - spent - ahead.low
        return least <= self.idle.high and most >= self.idle.low

    def _start(self, position: int, spent: int) -> int:
        """The amount that, if money could be divided at will, would do best."""
        part, ahead = self.parts[position], self.ahead[position]
        missing = self.cash - self.rest.best - spent - ahead.best - part.best
        if self.squared:
            own = Fraction(FINE, part.weight) if part.weight else ahead.ease
            together = own + ahead.ease
            wanted = part.best + (round(missing * own / together) if together else 0)
        else:
            wanted = min((part.best, part.best + missing), key=lambda x: self._rough(position, spent, x))
        lowest = self.cash - spent - self.idle.high - ahead.high
        highest = self.cash - spent - self.idle.low - ahead.low
        return min(max(wanted, lowest), highest)

    def _rough(self, position: int, spent: int, amount: int) -> tuple[bool, int]:
        left = self._least_ahead(position, spent + amount)
        return left is None, self.parts[position].excess(amount) + (left or 0)

    def _least_ahead(self, position: int, spent: int) -> int | None:
        """The least that classes to come and cash must cost; None where cash cannot balance."""
        key = position, spent
        if key not in self._seen:
            self._seen[key] = self._least_left(self.ahead[position], spent)
        return self._seen[key]

    def _least_left(self, ahead: Ahead, spent: int) -> int | None:
        left = self.cash - spent
        low, high = max(self.idle.low, left - ahead.high), min(self.idle.high, left - ahead.low)
        if low > high:
            return None
        balance = left - ahead.best
        numerator, denominator = ahead.ease.numerator, ahead.ease.denominator

        def cost(idle: int) -> int:
            if not self.squared:
                return self.rest.excess(idle) + ahead.slopes[balance < idle] * abs(balance - idle)
            away = max(0, abs(balance - idle) - ahead.slack)
            return self.rest.excess(idle) + (FINE * denominator * away * away // numerator if numerator else 0)

        while low < high:
            middle = (low + high) // 2
            if cost(middle + 1) >= cost(middle):
                high = middle
            else:
                low = middle + 1
        return cost(low)

    def _look_ahead(self) -> list[Ahead]:
        ahead = [Ahead(0, 0, 0, 0, Fraction(0), (0, 0))]
        for (_, sums), part in zip(self.classes[::-1], self.parts[::-1], strict=True):
            last = ahead[-1]
            ease = last.ease + (Fraction(FINE, part.weight) if part.weight else Fraction(1 << 200))
            more, less = part.slopes
            slopes = (more, less) if len(ahead) == 1 else (min(more, last.slopes[0]), min(less, last.slopes[1]))
            low, high = last.low + sums.low, last.high + sums.high
            ahead.append(Ahead(last.best + part.best, low, high, last.slack + 1, ease, slopes))
        *others, self.whole = ahead
        return others[::-1]

    def _balancing_price(self) -> int:
        """The price at which the cheapest amounts, if money could be divided at will, use up all cash."""
        amounts = [amount for amount, _ in self.classes]
        farthest = max(abs(a.start) + abs(a.low) + abs(a.high) for a in (*amounts, self.idle))
        weight = max(a.weight for a in (*amounts, self.idle)) or 1
        most = FINE * weight * (2 * farthest + 1 if self.squared else 1)

        def used(price: int) -> int:
            return sum(Part.of(a, price, self.squared).best for a in (*amounts, self.idle))

        # Where a whole range of prices balances, the middle of it tells the most amounts apart.
        enough = _first(-most, most, lambda price: used(price) <= self.cash)
        scarce = _first(-most, most, lambda price: used(price) < self.cash)
        return (enough + scarce) // 2


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first whole number at which something holds that never ceases to; the last where it nowhere does."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
