"""Exact numbers of the check: reported figures beside whole numbers of small units."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import TypeAlias

# Money in small units: whole, but for taxes that are divided among accounts.
Grains: TypeAlias = int | Fraction
# Figures that need not end as decimals are reported to twelve of them.
DIGITS = 10**12


def is_exactly(reported: Decimal, amount: Grains, unit: int) -> bool:
    """Whether a reported figure is amount ÷ unit, digit for digit."""
    numerator, denominator = reported.as_integer_ratio()
    return numerator * unit == amount * denominator


def is_near(reported: Decimal, amount: Grains, unit: int) -> bool:
    """Whether a reported figure is amount ÷ unit to its last digit."""
    numerator, denominator = reported.as_integer_ratio()
    return size(numerator * unit - amount * denominator) * DIGITS <= unit * denominator


def common_denominator(numbers: Iterable[Decimal]) -> int:
    """The smallest number whose product with each of these is whole."""
    return lcm(*{number.as_integer_ratio()[1] for number in numbers})


def in_units(number: Decimal, unit: int) -> int:
    """How many units of 1/unit a number is; it has to be a whole number of them."""
    numerator, denominator = number.as_integer_ratio()
    return numerator * (unit // denominator)


def money(amount: Grains, unit: int) -> str:
    """Money as a sentence shows it."""
    return f"{float(Fraction(amount) / unit):,.2f}"


def size(amount: Grains) -> Grains:
    """An amount without its sign."""
    return -amount if amount < 0 else amount
