"""A plan as plain values, as a table, as CSV: the numbers as they are, nothing added."""

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from allocation.trade_plan import Snapshot, Trade, TradePlan

if TYPE_CHECKING:
    import pandas as pd

CSV_COLUMNS = (
    "account",
    "side",
    "symbol",
    "quantity",
    "price",
    "value",
    "currency",
    "weight_before",
    "weight_target",
    "weight_after",
    "reason",
    "plan_id",
)
FRAME_COLUMNS = tuple(c for c in CSV_COLUMNS if c not in ("currency", "plan_id"))

# A spreadsheet takes text that begins with one of these, or its full-width form, for a formula.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def plan_as_dict(plan: TradePlan) -> dict[str, Any]:
    """The response of the command line: numbers as text without exponents."""
    told, totals = plan.objective, plan.totals
    return {
        "plan_id": plan.plan_id,
        "status": str(plan.status),
        "objective": {
            "name": str(told.name),
            "value": _text(told.value),
            "bound": _text(told.bound),
            "gap": _text(told.gap),
        },
        "trades": [_trade_as_dict(t) for t in plan.trades],
        "before": _snapshot_as_dict(plan.before),
        "after": _snapshot_as_dict(plan.after),
        "totals": {
            "buys": _text(totals.buys),
            "sells": _text(totals.sells),
            "turnover": _text(totals.turnover),
            "cost": _text(totals.cost),
            "tax": _text(totals.tax),
            "trades": totals.trades,
        },
        "remarks": [{"code": r.code, "message": r.message, "symbols": list(r.symbols)} for r in plan.remarks],
    }


def trades_frame(plan: TradePlan) -> "pd.DataFrame":
    """One row per trade, sells first; quantities, money and weights as floats for display."""
    import pandas as pd  # noqa: PLC0415  a second of start-up that only a table needs

    frame = pd.DataFrame([_row(t) for t in plan.trades], columns=list(FRAME_COLUMNS))
    numbers = ["quantity", "price", "value", "weight_before", "weight_target", "weight_after"]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def trades_csv(plan: TradePlan, currency: str = "", account_names: Mapping[str, str] | None = None) -> str:
    """The trades as CSV: a header row, sells first, plain numbers, lines ending in CR LF as RFC 4180 has them.

    An account stands there by the name given for its id, or by the id.

    Text that a spreadsheet would take for a formula gets a leading apostrophe. Encode as "utf-8-sig" when writing a
    file, so that a spreadsheet reads account names outside ASCII.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    names = account_names or {}
    for trade in plan.trades:
        name = names.get(trade.account, trade.account)
        row = {**_row(trade), "account": name, "currency": currency, "plan_id": plan.plan_id}
        writer.writerow([_cell(row[column]) for column in CSV_COLUMNS])
    return text.getvalue()


def as_text_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _cell(value: object) -> str:
    return as_text_cell(value) if isinstance(value, str) else _text(value)


def _row(trade: Trade) -> dict[str, object]:
    return {
        "account": trade.account,
        "side": str(trade.side),
        "symbol": trade.symbol,
        "quantity": trade.quantity,
        "price": trade.price,
        "value": trade.value,
        "weight_before": trade.weight_before,
        "weight_target": trade.weight_target,
        "weight_after": trade.weight_after,
        "reason": trade.reason,
    }


def _trade_as_dict(trade: Trade) -> dict[str, Any]:
    numbers = ("quantity", "price", "value", "cost", "tax", "weight_before", "weight_target", "weight_after")
    return {
        "account": trade.account,
        "symbol": trade.symbol,
        "side": str(trade.side),
        **{name: _text(getattr(trade, name)) for name in numbers},
        "lots": [],
        "reason": trade.reason,
        "without_it": None,
    }


def _snapshot_as_dict(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "total": _text(snapshot.total),
        "cash": _text(snapshot.cash),
        "reserve": _text(snapshot.reserve),
        "drift": _text(snapshot.drift),
        "weights": {symbol: _text(weight) for symbol, weight in snapshot.weights.items()},
    }


def _text(number: object) -> str:
    return format(number, "f")
