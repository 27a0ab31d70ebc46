"""Single trades: they belong to the request, their figures are right, and no rule forbids them."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from allocation.checks.exact import is_exactly, is_near, money
from allocation.checks.fault import Fault
from allocation.checks.ledger import Ledger
from allocation.checks.outcome import Outcome
from allocation.trade_plan import Side, Trade, TradePlan


def check_trades_belong(plan: TradePlan, ledger: Ledger) -> Iterator[Fault]:
    """Every trade is of a line of the request, once, in a quantity that can be counted."""
    lines = Counter((t.account, t.symbol) for t in plan.trades)
    twice = sorted({symbol for (_, symbol), count in lines.items() if count > 1})
    if twice:
        yield Fault("symbol_twice", f"{', '.join(twice)} is traded more than once in one account.")
    for trade in plan.trades:
        if trade.symbol not in ledger.securities:
            yield Fault("symbol_unknown", f"{trade.symbol} is not a line of this request.")
        elif trade.account not in ledger.cash:
            yield Fault("account_unknown", f"{trade.symbol} is traded in {trade.account}, which is no account of it.")
        elif not _is_whole(trade, ledger):
            yield Fault("quantity", f"{trade.symbol}: {trade.quantity} is not a whole number of steps above zero.")


def _is_whole(trade: Trade, ledger: Ledger) -> bool:
    """Whether the quantity is a whole number of steps above zero."""
    numerator, denominator = trade.quantity.as_integer_ratio()
    step = ledger.securities[trade.symbol].step * denominator
    return numerator > 0 and numerator * ledger.quantum % step == 0


def check_figures(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """Price, value and cost of each trade are what the request makes them."""
    ledger = outcome.ledger
    for trade in plan.trades:
        key, symbol = (trade.account, trade.symbol), trade.symbol
        price = ledger.facts.prices[symbol]
        if trade.price != price:
            yield Fault("price", f"{symbol}: priced at {trade.price}, the request says {price}.")
        value, cost = abs(outcome.values[key]), outcome.costs[key]
        if not is_exactly(trade.value, value, ledger.grain):
            yield Fault(
                "value", f"{symbol}: {trade.quantity} at {price} is {money(value, ledger.grain)}, not {trade.value}."
            )
        if not is_exactly(trade.cost, cost, ledger.grain):
            yield Fault("cost", f"{symbol}: costs {money(cost, ledger.grain)} to trade, not {trade.cost}.")


def check_weights_beside_trades(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """The weights that stand beside a trade are those of its security over all accounts."""
    ledger = outcome.ledger
    before, after = dict.fromkeys(ledger.securities, 0), dict.fromkeys(ledger.securities, 0)
    for (_, symbol), quanta in ledger.held.items():
        before[symbol] += ledger.securities[symbol].price * quanta
        after[symbol] += ledger.securities[symbol].price * quanta
    for (_, symbol), value in outcome.values.items():
        after[symbol] += value
    for trade in plan.trades:
        if not is_near(trade.weight_before, before[trade.symbol], ledger.whole):
            yield Fault("weights", f"{trade.symbol}: weight_before is {trade.weight_before}.")
        if not is_near(trade.weight_after, after[trade.symbol], ledger.whole):
            yield Fault("weights", f"{trade.symbol}: weight_after is {trade.weight_after}.")
        if not is_near(trade.weight_target, ledger.cells.weight_of(trade.symbol), ledger.cells.whole):
            yield Fault("weights", f"{trade.symbol}: weight_target is {trade.weight_target}.")


def check_rules(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """No trade is forbidden, too small, or larger than the holding."""
    ledger = outcome.ledger
    for trade in plan.trades:
        key, security = (trade.account, trade.symbol), ledger.securities[trade.symbol]
        rule = security.no_buying if trade.side == Side.BUY else security.no_selling
        if rule and not (rule == "band" and key in ledger.forced):
            yield Fault("rule_broken", f"{trade.symbol}: the {trade.side} breaks {rule}.")
        quanta, held = abs(outcome.traded[key]), ledger.held.get(key, 0)
        if quanta < security.least:
            yield Fault("min_trade_value", f"{trade.symbol}: a trade of {trade.value} is below the smallest allowed.")
        if trade.side == Side.SELL and quanta > held:
            units = float(Fraction(held, ledger.quantum))
            yield Fault("oversold", f"{trade.symbol}: {trade.quantity} sold, {units} held in {trade.account}.")


def check_caps(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """No more trades and no more turnover than the rules allow."""
    rules, ledger = outcome.ledger.rules, outcome.ledger
    if rules.max_trades is not None and len(plan.trades) > rules.max_trades:
        yield Fault("max_trades", f"{len(plan.trades)} trades, where {rules.max_trades} are allowed.")
    traded = sum(abs(value) for value in outcome.values.values())
    if rules.max_turnover is not None and traded > 2 * Fraction(rules.max_turnover) * ledger.total:
        yield Fault("max_turnover", f"{money(traded, ledger.grain)} is traded, more than the turnover allowed.")


def check_order(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """Sells before buys; within a side by account, the largest first."""
    keys = [(t.side == Side.BUY, t.account, -abs(outcome.values[t.account, t.symbol]), t.symbol) for t in plan.trades]
    if keys != sorted(keys):
        yield Fault("order", "Trades do not stand sells first, then by account, the largest first.")
