"""The shortest way from weights to whole shares, for programs: labels in, labels out, in microseconds.

Nothing of a plan is made here (no rules, no lots, no reasons); for that there is `calculate_investment_allocation`. What
is the same: numbers are joined by label, floats are read as their shortest decimal text, no money is overspent, and the
answer is the best there is, with a bound that proves how good.
"""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from allocation.errors import (
    BadPriceError,
    EmptyPortfolioError,
    HoldingError,
    MissingPriceError,
    NumberError,
    TargetError,
    TargetSumError,
    listed,
)
from allocation.money import to_decimal
from allocation.rules import Objective
from allocation.solver import Line, Problem, solve
from allocation.solver.kernel_alone import solve_alone
from allocation.solver.kernel_compiled import COMPILED
from allocation.solver.kernel_settle import BEST

Wholes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Weights that miss 1 by no more than a millionth are taken as summing to 1; the rest is for the rounding of their sum.
_SUM_TOLERANCE = 1e-6 + 1e-12
# Totals are counted in grains: at most so many, for floats hold every whole number up to there; and so many if every
# line took all the money, for that must fit into 64 bits.
_MOST_GRAINS, _MOST_TOGETHER, _FINEST = 2.0**52, 2.0**58, 9
# How hard the kernel tries before the exact search takes over.
_WIDTH, _VISITS, _VISITS_PER_LINE = 4_096, 300_000, 1_000
_UNITS = (100.0, 1.0, 1e4, 1e6, 1e8)
# What the kernel may pass by under l1, as a fraction of the total; l2 has no plateaus and needs no such help.
_TOLERANCE = 1e-13


class Allocated(NamedTuple):
    """Whole shares for given weights.

    Attributes:
        quantities: what to hold of each label afterwards, zeros left out.
        objective: √Σ(value − target)² (l2) or Σ|value − target| (l1) in money, cash included.
        bound: no choice of whole shares has a smaller objective.
    """

    quantities: dict[str, int | Decimal]
    objective: float
    bound: float


class _Amounts(NamedTuple):
    """One account in grains; `grain` of them are one unit of money. `columns` as for `solve_alone`; `owned` in shares."""

    columns: Wholes
    owned: Wholes | None
    cash: int
    cash_target: int
    total: int
    grain: float


def make_ready(seconds: float | None = None) -> bool:
    """Compile the kernel, waiting at most so long; whether it is compiled now. `allocate` works without, slower."""
    return COMPILED.wait(seconds)


def allocate(
    weights: Mapping[str, float],
    prices: Mapping[str, float],
    holdings: Mapping[str, float] | None = None,
    cash: float = 0.0,
    objective: str = "l2",
) -> Allocated:
    """Buy and sell whole shares to come closest to the weights.

    Args:
        weights: fractions of the total (cash and holdings); what is missing to 1 stays in cash.
        prices: of every label held or wanted; others are ignored.
        holdings: quantities held now; a label without a weight is sold.
        cash: money to invest.
        objective: "l2" or "l1".

    Raises:
        AllocationError: a number that is missing, negative or not finite, weights above 1, nothing to divide.
    """
    squared = Objective(objective) == Objective.L2
    labels = list(weights)
    if holdings:
        labels += [label for label in holdings if label not in weights]
    money, weight, held = _join(labels, weights, prices, holdings, cash)
    amounts = _whole_amounts(money, weight, held)
    found = _ask_kernel(amounts, squared) if amounts else None
    if amounts is None or found is None:
        return _exactly(labels, weights, prices, holdings or {}, cash, squared)
    after, value, bound = found
    quantities: dict[str, int | Decimal] = {
        label: quantity for label, quantity in zip(labels, after, strict=True) if quantity
    }
    # Targets are rounded to grains, which shifts the objective by at most that much.
    blur = 2.0 * (math.sqrt(len(labels) + 1.0) if squared else len(labels) + 1.0)
    reached = math.sqrt(value) if squared else value
    proven = max(0.0, (math.sqrt(bound) if squared else bound) - blur)
    return Allocated(quantities, reached / amounts.grain, proven / amounts.grain)


def _join(
    labels: list[str],
    weights: Mapping[str, float],
    prices: Mapping[str, float],
    holdings: Mapping[str, float] | None,
    cash: float,
) -> tuple[Floats, Floats, Floats | None]:
    """By label: prices, with cash after the last; weights; and quantities held, if any are."""
    count = len(labels)
    numbers = np.zeros((3 if holdings else 2) * count + 1)
    try:
        numbers[:count] = [prices[label] for label in labels]
    except KeyError:
        raise MissingPriceError(label for label in labels if label not in prices) from None
    numbers[count] = cash
    numbers[count + 1 : count + 1 + len(weights)] = list(weights.values())
    if holdings:
        numbers[2 * count + 1 :] = [holdings.get(label, 0.0) for label in labels]
    money, weight = numbers[: count + 1], numbers[count + 1 : 2 * count + 1]
    held = numbers[2 * count + 1 :] if holdings else None
    # A comparison with NaN is false, so this asks for what is right.
    if not (count and numbers.min() >= 0.0 and numbers.max() < math.inf and money[:count].min() > 0.0):
        _refuse(labels, money, weight, held)
    return money, weight, held


def _refuse(labels: list[str], money: Floats, weight: Floats, held: Floats | None) -> None:
    """Say which number is wrong."""
    if not labels:
        raise EmptyPortfolioError("Nothing is held or wanted. Give at least one weight.")
    if wrong := _culprits(labels, (money[:-1] > 0) & (money[:-1] < math.inf)):
        raise BadPriceError(f"The price of {listed(wrong)} is no number above zero. Correct it or leave it out.", wrong)
    if wrong := _culprits(labels, (weight >= 0) & (weight < math.inf)):
        raise TargetError(f"The weight of {listed(wrong)} is no fraction from 0 to 1. Correct it.", wrong)
    if held is not None and (wrong := _culprits(labels, (held >= 0) & (held < math.inf))):
        raise HoldingError(f"The quantity of {listed(wrong)} is no number from zero up. Correct it.", wrong)
    raise NumberError("Cash", money[-1], "an amount from zero up")


def _culprits(labels: Iterable[str], right: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(label for label, fine in zip(labels, right.tolist(), strict=True) if not fine)


def _whole_amounts(money: Floats, weight: Floats, held: Floats | None) -> _Amounts | None:
    """The account in whole grains; None where floats cannot prove that they are exact."""
    for unit in _UNITS:
        whole = np.rint(money * unit)
        # Division rounds correctly, so this is exact: these are the floats nearest to whole numbers of 1/unit.
        if (whole / unit).tobytes() == money.tobytes():
            break
    else:
        return None
    if held is not None and (held != np.rint(held)).any():
        return None
    count = len(weight)
    total = float(whole[-1]) + (float(whole[:-1] @ held) if held is not None else 0.0)
    if total <= 0.0:
        raise EmptyPortfolioError("There is neither cash nor anything held. Give some cash to invest.")
    finest = min(_MOST_GRAINS, _MOST_TOGETHER / (count + 2.0)) / total
    if finest < 1.0:
        return None
    fineness = 10 ** min(_FINEST, int(math.log10(finest)))
    # A share that is dearer than everything together cannot be bought, however dear.
    grains = np.minimum(whole, total + 1.0).astype(np.int64) * fineness
    step, cash = grains[:-1], int(grains[-1])
    owned = None if held is None else held.astype(np.int64)
    all_grains = cash if owned is None else cash + int(step @ owned)
    share = _share_invested(weight)
    near_one = abs(share - 1.0) <= _SUM_TOLERANCE
    columns = np.zeros((5, count), np.int64)
    columns[0], columns[1], columns[3] = (
        step,
        np.rint(weight * (all_grains / share if near_one else all_grains)),
        all_grains,
    )
    columns[3] //= step
    if owned is not None:
        columns[2] -= owned
        columns[3] -= owned
        columns[4] = step * columns[2]
        columns[1] += columns[4]
    idle = 0 if near_one else round((1.0 - share) * all_grains)
    return _Amounts(columns, owned, cash, idle, all_grains, unit * fineness)


def _share_invested(weight: Floats) -> float:
    share = float(weight.sum())
    if share > 1.0 + _SUM_TOLERANCE:
        raise TargetSumError(
            f"The weights add up to {share:.6g}. They may add up to 1 at most; the rest stays in cash."
        )
    return share


def _ask_kernel(amounts: _Amounts, squared: bool) -> tuple[list[int], float, float] | None:
    """The quantities afterwards, Σ φ and a lower bound on it; None where the kernel cannot prove them best."""
    count = amounts.columns.shape[1]
    tolerance = 0.0 if squared else _TOLERANCE * float(amounts.total)
    limits = (squared, _WIDTH, max(_VISITS, _VISITS_PER_LINE * count), tolerance)
    steps = np.zeros(count, np.int64)
    if COMPILED.solve_alone is not None:
        proved, _, value, bound = COMPILED.solve_alone(
            amounts.columns, amounts.cash, amounts.cash_target, *limits, steps
        )
    else:
        plain_steps: list[int] = steps.tolist()
        columns: list[list[int]] = amounts.columns.tolist()
        proved, _, value, bound = solve_alone(columns, amounts.cash, amounts.cash_target, *limits, plain_steps)
        steps[:] = plain_steps
    if proved < BEST:
        return None
    after: list[int] = (steps if amounts.owned is None else steps + amounts.owned).tolist()
    return after, value, bound


def _exactly(
    labels: list[str],
    weights: Mapping[str, float],
    prices: Mapping[str, float],
    holdings: Mapping[str, float],
    cash: float,
    squared: bool,
) -> Allocated:
    """The same by the search in whole numbers, for amounts that floats cannot hold and for what the kernel leaves open."""
    price = [Fraction(to_decimal(_plain(prices[label]), f"The price of {label}")) for label in labels]
    held = [Fraction(to_decimal(_plain(holdings.get(label, 0)), f"The quantity of {label}")) for label in labels]
    weight = [Fraction(to_decimal(_plain(weights.get(label, 0)), f"The weight of {label}")) for label in labels]
    money = Fraction(to_decimal(_plain(cash), "Cash"))
    share = sum(weight, Fraction(0))
    if abs(share - 1) <= _SUM_TOLERANCE:
        weight = [each / share for each in weight]
        share = Fraction(1)
    total = sum((p * q for p, q in zip(price, held, strict=True)), money)
    wanted, idle = [each * total for each in weight], (1 - share) * total
    values = [p * q for p, q in zip(price, held, strict=True)]
    grain = math.lcm(*(each.denominator for each in (*price, *values, *wanted, idle, money)))
    lines = tuple(
        Line(int(p * grain), int(v * grain), int(t * grain), -int(q), int(total // p))
        for p, v, t, q in zip(price, values, wanted, held, strict=True)
    )
    solution = solve(Problem(lines, int(money * grain), int(idle * grain), Objective.L2 if squared else Objective.L1))
    assert solution is not None  # noqa: S101 - to trade nothing is always allowed here
    after = {label: q + k for label, q, k in zip(labels, held, solution.steps, strict=True)}
    reached, proven = (
        float(Fraction(math.isqrt(each)) / grain) if squared else float(Fraction(each, grain))
        for each in (solution.value, solution.bound)
    )
    return Allocated({label: _quantity(q) for label, q in after.items() if q}, reached, proven)


def _plain(number: object) -> object:
    """A number of numpy as Python's own."""
    return number.item() if isinstance(number, np.generic) else number


def _quantity(quantity: Fraction) -> int | Decimal:
    if quantity.denominator == 1:
        return int(quantity)
    return Decimal(quantity.numerator) / Decimal(quantity.denominator)
