"""The frontier, the least contribution and plans without one trade, against enumeration and the words of the documentation."""

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import floor

from allocation.contribution import find_least_contribution
from allocation.errors import AllocationError
from allocation.frontier import Over, Point, trace_frontier
from allocation.plan import plan_facts
from allocation.planning.without import explain_trades
from allocation.request import read_request
from tests.brute_force.enumeration import Enumeration, NothingThereError
from tests.brute_force.judge import LAST_DIGIT, Judge, drift
from tests.brute_force.question import Cell, Json, Question, exact
from tests.brute_force.walk import best_plan

CENT = Fraction(1, 100)
CAPS = {Over.TRADES: "max_trades", Over.TURNOVER: "max_turnover"}


def frontier_faults(request: Json, over: Over) -> Iterator[str]:
    """Points that are not the best there is under their cap, and numbers of trades without a point."""
    try:
        points = trace_frontier(read_request(json.dumps(request)).to_facts(), over)
    except AllocationError as refusal:
        yield from Judge(request).faults({"error": {"code": refusal.code}})
        return
    budgets = [point.budget for point in points]
    if budgets != sorted(set(budgets)):
        yield f"budgets {budgets} do not rise"
    for point in points:
        plan = json.loads(json.dumps(point.as_dict()))["plan"]
        yield from (f"{point.budget}: {fault}" for fault in Judge(_capped(request, over, point)).faults(plan))
    yield from Judge(request).faults(plan)
    if over == Over.TRADES:
        yield from _left_out(request, budgets[0])


def _left_out(request: Json, least: Fraction | object) -> Iterator[str]:
    """Whether fewer trades than the first point has would have been enough."""
    fewer = int(str(least)) - 1
    if fewer >= 0 and Judge(_with_rule(request, "max_trades", fewer)).best is not None:
        yield f"no point for {fewer} trades, which would do"


def _capped(request: Json, over: Over, point: Point) -> Json:
    if over == Over.TAX:
        return _with_rule(request, "taxes", {**request["rules"]["taxes"], "max_tax": str(point.budget)})
    # A ratio is printed rounded; the last point is the plan itself.
    return _with_rule(request, CAPS[over], str(point.budget)) if over == Over.TRADES else _rounded(request, point)


def _rounded(request: Json, point: Point) -> Json:
    return _with_rule(request, "max_turnover", str(max(point.budget, exact_turnover(request, point))))


def exact_turnover(request: Json, point: Point) -> Fraction:
    """Σ |value| ÷ 2 ÷ total where the budget is the turnover that the best plan itself has; else 0."""
    if point.budget != point.plan.totals.turnover:
        return Fraction(0)
    moved = Fraction(point.plan.totals.buys) + Fraction(point.plan.totals.sells)
    return moved / 2 / Question(request).total


def _with_rule(request: Json, rule: str, told: object) -> Json:
    return {**request, "rules": {**request["rules"], rule: told}}


def without_faults(request: Json) -> Iterator[str]:
    """Trades of which it is not told what the best plan without them comes to."""
    facts = read_request(json.dumps(request)).to_facts()
    try:
        plan = explain_trades(facts, plan_facts(facts))
    except AllocationError:
        return
    for trade in plan.trades:
        every = _without(Enumeration(request), trade.account, trade.symbol)
        best, told = best_plan(every), trade.without_it
        if best is None or told is None:
            if best is not told:
                yield f"without {trade.symbol}: {told}, the best is {best}"
            continue
        outcome = every.outcome(best)
        power = 1 if every.objective == "l1" else 2
        value = exact(told.objective)
        if not max(Fraction(0), value - LAST_DIGIT) ** power <= outcome.rank[1] <= value**power:
            yield f"without {trade.symbol}: objective {told.objective}, best is {float(outcome.rank[1])} (power {power})"
        free = outcome.all_cash - every.question.reserve
        if abs(exact(told.drift) - drift(every.question, outcome.cells, free)) > LAST_DIGIT:
            yield f"without {trade.symbol}: drift {told.drift}"
        if abs(exact(told.tax) - outcome.bill.total) > LAST_DIGIT:
            yield f"without {trade.symbol}: tax {told.tax}, not {float(outcome.bill.total)}"


def _without(every: Enumeration, account: str, symbol: str) -> Enumeration:
    """The same request with this line at rest."""
    ids = [each.id for each in every.question.accounts]
    every.lines = tuple(
        replace(line, trades=tuple(t for t in line.trades if not t.steps), buyable=False)
        if (ids[line.account], line.symbol) == (account, symbol)
        else line
        for line in every.lines
    )
    return every


def contribution_faults(request: Json) -> Iterator[str]:
    """A contribution that does not reach, that a cent less would do, or a refusal although some would do."""
    question = Question({**request, "rules": {**request["rules"], "selling": "never"}})
    try:
        told = find_least_contribution(read_request(json.dumps(request)).to_facts())
    except AllocationError as refusal:
        enough = _enough(question)
        if (refusal.code == "infeasible") != (enough is None) and question.whole > 0:
            yield f"refused as {refusal.code}, {enough} would do"
        return
    money = exact(told.contribution)
    if money < 0 or money % CENT:
        yield f"{money} is not an amount in cents"
    if not reaches(question, money):
        yield f"{float(money)} does not bring every line to its place"
    if money and any(reaches(question, less) for less in {money - CENT, money // 2 // CENT * CENT, Fraction(0)}):
        yield f"less than {float(money)} would do"


def _enough(question: Question) -> Fraction | None:
    """Some contribution that reaches, looked for far and wide; None where there is none."""
    at_most = 10**9 * (abs(question.total) + 1)
    sizes = (Fraction(floor(at_most / 3**k / CENT)) * CENT for k in range(60))
    return next((size for size in sizes if reaches(question, size)), None)


def reaches(question: Question, money: Fraction) -> bool:
    """Whether buying alone can bring every line to its place with so much money more."""
    whole, needed = question.whole + money, Fraction(0)
    for cell in question.cells:
        short = _short(question, cell, whole)
        if short is None:
            return False
        needed += short
    return needed <= sum((account.cash for account in question.accounts), money) - question.reserve


def _short(question: Question, cell: Cell, whole: Fraction) -> Fraction | None:
    """The least that has to be bought of a line; None where it is too heavy, or too light and may not be bought."""
    symbol, held = cell.name, question.value_in(cell)
    width = question.half_width(cell) if question.rules.get("band") else Fraction(0)
    low, high = max(Fraction(0), cell.weight - width) * whole, (cell.weight + width) * whole
    buyable = symbol in question.wanted and not (
        question.forbids("lock", symbol) or question.forbids("do_not_buy", symbol)
    )
    in_steps = buyable and "increment" in question.securities[symbol]
    step = question.price[symbol] * question.increment(symbol) if in_steps else Fraction(0)
    if held - high > 0 and held - high >= step:
        return None
    if low - held <= 0 or (step and low - held < step):
        return Fraction(0)
    if not buyable:
        return None
    return step * floor((low - held) / step) if step else low - held


def is_empty(request: Json) -> bool:
    """Whether there is nothing to divide."""
    try:
        Enumeration(request)
    except NothingThereError:
        return True
    return False
