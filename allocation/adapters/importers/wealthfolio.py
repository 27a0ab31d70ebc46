"""Wealthfolio's activities as CSV: date, symbol, quantity, activityType (or type), unitPrice, currency, fee, amount, subtype.

Exports call the id of the asset "symbol" and have its ticker as assetSymbol. The columns and types are those of Wealthfolio's import and export (wealthfolio.app/docs/guide/csv-import and
/docs/concepts/activity-types); exports name them assetSymbol and accountName as well. Cash is the symbol `$CASH-USD`.
Amounts may be signed and carry a currency sign; the type says which way the money goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from allocation.adapters.importers.activities import Collected, ReadDay, bought, day_reader
from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.ledger import Movement, major_unit
from allocation.adapters.importers.reading import Reading, code_of
from allocation.adapters.importers.table import Columns, Row, header_names, refuse_ragged, table_below
from allocation.errors import AllocationError, NumberError
from allocation.imported import LineProblem
from allocation.model import check_currency

NAME = "Wealthfolio"

_COLUMNS = {
    "date": ("date", "activitydate", "activity date"),
    "symbol": ("assetsymbol", "asset symbol", "symbol", "assetid", "asset id"),
    "status": ("status",),
    "name": ("assetname", "asset name"),
    "kind": ("activitytype", "activity type", "type"),
    "subtype": ("subtype",),
    "quantity": ("quantity",),
    "price": ("unitprice", "unit price"),
    "currency": ("currency",),
    "fee": ("fee",),
    "amount": ("amount",),
    "base": ("accountcurrency", "account currency"),
    "account": ("accountname", "account name", "account", "accountid", "account id"),
}
_WANTED = {"date": "date", "symbol": "symbol", "quantity": "quantity", "price": "unitPrice"}
_WAY_OUT = "Export the activities again."
_IN = frozenset({"DEPOSIT", "TRANSFER_IN", "DIVIDEND", "INTEREST", "CREDIT"})
_OUT = frozenset({"WITHDRAWAL", "TRANSFER_OUT", "TAX"})
_UNITS_IN = frozenset({"ADD_HOLDING", "TRANSFER_IN"})
_UNITS_OUT = frozenset({"REMOVE_HOLDING", "TRANSFER_OUT"})
# Income paid in units: Wealthfolio books the income and a purchase of the same worth.
_REINVESTED = frozenset({("DIVIDEND", "DRIP"), ("INTEREST", "STAKING_REWARD")})
_POSTED = ("", "POSTED")  # what is pending, a draft or void counts for nothing
_CASH = ("$CASH", "CASH:")
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Activity:
    """One line in numbers, none of them below zero."""

    kind: str
    subtype: str
    symbol: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    amount: Decimal | None

    @property
    def money(self) -> Decimal:
        """What the activity is about: its amount, else quantity × price."""
        return self.amount if self.amount is not None else self.quantity * self.price


def detect(rows: Sequence[Row]) -> Row | None:
    """The header: a date, a type of activity, a unit price and a fee, the words often written together."""
    first = next((row for row in rows if row.filled), None)
    names = set(header_names(first)) if first else set()
    told = all(names & set(_COLUMNS[ours]) for ours in ("date", "kind", "price"))
    return first if told and ("type" not in names or "fee" in names) else None


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Add up every activity into positions, lots and cash."""
    columns, body = table_below(rows, header, _COLUMNS, _WANTED, _WAY_OUT)
    refuse_ragged(body, columns, ("date", "kind"))
    read_day = day_reader(columns.cell(row, "date") for row in body)
    funded = any(columns.cell(row, "kind").upper() in ("DEPOSIT", "TRANSFER_IN") for row in body)
    collected = Collected(reading, NAME)
    posted = [row for row in body if columns.cell(row, "status").upper() in _POSTED]
    if len(posted) < len(body):
        reading.notes.append(f"{len(body) - len(posted)} activities that are not posted were left out.")
    for row in posted:
        try:
            _read_row(row, columns, read_day, collected, funded)
        except AllocationError as error:
            reading.problems.append(LineProblem(row.number, row.text, str(error), code=code_of(error)))
    collected.settle()
    if not funded:
        reading.notes.append("No deposit is in the file, so the cash cannot be known and is zero.")


def _read_row(row: Row, columns: Columns, read_day: ReadDay, collected: Collected, funded: bool) -> None:
    currency, factor = major_unit(columns.cell(row, "currency") or "USD")
    movement = _movement(_activity(row, columns, factor), row, read_day(columns.cell(row, "date")))
    movement = replace(movement, name=columns.cell(row, "name"), cash=movement.cash if funded else _NOTHING)
    name = columns.cell(row, "account") or NAME
    collected.add("", name, check_currency(currency), movement)
    if columns.cell(row, "base"):
        collected.is_in("", name, check_currency(columns.cell(row, "base").upper()))


def _activity(row: Row, columns: Columns, factor: Decimal) -> _Activity:
    symbol = columns.cell(row, "symbol")
    told = {
        name: read_amount(columns.cell(row, name), f"The {name} of {symbol or 'the activity'}")
        for name in ("quantity", "price", "fee", "amount")
    }
    amounts = {name: abs(amount) if amount is not None else None for name, amount in told.items()}
    amount = amounts["amount"]
    return _Activity(
        columns.cell(row, "kind").upper(),
        columns.cell(row, "subtype").upper(),
        "" if symbol.upper().startswith(_CASH) else symbol,
        amounts["quantity"] or _NOTHING,
        (amounts["price"] or _NOTHING) * factor,
        (amounts["fee"] or _NOTHING) * factor,
        amount * factor if amount is not None else None,
    )


def _movement(activity: _Activity, row: Row, day: date) -> Movement:
    """What the activity does to units and money."""
    nothing = Movement(row.number, row.text, day)
    units = replace(nothing, symbol=activity.symbol)
    quantity, worth = activity.quantity, activity.quantity * activity.price
    if (activity.kind, activity.subtype) in _REINVESTED and quantity:
        cost = bought(quantity, activity.price, activity.fee)
        return replace(units, quantity=quantity, cost=cost, cash=activity.money - cost)
    if activity.kind == "BUY":
        cost = bought(quantity, activity.price, activity.fee)
        return replace(units, quantity=quantity, cost=cost, cash=-cost)
    if activity.kind == "SELL":
        return replace(units, quantity=-quantity, cash=worth - activity.fee)
    if activity.kind == "SPLIT" and (activity.amount or quantity):
        return replace(units, ratio=activity.amount or quantity)
    if activity.symbol and quantity and activity.kind in _UNITS_IN:
        return replace(units, quantity=quantity, cost=worth + activity.fee if worth else None)
    if activity.symbol and quantity and activity.kind in _UNITS_OUT:
        return replace(units, quantity=-quantity)
    return replace(nothing, cash=_cash(activity))


def _cash(activity: _Activity) -> Decimal:
    """The money that an activity without units moves; a fee may stand in either column."""
    if activity.kind in _IN:
        return activity.money - activity.fee
    if activity.kind == "FEE":
        return -(activity.amount or activity.fee or activity.money)
    if activity.kind in _OUT:
        return -activity.money - activity.fee
    raise NumberError(
        "The activity type", activity.kind, "one of Wealthfolio's, such as BUY, SELL, DEPOSIT or DIVIDEND"
    )
