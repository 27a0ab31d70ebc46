"""Bring a whole book of accounts to their models: tables in, tables out, on as many cores as wanted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from allocation.book.columns import read_positions, runs_of
from allocation.book.crew import engage
from allocation.book.partition import Book, Planner, join_books
from allocation.book.survey import Survey
from allocation.rules import Rules

# Rows of one partition: enough to be quick, few enough to keep memory small and progress lively.
_MOST_ROWS = 131_072
_FEWEST_ROWS = 256
_PARTITIONS_A_WORKER = 8


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is: accounts done, of how many, how many of them refused, and the last one done ("" for none)."""

    done: int
    accounts: int
    refused: int = 0
    last: str = ""

    def after(self, part: Book) -> "Progress":
        """With one more part done."""
        rows = part.summary
        refused = int(pc.sum(pc.equal(rows.column("status"), "refused")).as_py() or 0)
        last = str(rows.column("account_id")[-1].as_py()) if len(rows) else self.last
        return Progress(self.done + len(rows), self.accounts, self.refused + refused, last)


Watch = Callable[[Progress], object]
"""Told after every partition. Returning False stops the work after it; any other answer lets it go on."""


def rebalance_book(
    positions: pa.Table,
    models: pa.Table,
    rules: Rules | None = None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    watch: Watch | None = None,
) -> Book:
    """The trades of every account, and one summary row for each; the same numbers as `plan_trades` one by one.

    Args:
        positions: account_id, model_id, symbol, quantity, price, cash; if wanted increment, cash_flow, tax_treatment.
        models: model_id, symbol, weight; if wanted price, increment.
        workers: processes to solve in.
        scheduler: the address of a Dask scheduler whose workers solve instead.

    Raises:
        RequestError: the tables lack columns. An account that cannot be planned is refused in its summary row.
    """
    rows = read_positions(positions)
    survey = Survey((rows,))
    planner = Planner(models, rules or Rules(), survey.known(), rows.schema)
    parts: list[Book] = []
    progress = Progress(0, survey.accounts)
    with engage(planner, workers, scheduler) as solve:
        for part in solve(whole_accounts((rows,), partition_rows(len(rows), workers))):
            parts.append(part)
            progress = progress.after(part)
            if watch is not None and watch(progress) is False:
                break
    stopped = progress.done < progress.accounts
    return join_books(parts, planner.money, progress.last if stopped else None)


def partition_rows(rows: int, workers: int) -> int:
    """How many rows to give out at once: a share for everybody several times over, within reason."""
    return max(_FEWEST_ROWS, min(_MOST_ROWS, rows // (workers * _PARTITIONS_A_WORKER)))


def whole_accounts(batches: Iterable[pa.Table], most_rows: int) -> Iterator[pa.Table]:
    """Partitions of about so many rows, none of which divides an account; rows of an account come together."""
    waiting: list[pa.Table] = []
    for batch in batches:
        for start in range(0, len(batch), most_rows):
            waiting.append(batch.slice(start, most_rows))
            if sum(map(len, waiting)) < most_rows:
                continue
            together = pa.concat_tables(waiting)
            last = int(runs_of(together.column("account_id"))[-2])
            if last:
                yield together.slice(0, last)
            waiting = [together.slice(last)]
    if sum(map(len, waiting)):
        yield pa.concat_tables(waiting)
