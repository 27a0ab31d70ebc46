"""Wealthfolio's activities as JSON: a list of objects with the same fields as the columns of its CSV."""

import json
from decimal import Decimal

from allocation.adapters.importers import wealthfolio
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import MOST_ROWS, Row
from allocation.errors import UploadRowsError, UploadTooLargeError

NAME = wealthfolio.NAME


def matches(text: str) -> bool:
    """Whether the text is a list of Wealthfolio's activities."""
    return text.lstrip().startswith("[") and '"activityType"' in text[:20_000]


def read(text: str, reading: Reading) -> None:
    """Read the list as the table it is."""
    try:
        told = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=str)
    except (json.JSONDecodeError, RecursionError) as fault:
        line = getattr(fault, "lineno", 1)
        raise UploadRowsError(
            f"Line {line}: the Wealthfolio export is no readable JSON. It may have been cut short or edited; export it again.",
            (f"line {line}",),
        ) from None
    activities = [fields for fields in told if isinstance(fields, dict)]
    if len(activities) > MOST_ROWS:
        raise UploadTooLargeError(f"The Wealthfolio export has more than {MOST_ROWS:,} activities. Export one account.")
    names = tuple(dict.fromkeys(name for fields in activities for name in fields))
    header = Row(0, names)
    rows = [
        Row(number, tuple(_cell(fields.get(name)) for name in names))
        for number, fields in enumerate(activities, start=1)
    ]
    wealthfolio.read([header, *rows], header, reading)


def _cell(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else value if isinstance(value, str) else ""
