"""The generic CSV: one line for each holding or tax lot, documented in docs/imports.md.

Columns, in any order and any case: symbol, quantity and, if wanted, unit cost, acquired, account, price, currency.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount, uses_decimal_comma
from allocation.adapters.importers.draft import AccountDraft, settle_currency
from allocation.adapters.importers.lines import Line
from allocation.adapters.importers.reading import Reading, code_of
from allocation.adapters.importers.table import (
    Columns,
    Row,
    columns_of,
    header_names,
    refuse_ragged,
    refuse_second_header,
)
from allocation.errors import (
    AllocationError,
    HoldingError,
    NumberError,
    UnclearDateError,
    UnclearNumberError,
    UnknownColumnsError,
    listed,
)
from allocation.imported import LineProblem
from allocation.model import check_currency, parse_symbol

NAME = "Generic CSV"
TEMPLATE = (
    "symbol,quantity,unit cost,acquired,account,price,currency\n"
    "VTI,10,221.50,2024-03-15,My brokerage,250.10,USD\n"
    "VTI,5,245.00,2026-02-02,My brokerage,250.10,USD\n"
    "BND,20.5,71.80,2025-06-30,My brokerage,72.31,USD\n"
    "CASH,1250.00,,,My brokerage,,USD\n"
)

_KNOWN = ("symbol", "quantity", "unit cost", "acquired", "account", "price", "currency")
_EXPECTED = (
    "The generic CSV has the columns symbol and quantity and, if wanted, unit cost, acquired, account, price, currency."
)
_NEEDED = {"symbol", "quantity"}
_DEEPEST_HEADER = 20
_COLUMNS = {name: (name,) for name in _KNOWN}
_CASH = frozenset({"CASH", "$CASH"})
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNTS = ("quantity", "unit cost", "price")


def detect(rows: Sequence[Row]) -> Row | None:
    """The header: the first line that holds anything if it names one of our two columns, or one below titles that is all ours."""
    filled = [row for row in rows if row.filled][:_DEEPEST_HEADER]
    if filled and _NEEDED & set(header_names(filled[0])):
        return filled[0]
    return next((row for row in filled if _NEEDED <= set(header_names(row)) <= {*_KNOWN, ""}), None)


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read every line into accounts; lines of one symbol are its lots."""
    _refuse_header(header)
    columns = columns_of(header, _COLUMNS)
    body = [row for row in rows if row.number > header.number and row.filled]
    above = sum(row.number < header.number and bool(row.filled) for row in rows)
    if above:
        reading.notes.append(
            f"The {above} lines above the header were left out."
            if above > 1
            else "The line above the header was left out."
        )
    refuse_second_header(header, body)
    refuse_ragged(body, columns, ("symbol", "quantity"))
    decimal_comma = _decimal_comma(body, columns, reading)
    for row in body:
        account = reading.account("", "", columns.cell(row, "account") or "Imported account")
        try:
            _read_row(row, columns, account, decimal_comma)
        except AllocationError as error:
            reading.problems.append(LineProblem(row.number, row.text, str(error), account.id, code_of(error)))
    for account in reading.accounts:
        settle_currency(account)


def _refuse_header(header: Row) -> None:
    """Name every column that is unknown, twice there or missing."""
    names = [name for name in header_names(header) if name]
    unknown = [name for name in names if name not in _KNOWN]
    twice = [name for name, times in Counter(names).items() if times > 1 and name in _KNOWN]
    missing = [name for name in ("symbol", "quantity") if name not in names]
    faults = [
        f"{what} {listed(found)}"
        for what, found in (("does not know", unknown), ("names twice", twice), ("lacks", missing))
        if found
    ]
    if faults:
        raise UnknownColumnsError(
            f"Line {header.number}: the header {'; '.join(faults)}. {_EXPECTED}".replace(
                "does not know", "has the unknown"
            ),
            [*unknown, *twice, *missing],
        )


def _decimal_comma(body: Sequence[Row], columns: Columns, reading: Reading) -> bool | None:
    """Whether decimals are written with a comma, which only a file with semicolons may do; None when nothing tells."""
    if reading.delimiter == "\t":
        reading.notes.append("Read with tabs between the columns.")
    if reading.delimiter != ";":
        return False
    cells = [columns.cell(row, name) for row in body for name in _AMOUNTS]
    comma = uses_decimal_comma(cells)
    written = {True: "a decimal comma", False: "a decimal point", None: "whole numbers"}[comma]
    reading.notes.append(f"Read with semicolons between the columns and {written}.")
    return comma


def _read_row(row: Row, columns: Columns, account: AccountDraft, decimal_comma: bool | None) -> None:
    symbol = columns.cell(row, "symbol")
    currency = check_currency(columns.cell(row, "currency").upper() or "USD")
    amounts = {
        name: _amount(columns.cell(row, name), f"The {name} of {symbol or 'the line'}", decimal_comma)
        for name in _AMOUNTS
    }
    quantity, price = amounts["quantity"], amounts["price"]
    if quantity is None or quantity < 0:
        raise HoldingError(
            f"The quantity of {symbol or 'the line'} must be a number that is not below zero.", (symbol,)
        )
    if symbol.upper() in _CASH and price in (None, Decimal(1)):
        account.take_in(quantity, currency)
        return
    line = Line(
        row.number,
        row.text,
        parse_symbol(symbol.upper()),
        quantity=quantity,
        price=price,
        unit_cost=_not_negative(amounts["unit cost"], f"The unit cost of {symbol}"),
        acquired=_day(columns.cell(row, "acquired"), symbol),
        currency=currency,
    )
    account.hold(line, price_expected=False)


def _amount(cell: str, what: str, decimal_comma: bool | None) -> Decimal | None:
    """An amount; in a file that never shows its dialect, 1,234 and 1.234 could each be two numbers and are refused."""
    if decimal_comma is None and ("," in cell or "." in cell):
        raise UnclearNumberError(
            what, cell, "a number that can be read in one way only; write decimals in full, such as 1234,50"
        )
    return read_amount(cell, what, bool(decimal_comma))


def _not_negative(amount: Decimal | None, what: str) -> Decimal | None:
    if amount is not None and amount < 0:
        raise NumberError(what, amount, "a number that is not below zero")
    return amount


def _day(cell: str, symbol: str) -> date | None:
    """A date in the one form that means the same everywhere."""
    if not cell:
        return None
    try:
        return date.fromisoformat(cell if _ISO_DAY.fullmatch(cell) else "")
    except ValueError:
        raise UnclearDateError(f"The acquired date of {symbol}", cell, "a date written as 2026-11-20") from None
