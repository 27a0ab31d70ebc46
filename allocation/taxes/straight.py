"""Gains where nothing is washed: one walk over the lots in whole numbers, because planning asks this of every line."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import lcm

from allocation.taxes.lots import LotSlice
from allocation.taxes.term import Term

# Steps sold, and what they gain by term: short, long.
Corner = tuple[int, int, int]


def corners(lots: Sequence[LotSlice], price: Decimal, increment: Decimal) -> tuple[list[Corner], int]:
    """The sales between which gains are linear, from none to all whole increments, and what one unit of money is in them.

    They lie at the last increment before a lot ends and the first after it.
    """
    sizes, units = _whole([increment, *(lot.quantity for lot in lots)])
    amounts, money = _whole([price, *(lot.unit_cost for lot in lots)])
    step, *quantities = sizes
    gains = [amounts[0] - cost for cost in amounts[1:]]
    stops = _stops(quantities, step)
    return list(_walk(lots, quantities, gains, [k * step for k in stops], step)), units * money


def _whole(numbers: Sequence[Decimal]) -> tuple[list[int], int]:
    """Decimals as whole numbers of one unit, and how many of these one is."""
    ratios = [number.as_integer_ratio() for number in numbers]
    unit = lcm(*(below for _, below in ratios))
    return [above * (unit // below) for above, below in ratios], unit


def _stops(quantities: Sequence[int], step: int) -> list[int]:
    most, sold, found = sum(quantities) // step, 0, {0}
    for quantity in quantities:
        sold += quantity
        found.add(sold // step)
        if sold % step and sold // step < most:
            found.add(sold // step + 1)
    return sorted(found)


def _walk(
    lots: Sequence[LotSlice], quantities: Sequence[int], gains: Sequence[int], stops: Sequence[int], step: int
) -> Iterator[Corner]:
    short = long = at = lot = left = 0
    for stop in stops:
        while at < stop:
            if not left:
                left = quantities[lot]
                lot += 1
            taken = min(left, stop - at)
            if lots[lot - 1].term == Term.LONG:
                long += gains[lot - 1] * taken
            else:
                short += gains[lot - 1] * taken
            left -= taken
            at += taken
        yield stop // step, short, long
