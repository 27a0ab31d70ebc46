"""Tables in files: Parquet, CSV or Arrow, read batch by batch, written under a temporary name until they are whole."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from allocation.book.columns import REPEATED
from allocation.errors import RequestError, listed
from allocation.money import plain

_PARQUET, _CSV, _ARROW = (".parquet", ".pq"), (".csv",), (".arrow", ".feather", ".ipc")
_SUFFIXES = (*_PARQUET, *_CSV, *_ARROW)
_BATCH_ROWS = 131_072
_BLOCK_BYTES = 1 << 24
# A cell that a spreadsheet would run.
_FORMULA = "^([=+\\-@\t\r＝＋－＠])"


class FileError(RequestError):
    """A file that is missing, is not what its name says, or cannot be written."""

    code = "file_unusable"


def read_whole(path: Path) -> pa.Table:
    """A small table, such as the models."""
    return pa.concat_tables(list(read_batches(path)))


def read_batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """A table batch by batch, the first one even if it is empty; numbers of a CSV stay text, so that no digit is lost.

    Args:
        columns: only these, as far as they are there.

    Raises:
        FileError: there is no such file, or it cannot be read as what its name says.
    """
    kind = kind_of(path)
    read = _parquet if kind in _PARQUET else _csv if kind in _CSV else _arrow
    try:
        yield from read(path, columns)
    except (OSError, pa.ArrowException) as error:
        said = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise FileError(f"{str(path)!a} cannot be read: {said}.", (str(path),)) from None


def kind_of(path: Path) -> str:
    """The ending that says what a file is.

    Raises:
        FileError: it says nothing we know.
    """
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise FileError(
            f"{path.name!a} does not say what it is. Use a name that ends in {listed(_SUFFIXES)}.", (str(path),)
        )
    return suffix


class Draft:
    """A file in the making, beside its place; `publish` moves it there in one step, `discard` leaves no trace."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        kind = kind_of(path)
        self._path = path
        self._published = False
        self._draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
        self._to_cells: Callable[[pa.Table], pa.Table] = _to_cells if kind in _CSV else _as_it_is
        path.parent.mkdir(parents=True, exist_ok=True)
        written = self._to_cells(schema.empty_table()).schema
        if kind in _PARQUET:
            self._writer: Any = pq.ParquetWriter(self._draft, written)
        elif kind in _CSV:
            self._writer = arrow_csv.CSVWriter(self._draft, written)
        else:
            self._writer = pa.ipc.new_file(self._draft, written)

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self._writer.write_table(self._to_cells(table))

    def publish(self, *, whole: bool = True) -> Path:
        """Give the file its name; one that is not whole is called `….partial…`, so that nobody takes it for the book."""
        self._writer.close()
        self._published = True
        path = self._path if whole else self._path.with_name(f"{self._path.stem}.partial{self._path.suffix}")
        self._draft.replace(path)
        return path

    def discard(self) -> None:
        """Forget what was written, unless it is published already."""
        if not self._published:
            self._writer.close()
            self._draft.unlink(missing_ok=True)


def _parquet(path: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if columns is None or name in columns]
        repeated = [
            name for name in REPEATED if name in names and pa.types.is_string(file.schema_arrow.field(name).type)
        ]
    with pq.ParquetFile(path, memory_map=True, read_dictionary=repeated) as file:
        yield file.schema_arrow.empty_table().select(names)
        for batch in file.iter_batches(_BATCH_ROWS, columns=names):
            yield pa.Table.from_batches([batch])


def _csv(path: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    with path.open("rb") as file:
        head = arrow_csv.read_csv(pa.py_buffer(file.readline()))
    texts = arrow_csv.ConvertOptions(
        column_types={name: pa.string() for name in head.column_names},
        include_columns=[name for name in head.column_names if columns is None or name in columns],
        strings_can_be_null=True,
        null_values=[""],
    )
    yield pa.table({name: pa.array([], pa.string()) for name in texts.include_columns})
    options = arrow_csv.ReadOptions(block_size=_BLOCK_BYTES)
    with arrow_csv.open_csv(path, options, convert_options=texts) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _arrow(path: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
        names = [name for name in file.schema.names if columns is None or name in columns]
        yield file.schema.empty_table().select(names)
        for index in range(file.num_record_batches):
            yield pa.Table.from_batches([file.get_batch(index)]).select(names)


def _as_it_is(table: pa.Table) -> pa.Table:
    return table


def _to_cells(table: pa.Table) -> pa.Table:
    """Plain numbers without idle zeros, and no text that a spreadsheet would run."""
    return pa.table({name: _cell(table.column(name)) for name in table.column_names})


def _cell(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_decimal(column.type):
        return _plain(column)
    if pa.types.is_string(column.type):
        return pc.replace_substring_regex(column, _FORMULA, r"'\1")
    return column


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = pc.replace_substring_regex(column.cast(pa.string()), r"(\.\d*?)0+$", r"\1")
    texts = pc.if_else(pc.equal(column, 0), "0", pc.replace_substring_regex(texts, r"\.$", ""))
    if pc.any(pc.match_substring(texts, "E")).as_py():
        # Arrow writes what is below a millionth with an exponent.
        written = [None if number is None else plain(number) for number in column.to_pylist()]
        return pa.chunked_array([pa.array(written, pa.string())])
    return texts
