"""Tables that no reader knows, read with the columns that the user chose."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

from allocation.adapters.importers.amounts import is_nothing, read_amount
from allocation.adapters.importers.draft import settle_currency
from allocation.adapters.importers.guessing import guess_comma, guess_days, guess_places, is_amount
from allocation.adapters.importers.ledger import major_unit
from allocation.adapters.importers.lines import Line
from allocation.adapters.importers.reading import Reading, code_of
from allocation.adapters.importers.table import Columns, Row, read_rows, refuse_ragged, refuse_second_header
from allocation.adapters.importers.text import read_text
from allocation.adapters.importers.workbook import is_workbook, read_sheets
from allocation.errors import AllocationError, ImportFileError, MappingError, UnclearDateError, UploadTypeError
from allocation.imported import ImportedFile, LineProblem, UnknownTable
from allocation.mapping import ColumnMapping, DayOrder, Field, fingerprint_of
from allocation.model import check_currency

NAME = "Chosen columns"

_DELIMITERS = (";", "\t", ",", "|")
_DEEPEST_HEADER = 40
_SAMPLE = 8
_FEWEST = 2
_AMOUNTS = (Field.QUANTITY, Field.PRICE, Field.VALUE, Field.COST, Field.UNIT_COST)
_CASH = re.compile(r"\$?cash( balance)?|bargeld|efectivo|espèces|liquidität|cash & cash investments", re.IGNORECASE)
_TOTAL = re.compile(r"(grand |account |portfolio |sub)?total( value)?|summe|gesamt|suma|totale", re.IGNORECASE)
_SIGN = re.compile(r"^([-+(]?)\s*[€£¥₹]|[€£¥₹]|\b[A-Z]{3}\b|(?<=\d)['  ](?=\d{3})")
_DEED = re.compile(
    r"(buy|sell|bought|sold|purchase|sale|dividend|deposit|withdrawal|kauf|verkauf|achat|vente|compra|venta|acquisto|vendita"
    r"|aankoop|verkoop)\b",
    re.IGNORECASE,
)
_LOOKED_AT = 200
_DAYS = {
    DayOrder.DAY_FIRST: re.compile(r"(?P<day>\d{1,2})[./-](?P<month>\d{1,2})[./-](?P<year>\d{4})"),
    DayOrder.MONTH_FIRST: re.compile(r"(?P<month>\d{1,2})[./-](?P<day>\d{1,2})[./-](?P<year>\d{4})"),
}
_ISO = re.compile(r"(?P<year>\d{4})[-/.]?(?P<month>\d{2})[-/.]?(?P<day>\d{2})")


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows with the header found among them."""

    rows: Sequence[Row]
    header: Row

    @property
    def body(self) -> list[Row]:
        """What stands below the header."""
        return [row for row in self.rows if row.number > self.header.number and row.filled]


def look_at(content: bytes) -> UnknownTable:
    """The table in a file, with what its columns may mean.

    Raises:
        ImportFileError: there is no table in it.
    """
    table = _find(content)
    body = [row.cells for row in table.body]
    names = table.header.cells
    _refuse_transactions(table)
    places = guess_places(names, body[:200])
    cells = [cell for row in body for cell in row]
    return UnknownTable(
        tuple(names),
        table.header.number,
        tuple(tuple(row) for row in body[:_SAMPLE]),
        fingerprint_of(names),
        places,
        guess_comma(cells),
        guess_days(cells),
    )


def read_mapped(content: bytes, mapping: ColumnMapping, now: datetime) -> ImportedFile:
    """The accounts in a table whose columns mean this.

    Raises:
        ImportFileError: there is no table, or not one line of it can be read.
        MappingError: the table has no such columns.
    """
    table = _find(content)
    width = len(table.header.cells)
    if any(place >= width for place in mapping.places.values()):
        raise MappingError("A column that the table does not have was chosen. Choose again.", ("column",))
    _refuse_transactions(table)
    columns = Columns({name.value: place for name, place in mapping.places.items()}, width)
    reading = Reading(now)
    reading.notes.append(f"The header is line {table.header.number}; its columns are read as you chose.")
    body = [row for row in table.body if not _is_prose(row)]
    left_out = len(table.body) - len(body)
    if left_out:
        reading.notes.append(f"{left_out} {'line' if left_out == 1 else 'lines'} of text alone left out.")
    refuse_second_header(table.header, body)
    refuse_ragged([row for row in body if not _is_total(row)], columns, (Field.SYMBOL, Field.QUANTITY))
    for row in body:
        if not _is_total(row):
            _read_row(row, columns, mapping, reading)
    for account in reading.accounts:
        settle_currency(account, "" if Field.CURRENCY in mapping.places else mapping.currency)
    _settle_total([row for row in body if _is_total(row)], columns, mapping, reading)
    return reading.finish(NAME, hashlib.sha256(content).hexdigest())


# ── The table ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _find(content: bytes) -> _Table:
    """The widest table of the file: the first line of words with a line of amounts below it."""
    fault: ImportFileError | None = None
    tables: list[_Table] = []
    readable = False
    for rows in _ways_to_read(content):
        if isinstance(rows, ImportFileError):
            fault = fault or rows
            continue
        readable = True
        header = _header(rows)
        if header:
            tables.append(_Table(rows, header))
    if not tables and fault and not readable:
        raise fault
    if not tables:
        raise UploadTypeError(
            "The file has no table: no line of column names with amounts below it. Save the holdings as a table and choose that file."
        )
    return max(tables, key=lambda table: len(table.header.filled))


def _ways_to_read(content: bytes) -> Iterator[Sequence[Row] | ImportFileError]:
    if is_workbook(content):
        yield from read_sheets(content)
        return
    text = read_text(content)
    for delimiter in _DELIMITERS:
        try:
            yield read_rows(text, delimiter)
        except ImportFileError as error:
            yield error


def _header(rows: Sequence[Row]) -> Row | None:
    filled = [row for row in rows if row.filled]
    for row, below in pairwise(filled[: _DEEPEST_HEADER + 1]):
        words = len(row.filled) >= _FEWEST and not any(is_amount(cell) for cell in row.filled)
        if words and len(below.filled) >= _FEWEST and any(is_amount(cell) for cell in below.filled):
            return row
    return None


def _refuse_transactions(table: _Table) -> None:
    """Refuse a table that has a column of purchases and sales: its lines are no holdings."""
    body = table.body[:_LOOKED_AT]
    for place in range(len(table.header.cells)):
        cells = [row.cells[place] for row in body if place < len(row.cells) and row.cells[place]]
        if cells and sum(bool(_DEED.match(cell)) for cell in cells) * 2 > len(cells):
            raise UploadTypeError(
                f"The column {table.header.cells[place][:40]!a} tells of purchases and sales: this is a list of transactions. Export "
                "the positions (what the account holds) instead.",
                (f"line {table.header.number}",),
            )


def _is_prose(row: Row) -> bool:
    return len(row.filled) == 1 and not is_amount(row.filled[0])


def _is_total(row: Row) -> bool:
    return any(_TOTAL.fullmatch(cell.rstrip(":")) for cell in row.filled[:2])


# ── Its lines ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_row(row: Row, columns: Columns, mapping: ColumnMapping, reading: Reading) -> None:
    account = reading.account("", "", columns.cell(row, Field.ACCOUNT) or "Imported account")
    symbol, name = columns.cell(row, Field.SYMBOL), columns.cell(row, Field.NAME)
    label = symbol or name or "the line"
    try:
        currency, factor = major_unit(columns.cell(row, Field.CURRENCY) or mapping.currency)
        check_currency(currency)
        amounts = {field: _amount(columns.cell(row, field), field, label, mapping) for field in _AMOUNTS}
        acquired = _day(columns.cell(row, Field.ACQUIRED), label, mapping.days)
    except AllocationError as error:
        reading.problems.append(LineProblem(row.number, row.text, str(error), account.id, code_of(error)))
        return
    quantity, price, value, cost, unit_cost = (amounts[field] for field in _AMOUNTS)
    line = Line(row.number, row.text, symbol.upper() if symbol.isascii() else symbol, name, quantity)
    if _CASH.fullmatch(symbol or name) and price in (None, Decimal(1)):
        account.take_in(value if value is not None else quantity or Decimal(0), currency)
        return
    priced = (_times(amount, factor) for amount in (price, value, cost, unit_cost))
    price, value, cost, unit_cost = priced
    account.hold(
        replace(line, price=price, value=value, cost=cost, unit_cost=unit_cost, acquired=acquired, currency=currency),
        price_expected=False,
    )


def _times(amount: Decimal | None, factor: Decimal) -> Decimal | None:
    return None if amount is None else amount * factor


def _amount(cell: str, field: Field, label: str, mapping: ColumnMapping) -> Decimal | None:
    """An amount without the sign or code of its currency."""
    if is_nothing(cell):
        return None
    bare = _SIGN.sub(lambda found: found[1] or "", cell).strip()
    return read_amount(bare, f"The {field.value.replace('_', ' ')} of {label}", mapping.decimal_comma)


def _day(cell: str, label: str, order: DayOrder) -> date | None:
    """A day as the user said days are written; with a time behind it, the time is left out."""
    if is_nothing(cell):
        return None
    told = re.split(r"[T ,;]", cell.strip(), maxsplit=1)[0]
    forms = [_ISO, *([_DAYS[order]] if order in _DAYS else [])]
    for form in forms:
        found = form.fullmatch(told)
        try:
            if found:
                return date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            break
    raise UnclearDateError(
        f"The day {label} was acquired", cell, "a day that exists, written as you chose or as 2026-11-20"
    )


def _settle_total(rows: Sequence[Row], columns: Columns, mapping: ColumnMapping, reading: Reading) -> None:
    """The total of the table, where it has one, is that of its only account."""
    for row in rows:
        try:
            total = _amount(columns.cell(row, Field.VALUE), Field.VALUE, "the total", mapping)
        except AllocationError as error:
            reading.problems.append(LineProblem(row.number, row.text, str(error), code=code_of(error)))
            continue
        several = len(reading.accounts) != 1 or bool(reading.accounts[0].balances)
        if total is None or several or any(line.currency != reading.accounts[0].currency for line in _lines(reading)):
            reading.notes.append(f"Line {row.number} is a total that nothing is compared with.")
        else:
            reading.accounts[0].file_total = total


def _lines(reading: Reading) -> list[Line]:
    return [line for lines in reading.accounts[0].holdings.values() for line in lines]
