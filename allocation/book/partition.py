"""Solve one partition of a book: whole accounts in, their trades and summary rows out; pure, and fit to be sent around."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from allocation.book.account import Known, Outcome, plan_account
from allocation.book.catalogue import catalogue_of, is_plain
from allocation.book.columns import money_type, runs_of, summary_schema, trades_schema
from allocation.book.exact import Flags, Wholes
from allocation.book.models import read_models
from allocation.book.proof import Expected
from allocation.book.quick import Quick, solve_quickly
from allocation.rules import Rules
from allocation.trade_plan import TradePlan

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Book:
    """The answer to a book, or to a part of one.

    Attributes:
        trades: one row for each trade, accounts in the order given, within an account by symbol.
        summary: one row for each account, in the order given.
        stopped_after: where the work was cancelled, the last account that was planned ("" for none); else None.
        one_by_one: how many accounts went the exact way of `plan`; that makes them no different.
    """

    trades: pa.Table
    summary: pa.Table
    stopped_after: str | None = None
    one_by_one: int = field(default=0, compare=False)


class Planner:
    """What all partitions of one book share: models, rules and known prices. It can be sent to another process."""

    def __init__(self, models: pa.Table, rules: Rules, known: Known, schema: pa.Schema) -> None:
        self.money = money_type(schema)
        self.known = known
        self._sent: tuple[pa.Table, dict[str, Any]] = (
            models,
            {each.name: _sendable(getattr(rules, each.name)) for each in fields(rules)},
        )
        self._read(rules)

    def __getstate__(self) -> dict[str, Any]:
        """Read-only mappings cannot be pickled; the table and the plain fields can, and are read again on arrival."""
        return {"money": self.money, "known": self.known, "_sent": self._sent}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._read(Rules(**self._sent[1]))

    def _read(self, rules: Rules) -> None:
        self.rules = rules
        self.models = read_models(self._sent[0])
        self.catalogue = catalogue_of(self.models, self.known, rules) if is_plain(rules) else None
        self.expected = Expected(self.models, self.known, rules)


def solve_partition(positions: pa.Table, planner: Planner) -> Book:
    """The trades and summary of the accounts in a table whose rows stand together by account."""
    starts = runs_of(positions.column("account_id")).tolist()
    quick = None
    if planner.catalogue is not None:
        quick = solve_quickly(positions, planner.catalogue, planner.rules, planner.money)
    if quick is None:
        outcomes = [_outcome(positions, span, planner) for span in pairwise(starts)]
        return replace(book_of(outcomes, planner.money), one_by_one=len(outcomes))
    quick = withhold(quick, planner.expected.faults(positions, quick.trades, quick.summary))
    left = np.flatnonzero(~quick.done)
    rest = book_of([_outcome(positions, (starts[i], starts[i + 1]), planner) for i in left], planner.money)
    if not len(left):
        return Book(quick.trades, quick.summary)
    number = dict(zip(rest.summary.column("account_id").to_pylist(), left, strict=True))
    traded = [number[account_id] for account_id in rest.trades.column("account_id").to_pylist()]
    return Book(
        _interleaved(quick.trades, quick.account_of_trade, rest.trades, np.array(traded, np.int64)),
        _interleaved(quick.summary, quick.account_of_row, rest.summary, left),
        one_by_one=len(left),
    )


def withhold(quick: Quick, faulty: Flags) -> Quick:
    """Without the plans in which the check finds a fault: their accounts are left to the exact way."""
    if not faulty.any():
        return quick
    names = quick.summary.column("account_id").filter(pa.array(faulty)).to_pylist()
    _log.error("%d plans made in columns are withheld and made again one by one, among them %s", len(names), names[:5])
    done = quick.done.copy()
    done[quick.account_of_row[faulty]] = False
    kept = done[quick.account_of_trade]
    return replace(
        quick,
        done=done,
        trades=quick.trades.filter(pa.array(kept)),
        summary=quick.summary.filter(pa.array(~faulty)),
        account_of_trade=quick.account_of_trade[kept],
        account_of_row=quick.account_of_row[~faulty],
    )


def book_of(outcomes: Sequence[Outcome], money: pa.DataType) -> Book:
    """What became of accounts, as tables."""
    return Book(_trades(outcomes, money), _summary(outcomes, money))


def join_books(books: Iterable[Book], money: pa.DataType, stopped_after: str | None = None) -> Book:
    """The parts of a book as one."""
    parts = list(books)
    trades = pa.concat_tables([trades_schema(money).empty_table(), *(part.trades for part in parts)])
    summary = pa.concat_tables([summary_schema(money).empty_table(), *(part.summary for part in parts)])
    return Book(trades, summary, stopped_after, sum(part.one_by_one for part in parts))


def _outcome(positions: pa.Table, span: tuple[int, int], planner: Planner) -> Outcome:
    rows = positions.slice(span[0], span[1] - span[0]).to_pylist()
    return plan_account(rows, planner.models, planner.known, planner.rules)


def _interleaved(one: pa.Table, account_of_one: Wholes, other: pa.Table, account_of_other: Wholes) -> pa.Table:
    """The rows of both in the order of their accounts."""
    order = np.argsort(np.concatenate([account_of_one, account_of_other]), kind="stable")
    return pa.concat_tables([one, other]).take(pa.array(order))


def _trades(outcomes: Iterable[Outcome], money: pa.DataType) -> pa.Table:
    planned = [(o.account_id, t) for o in outcomes if o.plan for t in sorted(o.plan.trades, key=lambda t: t.symbol)]
    columns: dict[str, list[Any]] = {
        "account_id": [account_id for account_id, _ in planned],
        "symbol": [t.symbol for _, t in planned],
        "trade_quantity": _amounts((t.signed_quantity for _, t in planned), money),
        "price": _amounts((t.price for _, t in planned), money),
        "value": _amounts((t.value for _, t in planned), money),
        "cost": _amounts((t.cost for _, t in planned), money),
        "tax": _amounts((t.tax for _, t in planned), money),
        "side": [t.side.value for _, t in planned],
    }
    return pa.table(columns, schema=trades_schema(money))


def _summary(outcomes: Iterable[Outcome], money: pa.DataType) -> pa.Table:
    rows = [{**_named(o), **(_figures(o.plan, money) if o.plan else {}), **_error(o)} for o in outcomes]
    return pa.Table.from_pylist(rows, schema=summary_schema(money))


def _named(outcome: Outcome) -> dict[str, Any]:
    status = outcome.plan.status.value if outcome.plan else "refused"
    return {"account_id": outcome.account_id, "model_id": outcome.model_id, "status": status}


def _figures(plan: TradePlan, money: pa.DataType) -> dict[str, Any]:
    total, cash = _amounts((plan.before.total, plan.after.cash), money)
    return {
        "objective": float(plan.objective.value),
        "bound": float(plan.objective.bound),
        "gap": float(plan.objective.gap),
        "drift_before": float(plan.before.drift),
        "drift_after": float(plan.after.drift),
        "total": total,
        "cash_after": cash,
        "trades": len(plan.trades),
    }


def _error(outcome: Outcome) -> dict[str, Any]:
    if outcome.refusal is None:
        return {}
    return {"error_code": outcome.refusal.code, "error_message": outcome.refusal.message}


def _amounts(numbers: Iterable[Decimal], money: pa.DataType) -> list[Any]:
    return [float(number) for number in numbers] if pa.types.is_floating(money) else list(numbers)


def _sendable(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value
