"""Portfolio Performance's transactions as CSV, in English or German: of a securities account, a deposit account, or all.

The columns are those of its CSVExporter (github.com/portfolio-performance/portfolio): Date, Type, Value, Transaction Currency,
Fees, Taxes, Shares, ISIN, Ticker Symbol, Security Name, …; numbers, days and delimiter follow the program's language. The value
of a purchase has its fees and taxes in it, and its sign depends on the account; the type tells which way things go.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from allocation.adapters.importers.activities import Collected, ReadDay, day_reader
from allocation.adapters.importers.amounts import read_amount, uses_decimal_comma
from allocation.adapters.importers.ledger import Movement, major_unit
from allocation.adapters.importers.reading import Reading, code_of
from allocation.adapters.importers.table import Columns, Row, header_names, refuse_ragged, table_below
from allocation.errors import AllocationError, NumberError
from allocation.imported import LineProblem
from allocation.model import check_currency

NAME = "Portfolio Performance"

_COLUMNS = {
    "date": ("date", "datum"),
    "kind": ("type", "typ"),
    "value": ("value", "wert"),
    "currency": ("transaction currency", "buchungswährung"),
    "quantity": ("shares", "stück"),
    "isin": ("isin",),
    "symbol": ("ticker symbol", "ticker-symbol"),
    "name": ("security name", "wertpapiername"),
    "account": ("securities account", "depot"),
}
_WANTED = {"date": "Date", "kind": "Type", "value": "Value", "currency": "Transaction Currency", "quantity": "Shares"}
_WAY_OUT = "In Portfolio Performance choose File → Export → CSV, and a securities account's transactions."
_GERMAN = frozenset({"datum", "wert", "stück"})

_BUYS = frozenset({"buy", "kauf"})
_SELLS = frozenset({"sell", "verkauf"})
_UNITS_IN = frozenset({"delivery (inbound)", "einlieferung", "transfer (inbound)", "umbuchung (eingang)"})
_UNITS_OUT = frozenset({"delivery (outbound)", "auslieferung", "transfer (outbound)", "umbuchung (ausgang)"})
_IN = _UNITS_IN | {
    "deposit", "einlage", "dividend", "dividends", "dividende", "interest", "zinsen",
    "fees refund", "gebührenerstattung", "tax refund", "steuerrückerstattung",
}  # fmt: skip
_OUT = _UNITS_OUT | {
    "removal", "entnahme", "interest charge", "zinsbelastung", "fees", "gebühren", "taxes", "steuern",
}  # fmt: skip
_FUNDING = frozenset({"deposit", "einlage"})
_NOTHING = Decimal(0)


def detect(rows: Sequence[Row]) -> Row | None:
    """The header, in either language."""
    first = next((row for row in rows if row.filled), None)
    names = set(header_names(first)) if first else set()
    told = all(names & set(_COLUMNS[ours]) for ours in ("date", "kind", "value", "currency"))
    return first if told else None


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Add up every transaction into positions, lots and, where deposits are in the file, cash."""
    columns, body = table_below(rows, header, _COLUMNS, _WANTED, _WAY_OUT)
    refuse_ragged(body, columns, ("date", "value"))
    comma = uses_decimal_comma([columns.cell(row, name) for row in body for name in ("value", "quantity")])
    comma = bool(_GERMAN & set(header_names(header))) if comma is None else comma
    read_day = day_reader(columns.cell(row, "date") for row in body)
    funded = any(columns.cell(row, "kind").lower() in _FUNDING for row in body)
    collected = Collected(reading, NAME)
    for row in body:
        try:
            _read_row(row, columns, (read_day, comma, funded), collected)
        except AllocationError as error:
            reading.problems.append(LineProblem(row.number, row.text, str(error), code=code_of(error)))
    collected.settle()
    reading.notes.append(f"Read with {'a decimal comma' if comma else 'a decimal point'}.")
    if not funded:
        reading.notes.append("No deposit is in the file, so the cash cannot be known and is zero.")


def _read_row(row: Row, columns: Columns, dialect: tuple[ReadDay, bool, bool], collected: Collected) -> None:
    read_day, comma, funded = dialect
    currency, factor = major_unit(columns.cell(row, "currency"))
    movement = _movement(row, columns, read_day(columns.cell(row, "date")), comma, factor)
    movement = replace(movement, cash=movement.cash if funded else _NOTHING)
    account = "" if funded else columns.cell(row, "account")
    collected.add("", account or NAME, check_currency(currency), movement)


def _movement(row: Row, columns: Columns, day: date, comma: bool, factor: Decimal) -> Movement:
    """What the transaction does to units and money; the value's own sign is that of one of two accounts."""
    kind = columns.cell(row, "kind").lower()
    symbol = columns.cell(row, "symbol") or columns.cell(row, "isin")
    name = columns.cell(row, "name")
    told = (read_amount(columns.cell(row, column), f"The {column}", comma) for column in ("quantity", "value"))
    quantity, value = (abs(amount or _NOTHING) for amount in told)
    value *= factor
    nothing = Movement(row.number, row.text, day)
    units = replace(nothing, symbol=symbol or name, name=name)
    if kind in _BUYS | _SELLS and not quantity:
        raise NumberError("The shares", columns.cell(row, "quantity"), "a number above zero")
    if kind in _BUYS:
        return replace(units, quantity=quantity, cost=value, cash=-value)
    if kind in _SELLS:
        return replace(units, quantity=-quantity, cash=value)
    if kind in _UNITS_IN and quantity:
        return replace(units, quantity=quantity, cost=value or None)
    if kind in _UNITS_OUT and quantity:
        return replace(units, quantity=-quantity)
    if kind in _IN | _OUT:
        return replace(nothing, cash=value if kind in _IN else -value)
    raise NumberError("The type", kind, "one of Portfolio Performance's, in English or German, such as Buy or Kauf")
