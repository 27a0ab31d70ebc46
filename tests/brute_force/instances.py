"""Tiny problems of the solver against every choice of trades: `python tests/brute_force/instances.py --count 100000`.

Prints each mismatch with its seed; exit status 1 where there was any, or where the time ended before the count.
"""

import argparse
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from allocation.solver import solve  # noqa: E402  found once the root is on the path
from tests.brute_force.tiny import a_tiny_problem, faults  # noqa: E402

BATCH = 500


def main() -> int:
    """Run on every core, print, and say whether everything agreed."""
    chosen = _arguments()
    begun, done, wrong = time.monotonic(), 0, 0
    firsts = range(chosen.seed, chosen.seed + chosen.count, BATCH)
    with get_context("spawn").Pool(chosen.processes) as pool:
        for told in pool.imap_unordered(_wrong_from, firsts):
            done, wrong = done + BATCH, wrong + len(told)
            _say(*told)
            if wrong >= chosen.most_wrong or time.monotonic() - begun > chosen.seconds:
                break
    _say(f"{done} problems in {time.monotonic() - begun:.0f} s, {wrong} mismatches")
    return 1 if wrong or done < chosen.count else 0


def _wrong_from(first: int) -> list[str]:
    """The mismatches of one batch of seeds."""
    told = []
    for seed in range(first, first + BATCH):
        problem = a_tiny_problem(Random(seed))
        told += [f"seed {seed}: {fault}" for fault in faults(problem, solve(problem))]
    return told


def _say(*lines: str) -> None:
    print(*lines, sep="\n", end="\n" if lines else "", flush=True)  # noqa: T201  a command talks


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--most-wrong", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
