"""Whole shares beside PyPortfolioOpt 1.6: the same instances in the same process, who is quicker and who comes closer.

    python benchmarks/versus_pyportfolioopt.py [--full] [--patience SECONDS] [--json RESULT.json]

Both sides go from a dictionary of weights and prices to a dictionary of quantities. PyPortfolioOpt minimises the sum of
absolute deviations plus the cash left over, which is the objective l1; so that is what ours is asked for too, and what
both are judged by, recomputed here from the quantities in exact whole numbers. Ratios are medians over instances of
paired times. "Bare" is the kernel alone, arrays in and out.
"""

import argparse
import json
import platform
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from pypfopt import DiscreteAllocation

sys.path.insert(0, str(Path(__file__).parents[1]))

from allocation import labels
from allocation.solver.kernel_compiled import COMPILED

SIZES = (10, 50, 200, 500, 1_000, 5_000)
QUICK_SIZES = (10, 50, 200, 500)
INSTANCES = {
    "quick": {10: 100, 50: 60, 200: 15, 500: 15},
    "full": {10: 100, 50: 100, 200: 100, 500: 100, 1_000: 30, 5_000: 10},
}
# Seconds after which no further instance of this size is given to the linear program.
PATIENCE = {"quick": 20.0, "full": 600.0}
REPEATS = 5


@dataclass(frozen=True)
class Instance:
    """What to divide: prices in cents, a total in cents, weights that sum to one."""

    cents: dict[str, int]
    weights: dict[str, float]
    total: int

    @property
    def prices(self) -> dict[str, float]:
        return {label: cents / 100 for label, cents in self.cents.items()}

    def l1(self, quantities: Mapping[str, int]) -> float:
        """Σ|wanted − value| + cash left, in money; whole cents but for the weights."""
        values = {label: self.cents[label] * int(quantities.get(label, 0)) for label in self.cents}
        off = sum(abs(weight * self.total - values[label]) for label, weight in self.weights.items())
        left = self.total - sum(values.values())
        assert left >= 0, "overspent"
        return (off + left) / 100


@dataclass
class Row:
    """The medians of one size."""

    lines: int
    instances: int = 0
    lp_instances: int = 0
    ours_us: float = 0.0
    bare_us: float = 0.0
    greedy_us: float = 0.0
    lp_us: float = 0.0
    greedy_ratio: float = 0.0
    lp_ratio: float = 0.0
    bare_lp_ratio: float = 0.0
    proved: float = 0.0
    better_than_greedy: float = 0.0
    better_than_lp: float = 0.0
    worse: int = 0
    greedy_excess: float = 0.0
    lp_excess: float = 0.0
    widest_gap: float = 0.0


def instance(seed: int, lines: int) -> Instance:
    """Prices around 85 like those of shares, weights of four kinds, totals from 2,000 to 10 million."""
    random = np.random.default_rng([seed, lines])
    prices = np.clip(np.exp(random.normal(np.log(85.0), 0.95, lines)), 5, 3000)
    cents = np.round(prices * 100).astype(int)
    kind = seed % 4
    if kind == 0:
        weights = np.full(lines, 1.0 / lines)
    elif kind == 1:
        weights = random.dirichlet(np.ones(lines))
    elif kind == 2:
        weights = random.permutation(np.arange(1, lines + 1) ** -0.9)
    else:
        weights = np.maximum(random.multinomial(max(200, 2 * lines), random.dirichlet(np.full(lines, 3.0))), 1)
    weights = weights / weights.sum()
    total = round(100 * float(np.exp(random.uniform(np.log(2e3), np.log(1e7)))))
    names = [f"S{i:04d}" for i in range(lines)]
    return Instance(
        dict(zip(names, cents.tolist(), strict=True)), dict(zip(names, weights.tolist(), strict=True)), total
    )


def timed(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The median processor time of a call, and what it returned: who else uses the machine would slow long calls only."""
    times, found = [], None
    for _ in range(repeats):
        start = time.process_time()
        found = call()
        times.append(time.process_time() - start)
    return median(times), found


def bare_kernel(given: Instance) -> Callable[[], Any]:
    """The compiled function with the arrays that `allocate` hands it."""
    seen: list[tuple[Any, ...]] = []
    compiled = COMPILED.solve_alone
    assert compiled is not None
    COMPILED.solve_alone = lambda *arguments: (seen.append(arguments), compiled(*arguments))[-1]
    labels.allocate(given.weights, given.prices, cash=given.total / 100, objective="l1")
    COMPILED.solve_alone = compiled
    return lambda: compiled(*seen[0])


def measure(lines: int, count: int, patience: float) -> Row:
    """All instances of one size, each side in turn on the same one."""
    row, spent = Row(lines), 0.0
    times: dict[str, list[float]] = {name: [] for name in ("ours", "bare", "greedy", "lp")}
    excess: dict[str, list[float]] = {"greedy": [], "lp": []}
    gaps, lp_pairs = [], []
    for seed in range(count):
        given = instance(seed, lines)
        weights, prices, series = given.weights, given.prices, pd.Series(given.prices)
        cash, repeats = given.total / 100, REPEATS if lines <= 500 else 2
        ours, found = timed(lambda: labels.allocate(weights, prices, cash=cash, objective="l1"), repeats)  # noqa: B023
        greedy, other = timed(
            lambda: DiscreteAllocation(dict(weights), series, cash).greedy_portfolio(),  # noqa: B023
            repeats if lines <= 200 else 1,
        )
        bare, _ = timed(bare_kernel(given), repeats)
        best = given.l1(found.quantities)
        for name, spent_time in (("ours", ours), ("greedy", greedy), ("bare", bare)):
            times[name].append(spent_time)
        excess["greedy"].append(given.l1(other[0]) - best)
        gaps.append((found.objective - found.bound) / cash)
        row.worse += excess["greedy"][-1] < -1e-9 * cash
        if spent < patience:
            lp, program = timed(lambda: DiscreteAllocation(dict(weights), series, cash).lp_portfolio(), 1)  # noqa: B023
            spent += lp
            times["lp"].append(lp)
            lp_pairs.append((lp / ours, lp / bare))
            excess["lp"].append(given.l1(program[0]) - best)
            row.worse += excess["lp"][-1] < -1e-9 * cash
    return summarise(row, times, excess, gaps, lp_pairs, count)


def summarise(
    row: Row,
    times: dict[str, list[float]],
    excess: dict[str, list[float]],
    gaps: list[float],
    lp_pairs: list[tuple[float, float]],
    count: int,
) -> Row:
    """The row with its medians and shares."""
    row.instances, row.lp_instances = count, len(times["lp"])
    row.ours_us, row.bare_us = 1e6 * median(times["ours"]), 1e6 * median(times["bare"])
    row.greedy_us = 1e6 * median(times["greedy"])
    row.greedy_ratio = median(g / o for g, o in zip(times["greedy"], times["ours"], strict=True))
    row.proved = sum(gap <= 1e-9 for gap in gaps) / count
    row.widest_gap = max(gaps)
    row.better_than_greedy = sum(more > 1e-6 for more in excess["greedy"]) / count
    row.greedy_excess = median(excess["greedy"])
    if lp_pairs:
        row.lp_us = 1e6 * median(times["lp"])
        row.lp_ratio, row.bare_lp_ratio = median(a for a, _ in lp_pairs), median(b for _, b in lp_pairs)
        row.better_than_lp = sum(more > 1e-6 for more in excess["lp"]) / len(lp_pairs)
        row.lp_excess = median(excess["lp"])
    return row


def show(rows: list[Row]) -> None:
    """The table, in Markdown."""
    print(
        "| lines | instances (LP) | ours µs | bare µs | greedy ÷ ours | LP ÷ ours | LP ÷ bare | proved ≤ 1e-9 | better than greedy | better than LP | worse |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        lp = (f"{row.lp_ratio:,.0f}", f"{row.bare_lp_ratio:,.0f}") if row.lp_instances else ("–", "–")
        print(
            f"| {row.lines:,} | {row.instances} ({row.lp_instances}) | {row.ours_us:,.0f} | {row.bare_us:,.0f} | "
            f"{row.greedy_ratio:.1f} | {lp[0]} | {lp[1]} | {row.proved:.1%} | {row.better_than_greedy:.0%} | "
            f"{row.better_than_lp:.0%} | {row.worse} |",
            flush=True,
        )


def main() -> None:
    """Run the comparison; without --full in under two minutes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="more instances and up to 5,000 lines; takes an hour")
    parser.add_argument(
        "--patience", type=float, help="seconds for the linear program at each size; 20, or 600 with --full"
    )
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="pypfopt")
    assert labels.make_ready(), "the comparison is of the compiled kernel; install numba"
    mode = "full" if arguments.full else "quick"
    rows = []
    for lines in SIZES if arguments.full else QUICK_SIZES:
        rows.append(measure(lines, INSTANCES[mode][lines], arguments.patience or PATIENCE[mode]))
        print(f"{lines:,} lines are done.", file=sys.stderr, flush=True)
        if arguments.json:
            keep(rows, arguments.json)
    show(rows)


def keep(rows: list[Row], file: Path) -> None:
    """Write the numbers down, after each size anew, for a run may be stopped."""
    machine = {"machine": platform.machine(), "python": platform.python_version(), "numpy": np.__version__}
    file.write_text(json.dumps({"of": machine, "rows": [asdict(row) for row in rows]}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
