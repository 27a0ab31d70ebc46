"""JSON read strictly: numbers digit for digit, every key once, no NaN, nothing too large or too deep."""

import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from allocation.errors import NumberError, RequestError, listed

LARGEST_REQUEST = 5_000_000


def read_json(text: str | bytes, what: str = "The request") -> dict[str, Any]:
    """The object that the text holds; numbers are Decimals.

    Raises:
        RequestError, NumberError: says where the text stops being JSON that can be trusted.
    """
    decoded = _decode(text, what)
    try:
        found = json.loads(
            decoded,
            parse_float=_exact,
            parse_int=_exact,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_of,
        )
    except json.JSONDecodeError as error:
        message = f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise RequestError(message, (what.lower(),)) from None
    except RecursionError:
        raise RequestError(f"{what} is nested too deeply to be one.", (what.lower(),)) from None
    if not isinstance(found, dict):
        raise RequestError(f"{what} must be one JSON object, in braces.", (what.lower(),))
    return found


def _decode(text: str | bytes, what: str) -> str:
    if len(text) > LARGEST_REQUEST:
        raise RequestError(f"{what} is larger than {LARGEST_REQUEST // 1_000_000} MB.", (what.lower(),))
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{what} is not UTF-8 text (byte {error.start + 1}). Save the file as UTF-8."
        raise RequestError(message, (what.lower(),)) from None


def _exact(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise NumberError("A number of the request", digits, "a magnitude that money can have") from None


def _refuse_constant(token: str) -> NoReturn:
    raise RequestError(f"{token} is not a number that JSON knows. Write a number such as 1250.00.", (token,))


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = [ascii(key[:40])[1:-1] for key, count in counts.items() if count > 1]
        raise RequestError(f"{listed(twice)} stands twice in one object. Keep one line for each.", twice)
    return found
