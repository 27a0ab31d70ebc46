"""Whose price is used: the order in which a user trusts the sources, and the choice it leads to."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from allocation.errors import PriceOrderError
from allocation.model import PriceSource, Quote

PriceOrder: TypeAlias = tuple[PriceSource, ...]

DEFAULT_ORDER: Final[PriceOrder] = (PriceSource.MANUAL, PriceSource.FILE, PriceSource.YAHOO, PriceSource.ALPACA)


def check_order(sources: Iterable[PriceSource]) -> PriceOrder:
    """The order itself, if every source that can be put in order is in it once.

    Raises:
        PriceOrderError: one is missing, there twice, or always last.
    """
    order = tuple(sources)
    if sorted(order) != sorted(DEFAULT_ORDER):
        raise PriceOrderError(source.value for source in order)
    return order


def complete(known: Iterable[PriceSource]) -> PriceOrder:
    """An order that was kept, with the sources that have come since at its end."""
    kept = tuple(source for source in dict.fromkeys(known) if source in DEFAULT_ORDER)
    return (*kept, *(source for source in DEFAULT_ORDER if source not in kept))


def move_up(order: Sequence[PriceSource], source: PriceSource) -> PriceOrder:
    """The order with a source one place earlier; the first stays where it is."""
    place = order.index(source)
    above = max(0, place - 1)
    rest = [each for each in order if each != source]
    return (*rest[:above], source, *rest[above:])


def choose_quote(
    candidates: Iterable[Quote],
    order: Sequence[PriceSource] = DEFAULT_ORDER,
    is_current: Callable[[Quote], bool] = lambda _quote: False,
) -> Quote | None:
    """The quote to use among several of one security; None only when there are none.

    The first source in the order whose price is current; a price entered by hand is current until it is removed. Where
    none is, the newest counts, and among those of the same time the earlier in the order. A sample is better than nothing.
    """
    quotes = list(candidates)
    current = [q for q in quotes if q.source == PriceSource.MANUAL or (q.source in order and is_current(q))]
    if current:
        return min(current, key=lambda quote: order.index(quote.source))
    return max(quotes, key=lambda q: (q.source != PriceSource.SAMPLE, q.time, -_place(order, q.source)), default=None)


def _place(order: Sequence[PriceSource], source: PriceSource) -> int:
    return order.index(source) if source in order else len(order)
