"""The one door for numbers: text, int, float or Decimal in; an exact, finite Decimal out."""

from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from allocation.errors import NumberError

# Money and quantities beyond these bounds are typing errors, not portfolios.
LARGEST = Decimal("1e15")
MOST_DECIMALS = 24
MOST_DIGITS = 28  # what decimal arithmetic carries without rounding
LONGEST_TEXT = 64
# Plain numbers of so few characters are within all of these bounds.
_SHORT = 15

Number: TypeAlias = int | float | str | Decimal


def to_decimal(value: object, what: str = "The value") -> Decimal:
    """Exact Decimal for a number in any of the accepted forms.

    A float is read as its shortest decimal text, so 0.1 is one tenth. Refuses booleans, NaN, infinities, digits that are
    not ASCII, thousands separators, more than 24 decimals or 28 digits, and
    magnitudes of 1e15 or more.

    Raises:
        NumberError: names `what` and shows what was found.
    """
    if type(value) is Decimal and _is_plain(value):
        return value
    if type(value) is int and -LARGEST < value < LARGEST:
        return Decimal(value)
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
    number = Decimal(plain(number))
    if decimals(number) > MOST_DECIMALS or len(number.as_tuple().digits) > MOST_DIGITS:
        raise NumberError(what, value, f"at most {MOST_DECIMALS} decimals and {MOST_DIGITS} digits")
    return number


def _is_plain(number: Decimal) -> bool:
    """Whether a number already is as `to_decimal` returns it: the quick way for numbers that come here again."""
    text = str(number)
    if not number.is_finite() or len(text) > _SHORT or "E" in text:
        return False
    return text[-1] != "0" or ("." not in text and bool(number))


def decimals(number: Decimal) -> int:
    """How many digits stand behind the decimal point: 2 for 1.25, 0 for 1200."""
    return max(0, -int(number.as_tuple().exponent))


def plain(number: Decimal) -> str:
    """A number as text with the decimals it has, never with an exponent: '1200', '0.000001', '72.31'."""
    if not number:
        return "0"
    text = str(number)
    if "E" in text:
        text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
