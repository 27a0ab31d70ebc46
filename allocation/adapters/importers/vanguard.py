"""Vanguard's "OfxDownload.csv": a table of holdings, then, after blank lines, a table of transactions.

What the file looks like, by observation; Vanguard publishes no description:
- brokerage accounts: Account Number, Investment Name, Symbol, Shares, Share Price, Total Value, with a comma at every line's end;
- older mutual fund and 529 accounts: Fund Account Number, Fund Name, Price, Shares, Total Value, without any ticker;
- employer plans: Plan Number, Plan Name, Fund Name, Shares, Price, Total Value, also without tickers;
- the settlement fund (VMFXX) is the account's cash; bonds have the symbol "null"; there is no total, date or account name.
"""

from collections.abc import Sequence
from decimal import Decimal

from allocation.adapters.importers.lines import Line, read_line
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import (
    Columns,
    Row,
    columns_of,
    header_names,
    refuse_ragged,
    refuse_second_header,
)
from allocation.errors import NumberError
from allocation.imported import LineProblem

NAME = "Vanguard"

_COLUMNS = {
    "number": ("account number", "fund account number", "plan number"),
    "account": ("plan name",),
    "name": ("investment name", "fund name"),
    "symbol": ("symbol", "ticker symbol"),
    "quantity": ("shares",),
    "price": ("share price", "price"),
    "value": ("total value",),
}
_NEEDED = ("number", "name", "quantity", "price", "value")
_SETTLEMENT_FUND = "VMFXX"


def detect(rows: Sequence[Row]) -> Row | None:
    """The first header row of holdings in a Vanguard download, if there is one."""
    return next((row for row in rows if _is_holdings_header(row)), None)


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read every table of holdings; transactions and other tables are counted and left out."""
    refuse_second_header(header, (row for row in rows if row.number > header.number))
    left_out = 0
    for title, body in _tables([row for row in rows if row.number >= header.number and row.filled]):
        if not _is_holdings_header(title):
            left_out += len(body)
            continue
        columns = columns_of(title, _COLUMNS)
        refuse_ragged(body, columns, _NEEDED)
        for row in body:
            _read_row(row, columns, reading)
    if left_out:
        lines = "1 line" if left_out == 1 else f"{left_out} lines"
        reading.notes.append(f"{lines} of transactions below the holdings left out.")


def _is_holdings_header(row: Row) -> bool:
    places = columns_of(row, _COLUMNS).places if _is_header(row) else {}
    return all(name in places for name in _NEEDED)


def _is_header(row: Row) -> bool:
    return bool({"account number", "fund account number", "plan number"} & set(header_names(row)[:1]))


def _tables(rows: Sequence[Row]) -> list[tuple[Row, list[Row]]]:
    """The file's tables: each header with the rows below it."""
    tables: list[tuple[Row, list[Row]]] = []
    for row in rows:
        if _is_header(row):
            tables.append((row, []))
        else:
            tables[-1][1].append(row)
    return tables


def _read_row(row: Row, columns: Columns, reading: Reading) -> None:
    account = reading.account(NAME, columns.cell(row, "number"), columns.cell(row, "account") or "Vanguard account")
    try:
        line = read_line(row, columns, _symbol(columns.cell(row, "symbol")))
    except NumberError as error:
        reading.problems.append(LineProblem(row.number, row.text, str(error), account.id))
        return
    if _is_cash(line):
        account.cash += line.value if line.value is not None else line.quantity or Decimal(0)
    else:
        account.hold(line)


def _symbol(printed: str) -> str:
    """The symbol, or none where the file says so in words."""
    return "" if printed.lower() in ("null", "--", "n/a") else printed


def _is_cash(line: Line) -> bool:
    """The settlement fund at one dollar, by its ticker or, in files without tickers, by its name."""
    named = not line.symbol and ("settlement fund" in line.name.lower() or line.name.lower() == "cash")
    return (line.symbol.upper() == _SETTLEMENT_FUND or named) and line.price in (None, Decimal(1))
