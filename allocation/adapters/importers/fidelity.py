"""Fidelity's "Portfolio_Positions" download in its several generations.

What the file looks like, by observation of exports from 2020 to 2026; Fidelity publishes no description:
- capitals in the header changed in 2026 ("Account number", "Last price"); columns follow the view on screen;
- data rows end with a comma that the header lacks, so they have one field more;
- core cash is marked with asterisks ("SPAXX**", "FCASH**", "CORE**", "USD***") and usually has no quantity or price;
- "Pending activity" is money of trades that have not settled;
- "BROKERAGELINK" in a 401(k) is the sum of accounts that the file lists on their own;
- the end is prose: a disclaimer, and "Date downloaded Nov-20-2026 4:10 p.m ET".
"""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.dates import read_moment
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.lines import Line
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import (
    Columns,
    Row,
    columns_of,
    header_names,
    refuse_ragged,
    refuse_second_header,
    require_columns,
)
from allocation.errors import NumberError
from allocation.imported import LineProblem

NAME = "Fidelity"

_COLUMNS = {
    "number": ("account number",),
    "account": ("account name",),
    "both": ("account name/number",),
    "symbol": ("symbol",),
    "name": ("description",),
    "quantity": ("quantity",),
    "price": ("last price",),
    "value": ("current value",),
    "cost": ("cost basis total", "cost basis"),
    "unit_cost": ("average cost basis", "cost basis per share"),
    "kind": ("security type", "investment type"),
}
_WANTED = {"symbol": "Symbol", "quantity": "Quantity", "price": "Last Price", "value": "Current Value"}
_WAY_OUT = (
    "Choose the Overview of your positions at Fidelity, then Download; it has Quantity, Last Price and Current Value."
)

# Core positions: money that settles trades. Other money funds have to be sold first and stay positions.
_CORE = frozenset({"SPAXX", "FDRXX", "FZFXX", "FCASH"})
_FEWEST_DIGITS = 3
_TOTAL = re.compile(r"\W*(grand |account |portfolio )?total( value)?\W*", re.IGNORECASE)
_PROSE_WORDS = 6


def detect(rows: Sequence[Row]) -> Row | None:
    """The header row of a Fidelity export, if there is one."""
    for row in rows:
        names = set(header_names(row))
        owner = names & {"account number", "account name", "account name/number"}
        if "symbol" in names and "current value" in names and (owner or "last price" in names):
            return row
    return None


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read every row below the header into accounts."""
    columns = columns_of(header, _COLUMNS)
    require_columns(columns, header, _WANTED, _WAY_OUT)
    body = [row for row in rows if row.number > header.number and row.filled]
    refuse_second_header(header, body)
    reading.as_of = _moment(rows)
    table = [row for row in body if not _is_prose(row)]
    refuse_ragged((row for row in table if not _is_sum_or_pending(row, columns)), columns, ("symbol", "value"))
    sums: list[tuple[AccountDraft, Line]] = []
    for row in table:
        _read_row(row, columns, reading, sums)
    _settle_sums(sums, reading)


def _moment(rows: Sequence[Row]) -> datetime | None:
    said = (cell for row in rows for cell in row.cells[:1] if re.match(r"(date downloaded|positions for)", cell, re.I))
    return next((moment for cell in said if (moment := read_moment(cell))), None)


def _is_prose(row: Row) -> bool:
    """A disclaimer or the download date; never a holding, which fills several cells."""
    first = row.cells[0]
    if re.match(r"date downloaded", first, re.IGNORECASE):
        return True
    words = len(first.split())
    return words >= _PROSE_WORDS or (len(row.filled) == 1 and words > 1)


def _is_sum_or_pending(row: Row, columns: Columns) -> bool:
    labels = (row.cells[0], columns.cell(row, "symbol"), columns.cell(row, "name"))
    return any(_TOTAL.fullmatch(label) or label.lower().startswith("pending activity") for label in labels)


def _read_row(row: Row, columns: Columns, reading: Reading, sums: list[tuple[AccountDraft, Line]]) -> None:
    labels = (row.cells[0], columns.cell(row, "symbol"), columns.cell(row, "name"))
    if any(_TOTAL.fullmatch(label) for label in labels):
        reading.notes.append(f"Line {row.number} is a total of the whole file and was left out.")
        return
    account = _account(row, columns, reading)
    try:
        line = _line(row, columns)
    except NumberError as error:
        reading.problems.append(LineProblem(row.number, row.text, str(error), account.id))
        return
    if any(label.lower().startswith("pending activity") for label in labels) or line.symbol.upper() == "PENDING":
        _pending(account, line, row)
    elif "BROKERAGELINK" in (line.symbol.upper(), line.name.upper()):
        sums.append((account, line))
    elif _is_cash(line, columns.cell(row, "symbol").endswith("**")):
        account.cash += line.value if line.value is not None else line.quantity or Decimal(0)
    else:
        account.hold(line)


def _account(row: Row, columns: Columns, reading: Reading) -> AccountDraft:
    """The account of a row: by number and name, by one cell with both, or the only one where the file names none."""
    number, name = columns.cell(row, "number"), columns.cell(row, "account")
    both = columns.cell(row, "both").split()
    if both and sum(character.isdigit() for character in both[-1]) >= _FEWEST_DIGITS:
        number, name = both[-1], " ".join(both[:-1]).strip(" -")
    elif both:
        name = " ".join(both)
    return reading.account(NAME, number, name or "Fidelity account")


def _line(row: Row, columns: Columns) -> Line:
    symbol = columns.cell(row, "symbol")
    label = symbol or columns.cell(row, "name") or "the line"
    return Line(
        number=row.number,
        text=row.text,
        symbol=symbol if symbol.startswith("-") else symbol.rstrip("*"),
        name=columns.cell(row, "name"),
        quantity=read_amount(columns.cell(row, "quantity"), f"The quantity of {label}"),
        price=read_amount(columns.cell(row, "price"), f"The price of {label}"),
        value=read_amount(columns.cell(row, "value"), f"The value of {label}"),
        cost=read_amount(columns.cell(row, "cost"), f"The cost basis of {label}"),
        unit_cost=read_amount(columns.cell(row, "unit_cost"), f"The average cost basis of {label}"),
        kind=columns.cell(row, "kind"),
    )


def _is_cash(line: Line, starred: bool) -> bool:
    """Core cash: a core symbol, or one marked with asterisks, at one dollar or without a quantity or price."""
    core = line.symbol.upper() in _CORE
    return core or (starred and (line.quantity is None or line.price in (None, Decimal(1))))


def _pending(account: AccountDraft, line: Line, row: Row) -> None:
    """Unsettled money: what is coming in is shown but not spendable, what is going out is taken off the cash."""
    amount = line.value if line.value is not None else _only_amount(row)
    if not amount:
        return
    if amount > 0:
        account.put_aside(line, "Not settled yet: it is part of the account but cannot be spent today.")
        return
    account.cash += amount
    account.notes.append(
        f"Line {line.number}: {-amount:,.2f} of pending activity was taken off the cash; it pays for trades."
    )


def _only_amount(row: Row) -> Decimal | None:
    """The amount of a row whose only amount may stand one column off."""
    printed = [cell for cell in row.filled if cell.lstrip("-+(").startswith("$")]
    return read_amount(printed[0], "Pending activity") if len(printed) == 1 else None


def _settle_sums(sums: Sequence[tuple[AccountDraft, Line]], reading: Reading) -> None:
    """A BROKERAGELINK line repeats accounts that the file lists; where it does not list them, the value is set aside."""
    listed_apart = any(account.name.lower().startswith("brokeragelink") for account in reading.accounts)
    for account, line in sums:
        if listed_apart:
            account.notes.append(
                f"Line {line.number} is the sum of the BrokerageLink accounts in this file; it is not counted twice."
            )
        else:
            account.put_aside(line, "The sum of a BrokerageLink account whose holdings are not in this file.")
