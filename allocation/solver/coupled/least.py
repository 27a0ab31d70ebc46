"""The least tax that the sales of a choice of trades can come to where they may take any lots."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

from allocation.solver.question import Holding, Lot, Question, TaxRates
from allocation.taxes.bundles import Bundle, Counts, Stock, cheapest, counted_gains
from allocation.taxes.lot_search import search
from allocation.taxes.relaxed import Scale
from allocation.taxes.thresholds import least_washed, thresholds_of


def has_lots(question: Question) -> bool:
    """Whether sales may take any lots."""
    return any(line.lots for line in question.lines)


def is_netted_alone(question: Question) -> bool:
    """Whether taxes are all that couples more than cash does: one account, and every line alone in its cells."""
    if question.tax is None or len(question.purses) > 1:
        return False
    cells = [cell for line in question.lines for cell, _ in line.worth]
    return len(set(cells)) == len(cells)


def least_tax(rates: TaxRates, lines: Sequence[Holding], steps: Sequence[int]) -> Fraction:
    """The tax on all sales together, with the lots that make it least."""
    sold = [(line, -k * line.parts) for line, k in zip(lines, steps, strict=True) if k < 0 and line.lots]
    if not sold:
        return Fraction(0)
    scale, unit = scale_of(rates)
    bundles = [_bundle(line, parts, rates) for line, parts in sold]
    known = _by_rate(bundles, scale)
    return Fraction(search(bundles, scale, Fraction(known)).tax if known else 0) / unit


def scale_of(rates: TaxRates) -> tuple[Scale, int]:
    """The rates as whole numbers, the higher first, and what one of them is a part of."""
    unit = lcm(rates.short.denominator, rates.long.denominator)
    return Scale(int(max(rates.short, rates.long) * unit), int(min(rates.short, rates.long) * unit)), unit


def is_dear(lot: Lot, rates: TaxRates) -> bool:
    """Whether the gain of a lot is taxed at the higher rate."""
    return lot.long == (rates.long > rates.short)


def is_washed(line: Holding) -> bool:
    """Whether losses of a line may not count."""
    return any(lot.recent for lot in line.lots) and any(lot.gain < 0 for lot in line.lots)


@dataclass(frozen=True, slots=True)
class View:
    """What a part of each lot of a line gains, by term, under one assumption on which losses are washed.

    Attributes:
        start: what is gained before anything is sold.
        first: lots of which nothing may be left.
    """

    short: tuple[int, ...]
    long: tuple[int, ...]
    start: tuple[int, int] = (0, 0)
    first: frozenset[int] = frozenset()


def views_of(line: Holding) -> tuple[View, ...]:
    """Views of which, for every choice of lots, one tells what it gains.

    Losses are washed in turn until the units kept of those bought lately are used up. So either nothing bought lately is
    kept and every loss counts, or every loss is washed, or one lot is the threshold: the losses before it are washed, those
    after it count, and of its own so much as the kept units do not suffice for.
    """
    gains = [lot.gain for lot in line.lots]
    if not is_washed(line):
        return (_view(line, gains),)
    recent = [j for j, lot in enumerate(line.lots) if lot.recent]
    losing = sorted((j for j, gain in enumerate(gains) if gain < 0), key=lambda j: line.lots[j].turn)
    winning = [max(0, gain) for gain in gains]
    found = [replace(_view(line, gains), first=frozenset(recent)), _view(line, winning)]
    for n, at in enumerate(losing):
        counting = [winning[j] if j in losing[: n + 1] else gain for j, gain in enumerate(gains)]
        used = [(j in recent) + (j in losing[: n + 1]) for j in range(len(gains))]
        found.append(_over(_view(line, counting), line, at, used, sum(line.lots[j].parts for j in recent)))
    return tuple(found)


def least_at(line: Holding, sold: int, rates: TaxRates, short_price: int, long_price: int) -> tuple[int, int]:
    """The gains, by term, of the lots of a sale that cost least at these prices, washed losses not counted."""
    bundle = _bundle(line, sold * line.parts, rates)
    limits = [(0, lot.parts) for lot in line.lots]
    dear, cheap = (long_price, short_price) if rates.long > rates.short else (short_price, long_price)
    _, *gains = least_washed(bundle, thresholds_of(bundle), limits, dear, cheap)
    return (gains[1], gains[0]) if rates.long > rates.short else (gains[0], gains[1])


def all_losses_washed(line: Holding) -> View:
    """The view in which no loss counts."""
    return _view(line, [max(0, lot.gain) for lot in line.lots])


def _view(line: Holding, gains: Sequence[int]) -> View:
    pairs = list(zip(line.lots, gains, strict=True))
    return View(
        tuple(0 if lot.long else gain for lot, gain in pairs), tuple(gain if lot.long else 0 for lot, gain in pairs)
    )


def _over(view: View, line: Holding, at: int, used: Sequence[int], kept: int) -> View:
    """The view with the loss of the threshold for every part used beyond those kept."""
    loss = line.lots[at].gain
    more = tuple(gain + loss * n for gain, n in zip(view.long if line.lots[at].long else view.short, used, strict=True))
    if line.lots[at].long:
        return View(view.short, more, (0, -loss * kept))
    return View(more, view.long, (-loss * kept, 0))


def _bundle(line: Holding, parts: int, rates: TaxRates) -> Bundle:
    lots = line.lots
    stock = Stock(
        parts,
        tuple([lot.parts for lot in lots]),
        tuple([lot.gain for lot in lots]),
        tuple([is_dear(lot, rates) for lot in lots]),
    )
    if not is_washed(line):
        return Bundle((stock,))
    recent = tuple((0, j) for j, lot in enumerate(lots) if lot.recent)
    losing = sorted((lot.turn, (0, j)) for j, lot in enumerate(lots) if lot.gain < 0)
    return Bundle((stock,), (1,), sum(lots[j].parts for _, j in recent), recent, tuple(spot for _, spot in losing))


def _by_rate(bundles: Sequence[Bundle], scale: Scale) -> int:
    """The tax where every sale takes the lots with the least rate·gain."""
    dear = cheap = 0
    for bundle in bundles:
        stock = bundle.stocks[0]
        keys = [
            gain * (scale.high if is_dear else scale.low) for gain, is_dear in zip(stock.gains, stock.dear, strict=True)
        ]
        counts: Counts = (tuple(cheapest(keys, [(0, have) for have in stock.have], stock.parts)),)
        gains = counted_gains(bundle, counts)
        dear, cheap = dear + gains[0], cheap + gains[1]
    return scale.tax(dear, cheap)
