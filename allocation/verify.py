"""The independent check of a plan: every law, rule and reported figure, recomputed from the request in exact fractions.

Nothing here comes from the code that makes plans, so that one mistake cannot hide in both. A plan that has a fault is
never shown, saved or sent.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from allocation.errors import NotSupportedError
from allocation.facts import Facts
from allocation.model import Portfolio
from allocation.plan_id import identify
from allocation.rules import Objective, OutsideTarget, Rules, Selling
from allocation.targets import TargetAllocation
from allocation.trade_plan import Side, Snapshot, Status, TradePlan

# Figures that need not end as decimals are reported to twelve of them.
_LAST_DIGIT = Fraction(1, 10**12)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a plan. `code` is stable."""

    code: str
    message: str


def verify_plan(plan: TradePlan, facts: Facts) -> tuple[Fault, ...]:
    """Everything that is wrong with the plan as an answer to these facts; empty when it may be trusted."""
    (portfolio,), target, prices, rules, flow = (
        facts.portfolios,
        facts.target,
        facts.prices,
        facts.rules,
        facts.cash_flow,
    )
    if not isinstance(target, TargetAllocation):
        raise NotSupportedError("Plans for class targets cannot be checked yet.", ("target.classes",))
    account = _Account(portfolio, target, prices, rules, flow)
    unreadable = tuple(_check_request(account)) or tuple(_check_trades_belong(plan, account))
    if unreadable:
        return unreadable
    account.take_in(plan)
    faults = [fault for check in _CHECKS for fault in check(plan, account)]
    if plan.plan_id != identify(facts, plan.trades):
        faults.append(Fault("plan_id", "The plan id is not the hash of this request and these trades."))
    return tuple(faults)


class _Account:
    """The request, read afresh: money by line before and after the plan's trades."""

    def __init__(
        self,
        portfolio: Portfolio,
        target: TargetAllocation,
        prices: Mapping[str, Decimal],
        rules: Rules,
        cash_flow: Decimal,
    ) -> None:
        self.account, self.rules = portfolio.account, rules
        self.named = frozenset(target.weights)
        self.weights = _weights(target)
        held = {p.symbol: _exact(p.quantity) for p in portfolio.positions}
        if rules.outside_target == OutsideTarget.EXCLUDE:
            held = {s: q for s, q in held.items() if s in self.named}
        self.held = {s: q for s, q in held.items() if q > 0}
        self.symbols = sorted({*self.held, *(s for s, w in self.weights.items() if w > 0)})
        self.cash_weight = 1 - sum(self.weights.values(), Fraction(0))
        self.price = {s: _exact(prices[s]) for s in self.symbols if prices.get(s) is not None}
        self.reserve = _exact(rules.cash_reserve)
        self.cash = _exact(portfolio.cash) + _exact(cash_flow)
        self.total = self.cash + sum(self.price.get(s, Fraction(0)) * q for s, q in self.held.items())
        self.whole = self.total - self.reserve
        self.traded: dict[str, Fraction] = {}

    def take_in(self, plan: TradePlan) -> None:
        """Remember the signed quantity that the plan trades of each line."""
        self.traded = {t.symbol: Fraction(t.quantity) * (1 if t.side == Side.BUY else -1) for t in plan.trades}

    def step(self, symbol: str) -> Fraction:
        """The smallest tradable quantity of a line."""
        return _exact(self.rules.increment_of(symbol))

    def least(self, symbol: str) -> Fraction:
        """The smallest quantity that may be traded: whole steps worth the minimum."""
        worth_one = self.step(symbol) * self.price[symbol]
        steps = -(-_exact(self.rules.min_trade_value) // worth_one)
        return max(1, steps) * self.step(symbol)

    def values(self, traded: Mapping[str, Fraction]) -> dict[str, Fraction]:
        """Money in each line after these trades."""
        return {s: self.price[s] * (self.held.get(s, Fraction(0)) + traded.get(s, Fraction(0))) for s in self.symbols}

    def cash_after(self, traded: Mapping[str, Fraction]) -> Fraction:
        """All cash, reserve included, after these trades."""
        return self.cash - sum(self.price[s] * quantity for s, quantity in traded.items())

    def distance(self, traded: Mapping[str, Fraction]) -> Fraction:
        """Σ (value − target)² or Σ |value − target|, cash included."""
        offs = [v - self.weights.get(s, Fraction(0)) * self.whole for s, v in self.values(traded).items()]
        offs.append(self.cash_after(traded) - self.reserve - self.cash_weight * self.whole)
        return sum((off * off if self.rules.objective == Objective.L2 else abs(off) for off in offs), Fraction(0))

    def drift(self, traded: Mapping[str, Fraction]) -> Fraction:
        """½ Σ |weight − target weight|, cash included."""
        off = abs((self.cash_after(traded) - self.reserve) / self.whole - self.cash_weight)
        off += sum(abs(v / self.whole - self.weights.get(s, Fraction(0))) for s, v in self.values(traded).items())
        return off / 2

    def forbidden(self, symbol: str, side: Side) -> str:
        """The rule that forbids this line to trade on this side, or ""."""
        rules = self.rules
        outside = symbol not in self.named
        held_outside = outside and rules.outside_target == OutsideTarget.HOLD
        no_buying = {
            "lock": symbol in rules.lock,
            "outside_target": held_outside,
            "do_not_buy": symbol in rules.do_not_buy,
            "target 0": not self.weights.get(symbol),
            "selling to_raise_cash": rules.selling == Selling.TO_RAISE_CASH,
        }
        no_selling = {
            "lock": symbol in rules.lock,
            "outside_target": held_outside,
            "do_not_sell": symbol in rules.do_not_sell,
            "selling never": rules.selling == Selling.NEVER,
        }
        broken = no_buying if side == Side.BUY else no_selling
        return next((name for name, holds in broken.items() if holds), "")


def _exact(number: object) -> Fraction:
    """The number that its shortest text says."""
    return Fraction(str(number))


def _weights(target: TargetAllocation) -> dict[str, Fraction]:
    """Weights as fractions; a sum within a millionth of one is one."""
    weights = {s: _exact(w) for s, w in target.weights.items()}
    total = sum(weights.values(), Fraction(0))
    return {s: w / total for s, w in weights.items()} if abs(total - 1) <= Fraction(1, 10**6) else weights


def _check_request(facts: _Account) -> Iterator[Fault]:
    unpriced = [s for s in facts.symbols if facts.price.get(s, 0) <= 0]
    if unpriced:
        yield Fault("price_missing", f"The request has no price for {', '.join(unpriced)}.")
    elif facts.whole <= 0:
        yield Fault("portfolio_empty", "The request leaves nothing to divide.")


def _check_trades_belong(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    twice = [s for s, count in Counter(t.symbol for t in plan.trades).items() if count > 1]
    if twice:
        yield Fault("symbol_twice", f"{', '.join(twice)} is traded more than once.")
    for trade in plan.trades:
        if trade.symbol not in facts.price:
            yield Fault("symbol_unknown", f"{trade.symbol} is not a line of this request.")
        if trade.account != facts.account.id:
            yield Fault("account_unknown", f"{trade.symbol} is traded in {trade.account}, not in {facts.account.id}.")


def _check_trades(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    """Quantities, prices and values of single trades."""
    for t in plan.trades:
        quantity, price = Fraction(t.quantity), facts.price[t.symbol]
        if quantity <= 0 or quantity % facts.step(t.symbol):
            yield Fault("quantity", f"{t.symbol}: {t.quantity} is not a whole number of steps above zero.")
        if quantity < facts.least(t.symbol):
            yield Fault("min_trade_value", f"{t.symbol}: a trade of {t.value} is below the smallest allowed.")
        if t.side == Side.SELL and quantity > facts.held.get(t.symbol, 0):
            yield Fault("oversold", f"{t.symbol}: {t.quantity} sold, {facts.held.get(t.symbol, 0)} held.")
        if Fraction(t.price) != price:
            yield Fault(
                "price",
                f"{t.symbol}: priced at {t.price}, the request says {Decimal(price.numerator) / price.denominator}.",
            )
        if Fraction(t.value) != quantity * Fraction(t.price):
            yield Fault("value", f"{t.symbol}: {t.quantity} at {t.price} is not {t.value}.")
        if t.cost or t.tax:
            yield Fault("cost", f"{t.symbol}: a cost of {t.cost} and a tax of {t.tax} where none arise.")


def _check_rules(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    for trade in plan.trades:
        rule = facts.forbidden(trade.symbol, trade.side)
        if rule:
            yield Fault("rule_broken", f"{trade.symbol}: the {trade.side} breaks {rule}.")


def _check_cash(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    left = facts.cash_after(facts.traded)
    if left < facts.reserve or left < 0:
        yield Fault(
            "overspent", f"Cash of {float(left):.2f} would be left; at least {float(facts.reserve):.2f} must be."
        )


def _check_sales_needed(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    """Raising cash: nothing is sold that could be left out, in part or in whole."""
    if facts.rules.selling != Selling.TO_RAISE_CASH:
        return
    spare = facts.cash_after(facts.traded) - facts.reserve
    for trade in plan.trades:
        quantity, least = Fraction(trade.quantity), facts.least(trade.symbol)
        omitted = quantity if quantity - facts.step(trade.symbol) < least else facts.step(trade.symbol)
        if spare >= omitted * facts.price[trade.symbol]:
            yield Fault("sale_not_needed", f"{trade.symbol}: more is sold than the withdrawal needs.")


def _check_snapshots(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    yield from _check_snapshot("before", plan.before, {}, facts)
    yield from _check_snapshot("after", plan.after, facts.traded, facts)


def _check_snapshot(
    moment: str, snapshot: Snapshot, traded: Mapping[str, Fraction], facts: _Account
) -> Iterator[Fault]:
    exact = {"total": facts.total, "cash": facts.cash_after(traded), "reserve": facts.reserve}
    for name, amount in exact.items():
        if Fraction(getattr(snapshot, name)) != amount:
            yield Fault(name, f"{moment}.{name} is {getattr(snapshot, name)}, not {float(amount):.2f}.")
    values = facts.values(traded)
    if set(snapshot.weights) != set(values):
        yield Fault("weights", f"{moment}.weights does not hold exactly the lines of the request.")
    for symbol, weight in snapshot.weights.items():
        if symbol in values and not _near(weight, values[symbol] / facts.whole):
            yield Fault("weights", f"{moment}.weights of {symbol} is {weight}.")
    if not _near(snapshot.drift, facts.drift(traded)):
        yield Fault("drift", f"{moment}.drift is {snapshot.drift}.")


def _check_trade_weights(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    before, after = facts.values({}), facts.values(facts.traded)
    for t in plan.trades:
        expected = {
            "weight_before": before[t.symbol] / facts.whole,
            "weight_after": after[t.symbol] / facts.whole,
            "weight_target": facts.weights.get(t.symbol, Fraction(0)),
        }
        for name, weight in expected.items():
            if not _near(getattr(t, name), weight):
                yield Fault("weights", f"{t.symbol}: {name} is {getattr(t, name)}.")


def _check_totals(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    values = {s: facts.price[s] * quantity for s, quantity in facts.traded.items()}
    buys = sum((v for v in values.values() if v > 0), Fraction(0))
    sells = sum((-v for v in values.values() if v < 0), Fraction(0))
    totals = plan.totals
    if (Fraction(totals.buys), Fraction(totals.sells)) != (buys, sells):
        yield Fault("totals", f"Buys of {totals.buys} and sells of {totals.sells} are not the sums of the trades.")
    if not _near(totals.turnover, (buys + sells) / 2 / facts.total):
        yield Fault("totals", f"The turnover is {totals.turnover}.")
    if totals.cost or totals.tax:
        yield Fault("cost", f"A cost of {totals.cost} and a tax of {totals.tax} where none arise.")
    if totals.trades != len(plan.trades):
        yield Fault("totals", f"{totals.trades} trades are reported, {len(plan.trades)} are listed.")


def _check_objective(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    told = plan.objective
    value, bound = Fraction(told.value), Fraction(told.bound)
    if told.name != facts.rules.objective:
        yield Fault("objective", f"The objective is {told.name}, the request asks for {facts.rules.objective}.")
    power = 2 if facts.rules.objective == Objective.L2 else 1
    distance = facts.distance(facts.traded)
    if value < 0 or not max(Fraction(0), value - _LAST_DIGIT) ** power <= distance <= value**power:
        yield Fault("objective", f"The objective value {told.value} is not that of the trades.")
    if bound > value or bound < 0:
        yield Fault("bound", f"The bound {told.bound} is not between zero and the value {told.value}.")
    proved = plan.status == Status.OPTIMAL
    gap = Fraction(0) if proved else (value - bound) / facts.whole
    if not _near(told.gap, gap) or proved != (told.gap == 0) or (proved and value - bound > _LAST_DIGIT):
        yield Fault("gap", f"Status {plan.status}, value {told.value}, bound {told.bound}, gap {told.gap} disagree.")


def _check_not_improvable(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    """No plan may be worse than doing nothing; a proved one is not beaten by any change of a single line."""
    if facts.cash >= facts.reserve and facts.distance({}) < facts.distance(facts.traded):
        yield Fault("worse_than_nothing", "Trading nothing would be nearer to the target.")
    if plan.status != Status.OPTIMAL or facts.rules.selling == Selling.TO_RAISE_CASH:
        return
    spare = facts.cash_after(facts.traded) - facts.reserve
    values = facts.values(facts.traded)
    for symbol in facts.symbols:
        off = values[symbol] - facts.weights.get(symbol, Fraction(0)) * facts.whole
        for quantity in _neighbours(facts, symbol):
            spent = facts.price[symbol] * (quantity - facts.traded.get(symbol, Fraction(0)))
            if spent <= spare and _gain(off, spare - facts.cash_weight * facts.whole, spent, facts.rules.objective) > 0:
                yield Fault(
                    "not_optimal", f"{symbol}: trading {float(quantity):+g} instead would be nearer to the target."
                )


def _neighbours(facts: _Account, symbol: str) -> Iterator[Fraction]:
    """The allowed trades of one line next to the planned one, and no trade."""
    now, step = facts.traded.get(symbol, Fraction(0)), facts.step(symbol)
    for quantity in {Fraction(0), now - step, now + step} - {now}:
        side = Side.BUY if quantity > 0 else Side.SELL
        small = quantity and abs(quantity) < facts.least(symbol)
        if not (small or quantity + facts.held.get(symbol, 0) < 0 or (quantity and facts.forbidden(symbol, side))):
            yield quantity


def _gain(line: Fraction, cash: Fraction, spent: Fraction, objective: Objective) -> Fraction:
    """How much nearer to the target it brings the plan to spend more on one line; both are given as off their targets."""
    if objective == Objective.L2:
        return line**2 + cash**2 - (line + spent) ** 2 - (cash - spent) ** 2
    return abs(line) + abs(cash) - abs(line + spent) - abs(cash - spent)


def _check_order(plan: TradePlan, facts: _Account) -> Iterator[Fault]:
    keys = [(t.side == Side.BUY, -Fraction(t.value), t.symbol) for t in plan.trades]
    if keys != sorted(keys):
        yield Fault("order", "Trades do not stand sells first, largest first.")


def _near(reported: Decimal, exact: Fraction) -> bool:
    return abs(Fraction(reported) - exact) <= _LAST_DIGIT


_CHECKS = (
    _check_trades,
    _check_rules,
    _check_cash,
    _check_sales_needed,
    _check_snapshots,
    _check_trade_weights,
    _check_totals,
    _check_objective,
    _check_not_improvable,
    _check_order,
)
