"""Text as rows that know their line number, and columns found by the names in a header, never by their place."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from allocation.errors import UploadHeaderError, UploadRowsError, UploadTooLargeError, listed

MOST_ROWS = 10_000
MOST_COLUMNS = 256  # a Flex query with every field of its trades has more than a hundred
_BLANKS = re.compile(r"[\s_]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the file and the line it begins on, counted from one."""

    number: int
    cells: tuple[str, ...]

    @property
    def filled(self) -> tuple[str, ...]:
        """The cells that hold something."""
        return tuple(cell for cell in self.cells if cell)

    @property
    def text(self) -> str:
        """The line as a person would recognise it, cut where it is long."""
        return ",".join(self.cells).rstrip(",")[:160]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column stands, by our name for it."""

    places: Mapping[str, int]
    width: int

    def __contains__(self, name: str) -> bool:
        return name in self.places

    def cell(self, row: Row, name: str) -> str:
        """The text under a column; empty when the file has no such column or the row ends before it."""
        place = self.places.get(name)
        return row.cells[place] if place is not None and place < len(row.cells) else ""


def read_rows(text: str, delimiter: str = ",") -> list[Row]:
    """Every record of the text with its line number.

    Raises:
        ImportFileError: quotes that do not pair, or more rows or columns than any positions table has.
    """
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            rows.append(_row(begins, cells))
            begins = reader.line_num + 1
            if len(rows) > MOST_ROWS:
                raise UploadTooLargeError(f"The file has more than {MOST_ROWS:,} rows. Export only the positions.")
    except csv.Error as fault:
        raise UploadRowsError(
            f"The quotation marks in the record that begins on line {begins} do not pair ({fault}). "
            "Export the file again, or correct that line.",
            (f"line {begins}",),
        ) from None
    return rows


def _row(number: int, cells: Sequence[str]) -> Row:
    row = Row(number, tuple(cell.strip() for cell in cells))
    if len(cells) > MOST_COLUMNS:
        raise UploadTooLargeError(
            f"Line {number} has {len(cells):,} columns; a positions table has at most {MOST_COLUMNS}.",
            (f"line {number}",),
        )
    if len(row.filled) > 1 and any("\n" in cell or "\r" in cell for cell in row.cells):
        raise UploadRowsError(
            f"A quoted cell that begins on line {number} runs over several lines, so a quotation mark is missing. "
            "Export the file again, or correct that line.",
            (f"line {number}",),
        )
    return row


def header_names(row: Row) -> tuple[str, ...]:
    """The cells of a header row in lower case, blanks and underscores made equal."""
    return tuple(_BLANKS.sub(" ", cell).strip().lower() for cell in row.cells)


def columns_of(header: Row, aliases: Mapping[str, Sequence[str]]) -> Columns:
    """Where the columns we know stand; of several spellings in one header, the first listed counts.

    Raises:
        ImportFileError: the header names one of them twice.
    """
    names = header_names(header)
    known = {spelling for spellings in aliases.values() for spelling in spellings}
    twice = [name for name, times in Counter(names).items() if times > 1 and name in known]
    if twice:
        raise UploadHeaderError(
            f"Line {header.number}: the header names {listed(twice)} twice. Keep one column of each.", twice
        )
    places = {
        ours: next(names.index(spelling) for spelling in spellings if spelling in names)
        for ours, spellings in aliases.items()
        if any(spelling in names for spelling in spellings)
    }
    return Columns(places, len(names))


def require_columns(columns: Columns, header: Row, wanted: Mapping[str, str], way_out: str) -> None:
    """Refuse a header that lacks a column we cannot do without; `wanted` gives the broker's name for each."""
    missing = [theirs for ours, theirs in wanted.items() if ours not in columns]
    if missing:
        raise UploadHeaderError(f"Line {header.number}: the header has no {listed(missing)} column. {way_out}", missing)


def refuse_ragged(rows: Iterable[Row], columns: Columns, needed: Iterable[str]) -> None:
    """Refuse rows with more fields than the header, or too few to reach the columns they need.

    Trailing empty fields are no fault: Fidelity ends its data rows, but not its header, with a comma.
    """
    reach = max((columns.places[name] for name in needed if name in columns), default=0)
    faults = [
        f"line {row.number} ({len(row.cells)} fields, the header has {columns.width})"
        for row in rows
        if any(row.cells[columns.width :]) or len(row.cells) <= reach
    ]
    if faults:
        raise UploadRowsError(
            f"The table is damaged: {listed(faults)}. A comma may be missing or not quoted, or the download was cut short. "
            "Export the file again.",
            faults,
        )


def table_below(
    rows: Iterable[Row], header: Row, spellings: Mapping[str, Sequence[str]], wanted: Mapping[str, str], way_out: str
) -> tuple[Columns, list[Row]]:
    """The columns of a table, and every line below its header that has something in it.

    Raises:
        ImportFileError: a wanted column is missing, or the header comes again.
    """
    columns = columns_of(header, spellings)
    require_columns(columns, header, wanted, way_out)
    body = [row for row in rows if row.number > header.number and row.filled]
    refuse_second_header(header, body)
    return columns, body


def refuse_second_header(first: Row, others: Iterable[Row]) -> None:
    """Refuse a file whose header comes again: two files were pasted into one."""
    lines = [f"line {row.number}" for row in others if header_names(row) == header_names(first)]
    if lines:
        raise UploadRowsError(
            f"The header of line {first.number} stands again in {listed(lines)}: several files were joined into one. "
            "Import them one by one.",
            lines,
        )
