"""The columns of a book: which there are, what type they come out in, and how every number is read to its last digit."""

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allocation.errors import RequestError, listed

REQUIRED = ("account_id", "model_id", "symbol", "quantity", "price", "cash")
OPTIONAL = ("increment", "cash_flow", "tax_treatment")
MODEL_REQUIRED = ("model_id", "symbol", "weight")
MODEL_OPTIONAL = ("price", "increment")

_TEXTS = ("account_id", "model_id", "symbol", "tax_treatment")
# Few texts, over and over: each is kept once, and looked up once.
REPEATED = ("model_id", "symbol")
# Exact money: 20 digits before the point, 18 behind it.
DECIMAL = pa.decimal128(38, 18)
MOST_DECIMALS = 18


def read_positions(table: pa.Table) -> pa.Table:
    """The columns of the accounts, texts as plain strings, rows of one account standing together.

    Raises:
        RequestError: columns are missing, misspelt, or of a type that holds no numbers; all are named.
    """
    return _gathered(_chosen(table, REQUIRED, OPTIONAL, "The accounts"))


def read_columns(table: pa.Table, only: Collection[str] = ()) -> pa.Table:
    """The columns of the accounts in the order in which their rows come; all of them, or `only` some."""
    required = [name for name in REQUIRED if not only or name in only]
    return _chosen(table, required, OPTIONAL, "The accounts")


def read_model_columns(table: pa.Table) -> pa.Table:
    """The columns of the models, checked like those of the accounts."""
    return _chosen(table, MODEL_REQUIRED, MODEL_OPTIONAL, "The models")


def money_type(positions: pa.Schema) -> pa.DataType:
    """What money comes out as: floats where prices or quantities came in as floats, else exact decimals."""
    floating = any(pa.types.is_floating(positions.field(name).type) for name in ("quantity", "price"))
    return pa.float64() if floating else DECIMAL


def trades_schema(money: pa.DataType) -> pa.Schema:
    """One row for each trade; `trade_quantity` is negative for a sale, `value` is always above zero."""
    texts = [("account_id", pa.string()), ("symbol", pa.string())]
    numbers = [(name, money) for name in ("trade_quantity", "price", "value", "cost", "tax")]
    return pa.schema([*texts, *numbers, ("side", pa.string())])


def summary_schema(money: pa.DataType) -> pa.Schema:
    """One row for each account. Figures are null, and the error columns filled, where it was refused."""
    return pa.schema(
        [
            ("account_id", pa.string()),
            ("model_id", pa.string()),
            ("status", pa.string()),
            ("objective", pa.float64()),
            ("bound", pa.float64()),
            ("gap", pa.float64()),
            ("drift_before", pa.float64()),
            ("drift_after", pa.float64()),
            ("total", money),
            ("cash_after", money),
            ("trades", pa.int32()),
            ("error_code", pa.string()),
            ("error_message", pa.string()),
        ]
    )


def runs_of(accounts: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Where each run of rows of one account begins, and where the last one ends."""
    rows = len(accounts)
    if rows < 2:
        return np.array([0, rows] if rows else [0], np.int64)
    ids = accounts.combine_chunks()
    differs = pc.not_equal(ids.slice(1), ids.slice(0, rows - 1))
    if ids.null_count:
        missing = np.asarray(ids.is_null())
        changes = np.where(
            missing[1:] | missing[:-1], missing[1:] != missing[:-1], np.asarray(differs.fill_null(False))
        )
    else:
        changes = differs.to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.flatnonzero(changes) + 1, [rows]])


def encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Texts as numbers of the different ones among them."""
    array = column.combine_chunks()
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


def _chosen(table: pa.Table, required: Sequence[str], optional: Sequence[str], what: str) -> pa.Table:
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise RequestError(f"{what} name the column {listed(twice)} more than once. Keep one of each.", twice)
    missing = [name for name in required if name not in table.column_names]
    if missing:
        raise RequestError(
            f"{what} lack the column {listed(missing)}. Columns: {listed(required)}, and if wanted {listed(optional)}.",
            missing,
        )
    _refuse_misspelt(table.column_names, {*required, *optional}, optional, what)
    names = [name for name in (*required, *optional) if name in table.column_names]
    return pa.table({name: _read(name, table.column(name), what) for name in names})


def _refuse_misspelt(found: Iterable[str], known: set[str], optional: Sequence[str], what: str) -> None:
    """A column that is nearly one of ours would be ignored in silence; others are none of our business."""
    meant = {name: get_close_matches(name.lower(), optional, 1, 0.85) for name in found if name not in known}
    misspelt = {name: close[0] for name, close in meant.items() if close}
    if misspelt:
        told = listed(f"{name} (did you mean {close}?)" for name, close in misspelt.items())
        raise RequestError(f"{what} have the column {told}. Rename it or leave it out.", misspelt)


def _read(name: str, column: pa.ChunkedArray, what: str) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        if name in REPEATED and pa.types.is_string(kind.value_type) and pa.types.is_int32(kind.index_type):
            return column
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if name in _TEXTS:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
            texts = column.cast(pa.string())
            return texts.dictionary_encode() if name in REPEATED else texts
        raise RequestError(f"{what} have {name} as {kind}; expected text.", (name,))
    if pa.types.is_large_string(kind):
        return column.cast(pa.string())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_string(kind):
        return column
    raise RequestError(f"{what} have {name} as {kind}; expected numbers.", (name,))


def _gathered(table: pa.Table) -> pa.Table:
    """Rows of one account moved together, accounts and rows otherwise in their order."""
    ids = table.column("account_id")
    starts = runs_of(ids)[:-1]
    if pc.count_distinct(ids.take(pa.array(starts)), mode="all").as_py() == len(starts):
        return table
    codes = ids.combine_chunks().dictionary_encode(null_encoding="encode").indices
    return table.take(pc.sort_indices(pa.table({"account": codes, "row": pa.array(range(len(codes)))}), _BY_ACCOUNT))


_BY_ACCOUNT = [("account", "ascending"), ("row", "ascending")]
