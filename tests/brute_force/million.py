"""Random accounts that no solver may overspend, sell short or unlock: `python tests/brute_force/million.py --count 1000000`.

Half of the run asks `solve`, for accounts with every rule in its runs; the other asks the kernel, a book at a time. Plans
are checked in whole numbers; optimality is left to the runs against enumeration. Exit status 1 where a law is broken.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from allocation.solver import Problem, solve  # noqa: E402  found once the root is on the path
from allocation.solver.kernel_batch import solve_accounts  # noqa: E402
from allocation.solver.kernel_compiled import COMPILED  # noqa: E402
from allocation.solver.kernel_settle import BEST, IMPOSSIBLE, NOTHING  # noqa: E402
from tests.brute_force.tiny import a_problem, cash_after, distance_of  # noqa: E402

BATCH = 100
BOOK = 5_000

Column = npt.NDArray[Any]


def main() -> int:
    """Run on every core, print, and say whether every law was kept."""
    chosen = _arguments()
    broken = 0
    for name, batch, work in (("solve", BATCH, broken_by_solve), ("kernel", BOOK, broken_by_kernel)):
        if name in chosen.ask:
            broken += _run(chosen, name, batch, work)
    return 1 if broken else 0


def _run(chosen: argparse.Namespace, name: str, batch: int, work: Callable[[int, int], list[str]]) -> int:
    ready = _make_kernel_ready if name == "kernel" else None
    if ready is not None:
        ready()  # first here, else every process would compile by itself
    begun, done, broken = time.monotonic(), 0, 0
    firsts = range(chosen.seed, chosen.seed + chosen.count, batch)
    with get_context("spawn").Pool(chosen.processes, ready) as pool:
        for told in pool.imap_unordered(partial(work, batch), firsts):
            done, broken = done + batch, broken + len(told)
            _say(*told)
            if broken >= chosen.most_broken or time.monotonic() - begun > chosen.seconds:
                break
    _say(f"{name}: {done} accounts in {time.monotonic() - begun:.0f} s, {broken} laws broken")
    return broken


def _make_kernel_ready() -> None:
    COMPILED.wait()


def broken_by_solve(count: int, first: int) -> list[str]:
    """The laws broken in so many accounts from this seed on."""
    told = []
    for seed in range(first, first + count):
        chance = Random(seed)
        n = chance.choice([1, 2, 2, 3, 3, 4, 5, 6, 8]) if chance.random() < 0.99 else chance.choice([12, 20, 40])
        problem = a_problem(chance, n, chance.choice([1, 3, 10, 100]))
        told += [f"solve, seed {seed}: {law}" for law in _broken(problem)]
    return told


def _broken(problem: Problem) -> Iterator[str]:
    solution, idle = solve(problem), (0,) * len(problem.lines)
    if solution is None:
        if _is_allowed(problem, idle):
            yield "no plan, though trading nothing is one"
        return
    if not _is_allowed(problem, solution.steps):
        yield f"{solution.steps} is not allowed"
        return
    if solution.value != distance_of(problem, solution.steps):
        yield f"value {solution.value} is not that of {solution.steps}"
    if not 0 <= solution.bound <= solution.value:
        yield f"bound {solution.bound} above the value {solution.value}"
    if _is_allowed(problem, idle) and solution.value > distance_of(problem, idle):
        yield "worse than trading nothing"


def _is_allowed(problem: Problem, steps: tuple[int, ...]) -> bool:
    """Whether every line may make its trade, and cash stays between its ends."""
    try:
        left = cash_after(problem, steps)
    except ValueError:
        return False
    return left >= 0 and (problem.highest_cash is None or left <= problem.highest_cash)


def broken_by_kernel(accounts: int, seed: int) -> list[str]:
    """The laws broken in a book of accounts."""
    chance = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(chance.integers(1, 31, accounts))])
    lines = int(offsets[-1])
    step = chance.integers(1, 10 ** chance.integers(1, 7, lines))
    has = chance.integers(0, 200, lines) * (chance.random(lines) < 0.7)
    held = has * step
    lowest, highest = -has * (chance.random(lines) < 0.8), chance.integers(0, 400, lines) * (chance.random(lines) < 0.8)
    stock = np.add.reduceat(held, offsets[:-1])
    free = chance.integers(0, 10**7, accounts) - stock * (chance.random(accounts) < 0.2) // 3
    share = chance.integers(0, 5, lines) / np.repeat(np.diff(offsets) * 3, np.diff(offsets))
    target = (np.repeat(np.maximum(stock + free, 1), np.diff(offsets)) * share).astype(np.int64)
    cash_target = free // 10 * (chance.random(accounts) < 0.3)
    squared = bool(seed // BOOK % 2)
    steps, proved = np.zeros(lines, np.int64), np.zeros(accounts, np.int64)
    values, bounds, prices = np.zeros(accounts), np.zeros(accounts), np.zeros(accounts)
    (COMPILED.solve_accounts or _uncompiled)(
        *(offsets, step, held, target, lowest, highest, free, cash_target, squared, 4096, 50_000, False),
        *(steps, values, bounds, prices, proved),
    )
    left = free - np.add.reduceat(step * steps, offsets[:-1])
    most = free - np.add.reduceat(step * lowest, offsets[:-1])
    there, owner = (proved != IMPOSSIBLE) & (proved != NOTHING), np.repeat(np.arange(accounts), np.diff(offsets))
    reached = _distance(offsets, held + step * steps - target, left - cash_target, squared)
    idle = _distance(offsets, held - target, free - cash_target, squared)
    laws = {
        "a locked line, a short sale or more than may be bought": there[owner] & ((steps < lowest) | (steps > highest)),
        "an overspent account": there & (left < 0),
        "no plan, though sales bring in enough": (proved == IMPOSSIBLE) & (most >= 0),
        "a plan though sales do not bring in enough": there & (most < 0),
        "a value that is not that of the trades": there & (abs(values - reached) > 1e-9 * reached),
        "a bound above the value": there & (bounds > values),
        "called best, though trading nothing is better": (proved >= BEST)
        & (free >= 0)
        & (reached > idle * (1 + 1e-12)),
        "a bound above trading nothing": there & (free >= 0) & (bounds > idle * (1 + 1e-12)),
    }
    return [f"kernel, seed {seed}: {law}, {int(where.sum())} times" for law, where in laws.items() if where.any()]


def _distance(offsets: Column, off: Column, cash_off: Column, squared: bool) -> Column:
    """Σ φ by account, in floats: sums of squares may need more than 64 bits."""
    off, cash_off = abs(off).astype(float), abs(cash_off).astype(float)
    power = 2 if squared else 1
    return np.asarray(np.add.reduceat(off**power, offsets[:-1]) + cash_off**power)


def _uncompiled(*arguments: Any) -> None:
    """The same on lists, where there is no numba."""
    lists = [a.tolist() if isinstance(a, np.ndarray) else a for a in arguments]
    solve_accounts(*lists)
    for column, filled in zip(arguments[-5:], lists[-5:], strict=True):
        column[:] = filled


def _say(*lines: str) -> None:
    print(*lines, sep="\n", end="\n" if lines else "", flush=True)  # noqa: T201  a command talks


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="accounts to ask each for")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600, help="the most time for each")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--most-broken", type=int, default=5)
    parser.add_argument("--ask", nargs="*", default=["solve", "kernel"], choices=["solve", "kernel"])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
