"""Which trades each line may make, and what each of them costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from tests.brute_force.question import Account, Question, exact


@dataclass(frozen=True)
class Trade:
    """`steps` whole increments, negative to sell; `spent` is value plus cost, negative for what a sale brings in."""

    steps: int
    quantity: Fraction
    value: Fraction
    cost: Fraction

    @property
    def spent(self) -> Fraction:
        return self.value + self.cost


@dataclass(frozen=True)
class Line:
    """One security in one account with every trade that the rules of single lines allow, in ascending order."""

    account: int
    symbol: str
    held: Fraction
    trades: tuple[Trade, ...]
    buyable: bool


def lines_of(question: Question) -> tuple[Line, ...]:
    """A line for each account and symbol held or wanted, in the order of symbols, then of accounts."""
    found = [
        _line(question, index, account, symbol)
        for symbol in question.symbols
        for index, account in enumerate(question.accounts)
        if symbol in account.held or symbol in question.wanted
    ]
    return tuple(found)


def _line(question: Question, index: int, account: Account, symbol: str) -> Line:
    held = account.held.get(symbol, Fraction(0))
    sells, buys = may_sell(question, symbol), may_buy(question, symbol)
    step = question.price[symbol] * question.increment(symbol)
    richest = account.cash + sum(question.price[s] * q for s, q in account.held.items())
    most_sold = floor(held / question.increment(symbol)) if sells else 0
    most_bought = max(0, floor(richest / step)) if buys else 0
    trades = _trades(question, symbol, range(-most_sold, most_bought + 1))
    return Line(index, symbol, held, tuple(trades), buys)


def _trades(question: Question, symbol: str, steps: range) -> Iterator[Trade]:
    price, increment = question.price[symbol], question.increment(symbol)
    for k in steps:
        value = k * increment * price
        if k == 0:
            yield Trade(0, Fraction(0), Fraction(0), Fraction(0))
        elif abs(value) >= question.money("min_trade_value"):
            yield Trade(k, k * increment, value, cost_of(question, symbol, abs(value)))


def cost_of(question: Question, symbol: str, value: Fraction) -> Fraction:
    """min(maximum, max(minimum, per_trade + rate·value)) + half_spread·value."""
    told = question.rules.get("costs") or {}
    commission = exact(told.get("per_trade", 0)) + exact(told.get("rate", 0)) * value
    commission = max(commission, exact(told.get("minimum", 0)))
    if told.get("maximum") is not None:
        commission = min(commission, exact(told["maximum"]))
    return commission + question.half_spread(symbol) * value


def may_sell(question: Question, symbol: str) -> bool:
    if question.forbids("lock", symbol) or question.forbids("do_not_sell", symbol):
        return False
    kept_outside = symbol not in question.named and question.rules.get("outside_target") == "hold"
    return not kept_outside and question.rules.get("selling") != "never" and _out_of_band(question, symbol)


def may_buy(question: Question, symbol: str) -> bool:
    if question.forbids("lock", symbol) or question.forbids("do_not_buy", symbol):
        return False
    wanted = symbol in question.wanted and question.rules.get("selling") != "to_raise_cash"
    return wanted and _out_of_band(question, symbol)


def _out_of_band(question: Question, symbol: str) -> bool:
    """Whether a band lets the line trade: any cell that it is exposed to has left its band."""
    if question.rules.get("trade") != "out_of_band":
        return True
    return any(cell.exposure.get(symbol) and not question.in_band(cell) for cell in question.cells)
