"""Gains where nothing is washed: one walk over the lots in whole numbers, because planning asks this of every line."""

from collections.abc import Sequence
from decimal import Decimal
from math import lcm

from allocation.taxes.lots import LotSlice
from allocation.taxes.term import Term

# Steps sold, and what they gain by term: short, long.
Corner = tuple[int, int, int]


def corners(lots: Sequence[LotSlice], price: Decimal, increment: Decimal) -> tuple[list[Corner], int]:
    """The sales between which gains are linear, from none to all whole increments, and what one unit of money is in them.

    They lie at the first and at the last whole increment within each lot.
    """
    (step, *quantities), units = _whole([increment, *(lot.quantity for lot in lots)])
    (worth, *costs), money = _whole([price, *(lot.unit_cost for lot in lots)])
    found: dict[int, Corner] = {}
    sold = short = long = 0
    for lot, quantity, cost in zip(lots, quantities, costs, strict=True):
        gain, is_long = worth - cost, lot.term == Term.LONG
        first, last = -(-sold // step), (sold + quantity) // step
        for k in (first, last) if first <= last else ():
            part = gain * (k * step - sold)
            found[k] = (k, short, long + part) if is_long else (k, short + part, long)
        sold += quantity
        if is_long:
            long += gain * quantity
        else:
            short += gain * quantity
    return list(found.values()), units * money


def _whole(numbers: Sequence[Decimal]) -> tuple[list[int], int]:
    """Decimals as whole numbers of one unit, and how many of these one is."""
    ratios = [number.as_integer_ratio() for number in numbers]
    unit = lcm(*[below for _, below in ratios])
    return [above * (unit // below) for above, below in ratios], unit
