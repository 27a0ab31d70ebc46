"""Wealthfolio's holdings as CSV: date, symbol, quantity, price, currency; one snapshot below the other, of which the last counts.

The columns are those of its sample (apps/frontend/public/sample-holdings-import.csv of github.com/afadil/wealthfolio, AGPL; read,
not copied). Money is the symbol `$CASH`, with its amount as quantity.
"""

from collections.abc import Sequence
from decimal import Decimal

from allocation.adapters.importers.activities import day_reader
from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.draft import settle_currency
from allocation.adapters.importers.ledger import major_unit
from allocation.adapters.importers.lines import Line
from allocation.adapters.importers.reading import Reading, code_of
from allocation.adapters.importers.table import Columns, Row, header_names, refuse_ragged, table_below
from allocation.errors import AllocationError
from allocation.imported import LineProblem
from allocation.model import check_currency

NAME = "Wealthfolio"

_COLUMNS = {
    "date": ("date",),
    "symbol": ("symbol",),
    "quantity": ("quantity",),
    "price": ("price",),
    "unit_cost": ("avgcost", "average cost", "avg cost", "averagecost"),
    "currency": ("currency",),
}
_WANTED = {"date": "date", "symbol": "symbol", "quantity": "quantity", "currency": "currency"}
_WAY_OUT = "Export the holdings again."
_CASH = "$CASH"


def detect(rows: Sequence[Row]) -> Row | None:
    """The header: these columns and no others."""
    first = next((row for row in rows if row.filled), None)
    names = set(header_names(first)) - {""} if first else set()
    known = {spelling for spellings in _COLUMNS.values() for spelling in spellings}
    return first if set(_WANTED) <= names <= known else None


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read the lines of the last day."""
    columns, body = table_below(rows, header, _COLUMNS, _WANTED, _WAY_OUT)
    refuse_ragged(body, columns, ("date", "symbol", "quantity"))
    read_day = day_reader(columns.cell(row, "date") for row in body)
    days = {}
    for row in body:
        try:
            days[row.number] = read_day(columns.cell(row, "date"))
        except AllocationError as error:
            reading.problems.append(LineProblem(row.number, row.text, str(error), code=code_of(error)))
    last = max(days.values(), default=None)
    newest = [row for row in body if days.get(row.number) == last and last]
    if len(newest) < len(days):
        reading.notes.append(f"{len(days) - len(newest)} lines on holdings before {last} were left out.")
    for row in newest:
        try:
            _read_row(row, columns, reading)
        except AllocationError as error:
            reading.problems.append(LineProblem(row.number, row.text, str(error), code=code_of(error)))
    for account in reading.accounts:
        settle_currency(account)


def _read_row(row: Row, columns: Columns, reading: Reading) -> None:
    symbol = columns.cell(row, "symbol")
    currency, factor = major_unit(columns.cell(row, "currency") or "USD")
    check_currency(currency)
    quantity, price, unit_cost = (
        read_amount(columns.cell(row, name), f"The {name.replace('_', ' ')} of {symbol}")
        for name in ("quantity", "price", "unit_cost")
    )
    account = reading.account("Wealthfolio", "", NAME)
    if symbol.upper().startswith(_CASH):
        account.take_in(quantity or Decimal(0), currency)
        return
    line = Line(
        row.number,
        row.text,
        symbol,
        quantity=quantity,
        price=price * factor if price is not None else None,
        unit_cost=unit_cost * factor if unit_cost is not None else None,
        currency=currency,
    )
    account.hold(line, price_expected=False)
