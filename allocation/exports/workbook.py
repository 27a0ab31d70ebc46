"""The plan as an Excel workbook: the trades, and on a second sheet the record of what they were decided on."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from allocation.exports.decision import Decision
from allocation.money import plain
from allocation.report import as_text_cell, lots_in_words
from allocation.trade_plan import Snapshot, Status, Trade

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

TRADES, RECORD = "Trades", "Decision"
COLUMNS: Final = (
    "Account", "Side", "Symbol", "Name", "Quantity", "Price", "Price currency", "Value", "Cost", "Tax", "Weight before",
    "Weight target", "Weight after", "Lots", "Reason", "Value currency", "Plan id",
)  # fmt: skip

Value: TypeAlias = str | Decimal | int
Row: TypeAlias = Sequence[Value]

_WIDTHS: Final = (28, 7, 12, 34, 12, 12, 14, 14, 10, 10, 13, 13, 13, 34, 70, 14, 24)
_RECORD_WIDTHS: Final = (30, 26, 18, 28, 18)
_MONEY, _EXACT, _PERCENT = "#,##0.00", "#,##0.######", "0.00%"
_FORMATS: Final = {
    "Quantity": _EXACT,
    "Price": "#,##0.00####",
    "Value": _MONEY,
    "Cost": _MONEY,
    "Tax": _MONEY,
} | dict.fromkeys(("Weight before", "Weight target", "Weight after"), _PERCENT)


def write(decision: Decision) -> bytes:
    """The workbook: numbers as numbers, text as text that never runs, times in ISO 8601 with their offset."""
    from openpyxl import Workbook  # noqa: PLC0415  a quarter of a second that only a download needs

    book = Workbook()
    _write_trades(book, decision)
    _write_record(book, decision)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def record_rows(decision: Decision) -> tuple[Row, ...]:
    """The record: sections one under the other, each with its title in a row of its own."""
    sections: dict[str, Iterable[Row]] = {
        "Account": _account(decision),
        "Plan": _plan(decision),
        "Before and after": _before_and_after(decision),
        "Targets": _targets(decision),
        "Prices": _prices(decision),
        "Exchange rates": _rates(decision),
        "Rules": _rules(decision),
        "Remarks": [(remark.code, remark.message) for remark in decision.plan.remarks],
    }
    written: list[Row] = []
    for title, told in sections.items():
        lines = list(told)
        written += [(title,), *lines, ()] if lines else []
    return tuple(written[:-1])


# ── The record's sections ───────────────────────────────────────────────────────────────────────────────────────────


def _account(decision: Decision) -> Iterator[Row]:
    account, portfolio = decision.account, decision.portfolio
    yield "Name", account.name
    yield "Number", account.masked_number or "not known"
    yield "Broker", account.broker or "not known"
    yield "Currency", account.currency
    yield "Taxes", account.tax_treatment.replace("_", "-")
    yield "Holdings as of", _moment(portfolio.as_of) if portfolio.as_of else "not known"


def _plan(decision: Decision) -> Iterator[Row]:
    plan, told = decision.plan, decision.plan.objective
    yield "Plan id", plan.plan_id
    yield "Made at", _moment(decision.made_at)
    yield "Money in (+) or out (−)", decision.cash_flow
    yield (
        "Proof",
        "best possible under the rules, proved" if plan.status == Status.OPTIMAL else "best found; see the gap",
    )
    yield "Objective", told.name.value
    yield "Objective value", told.value
    yield "Proved bound", told.bound
    yield "Gap", told.gap
    totals = plan.totals
    yield from (
        (name.capitalize(), getattr(totals, name)) for name in ("buys", "sells", "turnover", "cost", "tax", "trades")
    )


def _before_and_after(decision: Decision) -> Iterator[Row]:
    plan, target = decision.plan, decision.target
    yield "", "Before", "After", "Target"
    for name in ("total", "cash", "reserve", "drift"):
        yield name.capitalize(), getattr(plan.before, name), getattr(plan.after, name)
    for symbol in dict.fromkeys((*plan.before.weights, *plan.after.weights)):
        now, then = _weight(plan.before, symbol), _weight(plan.after, symbol)
        yield f"Weight of {symbol}", now, then, target.weights.get(symbol, "none")


def _weight(snapshot: Snapshot, symbol: str) -> Decimal:
    return snapshot.weights.get(symbol, Decimal(0))


def _targets(decision: Decision) -> Iterator[Row]:
    target = decision.target
    yield "Symbol", "Weight", "Locked"
    for symbol in dict.fromkeys((*target.weights, *sorted(target.locked))):
        yield symbol, target.weights.get(symbol, "none"), "locked" if symbol in target.locked else ""
    yield "Cash", 1 - target.total, ""


def _prices(decision: Decision) -> Iterator[Row]:
    if decision.quotes:
        yield "Symbol", "Price", "Currency", "Time", "Source"
    for symbol, quote in decision.quotes.items():
        yield symbol, quote.price, quote.currency, _moment(quote.time), quote.source.value


def _rates(decision: Decision) -> Iterator[Row]:
    if decision.rates:
        yield "Pair", "Rate", "", "Time", "Source"
    for rate in decision.rates:
        yield rate.name, rate.price, "", _moment(rate.time), rate.source.value


def _rules(decision: Decision) -> Iterator[Row]:
    yield from _told("", decision.rules)


def _told(prefix: str, rules: Any) -> Iterator[Row]:
    """Every rule by its name in requests, the ones inside others as `taxes.lot_method`."""
    for one in fields(rules):
        name, value = f"{prefix}{one.name}", getattr(rules, one.name)
        if is_dataclass(value):
            yield from _told(f"{name}.", value)
        else:
            yield name, _value(value)


def _value(value: object) -> Value:
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_in_words(of)}" for name, of in sorted(value.items())) or "none"
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(map(_in_words, value))) or "none"
    return _in_words(value)


def _in_words(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


# ── Cells ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_trades(book: "Workbook", decision: Decision) -> None:
    sheet = book.worksheets[0]
    sheet.title = TRADES
    _write_row(sheet, 1, COLUMNS, bold=True)
    for line, trade in enumerate(decision.plan.trades, start=2):
        _write_row(sheet, line, _trade(decision, trade), formats=[_FORMATS.get(column, "") for column in COLUMNS])
    sheet.freeze_panes = "A2"
    _set_widths(sheet, _WIDTHS)


def _trade(decision: Decision, trade: Trade) -> Row:
    quote = decision.quotes.get(trade.symbol)
    return (
        decision.account_label,
        trade.side.value,
        trade.symbol,
        decision.names.get(trade.symbol, ""),
        trade.quantity,
        quote.price if quote else trade.price,
        quote.currency if quote else decision.account.currency,
        trade.value,
        trade.cost,
        trade.tax,
        trade.weight_before,
        trade.weight_target,
        trade.weight_after,
        lots_in_words(trade),
        trade.reason,
        decision.account.currency,
        decision.plan.plan_id,
    )


def _write_record(book: "Workbook", decision: Decision) -> None:
    sheet = book.create_sheet(RECORD)
    for line, row in enumerate(record_rows(decision), start=1):
        _write_row(sheet, line, row, bold=len(row) == 1)
    _set_widths(sheet, _RECORD_WIDTHS)


def _write_row(sheet: "Worksheet", line: int, row: Row, *, bold: bool = False, formats: Sequence[str] = ()) -> None:
    from openpyxl.styles import Font  # noqa: PLC0415  see `write`

    for column, value in enumerate(row, start=1):
        cell = sheet.cell(line, column)
        _fill(cell, value)
        if bold:
            cell.font = Font(bold=True)
        if formats and formats[column - 1]:
            cell.number_format = formats[column - 1]


def _fill(cell: "Cell", value: Value) -> None:
    """A number as a number; anything else as text, said to be text and guarded in case it is saved as CSV."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415  see `write`

    if not isinstance(value, str):
        cell.value = value
        return
    cell.value = as_text_cell(ILLEGAL_CHARACTERS_RE.sub("\ufffd", value))
    cell.data_type = "s"
    cell.quotePrefix = True


def _set_widths(sheet: "Worksheet", widths: Sequence[int]) -> None:
    from openpyxl.utils import get_column_letter  # noqa: PLC0415  see `write`

    for column, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
