"""Who trades roughly what of the merged trades: a linear programme, in floats; whole steps are made of it elsewhere.

Where trades cost something, the fixed part of it is spread over as many steps as the last programme had the line trade, and
the programme is asked again (Kim and Pardalos, "A solution approach to the fixed charge network flow problem using a
dynamic slope scaling procedure", Operations Research Letters 24, 1999).
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from allocation.solver.coupled.judge import run_of, the_run_of
from allocation.solver.coupled.merged import Merger
from allocation.solver.question import Holding, Question

if TYPE_CHECKING:
    import highspy
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

# What a grain of turnover, and of sales in a taxable account, weighs against a grain one place off.
_TURNED, _SOLD = 1e-4, 1e-2
# What a grain one place off weighs against a grain of costs, which take from the objective itself.
_MISPLACED = 1e-5
# What the largest step's worth of overdrawing a purse weighs: nothing is worth it, yet costs may make it necessary at first.
_OVERDRAWN = 1e3


def rough_shares(
    question: Question,
    merger: Merger,
    totals: Sequence[int],
    withheld: Sequence[Fraction | int],
    before: Sequence[float] | None = None,
) -> list[float] | None:
    """The trade of every line, in steps and parts of steps; None where no shares come to the totals.

    Args:
        withheld: what every purse has to keep, as for taxes.
        before: the shares of the last programme, by whose size costs are told.
    """
    import highspy  # noqa: PLC0415 - both take a tenth of a second to load, and only coupled questions need them

    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.passModel(_programme(question, merger, totals, withheld, before))
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    values, count = list(highs.getSolution().col_value), len(question.lines)
    return [bought - sold for bought, sold in zip(values[:count], values[count : 2 * count], strict=True)]


def _programme(
    question: Question,
    merger: Merger,
    totals: Sequence[int],
    withheld: Sequence[Fraction | int],
    before: Sequence[float] | None,
) -> "highspy.HighsLp":
    """Columns: buying each line, selling it, overdrawing each purse. Rows: each security, each purse."""
    import highspy  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    lines, groups, count = question.lines, merger.groups, len(question.lines)
    steps = np.array([line.step for line in lines], float)
    unit = float(steps.max())
    group_of = np.zeros(count, int)
    for number, group in enumerate(groups):
        group_of[list(group)] = number
    expected = before or [float(totals[number]) for number in group_of]
    charges = [np.array([_charge(line, side, x) for line, x in zip(lines, expected, strict=True)]) for side in (1, -1)]
    programme = highspy.HighsLp()
    purses = len(question.purses)
    programme.num_col_, programme.num_row_ = 2 * count + purses, len(groups) + purses
    programme.col_cost_ = np.concatenate([_costs(question, steps, charges) / unit, np.full(purses, _OVERDRAWN)])
    programme.col_lower_ = np.zeros(2 * count + purses)
    most = [max(0, line.runs[-1].high) for line in lines] + [max(0, -line.runs[0].low) for line in lines]
    programme.col_upper_ = np.array([*most, *(highspy.kHighsInf for _ in range(purses))], float)
    cash = [float(purse.cash - kept) / unit for purse, kept in zip(question.purses, withheld, strict=True)]
    programme.row_lower_ = np.array([*map(float, totals), *(-highspy.kHighsInf for _ in cash)])
    programme.row_upper_ = np.array([*map(float, totals), *cash])
    account = np.array([line.account for line in lines]) + len(groups)
    rows = np.stack([group_of, account], axis=1).ravel()
    sides = zip((1, -1), charges, strict=True)
    spent = [np.stack([np.full(count, side), (side * steps + each) / unit], axis=1).ravel() for side, each in sides]
    programme.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    programme.a_matrix_.start_ = np.concatenate([np.arange(0, 4 * count, 2), 4 * count + np.arange(purses + 1)])
    programme.a_matrix_.index_ = np.concatenate([rows, rows, len(groups) + np.arange(purses)])
    programme.a_matrix_.value_ = np.concatenate([*spent, np.full(purses, -1.0)])
    return programme


def _costs(question: Question, steps: "Floats", charges: "list[Floats]") -> "Floats":
    """What a step bought and a step sold weighs: everything in its best place, the least sold and traded."""
    import numpy as np  # noqa: PLC0415

    misplaced = np.array([line.misplaced for line in question.lines], float)
    taxable = np.array([question.purses[line.account].taxable for line in question.lines], float)
    bought, sold = (misplaced + _TURNED) * steps, (-misplaced + _TURNED + _SOLD * taxable) * steps
    if any(charge.any() for charge in charges):
        return np.concatenate([_MISPLACED * bought + charges[0], _MISPLACED * sold + charges[1]])
    return np.concatenate([bought, sold])


def _charge(line: Holding, side: int, expected: float) -> float:
    """What each step of a trade of about this size costs."""
    most = line.runs[-1].high if side > 0 else -line.runs[0].low
    size = min(max(1, round(abs(expected))), most)
    while size > 0 and run_of(line, side * size) is None:
        size = most if size < most else 0
    return (the_run_of(line, side * size).spent(side * size) - line.step * side * size) / size if size > 0 else 0.0
