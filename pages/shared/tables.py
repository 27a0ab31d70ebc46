"""The tables of the pages: which facts they show, in which order, and how each column is written."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.column_config import CheckboxColumn, NumberColumn, ProgressColumn, TextColumn

from allocation.currencies import Rate
from allocation.desk import DeskLine
from allocation.model import Portfolio, Quote
from allocation.money import decimals, plain
from allocation.price_text import price_age_text
from allocation.rate_text import rate_age, rate_in_words
from allocation.securities import SecurityFacts, classes_in_words, facts_of
from allocation.trade_plan import TradePlan
from allocation.valuation import Valuation, cost_of, gain_of
from pages.shared.look import CURRENCY_SIGNS, money

_NONE: Mapping[str, Any] = MappingProxyType({})
EDITABLE = ("target", "locked")
ROW_HEIGHT = 34
MOST_ROWS_SHOWN = 14
SCROLLBAR_HEIGHT = 11  # of a grid wider than its place; it lies on the last row and would take its clicks


def grid_height(rows: int, most: int = MOST_ROWS_SHOWN) -> int:
    """Pixels for this many rows and their header; more rows scroll."""
    return (min(max(rows, 1), most) + 1) * ROW_HEIGHT + 2


# ── The desk ────────────────────────────────────────────────────────────────────────────────────────────────────────


# The same types in every state: a grid whose columns change their type forgets what was typed into it.
_DESK_TYPES = {
    "symbol": "str",
    **dict.fromkeys(("current", "target", "after", "trade"), "float64"),
    "locked": "bool",
    **dict.fromkeys(("value", "quantity", "price"), "float64"),
    "currency": "str",
    "own_value": "float64",
    "name": "str",
    "priced": "str",
}


def desk_frame(lines: Iterable[DeskLine], now: datetime) -> pd.DataFrame:
    """One row per line; weights in percent."""
    rows = [
        {
            "symbol": line.symbol,
            "current": _points(line.current),
            "target": _points(line.target, 4),
            "after": _points(line.after),
            "trade": float(line.trade) or None,
            "locked": line.locked,
            "value": _number(line.value),
            "quantity": float(line.quantity),
            "price": _number(_own_price(line)),
            "currency": line.quote.currency if line.quote else line.rate.counter if line.rate else "",
            "own_value": _number(_own_value(line)),
            "name": line.name,
            "priced": _priced(line.quote, line.rate, now),
        }
        for line in lines
    ]
    return pd.DataFrame(rows, columns=list(_DESK_TYPES)).astype(_DESK_TYPES)


def _own_price(line: DeskLine) -> Decimal | None:
    """The price of a security in its own currency; of a currency, its rate."""
    return line.quote.price if line.quote else line.rate.price if line.rate else None


def _own_value(line: DeskLine) -> Decimal | None:
    return line.quantity * line.quote.price if line.quote and line.value is not None else line.value


def _priced(quote: Quote | None, rate: Rate | None, now: datetime) -> str:
    """Where a price comes from, and the rate it was told at."""
    if quote is None:
        return rate_age(rate, now) if rate else "no price"
    return price_age_text(quote, now) + (f" · {rate_in_words(rate)} ({rate_age(rate, now)})" if rate else "")


def desk_columns(lines: Iterable[DeskLine], currency: str) -> dict[str, Any]:
    """The columns of the desk, the decision first: on a phone it is what fits."""
    every = tuple(lines)
    finest = max((decimals(line.target.scaleb(2)) for line in every if line.target is not None), default=2)
    prices = [line.quote.price for line in every if line.quote]
    values = [line.value for line in every if line.value is not None]
    several = any(line.rate for line in every)
    return {
        "symbol": TextColumn("Symbol", width=66, pinned=True, disabled=True),
        "current": NumberColumn("Current %", width=78, format="%.2f", disabled=True, help=_CURRENT),
        "target": NumberColumn("Target %", width=94, format=f"%.{min(max(finest, 2), 4)}f", step=0.0001, help=_TARGET),
        "after": NumberColumn("After %", width=66, format="%.2f", disabled=True, help=_AFTER),
        "trade": NumberColumn(
            "Trade", width=64, format=_signed([li.trade for li in every]), disabled=True, help=_TRADE
        ),
        "locked": CheckboxColumn("Lock", width=62, help="A locked line is neither bought nor sold."),
        "value": NumberColumn(
            _titled("Value", currency, several),
            width=_fitting(values, 2),
            format=_money_format(currency),
            disabled=True,
        ),
        "quantity": NumberColumn("Quantity", width=74, format=_exact([line.quantity for line in every]), disabled=True),
        "price": NumberColumn(
            "Price", width=_fitting(prices, 2), format=_money_format("" if several else currency, prices), disabled=True
        ),
        "currency": TextColumn("In", width=48, disabled=True, help=_IN) if several else None,
        "own_value": NumberColumn("Value in it", width=_fitting(values, 2), format=_money_format(""), disabled=True)
        if several
        else None,
        "name": TextColumn("Name", width=240, disabled=True),
        "priced": TextColumn("Price from", width=460 if several else 190, disabled=True),
    }


_CURRENT = "Weight now, counting money put in or taken out."
_TARGET = "Type a percentage. Leave it empty for a holding without a target; 0 sells it."
_AFTER = "Weight once the trades are done."
_TRADE = "Units to buy (+) or sell (−)."
_IN = "The currency of the price. Value and weights are in the account's own."


# ── Trades ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def trades_frame(
    plan: TradePlan, quotes: Mapping[str, Quote] = _NONE, rates: Mapping[str, Rate] = _NONE
) -> pd.DataFrame:
    """One row per trade in the order of the plan: sells first.

    Args:
        quotes: the prices the plan was made from, each in its own currency; needed where there are several.
        rates: by currency, at what rate they were told in the account's.
    """
    return pd.DataFrame(
        [
            {
                "side": trade.side.value.capitalize(),
                "symbol": trade.symbol,
                "quantity": float(trade.quantity),
                "price": float(quote.price if quote else trade.price),
                "currency": quote.currency if quote else rate.counter if rate else "",
                "own_value": float(trade.quantity * quote.price if quote else trade.value),
                "rate": float(rate.price) if rate else None,
                "value": float(trade.value),
                "before": _points(trade.weight_before),
                "after": _points(trade.weight_after),
                "target": _points(trade.weight_target),
                "reason": trade.reason,
            }
            for trade in plan.trades
            for quote in [quotes.get(trade.symbol)]
            for rate in [rates.get(quote.currency if quote else trade.symbol)]
        ]
    )


def trades_columns(plan: TradePlan, currency: str, quotes: Mapping[str, Quote] | None = None) -> dict[str, Any]:
    """The columns of the trade table.

    Args:
        quotes: the prices in their own currencies, where there are several.
    """
    several = quotes is not None
    prices = [q.price for t in plan.trades if (q := quotes.get(t.symbol))] if quotes else [t.price for t in plan.trades]
    return {
        "side": TextColumn("Side", width=50),
        "symbol": TextColumn("Symbol", width=72),
        "quantity": NumberColumn("Quantity", width=78, format=_exact([t.quantity for t in plan.trades])),
        "price": NumberColumn("Price", width=84, format=_money_format("" if several else currency, prices)),
        "currency": TextColumn("In", width=48, help=_IN) if several else None,
        "own_value": NumberColumn("Value in it", width=104, format="%,.2f") if several else None,
        "rate": NumberColumn("Rate", width=84, format="%.6g") if several else None,
        "value": NumberColumn(_titled("Value", currency, several), width=96, format=_money_format(currency)),
        "before": NumberColumn("Current %", width=84, format="%.2f"),
        "after": NumberColumn("After %", width=72, format="%.2f"),
        "target": NumberColumn("Target %", width=76, format="%.2f"),
        "reason": TextColumn("Reason", width=370),
    }


# ── Holdings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def holdings_frame(
    portfolio: Portfolio,
    valuation: Valuation,
    quotes: Mapping[str, Quote],
    now: datetime,
    known: Mapping[str, SecurityFacts] = _NONE,
) -> pd.DataFrame:
    """One row per position; the gain only where the cost is known, the class only where somebody said it."""
    rows = []
    for position in portfolio.positions:
        quote, value = quotes.get(position.symbol), valuation.values.get(position.symbol)
        cost, gain = cost_of(position), gain_of(position, valuation)
        rows.append(
            {
                "symbol": position.symbol,
                "value": _number(value),
                "weight": _points(valuation.weight(position.symbol)),
                "quantity": float(position.quantity),
                "price": float(quote.price) if quote else None,
                "currency": quote.currency if quote else "",
                "own_value": float(position.quantity * quote.price) if quote else None,
                "gain": _number(gain),
                "gain_percent": _points(gain / cost) if gain is not None and cost else None,
                "name": position.name,
                "class": classes_in_words(facts_of(position.symbol, known)) or "not known",
                "priced": _priced(quote, valuation.rates.get(quote.currency) if quote else None, now),
                "cost": _number(cost),
            }
        )
    return pd.DataFrame(rows)


def holdings_columns(portfolio: Portfolio, valuation: Valuation, quotes: Mapping[str, Quote]) -> dict[str, Any]:
    """The columns of the holdings table; what fits a phone comes first."""
    currency = portfolio.account.currency
    held = [quotes[symbol] for symbol in portfolio.symbols if symbol in quotes]
    prices, several = [quote.price for quote in held], any(quote.currency != currency for quote in held)
    weights = [valuation.weight(symbol) for symbol in portfolio.symbols]
    return {
        "symbol": TextColumn("Symbol", width=76, pinned=True),
        "value": NumberColumn(_titled("Value", currency, several), width=104, format=_money_format(currency)),
        "weight": ProgressColumn("Weight", width=136, format="%.2f %%", min_value=0, max_value=_widest(weights)),
        "quantity": NumberColumn("Quantity", width=78, format=_exact([p.quantity for p in portfolio.positions])),
        "price": NumberColumn("Price", width=90, format=_money_format("" if several else currency, prices)),
        "currency": TextColumn("In", width=48, help=_IN) if several else None,
        "own_value": NumberColumn("Value in it", width=104, format="%,.2f") if several else None,
        "gain": NumberColumn("Unrealised gain", width=116, format="%+,.2f"),
        "gain_percent": NumberColumn("Gain %", width=78, format="%+.2f"),
        "name": TextColumn("Name", width=190),
        "class": TextColumn("Class", width=150, help="As it was said under Classes, below; never guessed."),
        "priced": TextColumn("Price from", width=460 if several else 160),
        "cost": NumberColumn("Cost", width=104, format=_money_format(currency)),
    }


def lots_frame(portfolio: Portfolio, valuation: Valuation) -> pd.DataFrame:
    """One row per tax lot of every position that has lots; all money in the account's currency."""
    return pd.DataFrame(
        [
            {
                "symbol": position.symbol,
                "acquired": lot.acquired.isoformat() if lot.acquired else "not known",
                "quantity": float(lot.quantity),
                "unit_cost": float(lot.unit_cost),
                "cost": float(lot.quantity * lot.unit_cost),
                "gain": None if price is None else float(lot.quantity * (price - lot.unit_cost)),
            }
            for position in portfolio.positions
            for price in [valuation.prices.get(position.symbol)]
            for lot in position.lots
        ]
    )


def lots_columns(portfolio: Portfolio, currency: str) -> dict[str, Any]:
    """The columns of the lots table."""
    quantities = [lot.quantity for position in portfolio.positions for lot in position.lots]
    return {
        "symbol": TextColumn("Symbol", width=92, pinned=True),
        "acquired": TextColumn("Acquired", width=110),
        "quantity": NumberColumn("Quantity", width=96, format=_exact(quantities)),
        "unit_cost": NumberColumn("Unit cost", width=96, format=_money_format(currency)),
        "cost": NumberColumn(_titled("Cost", currency), width=118, format=_money_format(currency)),
        "gain": NumberColumn("Unrealised gain", width=122, format="%+,.2f"),
    }


def set_aside_table(portfolio: Portfolio) -> None:
    """The lines of an account that are shown and never traded, each with its value and the reason."""
    account = portfolio.account
    rows = [
        {"line": item.description, "value": money(item.value, account.currency), "reason": item.reason}
        for item in portfolio.set_aside
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(rows)),
        alt=f"Lines of {account.name} {account.masked_number} that are not traded, with the reason",
        column_config={
            "line": TextColumn("Line", width=300),
            "value": TextColumn("Value", width=120, alignment="right"),
            "reason": TextColumn("Why it is not traded", width=480),
        },
    )


# ── How columns are written ─────────────────────────────────────────────────────────────────────────────────────────


def _points(weight: Decimal | None, decimals: int = 2) -> float | None:
    """A weight in percent. Rounded to what is shown, since a screen reader and the clipboard get the number itself."""
    return None if weight is None else float(round(weight * 100, decimals))


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _money_format(currency: str, prices: Iterable[Decimal] = ()) -> str:
    """Money to the cent; prices with the decimals they have, at most four."""
    finest = max((decimals(Decimal(plain(price))) for price in prices), default=2)
    return f"{CURRENCY_SIGNS.get(currency, '')}%,.{min(max(finest, 2), 4)}f"


def _fitting(numbers: Iterable[Decimal], places: int) -> int:
    """The pixels the longest of these numbers takes with its currency sign."""
    longest = max((len(f"{number:,.{places}f}") for number in numbers), default=0)
    return max(66, 16 + 7 * (longest + 1))


def _titled(title: str, currency: str, several: bool = False) -> str:
    return title if currency in CURRENCY_SIGNS and not several else f"{title} ({currency})"


def _widest(weights: Iterable[Decimal | None]) -> float:
    """The end of the scale for bars of weight: the largest weight, so that small ones can be told apart."""
    return max((float(weight * 100) for weight in weights if weight), default=100.0)


def _exact(quantities: Iterable[Decimal]) -> str:
    """As many decimals as the finest quantity has, at most six."""
    finest = max((decimals(quantity.normalize()) for quantity in quantities), default=0)
    return f"%,.{min(finest, 6)}f"


def _signed(quantities: Iterable[Decimal]) -> str:
    return _exact(quantities).replace("%", "%+", 1)
