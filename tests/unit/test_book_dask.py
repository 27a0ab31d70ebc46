"""A book on a real Dask cluster: a scheduler and two worker processes, named by address only."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pyarrow as pa
import pytest

from allocation.book import rebalance_book
from allocation.errors import NotSupportedError

if os.environ.get("CI"):
    import distributed
else:
    distributed = pytest.importorskip("distributed")

MODELS = pa.table({"model_id": ["m", "m"], "symbol": ["VTI", "BND"], "weight": [0.6, 0.4], "price": [250.10, 72.31]})


def accounts(count: int) -> pa.Table:
    return pa.table(
        {
            "account_id": [f"a{i:04}" for i in range(count)],
            "model_id": ["m"] * count,
            "symbol": ["VTI"] * count,
            "quantity": [float(i % 9) for i in range(count)],
            "price": [250.10] * count,
            "cash": [1000.0 + i for i in range(count)],
        }
    )


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a cluster of two worker processes."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_the_workers_of_a_cluster_give_the_same_book(scheduler: str) -> None:
    table = accounts(2_000)

    book = rebalance_book(table, MODELS, scheduler=scheduler)

    assert book == rebalance_book(table, MODELS)
    with distributed.Client(scheduler, set_as_default=False) as client:
        done = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert len(done) == 2
    assert all(count > 0 for count in done.values())


def test_a_bad_account_is_refused_on_a_worker_as_at_home(scheduler: str) -> None:
    table = accounts(20).set_column(1, "model_id", pa.array(["m"] * 19 + ["none"]))

    book = rebalance_book(table, MODELS, scheduler=scheduler)

    assert book.summary.column("error_code").to_pylist() == [None] * 19 + ["model_unknown"]


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allocation.book.crew._PATIENCE", 1)

    with pytest.raises(NotSupportedError, match=r"tcp://127\.0\.0\.1:9"):
        rebalance_book(accounts(2), MODELS, scheduler="tcp://127.0.0.1:9")


def test_nobody_who_names_no_scheduler_needs_dask() -> None:
    told = "import sys; sys.modules['distributed'] = None; import allocation.book"

    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
