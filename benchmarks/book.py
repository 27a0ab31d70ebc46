"""How fast a book is: beside a loop over PyPortfolioOpt's greedy allocation, on one core and on all, and file to file.

    python -m benchmarks.book --accounts 100000 [--files 1000000] [--dask] [--greedy-python PYTHON] [--out book.json]

The greedy allocation runs in the interpreter named (one with PyPortfolioOpt installed), on the same accounts, in the same
run, in turns with ours; of each the best of some rounds counts. Times are processor seconds of one core where cores are
compared with the loop, wall seconds where several cores are. Ratios are printed; everything is written to the JSON file.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from allocation.book import rebalance_book, rebalance_files
from allocation.book.command import cores
from allocation.solver.kernel_compiled import COMPILED

SECURITIES, MODELS = 2_000, 50
GREEDY = Path(__file__).with_name("greedy_loop.py")


def main() -> None:
    chosen = _arguments()
    ready = COMPILED.wait()
    found: dict[str, Any] = {"accounts": chosen.accounts, "compiled": ready, "cores": cores()}
    positions, models = make_book(chosen.accounts, seed=1)
    found["lines"] = len(positions)
    found["plain_loop"] = plain_loop(positions, models)
    ours, greedys = [], []
    for _ in range(chosen.rounds):
        ours.append(one_core(positions, models))
        if chosen.greedy_python:
            greedys.append(greedy(positions, models, chosen.greedy_python))
    found["one_core"] = max(ours, key=lambda told: told["a_second"])
    if greedys:
        found["greedy"] = max(greedys, key=lambda told: told["a_second"])
        found["times_greedy"] = found["one_core"]["a_second"] / found["greedy"]["a_second"]
    found["all_cores"] = all_cores(positions, models, chosen.rounds)
    if chosen.dask:
        found["dask"] = on_dask(positions, models, chosen.rounds)
    if chosen.files:
        found["files"] = file_to_file(chosen.files)
    found["peak_memory_gib"] = peak_memory()
    print(json.dumps(found, indent=2))
    if chosen.out:
        Path(chosen.out).write_text(json.dumps(found, indent=2) + "\n")


def make_book(accounts: int, seed: int, first: int = 0) -> tuple[pa.Table, pa.Table]:
    """Accounts of 10 to 60 lines, drifted away from models whose weights are in basis points."""
    chance = np.random.default_rng(seed)
    price = np.round(np.clip(np.exp(chance.normal(np.log(85), 0.95, SECURITIES)), 5, 3000), 2)
    old = price * np.exp(chance.normal(0, 0.15, SECURITIES))
    symbols = pa.array([f"S{i:04}" for i in range(SECURITIES)])
    names = pa.array([f"m{i:02}" for i in range(MODELS)])
    lines, weights = zip(*(_model(chance) for _ in range(MODELS)), strict=True)
    chance = np.random.default_rng((seed, first))
    model = chance.integers(0, MODELS, accounts)
    value = np.clip(np.exp(chance.normal(np.log(150_000), 1.2, accounts)), 5_000, 2e7)
    count = np.array([len(line) for line in lines])
    account = np.repeat(np.arange(accounts), count[model])
    line, weight = np.concatenate([lines[m] for m in model]), np.concatenate([weights[m] for m in model])
    ids = pa.array([f"A{i:07}" for i in range(first, first + accounts)])
    positions = {
        "account_id": ids.take(pa.array(account)),
        "model_id": names.take(pa.array(model[account])),
        "symbol": symbols.take(pa.array(line)),
        "quantity": np.floor(weight * value[account] / old[line]),
        "price": price[line],
        "cash": np.round(value * chance.uniform(0.001, 0.03, accounts), 2)[account],
    }
    wanted = {
        "model_id": names.take(pa.array(np.repeat(np.arange(MODELS), count))),
        "symbol": symbols.take(pa.array(np.concatenate(lines))),
        "weight": np.concatenate(weights),
    }
    return pa.table(positions), pa.table(wanted)


def _model(chance: np.random.Generator) -> tuple[Any, Any]:
    count = int(chance.integers(10, 61))
    points = np.floor(chance.dirichlet(np.full(count, 2.0)) * 10_000).astype(int)
    points[np.argmax(points)] += 10_000 - points.sum()
    return np.sort(chance.choice(SECURITIES, count, replace=False)), points / 10_000


def one_core(positions: pa.Table, models: pa.Table) -> dict[str, Any]:
    """Processor seconds of the whole call, and what was proved."""
    begun = process_time()
    book = rebalance_book(positions, models)
    seconds = process_time() - begun
    accounts = len(book.summary)
    optimal = pc.sum(pc.equal(book.summary.column("status"), "optimal")).as_py()
    return {
        "seconds": seconds,
        "a_second": accounts / seconds,
        "proved": optimal / accounts,
        "one_by_one": book.one_by_one,
    }


def plain_loop(positions: pa.Table, models: pa.Table, accounts: int = 2_000) -> dict[str, Any]:
    """Floor rounding in a loop of plain Python, the floor of any comparison: not optimal, nothing checked."""
    rows = positions.slice(0, int(np.searchsorted(_numbers(positions), accounts))).to_pylist()
    weights = {(row["model_id"], row["symbol"]): row["weight"] for row in models.to_pylist()}
    begun = process_time()
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row["account_id"], []).append(row)
    for lines in grouped.values():
        total = lines[0]["cash"] + sum(row["quantity"] * row["price"] for row in lines)
        for row in lines:
            row["trade"] = weights[row["model_id"], row["symbol"]] * total // row["price"] - row["quantity"]
    return {"a_second": len(grouped) / (process_time() - begun)}


def _numbers(positions: pa.Table) -> Any:
    return pc.utf8_slice_codeunits(positions.column("account_id"), 1).cast(pa.int64()).to_numpy()


def greedy(positions: pa.Table, models: pa.Table, python: str, accounts: int = 2_000) -> dict[str, Any]:
    """Accounts a second of a loop over PyPortfolioOpt's greedy allocation: inputs ready, only the calls are timed."""
    rows = int(np.searchsorted(_numbers(positions), accounts))
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("positions.csv", "models.csv")]
        pa.csv.write_csv(positions.slice(0, rows), files[0])
        pa.csv.write_csv(models, files[1])
        said = subprocess.run([python, str(GREEDY), *files], check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(said.stdout)
    return told


def all_cores(positions: pa.Table, models: pa.Table, rounds: int) -> dict[str, Any]:
    """Wall seconds on one core and on all, in turns."""
    seconds = {1: math.inf, cores(): math.inf}
    for _ in range(rounds):
        for workers, best in seconds.items():
            begun = perf_counter()
            rebalance_book(positions, models, workers=workers)
            seconds[workers] = min(best, perf_counter() - begun)
    return {"seconds": seconds, "times_one": seconds[1] / seconds[cores()]}


def on_dask(positions: pa.Table, models: pa.Table, rounds: int) -> dict[str, Any]:
    """Wall seconds on a Dask cluster of one worker and of two, each a process with one thread, in turns."""
    from distributed import LocalCluster  # noqa: PLC0415 - only who asks for it needs it

    seconds = {1: math.inf, 2: math.inf}
    for workers in seconds:
        with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
            # Once to load the kernel in every worker.
            rebalance_book(positions, models, scheduler=cluster.scheduler_address)
            for _ in range(rounds):
                begun = perf_counter()
                rebalance_book(positions, models, scheduler=cluster.scheduler_address)
                seconds[workers] = min(seconds[workers], perf_counter() - begun)
    return {"seconds": seconds, "times_one": seconds[1] / seconds[2]}


def file_to_file(accounts: int, at_once: int = 50_000) -> dict[str, Any]:
    """Parquet to Parquet, on all cores."""
    with tempfile.TemporaryDirectory() as folder:
        source, wanted = Path(folder) / "accounts.parquet", Path(folder) / "models.parquet"
        first_rows, models = make_book(at_once, seed=1)
        pq.write_table(models, wanted)
        with pq.ParquetWriter(source, first_rows.schema) as writer:
            for first in range(0, accounts, at_once):
                writer.write_table(make_book(min(at_once, accounts - first), seed=1, first=first)[0])
        begun = perf_counter()
        report = rebalance_files(source, wanted, Path(folder) / "out", workers=cores())
        seconds = perf_counter() - begun
    return {"accounts": report.accounts, "seconds": seconds, "statuses": report.statuses, "trades": report.trades}


def peak_memory() -> float:
    """Of this process and its largest child, in GiB: an upper bound for two processes, not for more."""
    used = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used) * (1 if sys.platform == "darwin" else 1024) / 2**30


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=0, help="accounts to go from file to file")
    parser.add_argument("--dask", action="store_true", help="measure a local cluster too")
    parser.add_argument("--greedy-python", help="an interpreter with PyPortfolioOpt")
    parser.add_argument("--out", help="a JSON file for the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
