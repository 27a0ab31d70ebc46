"""Check the plans of a partition before they leave: from the tables that went in and came out alone, in whole numbers.

Nothing of how the plans were made is used here. Accounts, rows and trades are joined by name; quantities, increments,
values and cash are compared as exact whole numbers, objective and drift are counted anew. `judge` has the loops.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allocation.book import judge
from allocation.book.account import Known
from allocation.book.columns import encoded, runs_of
from allocation.book.compiled import Loops
from allocation.book.exact import TENS, Flags, Numbers, Wholes, is_missing, read_numbers
from allocation.book.judge import NOBODY, Desk, Found, Law, Orders, Rows, Wanted
from allocation.book.models import Model
from allocation.money import decimals
from allocation.rules import Objective, OutsideTarget, Rules, Selling

# Relative to the account: what sums of floats may be off.
_TOLERANCE = 1e-11
# Amounts beyond this are not compared in 64 bits; such plans count as faulty.
_LARGEST = 2.0**60
_MOST_SCALE = 18
_LIMITS = int(_LARGEST) // TENS
_UNKNOWN = -2
_JUDGE = Loops(judge, "judge")


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
        count, runs = len(summary), _runs(trades, summary)
        traded = runs.end - runs.begin
        if not count or (runs.owner < 0).any() or (np.diff(runs.owner) <= 0).any():
            # Trades of nobody, or not in the order of the accounts: whose they are is anybody's guess.
            return np.ones(count, bool)
        rows, model, cash, scales = _rows(positions, summary, self)
        if scales.money > _MOST_SCALE:
            return np.ones(count, bool)
        found, orders = _found(count, len(trades)), _orders(trades, runs, scales, self)
        law, desk = _law(self, scales), _desk(len(self.symbols))
        _JUDGE(count, rows, self.wanted(scales), orders, model, cash, law, desk, found)
        faulty: Flags = ~(found.sound & runs.alone) | (summary.column("trades").to_numpy() != traded)
        faulty |= ~_says(summary.column("total"), found.total, scales.money)
        faulty |= ~_says(summary.column("cash_after"), found.left, scales.money)
        faulty[np.repeat(np.arange(count), traded)[~_trades_say(trades, found, scales)]] = True
        return faulty | ~_figures_agree(found, summary, self.rules, scales)

    def wanted(self, scales: "_Scales") -> Wanted:
        """The lines of the models, in whole numbers."""
        price, step = _whole(self.price, scales.price), _whole(self.step, scales.quantity)
        priced = self.price.read & (self.price.scale <= scales.price)
        stepped = self.step.read & (self.step.scale <= scales.quantity)
        return Wanted(self.offsets, self.symbol, self.weight, price, step, priced, stepped)


@dataclass(frozen=True, slots=True)
class _Scales:
    """Whole numbers of 10**−scale: quantities and steps; prices; cash and quantity times price."""

    quantity: int
    price: int
    money: int


@dataclass(frozen=True, slots=True)
class _Runs:
    """Where the rows of each account of the summary stand; `alone` where they stand in one place, and nobody else's."""

    owner: Wholes
    begin: Wholes
    end: Wholes
    alone: Flags


def _runs(table: pa.Table, summary: pa.Table) -> _Runs:
    """The rows of each account of the summary, joined by name; −1 owns rows of accounts it does not speak of."""
    ids, names = table.column("account_id"), summary.column("account_id")
    starts = runs_of(ids)
    owner = _places(ids.take(pa.array(starts[:-1])), names)
    told, count = owner >= 0, len(summary)
    begin, end = np.zeros(count, np.int64), np.zeros(count, np.int64)
    begin[owner[told]], end[owner[told]] = starts[:-1][told], starts[1:][told]
    times = np.bincount(owner[told], minlength=count)
    return _Runs(owner, begin, end, (times <= 1) & (_places(names, names) == np.arange(count)))


def _rows(positions: pa.Table, summary: pa.Table, expected: Expected) -> tuple[Rows, Wholes, Wholes, _Scales]:
    """The rows that went in; each account's model (−1: none that can be relied on) and cash; and the scales of all."""
    runs = _runs(positions, summary)
    alone = runs.alone & (runs.end > runs.begin)
    symbol = _numbered(positions.column("symbol"), expected.symbols)
    quantity, price = read_numbers(positions.column("quantity")), read_numbers(positions.column("price"))
    step, own_step = _steps(positions, symbol, expected)
    names = pa.array(expected.names, pa.string())
    model = _places(positions.column("model_id").take(pa.array(runs.begin)), names)
    broken = ~alone | (model != _places(summary.column("model_id"), names))
    cash, flow = (_of_account(positions, name, runs, broken) for name in ("cash", "cash_flow"))
    model[broken] = NOBODY
    scales = _scales(expected, model, (quantity, step), price, (cash, flow))
    money = _whole(cash, scales.money) + _whole(flow, scales.money)
    model[~(_small(cash, scales.money) & _small(flow, scales.money))] = NOBODY
    readable = _small(quantity, scales.quantity) & _small(price, scales.price) & _small(step, scales.quantity)
    q, p, s = _whole(quantity, scales.quantity), _whole(price, scales.price), _whole(step, scales.quantity)
    return Rows(runs.begin, runs.end, symbol, q, p, s, own_step, readable), model, money, scales


def _scales(
    expected: Expected, model: Wholes, quantities: tuple[Numbers, ...], price: Numbers, money: tuple[Numbers, ...]
) -> _Scales:
    """Fine enough for every number of these accounts, and of the models that they follow."""
    followed = np.zeros(len(expected.names), bool)
    followed[model[model >= 0]] = True
    lines = np.flatnonzero(np.repeat(followed, np.diff(expected.offsets)))
    of_quantity = max(_finest(n) for n in (*quantities, expected.step.take(lines)))
    of_price = max(_finest(price), _finest(expected.price.take(lines)))
    fixed = max(decimals(expected.rules.cash_reserve), decimals(expected.rules.min_trade_value))
    return _Scales(of_quantity, of_price, max(of_quantity + of_price, *(_finest(n) for n in money), fixed))


def _small(numbers: Numbers, scale: int) -> Flags:
    """Numbers that were read and fit into 64 bits at this scale."""
    fits: Flags = np.abs(numbers.mantissa) < _LIMITS[np.minimum(scale - numbers.scale, _MOST_SCALE)]
    return fits & numbers.read


def _orders(trades: pa.Table, runs: _Runs, scales: _Scales, expected: Expected) -> Orders:
    amount, readable = _told(trades.column("trade_quantity"), scales.quantity)
    buys = pc.equal(trades.column("side"), "buy").to_numpy()
    return Orders(runs.begin, runs.end, _numbered(trades.column("symbol"), expected.symbols), amount, buys, readable)


def _law(expected: Expected, scales: _Scales) -> Law:
    rules = expected.rules
    return Law(
        expected.may_sell,
        expected.may_buy,
        least=_at(rules.min_trade_value, scales.money),
        reserve=_at(rules.cash_reserve, scales.money),
        others_trade=rules.outside_target == OutsideTarget.SELL,
        others_count=rules.outside_target != OutsideTarget.EXCLUDE,
        unit=10 ** (scales.money - scales.quantity - scales.price),
    )


def _desk(symbols: int) -> Desk:
    wholes = [np.full(symbols, NOBODY, np.int64) for _ in range(6)]
    owner, held, after, price, step, listed = wholes
    named, own_step = np.zeros(symbols, bool), np.zeros(symbols, bool)
    return Desk(owner, held, after, price, step, np.zeros(symbols), named, own_step, listed)


def _found(accounts: int, trades: int) -> Found:
    total, left = np.zeros(accounts, np.int64), np.zeros(accounts, np.int64)
    before, after, root = np.zeros((3, accounts))
    price, value = np.zeros(trades, np.int64), np.zeros(trades, np.int64)
    return Found(np.zeros(accounts, bool), total, left, before, after, root, price, value)


def _trades_say(trades: pa.Table, found: Found, scales: _Scales) -> Flags:
    """The trades whose price, value and costs are what they have to be."""
    nothing = np.zeros(len(trades), np.int64)
    says = _says(trades.column("price"), found.price, scales.price)
    says &= _says(trades.column("value"), found.value, scales.money)
    return says & _says(trades.column("cost"), nothing, 0) & _says(trades.column("tax"), nothing, 0)


def _figures_agree(found: Found, summary: pa.Table, rules: Rules, scales: _Scales) -> Flags:
    """Objective and drift, counted anew in floats; and a bound that is none above the objective."""
    one = 10.0**scales.money
    value = (found.total - _at(rules.cash_reserve, scales.money)) / one
    objective = (found.root if rules.objective == Objective.L2 else found.after) / one
    told = {n: summary.column(n).to_numpy() for n in ("objective", "bound", "gap", "drift_before", "drift_after")}
    agree: Flags = np.abs(told["objective"] - objective) <= _TOLERANCE * value
    agree &= (told["bound"] <= told["objective"]) & (
        np.abs(told["objective"] - told["bound"] - told["gap"]) <= _TOLERANCE * value
    )
    for name, drift in (("drift_before", found.before), ("drift_after", found.after)):
        agree &= np.abs(told[name] * 2 * value - drift / one) <= _TOLERANCE * value
    return agree


def _steps(rows: pa.Table, symbol: Wholes, expected: Expected) -> tuple[Numbers, Flags]:
    usual = expected.usual_step.take(np.maximum(symbol, 0))
    if "increment" not in rows.column_names:
        return usual, np.zeros(len(rows), bool)
    told, missing = read_numbers(rows.column("increment")), is_missing(rows.column("increment"))
    pairs = ((usual.mantissa, told.mantissa), (usual.scale, told.scale), (usual.read, told.read))
    return Numbers(*(np.where(missing, one, other) for one, other in pairs)), ~missing


def _of_account(rows: pa.Table, name: str, runs: _Runs, broken: Flags) -> Numbers:
    """Money of the account, from whichever of its rows tells it; a row that tells otherwise breaks it."""
    count = len(broken)
    found = Numbers(np.zeros(count, np.int64), np.zeros(count, np.int64), np.ones(count, bool))
    if name not in rows.column_names or not len(rows):
        return found
    column = rows.column(name)
    owner = np.repeat(runs.owner, np.diff(runs_of(rows.column("account_id"))))
    if pa.types.is_floating(column.type) and not column.null_count:
        floats, said = column.to_numpy(), read_numbers(column.take(pa.array(runs.begin)))
        broken[~said.read] = True
        broken[owner[(floats != floats[runs.begin][owner]) & (owner >= 0)]] = True
        return said
    told, given = read_numbers(column), ~is_missing(column) & (owner >= 0)
    broken[owner[given & ~told.read]] = True
    found.mantissa[owner[given]], found.scale[owner[given]] = told.mantissa[given], told.scale[given]
    differs = (found.mantissa[owner] != told.mantissa) | (found.scale[owner] != told.scale)
    broken[owner[given & differs]] = True
    return found


def _numbered(texts: pa.ChunkedArray, symbols: Sequence[str]) -> Wholes:
    """The number of each symbol; −1 where there is none, −2 where it has no number."""
    codes = encoded(texts)
    number = _places(pc.utf8_trim_whitespace(codes.dictionary), pa.array(symbols, pa.string()))
    number[number < 0] = _UNKNOWN
    # The last entry is what the index −1 of a missing text finds.
    numbered: Wholes = np.append(number, NOBODY)[codes.indices.fill_null(-1).to_numpy()]
    return numbered


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
