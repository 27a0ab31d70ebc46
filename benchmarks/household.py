"""How close and how quick households are: ten accounts that share two hundred securities, beside a general solver.

    python benchmarks/household.py [--seeds 3] [--seconds 60] [--json RESULT.json]

Random households of some three million, every security allowed in every account, asked without costs, with a fee on each
trade, and with half-spreads. HiGHS gets the same question as a programme in whole numbers and so many seconds for it:
under l1, which it can be told exactly, and its plan and its bound stand beside ours. Gaps are in basis points of the
household; times are of the processor.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import highspy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from allocation.rules import Objective
from allocation.solver.answer import answer
from allocation.solver.coupled.judge import judge
from allocation.solver.coupled.programme import Programme, Sum, scaled
from allocation.solver.question import Cell, Holding, Purse, Question, Run

ACCOUNTS, SECURITIES, WORTH = 10, 200, 25_000_000
# Cents a trade, and basis points of its value.
COSTS = {"free": (0, 0), "fee 1.00": (100, 0), "half-spread 5 bp": (0, 5), "both": (100, 5)}
NOTHING = Run(0, 0, 0, 0)


def household(seed: int, fee: int, points: int) -> tuple[Question, int]:
    """A household in cents, and what it is worth."""
    chance = Random(seed)
    prices = [round(100 * min(1500.0, max(5.0, chance.lognormvariate(4.4, 0.8)))) for _ in range(SECURITIES)]
    weights = [chance.random() + 0.1 for _ in prices]
    held, cash = {}, []
    for account in range(ACCOUNTS):
        worth = round(WORTH * chance.lognormvariate(0.0, 0.8))
        own = [s for s in range(SECURITIES) if chance.random() < 0.3] or [0]
        share = worth * 0.9 / sum(weights[s] for s in own)
        held.update({(account, s): int(share * weights[s] * chance.lognormvariate(0.0, 0.3) / prices[s]) for s in own})
        cash.append(max(0, worth - sum(held[account, s] * prices[s] for s in own)))
    whole = sum(cash) + sum(prices[s] * q for (_, s), q in held.items())
    ranks = [[chance.choice((0, 1, 2)) for _ in range(3)] for _ in prices]
    kinds = [0, *(chance.randrange(3) for _ in range(ACCOUNTS - 1))]
    lines = []
    for account in range(ACCOUNTS):
        own_worth = cash[account] + sum(prices[s] * held.get((account, s), 0) for s in range(SECURITIES))
        for s, price in enumerate(prices):
            spread = price * points // 10_000
            runs = _runs(held.get((account, s), 0), own_worth // price, price, spread, fee)
            lines.append(Holding(account, price, runs, ((s, price),), ranks[s][kinds[account]]))
    values = [sum(price * held.get((a, s), 0) for a in range(ACCOUNTS)) for s, price in enumerate(prices)]
    targets = [int(whole * weight / sum(weights)) for weight in weights]
    cells = tuple(Cell(value, target) for value, target in zip(values, targets, strict=True))
    purses = tuple(Purse(c, taxable=kind == 0) for c, kind in zip(cash, kinds, strict=True))
    return Question(tuple(lines), cells, purses, Objective.L2, whole - sum(targets)), whole


def _runs(held: int, most: int, price: int, spread: int, fee: int) -> tuple[Run, ...]:
    """Everything sold to as much bought as the account is worth."""
    sales = (Run(-held, -1, fee - (price - spread) * held, price - spread),) if held else ()
    purchases = (Run(1, most, fee + price + spread, price + spread),) if most else ()
    return (*sales, NOTHING, *purchases)


def by_highs(question: Question, seconds: float) -> tuple[int | None, float, float]:
    """What HiGHS reaches under l1, the bound it proves, and the seconds it took."""
    programme = Programme(question)
    cost: Sum = {}
    for number, cell in enumerate(question.cells):
        _distance(programme, cost, programme.moved(number), cell.held - cell.target)
    start = sum(purse.cash for purse in question.purses) - question.reserve - question.cash_target
    _distance(programme, cost, scaled(programme.all_spent(), -1.0), start)
    highs = programme.solver(cost, 0.0)
    highs.setOptionValue("time_limit", seconds)
    highs.setOptionValue("mip_max_nodes", highspy.kHighsIInf)
    begun = time.process_time()
    highs.run()
    took = time.process_time() - begun
    values = list(highs.getSolution().col_value)
    outcome = judge(question, programme.trades(values)) if values else None
    bound = highs.getInfo().mip_dual_bound * programme.unit
    return None if outcome is None else int(outcome.value), bound, took


def _distance(programme: Programme, cost: Sum, moved: Sum, start: int) -> None:
    """One more column: at least |start + moved|."""
    size = programme.add_column(0.0, float("inf"), whole=False)
    for side in (1.0, -1.0):
        programme.add_row({size: 1.0, **scaled(moved, -side)}, side * start / programme.unit, float("inf"))
    cost[size] = 1.0


def rows(seeds: int, seconds: float) -> Iterator[dict[str, Any]]:
    """One row for each household and objective."""
    for (name, (fee, points)), seed in ((cost, seed) for cost in COSTS.items() for seed in range(seeds)):
        question, whole = household(seed, fee, points)
        for objective in (Objective.L2, Objective.L1):
            asked = replace(question, objective=objective)
            begun = time.process_time()
            found = answer(asked)
            took = time.process_time() - begun
            assert found is not None
            power = 1.0 if objective == Objective.L1 else 0.5
            value, bound = (max(0.0, float(each)) ** power / whole * 1e4 for each in (found.value, found.bound))
            row = {"costs": name, "seed": seed, "objective": objective.value, "seconds": took, "value": value}
            row |= {"gap to our bound": value - bound}
            if objective == Objective.L1 and seconds:
                theirs, proved, spent = by_highs(asked, seconds)
                best = max(bound, proved / whole * 1e4)
                row |= {"HiGHS seconds": spent, "HiGHS value": None if theirs is None else theirs / whole * 1e4}
                row |= {"HiGHS bound": proved / whole * 1e4, "gap to the best bound": value - best}
            yield row


def main() -> None:
    """Print a line for each row, and write all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60, help="how long HiGHS may take; 0 leaves it out")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    chosen = parser.parse_args()
    found = []
    for row in rows(chosen.seeds, chosen.seconds):
        print(", ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
        found.append(row)
    if chosen.json:
        chosen.json.write_text(json.dumps({"rows": found}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
