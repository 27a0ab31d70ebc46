"""What is wrong with an answer, when every combination of trades has been tried."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from math import isqrt
from typing import Any

from tests.brute_force.enumeration import Enumeration, Outcome, Plan
from tests.brute_force.question import Json, Question, exact
from tests.brute_force.sales import sale_faults
from tests.brute_force.trades import Line, Trade
from tests.brute_force.walk import best_plan

LAST_DIGIT = Fraction(1, 10**12)
# What a request is refused with when nothing is allowed, or nothing is there to divide.
NOTHING_ALLOWED = {"infeasible"}
NOTHING_THERE = {"portfolio_empty", "withdrawal_too_large"}


class Judge:
    """Compares answers to one request with the best plan there is."""

    def __init__(self, request: Json, most_branches: int = 200_000) -> None:
        self.best: Plan | None = None
        self.there_is_something = Question(request).whole > 0
        if self.there_is_something:
            self.every = Enumeration(request)
            self.question = self.every.question
            self.best = best_plan(self.every, most_branches)

    def faults(self, answer: Json) -> list[str]:
        """Every way in which the answer is not what the contract says; empty when it is right."""
        if "error" in answer:
            return list(self._refusal(answer["error"]["code"]))
        if not self.there_is_something:
            return ["a plan although there is nothing to divide"]
        if self.best is None:
            return [f"a plan although nothing is allowed: {_told(answer)}"]
        plan = self.plan_of(answer)
        if isinstance(plan, str):
            return [plan]
        if not self.every.allowed(plan):
            return [f"not allowed: {_told(answer)}; best is {self.shown(self.best)}"]
        outcome = self.every.outcome(plan)
        return [
            *self._ranked(answer, outcome),
            *self._bounded(answer, outcome),
            *figures(self, answer, plan, outcome),
            *sale_faults(self.every, plan, answer),
        ]

    def plan_of(self, answer: Json) -> Plan | str:
        """The trades of each line, or what no line may do."""
        told = {(t["account"], t["symbol"]): t for t in answer["trades"]}
        if len(told) != len(answer["trades"]):
            return "a line is traded twice"
        chosen: list[Trade] = []
        for line in self.every.lines:
            trade = told.pop((self.question.accounts[line.account].id, line.symbol), None)
            quantity = Fraction(0) if trade is None else exact(trade["quantity"]) * _sign(trade)
            found = next((t for t in line.trades if t.quantity == quantity), None)
            if found is None:
                return f"{line.symbol}: {quantity} is not an allowed trade"
            chosen.append(found)
        return f"trades of unknown lines: {sorted(told)}" if told else tuple(chosen)

    def shown(self, plan: Plan) -> dict[str, str]:
        """Signed quantities by line, for a reader."""
        pairs = zip(self.every.lines, plan, strict=True)
        return {f"{self._id(line)}/{line.symbol}": str(float(t.quantity)) for line, t in pairs if t.steps}

    def _refusal(self, code: str) -> Iterator[str]:
        expected = set() if self.best else NOTHING_ALLOWED if self.there_is_something else NOTHING_THERE
        if code not in expected:
            best = "nothing" if self.best is None else str(self.shown(self.best))
            yield f"refused as {code}, expected {sorted(expected) or 'a plan'}; best is {best}"

    def _ranked(self, answer: Json, outcome: Outcome) -> Iterator[str]:
        assert self.best is not None
        best = self.every.outcome(self.best).rank
        if outcome.rank < best:
            yield f"better than the best of the oracle: {_told(answer)} against {self.shown(self.best)}"
        elif outcome.rank != best and (answer["status"] == "optimal" or outcome.rank[:2] < best[:2]):
            criterion = next(i for i, (mine, its) in enumerate(zip(outcome.rank, best, strict=True)) if mine != its)
            name = CRITERIA[criterion]
            yield f"{name}: {_told(answer)} comes to {outcome.rank[criterion]}, best {self.shown(self.best)} to {best[criterion]}"

    def _bounded(self, answer: Json, outcome: Outcome) -> Iterator[str]:
        assert self.best is not None
        told, best = answer["objective"], self.every.outcome(self.best).rank[1]
        power = 1 if self.every.objective == "l1" else 2
        value, bound = exact(told["value"]), exact(told["bound"])
        if told["name"] != self.every.objective:
            yield f"objective {told['name']}, asked {self.every.objective}"
        if not max(Fraction(0), value - LAST_DIGIT) ** power <= outcome.rank[1] <= value**power:
            yield f"objective value {value} is not that of the trades, {_root(outcome.rank[1], power)}"
        if bound < 0 or bound**power > best:
            yield f"bound {float(bound)} above the optimum {_root(best, power)}"
        proved = answer["status"] == "optimal"
        whole = 1 if self.every.objective == "relative" else self.question.whole
        gap = Fraction(0) if proved else (value - bound) / whole
        if abs(exact(told["gap"]) - gap) > LAST_DIGIT or (proved and value - bound > LAST_DIGIT):
            yield f"status {answer['status']}, value {value}, bound {bound} and gap {told['gap']} disagree"

    def _id(self, line: Line) -> str:
        return self.question.accounts[line.account].id


CRITERIA = (
    "left without a target",
    "objective",
    "location",
    "costs and taxes",
    "sold in taxable accounts",
    "number of trades",
    "turnover",
    "largest deviation",
    "order of lines",
)


def figures(judge: Judge, answer: Json, plan: Plan, outcome: Outcome) -> Iterator[str]:
    """Every reported number that is not the oracle's own."""
    for path, told, own in _numbers(judge, answer, plan, outcome):
        # Money is exact to its last digit; ratios, and taxes that are shared in ratios, have twelve decimals.
        if abs(exact(told) - own) > LAST_DIGIT:
            yield f"{path} is {told}, not {float(own)}"
    question = judge.question
    symbols = set(question.symbols)
    for moment in ("before", "after"):
        if set(answer[moment]["weights"]) - symbols or not question.held <= set(answer[moment]["weights"]):
            yield f"{moment}.weights names {sorted(answer[moment]['weights'])}, the lines are {sorted(symbols)}"
    keys = [(t["side"] == "buy", t["account"], -exact(t["value"]), t["symbol"]) for t in answer["trades"]]
    if keys != sorted(keys):
        yield "trades do not stand sells first, by account, largest first"


def _numbers(judge: Judge, answer: Json, plan: Plan, outcome: Outcome) -> Iterator[tuple[str, Any, Fraction]]:
    question, every = judge.question, judge.every
    nothing = tuple(next(t for t in line.trades if not t.steps) for line in every.lines)
    cash = sum((account.cash for account in question.accounts), Fraction(0))
    before, after = answer["before"], answer["after"]
    yield "before.total", before["total"], question.total
    yield "before.cash", before["cash"], cash
    yield "before.drift", before["drift"], drift(question, every.cells_before, cash - question.reserve)
    yield "after.total", after["total"], question.total - outcome.cost - outcome.bill.total
    yield "after.cash", after["cash"], outcome.all_cash
    yield "after.drift", after["drift"], drift(question, outcome.cells, outcome.all_cash - question.reserve)
    for moment, trades in (("before", nothing), ("after", plan)):
        for symbol, weight in answer[moment]["weights"].items():
            yield f"{moment}.weights.{symbol}", weight, _value(judge, trades, symbol) / question.whole
    yield from _totals(answer["totals"], plan, outcome, question.total)
    yield from _trades(judge, answer, plan)


def _totals(told: Json, plan: Plan, outcome: Outcome, total: Fraction) -> Iterator[tuple[str, Any, Fraction]]:
    values = [trade.value for trade in plan]
    yield "totals.buys", told["buys"], sum((v for v in values if v > 0), Fraction(0))
    yield "totals.sells", told["sells"], sum((-v for v in values if v < 0), Fraction(0))
    yield "totals.turnover", told["turnover"], sum(map(abs, values), Fraction(0)) / 2 / total
    yield "totals.cost", told["cost"], outcome.cost
    yield "totals.tax", told["tax"], outcome.bill.total
    yield "totals.trades", told["trades"], Fraction(sum(1 for v in values if v))


def _trades(judge: Judge, answer: Json, plan: Plan) -> Iterator[tuple[str, Any, Fraction]]:
    own = {(judge._id(line), line.symbol): t for line, t in zip(judge.every.lines, plan, strict=True)}
    for told in answer["trades"]:
        trade, name = own[told["account"], told["symbol"]], f"{told['account']}/{told['symbol']}"
        yield f"{name}.price", told["price"], judge.question.price[told["symbol"]]
        yield f"{name}.value", told["value"], abs(trade.value)
        yield f"{name}.cost", told["cost"], trade.cost


def _value(judge: Judge, plan: Plan, symbol: str) -> Fraction:
    lines = zip(judge.every.lines, plan, strict=True)
    price = judge.question.price[symbol]
    return sum((line.held * price + t.value for line, t in lines if line.symbol == symbol), Fraction(0))


def drift(question: Question, cells: tuple[Fraction, ...], free_cash: Fraction) -> Fraction:
    """Half the sum of all deviations from the target weights, cash included."""
    whole = question.whole
    off = abs(free_cash / whole - question.cash_weight)
    off += sum(abs(value / whole - cell.weight) for value, cell in zip(cells, question.cells, strict=True))
    return off / 2


def _sign(trade: Json) -> int:
    return 1 if trade["side"] == "buy" else -1


def _told(answer: Json) -> dict[str, str]:
    return {f"{t['account']}/{t['symbol']}": str(Decimal(t["quantity"]) * _sign(t)) for t in answer["trades"]}


def _root(amount: Fraction, power: int) -> float:
    return float(amount) if power == 1 else isqrt(int(amount * 10**24)) / 10**12
