"""How narrow the proofs of the kernel are, and whether they hold: each one reckoned again in whole numbers.

    python benchmarks/certificates.py [--count 10000] [--seconds 3000] [--json RESULT.json]

Random accounts from 10 to 5,000 lines, totals from 2,000 to 10 million, half of them with holdings, l1 and l2 in turn.
Asked is the compiled kernel. Of its answer nothing is believed:

- the objective is reckoned anew from the trades, in whole grains;
- its price on cash proves a bound by weak duality: every line, and cash, at what is cheapest for it alone at this price,
  in fractions. No plan is better than that, so neither may the kernel's plan be;
- the kernel's own bound, which its search raises from there, may not be above what the search in whole numbers finds
  best (up to `EXACT_LINES` lines).

Exit status 1 where one of these does not hold.
"""

import argparse
import json
import math
import sys
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from allocation.rules import Objective
from allocation.solver import Line, Problem, solve
from allocation.solver.kernel_compiled import COMPILED
from allocation.solver.kernel_settle import BEST

NARROW = 1e-9
EXACT_LINES = 60
# How hard the kernel tries, as `allocation.labels` has it.
WIDTH, VISITS, VISITS_PER_LINE, TOLERANCE = 4_096, 300_000, 1_000, 1e-13
# Grains of money in a total, about.
GRAINS = 2.0**44

Columns = npt.NDArray[np.int64]


def account(seed: int) -> tuple[Columns, int, int]:
    """Columns as `solve_alone` wants them, free cash, and the total."""
    chance = np.random.default_rng(seed)
    count = int(np.exp(chance.uniform(np.log(10.0), np.log(5_001.0))))
    cents = np.round(100 * np.clip(np.exp(chance.normal(np.log(85.0), 0.95, count)), 5, 3_000)).astype(np.int64)
    total = round(100 * float(np.exp(chance.uniform(np.log(2e3), np.log(1e7)))))
    fine = 10 ** int(math.log10(GRAINS / total))
    weights = np.full(count, 1.0 / count) if seed % 4 < 2 else chance.dirichlet(np.ones(count))
    owned = np.zeros(count, np.int64)
    if chance.random() < 0.5:
        owned = (chance.dirichlet(np.ones(count)) * chance.random() * total // cents).astype(np.int64)
    step, everything = cents * fine, total * fine
    gap = np.rint(weights * everything).astype(np.int64) - step * owned
    columns = np.stack([step, gap, -owned, everything // step - owned, -step * owned])
    return columns, everything - int((step * owned).sum()), everything


def objective(columns: Columns, free: int, steps: list[int], squared: bool) -> int:
    """Σ φ of a plan with its cash, in whole numbers; the plan must be allowed."""
    step, gap, low, high, _ = columns.tolist()
    assert all(least <= k <= most for least, k, most in zip(low, steps, high, strict=True)), "not allowed"
    left = free - sum(s * k for s, k in zip(step, steps, strict=True))
    assert left >= 0, "overspent"
    offs = [s * k - g for s, k, g in zip(step, steps, gap, strict=True)]
    return sum(off * off if squared else abs(off) for off in (*offs, left))


def bound_at(price: Fraction, columns: Columns, free: int, squared: bool) -> Fraction:
    """What no plan can be below: lines and cash each at their cheapest, with every grain of cash at this price."""
    a, b = price.numerator, price.denominator
    step, gap, low, high, spent = columns.tolist()
    total = -a * free
    for s, g, least, most in zip(step, gap, low, high, strict=True):
        # Convex in k: the cheapest is beside where it would be if steps could be parted, or at an end.
        near = (2 * g * b - a) // (2 * b * s) if squared else g // s
        tries = {min(max(k, least), most) for k in ((near, near + 1) if squared else (least, near, near + 1, most))}
        offs = [(k, s * k - g) for k in tries]
        total += min(b * (off * off if squared else abs(off)) + a * s * k for k, off in offs)
    most_cash = free - sum(spent)
    near = -a // (2 * b) if squared else 0
    lefts = {min(max(left, 0), most_cash) for left in (near, near + 1, 0, most_cash)}
    total += min(b * (left * left if squared else left) + a * left for left in lefts)
    return Fraction(total, b)


def money(grains: Fraction | int, squared: bool) -> float:
    """The objective of a Σ φ, rounded down."""
    whole = max(0, math.floor(grains))
    return float(math.isqrt(whole) if squared else whole)


def check(seed: int) -> tuple[float, float, list[str]]:
    """The gap that the kernel proves and the one that its price alone proves, by the total; and what does not hold."""
    columns, free, total = account(seed)
    squared, count, faults = seed % 2 == 1, columns.shape[1], []
    assert COMPILED.solve_alone is not None
    steps = np.zeros(count, np.int64)
    tolerance = 0.0 if squared else TOLERANCE * total
    limits = (WIDTH, max(VISITS, VISITS_PER_LINE * count), tolerance)
    proved, price, _, bound = COMPILED.solve_alone(columns, free, 0, squared, *limits, steps)
    value = objective(columns, free, steps.tolist(), squared)
    by_price = bound_at(Fraction(price), columns, free, squared)
    if by_price > value:
        faults.append(f"seed {seed}: the price refutes the plan")
    if count <= EXACT_LINES:
        kind = Objective.L2 if squared else Objective.L1
        rows = (columns[0], -columns[4], columns[1] - columns[4], columns[2], columns[3])
        lines = tuple(Line(*(int(number) for number in row)) for row in zip(*rows, strict=True))
        solution = solve(Problem(lines, free, 0, kind))
        # The bound is a sum in floats, off by up to one part in 2^53 for each addend.
        if solution is None or bound > solution.value * (1 + Fraction(count + 4, 2**53)):
            faults.append(f"seed {seed}: the kernel's bound is above a plan")
    reached = money(value, squared)
    stated = money(Fraction(bound), squared) if proved >= BEST else money(by_price, squared)
    return max(0.0, reached - stated) / total, max(0.0, reached - money(by_price, squared)) / total, faults


def main() -> int:
    """Check, print, and say whether everything holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3_000, help="stop after so long")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    chosen = parser.parse_args()
    if not COMPILED.wait():
        raise SystemExit("The check is of the compiled kernel; install numba.")
    begun, gaps, priced, faults = time.monotonic(), [], [], Counter[str]()
    for seed in range(chosen.count):
        gap, by_price, found = check(seed)
        gaps.append(gap)
        priced.append(by_price)
        faults.update(found)
        if time.monotonic() - begun > chosen.seconds:
            break
    told = {
        "accounts": len(gaps),
        "gap at most 1e-9 of the total": sum(gap <= NARROW for gap in gaps) / len(gaps),
        "widest gap": max(gaps),
        "by the price alone, at most 1e-9": sum(gap <= NARROW for gap in priced) / len(priced),
        "by the price alone, median": float(np.median(priced)),
        "faults": sorted(faults),
    }
    print(json.dumps(told, indent=2))
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=2), encoding="utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
