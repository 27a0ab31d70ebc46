"""A book from file to file: never more of it in memory than the workers need, and whole files or plainly partial ones."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from allocation.book.account import Outcome
from allocation.book.book import Progress, Watch, partition_rows, whole_accounts
from allocation.book.columns import read_columns, summary_schema, trades_schema
from allocation.book.crew import engage
from allocation.book.files import Draft, kind_of, read_batches, read_whole
from allocation.book.partition import Book, Planner, book_of
from allocation.book.survey import SURVEYED, Survey
from allocation.errors import RequestError
from allocation.rules import Rules


@dataclass(frozen=True, slots=True)
class Report:
    """What was written.

    Attributes:
        statuses: how many accounts are optimal, feasible, refused.
        refusals: how many were refused for what, by error code.
        stopped_after: where the work was stopped, the last account that is in the files ("" for none); else None.
    """

    accounts: int
    statuses: dict[str, int]
    refusals: dict[str, int]
    trades: int
    trades_file: Path
    summary_file: Path
    stopped_after: str | None = None


def rebalance_files(
    accounts: Path,
    models: Path,
    out: Path,
    rules: Rules | None = None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    watch: Watch | None = None,
) -> Report:
    """Read accounts and models, write trades and summary; `watch` or Ctrl-C stops it and leaves what is finished.

    Args:
        accounts, models: Parquet, CSV or Arrow files with the columns of `rebalance_book`. Rows of one account stand
            together; an account whose rows do not is refused.
        out: a directory (trades.parquet and summary.parquet in it), or the file of the trades, whose name says what it
            is; the summary is then beside it.

    Raises:
        RequestError: a file cannot be read or written, or lacks columns.
    """
    places = _places(out)
    schema = read_columns(next(read_batches(accounts))).schema
    survey = Survey(read_columns(batch, SURVEYED) for batch in read_batches(accounts, SURVEYED))
    planner = Planner(read_whole(models), rules or Rules(), survey.known(), schema)
    with _Writing(places, planner.money, watch) as writing, engage(planner, workers, scheduler) as solve:
        whole = writing.follow(solve(_partitions(accounts, survey, workers)), Progress(0, survey.accounts))
        if whole:
            writing.add(_refusals(survey, planner))
        return writing.publish(whole=whole)


class _Writing:
    """The two files in the making, and what is to be told about them."""

    def __init__(self, places: tuple[Path, Path], money: pa.DataType, watch: Watch | None) -> None:
        self._trades = Draft(places[0], trades_schema(money))
        self._summary = Draft(places[1], summary_schema(money))
        self._watch = watch
        self._last = ""
        self._count = 0
        self._statuses, self._refusals = Counter[str](), Counter[str]()

    def __enter__(self) -> "_Writing":
        return self

    def __exit__(self, *_: object) -> None:
        self._trades.discard()
        self._summary.discard()

    def follow(self, parts: Iterable[Book], progress: Progress) -> bool:
        """Write part after part; False when the work was stopped before the last."""
        try:
            for part in parts:
                self.add(part)
                progress = progress.after(part)
                self._last = progress.last
                if self._watch is not None and self._watch(progress) is False:
                    return progress.done == progress.accounts
        except KeyboardInterrupt:
            return False
        return True

    def add(self, part: Book) -> None:
        """Write one part."""
        self._trades.write(part.trades)
        self._summary.write(part.summary)
        self._count += len(part.trades)
        self._statuses += _counted(part.summary, "status")
        self._refusals += _counted(part.summary, "error_code")

    def publish(self, *, whole: bool) -> Report:
        """Give both files their names."""
        return Report(
            accounts=self._statuses.total(),
            statuses=dict(sorted(self._statuses.items())),
            refusals=dict(sorted(self._refusals.items())),
            trades=self._count,
            trades_file=self._trades.publish(whole=whole),
            summary_file=self._summary.publish(whole=whole),
            stopped_after=None if whole else self._last,
        )


def _places(out: Path) -> tuple[Path, Path]:
    if out.is_dir() or not out.suffix:
        return out / "trades.parquet", out / "summary.parquet"
    kind_of(out)
    return out, out.with_name(f"{out.stem}.summary{out.suffix}")


def _partitions(accounts: Path, survey: Survey, workers: int) -> Iterator[pa.Table]:
    batches = (read_columns(batch) for batch in read_batches(accounts))
    if survey.scattered:
        scattered = pa.array(sorted(survey.scattered, key=str), pa.string())
        batches = (batch.filter(pc.invert(pc.is_in(batch.column("account_id"), scattered))) for batch in batches)
    return whole_accounts(batches, partition_rows(survey.rows, workers))


def _refusals(survey: Survey, planner: Planner) -> Book:
    """The accounts whose rows do not stand together, each refused once."""
    refusal = RequestError(
        "The rows of the account do not stand together in the file. Sort the file by account_id.", ("account_id",)
    )
    outcomes = [Outcome(account_id, None, refusal=refusal) for account_id in sorted(survey.scattered, key=str)]
    return book_of(outcomes, planner.money)


def _counted(table: pa.Table, name: str) -> Counter[str]:
    counts = table.column(name).value_counts().to_pylist()
    return Counter({each["values"]: each["counts"] for each in counts if each["values"] is not None})
