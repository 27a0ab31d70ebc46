"""Exact fractions into decimals: as they are where they end, rounded in a named direction where they do not."""

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, isqrt

# Ratios and roots are reported to this many decimals.
PLACES = 12


def as_decimal(number: Fraction) -> Decimal:
    """The same number as a Decimal, digit for digit; for sums and products of decimals, which always end."""
    places = 0
    while 10**places % number.denominator:
        places += 1
        if places > number.denominator.bit_length():
            raise ValueError(f"{number} has no end as a decimal")
    return _scaled(int(number * 10**places), places)


def nearest(number: Fraction) -> Decimal:
    """Rounded to 12 decimals, half to even."""
    return _scaled(round(number * 10**PLACES), PLACES)


def rounded_up(number: Fraction) -> Decimal:
    """The smallest number of 12 decimals that is not below this one."""
    return _scaled(ceil(number * 10**PLACES), PLACES)


def rounded_down(number: Fraction) -> Decimal:
    """The largest number of 12 decimals that is not above this one."""
    return _scaled(floor(number * 10**PLACES), PLACES)


def root_up(number: Fraction) -> Decimal:
    """The square root, rounded up at 12 decimals; exact where the root ends there."""
    square = ceil(number * 100**PLACES)
    root = isqrt(square)
    return _scaled(root if root * root == square else root + 1, PLACES)


def root_down(number: Fraction) -> Decimal:
    """The square root, rounded down at 12 decimals."""
    return _scaled(isqrt(floor(number * 100**PLACES)), PLACES)


def money_text(amount: Fraction) -> str:
    """Money as a sentence shows it: 1,204.50."""
    return f"{_scaled(round(amount * 100), 2):,.2f}"


def points_text(weight: Fraction) -> str:
    """A difference of weights in points: 3.2 points."""
    tenths = round(weight * 1000)
    return f"{_scaled(tenths, 1):,.1f} points" if tenths else "under 0.1 points"


def _scaled(digits: int, places: int) -> Decimal:
    # Trailing zeros go by hand: Decimal.normalize would round to the precision of the context.
    while places and digits % 10 == 0:
        digits, places = digits // 10, places - 1
    return Decimal(f"{digits}E-{places}")
