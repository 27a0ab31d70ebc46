"""The tables of an import preview: what was read, and what was not."""

from collections.abc import Iterable
from decimal import Decimal

import pandas as pd
import streamlit as st
from streamlit.column_config import NumberColumn, TextColumn

from allocation.holding_changes import Changes
from allocation.imported import LineProblem
from allocation.model import Portfolio, Quote
from allocation.money import decimals
from allocation.valuation import cost_of
from pages.shared.look import NOT_KNOWN, money, units
from pages.shared.tables import ROW_HEIGHT, grid_height

MOST_ROWS = 12
CENTS = 2


def positions_table(portfolio: Portfolio) -> None:
    """The positions as the file has them; amounts are text, so that no digit of them changes."""
    currency = portfolio.account.currency
    rows = [
        {
            "symbol": position.symbol,
            "quantity": units(position.quantity),
            "price": price(quote) if (quote := position.quote) else "not in the file",
            "value": money(position.quantity * quote.price, quote.currency) if quote else NOT_KNOWN,
            "cost": money(cost, currency) if (cost := cost_of(position)) is not None else NOT_KNOWN,
            "name": position.name,
        }
        for position in portfolio.positions
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(rows), MOST_ROWS),
        alt=f"Positions read for the account {portfolio.account.name} {portfolio.account.masked_number}",
        column_config={
            "symbol": TextColumn("Symbol", width=118, pinned=True),
            "quantity": TextColumn("Quantity", width=110, alignment="right"),
            "price": TextColumn("Price in the file", width=120, alignment="right"),
            "value": TextColumn("Value", width=120, alignment="right"),
            "cost": TextColumn("Cost", width=120, alignment="right"),
            "name": TextColumn("Name", width=260),
        },
    )


def price(quote: Quote) -> str:
    """The price with every digit the file has."""
    shown = money(quote.price, quote.currency)
    return shown if decimals(quote.price) <= CENTS else f"{quote.price:f} {quote.currency}"


def changes_table(changes: Changes, currency: str) -> None:
    """What is gone, new, more or less, and the cash of every currency, before and after."""
    rows = [
        {
            "what": change.what,
            "kind": "gone" if change.after is None else "new" if change.before is None else "changed",
            "before": units(change.before) if change.before is not None else "",
            "after": units(change.after) if change.after is not None else "",
            "by": f"{'+' if change.by > 0 else '−'}{units(abs(change.by))}",
            "name": change.name,
        }
        for change in changes.positions
    ]
    rows += [
        {
            "what": f"Cash {change.what}",
            "kind": "changed",
            "before": money(change.before or Decimal(0), change.what or currency),
            "after": money(change.after or Decimal(0), change.what or currency),
            "by": f"{'+' if change.by > 0 else ''}{money(change.by, change.what or currency)}",
            "name": "",
        }
        for change in changes.cash
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(rows), MOST_ROWS),
        alt="What the file changes about the account that is saved",
        column_config={
            "what": TextColumn("Holding", width=110, pinned=True),
            "kind": TextColumn("", width=80),
            "before": TextColumn("Before", width=120, alignment="right"),
            "after": TextColumn("After", width=120, alignment="right"),
            "by": TextColumn("Change", width=120, alignment="right"),
            "name": TextColumn("Name", width=240),
        },
    )


def problems_table(problems: Iterable[LineProblem]) -> None:
    """Each line with its number in the file, why it was not read, and its text."""
    rows = [{"line": p.line_number, "reason": p.reason, "text": p.text} for p in problems]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(rows), MOST_ROWS),
        alt="Lines of the file that could not be read as they stand",
        column_config={
            "line": NumberColumn("Line", width=60, pinned=True),
            "reason": TextColumn("Why", width=520),
            "text": TextColumn("Text", width=420),
        },
    )
