"""What lines share in a walk: where a trade leads, what it settles, and the least that the lines to come must still cost."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeVar

from allocation.solver.coupled.ahead import Ahead, Outlook
from allocation.solver.coupled.options import Option, Options
from allocation.solver.coupled.pricing import Priced
from allocation.solver.coupled.slots import Key, Slots
from allocation.solver.coupled.tax import Box, Piece, taxes_by_purse

T = TypeVar("T")
_PIECES = [None, *Piece]
# States that each other one is compared with: more would take longer than what they beat.
_MOST_LEADERS = 30


class Couplings:
    """The slots of a walk and the look ahead from each of its lines."""

    def __init__(self, priced: Priced, options: list[Options], order: list[int]) -> None:
        self._priced, self._model = priced, priced.model
        self._slots = slots = Slots(priced)
        outlook = Outlook(priced, slots, options, order)
        self._ahead, self._changes_at, self._late = outlook.after, outlook.changes, outlook.late
        self._purses, self._gain_slot, self._capped = slots.purses, slots.of_gains, slots.capped
        self.origin = slots.origin()
        self.largest_still = max((abs(self._model.start[cell]) for cell in self._model.still), default=0)

    def arrive(self, key: Key, option: Option, position: int) -> tuple[Key, int, int, int] | None:
        """Where a trade leads: the key, what closed for good, the least still to come, the largest closed deviation."""
        ahead = self._ahead[position]
        slots = list(key)
        for slot, change in self._changes_at[position][option.steps]:
            slots[slot] += change
        settled = self._settle(slots, ahead)
        still_open = None if settled is None else self._still_open(slots, ahead)
        if settled is None or still_open is None:
            return None
        gains = self._gains_within(slots, ahead)
        levied = self._priced.levy.regret_within(gains) if self._gain_slot else 0
        rest = self._caps(slots, ahead, gains)
        cash = self._least_cash_regret(slots, ahead, gains)
        if rest is None or cash is None or levied is None:
            return None
        return tuple(slots), settled[0], still_open + rest + cash + levied, settled[1]

    def _settle(self, slots: list[int], ahead: Ahead) -> tuple[int, int] | None:
        """What closes for good, and the largest deviation of its cells; None where a purse has too little or too much."""
        settled = largest = 0
        for slot, cell in ahead.closing:
            settled += cell.regret(slots[slot])
            largest = max(largest, abs(slots[slot]))
            slots[slot] = 0
        for slot, price in ahead.closing_purses:
            if slots[slot] < 0 or self._is_too_full(slot, slots[slot]):
                return None
            settled += price * slots[slot]
            slots[slot] = 0
        return settled, largest

    def _still_open(self, slots: list[int], ahead: Ahead) -> int | None:
        """The least that open cells and purses must still cost; None where one cannot end as it has to."""
        to_come = 0
        for slot, cell in ahead.open_cells:
            least = cell.regret_within(slots[slot] + ahead.least[slot], slots[slot] + ahead.most[slot])
            if least is None:
                return None
            to_come += least
        for slot, price in ahead.open_purses:
            low, high = slots[slot] + ahead.least[slot], slots[slot] + ahead.most[slot]
            if high < 0 or self._is_too_full(slot, low, taxed=True):
                return None
            to_come += price * max(0, low)
        return to_come

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
            slots[self._slots.caps[1]] = tax if self._model.tax(gains.short_high, gains.long_high) > rates.most else 0
        slots[self._slots.caps[1] + 1] = _PIECES.index(gains.piece)
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
        return cost + sum(self._priced.cells[cell].regret(key[slot]) for cell, slot in self._slots.of_cell.items())

    def close(self, key: Key) -> int | None:
        """What a state at the end costs beyond its regrets; None where it is not allowed."""
        taxed = self._taxed(key)
        if taxed is None:
            return None
        cost, taxes = taxed
        tax = sum(taxes)
        late = self._close_late_purses(key, taxes)
        cash = self._priced.cash.regret_within(key[0] - int(tax), key[0] - int(tax))
        if late is None or cash is None:
            return None
        for slot, most, price in self._capped:
            if key[slot] > most:
                return None
            cost += price * (most - key[slot])
        return cost + late + cash

    def _taxed(self, key: Key) -> tuple[int, list[Fraction]] | None:
        """What the gains of a state at the end cost, and the tax of every purse; None where that is too much."""
        question = self._model.question
        gains = [(0, 0)] * len(question.purses)
        for purse, slot in self._gain_slot.items():
            gains[purse] = key[slot], key[slot + 1]
        if question.tax is None or not self._gain_slot:
            return 0, [Fraction(0)] * len(gains)
        short, long = self._gains(key)
        tax, most = self._model.tax(short, long), question.tax.most
        levied = self._priced.levy.regret_within(Box(short, short, long, long))
        if levied is None or (most is not None and tax > most):
            return None
        levied += 0 if most is None else self._priced.prices.tax * (most - tax)
        return levied, taxes_by_purse(question.tax, gains)

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
            trades = key[self._slots.trade] if self._slots.trade else 0
            turned = key[self._slots.turnover] if self._slots.turnover else 0
            cost = regret_of(states[key]) + idle * key[0] - prices.trade * trades - prices.turnover * turned
            alike = leaders.setdefault((*key[1 + self._purses : self._slots.caps[0]], *key[self._slots.caps[1] :]), [])
            if not any(c <= cost and n <= trades and m <= turned for c, n, m in alike):
                kept[key] = states[key]
                alike[:] = [(c, n, m) for c, n, m in alike if c < cost or n < trades or m < turned]
                del alike[_MOST_LEADERS - 1 :]
                alike.append((cost, trades, turned))
        return kept

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
