"""Interactive Brokers' activity statement as CSV: many tables in one file, each line led by the name of its table.

What the file looks like, by observation; the sections are described in Interactive Brokers' Reporting Reference:
- every line is "Section,Header|Data|Total,…", the header of a section names the columns of the data lines below it;
- "Open Positions" (older: "Long Open Positions") has a Summary line for each position and, when the statement is run with lots,
  a Lot line for each purchase with its day; a Total line for each kind and currency;
- "Cash Report" has the Ending Cash of every currency and of all in the base currency;
- "Net Asset Value" has the total in the base currency, accrued interest and dividends included.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.dates import EASTERN, read_moment
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.ibkr_positions import (
    BROKER,
    Told,
    note_currencies,
    part_of,
    take_cash,
    take_positions,
)
from allocation.adapters.importers.lines import Line, to_cents
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import Row, header_names
from allocation.errors import ImportFileError, NumberError

NAME = BROKER

_POSITIONS = ("Open Positions", "Long Open Positions", "Short Open Positions")
_BASE = "base currency summary"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A data or total line of a section, its cells by the names in the section's header."""

    row: Row
    role: str
    cells: Mapping[str, str]

    def told(self, *names: str) -> str:
        """The cell under the first of these names that the section has."""
        return next((self.cells[name] for name in names if self.cells.get(name)), "")


def detect(rows: Sequence[Row]) -> Row | None:
    """The first header of a statement's sections, if this is a statement."""
    sections = {row.cells[0] for row in rows if len(row.cells) > 2 and row.cells[1] in ("Header", "Data")}
    if "Statement" not in sections and not sections & set(_POSITIONS):
        return None
    return next((row for row in rows if len(row.cells) > 2 and row.cells[1] in ("Header", "Data")), None)


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read the positions and the cash of every currency, and compare with the statement's own totals."""
    del header  # every section has its own
    facts = _facts(rows)
    number = facts.get("account", "").split(" ")[0]
    base = facts.get("base currency", "").upper() or "USD"
    reading.as_of = _moment(facts)
    positions = [entry for section in _POSITIONS for entry in _section(rows, section)]
    if not positions and not any(True for _ in _section(rows, "Cash Report")):
        raise ImportFileError(
            "The statement has neither a section Open Positions nor a Cash Report. Run an Activity Statement (not Trade "
            "Confirmations or a summary) with both sections and choose that file.",
            ("Open Positions", "Cash Report"),
        )
    names = _names(rows)
    take_positions([_position(entry, number, names) for entry in positions if entry.role == "Data"], reading)
    _take_cash(list(_section(rows, "Cash Report")), number, base, reading)
    _settle_totals(rows, positions, number, base, reading)
    note_currencies(reading)


def _section(rows: Sequence[Row], section: str) -> Iterator[_Entry]:
    names: tuple[str, ...] = ()
    for row in rows:
        if len(row.cells) < 3 or row.cells[0] != section:
            continue
        if row.cells[1] == "Header":
            names = header_names(row)
        else:
            yield _Entry(row, row.cells[1], dict(zip(names[2:], row.cells[2:], strict=False)))


def _facts(rows: Sequence[Row]) -> dict[str, str]:
    """The statement's own fields and those of the account, by their names."""
    return {
        row.cells[2].lower(): " ".join(filter(None, row.cells[3:]))
        for row in rows
        if len(row.cells) > 3 and row.cells[0] in ("Statement", "Account Information") and row.cells[1] == "Data"
    }


def _moment(facts: Mapping[str, str]) -> datetime | None:
    """The close of the statement's last day in New York."""
    day = read_moment(facts.get("period", "").rpartition(" - ")[2]) or read_moment(facts.get("whengenerated", ""))
    return day.replace(hour=16, tzinfo=EASTERN) if day else None


def _names(rows: Sequence[Row]) -> dict[str, str]:
    listed = _section(rows, "Financial Instrument Information")
    return {entry.told("symbol"): entry.told("description") for entry in listed if entry.role == "Data"}


def _position(entry: _Entry, number: str, names: Mapping[str, str]) -> Told:
    symbol = entry.told("symbol")
    return Told(
        line=entry.row.number,
        text=entry.row.text,
        account=entry.told("account") or number,
        kind=entry.told("asset category", "asset class"),
        currency=entry.told("currency"),
        symbol=symbol,
        name=entry.told("description") or names.get(symbol, ""),
        is_lot=entry.told("datadiscriminator").lower() == "lot",
        opened=entry.told("open"),
        amounts={
            "quantity": entry.told("quantity"),
            "price": entry.told("close price"),
            "value": entry.told("value"),
            "cost": entry.told("cost basis"),
            "unit_cost": entry.told("cost price"),
        },
    )


# ── Cash and totals ─────────────────────────────────────────────────────────────────────────────────────────────────


def _take_cash(report: Sequence[_Entry], number: str, base: str, reading: Reading) -> None:
    """The ending cash of every currency; a report without currencies has it in the base currency."""
    ending = [entry for entry in report if entry.told("currency summary").lower() == "ending cash"]
    by_currency = [entry for entry in ending if entry.told("currency").lower() != _BASE]
    for entry in by_currency or ending:
        told = entry.told("currency")
        account = part_of(reading, entry.told("account") or number, base if told.lower() == _BASE else told.upper())
        try:
            amount = read_amount(entry.told("total"), "The ending cash")
        except NumberError as error:
            account.problem(Line(entry.row.number, entry.row.text, told), str(error))
            continue
        take_cash(account, amount or Decimal(0), entry.row.number)


def _settle_totals(rows: Sequence[Row], positions: Sequence[_Entry], number: str, base: str, reading: Reading) -> None:
    """One currency: the net asset value. Several: the sum of a currency's Total lines and its cash."""
    held = [account for account in reading.accounts if not account.is_empty()]
    worth = list(_section(rows, "Net Asset Value"))
    if len(held) == 1 and held[0].currency == base and any(entry.told("current total") for entry in worth):
        _settle_net_asset_value(worth, number, base, reading)
        return
    totals = [entry for entry in positions if entry.role == "Total"]
    times = Counter((entry.told("asset category"), entry.told("currency")) for entry in totals)
    for account in held:
        values = [entry for entry in totals if entry.told("currency") == account.currency]
        # A total that comes twice is once in the currency and once converted: which is which is not said.
        if any(times[entry.told("asset category"), account.currency] > 1 for entry in values) or len(held) != len(
            {part.currency for part in held}
        ):
            continue
        amounts = [_amount(entry, "value", account) or Decimal(0) for entry in values]
        if amounts or not (account.holdings or account.set_aside):
            account.file_total = to_cents(sum(amounts, account.cash))


def _settle_net_asset_value(worth: Sequence[_Entry], number: str, base: str, reading: Reading) -> None:
    account = part_of(reading, reading.accounts[0].number or number, base)
    for entry in worth:
        kind = entry.told("asset class").strip()
        amount = _amount(entry, "current total", account)
        if amount is None:
            continue
        if kind.lower() == "total":
            account.file_total = to_cents(amount)
        elif "accrual" in kind.lower() and amount:
            line = Line(entry.row.number, entry.row.text, "", kind, value=amount)
            account.put_aside(line, "Accrued, not paid yet: it is part of the account but cannot be spent today.")


def _amount(entry: _Entry, column: str, account: AccountDraft) -> Decimal | None:
    """An amount of a total line; one that cannot be read is listed, and the account then has no total to compare with."""
    try:
        return read_amount(entry.told(column), f"The {column}")
    except NumberError as error:
        account.problem(Line(entry.row.number, entry.row.text, ""), str(error))
        return None
