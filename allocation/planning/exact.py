"""Exact numbers into whole ones and back into decimals: as they are where they end, rounded in a named direction else."""

from collections.abc import Iterable
from decimal import Context, Decimal
from fractions import Fraction
from math import ceil, floor, isqrt, lcm

# Ratios and roots are reported to this many decimals.
PLACES = 12
_RATIO = 10**PLACES
_WIDE = Context(prec=10_000)


def common_denominator(numbers: Iterable[Decimal]) -> int:
    """The least whole number that makes every one of these whole."""
    return lcm(*(number.as_integer_ratio()[1] for number in numbers))


def in_units(number: Decimal, units: int) -> int:
    """A number counted in parts of one; `units` is a multiple of its denominator."""
    numerator, denominator = number.as_integer_ratio()
    return numerator * (units // denominator)


def as_decimal(number: Fraction) -> Decimal:
    """The same number as a Decimal, digit for digit; for sums and products of decimals, which always end."""
    return ratio(number.numerator, number.denominator)


def ratio(numerator: int, denominator: int) -> Decimal:
    """The quotient, digit for digit; for quotients that end."""
    whole, rest = divmod(numerator, denominator)
    if not rest:
        return Decimal(whole)
    places = 0
    while 10**places * numerator % denominator:
        places += 1
        if places > denominator.bit_length():
            raise ValueError(f"{numerator}/{denominator} has no end as a decimal")
    return _scaled(numerator * 10**places // denominator, places)


def nearest(number: Fraction) -> Decimal:
    """Rounded to 12 decimals, half to even."""
    return nearest_ratio(number.numerator, number.denominator)


def nearest_ratio(numerator: int, denominator: int) -> Decimal:
    """The quotient rounded to 12 decimals, half to even."""
    return _scaled(_nearest_whole(numerator * _RATIO, denominator), PLACES)


def money(number: Fraction) -> Decimal:
    """Digit for digit where it ends as a decimal; the share of a tax may not, and is rounded to 12 decimals then."""
    try:
        return as_decimal(number)
    except ValueError:
        return nearest(number)


def rounded_up(number: Fraction) -> Decimal:
    """The smallest number of 12 decimals that is not below this one."""
    return _scaled(ceil(number * _RATIO), PLACES)


def rounded_down(number: Fraction) -> Decimal:
    """The largest number of 12 decimals that is not above this one."""
    return _scaled(floor(number * _RATIO), PLACES)


def root_up(number: Fraction) -> Decimal:
    """The square root, rounded up at 12 decimals; exact where the root ends there."""
    square = ceil(number * 100**PLACES)
    root = isqrt(square)
    return _scaled(root if root * root == square else root + 1, PLACES)


def root_down(number: Fraction) -> Decimal:
    """The square root, rounded down at 12 decimals."""
    return _scaled(isqrt(floor(number * 100**PLACES)), PLACES)


def money_text(amount: Fraction | int, unit: int = 1) -> str:
    """Money as a sentence shows it: 1,204.50; `amount` in parts of 1/`unit`."""
    whole, cents = divmod(abs(_nearest_whole(amount.numerator * 100, amount.denominator * unit)), 100)
    return f"{'-' if amount < 0 else ''}{whole:,}.{cents:02}"


def points_text(part: int, whole_of_it: int) -> str:
    """A difference of weights in points: 3.2 points."""
    whole, tenths = divmod(_nearest_whole(part * 1000, whole_of_it), 10)
    return f"{whole:,}.{tenths} points" if whole or tenths else "under 0.1 points"


def _nearest_whole(numerator: int, denominator: int) -> int:
    """The quotient rounded to a whole number, half to even."""
    whole, rest = divmod(numerator, denominator)
    return whole + 1 if 2 * rest > denominator or (2 * rest == denominator and whole % 2) else whole


def _scaled(digits: int, places: int) -> Decimal:
    # Trailing zeros go by hand: Decimal.normalize would round to the precision of the context.
    while places and digits % 10 == 0:
        digits, places = digits // 10, places - 1
    return _WIDE.scaleb(Decimal(digits), -places)
