"""Accounts from files: brokers' exports, statements and a generic CSV, told apart by what is in them, never by their name."""

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from allocation.adapters.importers import (
    etrade,
    fidelity,
    flex,
    flex_csv,
    generic,
    ghostfolio,
    ghostfolio_csv,
    ibkr,
    ibkr_analyst,
    ofx,
    portfolio_performance,
    portfolio_performance_xml,
    schwab,
    vanguard,
    wealthfolio,
    wealthfolio_holdings,
    wealthfolio_json,
)
from allocation.adapters.importers.mapped import look_at, read_mapped
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import Row, header_names, read_rows
from allocation.adapters.importers.text import LARGEST_FILE, read_text, refuse_long_line
from allocation.adapters.importers.workbook import is_workbook, read_sheets
from allocation.errors import ImportFileError, UnknownColumnsError, UploadTypeError
from allocation.imported import ImportedFile, LineProblem, Reconciliation

__all__ = [
    "LARGEST_FILE",
    "TEMPLATE",
    "ImportedFile",
    "LineProblem",
    "Reconciliation",
    "look_at",
    "read_accounts",
    "read_mapped",
]


class Format(Protocol):
    """One kind of file; each is a module of this package."""

    NAME: str

    def detect(self, rows: Sequence[Row]) -> Row | None:
        """The header row, if the file is of this kind."""
        ...

    def read(self, rows: Sequence[Row], header: Row, reading: Reading) -> None:
        """Read every row into accounts; raises `ImportFileError` when the file as a whole is damaged."""
        ...


class Document(Protocol):
    """One kind of file that is no table; each is a module of this package."""

    NAME: str

    def matches(self, text: str) -> bool:
        """Whether the file is of this kind."""
        ...

    def read(self, text: str, reading: Reading) -> None:
        """Read everything into accounts; raises `ImportFileError` when the file as a whole is damaged."""
        ...


DOCUMENTS: tuple[Document, ...] = (flex, ofx, portfolio_performance_xml, wealthfolio_json, ghostfolio)
# The first format that knows the header reads the file.
FORMATS: tuple[Format, ...] = (
    ibkr_analyst,
    ibkr,
    flex_csv,
    fidelity,
    vanguard,
    etrade,
    schwab,
    ghostfolio_csv,
    wealthfolio,
    wealthfolio_holdings,
    portfolio_performance,
    generic,
)
TEMPLATE = generic.TEMPLATE

_KNOWN_DOCUMENTS = "Interactive Brokers' Flex query and Portfolio Performance's file as XML, OFX and QFX, and the exports of Ghostfolio and Wealthfolio as JSON"
_FIRST_LINES = 20
_FIRST_CHARACTERS = 4000
_ESCAPED = re.compile(r'(?<!\\)\\"')  # Wealthfolio writes quotation marks in cells as JSON does
_DELIMITERS = (",", ";", "\t")
_TRANSACTIONS = (
    {"action", "symbol"},
    {"transaction type", "symbol"},
    {"trade date", "symbol"},
    {"run date"},
    {"activity type"},
    {"date", "action"},
    {"date", "type", "amount"},
    {"datum", "typ"},
    {"date sold"},
    {"transaction id"},
    {"open date", "holding period"},
)


def read_accounts(content: bytes, file_name: str, now: datetime) -> ImportedFile:
    """The accounts in a file, with every line that could not be read; nothing is saved.

    Args:
        content: the file's bytes, at most 5 MB.
        file_name: for messages only; it decides nothing.
        now: timezone-aware; the time of prices in a file that has no date of its own.

    Raises:
        UnknownColumnsError: a table that no reader knows; `look_at` and `read_mapped` read it with the user's help.
        ImportFileError: the file as a whole cannot be read.
    """
    digest = hashlib.sha256(content).hexdigest()
    if is_workbook(content):
        return _read_workbook(content, digest, file_name, now)
    text = read_text(content)
    for document in DOCUMENTS:
        if document.matches(text):
            reading = Reading(now)
            document.read(text, reading)
            return reading.finish(document.NAME, digest)
    _refuse_other_documents(text)
    refuse_long_line(text)
    return _read_table(content, text, digest, file_name, now)


def _read_workbook(content: bytes, digest: str, file_name: str, now: datetime) -> ImportedFile:
    """The accounts in the first sheet whose header is known."""
    fault: ImportFileError | None = None
    for rows in read_sheets(content):
        try:
            found = _detect(rows)
        except ImportFileError as error:
            fault = fault or error
            continue
        if found:
            form, header = found
            reading = Reading(now)
            form.read(rows, header, reading)
            return reading.finish(form.NAME, digest)
    raise fault or _unknown(content, file_name)


def _read_table(content: bytes, text: str, digest: str, file_name: str, now: datetime) -> ImportedFile:
    """The accounts in a table of whichever delimiter shows a header that is known."""
    if "activityType" in text[:_FIRST_CHARACTERS]:
        text = _ESCAPED.sub('""', text)
    faults: dict[str, ImportFileError] = {}
    for delimiter in filter(_stands_in_first_lines(text), _DELIMITERS):
        try:
            rows = read_rows(text, delimiter)
        except ImportFileError as error:
            faults[delimiter] = error
            continue
        found = _detect(rows)
        if found:
            form, header = found
            reading = Reading(now, delimiter)
            form.read(rows, header, reading)
            return reading.finish(form.NAME, digest)
    # A quotation mark that does not pair is a fault of the file only if the file is written with that delimiter.
    likely = max(_DELIMITERS, key="".join(text.lstrip().split("\n", _FIRST_LINES)[:_FIRST_LINES]).count)
    raise faults.get(likely) or _unknown(content, file_name)


def _refuse_other_documents(text: str) -> None:
    start = text.lstrip()[:40].lower()
    if start.startswith(("<?xml", "<", "{", "[")):
        what = "a JSON document" if start.startswith(("{", "[")) else "an XML document"
        raise UploadTypeError(
            f"The file is {what} of a kind that is not known here. Known are: {_KNOWN_DOCUMENTS}. Choose one of them, or a CSV file."
        )


def _stands_in_first_lines(text: str) -> Callable[[str], bool]:
    """Whether a delimiter may be that of the file; a comma always, for titles above a header often hold none."""
    first = text.lstrip().split("\n", _FIRST_LINES)[:_FIRST_LINES]
    return lambda delimiter: delimiter == "," or any(delimiter in line for line in first)


def _detect(rows: Sequence[Row]) -> tuple[Format, Row] | None:
    """The format whose header is in the file, and that header."""
    for form in FORMATS:
        header = form.detect(rows)
        if header:
            if form is generic:
                _refuse_transactions(header)
            return form, header
    _refuse_transactions(*rows)
    return None


def _refuse_transactions(*rows: Row) -> None:
    for row in rows:
        names = set(header_names(row))
        if any(telling <= names for telling in _TRANSACTIONS):
            raise UploadTypeError(
                f"Line {row.number} is the header of a list of transactions, or of one security's lots. Export the positions (what the "
                "account holds) instead.",
                (f"line {row.number}",),
            )


def _unknown(content: bytes, file_name: str) -> ImportFileError:
    """Why nothing was recognised: a table of unknown columns, or no table at all."""
    said = (
        f"No header of a known format was found in {file_name[:60]!a}. Known are the positions exports of Fidelity, Schwab, "
        "Vanguard and E*TRADE, Interactive Brokers' activity statement, and the generic CSV with the columns symbol and quantity."
    )
    try:
        look_at(content)
    except UploadTypeError as fault:
        return fault if fault.culprits else UploadTypeError(said, ("header",))
    except ImportFileError as fault:
        return fault
    return UnknownColumnsError(said, ("header",))
