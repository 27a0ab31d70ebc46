"""The state that lines share: where it stands, how far the lines to come can still take it, and the least that costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias, TypeVar

from allocation.solver.coupled.judge import gains_of, the_run_of
from allocation.solver.coupled.options import Option, Options, density
from allocation.solver.coupled.pricing import Convex, Priced
from allocation.solver.coupled.tax import Box, Piece, taxes_by_purse

T = TypeVar("T")
_PIECES = [None, *Piece]
# States that each other one is compared with: more would take longer than what they beat.
_MOST_LEADERS = 30
Key: TypeAlias = tuple[int, ...]
"""Cash, then the slots of purses, shared cells, trades, turnover and gains, as far as the question has them."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is to come after a line.

    Attributes:
        least, most: by slot, the least and the most that the lines to come can add.
        open_cells: shared cells that a line to come moves, as (slot, cost).
        closing: shared cells that this line was the last to move.
        closing_purses: purses whose last line this was, as (slot, price).
        low, high: outside these balances it pays to move cash at `density` a grain.
        gains: the least and the most that the lines to come can add to net gains.
    """

    least: Key
    most: Key
    open_cells: tuple[tuple[int, Convex], ...]
    closing: tuple[tuple[int, Convex], ...]
    open_purses: tuple[tuple[int, int], ...]
    closing_purses: tuple[tuple[int, int], ...]
    density: int
    low: int
    high: int
    gains: Box


class Couplings:
    """The slots of a walk and the look ahead from each of its lines."""

    def __init__(self, priced: Priced, options: list[Options], order: list[int]) -> None:
        model = priced.model
        self._priced, self._model = priced, model
        question = model.question
        self._accounts = [line.account for line in question.lines]
        self._purses = len(question.purses) if len(question.purses) > 1 else 0
        self._cell_slot = {cell: 1 + self._purses + n for n, cell in enumerate(model.shared)}
        slots = self._caps_start = 1 + self._purses + len(model.shared)
        self._trade_slot = slots if question.most_trades is not None else 0
        slots += question.most_trades is not None
        self._turnover_slot = slots if question.most_turnover is not None else 0
        slots += question.most_turnover is not None
        self._caps_end = slots
        taxable = sorted({line.account for i, line in enumerate(question.lines) if model.realises(i)})
        self._gain_slot = {purse: slots + 2 * n for n, purse in enumerate(taxable)}
        self._slots = slots + 2 * len(taxable)
        self._capped = [
            (slot, most, price)
            for slot, most, price in (
                (self._trade_slot, question.most_trades, priced.prices.trade),
                (self._turnover_slot, question.most_turnover, priced.prices.turnover),
            )
            if most is not None
        ]
        self.origin = self._origin()
        self.largest_still = max((abs(model.start[cell]) for cell in model.still), default=0)
        self._ahead = self._look_ahead(options, order)

    def arrive(self, key: Key, option: Option, position: int) -> tuple[Key, int, int, int] | None:
        """Where a trade leads: the key, what closed for good, the least still to come, the largest closed deviation."""
        ahead = self._ahead[position]
        slots = list(key)
        self._apply(slots, option, position)
        settled = to_come = largest = 0
        for slot, cell in ahead.closing:
            settled += cell.regret(slots[slot])
            largest = max(largest, abs(slots[slot]))
            slots[slot] = 0
        for slot, price in ahead.closing_purses:
            if slots[slot] < 0 or self._is_too_full(slot, slots[slot]):
                return None
            settled += price * slots[slot]
            slots[slot] = 0
        for slot, cell in ahead.open_cells:
            least = cell.regret_within(slots[slot] + ahead.least[slot], slots[slot] + ahead.most[slot])
            if least is None:
                return None
            to_come += least
        for slot, price in ahead.open_purses:
            if slots[slot] + ahead.most[slot] < 0 or self._is_too_full(
                slot, slots[slot] + ahead.least[slot], taxed=True
            ):
                return None
            to_come += price * max(0, slots[slot] + ahead.least[slot])
        gains = self._gains_within(slots, ahead)
        levied = self._priced.levy.regret_within(gains) if self._gain_slot else 0
        rest = self._caps(slots, ahead, gains)
        cash = self._least_cash_regret(slots, ahead, gains)
        if rest is None or cash is None or levied is None:
            return None
        return tuple(slots), settled, to_come + rest + cash + levied, largest

    def alike(self, key: Key, position: int) -> tuple[Key, int]:
        """What decides the future of a state, and what its gains cost so far.

        Where all gains within reach are on one piece of the tax, gains are a cost like any other: states with the same
        cash after taxes have the same future.
        """
        if not self._gain_slot:
            return key, 0
        ahead = self._ahead[position]
        gains = self._gains_within(key, ahead)
        owed = self._owed_so_far(key, ahead, gains.piece)
        if owed is None:
            return key, 0
        slots, tax, prices = list(key), sum(owed.values()), self._priced.prices
        cost = self._priced.levy.cost(*self._gains(key)) - prices.tax * tax
        slots[0] -= tax
        for purse, slot in self._gain_slot.items():
            slots[slot] = slots[slot + 1] = 0
            if self._purses:
                slots[1 + purse] -= owed[purse]
                cost += self._late[purse] * owed[purse]
        rates = self._model.question.tax
        if rates is not None and rates.most is not None:
            slots[self._caps_end] = tax if self._model.tax(gains.short_high, gains.long_high) > rates.most else 0
        slots[self._caps_end + 1] = _PIECES.index(gains.piece)
        return tuple(slots), cost

    def _owed_so_far(self, key: Key, ahead: Ahead, piece: Piece | None) -> dict[int, int] | None:
        """What every purse owes so far, where its tax is linear from here on; None where it may not be."""
        if piece == Piece.NOTHING_DUE:
            return dict.fromkeys(self._gain_slot, 0)
        alone = len(self._gain_slot) == 1
        if piece is None or not (alone or self._none_loses(key, ahead)):
            return None
        return {purse: self._model.tax(key[slot], key[slot + 1]) for purse, slot in self._gain_slot.items()}

    def _none_loses(self, key: Key, ahead: Ahead) -> bool:
        """Whether no purse can end with a loss of either term."""
        return all(key[n] + ahead.least[n] >= 0 for slot in self._gain_slot.values() for n in (slot, slot + 1))

    def cost_as_it_is(self, key: Key) -> int:
        """Roughly what a state would cost beyond its regrets, were every line to come at its cheapest trade."""
        cost, cash = 0, key[0]
        if self._gain_slot:
            cost, cash = self._priced.levy.cost(*self._gains(key)), cash - self._model.tax(*self._gains(key))
        cost += self._priced.cash.regret(cash) + sum(
            price * abs(most - key[slot]) for slot, most, price in self._capped
        )
        return cost + sum(self._priced.cells[cell].regret(key[slot]) for cell, slot in self._cell_slot.items())

    def close(self, key: Key) -> int | None:
        """What a state at the end costs beyond its regrets; None where it is not allowed."""
        priced, question = self._priced, self._model.question
        gains = [(0, 0)] * len(question.purses)
        for purse, slot in self._gain_slot.items():
            gains[purse] = key[slot], key[slot + 1]
        cost, tax, taxes = 0, 0, [Fraction(0)] * len(gains)
        short, long = sum(s for s, _ in gains), sum(g for _, g in gains)
        if question.tax is not None and self._gain_slot:
            taxes = taxes_by_purse(question.tax, gains)
            tax = self._model.tax(short, long)
            levied = priced.levy.regret_within(Box(short, short, long, long))
            if levied is None:
                return None
            cost += levied
            if question.tax.most is not None:
                if tax > question.tax.most:
                    return None
                cost += priced.prices.tax * (question.tax.most - tax)
        late = self._close_late_purses(key, taxes)
        if late is None:
            return None
        cost += late
        cash = priced.cash.regret_within(key[0] - tax, key[0] - tax)
        if cash is None:
            return None
        for slot, most, price in self._capped:
            if key[slot] > most:
                return None
            cost += price * (most - key[slot])
        return cost + cash

    def _close_late_purses(self, key: Key, taxes: list[Fraction]) -> int | None:
        """What the cash left in purses costs that taxes are paid from; None where one has too little or too much."""
        for purse in self._late:
            left = key[1 + purse] - taxes[purse]
            if left < 0 or self._is_too_full(1 + purse, left):
                return None
        return sum(price * key[1 + purse] for purse, price in self._late.items())

    def _is_too_full(self, slot: int, left: Fraction | int, taxed: bool = False) -> bool:
        """Whether more would remain in a purse than may; with taxes still to be paid nobody can say."""
        highest = self._model.question.purses[slot - 1].highest
        return highest is not None and left > highest and not (taxed and self._gain_slot)

    def undominated(self, states: dict[Key, T], regret_of: Callable[[T], int]) -> dict[Key, T]:
        """The states that no other beats in φ, having as much cash, as few trades and as little turnover.

        Under l1 a grain of cash left idle costs its weight and no more, so a state is beaten by one that has more cash
        even if the difference stays idle.
        """
        model, prices = self._model, self._priced.prices
        if model.squared or self._purses or model.question.highest_cash is not None:
            return states
        idle = prices.cash + model.units.whole * model.question.cash_weight
        kept: dict[Key, T] = {}
        leaders: dict[Key, list[tuple[int, int, int]]] = {}
        for key in sorted(states, reverse=True):
            trades = key[self._trade_slot] if self._trade_slot else 0
            turned = key[self._turnover_slot] if self._turnover_slot else 0
            cost = regret_of(states[key]) + idle * key[0] - prices.trade * trades - prices.turnover * turned
            alike = leaders.setdefault((*key[1 + self._purses : self._caps_start], *key[self._caps_end :]), [])
            if not any(c <= cost and n <= trades and m <= turned for c, n, m in alike):
                kept[key] = states[key]
                alike[:] = [(c, n, m) for c, n, m in alike if c < cost or n < trades or m < turned]
                del alike[_MOST_LEADERS - 1 :]
                alike.append((cost, trades, turned))
        return kept

    def _origin(self) -> Key:
        """Every line at its cheapest trade."""
        model, question = self._model, self._model.question
        slots = [0] * self._slots
        slots[0] = model.cash
        for purse in range(self._purses):
            slots[1 + purse] = question.purses[purse].cash
        for cell, slot in self._cell_slot.items():
            slots[slot] = model.start[cell]
        for index, k in enumerate(self._priced.base):
            line = question.lines[index]
            run = the_run_of(line, k)
            slots[0] -= run.spent(k)
            if self._purses:
                slots[1 + line.account] -= run.spent(k)
            for cell, worth in model.joint[index]:
                slots[self._cell_slot[cell]] += worth * k
            if self._trade_slot:
                slots[self._trade_slot] += bool(k)
            if self._turnover_slot:
                slots[self._turnover_slot] += line.step * abs(k)
            if model.realises(index):
                slot, gains = self._gain_slot[line.account], gains_of(run, k)
                slots[slot], slots[slot + 1] = slots[slot] + gains[0], slots[slot + 1] + gains[1]
        return tuple(slots)

    def _changes(self, option: Option, line: int) -> list[tuple[int, int]]:
        """What a trade adds to each slot beyond the line's cheapest trade."""
        account = self._accounts[line]
        changes = [(0, -option.spends)]
        if self._purses:
            changes.append((1 + account, -option.spends))
        changes += [(self._cell_slot[cell], off) for cell, off in option.offs]
        if self._trade_slot:
            changes.append((self._trade_slot, option.traded))
        if self._turnover_slot:
            changes.append((self._turnover_slot, option.turned))
        if account in self._gain_slot:
            slot = self._gain_slot[account]
            changes += [(slot, option.short), (slot + 1, option.long)]
        return [(slot, change) for slot, change in changes if change]

    def _apply(self, slots: list[int], option: Option, position: int) -> None:
        for slot, change in self._changes_at[position][option.steps]:
            slots[slot] += change

    def _look_ahead(self, options: list[Options], order: list[int]) -> list[Ahead]:
        """From the last line back to the first."""
        model, priced = self._model, self._priced
        self._changes_at = [
            {option.steps: self._changes(option, line) for option in each.trades}
            for line, each in zip(order, options, strict=True)
        ]
        last_of_cell = {cell: n for n, line in enumerate(order) for cell, _ in model.joint[line]}
        last_of_purse = {self._accounts[line]: n for n, line in enumerate(order)} if self._purses else {}
        prices = priced.prices.purses or (0,) * self._purses
        self._late = {
            purse: prices[purse]
            for purse in range(self._purses)
            if purse not in last_of_purse or purse in self._gain_slot
        }
        least, most = [0] * self._slots, [0] * self._slots
        cheapest: int | None = None
        ahead: list[Ahead] = []
        for n in range(len(order) - 1, -1, -1):
            spread = self._spread(cheapest)
            ahead.append(
                Ahead(
                    tuple(least),
                    tuple(most),
                    tuple(
                        (self._cell_slot[c], priced.cells[c])
                        for c, last in last_of_cell.items()
                        if last > n and any(c == cell for line in order[: n + 1] for cell, _ in model.joint[line])
                    ),
                    tuple((self._cell_slot[c], priced.cells[c]) for c, last in last_of_cell.items() if last == n),
                    tuple(
                        (1 + p, prices[p])
                        for p in range(self._purses)
                        if last_of_purse.get(p, -1) > n or p in self._late
                    ),
                    tuple((1 + p, prices[p]) for p, last in last_of_purse.items() if last == n and p not in self._late),
                    *spread,
                    Box(
                        *(
                            sum(reach[slot + n] for slot in self._gain_slot.values())
                            for n in (0, 1)
                            for reach in (least, most)
                        )
                    ),
                )
            )
            self._widen(least, most, self._changes_at[n])
            slope = density(options[n])
            cheapest = slope if cheapest is None else min(cheapest, slope)
        return ahead[::-1]

    def _widen(self, least: list[int], most: list[int], changes: dict[int, list[tuple[int, int]]]) -> None:
        """Add what one more line can do to what is to come."""
        lows, highs = [0] * self._slots, [0] * self._slots
        moved = [dict(each) for each in changes.values()]
        for slot in {slot for each in moved for slot in each}:
            amounts = [each.get(slot, 0) for each in moved]
            lows[slot], highs[slot] = min(amounts), max(amounts)
        for slot in range(self._slots):
            least[slot] += lows[slot]
            most[slot] += highs[slot]

    def _spread(self, slope: int | None) -> tuple[int, int, int]:
        """The density to come and the balances beyond which it pays to move cash at it."""
        cash = self._priced.cash
        if not slope:
            return 0, cash.best, cash.best
        return slope, _turning_point(cash, -slope), _turning_point(cash, slope)

    def _caps(self, slots: list[int], ahead: Ahead, gains: Box) -> int | None:
        """The least that caps on trades and turnover must cost; None where one is certain to be broken."""
        cost = 0
        for slot, most, price in self._capped:
            if slots[slot] + ahead.least[slot] > most:
                return None
            cost += price * max(0, most - slots[slot] - ahead.most[slot])
        rates = self._model.question.tax
        if rates is not None and rates.most is not None and self._gain_slot:
            tax = self._model.tax
            if tax(gains.short_low, gains.long_low) > rates.most:
                return None
            cost += self._priced.prices.tax * max(0, rates.most - tax(gains.short_high, gains.long_high))
        return cost

    def _least_cash_regret(self, slots: list[int], ahead: Ahead, gains: Box) -> int | None:
        """The least regret of all cash within reach, paying for what the lines to come must move."""
        cash, now = self._priced.cash, slots[0]
        low, high = max(now + ahead.least[0], cash.low), min(now + ahead.most[0], cash.high)
        if self._gain_slot:
            tax = self._model.tax
            # The tax never falls when a gain rises.
            least, most = tax(gains.short_low, gains.long_low), tax(gains.short_high, gains.long_high)
            low, high = max(now + ahead.least[0] - most, cash.low), min(now + ahead.most[0] - least, cash.high)
            now -= tax(*self._gains(slots))
        if low > high:
            return None
        there = min(max(min(max(now, ahead.low), ahead.high), low), high)
        return cash.regret(there) + ahead.density * abs(there - now)

    def _gains(self, slots: Sequence[int]) -> tuple[int, int]:
        short = long = 0
        for slot in self._gain_slot.values():
            short, long = short + slots[slot], long + slots[slot + 1]
        return short, long

    def _gains_within(self, slots: Sequence[int], ahead: Ahead) -> Box:
        """All net gains that the lines to come leave possible."""
        if not self._gain_slot:
            return ahead.gains
        short, long = self._gains(slots)
        reach = ahead.gains
        return Box(short + reach.short_low, short + reach.short_high, long + reach.long_low, long + reach.long_high)


def _turning_point(cash: Convex, slope: int) -> int:
    """The point beyond which a convex cost rises (falls) by more than the slope for every grain: by bisection."""
    low, high = (cash.best, cash.high) if slope > 0 else (cash.low, cash.best)
    while low < high:
        middle = (low + high) // 2
        if cash.cost(middle + 1) - cash.cost(middle) >= slope:
            high = middle
        else:
            low = middle + 1
    return low
