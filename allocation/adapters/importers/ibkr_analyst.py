"""Interactive Brokers' PortfolioAnalyst report as CSV, with its section "Open Position Summary".

What the file looks like, by observation of reports quoted in the tests of public readers (2026): sections as in an activity
statement; positions with their value in their own currency and the rate to the base currency, cash among them as the instrument
"Cash", its amount as quantity; "Total" in place of the date ends the lines of a kind and currency. There are no lots.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.dates import EASTERN, read_moment
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.ibkr_positions import BROKER, Told, account_of, take_cash, take_positions
from allocation.adapters.importers.lines import Line, to_cents
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import Row, header_names
from allocation.errors import AllocationError, UploadHeaderError
from allocation.model import check_currency

NAME = f"{BROKER} PortfolioAnalyst"

_POSITIONS = "Open Position Summary"
_INTRODUCTION = "Introduction"
_NEEDED = ("financialinstrument", "currency", "symbol", "quantity", "closeprice", "value")
_CASH = "cash"

Cells = Mapping[str, str]


def detect(rows: Sequence[Row]) -> Row | None:
    """The header of the open positions."""
    return next((row for row in rows if row.cells[:2] == (_POSITIONS, "Header")), None)


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read every position and the money of every currency."""
    missing = [name for name in _NEEDED if name not in header_names(header)]
    if missing:
        raise UploadHeaderError(
            f"Line {header.number}: the open positions have no column {', '.join(missing)}. Run the report again with all of them.",
            missing,
        )
    introduced = next(iter(_entries(rows, _INTRODUCTION)), (header, {}))[1]
    listed = _entries(rows, _POSITIONS)
    held = [(row, cells) for row, cells in listed if cells["date"].lower() != "total"]
    base = introduced.get("basecurrency", "").upper() or _base(held)
    account = account_of(reading, introduced.get("account", ""), check_currency(base))
    account.as_of = _moment(held)
    take_positions([_told(row, cells, account.number) for row, cells in held if not _is_cash(cells)], base, reading)
    for row, cells in held:
        _take_rate(row, cells, account)
        if _is_cash(cells):
            _take_money(row, cells, account)
    _settle_totals(listed, account)


def _entries(rows: Sequence[Row], section: str) -> list[tuple[Row, dict[str, str]]]:
    names: tuple[str, ...] = ()
    found = []
    for row in rows:
        if row.cells[:2] == (section, "Header"):
            names = header_names(row)[2:]
        elif row.cells[:2] == (section, "Data"):
            found.append((row, {"date": "", **dict(zip(names, row.cells[2:], strict=False))}))
    return found


def _base(held: Sequence[tuple[Row, Cells]]) -> str:
    """The currency that is worth one of itself, where the report does not name its base currency."""
    own = [cells["currency"] for _, cells in held if cells.get("fxratetobase") == "1"]
    return own[0] if own else "USD"


def _moment(held: Sequence[tuple[Row, Cells]]) -> datetime | None:
    day = next((moment for _, cells in held if (moment := read_moment(cells["date"]))), None)
    return day.replace(hour=16, tzinfo=EASTERN) if day else None


def _is_cash(cells: Cells) -> bool:
    return cells.get("financialinstrument", "").lower() == _CASH


def _told(row: Row, cells: Cells, number: str) -> Told:
    columns = {"quantity": "quantity", "price": "closeprice", "value": "value", "cost": "cost basis"}
    return Told(
        line=row.number,
        text=row.text,
        account=number,
        kind=cells.get("financialinstrument", ""),
        currency=cells.get("currency", ""),
        symbol=cells.get("symbol", ""),
        name=cells.get("description", ""),
        amounts={ours: cells.get(theirs, "") for ours, theirs in columns.items()},
    )


def _take_money(row: Row, cells: Cells, account: AccountDraft) -> None:
    """The amount in its own currency; the value beside it is in the base currency."""
    try:
        currency = check_currency(cells.get("currency", "").upper())
        amount = read_amount(cells.get("quantity", ""), f"The cash in {currency}")
    except AllocationError as error:
        account.problem(Line(row.number, row.text, cells.get("currency", "")), str(error))
        return
    take_cash(account, amount or Decimal(0), row.number, currency)


def _take_rate(row: Row, cells: Cells, account: AccountDraft) -> None:
    try:
        rate = read_amount(cells.get("fxratetobase", ""), "The rate")
    except AllocationError as error:
        account.problem(Line(row.number, row.text, cells.get("symbol", "")), str(error))
        return
    if rate and cells.get("currency", "") != account.currency:
        account.totals.rates[cells.get("currency", "")] = rate


def _settle_totals(listed: Sequence[tuple[Row, Cells]], account: AccountDraft) -> None:
    """The totals of a currency with its cash, where each kind of security in it has one."""
    sums: dict[str, Decimal] = {}
    groups = {(c.get("financialinstrument"), c.get("currency", "")) for _, c in listed if c["date"].lower() != "total"}
    open_groups = {group for group in groups if str(group[0]).lower() != _CASH}
    for row, cells in listed:
        group = cells.get("financialinstrument"), cells.get("currency", "")
        if cells["date"].lower() != "total" or group not in open_groups:
            continue
        try:
            total = read_amount(cells.get("value", ""), "The total")
        except AllocationError as error:
            account.problem(Line(row.number, row.text, ""), str(error))
            continue
        open_groups.discard(group)
        sums[group[1]] = sums.get(group[1], Decimal(0)) + (total or Decimal(0))
    cash = {account.currency: account.cash, **account.balances}
    for currency, total in sums.items():
        if currency not in {of for _, of in open_groups}:
            account.totals.by_currency[currency] = to_cents(total + cash.get(currency, Decimal(0)))
