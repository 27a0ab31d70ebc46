"""Amounts as brokers print them: "$1,234.56", "($126.93)", "-$0.05", "--". Thousands and decimals are never guessed."""

import re
from decimal import Decimal

from allocation.errors import NumberError, UnclearNumberError
from allocation.money import to_decimal

# What brokers print where there is no amount.
_NOTHING = frozenset({"", "-", "--", "---", "n/a", "na", "null", "none", "not available", "unavailable", "—", "–"})
_MINUS = str.maketrans({"−": "-", "–": "-"})
_POINT = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+")
_COMMA = re.compile(r"(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d*)?|,\d+")
_SIGNS = re.compile(r"(?P<sign>[+-]?)\s*\$?\s*(?P<inner>[+-]?)\s*(?P<digits>.*)", re.DOTALL)


def is_nothing(text: str) -> bool:
    """Whether a cell says that there is no amount."""
    return text.strip().lower() in _NOTHING


def read_amount(text: str, what: str, decimal_comma: bool = False) -> Decimal | None:
    """The amount in a cell, or None where the broker prints none.

    Raises:
        NumberError: the cell is neither an amount nor one of the marks for none; percentages are not amounts.
    """
    if is_nothing(text):
        return None
    negative, digits = _unsigned(text, what)
    if not (_COMMA if decimal_comma else _POINT).fullmatch(digits):
        raise UnclearNumberError(what, text.strip())
    plain = digits.replace(".", "").replace(",", ".") if decimal_comma else digits.replace(",", "")
    amount = to_decimal(plain, what) + 0  # 1E+2 becomes 100
    return -amount if negative else amount


def read_cost(text: str, what: str) -> tuple[Decimal | None, str]:
    """A cost, or why there is none: words such as Schwab's "Incomplete" cost the line its lot, never its place."""
    try:
        return read_amount(text, what), ""
    except NumberError as error:
        return None, str(error)


def _unsigned(text: str, what: str) -> tuple[bool, str]:
    """Whether the amount is negative, and its bare digits: (126.93), -$126.93 and $-126.93 are the same."""
    bare = text.strip().translate(_MINUS)
    in_parentheses = bare.startswith("(") and bare.endswith(")")
    found = _SIGNS.fullmatch(bare[1:-1] if in_parentheses else bare)
    signs = (found["sign"] + found["inner"]) if found else "??"
    if found is None or len(signs) > 1 or (signs and in_parentheses):
        raise UnclearNumberError(what, text.strip())
    return in_parentheses or signs == "-", found["digits"].strip()


def uses_decimal_comma(cells: list[str]) -> bool | None:
    """Whether these cells write decimals with a comma; None when they contradict each other or none of them tells."""
    comma = any(_tells_comma(cell.strip()) for cell in cells)
    point = any(_tells_point(cell.strip()) for cell in cells)
    if comma == point:
        return None
    return comma


def _tells_comma(cell: str) -> bool:
    return bool(re.search(r"\.\d{3},", cell) or re.search(r",(?!\d{3}(\D|$))", cell) or re.search(r"^\D*0,\d", cell))


def _tells_point(cell: str) -> bool:
    return bool(re.search(r",\d{3}\.", cell) or re.search(r"\.(?!\d{3}(\D|$))", cell) or re.search(r"^\D*0\.\d", cell))
