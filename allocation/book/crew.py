"""Who solves the partitions: this process, its threads or other processes on all cores, or the workers of a Dask cluster.

The quick way is compiled and lets other threads run beside it: there threads share the book, and nothing is copied. The
exact way is Python's own, one thread at a time: a book that needs it for more than a few accounts goes to processes.
"""

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow as pa

from allocation.book.partition import Book, Planner, solve_partition
from allocation.errors import AllocationError, NotSupportedError

if TYPE_CHECKING:
    from distributed import Client

Solve = Callable[[Iterable[pa.Table]], Iterator[Book]]
"""From partitions to their books, in the same order, no further ahead than the crew needs."""

# Partitions given out beyond the one whose answer is awaited, for each worker: enough that none ever waits.
_AHEAD = 2
# The exact way takes some hundred times longer: beyond one account in so many it is what the time goes into.
_ONE_IN = 400
# Seconds until a scheduler that does not answer is given up.
_PATIENCE = 10

# In a process of a pool, which serves one book: what its partitions share.
_planner: Planner


class WorkersLostError(AllocationError):
    """A worker that died before it answered."""

    code = "workers_lost"

    def __init__(self, worker: str) -> None:
        super().__init__(
            f"{worker[:1].upper()}{worker[1:]} that was planning accounts ended before it answered; nothing was written. "
            "Often memory ran out: use fewer workers. In a script, start the work under `if __name__ == '__main__':`.",
            ("workers",),
        )


def engage(planner: Planner, workers: int, scheduler: str | None) -> AbstractContextManager[Solve]:
    """A crew for one book; it is dismissed, and what nobody waits for is cancelled, when the context ends.

    Args:
        workers: threads or processes; 1 solves in this thread.
        scheduler: the address of a Dask scheduler, such as tcp://10.0.0.5:8786, in place of own processes.

    Raises:
        NotSupportedError: a scheduler is named and `distributed` is not installed.
    """
    if scheduler is not None:
        return _cluster(planner, scheduler)
    return _alone(planner) if workers == 1 else _here(planner, workers)


@contextmanager
def _alone(planner: Planner) -> Iterator[Solve]:
    yield lambda partitions: (solve_partition(partition, planner) for partition in partitions)


@contextmanager
def _here(planner: Planner, workers: int) -> Iterator[Solve]:
    """The cores of this machine; the first partition shows whether threads or processes make more of them."""
    with ExitStack() as crews:

        def solve(partitions: Iterable[pa.Table]) -> Iterator[Book]:
            rest, crew = iter(partitions), _pool
            if planner.catalogue is not None:
                for partition in islice(rest, 1):
                    book = solve_partition(partition, planner)
                    crew = _threads if book.one_by_one * _ONE_IN <= len(book.summary) else _pool
                    yield book
            yield from crews.enter_context(crew(planner, workers))(rest)

        yield solve


@contextmanager
def _threads(planner: Planner, workers: int) -> Iterator[Solve]:
    pool = ThreadPoolExecutor(workers, "plan-accounts")
    try:
        yield lambda partitions: _in_order(
            lambda part: pool.submit(solve_partition, part, planner), partitions, workers * _AHEAD
        )
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _pool(planner: Planner, workers: int) -> Iterator[Solve]:
    with TemporaryDirectory() as folder:
        # In a file, for a process that dies while its start is still being written to it leaves us waiting for ever.
        shared = Path(folder) / "planner"
        shared.write_bytes(pickle.dumps(planner))
        # Spawned, as everywhere but on Linux: a fork would copy locks that other threads hold.
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (shared,))
        try:
            yield lambda partitions: _in_order(
                lambda part: pool.submit(_solve_here, _packed(part)), partitions, workers * _AHEAD
            )
        except BrokenExecutor:
            raise WorkersLostError("a process of this machine") from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _cluster(planner: Planner, scheduler: str) -> Iterator[Solve]:
    client, lost = _client(scheduler)
    try:
        shared = client.scatter(planner, broadcast=True)
        given = client.get_executor(pure=False)
        ahead = _AHEAD * max(1, sum(client.nthreads().values()))
        yield lambda partitions: _in_order(
            lambda part: given.submit(_solve_packed, _packed(part), shared), partitions, ahead
        )
    except lost:
        raise WorkersLostError(f"a worker of the cluster at {scheduler}") from None
    finally:
        client.close()


def _client(scheduler: str) -> tuple["Client", type[Exception]]:
    """A client, and what it raises when a worker is lost."""
    try:
        from distributed import Client, KilledWorker  # noqa: PLC0415  only who names a scheduler needs it
    except ImportError:
        raise NotSupportedError(
            "A scheduler is named, but the package distributed is not installed. Install it, or leave the scheduler out "
            "to use this machine's cores.",
            ("scheduler",),
        ) from None
    try:
        return Client(scheduler, timeout=_PATIENCE, set_as_default=False), KilledWorker
    except (OSError, ValueError) as error:
        raise NotSupportedError(
            f"No Dask scheduler answers at {scheduler}: {error}. Start one with `dask scheduler`, or correct the address.",
            ("scheduler",),
        ) from None


def _begin(shared: Path) -> None:
    """In a new process: read what all partitions share, and leave Ctrl-C to the one who gives out the work."""
    global _planner
    signal(SIGINT, SIG_IGN)
    _planner = pickle.loads(shared.read_bytes())  # noqa: S301  written by _pool a moment ago, in a folder of our own


def _solve_here(packed: pa.Buffer) -> Book:
    return _solve_packed(packed, _planner)


def _solve_packed(packed: pa.Buffer, planner: Planner) -> Book:
    with pa.ipc.open_stream(packed) as stream:
        return solve_partition(stream.read_all(), planner)


def _packed(positions: pa.Table) -> pa.Buffer:
    """A partition fit to be sent: pickled as it is, a slice would take the whole table along."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, positions.schema) as stream:
        stream.write_table(positions)
    return sink.getvalue()


def _in_order(
    submit: Callable[[pa.Table], "Future[Book]"], partitions: Iterable[pa.Table], ahead: int
) -> Iterator[Book]:
    """The answers in the order of the questions, with `ahead` questions under way at any time."""
    waiting: deque[Future[Book]] = deque()
    try:
        for partition in partitions:
            waiting.append(submit(partition))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
