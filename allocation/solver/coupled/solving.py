"""Solve a coupled question: a good answer by the fast solver, prices and a bound, then a walk through what could still win.

Limits count work, not seconds.
"""

from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

from allocation.errors import UndecidedError
from allocation.solver import solve
from allocation.solver.coupled.classes import is_by_class, least_by_class, solve_classes
from allocation.solver.coupled.counted import count_by_count, fixed_cost
from allocation.solver.coupled.descent import improve
from allocation.solver.coupled.exchanges import exchange, scaled_down
from allocation.solver.coupled.judge import Rank, judge
from allocation.solver.coupled.merged import merge, untouched
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.nearest import Nearest
from allocation.solver.coupled.patterns import Patterns, has_few_patterns
from allocation.solver.coupled.paying import Paying
from allocation.solver.coupled.prices import find_prices
from allocation.solver.coupled.pricing import Priced, Prices
from allocation.solver.coupled.sharing import share_out
from allocation.solver.coupled.simplest import simplest
from allocation.solver.coupled.supports import choose_lines, is_limited_only
from allocation.solver.coupled.walk import Effort, Found, Walk
from allocation.solver.question import Answer, Question

Steps: TypeAlias = tuple[int, ...]

_GLANCES = (Effort(width=30, visits=5_000, few=8), Effort(width=150, visits=15_000, few=40))
_PROOF = Effort(width=20_000, visits=80_000, only_better=True)
_QUICK = Effort(width=5_000, visits=20_000, only_better=True)
_TIES = Effort(width=20_000, visits=25_000)
# For up to so many lines, unless taxes make every visit slow, it takes little to see everything.
_FEW_LINES = 6
_THOROUGH = Effort(width=100_000, visits=120_000, only_better=True)
# Up to so many lines HiGHS looks for the nearest trades; above the first number a walk sees too little to be worth its time.
_FEW_BRANCHED, _MOST_BRANCHED = 9, 18
_BRANCHES, _FEWER_BRANCHES = 200, 20
# With caps or taxes each visit takes longer, and the more lines there are, the less of them could be seen anyway.
_MOST_AT_EASE = 10
# More lines than this are not gone through one by one: what they could still gain is not worth the time.
_MOST_LINES = 60


def solve_coupled(question: Question) -> Answer | None:
    """The best trades found and a bound that is proved; None when no choice of trades is allowed.

    Raises:
        UndecidedError: neither trades that are allowed nor a proof that there are none.
    """
    merger = merge(question)
    floor: int | Fraction = 0
    if merger is None and is_by_class(question):
        if len(question.purses) == 1 and (found := solve_classes(question)) is not None:
            return found
        least = least_by_class(question)
        floor = 0 if least is None else least
    starts = [_no_trades(question)]
    if merger is not None:
        together = solve(merger.problem)
        if together is None:
            return None
        floor = together.bound + untouched(question)
        if len(together.steps) == len(merger.groups):
            shared = share_out(question, merger, together.steps)
        else:
            shared = Paying(question, merger).from_trades(together.steps)
        starts += [] if shared is None else [shared]
    start = _best(question, starts, floor)
    if len(question.lines) > _MOST_LINES:
        return _unsearched(question, start, floor)
    return _searched(question, start, floor)


def _best(question: Question, starts: list[Steps], floor: int | Fraction) -> Steps | None:
    """The best answer that the starts lead to; None where they lead to none."""
    best: tuple[Rank, Steps] | None = None
    for start in reversed(starts):
        if len(question.lines) > _MOST_LINES and start is not starts[0] and judge(question, start) is not None:
            return start
        for steps in (start, None):
            tried = improve(question, start) if steps is None else steps
            outcome = judge(question, tried)
            if outcome is not None and (best is None or outcome.rank < best[0]):
                best = outcome.rank, tried
            if best is not None and outcome is not None and outcome.value <= floor:
                return best[1]
    return None if best is None else best[1]


def _searched(question: Question, start: Steps | None, floor: int | Fraction) -> Answer | None:
    """The best answer by whichever way is quickest to the end for such a question."""
    model = Model(question, ties=False)
    priced = [find_prices(part) for part in _convex_parts(question, model, ties=False)]
    if question.most_trades is not None and is_limited_only(question):
        chosen = choose_lines(priced[0], question.most_trades)
        if chosen is not None:
            floor = _value(question, chosen.steps) if chosen.unseen is None else _bound(model, chosen.unseen)
            return _answer(question, chosen.steps, floor)
    if _is_simple(question):
        counted, least = count_by_count(question)
        start, floor = _nearer(question, start, counted), max(floor, least or 0)
        if has_few_patterns(question) and (start is None or _value(question, start) > floor):
            return _pattern_by_pattern(question, priced, start, floor)
    return _walked_through(question, priced, start, floor)


def _walked_through(
    question: Question, priced: list[Priced], start: Steps | None, floor: int | Fraction
) -> Answer | None:
    """The best answer of two walks over all lines: the first settles φ alone, the second the ties."""
    model = Model(question, ties=False)
    found = _known(question, model, start, Found())
    for steps in _within_caps(question, start):
        found = _known(question, model, steps, found)
    for effort in _GLANCES:
        if not _settles(model, found, floor):
            found = _walked(priced, _eased(effort, question), found)
    if found.cost is not None:
        found = _known(question, model, improve(question, found.steps), found)
    found, floor = _proved(question, priced, found, floor)
    if found.cost is None:
        if found.dropped is None:
            return None
        raise UndecidedError
    return _told_apart(question, [each.prices for each in priced], found.steps, floor)


def _pattern_by_pattern(
    question: Question, priced: list[Priced], start: Steps | None, floor: int | Fraction
) -> Answer | None:
    """The best answer of all patterns of lines that trade."""
    patterns = Patterns(question)
    patterns.consider(None if start is None else exchange(question, start))
    patterns.look_through()
    if patterns.steps is None or patterns.value is None:
        if patterns.unseen is None:
            return None
        raise UndecidedError
    floor = max(floor, patterns.value if patterns.unseen is None else min(patterns.value, patterns.unseen))
    return _told_apart(question, [each.prices for each in priced], patterns.steps, floor)


def _proved(
    question: Question, priced: list[Priced], found: Found, floor: int | Fraction
) -> tuple[Found, int | Fraction]:
    """The best answer and its bound, once walks have gone through all lines, HiGHS looks in between."""
    model = Model(question, ties=False)
    efforts = (_QUICK, _PROOF) if len(question.lines) <= _FEW_LINES else (_PROOF,)
    for effort in efforts:
        if effort is _PROOF and not _settles(model, found, floor):
            found = _known(question, model, _nearest(question, found.steps, floor), found)
        if not _settles(model, found, floor):
            found = _walked(priced, _eased(effort, question), found)
            floor = max(floor, _bound(model, _least(found)))
    return found, floor


def _told_apart(question: Question, prices: list[Prices], steps: Steps, floor: int | Fraction) -> Answer:
    """The answer whose ties are settled as far as the work goes."""
    model = Model(question)
    dearer = Fraction(model.units.whole, Model(question, ties=False).units.whole)
    parts = _convex_parts(question, model, ties=True)
    priced = [Priced(part, each.scaled(dearer)) for part, each in zip(parts, prices, strict=True)]
    proved = int(floor * model.unit) if _value(question, steps) <= floor else None
    found = _known(question, model, steps, Found())
    if len(question.lines) <= _FEW_LINES or not _is_simple(question):
        for effort in (*_GLANCES, _TIES):
            found = _walked(priced, _eased(effort, question), found, proved)
        floor = max(floor, _bound(model, _least(found)))
        if _is_all(found) or not _is_simple(question):
            return _answer(question, found.steps, floor)
    return _answer(question, simplest(question, found.steps), floor)


def _is_simple(question: Question) -> bool:
    """Whether HiGHS can tell ties apart: every trade costs the same, and there are few lines."""
    if question.tax is not None or question.most_turnover is not None or len(question.purses) == 1:
        return False
    return fixed_cost(question.lines) is not None and len(question.lines) <= _MOST_BRANCHED


def _is_all(found: Found) -> bool:
    """Whether a walk has seen all that could be better."""
    return found.dropped is None or (found.cost is not None and found.dropped > found.cost)


def _nearest(question: Question, steps: Steps, floor: int | Fraction) -> Steps | None:
    """Nearer trades that HiGHS finds; taxes are not told it."""
    if len(question.lines) > _MOST_BRANCHED or question.tax is not None:
        return None
    branches = _BRANCHES if len(question.lines) <= _FEW_BRANCHED else _FEWER_BRANCHES
    return Nearest(question, floor, branches).from_trades(steps or None)


def _within_caps(question: Question, start: Steps | None) -> list[Steps]:
    """Good answers within caps and purses: pairs of trades exchanged, from little and from much traded."""
    if not _is_capped(question):
        return [] if start is None or len(question.purses) == 1 else [exchange(question, start)]
    tax = question.tax and replace(question.tax, most=None)
    freely = improve(replace(question, most_turnover=None, tax=None), _no_trades(question))
    starts = [start, scaled_down(question, freely), scaled_down(question, improve(replace(question, tax=tax), freely))]
    return [exchange(question, steps) for steps in dict.fromkeys(starts) if steps is not None]


def _is_capped(question: Question) -> bool:
    return question.most_turnover is not None or question.tax is not None


def _eased(effort: Effort, question: Question) -> Effort:
    """The effort that suits a question: more for few lines, less for many under caps."""
    lines = len(question.lines)
    if lines <= _FEW_LINES and effort is _PROOF and question.tax is None:
        return _THOROUGH
    if lines > _FEW_BRANCHED and effort is _PROOF and len(question.purses) > 1:
        return replace(effort, visits=effort.visits // 8)
    if lines > _MOST_AT_EASE and _is_capped(question):
        slower = 1 if question.tax is None else 2
        return replace(effort, visits=effort.visits * _MOST_AT_EASE**2 // (slower * lines**2))
    return effort


def _convex_parts(question: Question, model: Model, *, ties: bool) -> list[Model]:
    """The model, once for each part of the gains over which the tax is convex, so that prices can be exact."""
    return [Model(question, ties=ties, part=part) for part in range(len(model.parts(model.gains)))]


def _walked(priced: list[Priced], effort: Effort, known: Found, proved: int | None = None) -> Found:
    """The best answer of a walk through every part that may hold one, the most promising first."""
    found, dropped = known, list[int]()
    for part in sorted(priced, key=lambda each: each.bound):
        if found.cost is None or part.bound <= found.cost:
            found = Walk(part, effort, found, proved).run()
            dropped += [] if found.dropped is None else [found.dropped]
    return replace(found, dropped=min(dropped, default=None))


def _settles(model: Model, found: Found, floor: int | Fraction) -> bool:
    """Whether no answer has a smaller φ than the one found."""
    # Turnover is counted even where ties are not: it is less than one unit of φ.
    return found.cost is not None and found.cost // model.units.whole <= floor * model.unit


def _least(found: Found) -> int:
    """The least cost that any answer can have, as far as a walk has seen."""
    costs = [cost for cost in (found.cost, found.dropped) if cost is not None]
    return min(costs, default=0)


def _known(question: Question, model: Model, steps: Steps | None, known: Found) -> Found:
    """The better of two answers, one of them perhaps none."""
    if steps is None or judge(question, steps) is None:
        return known
    cost = model.cost(steps)
    return Found(cost, steps) if known.cost is None or cost < known.cost else known


def _nearer(question: Question, steps: Steps | None, others: Steps | None) -> Steps | None:
    """The better of two answers, each perhaps none; both are allowed."""
    told = [(outcome.rank, each) for each in (steps, others) if each and (outcome := judge(question, each)) is not None]
    return min(told)[1] if told else None


def _unsearched(question: Question, start: Steps | None, floor: int | Fraction) -> Answer:
    """The best answer known, with the bound that cash alone must cost something."""
    if start is None:
        raise UndecidedError
    if _value(question, start) > floor:
        model = Model(question)
        floor = max(floor, _bound(model, Priced(model, Prices(purses=(0,) * len(question.purses))).bound))
    return _answer(question, start, floor)


def _bound(model: Model, least: int) -> Fraction:
    """The bound on φ that a bound on the folded cost leaves, in the grains asked."""
    # Lesser criteria add between most_misplaced and one unit of φ; what is left after them is the bound on φ.
    return Fraction((least - model.units.misplaced * model.most_misplaced) // model.units.whole, model.unit)


def _answer(question: Question, steps: Steps, bound: int | Fraction) -> Answer:
    value = _value(question, steps)
    return Answer(steps, _plain(value), _plain(min(value, Fraction(bound))))


def _value(question: Question, steps: Steps) -> int | Fraction:
    outcome = judge(question, steps)
    if outcome is None:
        raise ArithmeticError("these trades are not allowed")
    return outcome.value


def _no_trades(question: Question) -> Steps:
    """Every line's allowed trade closest to none."""
    return tuple(
        min((k for run in line.runs for k in {run.low, run.high, min(max(0, run.low), run.high)}), key=abs)
        for line in question.lines
    )


def _plain(amount: int | Fraction) -> int | Fraction:
    return amount.numerator if amount.denominator == 1 else amount
