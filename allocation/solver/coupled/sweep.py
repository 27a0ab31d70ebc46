"""All trades that could still win under a tariff, line by line: many states at a time, in floats with a margin.

A state is what the lines decided so far come to: regret, cash and gains. It is given up when its regrets, and the least that
cash must still cost within the reach of the lines to come, exceed what the best answer known leaves. Nothing is decided
here: what survives is judged exactly, the most promising first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from allocation.solver.coupled.least import all_losses_washed, is_washed, least_at, scale_of, views_of
from allocation.solver.coupled.pieces import Queue, order_of
from allocation.solver.coupled.tariff import Shape, Tariff, Way
from allocation.solver.question import Holding, TaxRates

Floats: TypeAlias = npt.NDArray[np.float64]
# By line; None where it is left undecided, but for that nothing is sold.
Undecided: TypeAlias = tuple[int | None, ...]

# Columns of a state.
_REGRET, _SPENDS, _SPENT, _GAINS, _SHORT, _LONG, _RATED, _TOLLED, _TRADES, _TURNED = range(10)
_COLUMNS = 10
# Sales of a line with washed losses whose lots are looked at one by one.
_MOST_REFINED = 1_000
# Pairs of a state and a trade looked at in one go.
_BLOCK = 1 << 17


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look; limits count work, so that every machine gives the same answer.

    Attributes:
        width: states kept from line to line.
        few: the most trades of one line, or None for all that could win.
        most: pairs of states and trades looked at.
        only_sales: whether lines that sell nothing are left undecided, to be settled where their taxes are known.
    """

    width: int
    few: int | None
    most: int
    only_sales: bool = False


@dataclass(frozen=True, slots=True)
class Swept:
    """What survives, with a cost that none of them is below beyond the tariff's bound; `unseen` is the least of the rest."""

    trades: Iterator[Undecided]
    least: list[float]
    unseen: float | None


class Sweep:
    """One sweep over the lines of a model under a tariff. Costs are in units of φ beyond the tariff's bound."""

    def __init__(self, tariff: Tariff, rates: TaxRates, shape: Shape, limit: int | None, effort: Effort) -> None:
        """`limit` is the regret up to which anything is of use."""
        self._tariff, self._rates, self._shape, self._effort = tariff, rates, shape, effort
        self._model, self._whole = tariff.model, tariff.model.units.whole
        self._limit = np.inf if limit is None else limit / self._whole
        self._unseen: float | None = None
        self._work = 0
        ways = [self._ways(i, limit) for i in range(len(self._model.question.lines))]
        self._order = sorted(range(len(ways)), key=lambda i: (len(ways[i]), i))
        self._ways_of = [ways[i] for i in self._order]
        self._tables = [self._table(i, ways[i]) for i in self._order]
        self._least, self._most = self._look_ahead()
        self._read_prices()

    def run(self) -> Swept:
        """Every choice of trades that could win."""
        states = np.zeros((1, _COLUMNS))
        trail: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
        for position in range(len(self._order)):
            if not len(states):
                return Swept(iter(()), [], self._unseen)
            states, parents, picks = self._extend(states, position)
            trail.append((parents, picks))
        least = self._prospects(states, len(self._order))
        ranked = np.argsort(least, kind="stable")
        return Swept((self._trades(trail, int(n)) for n in ranked), [float(least[n]) for n in ranked], self._unseen)

    def _extend(self, states: Floats, position: int) -> tuple[Floats, Any, Any]:
        """Every surviving state with every trade of one more line, the best of them as far as the width goes."""
        table = self._tables[position]
        reach = np.searchsorted(table[:, _REGRET], self._limit + self._margin - states[:, _REGRET], side="right")
        found, parents, picks = [], [], []
        first = 0
        while first < len(states):
            last = max(first + 1, int(np.searchsorted(np.cumsum(reach[first:]), _BLOCK)) + first)
            counts = reach[first:last]
            parent = np.repeat(np.arange(first, last), counts)
            pick = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            self._work += len(pick)
            reached = states[parent] + table[pick]
            prospects = self._prospects(reached, position + 1)
            # Without a limit too, what breaks a rule for certain leads nowhere.
            kept = (prospects <= self._limit + self._margin) & (prospects < np.inf)
            found.append((reached[kept], prospects[kept]))
            parents.append(parent[kept])
            picks.append(pick[kept])
            first = last
            if self._work > self._effort.most and first < len(states):
                rest = self._prospects(states[first:], position)
                self._drop(float(rest.min()))
                break
        return self._narrowed(
            np.concatenate([s for s, _ in found]),
            np.concatenate([p for _, p in found]),
            np.concatenate(parents),
            np.concatenate(picks),
        )

    def _narrowed(self, states: Floats, prospects: Floats, parents: Any, picks: Any) -> tuple[Floats, Any, Any]:
        width = self._effort.width
        ranked = np.argsort(prospects, kind="stable")
        if len(ranked) > width:
            self._drop(float(prospects[ranked[width]]))
            ranked = ranked[:width]
        return states[ranked], parents[ranked], picks[ranked]

    def _prospects(self, states: Floats, position: int) -> Floats:
        """A cost that nothing is below that a state can lead to; infinite where no rule-abiding trades do."""
        low, high = states + self._least[position], states + self._most[position]
        least_tax, most_tax = self._taxes(low, high)
        richest, poorest = self._cash - low[:, _SPENDS] - least_tax, self._cash - high[:, _SPENT] - most_tax
        over = np.clip(self._favourite, np.maximum(poorest, self._floor), np.minimum(richest, self._ceiling))
        cost = states[:, _REGRET] + self._least[position][_REGRET] + self._cash_regret(over)
        # Beyond the straight line that the tolls buy, tax costs its price.
        cost += np.maximum(0.0, self._due * least_tax - high[:, _TOLLED])
        wrong = (richest < self._floor - self._fuzz) | (poorest > self._ceiling + self._fuzz)
        for column, most, toll in self._caps:
            wrong |= low[:, column] > most + self._fuzz
            cost += toll * np.maximum(0.0, most - high[:, column])
        if self._most_tax is not None:
            wrong |= least_tax > self._most_tax + self._fuzz
            cost += self._tax_toll * np.maximum(0.0, self._most_tax - most_tax)
        return np.where(wrong, np.inf, cost)

    def _taxes(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Between what the tax of anything between two states is."""
        dear, cheap = self._dear, self._cheap
        kinked = np.maximum(np.maximum(0.0, cheap * low[:, _GAINS]), low[:, _RATED])
        least = kinked if self._shape == Shape.KINKED else np.maximum(0.0, dear * low[:, _GAINS])
        if self._due:
            least = np.maximum(least, low[:, _TOLLED] / self._due)
        short, long = high[:, _SHORT], high[:, _LONG]
        together = np.maximum(0.0, short + long)
        of_dear, of_cheap = (long, short) if self._long_dear else (short, long)
        most = np.where(
            of_dear < 0, cheap * together, np.where(of_cheap < 0, dear * together, dear * of_dear + cheap * of_cheap)
        )
        return least, np.maximum(most, least)

    def _cash_regret(self, cash: Floats) -> Floats:
        """What cash left costs beyond its favourite, `cash` counted from the target of cash."""
        size = cash * cash if self._tariff.model.squared else np.abs(cash)
        return np.maximum(0.0, self._cash_weight * size + self._cash_toll * cash - self._cash_least)

    def _ways(self, index: int, limit: int | None) -> list[Way]:
        ways, unseen = self._tariff.ways(index, limit, self._effort.few, only_sales=self._effort.only_sales)
        if unseen is not None:
            self._drop(unseen / self._whole)
        line = self._model.question.lines[index]
        if not is_washed(line) or len(ways) > _MOST_REFINED:
            return ways
        ways = sorted((self._refined(line, way) for way in ways), key=lambda way: (way.regret, way.steps or 0))
        return [way for way in ways if limit is None or way.regret <= limit]

    def _refined(self, line: Holding, way: Way) -> Way:
        """A sale with the least that its lots can cost: the tariff counts losses that may be washed at no more than that."""
        if not way.steps or way.steps > 0:
            return way
        tolls = self._tariff.tolls
        short, long = least_at(line, -way.steps, self._rates, tolls.short, tolls.long)
        more = tolls.short * (short - way.short) + tolls.long * (long - way.long)
        return replace(way, regret=way.regret + more, short=short, long=long)

    def _drop(self, prospect: float) -> None:
        if prospect < (np.inf if self._unseen is None else self._unseen):
            self._unseen = prospect

    def _table(self, index: int, ways: list[Way]) -> Floats:
        """The trades of a line as rows of what they change, cash beyond what the favourite spends."""
        line, tolls, unit = self._model.question.lines[index], self._tariff.tolls, scale_of(self._rates)[1]
        rates = int(self._rates.short * unit), int(self._rates.long * unit)
        reach = _Reach(line, self._rates, rates, exactly=len(ways) <= _MOST_REFINED) if line.lots else None
        base, *_ = self._tariff.base_pieces[index].amounts_at(self._tariff.base[index])
        table = np.zeros((len(ways), _COLUMNS))
        for n, way in enumerate(ways):
            given = way.short, way.long
            fixed = sum(given), *given, _weigh(rates, given)
            steps = way.steps or 0
            gain, short, long, rated = reach.of(-steps) if reach and steps < 0 else fixed
            tolled = tolls.short * given[0] + tolls.long * given[1]
            most = way.spends if way.steps is not None else line.runs[-1].spent(line.runs[-1].high)
            table[n, :_GAINS] = way.regret / self._whole, way.spends - base, most - base
            table[n, _GAINS:_TOLLED] = gain, short, long, rated / unit
            table[n, _TOLLED:] = tolled / self._whole, steps != 0, line.step * abs(steps)
        return table

    def _look_ahead(self) -> tuple[Floats, Floats]:
        """By position, the least and the most that the lines to come can change of each column."""
        size = len(self._order)
        least, most = np.zeros((size + 1, _COLUMNS)), np.zeros((size + 1, _COLUMNS))
        for n in reversed(range(size)):
            least[n], most[n] = least[n + 1], most[n + 1]
            if len(self._tables[n]):
                least[n] += self._tables[n].min(axis=0)
                most[n] += self._tables[n].max(axis=0)
        return least, most

    def _read_prices(self) -> None:
        """What stands at the outset and what everything costs, in floats."""
        tariff, model, whole = self._tariff, self._model, self._whole
        question, tolls = model.question, tariff.tolls
        center = question.reserve + question.cash_target
        spent = sum(p.amounts_at(k)[0] for p, k in zip(tariff.base_pieces, tariff.base, strict=True))
        low, high = tariff.cash_range
        self._cash = float(model.cash - spent - center)
        self._floor, self._ceiling = float(low - center), float(high - center)
        self._favourite = float(tariff.favourite_cash - center)
        self._cash_weight, self._cash_toll = float(question.cash_weight), tolls.cash / whole
        self._cash_least = (tariff.cash_cost(tariff.favourite_cash) - tolls.cash * center) / whole
        self._due, self._tax_toll = (tolls.cash + tolls.tax) / whole, tolls.tax / whole
        self._dear, self._cheap = (float(each(self._rates.short, self._rates.long)) for each in (max, min))
        self._long_dear = self._rates.long > self._rates.short
        self._most_tax = None if self._rates.most is None else float(self._rates.most)
        self._caps = [
            (column, float(most), toll / whole)
            for column, most, toll in (
                (_TRADES, question.most_trades, tolls.trade),
                (_TURNED, question.most_turnover, tolls.turnover),
            )
            if most is not None
        ]
        # What floats may be off by: of money, and of what the regret of cash makes of it.
        self._fuzz = (abs(model.cash) + sum(map(abs, model.start)) + abs(self._cash) + 1.0) * 2.0**-46
        around = abs(self._favourite) + (self._limit / self._cash_weight) ** 0.5 if self._cash_weight else 0.0
        slope = self._cash_toll + self._cash_weight * (2 * around if model.squared else 1)
        self._margin = 1e-9 * self._limit + (slope + self._due) * self._fuzz if self._limit < np.inf else 0.0

    def _trades(self, trail: list[tuple[Any, Any]], state: int) -> Undecided:
        """The trades that lead to a state, by line."""
        found: list[int | None] = [0] * len(self._order)
        for position in range(len(self._order) - 1, -1, -1):
            parents, picks = trail[position]
            found[self._order[position]] = self._ways_of[position][int(picks[state])].steps
            state = int(parents[state])
        return tuple(found)


class _Reach:
    """What sales of a line gain: at the least in all, by term at the most, and the least rate·gain."""

    def __init__(self, line: Holding, rates: TaxRates, whole_rates: tuple[int, int], *, exactly: bool) -> None:
        self._line, self._rates, self._whole_rates = line, rates, whole_rates
        views = views_of(line)
        self._exactly = exactly and len(views) > 1
        self._nearest = [Queue(line, view, order_of(view, 1, 1)) for view in views]
        self._rated = [Queue(line, view, order_of(view, *whole_rates)) for view in views]
        washed = all_losses_washed(line)
        self._most = Queue(line, washed, order_of(washed, 1, 1)) if len(views) > 1 else self._nearest[0]

    def of(self, sold: int) -> tuple[int, int, int, int]:
        """All gains at least, short-term and long-term gains together with each other, rate·gain at least."""
        if self._exactly:
            nearest = sum(least_at(self._line, sold, self._rates, 1, 1))
            rated = _weigh(self._whole_rates, least_at(self._line, sold, self._rates, *self._whole_rates))
        else:
            nearest = min(sum(queue.gains(sold)) for queue in self._nearest if queue.least <= sold)
            rated = min(_weigh(self._whole_rates, queue.gains(sold)) for queue in self._rated if queue.least <= sold)
        return nearest, *self._most.gains(sold), rated


def _weigh(rates: tuple[int, int], gains: tuple[int, int]) -> int:
    return rates[0] * gains[0] + rates[1] * gains[1]
