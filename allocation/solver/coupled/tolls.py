"""Find the tolls with the highest bound: a concave function climbed by cutting planes (Kelley, J. SIAM 8, 1960).

Each tariff tried gives a plane that the bound is nowhere above; the highest point under all planes so far is tried next.
Floats are harmless here, since any tolls give a valid bound.
"""

from collections.abc import Sequence
from dataclasses import astuple
from fractions import Fraction
from typing import Any

from allocation.solver.coupled.pieces import Pieces
from allocation.solver.coupled.tariff import Shape, Tariff, Tolls, within
from allocation.solver.question import TaxRates

_ROUNDS = 60
# Where the planes leave so little more, in parts of what the bound is found to be, the climb ends.
_ENOUGH = 1e-7
# No toll is higher than this, in what a step squared costs at the scale of a step.
_HIGHEST = 1e6

Point = tuple[float, ...]


def best_tariff(pieces: Pieces, rates: TaxRates, shape: Shape) -> Tariff:
    """The tariff with the highest bound found."""
    climb = _Climb(pieces, rates, shape)
    for point in climb.starts():
        climb.look(point)
    for _ in range(_ROUNDS):
        top = climb.top()
        if top is None or top[1] - climb.highest <= _ENOUGH * abs(climb.highest) or not climb.look(top[0]):
            break
    return climb.best


class _Climb:
    """Tariffs tried and the planes they give. A point is the tolls at the scale of one step."""

    def __init__(self, pieces: Pieces, rates: TaxRates, shape: Shape) -> None:
        self._pieces, self._rates, self._shape = pieces, rates, shape
        self._model = model = pieces.model
        question = model.question
        worth = abs(model.cash) + sum(abs(off) for off in model.start)
        self._money = max(1, *(line.step for line in question.lines), worth >> 14)
        weight = max(1, question.cash_weight, *(cell.weight for cell in question.cells))
        self._unit = model.units.whole * weight * (self._money if model.squared else 1)
        self._dues = float(rates.short), float(rates.long)
        self._open = [
            True,
            rates.most is not None,
            True,
            True,
            question.most_trades is not None,
            question.most_turnover is not None,
        ]
        self._highs = _programme(self._rows(), [_HIGHEST if each else 0.0 for each in self._open])
        self._seen: set[Tolls] = set()
        self.best = self._tariff((0.0,) * 6)
        self.highest = self._height(self.best)

    def starts(self) -> list[Point]:
        """Prices of cash from low to high, with every tax and with none."""
        shares = [(1.0, 1.0), (0.0, 0.0)]
        prices = [4.0**n for n in range(-3, 9, 2)] if self._model.squared else [0.5, 1.0, 2.0]
        return [(c, 0.0, c * s * self._dues[0], c * t * self._dues[1], 0.0, 0.0) for c in prices for s, t in shares]

    def look(self, point: Point) -> bool:
        """Try the tariff of a point; False where that has been done."""
        tariff = self._tariff(point)
        if tariff.tolls in self._seen:
            return False
        self._seen.add(tariff.tolls)
        height = self._height(tariff)
        if height > self.highest:
            self.best, self.highest = tariff, height
        here, slopes = self._point(tariff.tolls), self._slopes(tariff)
        rest = height - sum(slope * at for slope, at in zip(slopes, here, strict=True))
        # height ≤ rest + slopes · point
        self._add([*(-slope for slope in slopes), 1.0], rest)
        return True

    def top(self) -> tuple[Point, float] | None:
        """The highest point under all planes, and how high it is; None where it is not found."""
        self._highs.run()
        if str(self._highs.modelStatusToString(self._highs.getModelStatus())) != "Optimal":
            return None
        values = list(self._highs.getSolution().col_value)
        return tuple(values[:6]), values[6]

    def _tariff(self, point: Point) -> Tariff:
        per_money = Fraction(self._unit)
        amounts = [int(Fraction(max(0.0, each)) * per_money) for each in point]
        amounts[4] *= self._money
        return Tariff(self._pieces, within(Tolls(*amounts), self._rates, self._shape))

    def _point(self, tolls: Tolls) -> Point:
        amounts = [float(Fraction(each, self._unit)) for each in astuple(tolls)]
        amounts[4] /= self._money
        return tuple(amounts)

    def _height(self, tariff: Tariff) -> float:
        return float(Fraction(tariff.bound, self._unit * self._money))

    def _slopes(self, tariff: Tariff) -> Point:
        """How the bound changes with each toll: by what the favourites of all lines overdraw."""
        question, sums = self._model.question, [tariff.favourite_cash - self._model.cash, 0, 0, 0, 0, 0]
        sums[1] = -(self._rates.most or 0)
        for line, k, piece in zip(question.lines, tariff.base, tariff.base_pieces, strict=True):
            spends, short, long = piece.amounts_at(k)
            sums[0], sums[2], sums[3] = sums[0] + spends, sums[2] + short, sums[3] + long
            sums[4] += bool(k)
            sums[5] += line.step * abs(k)
        sums[4] = (sums[4] - (question.most_trades or 0)) * self._money
        sums[5] -= question.most_turnover or 0
        slopes = [float(Fraction(each, self._money)) for each in sums]
        return tuple(slope if is_open else 0.0 for slope, is_open in zip(slopes, self._open, strict=True))

    def _rows(self) -> list[list[float]]:
        """What `within` asks of cash, tax, short, long, trade, turnover and the height, as rows at most zero."""
        high, low = max(self._dues), min(self._dues)
        dear, cheap = (3, 2) if self._dues[1] > self._dues[0] else (2, 3)

        def row(entries: dict[int, float]) -> list[float]:
            return [entries.get(n, 0.0) for n in range(7)]

        if self._shape == Shape.LEVEL or high == low:
            return [row({2: 1, 3: -1}), row({2: -1, 3: 1}), row({2: 1, 0: -high, 1: -high})]
        dearest = {dear: low, cheap: -high} if low else {dear: 1, 0: -high, 1: -high}
        return [row({cheap: 1, 0: -low, 1: -low}), row({cheap: 1, dear: -1}), row(dearest)]

    def _add(self, row: Sequence[float], most: float) -> None:
        entries = [(n, each) for n, each in enumerate(row) if each]
        import numpy as np  # noqa: PLC0415 - much to load, rarely needed

        places, values = np.array([n for n, _ in entries]), np.array([each for _, each in entries])
        self._highs.addRow(-self._highs.inf, most, len(entries), places, values)


def _programme(rows: list[list[float]], highest: list[float]) -> Any:
    """Maximise the height under these rows, each at most zero."""
    import highspy  # noqa: PLC0415 - a tenth of a second to load, and only taxed questions with losses need it
    import numpy as np  # noqa: PLC0415

    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    for most in highest:
        highs.addVar(0.0, most)
    highs.addVar(-highspy.kHighsInf, highspy.kHighsInf)
    highs.changeColCost(6, -1.0)
    for row in rows:
        entries = [(n, each) for n, each in enumerate(row) if each]
        places, values = np.array([n for n, _ in entries]), np.array([each for _, each in entries])
        highs.addRow(-highspy.kHighsInf, 0.0, len(entries), places, values)
    return highs
