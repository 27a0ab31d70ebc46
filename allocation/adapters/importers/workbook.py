"""XLSX workbooks as rows of text: values only, never a formula, a macro, a link to another file or a document type."""

import io
import re
import zipfile
import zlib
from datetime import date, datetime, time
from decimal import Decimal
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from allocation.adapters.importers.table import MOST_COLUMNS, MOST_ROWS, Row
from allocation.adapters.importers.text import LARGEST_FILE
from allocation.errors import UploadArchiveError, UploadTooLargeError, UploadTypeError
from allocation.money import plain

MOST_MEMBERS = 200
MOST_BYTES = 50 * 1024 * 1024
MOST_RATIO = 100
MOST_SHEETS = 20

_WORKBOOK = "xl/workbook.xml"
_ACTIVE = re.compile(
    r"vbaproject|macrosheets|externallinks/|embeddings/|activex|\.(zip|xlsx|xlsm|bin|exe|dll|js)$", re.I
)
_HARMLESS = re.compile(r"printersettings\d*\.bin$", re.IGNORECASE)
_DECLARES = (b"<!DOCTYPE", b"<!ENTITY")
_WAY_OUT = "Save the table as CSV in UTF-8 and choose that file."
# What openpyxl raises for damaged parts of a workbook.
_DAMAGED = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, ParseError, KeyError, ValueError, TypeError, AttributeError,
    IndexError, EOFError, NotImplementedError, OverflowError, OSError,
)  # fmt: skip


def is_workbook(content: bytes) -> bool:
    """Whether the bytes begin as a zip archive, as every XLSX does."""
    return content.startswith(b"PK\x03\x04")


def read_sheets(content: bytes) -> list[list[Row]]:
    """The rows of every sheet, as text.

    Raises:
        ImportFileError: too large, packed too tightly, no workbook, damaged, or with parts that act or point elsewhere.
    """
    if len(content) > LARGEST_FILE:
        raise UploadTooLargeError(
            "The file is larger than 5 MB. A positions export is far smaller; export only the positions."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _refuse_dangerous(archive)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        try:
            return [_rows(sheet) for sheet in book.worksheets[:MOST_SHEETS]]
        finally:
            book.close()
    except _DAMAGED as fault:
        raise UploadArchiveError(f"The spreadsheet is damaged ({type(fault).__name__}). {_WAY_OUT}") from None


def _refuse_dangerous(archive: zipfile.ZipFile) -> None:
    """Judge the archive by its table of contents before anything large is unpacked."""
    members = archive.infolist()
    unpacked, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if len(members) > MOST_MEMBERS or unpacked > MOST_BYTES or unpacked > MOST_RATIO * max(packed, 1):
        raise UploadArchiveError(
            f"The spreadsheet holds {len(members)} parts and unpacks to {unpacked / 1_048_576:,.0f} MB; at most "
            f"{MOST_MEMBERS} parts, 50 MB and {MOST_RATIO} times its size are read. {_WAY_OUT}"
        )
    names = [member.filename for member in members]
    if any(name.startswith("data.") for name in names) and len(names) == 1:
        raise UploadTypeError(
            "The file is one of Portfolio Performance in its binary or compressed form. In Portfolio Performance choose "
            "File → Save as → XML, and choose that file."
        )
    if _WORKBOOK not in names:
        raise UploadTypeError(f"The file is a zip archive, not a spreadsheet (.xlsx). {_WAY_OUT}")
    active = [name for name in names if _ACTIVE.search(name) and not _HARMLESS.search(name)]
    if active or any(member.flag_bits & 1 for member in members):
        what = active[0][:60] if active else "a password"
        raise UploadArchiveError(
            f"The spreadsheet has macros, links to other files or protection ({what!a}). {_WAY_OUT}"
        )
    for name in names:
        part = archive.read(name) if name.endswith((".xml", ".rels", ".vml")) else b""
        if part.startswith((b"\xff\xfe", b"\xfe\xff")) or any(declared in part for declared in _DECLARES):
            raise UploadArchiveError(f"A part of the spreadsheet ({name[:60]!a}) declares a document type. {_WAY_OUT}")


def _rows(sheet: object) -> list[Row]:
    """The rows of a sheet, all as wide as the widest."""
    values = sheet.iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS + 1, values_only=True)  # type: ignore[attr-defined]
    cells = [tuple(_text(value) for value in row) for row in values]
    if len(cells) > MOST_ROWS or any(len(row) > MOST_COLUMNS and row[MOST_COLUMNS] for row in cells):
        raise UploadTooLargeError(
            f"A sheet has more than {MOST_ROWS:,} rows or {MOST_COLUMNS} columns. Export only the positions."
        )
    width = max((place + 1 for row in cells for place, cell in enumerate(row) if cell), default=0)
    return [Row(number, (row + ("",) * width)[:width]) for number, row in enumerate(cells, start=1)]


def _text(value: object) -> str:
    """A cell as a CSV would have it; numbers by their shortest decimal text, days as 2026-11-20."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        number = Decimal(str(value))
        return plain(number) if number.is_finite() else str(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else " ".join(str(value).split())
