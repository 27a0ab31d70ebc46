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
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.dates import read_moment
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.lines import Line, read_line
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import Columns, Row, header_names, refuse_ragged, table_below
from allocation.errors import NumberError
from allocation.imported import LineProblem
from allocation.symbols import clean

NAME = "Fidelity"

_COLUMNS = {
    "number": ("account number",),
    "account": ("account name", "account"),
    "both": ("account name/number", "account number/name"),
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

_OWNER = ("number", "account", "both")

# Core positions: money that settles trades. Other money funds have to be sold first and stay positions.
_CORE = frozenset({"SPAXX", "FDRXX", "FZFXX", "FCASH"})
_FEWEST_DIGITS = 3
_TOTAL = re.compile(r"\W*(grand |account |portfolio |positions )?total( value)?\W*", re.IGNORECASE)
_PROSE_WORDS = 6
_AMOUNT = re.compile(r"[-+($]*[\d,]*\d(\.\d*)?\)?")


def detect(rows: Sequence[Row]) -> Row | None:
    """The header row of a Fidelity export, if there is one."""
    for row in rows:
        names = set(header_names(row))
        owner = any(spelling in names for ours in _OWNER for spelling in _COLUMNS[ours])
        if "symbol" in names and "current value" in names and (owner or "last price" in names):
            return row
    return None


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read every row below the header into accounts."""
    columns, body = table_below(rows, header, _COLUMNS, _WANTED, _WAY_OUT)
    reading.as_of = _moment(rows)
    table = [row for row in body if not _is_prose(row)]
    refuse_ragged(
        (row for row in table if not (_is_total(row, columns) or _is_pending(row, columns))),
        columns,
        ("symbol", "value"),
    )
    owner = "" if any(name in columns for name in _OWNER) else _line_above(rows, header)
    sums: list[tuple[AccountDraft, Line]] = []
    for row in table:
        if not _is_total(row, columns):
            _read_row(row, columns, _account(row, columns, reading, owner), reading, sums)
    _settle_sums(sums, reading)
    _settle_totals([row for row in table if _is_total(row, columns)], columns, reading)


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


def _labels(row: Row, columns: Columns) -> tuple[str, ...]:
    """Where Fidelity writes what a line is that is no security."""
    return row.cells[0], columns.cell(row, "symbol"), columns.cell(row, "name")


def _is_total(row: Row, columns: Columns) -> bool:
    return any(_TOTAL.fullmatch(label) for label in _labels(row, columns))


def _is_pending(row: Row, columns: Columns) -> bool:
    return any(
        label.lower() == "pending" or label.lower().startswith("pending activity") for label in _labels(row, columns)
    )


def _line_above(rows: Sequence[Row], header: Row) -> str:
    """The line above the header, which names the account in files without an account column."""
    above = [row for row in rows if row.number < header.number and row.filled]
    return above[-1].filled[0] if above else ""


def _read_row(
    row: Row, columns: Columns, account: AccountDraft, reading: Reading, sums: list[tuple[AccountDraft, Line]]
) -> None:
    try:
        line = read_line(row, columns, clean(columns.cell(row, "symbol")))
        pending = _pending_amount(row, line) if _is_pending(row, columns) else None
    except NumberError as error:
        reading.problems.append(LineProblem(row.number, row.text, str(error), account.id))
        return
    if _is_pending(row, columns):
        _settle_pending(account, line, pending)
    elif "BROKERAGELINK" in (line.symbol.upper(), line.name.upper()):
        sums.append((account, line))
    elif _is_cash(line, columns.cell(row, "symbol").endswith("**")):
        account.cash += line.value if line.value is not None else line.quantity or Decimal(0)
    else:
        account.hold(line)


def _account(row: Row, columns: Columns, reading: Reading, owner: str) -> AccountDraft:
    """The account of a row: by number and name, or by one text with both."""
    number, name = columns.cell(row, "number"), columns.cell(row, "account")
    both = columns.cell(row, "both") or owner
    if both:
        number, name = _number_and_name(both)
    return reading.account(NAME, number, name or "Fidelity account")


def _number_and_name(both: str) -> tuple[str, str]:
    """'Individual - TOD X20-548022' and 'Individual-X12345678' end in the number; 'ROTH IRA' has none."""
    name, blank, number = both.rpartition(" ")
    if not blank and not any(character.isdigit() for character in both.partition("-")[0]):
        name, _, number = both.rpartition("-")
    digits = sum(character.isdigit() for character in number)
    return (number, name.strip(" -")) if digits >= _FEWEST_DIGITS else ("", both)


def _is_cash(line: Line, starred: bool) -> bool:
    """Core cash: a core symbol, or one marked with asterisks, at one dollar or without a quantity or price."""
    core = line.symbol.upper() in _CORE
    return core or (starred and (line.quantity is None or line.price in (None, Decimal(1))))


def _pending_amount(row: Row, line: Line) -> Decimal | None:
    """The unsettled amount; in some downloads it stands one column off, as the only amount of its line."""
    label = next(place for place, cell in enumerate(row.cells) if cell.lower().startswith("pending"))
    printed = [cell for cell in row.cells[label + 1 :] if _AMOUNT.fullmatch(cell)]
    if len(printed) > 1:
        raise NumberError("The pending activity", ",".join(printed), "one amount, in quotes where it holds a comma")
    if line.value is None and printed:
        return read_amount(printed[0], "The pending activity")
    return line.value


def _settle_pending(account: AccountDraft, line: Line, amount: Decimal | None) -> None:
    """Unsettled money: what is coming in is shown but not spendable, what is going out is taken off the cash."""
    if not amount:
        return
    if amount > 0:
        reason = "Not settled yet: it is part of the account but cannot be spent today."
        account.put_aside(replace(line, value=amount), reason)
        return
    account.cash += amount
    account.notes.append(
        f"Line {line.number}: {-amount:,.2f} of pending activity was taken off the cash; it pays for trades."
    )


def _settle_totals(rows: Sequence[Row], columns: Columns, reading: Reading) -> None:
    """A total is that of the account when there is only one; Fidelity's own downloads have none."""
    for row in rows:
        try:
            total = read_amount(columns.cell(row, "value"), "The total")
        except NumberError as error:
            reading.problems.append(LineProblem(row.number, row.text, str(error)))
            continue
        if len(reading.accounts) == 1:
            reading.accounts[0].file_total = total
        else:
            reading.notes.append(f"Line {row.number} is a total over several accounts and was left out.")


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
