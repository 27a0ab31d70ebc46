"""Sales in whole parts whose lots are chosen together, and what a choice gains once wash sales are matched."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

# A lot of a bundle: which sale, which lot.
Spot = tuple[int, int]
# By sale and lot: how many parts are sold.
Counts = tuple[tuple[int, ...], ...]
# By sale and lot: the fewest and the most parts that may be sold.
Box = tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True, slots=True)
class Stock:
    """One sale in whole parts: how many parts to sell, and by lot how many there are, what one gains, and its term.

    Attributes:
        dear: whether the lot's term is the one with the higher rate.
    """

    parts: int
    have: tuple[int, ...]
    gains: tuple[int, ...]
    dear: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """The sales of one security that was bought within the window; any other sale by itself.

    Attributes:
        sizes: by sale, how many of the smallest units one part is; gains of one part are multiples of it.
        staying: the smallest units bought within the window, before any of them is sold; 0 where nothing is washed.
        recent: lots bought in the window; a unit of them sold no longer washes a loss.
        losing: lots with a loss, in the order in which their losses are washed.
    """

    stocks: tuple[Stock, ...]
    sizes: tuple[int, ...] = (1,)
    staying: int = 0
    recent: tuple[Spot, ...] = ()
    losing: tuple[Spot, ...] = ()


def everything(bundle: Bundle) -> Box:
    """No limits but what there is."""
    return tuple(tuple((0, have) for have in stock.have) for stock in bundle.stocks)


def tightened(bundle: Bundle, box: Box) -> Box | None:
    """Limits drawn as tight as the sizes of the sales allow; None where they leave no choice."""
    found = []
    for stock, pairs in zip(bundle.stocks, box, strict=True):
        below, above = sum([low for low, _ in pairs]), sum([high for _, high in pairs])
        if not below <= stock.parts <= above:
            return None
        more, less = stock.parts - below, stock.parts - above
        found.append(tuple((max(low, less + high), min(high, more + low)) for low, high in pairs))
    return tuple(found)


def counted_gains(bundle: Bundle, counts: Counts) -> tuple[int, int]:
    """The gains of a choice that count, by term: the dearer, the cheaper."""
    dear = cheap = 0
    for stock, taken in zip(bundle.stocks, counts, strict=True):
        for gain, is_dear, n in zip(stock.gains, stock.dear, taken, strict=True):
            if is_dear:
                dear += gain * n
            else:
                cheap += gain * n
    left = bundle.staying - sum(counts[i][j] * bundle.sizes[i] for i, j in bundle.recent)
    for i, j in bundle.losing:
        if left <= 0:
            break
        units = min(counts[i][j] * bundle.sizes[i], left)
        left -= units
        loss = bundle.stocks[i].gains[j] // bundle.sizes[i] * units
        if bundle.stocks[i].dear[j]:
            dear -= loss
        else:
            cheap -= loss
    return dear, cheap


def cheapest(keys: Sequence[int | Fraction], limits: Sequence[tuple[int, int]], parts: int) -> list[int]:
    """So many parts of the lots with the smallest keys, within limits that allow it."""
    found = [low for low, _ in limits]
    left = parts - sum(found)
    for j in sorted(range(len(keys)), key=keys.__getitem__):
        if not left:
            break
        more = min(left, limits[j][1] - found[j])
        found[j] += more
        left -= more
    return found
