"""Schwab's positions export, for one account or for all of them.

What the file looks like, by observation of exports from 2020 to 2026; Schwab publishes no description:
- a title, "Positions for account Individual ...123 as of 09:28 AM ET, 2026/11/20", or "Positions for All-Accounts …"
  followed by one block for each account: its label, the header again, its holdings and its total;
- columns in any order, under long ("Qty (Quantity)", "Mkt Val (Market Value)") or older short names;
- "Cash & Cash Investments" is the sweep cash, below zero when the account owes margin; purchased money funds such as
  SWVXX have a line of their own and have to be sold like any fund;
- some exports name the account in a column of its own instead;
- "Positions Total" or "Account Total" closes a block; "--" and "N/A" stand for nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from allocation.adapters.importers.dates import read_moment
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.lines import LONGEST_LABEL, Line, read_line
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import Columns, Row, columns_of, header_names, refuse_ragged, require_columns
from allocation.errors import NumberError, UploadRowsError, listed
from allocation.imported import LineProblem

NAME = "Schwab"

_COLUMNS = {
    "account": ("account", "account name"),
    "symbol": ("symbol",),
    "name": ("description", "name"),
    "quantity": ("qty (quantity)", "quantity", "qty"),
    "price": ("price",),
    "value": ("mkt val (market value)", "market value", "mkt val"),
    "cost": ("cost basis",),
    "unit_cost": ("cost/share",),
    "kind": ("asset type", "security type"),
}
_DOUBLED = frozenset({"qty (quantity)", "mkt val (market value)"})
_WANTED = {"symbol": "Symbol", "quantity": "Qty (Quantity)", "value": "Mkt Val (Market Value)"}
_WAY_OUT = "Add it under Customize on Schwab's Positions page, then export again."

_TITLE = re.compile(r"positions for (?:account )?(?P<label>.*?)(?: as of (?P<moment>.*))?", re.IGNORECASE)
_LABEL = re.compile(r"(?P<name>.*?)[\s_]*(?:\.{2,}|…|[Xx*]{2,}-?)\s*(?P<number>[A-Z0-9-]{3,})", re.IGNORECASE)
_CASH = re.compile(r"(futures )?cash( (&|and) (cash investments|money market|sweep).*)?", re.IGNORECASE)
_AMOUNT = re.compile(r"[-+($]*[\d,]*\d(\.\d*)?[%)]?|--|N/A")
_TOTAL = re.compile(r"((account|positions|grand) )?total( market value)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    """One account's part of the file."""

    label: str
    header: Row
    body: tuple[Row, ...]


def detect(rows: Sequence[Row]) -> Row | None:
    """The first header row of a Schwab export, if there is one."""
    return next((row for row in rows if _is_header(row)), None)


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read every account's block."""
    filled = [row for row in rows if row.filled]
    reading.as_of = _moment(filled)
    blocks = _blocks(filled, header)
    _refuse_same_account(blocks)
    for block in blocks:
        columns = columns_of(block.header, _COLUMNS)
        require_columns(columns, block.header, _WANTED, _WAY_OUT)
        table = [row for row in block.body if not _is_prose(row)]
        refuse_ragged(table, columns, ("symbol", "quantity", "value"))
        for row in table:
            label = columns.cell(row, "account")
            if "account" in columns and not label and _TOTAL.fullmatch(row.filled[0]):
                reading.notes.append(f"Line {row.number} is a total over several accounts and was left out.")
                continue
            _read_row(row, columns, reading.account(NAME, *_number_and_name(label or block.label)))


def _is_header(row: Row) -> bool:
    """Whether a row names Schwab's columns; the doubled names are Schwab's alone, the short ones come together."""
    names = set(header_names(row))
    short = bool(names & set(_COLUMNS["value"])) and bool(names & set(_COLUMNS["name"])) and "price" in names
    return "symbol" in names and (bool(_DOUBLED & names) or short)


def _title(row: Row) -> re.Match[str] | None:
    """The match of "Positions for … as of …"; a name with a comma may have been split into cells."""
    return _TITLE.fullmatch(", ".join(row.filled))


def _moment(rows: Sequence[Row]) -> datetime | None:
    titles = (title for row in rows if (title := _title(row)))
    return next((moment for title in titles if (moment := read_moment(title["moment"] or ""))), None)


def _blocks(rows: Sequence[Row], first: Row) -> list[Block]:
    """Each header with its rows; the label is the line above the header, or the account in the title."""
    starts = [place for place, row in enumerate(rows) if row.number >= first.number and _is_header(row)]
    ends = [*starts[1:], len(rows)]
    blocks = []
    for start, end in zip(starts, ends, strict=True):
        last = end if end == len(rows) else _above(rows, end)
        blocks.append(Block(_label(rows, start), rows[start], tuple(rows[start + 1 : last])))
    return blocks


def _above(rows: Sequence[Row], header: int) -> int:
    """Where the label (and the title, if any) above a header begins."""
    start = header
    while start and _is_label(rows[start - 1]):
        start -= 1
    return start


def _is_label(row: Row) -> bool:
    """A title or an account's name: at most three cells (a name may hold commas) and no amounts in them."""
    return bool(_title(row)) or (
        len(row.filled) <= 3 and not any(re.match(r"[-+($]*\d|--|N/A", cell) for cell in row.cells)
    )


def _label(rows: Sequence[Row], header: int) -> str:
    for row in reversed(rows[_above(rows, header) : header]):
        title = _title(row)
        label = title["label"] if title else ", ".join(row.filled)
        if label:
            return label
    return ""


def _number_and_name(label: str) -> tuple[str, str]:
    """The end of the account number, and the name with spaces for Schwab's underscores."""
    found = _LABEL.fullmatch(label[:LONGEST_LABEL])
    name = (found["name"] if found else label).replace("_", " ").strip()
    return (found["number"] if found else ""), name or "Schwab account"


def _refuse_same_account(blocks: Sequence[Block]) -> None:
    labels = [block.label for block in blocks]
    twice = sorted({label or "without a name" for label in labels if labels.count(label) > 1})
    if twice:
        raise UploadRowsError(
            f"The file has two tables for the account {listed(twice)}. Give the accounts different names at Schwab, "
            "or export them one by one.",
            twice,
        )


def _is_prose(row: Row) -> bool:
    """Disclaimers and remarks stand alone in their line and have several words."""
    return len(row.filled) == 1 and (len(row.filled[0].split()) > 1 or bool(_title(row)))


def _read_row(row: Row, columns: Columns, account: AccountDraft) -> None:
    try:
        line = read_line(row, columns, columns.cell(row, "symbol"))
    except NumberError as error:
        account.problems.append(LineProblem(row.number, row.text, str(error), account.id))
        return
    if _TOTAL.fullmatch(line.symbol or line.name):
        account.file_total = line.value
    elif _is_cash(line):
        account.cash += line.value or Decimal(0)
        if line.value and line.value < 0:
            account.notes.append(
                f"Line {line.number}: the cash is below zero; the account owes {-line.value:,.2f} on margin."
            )
    elif line.symbol.lower().startswith("futures positions"):
        if line.value:
            account.put_aside(line, "Futures: they are kept out of the plan.")
    else:
        account.hold(line)


def _is_cash(line: Line) -> bool:
    """The sweep. A line CASH with a price of its own is the bank with that ticker."""
    return bool(_CASH.fullmatch(line.symbol or line.name)) and (line.price is None or line.price == 1)
