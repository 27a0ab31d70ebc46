"""JSON whose numbers stay what was written: for prices, which no binary fraction may touch."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, Final

MOST_DIGITS: Final = 400  # a float written out in full has 309


class AnswerError(ValueError):
    """No JSON, or JSON that is too deep or repeats a key."""


def exact_json(text: str | bytes) -> Any:
    """What the text says: int for whole numbers, Decimal for others.

    Digits beyond all reason stay text, which is no number; NaN and Infinity, which are no JSON, become Decimals that are
    not finite.

    Raises:
        AnswerError: it cannot be read, or only in more than one way.
    """
    try:
        return json.loads(
            text,
            parse_float=_exact,
            parse_int=_whole,
            parse_constant=Decimal,
            object_pairs_hook=_refuse_repeated_keys,
        )
    except (ValueError, RecursionError):
        raise AnswerError("the answer cannot be read") from None


def _exact(digits: str) -> Decimal | str:
    if len(digits) > MOST_DIGITS:
        return digits
    try:
        return Decimal(digits)
    except InvalidOperation:
        return digits


def _whole(digits: str) -> int | str:
    return digits if len(digits) > MOST_DIGITS else int(digits)


def _refuse_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise AnswerError("a key stands twice")
    return found
