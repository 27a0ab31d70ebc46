"""Improve an answer by changing two lines at once, by as much as caps, purses and taxes leave room for.

Solving some lines exactly cannot see a cap that they share with others. So here all pairs of small and large changes are
weighed together, in floats; the best few are judged in whole numbers, and the first that is better is carried out.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from allocation.rules import Objective
from allocation.solver.coupled.judge import Outcome, gains_of, judge, run_of, the_run_of, turnover
from allocation.solver.question import Holding, Question

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

Steps: TypeAlias = tuple[int, ...]

# Pairs of changes weighed in all, and the best of them judged at a time.
_MOST_WEIGHED = 4_000_000
_JUDGED = 12
_STRIDES = (1, 2, 3, 4, 6, 9, 14, 30, 100)
_SHARES = 32


@dataclass(frozen=True, slots=True)
class _Changes:
    """Single changes as columns: the line and its new trade, and what that changes; the first changes nothing."""

    lines: list[int]
    steps: list[int]
    spends: "Floats"
    trades: "Floats"
    turned: "Floats"
    short: "Floats"
    long: "Floats"
    offs: "Floats"


def exchange(question: Question, steps: Steps) -> Steps:
    """An answer at least as good as an allowed one; others are returned as they are."""
    best, weighed = judge(question, steps), 0
    while best is not None and weighed < _MOST_WEIGHED:
        changes = _changes_from(question, steps)
        weighed += len(changes.steps) ** 2
        better = _first_better(question, steps, best, changes)
        if better is None:
            break
        best, steps = better
    return steps


def scaled_down(question: Question, steps: Steps) -> Steps | None:
    """The largest share of all trades that breaks no rule, buys rounded down and sales up; None where none does."""
    for share in range(_SHARES, 0, -1):
        shrunk = tuple(k * share // _SHARES for k in steps)
        allowed = all(run_of(line, k) is not None for line, k in zip(question.lines, shrunk, strict=True))
        if allowed and judge(question, shrunk) is not None:
            return shrunk
    return None


def _first_better(question: Question, steps: Steps, best: Outcome, changes: _Changes) -> tuple[Outcome, Steps] | None:
    """The first of the most promising pairs that is allowed and better."""
    import numpy as np  # noqa: PLC0415 - a tenth of a second to load, and few questions need it

    gains = _weigh(question, steps, changes).ravel()
    ranked = np.argpartition(gains, min(_JUDGED, gains.size - 1))[:_JUDGED]
    for pick in sorted(ranked.tolist(), key=lambda at: (gains[at], at)):
        if gains[pick] >= 0:
            return None
        changed = list(steps)
        for at in divmod(pick, len(changes.steps)):
            if at:
                changed[changes.lines[at]] = changes.steps[at]
        outcome = judge(question, tuple(changed))
        if outcome is not None and outcome.value < best.value:
            return outcome, tuple(changed)
    return None


def _changes_from(question: Question, steps: Steps) -> _Changes:
    """Every change of one line that is looked at."""
    import numpy as np  # noqa: PLC0415 - a tenth of a second to load, and few questions need it

    picks = [(i, k) for i, line in enumerate(question.lines) for k in _trades_near(line, steps[i])]
    rows, offs = [(0.0,) * 5], np.zeros((len(question.cells), len(picks) + 1))
    for column, (i, k) in enumerate(picks, start=1):
        line, before = question.lines[i], steps[i]
        new, old = the_run_of(line, k), the_run_of(line, before)
        short, long = (a - b for a, b in zip(gains_of(new, k), gains_of(old, before), strict=True))
        taxed = question.purses[line.account].taxable
        spends, turned = new.spent(k) - old.spent(before), line.step * (abs(k) - abs(before))
        rows.append((float(spends), float(bool(k) - bool(before)), float(turned), short * taxed, long * taxed))
        for cell, worth in line.worth:
            offs[cell, column] += worth * (k - before)
    spends_by, trades_by, turned_by, short_by, long_by = np.array(rows, float).T
    lines, trades = [0, *(i for i, _ in picks)], [0, *(k for _, k in picks)]
    return _Changes(lines, trades, spends_by, trades_by, turned_by, short_by, long_by, offs)


def _trades_near(line: Holding, before: int) -> list[int]:
    """Allowed trades at growing distances from the present one, and none at all."""
    wanted = {before + stride * side for stride in _STRIDES for side in (1, -1)} | {0}
    return sorted(k for k in wanted if k != before and run_of(line, k) is not None)


def _weigh(question: Question, steps: Steps, changes: _Changes) -> "Floats":
    """By pair, what φ changes; infinite where a rule forbids it."""
    import numpy as np  # noqa: PLC0415 - a tenth of a second to load, and few questions need it

    def both(each: "Floats") -> "Floats":
        return each[:, None] + each[None, :]

    squared = question.objective != Objective.L1
    purses, short, long = _now(question, steps)
    owed = _tax(question, short + both(changes.short), long + both(changes.long))
    idle = float(sum(purses) - question.reserve) - both(changes.spends) - owed
    forbidden = (idle < 0) | _breaks_caps(question, steps, changes, owed)
    lines = np.array(changes.lines)
    same = lines[:, None] == lines[None, :]
    same[0], same[:, 0] = False, False
    for purse, left in enumerate(purses if len(purses) > 1 else ()):
        mine = np.array([question.lines[i].account == purse for i in changes.lines])
        forbidden |= left - both(np.where(mine, changes.spends, 0.0)) < 0
    over = idle - float(question.cash_target)
    after: Floats = question.cash_weight * (over * over if squared else np.abs(over))
    for cell, start in enumerate(_offs(question, steps)):
        off = start + both(changes.offs[cell])
        after += question.cells[cell].weight * (off * off if squared else np.abs(off))
    after -= after[0, 0]
    after[forbidden | same] = np.inf
    return after


def _breaks_caps(question: Question, steps: Steps, changes: _Changes, owed: "Floats") -> "NDArray[np.bool_]":
    """By pair, whether more is traded, turned over or owed than may be."""
    broken: NDArray[np.bool_] = owed < 0
    if question.most_trades is not None:
        left = question.most_trades - sum(1 for k in steps if k)
        broken |= changes.trades[:, None] + changes.trades[None, :] > left
    if question.most_turnover is not None:
        spare = float(question.most_turnover - turnover(question, steps))
        broken |= changes.turned[:, None] + changes.turned[None, :] > spare
    if question.tax is not None and question.tax.most is not None:
        broken |= owed > float(question.tax.most)
    return broken


def _now(question: Question, steps: Steps) -> tuple[list[int], float, float]:
    """What every purse has left before taxes, and the taxable gains."""
    purses, short, long = [purse.cash for purse in question.purses], 0, 0
    for line, k in zip(question.lines, steps, strict=True):
        run = the_run_of(line, k)
        purses[line.account] -= run.spent(k)
        if question.purses[line.account].taxable:
            gains = gains_of(run, k)
            short, long = short + gains[0], long + gains[1]
    return purses, float(short), float(long)


def _tax(question: Question, short: "Floats", long: "Floats") -> "Floats":
    """The tax on net gains."""
    import numpy as np  # noqa: PLC0415 - a tenth of a second to load, and few questions need it

    rates = question.tax
    if rates is None:
        return np.zeros_like(short)
    both_gain = float(rates.short) * short + float(rates.long) * long
    rest = np.where(long > short, float(rates.long), float(rates.short)) * np.maximum(0.0, short + long)
    return np.where((short >= 0) & (long >= 0), both_gain, rest)


def _offs(question: Question, steps: Steps) -> list[float]:
    """How far every cell is from its target."""
    offs = [cell.held - cell.target for cell in question.cells]
    for line, k in zip(question.lines, steps, strict=True):
        for cell, worth in line.worth:
            offs[cell] += worth * k
    return list(map(float, offs))
