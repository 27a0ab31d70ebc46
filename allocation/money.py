"""The one door for numbers: text, int, float or Decimal in; an exact, finite Decimal out."""

from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from allocation.errors import NumberError

# Money and quantities beyond these bounds are typing errors, not portfolios.
LARGEST = Decimal("1e15")
MOST_DECIMALS = 12
LONGEST_TEXT = 64

Number: TypeAlias = int | float | str | Decimal


def to_decimal(value: object, what: str = "The value") -> Decimal:
    """Exact Decimal for a number in any of the accepted forms.

    A float is read as its shortest decimal text, so 0.1 is one tenth. Refuses booleans, NaN, infinities, digits that are
    not ASCII, thousands separators, more than 12 decimals and magnitudes of 1e15 or more.

    Raises:
        NumberError: names `what` and shows what was found.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise NumberError(what, value)
    text = value.strip() if isinstance(value, str) else str(value)
    if not text.isascii() or "_" in text or len(text) > LONGEST_TEXT:
        raise NumberError(what, value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise NumberError(what, value) from None
    if not number.is_finite():
        raise NumberError(what, value)
    if abs(number) >= LARGEST:
        raise NumberError(what, value, "a magnitude below 1,000,000,000,000,000")
    number = number.normalize() if number else Decimal(0)
    if decimals(number) > MOST_DECIMALS:
        raise NumberError(what, value, f"at most {MOST_DECIMALS} decimals")
    return number


def decimals(number: Decimal) -> int:
    """How many digits stand behind the decimal point: 2 for 1.25, 0 for 1200."""
    return max(0, -int(number.as_tuple().exponent))


def plain(number: Decimal) -> str:
    """A number as text with the decimals it has, never with an exponent: '1200', '0.000001', '72.31'."""
    return format(number.normalize() if number else Decimal(0), "f")
