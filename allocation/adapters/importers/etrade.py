"""E*TRADE's "PortfolioDownload.csv", with its tax lots where the positions were expanded.

What the file looks like, by observation of exports and of public readers of them; E*TRADE publishes no description:
- "Account Summary": a header (Account, Net Account Value or Total Assets, …) and a line for the account, whose name ends in
  the last digits of its number ("Individual Brokerage -2203");
- "View Summary", the filters, then the positions; columns follow the view, quantities and values have four decimals;
- below an expanded position a line for each lot, with the day it was bought in place of the symbol ("--" if unknown);
- options, bonds and CDs have their description for a symbol; CASH has only a value;
- TOTAL closes the table, in some files one column early; the end is "Generated at Nov 20 2026 04:10 PM ET".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.dates import read_moment, read_us_day
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.lines import LONGEST_LABEL, Line, read_line, unit_cost
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import Columns, Row, header_names, refuse_ragged, table_below
from allocation.errors import NumberError
from allocation.model import TaxLot

NAME = "E*TRADE"

_COLUMNS = {
    "symbol": ("symbol",),
    "quantity": ("quantity", "qty #", "qty"),
    "price": ("last price $", "last price"),
    "value": ("value $", "market value $", "value", "market value"),
    "cost": ("total cost $", "total cost", "cost basis $", "cost basis"),
    "unit_cost": ("price paid $", "price paid", "cost per unit"),
}
_WANTED = {"symbol": "Symbol", "quantity": "Quantity", "value": "Value $"}
_WAY_OUT = "Choose the view All Positions on E*TRADE's Portfolios page, then download again."
_WORTH = ("net account value", "total assets")
_TELLING = frozenset({"last price $", "qty #", "value $", "price paid $"})

_LABEL = re.compile(r"(?P<name>.*?)\s*-\s*(?P<number>\d{3,})")
_FOOTER = re.compile(r"generated at\b", re.IGNORECASE)
_UNKNOWN_DAY = "--"


@dataclass(frozen=True, slots=True)
class _Summary:
    """The account as the lines above the positions have it."""

    label: str = ""
    worth: Decimal | None = None


def detect(rows: Sequence[Row]) -> Row | None:
    """The header of the positions: below E*TRADE's account summary, or with its own column names."""
    summarised = False
    for row in rows:
        names = set(header_names(row))
        summarised = summarised or _is_summary(row)
        if "symbol" in names and ((summarised and _COLUMNS_BESIDE_SYMBOL & names) or len(_TELLING & names) > 1):
            return row
    return None


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read every position with its lots into the file's one account."""
    columns, body = table_below(rows, header, _COLUMNS, _WANTED, _WAY_OUT)
    reading.as_of = _moment(body)
    summary = _summary(rows, reading)
    account = reading.account(NAME, *_number_and_name(summary.label))
    table = [row for row in body if not (len(row.filled) == 1 and len(row.filled[0].split()) > 1)]
    holdings = [row for row in table if not _is_total(row)]
    refuse_ragged(_lined_up(holdings), columns, ("symbol", "quantity"))
    for row, lots in _with_lots(_lined_up(holdings), columns, account):
        _read_holding(row, lots, columns, account)
    _settle_total([row for row in table if _is_total(row)], summary, columns, account)


# ── The account ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_summary(row: Row) -> bool:
    names = header_names(row)
    return names[:1] == ("account",) and any(worth in names for worth in _WORTH)


def _summary(rows: Sequence[Row], reading: Reading) -> _Summary:
    """The line below the account summary's header."""
    header = next((row for row in rows if _is_summary(row)), None)
    if header is None:
        return _Summary()
    filled = [row for row in rows if row.number > header.number and row.filled]
    if not filled or len(filled[0].filled) < 2:
        return _Summary()
    place = next(place for place, name in enumerate(header_names(header)) if name in _WORTH)
    cells = filled[0].cells
    try:
        worth = read_amount(cells[place], "The account's value") if place < len(cells) else None
    except NumberError as error:
        reading.notes.append(f"Line {filled[0].number}: {error}")
        worth = None
    return _Summary(cells[0], worth)


def _number_and_name(label: str) -> tuple[str, str]:
    found = _LABEL.fullmatch(label[:LONGEST_LABEL])
    return (found["number"], found["name"] or "E*TRADE account") if found else ("", label or "E*TRADE account")


def _moment(rows: Sequence[Row]) -> datetime | None:
    said = (row.text for row in rows if _FOOTER.match(row.filled[0]))
    return next((moment for text in said if (moment := read_moment(text))), None)


# ── Positions and lots ──────────────────────────────────────────────────────────────────────────────────────────────

_COLUMNS_BESIDE_SYMBOL = frozenset(
    spelling for ours, spellings in _COLUMNS.items() if ours != "symbol" for spelling in spellings
)


def _is_total(row: Row) -> bool:
    return row.cells[0].upper() == "TOTAL"


def _lined_up(rows: Sequence[Row]) -> list[Row]:
    """Rows with the day of a lot in the first cell; some views put an empty cell before it."""
    return [
        replace(row, cells=row.cells[1:])
        if len(row.cells) > 1 and not row.cells[0] and read_us_day(row.cells[1])
        else row
        for row in rows
    ]


def _is_lot(row: Row, columns: Columns) -> bool:
    told = columns.cell(row, "symbol")
    return told == _UNKNOWN_DAY or read_us_day(told) is not None


def _with_lots(rows: Sequence[Row], columns: Columns, account: AccountDraft) -> list[tuple[Row, list[Row]]]:
    """Each position's row with the rows of its lots."""
    held: list[tuple[Row, list[Row]]] = []
    for row in rows:
        if not _is_lot(row, columns):
            held.append((row, []))
        elif held:
            held[-1][1].append(row)
        else:
            account.problem(Line(row.number, row.text, ""), "A tax lot without a position above it.")
    return held


def _read_holding(row: Row, lots: Sequence[Row], columns: Columns, account: AccountDraft) -> None:
    told = columns.cell(row, "symbol")
    described = len(told.split()) > 1
    try:
        line = read_line(row, columns, "" if described else told)
        line = replace(line, name=told if described else "", lots=_read_lots(lots, columns, told))
    except NumberError as error:
        account.problem(Line(row.number, row.text, told), str(error))
        return
    if line.symbol.upper() == "CASH" and line.price in (None, Decimal(1)):
        account.cash += line.value if line.value is not None else line.quantity or Decimal(0)
    else:
        account.hold(line)


def _read_lots(rows: Sequence[Row], columns: Columns, symbol: str) -> tuple[TaxLot, ...]:
    """The lots, when every one of them has its quantity and cost; otherwise none."""
    lots = []
    for row in rows:
        line = read_line(row, columns, symbol)
        cost = unit_cost(line)
        if line.quantity is None or cost is None:
            return ()
        lots.append(TaxLot(line.quantity, cost, _acquired(columns.cell(row, "symbol"))))
    return tuple(lots)


def _acquired(told: str) -> date | None:
    return None if told == _UNKNOWN_DAY else read_us_day(told)


def _settle_total(totals: Sequence[Row], summary: _Summary, columns: Columns, account: AccountDraft) -> None:
    """The total of the table, or what the summary says the account is worth where the table has none."""
    account.file_total = summary.worth
    for row in totals:
        try:
            total = read_amount(_total_cell(row, columns), "The total")
        except NumberError as error:
            account.problem(Line(row.number, row.text, ""), str(error))
            continue
        if total is None:
            continue
        if summary.worth not in (None, total):
            account.notes.append(
                f"Line {row.number}: the total of the positions is {total:,.2f}; the account summary says {summary.worth:,.2f}."
            )
        account.file_total = total


def _total_cell(row: Row, columns: Columns) -> str:
    """The total's value; where values are the last column it is the last amount, for some files shift that line."""
    last = columns.places["value"] == columns.width - 1
    return row.filled[-1] if last and len(row.filled) > 1 else columns.cell(row, "value")
