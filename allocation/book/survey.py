"""A first look over a whole book: how many accounts, which are scattered, and the prices on which all rows agree."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from allocation.book.account import Known
from allocation.book.columns import encoded, runs_of
from allocation.errors import AllocationError
from allocation.money import to_decimal

SURVEYED = ("account_id", "symbol", "price", "increment")


class Survey:
    """What is known of a book before its first account is planned.

    Attributes:
        rows, accounts: how many; scattered accounts count once.
        scattered: accounts whose rows do not stand together.
    """

    def __init__(self, batches: Iterable[pa.Table]) -> None:
        self.rows = 0
        self.scattered: set[str | None] = set()
        self._seen: set[str | None] = set()
        self._last: tuple[str | None] | None = None
        self._found: dict[str, dict[str, set[Any]]] = {"price": {}, "increment": {}}
        for batch in batches:
            self.rows += len(batch)
            if len(batch):
                self._count(batch.column("account_id"))
                for name in self._found.keys() & set(batch.column_names):
                    self._note(batch, name)

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return len(self._seen)

    def known(self) -> Known:
        """The prices and steps on which all rows agree."""
        prices, disputed = _agreed(self._found["price"])
        increments, _ = _agreed(self._found["increment"])
        return Known(prices, increments, disputed)

    def _count(self, ids: pa.ChunkedArray) -> None:
        for account_id in ids.take(pa.array(runs_of(ids)[:-1])).to_pylist():
            if self._last == (account_id,):
                continue
            if account_id in self._seen:
                self.scattered.add(account_id)
            self._seen.add(account_id)
            self._last = (account_id,)

    def _note(self, batch: pa.Table, name: str) -> None:
        for symbol, number in _different(batch.column("symbol"), batch.column(name)):
            # A line without a price is waiting for one; a line without a step of its own trades in the usual ones.
            if symbol is not None and (number is not None or name == "increment"):
                self._found[name].setdefault(symbol.strip(), set()).add(number)


def _different(symbols: pa.ChunkedArray, numbers: pa.ChunkedArray) -> Iterable[tuple[str | None, Any]]:
    """Every symbol with every number that stands beside it."""
    codes = encoded(symbols)
    if pa.types.is_floating(numbers.type) and not numbers.null_count + codes.null_count:
        places, floats = codes.indices.to_numpy(), numbers.to_numpy()
        last = np.full(len(codes.dictionary), np.nan)
        last[places] = floats
        if (last[places] == floats).all():
            seen = np.flatnonzero(~np.isnan(last))
            return zip(codes.dictionary.take(pa.array(seen)).to_pylist(), last[seen].tolist(), strict=True)
    pairs = (
        pa.table({"symbol": codes.cast(pa.string()), "number": numbers}).group_by(["symbol", "number"]).aggregate([])
    )
    return zip(pairs.column("symbol").to_pylist(), pairs.column("number").to_pylist(), strict=True)


def _agreed(found: dict[str, set[Any]]) -> tuple[dict[str, Decimal], frozenset[str]]:
    """The numbers that stand alone, and the symbols of the others. What is no number is told where it stands."""
    agreed: dict[str, Decimal] = {}
    disputed: set[str] = set()
    for symbol, numbers in found.items():
        try:
            read = {to_decimal(number) for number in numbers}
        except AllocationError:
            disputed.add(symbol)
            continue
        if len(read) == 1:
            agreed[symbol] = read.pop()
        else:
            disputed.add(symbol)
    return agreed, frozenset(disputed)
