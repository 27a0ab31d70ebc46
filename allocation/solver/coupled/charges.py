"""The least that trades of one security can cost, however they are shared among accounts, and what costs can add to that.

A trade k of any line is charged at least a + b·|k|, with a and b of zero or more; so trades of several lines that come to k
together are charged at least as much.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import gcd
from typing import NamedTuple

from allocation.solver.question import Holding, Run


class Charge(NamedTuple):
    """Cash that a trade takes beyond its value: at least `fixed` and `per_step` for every step of it."""

    fixed: int
    per_step: int


def charged_runs(lines: Sequence[Holding], low: int, high: int, grid: int) -> Iterator[Run]:
    """The trades from `low` to `high` of one security over all its lines, at the least they can cost.

    Args:
        grid: what divides every charge, and will divide the least as well.
    """
    step = lines[0].step
    for first, last, side in ((low, min(high, -1), -1), (max(low, 0), min(high, 0), 0), (max(low, 1), high, 1)):
        if first > last:
            continue
        least = _least_charge(lines, side, grid)
        spends = step * first + least.fixed + least.per_step * abs(first)
        yield Run(first, last, spends, step + side * least.per_step)


def surplus_of(lines: Iterable[Holding]) -> tuple[int, int]:
    """What costs can come to beyond their least: a step that divides all of them, and the most such steps."""
    step = most = 0
    for line in lines:
        charges = [(run, _charged(line, run, k)) for run in line.runs for k in (run.low, run.high)]
        most += max(charge for _, charge in charges)
        step = gcd(step, *(charge for _, charge in charges), *(_slope(line, run) for run in line.runs))
    return (step, most // step) if step else (1, 0)


def _least_charge(lines: Iterable[Holding], side: int, grid: int) -> Charge:
    """The charge that no purchase (side 1) or sale (side -1) of these lines stays below."""
    runs = [(line, run) for line in lines for run in line.runs if side and (run.low + run.high) * side > 0]
    ends = [(abs(k), _charged(line, run, k)) for line, run in runs for k in {run.low, run.high} if k]
    if not ends:
        return Charge(0, 0)
    per_step = max(0, min((side * _slope(line, run) for line, run in runs if run.low < run.high), default=0))
    fixed = min(charge - per_step * steps for steps, charge in ends)
    return (
        Charge(fixed, per_step)
        if fixed >= 0
        else Charge(0, min(charge // steps for steps, charge in ends) // grid * grid)
    )


def _charged(line: Holding, run: Run, k: int) -> int:
    return run.spent(k) - line.step * k


def _slope(line: Holding, run: Run) -> int:
    """What each further step is charged."""
    return run.per_step - line.step if run.low < run.high else 0
