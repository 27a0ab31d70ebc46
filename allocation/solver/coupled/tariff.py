"""What every line would do if cash, gains and caps had prices, its lots sold in the order that costs least at them.

Tax never falls when a gain rises. It is the smaller of two functions of the net gains that are convex: with a higher rate d
and a lower one c, max(0, c·(S + L), d·D + c·C) of the gain D at the higher and C at the lower rate (`KINKED`), and
max(0, d·(S + L)) (`LEVEL`). A price of tax buys any mixture of the straight lines that make up one of them: the mixture is
nowhere above that tax, and each line's sales cost least in it by themselves. So any prices give a bound that no trades
beat whose tax is that function, whatever lots they sell (weak duality).
"""

from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from math import isqrt

from allocation.solver.coupled.pieces import Piece, Pieces
from allocation.solver.question import TaxRates

# Trades of one line written down at most.
_MOST = 20_000


class Shape(Enum):
    """Which of the two functions is the tax."""

    KINKED = auto()
    LEVEL = auto()


@dataclass(frozen=True, slots=True)
class Tolls:
    """Folded cost per grain (per trade for `trade`), all zero or more; `tax` is what a cap on taxes adds to `cash`."""

    cash: int = 0
    tax: int = 0
    short: int = 0
    long: int = 0
    trade: int = 0
    turnover: int = 0


def within(tolls: Tolls, rates: TaxRates, shape: Shape) -> Tolls:
    """The tolls, those of gains no higher than the price of the tax on them."""
    due = tolls.cash + tolls.tax
    long_dear = rates.long > rates.short
    dear, cheap = (tolls.long, tolls.short) if long_dear else (tolls.short, tolls.long)
    high, low = max(rates.short, rates.long), min(rates.short, rates.long)
    if shape == Shape.LEVEL or high == low:
        dear = cheap = min(dear, cheap, int(due * high))
    else:
        cheap = min(cheap, int(due * low), dear)
        dear = min(dear, int(due * high) if not low else int(cheap * high / low))
    short, long = (cheap, dear) if long_dear else (dear, cheap)
    return Tolls(tolls.cash, tolls.tax, short, long, tolls.trade, tolls.turnover)


@dataclass(frozen=True, slots=True)
class Way:
    """One trade of a line: its regret, what it spends, and what it realises as the tariff counts it.

    `steps` is None for whatever sells nothing: then the least of the regret and of what is spent.
    """

    regret: int
    steps: int | None
    spends: int
    short: int
    long: int


@dataclass(frozen=True, slots=True)
class Priced:
    """A piece at the prices of a tariff: its cost is (square·k + slope)·k + start, least at `best`."""

    piece: Piece
    square: int
    slope: int
    start: int
    best: int
    least: int

    def cost(self, k: int) -> int:
        """What a trade of the piece costs."""
        return (self.square * k + self.slope) * k + self.start

    def near(self, most: int, highest: int | None) -> range:
        """Trades around the cheapest: all that cost no more than the highest, or as many as are wanted."""
        reach = most
        if highest is not None:
            spare = max(0, highest - self.least)
            by_square = isqrt(spare // self.square) + 2 if self.square else most
            there = abs(2 * self.square * self.best + self.slope)
            at_end = there and self.best in (self.piece.low, self.piece.high)
            reach = min(reach, by_square, spare // there + 2 if at_end else by_square)
        return range(max(self.piece.low, self.best - reach), min(self.piece.high, self.best + reach) + 1)


class Tariff:
    """A model under tolls that `within` allows."""

    def __init__(self, pieces: Pieces, tolls: Tolls) -> None:
        self.model, self.tolls = pieces.model, tolls
        lines = range(len(self.model.question.lines))
        self._priced = [[self._price(i, piece) for piece in pieces.of(i, tolls.short, tolls.long)] for i in lines]
        picks = [min(own, key=lambda each: (each.least, abs(each.best), each.best)) for own in self._priced]
        self.least = [each.least for each in picks]
        self.base = [each.best for each in picks]
        self.base_pieces = [each.piece for each in picks]

    @cached_property
    def favourite_cash(self) -> int:
        """The cash left that costs least."""
        return self._best_cash()

    def cash_cost(self, cash: int) -> int:
        """What so much cash left costs."""
        question, model = self.model.question, self.model
        off = cash - question.reserve - question.cash_target
        weight = model.units.whole * question.cash_weight
        return weight * (off * off if model.squared else abs(off)) + self.tolls.cash * cash

    @property
    def cash_range(self) -> tuple[int, int]:
        """The least and the most cash that may be left."""
        question = self.model.question
        low = max(question.reserve, 0)
        freed = sum(max(0, -min(run.spends for run in line.runs)) for line in question.lines)
        high = max(low, self.model.cash + freed)
        return low, high if question.highest_cash is None else min(high, question.reserve + question.highest_cash)

    @cached_property
    def bound(self) -> int:
        """No trades cost less whose tax is what the tolls allow for."""
        question, tolls = self.model.question, self.tolls
        still = sum(self._still(cell) for cell in self.model.still)
        bound = sum(self.least) + self.cash_cost(self.favourite_cash) + still - tolls.cash * self.model.cash
        bound -= tolls.trade * (question.most_trades or 0) + tolls.turnover * (question.most_turnover or 0)
        most_tax = question.tax.most if question.tax is not None else None
        return bound - tolls.tax * (most_tax or 0)

    def ways(
        self, index: int, limit: int | None, few: int | None, *, only_sales: bool = False
    ) -> tuple[list[Way], int | None]:
        """A line's trades with a regret up to a limit, the least first, and the least regret of those left out."""
        kept = self._priced[index]
        if only_sales:
            kept = [each for each in kept if each.piece.high < 0]
        ways, unseen = self._ways(index, kept, limit, few)
        resting = [each for each in self._priced[index] if each.piece.low >= 0]
        if only_sales and resting:
            regret = min(each.least for each in resting) - self.least[index]
            if limit is None or regret <= limit:
                ways = sorted(
                    [*ways, Way(regret, None, resting[0].piece.amounts_at(resting[0].piece.low)[0], 0, 0)], key=_regret
                )
        return ways, unseen

    def _ways(self, index: int, kept: list[Priced], limit: int | None, few: int | None) -> tuple[list[Way], int | None]:
        most, base = min(_MOST, few or _MOST), self.least[index]
        highest = None if limit is None else base + limit
        found: dict[int, tuple[int, Priced]] = {}
        unseen: int | None = None
        for each in sorted(kept, key=lambda each: each.least):
            if highest is not None and each.least > highest:
                break
            if len(found) >= most and each.least >= (last := sorted(cost for cost, _ in found.values())[most - 1]):
                unseen = each.least if unseen is None else min(unseen, max(each.least, last))
                break
            trades = each.near(most, highest)
            for k in trades:
                cost = each.cost(k)
                if (highest is None or cost <= highest) and (k not in found or cost < found[k][0]):
                    found[k] = cost, each
            beyond = [each.cost(k) for k in (trades.start - 1, trades.stop) if each.piece.low <= k <= each.piece.high]
            unseen = min([*([] if unseen is None else [unseen]), *beyond], default=None)
        ranked = sorted((cost, abs(k), k) for k, (cost, _) in found.items())
        if len(ranked) > most:
            unseen = ranked[most][0] if unseen is None else min(unseen, ranked[most][0])
        if unseen is not None and highest is not None and unseen > highest:
            unseen = None
        ways = [Way(cost - base, k, *found[k][1].piece.amounts_at(k)) for cost, _, k in ranked[:most]]
        return ways, None if unseen is None else unseen - base

    def _price(self, index: int, piece: Piece) -> Priced:
        tolls, whole, line = self.tolls, self.model.units.whole, self.model.question.lines[index]
        (square, slope, start), spends, short, long = piece.distance, piece.spends, piece.short, piece.long
        square, slope, start = (
            whole * square,
            whole * slope + tolls.cash * spends[0],
            whole * start + tolls.cash * spends[1],
        )
        slope += tolls.short * short[0] + tolls.long * long[0]
        start += tolls.short * short[1] + tolls.long * long[1]
        if piece.low or piece.high:
            slope += tolls.turnover * (-line.step if piece.high < 0 else line.step)
            start += tolls.trade
        if square:
            # The whole number next to the vertex; of two equally near the smaller.
            best = min(max(-((slope + square) // (2 * square)), piece.low), piece.high)
        else:
            best = piece.low if slope >= 0 else piece.high
        return Priced(piece, square, slope, start, best, (square * best + slope) * best + start)

    def _best_cash(self) -> int:
        question, model = self.model.question, self.model
        low, high = self.cash_range
        center, weight = question.reserve + question.cash_target, model.units.whole * question.cash_weight
        picks = [low, center, high]
        if model.squared and weight:
            near = center - self.tolls.cash // (2 * weight)
            picks = [near - 1, near, near + 1]
        return min((min(max(x, low), high) for x in picks), key=lambda x: (self.cash_cost(x), x))

    def _still(self, cell: int) -> int:
        off, weight = self.model.start[cell], self.model.units.whole * self.model.question.cells[cell].weight
        return weight * (off * off if self.model.squared else abs(off))


def _regret(way: Way) -> int:
    return way.regret
