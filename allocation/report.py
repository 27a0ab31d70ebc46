"""A plan as plain values, as a table, as CSV: the numbers as they are, nothing added."""

import csv
import io
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from allocation.currencies import Rate
from allocation.model import Quote
from allocation.trade_plan import LotSale, Snapshot, Trade, TradePlan, WithoutIt

if TYPE_CHECKING:
    import pandas as pd

CSV_COLUMNS = (
    "account",
    "side",
    "symbol",
    "quantity",
    "price",
    "value",
    "cost",
    "tax",
    "currency",
    "weight_before",
    "weight_target",
    "weight_after",
    "lots",
    "reason",
    "plan_id",
)
# Added where prices are in several currencies: those before are in the account's own.
OWN_CURRENCY_COLUMNS = ("own_currency", "own_price", "own_value", "rate", "rate_time", "rate_source")
FRAME_COLUMNS = tuple(c for c in CSV_COLUMNS if c not in ("currency", "plan_id"))

# A spreadsheet takes text that begins with one of these, or its full-width form, for a formula.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = tuple("=+-@\t\r\n\0＝＋－＠")
# Where a semicolon separates cells, one inside a text begins a new cell; a tab and a line end likewise.
_NEW_CELL = re.compile(r"([;\t\r\n])(?=\s*[=+\-@＝＋－＠])")


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
    numbers = ["quantity", "price", "value", "cost", "tax", "weight_before", "weight_target", "weight_after"]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def trades_csv(
    plan: TradePlan,
    currency: str = "",
    account_names: Mapping[str, str] | None = None,
    quotes: Mapping[str, Quote] | None = None,
    rates: Mapping[str, Rate] | None = None,
) -> str:
    """The trades as CSV: a header row, sells first, plain numbers, lines ending in CR LF as RFC 4180 has them.

    An account stands there by the name given for its id, or by the id. Text that a spreadsheet would take for a formula
    gets a leading apostrophe. Encode as "utf-8-sig" when writing a file, so that a spreadsheet reads account names outside
    ASCII.

    Args:
        quotes: the prices the plan was made from, each in its own currency; with rates, columns for them are added.
        rates: by currency, at what rate they were told in the account's, which is `currency`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    columns = (*CSV_COLUMNS, *OWN_CURRENCY_COLUMNS) if rates else CSV_COLUMNS
    writer.writerow(columns)
    names = account_names or {}
    for trade in plan.trades:
        name = names.get(trade.account, trade.account)
        row = {**_row(trade), "account": name, "currency": currency, "plan_id": plan.plan_id}
        if rates:
            row |= _in_own_currency(trade, currency, quotes or {}, rates)
        writer.writerow([_cell(row[column]) for column in columns])
    return text.getvalue()


def as_text_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula, whichever character it takes for the end of a cell."""
    parted = _NEW_CELL.sub(r"\1'", text)
    return f"'{parted}" if parted.startswith(_FORMULA_STARTS) else parted


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
        "cost": trade.cost,
        "tax": trade.tax,
        "weight_before": trade.weight_before,
        "weight_target": trade.weight_target,
        "weight_after": trade.weight_after,
        "lots": lots_in_words(trade),
        "reason": trade.reason,
    }


def _in_own_currency(
    trade: Trade, base: str, quotes: Mapping[str, Quote], rates: Mapping[str, Rate]
) -> dict[str, object]:
    """What the trade comes to in the currency of its price; a currency itself is priced in the account's."""
    quote = quotes.get(trade.symbol)
    rate = rates.get(quote.currency if quote else trade.symbol)
    price = quote.price if quote else trade.price
    return {
        "own_currency": quote.currency if quote else base,
        "own_price": price,
        "own_value": trade.quantity * price,
        "rate": rate.price if rate else Decimal(1),
        "rate_time": rate.time.isoformat(timespec="seconds") if rate else "",
        "rate_source": rate.source.value if rate else "",
    }


def _trade_as_dict(trade: Trade) -> dict[str, Any]:
    numbers = ("quantity", "price", "value", "cost", "tax", "weight_before", "weight_target", "weight_after")
    return {
        "account": trade.account,
        "symbol": trade.symbol,
        "side": str(trade.side),
        **{name: _text(getattr(trade, name)) for name in numbers},
        "lots": [_lot_as_dict(lot) for lot in trade.lots],
        "reason": trade.reason,
        "without_it": None if trade.without_it is None else _without_it_as_dict(trade.without_it),
    }


def _lot_as_dict(lot: LotSale) -> dict[str, Any]:
    return {
        "acquired": lot.acquired.isoformat() if lot.acquired else None,
        **{name: _text(getattr(lot, name)) for name in ("quantity", "unit_cost", "gain", "disallowed")},
        "term": lot.term,
    }


def lots_in_words(trade: Trade) -> str:
    """The lots a sale takes, as a broker's order ticket asks for them: "4 of 2020-01-31 at 100; 2 of …"."""
    return "; ".join(map(_lot_in_words, trade.lots))


def _lot_in_words(lot: LotSale) -> str:
    acquired = lot.acquired.isoformat() if lot.acquired else "an unknown day"
    return f"{_text(lot.quantity)} of {acquired} at {_text(lot.unit_cost)}"


def _without_it_as_dict(told: WithoutIt) -> dict[str, str]:
    return {name: _text(getattr(told, name)) for name in ("drift", "objective", "tax")}


def _snapshot_as_dict(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "total": _text(snapshot.total),
        "cash": _text(snapshot.cash),
        "reserve": _text(snapshot.reserve),
        "drift": _text(snapshot.drift),
        "weights": {symbol: _text(weight) for symbol, weight in snapshot.weights.items()},
        "accounts": {
            id_: {"total": _text(account.total), "cash": _text(account.cash)}
            for id_, account in snapshot.accounts.items()
        },
        "classes": {name: _text(weight) for name, weight in snapshot.classes.items()},
    }


def _text(number: object) -> str:
    return format(number, "f")
