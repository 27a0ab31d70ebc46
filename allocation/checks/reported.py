"""The figures of a plan: the accounts before and after, and the plan in sums."""

from collections.abc import Iterator, Mapping, Sequence

from allocation.checks.exact import Grains, is_exactly, is_near, money, size
from allocation.checks.fault import Fault
from allocation.checks.ledger import Ledger
from allocation.checks.outcome import Key, Outcome
from allocation.trade_plan import AccountSnapshot, Snapshot, TradePlan


def check_snapshots(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """Total, cash, weights and drift, without and with the trades."""
    ledger = outcome.ledger
    yield from _check_snapshot("before", plan.before, ledger, ledger.held, ledger.cash, ledger.worth)
    after = {key: ledger.held.get(key, 0) + outcome.traded.get(key, 0) for key in ledger.held.keys() | outcome.traded}
    yield from _check_snapshot("after", plan.after, ledger, after, outcome.cash, outcome.worth)


def _check_snapshot(
    moment: str,
    told: Snapshot,
    ledger: Ledger,
    held: Mapping[Key, int],
    cash: Mapping[str, Grains],
    worth: Sequence[int],
) -> Iterator[Fault]:
    values: dict[str, int] = {}
    accounts: dict[str, Grains] = dict(cash)
    for (account, symbol), quanta in held.items():
        value = ledger.securities[symbol].price * quanta
        values[symbol] = values.get(symbol, 0) + value
        accounts[account] += value
    exact = {"total": sum(accounts.values()), "cash": sum(cash.values()), "reserve": ledger.reserve}
    for name, amount in exact.items():
        if not is_exactly(getattr(told, name), amount, ledger.grain):
            yield Fault(name, f"{moment}.{name} is {getattr(told, name)}, not {money(amount, ledger.grain)}.")
    yield from _check_accounts(moment, told.accounts, accounts, cash, ledger)
    yield from _check_weights(moment, told, ledger, values, worth)
    share = ledger.cells.share
    spare = (exact["cash"] - ledger.reserve) * share
    if not is_near(told.drift, _drift(ledger, worth, spare), 2 * ledger.whole * share * ledger.cells.whole):
        yield Fault("drift", f"{moment}.drift is {told.drift}.")


def _check_accounts(
    moment: str,
    told: Mapping[str, AccountSnapshot],
    totals: Mapping[str, Grains],
    cash: Mapping[str, Grains],
    ledger: Ledger,
) -> Iterator[Fault]:
    if told and told.keys() != totals.keys():
        yield Fault("accounts", f"{moment}.accounts does not hold exactly the accounts of the request.")
    for account in told.keys() & totals.keys():
        if not is_near(told[account].total, totals[account], ledger.grain):
            yield Fault("total", f"{moment}: the total of {account} is {told[account].total}.")
        if not is_near(told[account].cash, cash[account], ledger.grain):
            yield Fault("cash", f"{moment}: the cash of {account} is {told[account].cash}.")


def _check_weights(
    moment: str, told: Snapshot, ledger: Ledger, values: Mapping[str, int], worth: Sequence[int]
) -> Iterator[Fault]:
    strange = told.weights.keys() - ledger.securities.keys()
    missing = {symbol for symbol, value in values.items() if value} - told.weights.keys()
    if strange or missing:
        yield Fault("weights", f"{moment}.weights has {sorted(strange)} too many and lacks {sorted(missing)}.")
    for symbol, weight in told.weights.items():
        if not is_near(weight, values.get(symbol, 0), ledger.whole):
            yield Fault("weights", f"{moment}.weights of {symbol} is {weight}.")
    classes = ledger.cells.classes
    if told.classes and told.classes.keys() != classes.keys():
        yield Fault("weights", f"{moment}.classes does not hold exactly the classes of the target.")
    for name in told.classes.keys() & classes.keys():
        together = sum(worth[cell] for cell in classes[name])
        if not is_near(told.classes[name], together, ledger.whole * ledger.cells.share):
            yield Fault("weights", f"{moment}.classes of {name} is {told.classes[name]}.")


def _drift(ledger: Ledger, worth: Sequence[int], spare: Grains) -> Grains:
    """Σ |weight − target weight| with cash, in grains·parts·weight units."""
    cells = ledger.cells
    share, whole = ledger.whole * cells.share, cells.whole
    off = size(spare * whole - cells.cash * share)
    return off + sum(abs(value * whole - weight * share) for value, weight in zip(worth, cells.weights, strict=True))


def check_totals(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """The sums of the trades."""
    totals, ledger = plan.totals, outcome.ledger
    grain, values = ledger.grain, outcome.values.values()
    buys, sells = sum(v for v in values if v > 0), -sum(v for v in values if v < 0)
    if not (is_exactly(totals.buys, buys, grain) and is_exactly(totals.sells, sells, grain)):
        yield Fault("totals", f"Buys of {totals.buys} and sells of {totals.sells} are not the sums of the trades.")
    if not is_near(totals.turnover, buys + sells, 2 * ledger.total):
        yield Fault("totals", f"The turnover is {totals.turnover}.")
    if not is_exactly(totals.cost, outcome.cost, grain):
        yield Fault("cost", f"The costs come to {money(outcome.cost, grain)}, not {totals.cost}.")
    if not is_near(totals.tax, outcome.bill.total, 1):
        yield Fault("tax", f"The taxes come to {money(outcome.bill.total, 1)}, not {totals.tax}.")
    if totals.trades != len(plan.trades):
        yield Fault("totals", f"{totals.trades} trades are reported, {len(plan.trades)} are listed.")


def check_taxes(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """The tax that stands beside each trade."""
    for trade in plan.trades:
        due = outcome.bill.by_trade.get((trade.account, trade.symbol), 0)
        if not is_near(trade.tax, due, 1):
            yield Fault("tax", f"{trade.symbol}: bears a tax of {money(due, 1)}, not {trade.tax}.")
