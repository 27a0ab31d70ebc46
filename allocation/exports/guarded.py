"""Tables for files that others open, with no text in them that a spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

from allocation.report import as_text_cell


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV with lines ending in CR LF and no byte order mark, which brokers' readers take for a letter.

    Cells that are no number are guarded; whoever writes them has written the numbers by `money.plain`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([cell if _is_number(cell) else as_text_cell(cell) for cell in row])
    return text.getvalue().encode("utf-8")


def _is_number(cell: str) -> bool:
    return cell.isascii() and cell.replace(".", "", 1).removeprefix("-").isdigit()
