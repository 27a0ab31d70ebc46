"""The quick way through a partition: regular accounts in columns, solved by the kernel where it finds the one best plan."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from allocation.book.catalogue import Catalogue
from allocation.book.columns import summary_schema, trades_schema
from allocation.book.exact import TENS, Flags, Floats, Numbers, Wholes, numbers, to_column
from allocation.book.holdings import holdings_of
from allocation.book.layout import Layout, lay_out, only
from allocation.book.rows import read_rows
from allocation.rules import Objective, Rules
from allocation.solver.kernel_batch import solve_accounts
from allocation.solver.kernel_compiled import COMPILED
from allocation.solver.kernel_settle import ONLY, OPEN

# How hard the kernel tries, first and where that leaves an account open: states kept, and visits in all.
_GLANCE, _LONG_LOOK = (4_096, 300_000), (32_768, 10_000_000)
_SECONDS_UNCOMPILED = 0.01
_QUESTION = ("offsets", "step", "held", "target", "lowest", "highest", "free", "cash_target")


@dataclass(frozen=True, slots=True)
class Quick:
    """What the quick way settled.

    Attributes:
        done: of each account of the partition, whether it is settled; the others are left to the exact way.
        account_of_trade, account_of_row: the account's number in the partition, for each row of the tables.
    """

    done: Flags
    trades: pa.Table
    summary: pa.Table
    account_of_trade: Wholes
    account_of_row: Wholes


def solve_quickly(positions: pa.Table, catalogue: Catalogue, rules: Rules, money: pa.DataType) -> Quick | None:
    """Settle what can be settled; None where that is nothing."""
    if not len(positions) or not catalogue.symbols or not catalogue.models.number:
        return None
    rows = read_rows(positions, catalogue)
    layout = lay_out(holdings_of(rows, catalogue, rules), rows, catalogue, rules)
    if layout is None:
        return None
    steps, settled = _settle(layout, rules.objective)
    settled &= _holds(layout, steps)
    done = np.zeros(len(rows.model), bool)
    done[layout.account[settled]] = True
    trades, account_of_trade = _trades(positions, rows.starts, layout, steps, settled, catalogue, money)
    summary = _summary(positions, rows.starts, layout, steps, settled, rules.objective, money)
    return Quick(done, trades, summary, account_of_trade, layout.account[settled])


def _settle(layout: Layout, objective: Objective) -> tuple[Wholes, Flags]:
    """The trade of every line, and the accounts for which it is proved to be the one best plan."""
    steps, proved = _ask_kernel(layout, objective, _GLANCE)
    for again in np.flatnonzero(proved == OPEN):
        lines = slice(layout.offsets[again], layout.offsets[again + 1])
        steps[lines], proved[again : again + 1] = _ask_kernel(only(layout, int(again)), objective, _LONG_LOOK)
    return steps, proved == ONLY


def _ask_kernel(layout: Layout, objective: Objective, effort: tuple[int, int]) -> tuple[Wholes, Wholes]:
    """The trade of every line, and what is proved about each account."""
    accounts, lines = len(layout.account), len(layout.step)
    question = [getattr(layout, name) for name in _QUESTION]
    how = [objective == Objective.L2, *effort, True]
    steps, proved, floats = np.zeros(lines, np.int64), np.zeros(accounts, np.int64), np.zeros((3, accounts))
    # Wait for the compiler as long as it takes to go without it, and no longer.
    if COMPILED.wait(accounts * _SECONDS_UNCOMPILED) and COMPILED.solve_accounts is not None:
        COMPILED.solve_accounts(*question, *how, steps, *floats, proved)
        return steps, proved
    # Python's own whole numbers, for numpy's would overflow in silence.
    plain_steps, plain_proved = steps.tolist(), proved.tolist()
    plain: Callable[..., None] = solve_accounts
    plain(*(column.tolist() for column in question), *how, plain_steps, *floats.tolist(), plain_proved)
    return np.array(plain_steps, np.int64), np.array(plain_proved, np.int64)


def _holds(layout: Layout, steps: Wholes) -> Flags:
    """Accounts whose trades keep every rule, in whole numbers: the quick way takes nobody's word for it."""
    allowed = (layout.lowest <= steps) & (steps <= layout.highest) & ((steps == 0) | (np.abs(steps) >= layout.least))
    left = layout.free - np.add.reduceat(layout.step * steps, layout.offsets[:-1])
    return np.logical_and.reduceat(allowed, layout.offsets[:-1]) & (left >= 0)


def _trades(
    positions: pa.Table,
    starts: Wholes,
    layout: Layout,
    steps: Wholes,
    settled: Flags,
    catalogue: Catalogue,
    money: pa.DataType,
) -> tuple[pa.Table, Wholes]:
    """The trades of the settled accounts, and the account of each."""
    place = np.repeat(np.arange(len(layout.account)), np.diff(layout.offsets))
    traded = np.flatnonzero((steps != 0) & settled[place])
    account, price, k = place[traded], layout.price.take(traded), steps[traded]
    quantity = numbers(k * layout.units[traded], layout.unit_scale[traded])
    # A grain is 1 / (whole · 10**scale), and a step is whole · so many units.
    value = numbers(np.abs(k) * (layout.step[traded] // layout.whole[account]), layout.scale[account])
    nothing = pa.array(np.zeros(len(traded), np.int64)).cast(money)
    ids = positions.column("account_id").take(pa.array(starts[layout.account]))
    columns = {
        "account_id": ids.take(pa.array(account)),
        "symbol": pa.array(catalogue.symbols, pa.string()).take(pa.array(layout.security[traded])),
        "trade_quantity": to_column(quantity, money),
        "price": to_column(price, money),
        "value": to_column(value, money),
        "cost": nothing,
        "tax": nothing,
        "side": _SIDES.take(pa.array((k > 0).astype(np.int8))),
    }
    return pa.table(columns, schema=trades_schema(money)), layout.account[account]


def _summary(
    positions: pa.Table,
    starts: Wholes,
    layout: Layout,
    steps: Wholes,
    settled: Flags,
    objective: Objective,
    money: pa.DataType,
) -> pa.Table:
    """One row for each settled account."""
    first, spent = layout.offsets[:-1], layout.step * steps
    off = layout.held - layout.target
    left = layout.free - np.add.reduceat(spent, first)
    before, _ = _distances(off, layout.free - layout.cash_target, first)
    after, square = _distances(off + spent, left - layout.cash_target, first)
    grain = layout.whole * TENS[layout.scale].astype(np.float64)
    reached = (np.sqrt(square) if objective == Objective.L2 else after) / grain
    rows = pa.array(starts[layout.account[settled]])
    columns = {
        "account_id": positions.column("account_id").take(rows),
        "model_id": positions.column("model_id").take(rows).cast(pa.string()),
        "status": pa.array(np.full(int(settled.sum()), "optimal")),
        "objective": reached[settled],
        "bound": reached[settled],
        "gap": np.zeros(int(settled.sum())),
        "drift_before": (before / 2 / layout.invested)[settled],
        "drift_after": (after / 2 / layout.invested)[settled],
        "total": to_column(_money((layout.invested + layout.reserve)[settled], layout, settled), money),
        "cash_after": to_column(_money((left + layout.reserve)[settled], layout, settled), money),
        "trades": np.add.reduceat((steps != 0).astype(np.int32), first)[settled],
        "error_code": pa.nulls(int(settled.sum()), pa.string()),
        "error_message": pa.nulls(int(settled.sum()), pa.string()),
    }
    return pa.table(columns, schema=summary_schema(money))


def _distances(off: Wholes, cash_off: Wholes, first: Wholes) -> tuple[Floats, Floats]:
    """Σ|off| and Σ off² of each account, cash included."""
    squares = np.add.reduceat(np.square(off.astype(np.float64)), first) + np.square(cash_off.astype(np.float64))
    absolute = np.add.reduceat(np.abs(off), first) + np.abs(cash_off)
    return absolute.astype(np.float64), squares


def _money(grains: Wholes, layout: Layout, settled: Flags) -> Numbers:
    return numbers(grains // layout.whole[settled], layout.scale[settled])


_SIDES = pa.array(["sell", "buy"])
