"""Which column is what? For a table that no reader knows: what was guessed, to be looked at and changed."""

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from allocation.errors import AllocationError
from allocation.imported import UnknownTable
from allocation.mapping import ColumnMapping, DayOrder, Field
from pages.shared.look import literal
from pages.shared.tables import ROW_HEIGHT, grid_height

_LABELS = {
    Field.SYMBOL: "Symbol",
    Field.QUANTITY: "Quantity",
    Field.PRICE: "Price",
    Field.VALUE: "Value",
    Field.UNIT_COST: "Cost of one unit",
    Field.COST: "Cost altogether",
    Field.ACQUIRED: "Date acquired",
    Field.CURRENCY: "Currency",
    Field.ACCOUNT: "Account",
    Field.NAME: "Name",
}
_DECIMALS = {False: "1,234.56", True: "1.234,56"}
_DAYS = {DayOrder.ISO: "2026-11-20", DayOrder.DAY_FIRST: "20/11/2026", DayOrder.MONTH_FIRST: "11/20/2026"}
_LONGEST_EXAMPLE = 24


def ask_for_columns(table: UnknownTable, kept: ColumnMapping | None, key: str) -> ColumnMapping | None:
    """What the user says the columns mean; None while something is missing, and then it is said what.

    Args:
        kept: what was said before of a table with this header, to begin with.
        key: what tells this file's widgets from those of another.
    """
    st.header("Which column is what?", anchor=False)
    st.caption(
        f"No reader knows this table; its header is line {table.line}. What was guessed is filled in: look at it and change what "
        "is wrong. Your choice is remembered for files with the same header."
    )
    _show_sample(table)
    places = _ask_for_places(table, kept, key)
    decimal_comma, days, currency = _ask_for_dialect(table, kept, places, key)
    if decimal_comma is None or days is None:
        st.info("A number or a date in this file could be read in two ways. Say above how they are written.")
        return None
    try:
        return ColumnMapping(places, decimal_comma, days, currency.strip().upper())
    except AllocationError as error:
        st.warning(literal(str(error)), icon=":material/warning:")
        return None


def _show_sample(table: UnknownTable) -> None:
    """The first lines as they stand in the file; a column without a name goes by its number."""
    names = [_column(table, place) for place in range(len(table.names))]
    rows = [dict(zip(names, (*row, *[""] * len(names)), strict=False)) for row in table.sample]
    st.dataframe(
        pd.DataFrame(rows, columns=names),
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=grid_height(len(rows), len(rows)),
        alt="The first lines of the file as they stand in it",
    )


def _ask_for_places(table: UnknownTable, kept: ColumnMapping | None, key: str) -> dict[Field, int]:
    guessed = kept.places if kept else table.places
    options: list[int | None] = [None, *range(len(table.names))]
    places: dict[Field, int] = {}
    columns: tuple[DeltaGenerator, ...] = ()
    for number, field in enumerate(_LABELS):
        guess = guessed.get(field)
        # Row by row, so that they stay in their order where the page is too narrow for two.
        columns = columns if number % 2 else tuple(st.columns(2))
        with columns[number % 2]:
            chosen = st.selectbox(
                _LABELS[field],
                options,
                index=options.index(guess) if guess in options else 0,
                format_func=lambda place: "Not in the file" if place is None else _option(table, place),
                key=f"accounts.column.{field.value}.{key}",
            )
        # What comes back from a browser is judged before it is used.
        if isinstance(chosen, int) and not isinstance(chosen, bool) and 0 <= chosen < len(table.names):
            places[field] = chosen
    return places


def _ask_for_dialect(
    table: UnknownTable, kept: ColumnMapping | None, places: dict[Field, int], key: str
) -> tuple[bool | None, DayOrder | None, str]:
    """How numbers and days are written and which currency is meant; None where the user has to say and has not yet."""
    comma = kept.decimal_comma if kept else table.decimal_comma
    order = kept.days if kept else table.days
    decimals, dates, money = st.columns(3)
    with decimals:
        comma = st.radio(
            "Numbers are written as",
            list(_DECIMALS),
            index=None if comma is None else list(_DECIMALS).index(comma),
            format_func=_DECIMALS.__getitem__,
            key=f"accounts.decimals.{key}",
        )
    if Field.ACQUIRED in places:
        with dates:
            order = st.radio(
                "Dates are written as",
                list(_DAYS),
                index=None if order is None else list(_DAYS).index(order),
                format_func=_DAYS.__getitem__,
                key=f"accounts.dates.{key}",
            )
    else:
        order = DayOrder.ISO
    currency = kept.currency if kept else "USD"
    if Field.CURRENCY not in places:
        with money:
            currency = st.text_input("Currency", currency, max_chars=3, key=f"accounts.currency.{key}")
    return comma, order, currency


def _option(table: UnknownTable, place: int) -> str:
    """A column by its name, with the first thing that stands in it."""
    cells = (row[place] for row in table.sample if place < len(row) and row[place])
    example = next(cells, "")[:_LONGEST_EXAMPLE]
    return f"{_column(table, place)} · {example}" if example else _column(table, place)


def _column(table: UnknownTable, place: int) -> str:
    """A name that no other column has."""
    name = table.names[place]
    return name if name and table.names.count(name) == 1 else f"{name or 'Column'} ({place + 1})"
