"""Find good prices for the couplings: column generation on a linear programme in HiGHS.

The programme mixes states of lines, cells and cash; its duals are prices. At these prices each part names the state it
likes best, which joins the programme, until nothing new is named: then the bound is the best that prices can give
(Dantzig and Wolfe, "Decomposition principle for linear programs", Operations Research 8, 1960). Floats are harmless
here, since any prices give a valid bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from allocation.solver.coupled.judge import gains_of, run_of
from allocation.solver.coupled.model import Model
from allocation.solver.coupled.pricing import Priced, Prices

_ROUNDS = 40
_FEW = 24
# Binary digits of the largest price: what follows is noise, and no answer is to hang on it.
_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Column:
    """One state of one part: its cost and its entries by row."""

    part: tuple[str, int]
    state: int
    cost: float
    entries: tuple[tuple[int, float], ...]


@dataclass(slots=True)
class _Rows:
    """The couplings as rows: their right-hand sides, and whether they are caps."""

    rhs: list[float] = field(default_factory=list)
    capped: list[bool] = field(default_factory=list)

    def add(self, rhs: float, *, capped: bool) -> int:
        self.rhs.append(rhs)
        self.capped.append(capped)
        return len(self.rhs) - 1


def find_prices(model: Model) -> Priced:
    """The model under the best prices found."""
    programme = _Programme(model)
    best = Priced(model, Prices())
    for _ in range(_ROUNDS):
        prices = programme.prices()
        if prices is None:
            break
        priced = Priced(model, prices)
        if priced.bound > best.bound:
            best = priced
        if not programme.add_favourites(priced):
            break
    return best


class _Programme:
    """The restricted master programme."""

    def __init__(self, model: Model) -> None:
        self._model = model
        question = model.question
        self._money = float(max(1, abs(model.cash), *(line.step for line in question.lines), *map(abs, model.start), 1))
        self._rows = rows = _Rows()
        self._cash_row = rows.add(model.cash / self._money, capped=False)
        many = len(question.purses) > 1
        self._purse_rows = [rows.add(p.cash / self._money, capped=True) for p in question.purses if many]
        self._cell_rows = {c: rows.add(-model.start[c] / self._money, capped=False) for c in model.shared}
        self._trade_row = None if question.most_trades is None else rows.add(question.most_trades, capped=True)
        turned = question.most_turnover
        self._turnover_row = None if turned is None else rows.add(turned / self._money, capped=True)
        most_tax = question.tax.most if question.tax is not None and model.taxed else None
        self._tax_row = None if most_tax is None else rows.add(most_tax / self._money, capped=True)
        self._gain_rows = [rows.add(0.0, capped=False) for _ in range(2) if model.taxed]
        self._free = Priced(model, Prices())
        self._columns: dict[tuple[tuple[str, int], int], Column] = {}
        self._gain_states: dict[tuple[int, int], int] = {}
        self._begin()
        self._dearest = max((abs(column.cost) for column in self._columns.values()), default=0.0) or 1.0

    def prices(self) -> Prices | None:
        """The duals of the programme as prices; None where no mixture meets the rows."""
        duals = _solve(list(self._columns.values()), self._rows, self._dearest)
        if duals is None:
            return None
        whole = self._model.units.whole
        to_money = Fraction(self._dearest) / Fraction(self._money) * whole
        exact = [int(Fraction(-dual) * to_money) for dual in duals]
        per_trade = 0 if self._trade_row is None else int(Fraction(-duals[self._trade_row] * self._dearest) * whole)
        grid = 1 << max(0, max(map(abs, exact)).bit_length() - _DIGITS)
        price = [_rounded(each, grid) for each in exact]

        def capped(row: int | None) -> int:
            return 0 if row is None else max(0, price[row])

        return Prices(
            cash=price[self._cash_row],
            purses=tuple(map(capped, self._purse_rows)),
            cells={cell: price[row] for cell, row in self._cell_rows.items()},
            trade=max(0, _rounded(per_trade, 1 << max(0, per_trade.bit_length() - _DIGITS))),
            turnover=capped(self._turnover_row),
            tax=capped(self._tax_row),
            short=price[self._gain_rows[0]] if self._gain_rows else 0,
            long=price[self._gain_rows[1]] if self._gain_rows else 0,
        )

    def add_favourites(self, priced: Priced) -> bool:
        """What every part likes best at these prices; False when nothing is new."""
        before = len(self._columns)
        for index in range(len(priced.base)):
            self._add_line(index, priced.base[index])
        for cell, cost in priced.cells.items():
            self._add_cell(cell, cost.best)
        self._add_cash(priced.cash.best)
        self._add_gains(*priced.levy.best)
        return len(self._columns) > before

    def _begin(self) -> None:
        for index, line in enumerate(self._model.question.lines):
            for run in line.runs:
                for k in _spread(run.low, run.high):
                    self._add_line(index, k)
            self._add_line(index, self._free.base[index])
        for cell, cost in self._free.cells.items():
            for off in {*_spread(cost.low, cost.high), cost.best}:
                self._add_cell(cell, off)
        cash = self._free.cash
        for amount in {*_spread(cash.low, cash.high), cash.best}:
            self._add_cash(amount)
        for gains in (*self._model.gains.corners, self._free.levy.best):
            self._add_gains(*gains)

    def _add_line(self, index: int, k: int) -> None:
        model = self._model
        line = model.question.lines[index]
        run = run_of(line, k)
        if run is None:
            return
        spent, money = run.spent(k) / self._money, self._money
        entries = [(row, model.joint[index][n][1] * k / money) for n, row in self._cells_of(index)]
        if self._gain_rows and model.realises(index):
            entries += [(row, gain / money) for row, gain in zip(self._gain_rows, gains_of(run, k), strict=True)]
        entries.append((self._cash_row, spent))
        if self._purse_rows:
            entries.append((self._purse_rows[line.account], spent))
        if self._trade_row is not None and k:
            entries.append((self._trade_row, 1.0))
        if self._turnover_row is not None:
            entries.append((self._turnover_row, line.step * abs(k) / money))
        cost = sum(self._phi(cell, model.start[cell] + worth * k) for cell, worth in model.own[index])
        self._add(Column(("line", index), k, cost, tuple(entries)))

    def _cells_of(self, index: int) -> Iterator[tuple[int, int]]:
        for n, (cell, _) in enumerate(self._model.joint[index]):
            yield n, self._cell_rows[cell]

    def _add_cell(self, cell: int, off: int) -> None:
        entry = (self._cell_rows[cell], -off / self._money)
        self._add(Column(("cell", cell), off, self._phi(cell, off), (entry,)))

    def _add_cash(self, cash: int) -> None:
        question = self._model.question
        off = float(cash - question.reserve - question.cash_target)
        cost = question.cash_weight * (off * off if self._model.squared else abs(off))
        self._add(Column(("cash", 0), cash, cost, ((self._cash_row, cash / self._money),)))

    def _add_gains(self, short: int, long: int) -> None:
        if not self._gain_rows:
            return
        owed, money = self._model.tax(short, long) / self._money, self._money
        entries = [(self._cash_row, owed), (self._gain_rows[0], -short / money), (self._gain_rows[1], -long / money)]
        if self._tax_row is not None:
            entries.append((self._tax_row, owed))
        gains = self._gain_states.setdefault((short, long), len(self._gain_states))
        self._add(Column(("gains", 0), gains, 0.0, tuple(entries)))

    def _phi(self, cell: int, off: int) -> float:
        return float(self._model.question.cells[cell].weight * (off * off if self._model.squared else abs(off)))

    def _add(self, column: Column) -> None:
        self._columns.setdefault((column.part, column.state), column)


def _spread(low: int, high: int) -> set[int]:
    """A few whole numbers over a range, its ends among them."""
    if high - low < _FEW:
        return set(range(low, high + 1))
    return {low + (high - low) * n // 8 for n in range(9)}


def _rounded(price: int, grid: int) -> int:
    """The multiple of the grid next to a price."""
    return (2 * price + grid) // (2 * grid) * grid


def _solve(columns: list[Column], rows: _Rows, dearest: float) -> list[float] | None:
    """The duals of the programme's rows."""
    import highspy  # noqa: PLC0415 - both take a tenth of a second to load, and only coupled questions need them
    import numpy as np  # noqa: PLC0415

    parts = {part: len(rows.rhs) + n for n, part in enumerate(dict.fromkeys(column.part for column in columns))}
    starts, indices, values = [0], list[int](), list[float]()
    for column in columns:
        entries = [*(e for e in column.entries if e[1]), (parts[column.part], 1.0)]
        indices += [row for row, _ in entries]
        values += [value for _, value in entries]
        starts.append(len(indices))
    programme = highspy.HighsLp()
    programme.num_col_, programme.num_row_ = len(columns), len(rows.rhs) + len(parts)
    programme.col_cost_ = np.array([column.cost / dearest for column in columns])
    programme.col_lower_, programme.col_upper_ = np.zeros(len(columns)), np.full(len(columns), highspy.kHighsInf)
    upper = np.array([*rows.rhs, *(1.0 for _ in parts)])
    lower = [-highspy.kHighsInf if capped else rhs for rhs, capped in zip(rows.rhs, rows.capped, strict=True)]
    programme.row_lower_, programme.row_upper_ = np.array([*lower, *(1.0 for _ in parts)]), upper
    programme.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    programme.a_matrix_.start_, programme.a_matrix_.index_ = np.array(starts), np.array(indices)
    programme.a_matrix_.value_ = np.array(values)
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.passModel(programme)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return list(highs.getSolution().row_dual)[: len(rows.rhs)]
