"""The rows of a partition as columns of numbers, and which accounts are so regular that they can be read that way."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allocation.book.catalogue import Catalogue
from allocation.book.columns import encoded, runs_of
from allocation.book.exact import TENS, Flags, Numbers, Wholes, is_missing, nothing, read_numbers
from allocation.model import LARGEST_PRICE, SMALLEST_PRICE, TaxTreatment

_TREATMENTS = {treatment.value: i for i, treatment in enumerate(TaxTreatment)}
_NONE, _UNKNOWN = -1, -2


@dataclass(frozen=True, slots=True)
class AccountRows:
    """What a partition holds, row by row and account by account.

    Attributes:
        starts: the first row of each account, and the number of rows at the end.
        account, security: of each row, by number.
        model: of each account, by number.
        regular: accounts that hold nothing unusual; of the others no number here means anything.
        used: rows of regular accounts that name a security.
        own_step: rows that give their own increment.
    """

    starts: Wholes
    account: Wholes
    security: Wholes
    quantity: Numbers
    price: Numbers
    increment: Numbers
    model: Wholes
    cash: Numbers
    cash_flow: Numbers
    regular: Flags
    used: Flags
    own_step: Flags


def read_rows(table: pa.Table, catalogue: Catalogue) -> AccountRows:
    """Read a partition whose rows stand together by account; it holds at least one row."""
    starts = runs_of(table.column("account_id"))
    first = starts[:-1]
    account = np.repeat(np.arange(len(first)), np.diff(starts))
    security = _numbered(table.column("symbol"), catalogue.number, strip=True)
    quantity, price = read_numbers(table.column("quantity")), read_numbers(table.column("price"))
    increment, own = _increments(table, catalogue, security)
    model, models_agree = _of_account(_numbered(table.column("model_id"), catalogue.models.number), first, account)
    treatment, treatments_agree = _of_account(_treatments(table), first, account)
    cash, cash_agrees = _money(table, "cash", first, account)
    flow, flow_agrees = _money(table, "cash_flow", first, account)
    blank = security == _NONE
    fits = (
        (security >= 0)
        & catalogue.clear[np.maximum(security, 0)]
        & _is_quantity(quantity)
        & _is_price(price)
        & increment.read
    )
    fits |= blank & _is_nothing(table.column("quantity"), quantity)
    fits &= models_agree & treatments_agree & cash_agrees & flow_agrees
    regular = np.logical_and.reduceat(fits, first) & (model >= 0) & (treatment != _UNKNOWN)
    regular &= ~is_missing(table.column("account_id"))[first]
    regular &= catalogue.models.usable[np.maximum(model, 0)]
    used = regular[account] & ~blank
    return AccountRows(starts, account, security, quantity, price, increment, model, cash, flow, regular, used, own)


def _numbered(column: pa.ChunkedArray, number: Mapping[str, int], *, strip: bool = False) -> Wholes:
    """The number of each text; −1 where there is none, −2 where it has no number."""
    codes = encoded(column)
    texts = pc.utf8_trim_whitespace(codes.dictionary) if strip else codes.dictionary
    places = pc.index_in(texts, value_set=pa.array(list(number), pa.string()), skip_nulls=True)
    # Of what is not found, and of what is missing, the index −1 finds the last entry.
    numbers = np.array([*number.values(), _UNKNOWN], np.int64)[places.fill_null(-1).to_numpy()]
    numbered: Wholes = np.append(numbers, _NONE)[codes.indices.fill_null(-1).to_numpy()]
    return numbered


def _treatments(table: pa.Table) -> Wholes:
    if "tax_treatment" not in table.column_names:
        return np.full(len(table), _NONE, np.int64)
    return _numbered(table.column("tax_treatment"), _TREATMENTS)


def _increments(table: pa.Table, catalogue: Catalogue, security: Wholes) -> tuple[Numbers, Flags]:
    """The step of each row and whether it is its own; else it is the one of its security."""
    general = catalogue.increment.take(np.maximum(security, 0))
    if "increment" not in table.column_names:
        return general, np.zeros(len(table), bool)
    told, missing = read_numbers(table.column("increment")), is_missing(table.column("increment"))
    steps = Numbers(
        np.where(missing, general.mantissa, told.mantissa),
        np.where(missing, general.scale, told.scale),
        np.where(missing, general.read, told.read & (told.mantissa > 0)),
    )
    return steps, ~missing


def _of_account(numbers: Wholes, first: Wholes, account: Wholes) -> tuple[Wholes, Flags]:
    """A column that says one thing of the whole account, on its first row; and the rows that do not contradict it."""
    said = numbers[first]
    return said, (numbers == said[account]) | (numbers == _NONE)


def _money(table: pa.Table, name: str, first: Wholes, account: Wholes) -> tuple[Numbers, Flags]:
    """Money of the whole account, on its first row; and the rows that agree. None anywhere is 0."""
    if name not in table.column_names:
        zero = nothing(len(first))
        return zero, np.ones(len(account), bool)
    column = table.column(name)
    if pa.types.is_floating(column.type) and not column.null_count:
        floats, told = column.to_numpy(), read_numbers(column.take(pa.array(first)))
        return told, (floats == floats[first][account]) & told.read[account]
    numbers, missing = read_numbers(column), is_missing(column)
    said = numbers.take(first)
    agrees = (numbers.mantissa == said.mantissa[account]) & (numbers.scale == said.scale[account]) & numbers.read
    return said, agrees | missing


def _is_quantity(quantity: Numbers) -> Flags:
    return quantity.read & (quantity.mantissa >= 0)


def _is_nothing(column: pa.ChunkedArray, quantity: Numbers) -> Flags:
    idle: Flags = is_missing(column) | (quantity.read & (quantity.mantissa == 0))
    return idle


def _is_price(price: Numbers) -> Flags:
    largest = int(LARGEST_PRICE) * TENS[np.minimum(price.scale, 9)]
    smallest = TENS[np.maximum(price.scale + SMALLEST_PRICE.adjusted(), 0)]
    possible: Flags = price.read & (price.mantissa >= smallest) & (price.mantissa <= largest) & (price.scale <= 9)
    return possible
