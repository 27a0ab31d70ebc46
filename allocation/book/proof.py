"""Check the plans of a partition before they leave: from the tables that went in and came out alone, in whole numbers.

Nothing of how the plans were made is used here. Accounts, rows and trades are joined by name; quantities, increments,
values and cash are compared as exact whole numbers, objective and drift are counted anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allocation.book.account import Known
from allocation.book.columns import runs_of
from allocation.book.exact import TENS, Flags, Floats, Numbers, Wholes, is_missing, read_numbers
from allocation.book.models import Model
from allocation.money import decimals
from allocation.rules import Objective, OutsideTarget, Rules, Selling

# Relative to the account: what sums of floats may be off.
_TOLERANCE = 1e-11
# Amounts beyond this are not compared in 64 bits; such plans count as faulty.
_LARGEST = 2.0**60


class Expected:
    """What models, prices and rules ask for, by symbol and by line of a model."""

    def __init__(self, models: Mapping[str, Model], known: Known, rules: Rules) -> None:
        targets = {name: model.target for name, model in models.items() if model.target is not None}
        named = {symbol for target in targets.values() for symbol in target.weights}
        self.rules = rules
        self.symbols = sorted(named | known.prices.keys() | known.disputed | known.increments.keys())
        self.names = list(targets)
        place = {symbol: i for i, symbol in enumerate(self.symbols)}
        lines = [(place[s], w, models[name], s) for name, t in targets.items() for s, w in sorted(t.weights.items())]
        self.offsets = np.cumsum([0, *(len(target.weights) for target in targets.values())])
        self.symbol = np.array([line[0] for line in lines], np.int64)
        self.weight = np.array([float(line[1]) for line in lines])
        self.price = _column([m.prices.get(s, known.prices.get(s)) for _, _, m, s in lines])
        steps = [known.increments.get(s, rules.increment_of(s)) for s in self.symbols]
        self.step = _column([m.increments.get(s, steps[place[s]]) for _, _, m, s in lines])
        self.usual_step = _column(steps)
        kept = rules.lock | rules.do_not_sell
        never = rules.selling == Selling.NEVER
        self.may_sell = np.array([not never and s not in kept for s in self.symbols], bool)
        self.may_buy = np.array([s not in rules.lock | rules.do_not_buy for s in self.symbols], bool)

    def faults(self, positions: pa.Table, trades: pa.Table, summary: pa.Table) -> Flags:
        """The rows of the summary whose plan breaks a rule, or says something that is not so."""
        if not len(summary):
            return np.zeros(0, bool)
        lines = _join(positions, summary, self)
        return _judge(lines, trades, summary, self)


@dataclass(frozen=True, slots=True)
class _Lines:
    """What accounts hold or want, by `key` (account · symbols + symbol), in whole numbers of 10**−scale.

    Attributes:
        broken: accounts that could not be read.
        cash: of each account, money that comes in or goes out included.
        quantity_scale, money_scale: of quantities and steps; of cash and of quantity times price.
    """

    key: Wholes
    account: Wholes
    quantity: Wholes
    price: Wholes
    step: Wholes
    weight: Floats
    named: Flags
    cash: Wholes
    broken: Flags
    quantity_scale: int
    money_scale: int
    price_scale: int


def _join(positions: pa.Table, summary: pa.Table, expected: Expected) -> _Lines:
    owner = _owners(positions, summary)
    rows = positions if (owner >= 0).all() else positions.filter(pa.array(owner >= 0))
    owner, count, kinds = owner[owner >= 0], len(summary), len(expected.symbols)
    symbol = _places(pc.utf8_trim_whitespace(rows.column("symbol")), pa.array(expected.symbols, pa.string()))
    quantity, price = read_numbers(rows.column("quantity")), read_numbers(rows.column("price"))
    step, own_step = _steps(rows, symbol, expected)
    model = np.full(count, -1)
    model[owner[::-1]] = _places(rows.column("model_id"), pa.array(expected.names, pa.string()))[::-1]
    told = _places(summary.column("model_id"), pa.array(expected.names, pa.string()))
    broken = (model < 0) | (told != model)
    held = np.flatnonzero(symbol >= 0)
    broken[owner[(symbol < 0) & ~is_missing(rows.column("symbol"))]] = True
    broken[owner[held[~(quantity.read & price.read & step.read)[held]]]] = True
    key = owner[held] * kinds + symbol[held]
    order = held if (np.diff(key) > 0).all() else held[np.argsort(key, kind="stable")]
    key = owner[order] * kinds + symbol[order]
    broken[owner[order][1:][np.diff(key) == 0]] = True
    wanted, line = _wanted(np.where(broken, -1, model), expected)
    wanted_key = wanted * kinds + expected.symbol[line]
    place = np.minimum(np.searchsorted(key, wanted_key), max(0, len(key) - 1))
    met = key[place] == wanted_key if len(key) else np.zeros(len(place), bool)
    weight, named = np.zeros(len(key)), np.zeros(len(key), bool)
    weight[place[met]], named[place[met]] = expected.weight[line[met]], True
    parts = [n.take(order) for n in (quantity, price, step)]
    theirs = met & ~own_step[order][place] if len(key) else met
    for column, models in ((parts[2].mantissa, expected.step.mantissa), (parts[2].scale, expected.step.scale)):
        column[place[theirs]] = models[line[theirs]]
    new = np.flatnonzero(~met & (expected.weight[line] > 0))
    nothing = np.zeros(len(new), np.int64)
    more = (Numbers(nothing, nothing, nothing == 0), expected.price.take(line[new]), expected.step.take(line[new]))
    broken[wanted[new][~(more[1].read & more[2].read)]] = True
    both = [_together(one, other) for one, other in zip(parts, more, strict=True)]
    cash, flow = (_of_account(rows, name, owner, count, broken) for name in ("cash", "cash_flow"))
    quantity_scale = max(_finest(both[0]), _finest(both[2]))
    price_scale = _finest(both[1])
    fixed = max(decimals(expected.rules.cash_reserve), decimals(expected.rules.min_trade_value))
    money_scale = min(18, max(quantity_scale + price_scale, _finest(cash), _finest(flow), fixed))
    account = np.concatenate([owner[order], wanted[new]])
    q, p, s = (_whole(n, to) for n, to in zip(both, (quantity_scale, price_scale, quantity_scale), strict=True))
    money = _whole(cash, money_scale) + _whole(flow, money_scale)
    size = np.bincount(account, np.abs(q.astype(np.float64) * p), count) * 10.0 ** (
        money_scale - quantity_scale - price_scale
    )
    broken |= (size + np.abs(money.astype(np.float64)) > _LARGEST) | (quantity_scale + price_scale > 18)
    keys = np.concatenate([key, wanted_key[new]])
    ascending = np.argsort(keys, kind="stable") if len(new) else np.arange(len(keys))
    weight, named = np.concatenate([weight, expected.weight[line[new]]]), np.concatenate([named, nothing == 0])
    return _Lines(
        keys[ascending],
        account[ascending],
        quantity=q[ascending],
        price=p[ascending],
        step=s[ascending],
        weight=weight[ascending],
        named=named[ascending],
        cash=money,
        broken=broken,
        quantity_scale=quantity_scale,
        money_scale=money_scale,
        price_scale=price_scale,
    )


def _judge(lines: _Lines, trades: pa.Table, summary: pa.Table, expected: Expected) -> Flags:
    rules, count, kinds = expected.rules, len(summary), len(expected.symbols)
    faulty = lines.broken.copy()
    account = _owners(trades, summary)
    symbol = _places(trades.column("symbol"), pa.array(expected.symbols, pa.string()))
    key = account * kinds + symbol
    place = np.minimum(np.searchsorted(lines.key, key), max(0, len(lines.key) - 1))
    met = (lines.key[place] == key) & (account >= 0) & (symbol >= 0) if len(lines.key) else account < -1
    faulty[account[(account >= 0) & ~met]] = True
    if (account < 0).any() or (np.diff(key) <= 0).any():
        # Not by account and symbol, or a line twice: whose trades these are is anybody's guess.
        return np.ones(count, bool)
    unit = TENS[lines.money_scale - lines.quantity_scale - lines.price_scale]
    amount, readable = _told(trades.column("trade_quantity"), lines.quantity_scale)
    price = lines.price[place]
    value = np.abs(amount) * price * unit
    buys, held = amount > 0, lines.quantity[place]
    right = readable & met & (amount != 0) & (amount % np.maximum(1, lines.step[place]) == 0) & (-amount <= held)
    right &= _says(trades.column("price"), price, lines.price_scale) & _says(
        trades.column("value"), value, lines.money_scale
    )
    right &= pc.equal(trades.column("side"), "buy").to_numpy() == buys
    right &= np.where(buys, expected.may_buy[symbol] & (lines.weight[place] > 0), expected.may_sell[symbol])
    if rules.outside_target != OutsideTarget.SELL:
        right &= lines.named[place]
    right &= value >= _at(rules.min_trade_value, lines.money_scale)
    for name in ("cost", "tax"):
        right &= _says(trades.column(name), np.zeros(len(value), np.int64), 0)
    faulty[account[~right]] = True
    after = lines.quantity.copy()
    np.add.at(after, place, amount)
    spent = np.zeros(count, np.int64)
    np.add.at(spent, account, np.where(buys, value, -value))
    counts = lines.named if rules.outside_target == OutsideTarget.EXCLUDE else np.ones(len(lines.key), bool)
    total = lines.cash.copy()
    np.add.at(total, lines.account, np.where(counts, lines.quantity * lines.price * unit, 0))
    left, reserve = lines.cash - spent, _at(rules.cash_reserve, lines.money_scale)
    faulty |= left < reserve
    faulty |= ~_says(summary.column("total"), total, lines.money_scale)
    faulty |= ~_says(summary.column("cash_after"), left, lines.money_scale)
    faulty |= summary.column("trades").to_numpy() != np.bincount(account, minlength=count)
    return faulty | ~_figures_agree(lines, after, counts, total - reserve, left - reserve, summary, rules)


def _figures_agree(
    lines: _Lines, after: Wholes, counts: Flags, total: Wholes, left: Wholes, summary: pa.Table, rules: Rules
) -> Flags:
    """Objective and drift, counted anew in floats; and a bound that is none above the objective."""
    count, one = len(summary), 10.0**lines.money_scale
    value = total / one
    wanted = np.where(counts, lines.weight * value[lines.account], 0.0)
    cash_wanted = value - np.bincount(lines.account, wanted, count)
    price = np.where(counts, lines.price / 10.0**lines.price_scale, 0.0) / 10.0**lines.quantity_scale

    def off(quantity: Wholes, cash: Floats) -> tuple[Floats, Floats]:
        lines_off, cash_off = quantity * price - wanted, cash - cash_wanted
        absolute: Floats = np.bincount(lines.account, np.abs(lines_off), count).astype(np.float64) + np.abs(cash_off)
        root: Floats = np.sqrt(np.bincount(lines.account, lines_off**2, count) + cash_off**2)
        return absolute, root

    before = np.bincount(lines.account, lines.quantity * price, count)
    (drift_before, _), (drift_after, root) = off(lines.quantity, value - before), off(after, left / one)
    objective = root if rules.objective == Objective.L2 else drift_after
    told = {n: summary.column(n).to_numpy() for n in ("objective", "bound", "gap", "drift_before", "drift_after")}
    agree: Flags = np.abs(told["objective"] - objective) <= _TOLERANCE * value
    agree &= (told["bound"] <= told["objective"]) & (
        np.abs(told["objective"] - told["bound"] - told["gap"]) <= _TOLERANCE * value
    )
    for name, drift in (("drift_before", drift_before), ("drift_after", drift_after)):
        agree &= np.abs(told[name] * 2 * value - drift) <= _TOLERANCE * value
    return agree


def _wanted(model: Wholes, expected: Expected) -> tuple[Wholes, Wholes]:
    """The account and the model's line, for every line of every account's model."""
    account = np.flatnonzero(model >= 0)
    begin = expected.offsets[model[account]]
    length = expected.offsets[model[account] + 1] - begin
    line = np.arange(int(length.sum())) + np.repeat(begin - (np.cumsum(length) - length), length)
    return np.repeat(account, length), line


def _steps(rows: pa.Table, symbol: Wholes, expected: Expected) -> tuple[Numbers, Flags]:
    usual = expected.usual_step.take(np.maximum(symbol, 0))
    if "increment" not in rows.column_names:
        return usual, np.zeros(len(rows), bool)
    told, missing = read_numbers(rows.column("increment")), is_missing(rows.column("increment"))
    pairs = ((usual.mantissa, told.mantissa), (usual.scale, told.scale), (usual.read, told.read))
    return Numbers(*(np.where(missing, one, other) for one, other in pairs)), ~missing


def _of_account(rows: pa.Table, name: str, owner: Wholes, count: int, broken: Flags) -> Numbers:
    """Money of the account, from whichever of its rows tells it; a row that tells otherwise breaks it."""
    found = Numbers(np.zeros(count, np.int64), np.zeros(count, np.int64), np.ones(count, bool))
    if name not in rows.column_names:
        return found
    told, given = read_numbers(rows.column(name)), ~is_missing(rows.column(name))
    broken[owner[given & ~told.read]] = True
    found.mantissa[owner[given]], found.scale[owner[given]] = told.mantissa[given], told.scale[given]
    differs = (found.mantissa[owner] != told.mantissa) | (found.scale[owner] != told.scale)
    broken[owner[given & differs]] = True
    return found


def _owners(table: pa.Table, summary: pa.Table) -> Wholes:
    """The row of the summary that speaks of the account of each row; joined by name, run by run."""
    ids = table.column("account_id")
    starts = runs_of(ids)
    first = _places(ids.take(pa.array(starts[:-1])), summary.column("account_id"))
    return np.repeat(first, np.diff(starts))


def _places(texts: pa.ChunkedArray, among: pa.ChunkedArray | pa.Array) -> Wholes:
    """The place of each text among others; −1 where it is none of them."""
    values = among.combine_chunks() if isinstance(among, pa.ChunkedArray) else among
    found: Wholes = pc.fill_null(pc.index_in(texts, value_set=values, skip_nulls=True), -1).to_numpy().astype(np.int64)
    return found


def _column(values: list[Decimal | None] | list[Decimal]) -> Numbers:
    """Decimals as whole numbers; not read where missing or too fine."""
    fits = [v is not None and v > 0 and decimals(v) <= 9 and v < 10**8 for v in values]
    scale = [decimals(v) if ok and v is not None else 0 for v, ok in zip(values, fits, strict=True)]
    mantissa = [int(v.scaleb(s)) if ok and v is not None else 0 for v, s, ok in zip(values, scale, fits, strict=True)]
    return Numbers(np.array(mantissa, np.int64), np.array(scale, np.int64), np.array(fits, bool))


def _together(one: Numbers, other: Numbers) -> Numbers:
    if not len(other.read):
        return one
    return Numbers(
        np.concatenate([one.mantissa, other.mantissa]),
        np.concatenate([one.scale, other.scale]),
        np.concatenate([one.read, other.read]),
    )


def _finest(numbers: Numbers) -> int:
    return int(numbers.scale.max()) if len(numbers.scale) else 0


def _whole(numbers: Numbers, scale: int) -> Wholes:
    whole: Wholes = numbers.mantissa * TENS[np.minimum(scale - numbers.scale, 18)]
    return whole


def _at(amount: Decimal, scale: int) -> int:
    return int(amount.scaleb(scale))


def _told(column: pa.ChunkedArray, scale: int) -> tuple[Wholes, Flags]:
    """Exact quantities in whole numbers, and which could be read as such."""
    if pa.types.is_floating(column.type):
        told = column.to_numpy()
        near = np.rint(told * 10.0**scale)
        return near.astype(np.int64), (np.abs(near) < 2.0**53) & (near / 10.0**scale == told)
    return _wholes_of_decimals(column, scale)


def _says(column: pa.ChunkedArray, expected: Wholes, scale: int) -> Flags:
    """Whether a column says these amounts: to the last digit, or as the floats that come next to them."""
    if pa.types.is_floating(column.type):
        amounts = expected / 10.0**scale
        close: Flags = np.abs(column.to_numpy() - amounts) <= 2.0**-51 * np.abs(amounts)
        return close
    told, readable = _wholes_of_decimals(column, scale)
    exact: Flags = readable & (told == expected)
    return exact


def _wholes_of_decimals(column: pa.ChunkedArray, scale: int) -> tuple[Wholes, Flags]:
    array = column.combine_chunks()
    fine = array.cast(pa.decimal128(38, scale), safe=False)
    words = np.frombuffer(fine.buffers()[1], np.int64).reshape(-1, 2)[fine.offset : fine.offset + len(fine)]
    same = pc.equal(fine.cast(array.type), array).to_numpy(zero_copy_only=False)
    return words[:, 0].copy(), same & (words[:, 1] == words[:, 0] >> 63)
