"""What every sale may take within limits, and what it gains at least: wash sales included, as far as the limits settle them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from allocation.taxes.relaxed import Counts, Offer

# A lot of a sale: which sale, which lot.
Spot = tuple[int, int]
# The least and the most parts of a lot that may be sold; lots not named may be sold from none to all.
Limits = Mapping[Spot, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Stock:
    """One sale in whole parts: how many parts to sell, and by lot how many there are, what one gains, and its term."""

    parts: int
    have: tuple[int, ...]
    gains: tuple[int, ...]
    dear: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Wash:
    """One security that was bought within the window.

    Attributes:
        staying: what was bought, before any of it is sold.
        recent: lots bought in the window; a part of them sold no longer washes a loss.
        losing: lots with a loss, in the order in which their losses are washed.
        sizes: by sale, how much one part is, in the unit of `staying`.
    """

    staying: Fraction
    recent: tuple[Spot, ...]
    losing: tuple[Spot, ...]
    sizes: Mapping[int, Fraction]


def washed_parts(wash: Wash, counts: Counts) -> dict[Spot, Fraction]:
    """How many parts of each losing lot lose without counting."""
    left = wash.staying - sum((counts[i][j] * wash.sizes[i] for i, j in wash.recent), Fraction(0))
    found = {}
    for i, j in wash.losing:
        size = counts[i][j] * wash.sizes[i]
        units = min(size, max(Fraction(0), left))
        left -= units
        found[i, j] = units / wash.sizes[i]
    return found


def counted_gains(
    stocks: Sequence[Stock], washes: Sequence[Wash], counts: Counts
) -> tuple[Fraction | int, Fraction | int]:
    """The gains of a choice that count, by term: the dearer, the cheaper."""
    gains: dict[bool, Fraction | int] = {True: 0, False: 0}
    for stock, taken in zip(stocks, counts, strict=True):
        for gain, dear, n in zip(stock.gains, stock.dear, taken, strict=True):
            gains[dear] += gain * n
    for wash in washes:
        for (i, j), parts in washed_parts(wash, counts).items():
            gains[stocks[i].dear[j]] -= stocks[i].gains[j] * parts
    return gains[True], gains[False]


def narrowed(stocks: Sequence[Stock], washes: Sequence[Wash], limits: Limits) -> tuple[Offer, ...] | None:
    """What the sales may take within limits, the limits drawn as tight as the sizes of the sales allow; None if impossible.

    The gain of a losing lot is counted at the least that it can be. So many of its parts, taken first, are washed in any
    case: what was bought and cannot all be sold, less the most that older losses can use up. From there the loss counts; the
    straight line from the fewest to the most parts is nowhere above that.
    """
    bounds = [_bounds(i, stock, limits) for i, stock in enumerate(stocks)]
    if any(not sum(lo) <= stock.parts <= sum(hi) for stock, (lo, hi) in zip(stocks, bounds, strict=True)):
        return None
    for_sure: dict[Spot, Fraction] = {}
    for wash in washes:
        for_sure |= _washed_for_sure(wash, stocks, bounds)
    return tuple(_offer(i, stock, *bounds[i], for_sure) for i, stock in enumerate(stocks))


def _bounds(i: int, stock: Stock, limits: Limits) -> tuple[list[int], list[int]]:
    pairs = [limits.get((i, j), (0, have)) for j, have in enumerate(stock.have)]
    least, most = [lo for lo, _ in pairs], [hi for _, hi in pairs]
    below, above = sum(least), sum(most)
    return (
        [max(lo, stock.parts - above + hi) for lo, hi in pairs],
        [min(hi, stock.parts - below + lo) for lo, hi in pairs],
    )


def _washed_for_sure(
    wash: Wash, stocks: Sequence[Stock], bounds: Sequence[tuple[list[int], list[int]]]
) -> dict[Spot, Fraction]:
    left = wash.staying
    for i, size in wash.sizes.items():
        recent = [j for at, j in wash.recent if at == i]
        others = sum(lo for j, lo in enumerate(bounds[i][0]) if j not in recent)
        left -= size * min(sum(bounds[i][1][j] for j in recent), stocks[i].parts - others)
    found = {}
    for i, j in wash.losing:
        if left <= 0:
            break
        found[i, j] = left / wash.sizes[i]
        left -= bounds[i][1][j] * wash.sizes[i]
    return found


def _offer(i: int, stock: Stock, least: list[int], most: list[int], for_sure: Mapping[Spot, Fraction]) -> Offer:
    base: list[Fraction | int] = []
    gains: list[Fraction | int] = []
    for j, gain in enumerate(stock.gains):
        lo, hi = least[j], most[j]
        washed = for_sure.get((i, j))
        if washed is None:
            base.append(gain * lo)
            gains.append(gain)
            continue
        start, end = gain * max(Fraction(0), lo - washed), gain * max(Fraction(0), hi - washed)
        base.append(start)
        gains.append((end - start) / (hi - lo) if hi > lo else 0)
    return Offer(stock.parts, tuple(least), tuple(most), tuple(base), tuple(gains), stock.dear)
