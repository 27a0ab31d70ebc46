"""Orders from the command line: plan a batch, submit it, read the books; on any store and broker, by their URLs."""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeAlias

from allocation.adapters.exchange_days import ExchangeDays
from allocation.adapters.remote_broker import RemoteBroker
from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.journal import SqlJournal
from allocation.adapters.sql.order_desk import SqlOrderDesk
from allocation.adapters.sql.people import SqlPeople
from allocation.adapters.sql.store import SqlStore
from allocation.adapters.sql.trail import SqlTrail
from allocation.brokers import BrokerSnapshot, Mode
from allocation.errors import AccountNotFoundError, RequestError
from allocation.exchanges import exchange_of
from allocation.execution import Executor, Means, Progress, Standing
from allocation.execution.means import facts_for
from allocation.gate import require_open
from allocation.journal import Batch, Intent, Line
from allocation.limits import read_limits
from allocation.model import Account, Portfolio
from allocation.money import plain, to_decimal
from allocation.order_draft import Place, Terms, draft_batch
from allocation.orders import OrderType
from allocation.plan import plan_facts
from allocation.request import LARGEST_REQUEST, read_request
from allocation.rules import Rules
from allocation.targets import TargetAllocation
from allocation.trade_plan import TradePlan

Answer: TypeAlias = tuple[dict[str, Any], int]
_OPERATOR = "operator"
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0  # seconds between two looks at a broker


def work_on_orders(chosen: argparse.Namespace) -> Answer:
    """One of `ACTIONS`."""
    return ACTIONS[chosen.action](chosen)


class _Bench:
    """A store and a broker by their URLs."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.database: Database = open_database(_given(chosen.store, "--store"))
        self.desk = SqlOrderDesk(self.database, SqlTrail(self.database))
        self.journal = SqlJournal(self.database)
        self.user_id = _user(self.database, chosen.user)

    def broker(self) -> RemoteBroker:
        """The broker at its URL."""
        seconds, token = float(self.chosen.timeout), os.environ.get("EVENKEEL_BROKER_TOKEN", "")
        url = _given(self.chosen.broker, "--broker")
        return RemoteBroker(url, read_seconds=seconds, order_seconds=seconds, token=token)

    def means(self, broker: RemoteBroker) -> Means:
        """What the executor works with."""
        settle = timedelta(seconds=float(self.chosen.settle))
        return Means(self.journal, broker, broker.quotes, _now, _closed, settle=settle)

    def account_at(self, broker: RemoteBroker) -> BrokerSnapshot:
        """The broker's account that was named, or its only one."""
        accounts = {account.id: account for account in broker.accounts()}
        wanted = self.chosen.account or next(iter(accounts), "")
        if wanted not in accounts or (not self.chosen.account and len(accounts) > 1):
            raise RequestError(
                f"Name one of the broker's accounts with --account: {', '.join(accounts)}.", ("account",)
            )
        return broker.snapshot(wanted)


def _plan(chosen: argparse.Namespace) -> Answer:
    """Plan for what the broker holds, hold the plan against the gate, and write the batch down; nothing is sent."""
    bench = _Bench(chosen)
    broker = bench.broker()
    means = bench.means(broker)
    snapshot = bench.account_at(broker)
    request = read_request(_read(_given(chosen.file, "REQUEST.json")))
    rules = request.to_rules()
    portfolio = replace(snapshot.portfolio, account=Account(snapshot.account.id, snapshot.account.name))
    facts = request.to_facts()
    wanted = facts.target.weights if isinstance(facts.target, TargetAllocation) else facts.target.exposures
    symbols = {*portfolio.symbols, *wanted} - facts.prices.keys()
    prices = {**{s: q.price for s, q in broker.quotes(sorted(symbols)).items()}, **facts.prices}
    facts = replace(facts, portfolios=(portfolio,), prices=prices, cash_flows={})
    _keep_account(bench, snapshot, portfolio)
    if chosen.limits:
        limits = read_limits(json.loads(_read(chosen.limits), parse_float=Decimal))
        bench.desk.save_limits(bench.user_id, snapshot.account.id, limits)
    batch = _draft(bench, snapshot, plan_facts(facts), rules, broker.mode == Mode.LIVE)
    require_open(batch, facts_for(means, batch, bench.journal.limits(batch)), bench.journal.limits(batch))
    kept = bench.desk.commit(bench.user_id, snapshot.account.id, batch, Intent.WAIT)
    return {"batch": kept.id, "plan_id": kept.plan_id, "orders": [_order(line) for line in kept.lines]}, 0


def _draft(bench: _Bench, snapshot: BrokerSnapshot, plan: TradePlan, rules: Rules, live: bool) -> Batch:
    chosen = bench.chosen
    follows = bench.desk.latest(bench.user_id, snapshot.account.id)
    place = Place(
        bench.user_id,
        snapshot.account.id,
        "remote",
        snapshot.account.id,
        snapshot.account.currency,
        live,
        follows,
        snapshot.portfolio.cash,
        snapshot.portfolio.quantities,
    )
    terms = Terms(OrderType(chosen.type), collar=to_decimal(chosen.collar, "--collar"))
    increments = {s: rules.increment_of(s) for s in plan.shares}
    record = json.dumps(plan.as_dict())
    return draft_batch(plan, place, terms, _now(), increments=increments, keep=rules.cash_reserve, record=record)


def _submit(chosen: argparse.Namespace) -> Answer:
    """Send the batch, or go on with it where another process was stopped; again and again is the same as once."""
    bench = _Bench(chosen)
    batch = _chosen_batch(bench)
    if batch.intent == Intent.WAIT or (batch.paused_code and batch.closed_at is None):
        batch = bench.desk.intend(bench.user_id, batch.account_id, batch.id, Intent.EXECUTE)
    means, ends = bench.means(bench.broker()), monotonic() + float(chosen.seconds)
    print("READY", flush=True)  # noqa: T201  the command line talks
    progress = Progress(batch, Standing.WAITING)
    while monotonic() < ends and progress.standing == Standing.WAITING:
        progress = _taken_turn(bench, means, batch, ends)
    told = {"standing": progress.standing.value, "said": progress.said, **_told(progress.batch)}
    return told, 0 if progress.standing == Standing.DONE else 1


def _taken_turn(bench: _Bench, means: Means, batch: Batch, ends: float) -> Progress:
    """As long as it is our turn; while it is somebody else's, only look on."""
    wait = _FIRST_WAIT
    with bench.journal.alone(batch) as turn:
        executor = Executor(means, turn) if turn is not None else None
        while True:
            progress = executor.advance(batch.id) if executor else _looked_on(bench, batch)
            if progress.standing != Standing.WAITING or executor is None or monotonic() > ends:
                break
            sleep(min(wait, max(0.0, ends - monotonic())))
            wait = min(wait * 2, _LONGEST_WAIT)
    if executor is None:
        sleep(_FIRST_WAIT)
    return progress


def _looked_on(bench: _Bench, batch: Batch) -> Progress:
    current = bench.journal.load(batch.id)
    return Progress(
        current, Standing.WAITING if current.closed_at is None else Standing.DONE, "Another executor is at it."
    )


def _books(chosen: argparse.Namespace) -> Answer:
    """What the journal says of every batch of the account, or of one."""
    bench = _Bench(chosen)
    if chosen.batch:
        return {"batches": [_told(bench.journal.load(chosen.batch))]}, 0
    accounts = [chosen.account] if chosen.account else [a.id for a in SqlStore(bench.database).accounts(bench.user_id)]
    batches = [batch for account in accounts for batch in bench.desk.batches(bench.user_id, account, 1_000)]
    return {"batches": [_told(batch) for batch in batches]}, 0


def _told(batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.id,
        "account": batch.account_id,
        "intent": batch.intent.value,
        "closed": batch.closed_at is not None,
        "paused": batch.paused_code,
        "differences": {symbol: plain(units) for symbol, units in batch.differences.items()},
        "orders": [_order(line) for line in batch.lines],
    }


def _order(line: Line) -> dict[str, Any]:
    order, price = line.order, line.average_price
    return {
        "line": line.number,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": plain(order.quantity),
        "reviewed_quantity": plain(line.reviewed_quantity),
        "type": order.type.value,
        "limit": None if order.limit is None else plain(order.limit),
        "state": line.state.value,
        "attempts": line.attempts,
        "filled": plain(line.filled),
        "average_price": None if price is None else plain(price),
        "fees": None if line.fees is None else plain(line.fees),
        "note": line.note,
    }


def _chosen_batch(bench: _Bench) -> Batch:
    if bench.chosen.batch:
        return bench.journal.load(bench.chosen.batch)
    accounts = [a.id for a in SqlStore(bench.database).accounts(bench.user_id)]
    for account in accounts:
        for batch in bench.desk.batches(bench.user_id, account, 1):
            if batch.closed_at is None:
                return batch
    raise RequestError("There is no batch to submit. Plan one first, or name it with --batch.", ("batch",))


def _keep_account(bench: _Bench, snapshot: BrokerSnapshot, portfolio: Portfolio) -> None:
    """The account in the store, so that its orders have somewhere to be."""
    store = SqlStore(bench.database)
    try:
        store.portfolio(bench.user_id, snapshot.account.id)
    except AccountNotFoundError:
        store.save_portfolios(bench.user_id, [portfolio])


def _user(database: Database, name: str) -> str:
    people = SqlPeople(database)
    wanted = name or _OPERATOR
    for person in people.everybody():
        if wanted in (person.user_name, person.user.id):
            return person.user.id
    if name:
        raise RequestError(f"There is no user {name[:40]!a} in this store.", ("user",))
    return people.add(_OPERATOR, _now()).id


def _closed(symbol: str, currency: str, now: datetime) -> str:
    exchange = exchange_of(symbol, currency)
    trades = ExchangeDays().traded(exchange, now, now + timedelta(seconds=1)) > timedelta(0)
    return "" if trades else f"{exchange} is closed."


def _given(value: str | None, name: str) -> str:
    if not value:
        raise RequestError(f"{name} is missing.", (name,))
    return value


def _read(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return file.read(LARGEST_REQUEST + 1)
    except OSError as error:
        raise RequestError(f"{name!a} cannot be read: {error.strerror}.", (name,)) from None


def _now() -> datetime:
    return datetime.now(UTC)


def _work(chosen: argparse.Namespace) -> Answer:
    """Send what people confirm on the pages of the installation that the environment names."""
    from allocation.working import work  # noqa: PLC0415  no batch of the command line waits for the whole workbench

    return work(embedded=chosen.embedded)


ACTIONS: dict[str, Callable[[argparse.Namespace], Answer]] = {
    "plan": _plan,
    "submit": _submit,
    "books": _books,
    "work": _work,
}
