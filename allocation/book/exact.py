"""Columns of numbers as whole numbers: every value a mantissa and a count of decimals, without losing a digit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allocation.book.columns import MOST_DECIMALS

Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

TENS: Wholes = 10 ** np.arange(19, dtype=np.int64)

# Up to so many digits a float is one decimal number and no other, and so is its text.
_MOST_DIGITS = 15
# So many numbers show how many decimals the others have, most of the time.
_GLANCE = 64
MOST_SCALE = 9
_NUMBER = rf"^[+-]?\d{{1,{_MOST_DIGITS}}}(\.\d*)?$"
_LONGEST = _MOST_DIGITS + 1


@dataclass(frozen=True, slots=True)
class Numbers:
    """value = mantissa / 10**scale where `read` is True; the others have to be read one by one."""

    mantissa: Wholes
    scale: Wholes
    read: Flags

    def take(self, rows: Wholes | Flags) -> "Numbers":
        """The numbers of these rows."""
        return Numbers(self.mantissa[rows], self.scale[rows], self.read[rows])


def read_numbers(column: pa.ChunkedArray) -> Numbers:
    """Integers, floats (as their shortest decimal text), decimals and texts, as far as they have up to 15 digits."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type
    if pa.types.is_string(kind):
        return _from_floats(_floats_of_texts(array))
    if pa.types.is_floating(kind):
        return _from_floats(_filled(array.cast(pa.float64()), np.nan))
    if pa.types.is_decimal128(kind):
        return _from_decimals(array)
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        read = ~is_missing(array) if array.null_count else np.ones(len(array), bool)
        mantissa = _filled(array.cast(pa.int64()), 0)
        return Numbers(mantissa, np.zeros(len(array), np.int64), read & (np.abs(mantissa) < TENS[_MOST_DIGITS]))
    return nothing(len(array))


def numbers(mantissa: Wholes, scale: Wholes) -> Numbers:
    """Numbers that are all known."""
    return Numbers(mantissa, scale, np.ones(len(mantissa), bool))


def is_missing(column: pa.ChunkedArray | pa.Array) -> Flags:
    """Where a column has no value."""
    if not column.null_count:
        return np.zeros(len(column), bool)
    missing: Flags = np.asarray(column.is_null())
    return missing


def nothing(rows: int) -> Numbers:
    """So many numbers, none of them read."""
    return Numbers(np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows, bool))


def to_floats(numbers: Numbers) -> Floats:
    """The nearest floats."""
    quotient: Floats = numbers.mantissa / TENS[numbers.scale].astype(np.float64)
    return quotient


def to_column(numbers: Numbers, kind: pa.DataType) -> pa.Array:
    """As floats, or as decimals with 18 digits behind the point."""
    if pa.types.is_floating(kind):
        return pa.array(to_floats(numbers))
    mantissa, scale = numbers.mantissa, numbers.scale
    low, high = _times(np.abs(mantissa).astype(np.uint64), TENS[MOST_DECIMALS - scale].astype(np.uint64))
    negative = mantissa < 0
    low = np.where(negative, ~low + np.uint64(1), low)
    high = np.where(negative, ~high + (low == 0), high)
    words = np.empty((len(mantissa), 2), np.uint64)
    words[:, 0], words[:, 1] = low, high
    return pa.Array.from_buffers(pa.decimal128(38, MOST_DECIMALS), len(mantissa), [None, pa.py_buffer(words)])


def _from_floats(floats: Floats) -> Numbers:
    """The smallest scale at which every float is a whole number divided by a power of ten, if there is one for all."""
    enough = next((d for d in range(MOST_SCALE) if _scaled(floats[:_GLANCE], d)[1].all()), MOST_SCALE)
    for decimals in range(enough, MOST_SCALE):
        whole, fits = _scaled(floats, decimals)
        if fits.all():
            return Numbers(whole, np.full(len(floats), decimals, np.int64), fits)
    return _from_floats_one_by_one(floats)


def _scaled(floats: Floats, decimals: int) -> tuple[Wholes, Flags]:
    """The floats times a power of ten, and which of them are exactly that many."""
    power = float(TENS[decimals])
    with np.errstate(invalid="ignore"):
        near = np.rint(floats * power)
        # The quotient is correctly rounded: equal means that this float is the one nearest to that decimal number.
        fits = (near / power == floats) & (np.abs(near) < float(TENS[_MOST_DIGITS]))
        return np.where(fits, near, 0.0).astype(np.int64), fits


def _from_floats_one_by_one(floats: Floats) -> Numbers:
    """Each at its own scale."""
    found = nothing(len(floats))
    waiting = np.flatnonzero(np.isfinite(floats))
    for decimals in range(_MOST_DIGITS + 1):
        whole, fits = _scaled(floats[waiting], decimals)
        rows = waiting[fits]
        found.mantissa[rows], found.scale[rows], found.read[rows] = whole[fits], decimals, True
        waiting = waiting[~fits]
        if not len(waiting):
            break
    return found


def _from_decimals(array: pa.Array) -> Numbers:
    words = np.frombuffer(array.buffers()[1], np.int64).reshape(-1, 2)[array.offset : array.offset + len(array)]
    mantissa, scale = words[:, 0].copy(), array.type.scale
    read = (words[:, 1] == mantissa >> 63) & ~is_missing(array)
    while scale > 0 and not (mantissa % 10).any():
        mantissa, scale = mantissa // 10, scale - 1
    read &= (np.abs(mantissa) < TENS[_MOST_DIGITS]) & (0 <= scale <= _MOST_DIGITS)
    return Numbers(np.where(read, mantissa, 0), np.full(len(array), max(0, min(scale, _MOST_DIGITS)), np.int64), read)


def _floats_of_texts(array: pa.Array) -> Floats:
    """Texts of plain, short numbers; NaN for the others."""
    plain = pc.and_(pc.match_substring_regex(array, _NUMBER), pc.less_equal(pc.utf8_length(array), _LONGEST))
    floats: Floats = _filled(pc.if_else(plain, array, None).cast(pa.float64()), np.nan)
    return floats


def _filled(array: pa.Array, missing: float) -> Any:
    """The values as an array, with something in place of what is missing."""
    return pc.fill_null(array, missing).to_numpy() if array.null_count else array.to_numpy()


def _times(
    left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The 128 bits of a product, low and high half."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    a, b, c, d = left >> half, left & mask, right >> half, right & mask
    middle = a * d + (b * d >> half)
    inner = b * c + (middle & mask)
    return left * right, a * c + (middle >> half) + (inner >> half)
