"""Ghostfolio's activities as CSV, as its own import reads them: Date, Code, DataSource, Currency, Price, Quantity, Action, Fee.

Days are day first, as Ghostfolio reads them (01-09-2021 is in September), or ISO. There are no cash balances in this form.
"""

from collections.abc import Sequence
from decimal import Decimal

from allocation.adapters.importers.activities import Collected, ReadDay, bought, day_reader
from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.ledger import Movement, major_unit
from allocation.adapters.importers.reading import Reading, code_of
from allocation.adapters.importers.table import Columns, Row, header_names, refuse_ragged, table_below
from allocation.errors import AllocationError, NumberError
from allocation.imported import LineProblem
from allocation.model import check_currency

NAME = "Ghostfolio"

_COLUMNS = {
    "date": ("date",),
    "symbol": ("code", "symbol", "ticker"),
    "source": ("datasource", "data source"),
    "currency": ("currency", "ccy"),
    "price": ("price", "unitprice", "unit price"),
    "quantity": ("quantity", "qty", "shares", "units"),
    "kind": ("action", "type"),
    "fee": ("fee", "commission"),
    "account": ("account", "accountid"),
}
_WANTED = {"date": "Date", "symbol": "Code", "currency": "Currency", "price": "Price", "quantity": "Quantity"}
_WAY_OUT = "Export the activities again, as JSON if you can: it has the balances too."
_MOVING = {"buy": 1, "sell": -1}
_LEFT_OUT = frozenset({"dividend", "fee", "interest", "item", "liability"})


def detect(rows: Sequence[Row]) -> Row | None:
    """The header: alone among lists of activities it names the source of the prices, or calls the symbol Code."""
    first = next((row for row in rows if row.filled), None)
    names = set(header_names(first)) if first else set()
    sourced = bool(names & set(_COLUMNS["source"])) and bool(names & set(_COLUMNS["kind"]))
    told = {"code", "action"} <= names and all(names & set(_COLUMNS[ours]) for ours in ("price", "quantity"))
    return first if "date" in names and (sourced or told) else None


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Add up every purchase and sale."""
    columns, body = table_below(rows, header, _COLUMNS, _WANTED, _WAY_OUT)
    refuse_ragged(body, columns, ("date", "quantity"))
    read_day = day_reader((), day_first=True)
    collected = Collected(reading, NAME)
    for row in body:
        try:
            _read_row(row, columns, read_day, collected)
        except AllocationError as error:
            reading.problems.append(LineProblem(row.number, row.text, str(error), code=code_of(error)))
    collected.settle()
    reading.notes.append(
        "Positions are added up from the activities; this form has no cash balances, so the cash is zero."
    )


def _read_row(row: Row, columns: Columns, read_day: ReadDay, collected: Collected) -> None:
    kind, symbol = columns.cell(row, "kind").lower(), columns.cell(row, "symbol")
    if kind in _LEFT_OUT:
        return
    if kind not in _MOVING:
        raise NumberError("The action", kind, "buy, sell, dividend, fee, interest, item or liability")
    currency, factor = major_unit(columns.cell(row, "currency"))
    quantity, price, fee = (
        read_amount(columns.cell(row, name), f"The {name} of {symbol}") or Decimal(0)
        for name in ("quantity", "price", "fee")
    )
    if quantity < 0 or price < 0:
        raise NumberError(f"The quantity or price of {symbol}", min(quantity, price), "a number that is not below zero")
    cost = bought(quantity, price * factor, fee * factor) if kind == "buy" else None
    movement = Movement(
        row.number, row.text, read_day(columns.cell(row, "date")), symbol, "", quantity * _MOVING[kind], cost
    )
    if quantity:
        name = columns.cell(row, "account") or NAME
        collected.add("", name, check_currency(currency), movement)
