"""Find the price on cash at which the lines' cheapest trades just about spend the money there is.

Any price gives a valid bound; a good one makes it tight. So this part may use floats: it decides how long the exact
search takes, never what it answers. Money counts in the largest amount at hand and weights in the largest weight, so
that no number is too long for a float.

What lines and cash together want falls as the price rises. Between two prices only those lines are asked again that
answer differently at both (`_Demand.active`), so a search for the balance costs little more than asking all lines twice.
"""

from fractions import Fraction
from math import inf, nextafter
from typing import NamedTuple

from allocation.solver.folding import Folded, Leg, Row
from allocation.solver.pricing import Priced

_ROUNDS = 100
_EXACT_ROUNDS = 40
_NEGLIGIBLE = 1e-15
# Lines that change at prices this close change at once; with so few left, the middle one of their prices is tried.
_AT_ONCE = 1e-13
_FEW = 8


def cash_price(folded: Folded) -> int:
    """The multiplier in folded cost per grain."""
    return 0 if not folded.rows else _Market(folded).balancing_price()


class Offer(NamedTuple):
    """A trade in floats: what it spends and what it costs without a price on cash."""

    spends: float
    costs: float


class Stretch(NamedTuple):
    """Legs that continue each other, in floats: `steps` further ones from the first trade."""

    steps: int
    spends: float
    per_step: float
    off: float


class _Market:
    """What lines and the cash line want at a price."""

    def __init__(self, folded: Folded) -> None:
        self._folded = folded
        self._squared = folded.squared
        self._dearest = max(folded.cash_weight, *(row.weight for row in folded.rows)) or 1
        self._unit = max(
            1, abs(folded.cash), folded.cash_target, *(abs(row.legs[0].off) + row.step for row in folded.rows)
        )
        self._cash = folded.cash / self._unit
        self._cash_target = folded.cash_target / self._unit
        self._cash_weight = folded.cash_weight / self._dearest
        self._most_cash = max(0, folded.most_cash) / self._unit
        self._rows = [self._in_floats(row) for row in folded.rows]

    def balancing_price(self) -> int:
        """The price at which demand meets the cash, from the side where the money suffices."""
        price, tied = self._balance()
        power = self._unit if self._squared else 1
        whole = int(Fraction(price) * self._dearest * power)
        return _between_ties(self._folded, whole) if tied else whole

    def _balance(self) -> tuple[float, bool]:
        """The price in floats, and whether several lines are in the balance there at once."""
        middle = [self._ask(i, 0.0) for i in range(len(self._rows))]
        excess = self._excess(sum(offer.spends for offer in middle), 0.0)
        if excess <= 0 and not self._cash_weight:
            return 0.0, False
        side = 1.0 if excess > 0 else -1.0
        near, far, at_far = 0.0, side * self._first_reach(excess), middle
        at_near, excess_near = middle, excess
        for _ in range(_ROUNDS):
            at_far = [self._ask(i, far) for i in range(len(self._rows))]
            excess_far = self._excess(sum(offer.spends for offer in at_far), far)
            if excess_far * side <= 0:
                break
            near, at_near, excess_near, far = far, at_far, excess_far, far * 4
        else:
            return far, False
        if side > 0:
            return self._between(near, at_near, excess_near, far, at_far, excess_far)
        return self._between(far, at_far, excess_far, near, at_near, excess_near)

    def _first_reach(self, excess: float) -> float:
        """A price about twice as high as one at which every line gave way equally; l1 gives way at 1 or not at all."""
        return 4 * abs(excess) / (len(self._rows) + 1) + _NEGLIGIBLE if self._squared else 1 + 1e-9

    def _between(
        self, low: float, at_low: list[Offer], over: float, high: float, at_high: list[Offer], under: float
    ) -> tuple[float, bool]:
        """Close in on the balance between a price at which too much is wanted and one at which enough is left."""
        fixed = 0.0
        active = []
        for i, (before, after) in enumerate(zip(at_low, at_high, strict=True)):
            if before.spends == after.spends:
                fixed += before.spends
            else:
                active.append((i, before, after))
        for count in range(_ROUNDS):
            breaks = sorted(
                (after.costs - before.costs) / (before.spends - after.spends) for _, before, after in active
            )
            if not breaks:
                return self._closed_form(fixed, low, high), False
            at_once = breaks[-1] - breaks[0] <= _AT_ONCE * abs(breaks[-1])
            if at_once or len(breaks) < _FEW or count % 2:
                price = breaks[-1] if at_once else breaks[len(breaks) // 2]
            else:
                price = low + (high - low) * over / (over - under)
            if high - low <= _NEGLIGIBLE * abs(high):
                return high, len(active) > 1
            if not low < price < high:
                price = (low + high) / 2
            asked = [self._ask(i, price) for i, _, _ in active]
            if at_once and all(
                now.spends in (x.spends, y.spends) for (_, x, y), now in zip(active, asked, strict=True)
            ):
                return nextafter(price, inf), len(active) > 1
            excess = self._excess(fixed + sum(offer.spends for offer in asked), price)
            if excess > 0:
                low, over = price, excess
                active = [(i, now, after) for (i, _, after), now in zip(active, asked, strict=True)]
            else:
                high, under = price, excess
                active = [(i, before, now) for (i, before, _), now in zip(active, asked, strict=True)]
            fixed += sum(before.spends for _, before, after in active if before.spends == after.spends)
            active = [line for line in active if line[1].spends != line[2].spends]
        return high, len(active) > 1

    def _closed_form(self, spent: float, low: float, high: float) -> float:
        """With every line settled only cash gives way: under l2 it takes exactly what is left."""
        if not self._squared or not self._cash_weight:
            return high
        return min(max(2 * self._cash_weight * (self._cash_target - (self._cash - spent)), low), high)

    def _excess(self, spent: float, price: float) -> float:
        """What is wanted beyond the money there is."""
        if self._squared and self._cash_weight:
            wanted = min(max(self._cash_target - price / (2 * self._cash_weight), 0.0), self._most_cash)
        elif abs(price) <= self._cash_weight:
            wanted = self._cash_target
        else:
            wanted = 0.0 if price > 0 else self._most_cash
        return spent + wanted - self._cash

    def _in_floats(self, row: Row) -> tuple[float, float, list[Stretch]]:
        unit, step = self._unit, row.step
        stretches: list[Stretch] = []
        start: Leg | None = None
        for leg in row.legs:
            if start is not None and _continues(start, stretches[-1].steps, leg):
                stretches[-1] = Stretch(leg.high - start.low, *_money(start, leg, unit))
                continue
            start = leg
            stretches.append(Stretch(leg.high - leg.low, *_money(leg, leg, unit)))
        return step / unit, row.weight / self._dearest, stretches

    def _ask(self, index: int, price: float) -> Offer:
        """The cheapest trade of a line at a price."""
        step, weight, stretches = self._rows[index]
        best: Offer | None = None
        least = 0.0
        for stretch in stretches:
            offer = self._nearest(step, weight, stretch, price)
            cost = offer.costs + price * offer.spends
            if best is None or cost < least:
                best, least = offer, cost
        assert best is not None  # noqa: S101 - a row has at least one leg
        return best

    def _nearest(self, step: float, weight: float, stretch: Stretch, price: float) -> Offer:
        """The cheapest trade of a stretch, on which the cost is convex."""
        steps, spends, per_step, off = stretch.steps, stretch.spends, stretch.per_step, stretch.off
        linear = price * per_step
        if self._squared and weight:
            wanted = -off - linear / (2 * weight * step)
        elif abs(linear) > weight * step:
            wanted = 0.0 if linear > 0 else steps * step
        else:
            wanted = -off
        ratio = wanted / step
        if ratio <= 0:
            more = 0
        elif ratio >= steps:
            more = steps
        elif self._squared:
            more = int(ratio + 0.5)
        else:
            more = int(ratio)
            # φ + λ·spent, one step further
            if weight * (abs(off + step * (more + 1)) - abs(off + step * more)) + linear < 0:
                more += 1
        left = off + step * more
        return Offer(spends + per_step * more, weight * (left * left if self._squared else abs(left)))


def _continues(start: Leg, steps: int, leg: Leg) -> bool:
    """Whether a leg goes on where another stopped, at the same price per step."""
    more = leg.low - start.low
    per_step = start.per_step if start.low < start.high else leg.per_step
    same = leg.low == leg.high or leg.per_step == per_step
    return same and more == steps + 1 and leg.spends == start.spends + per_step * more


def _money(start: Leg, leg: Leg, unit: int) -> tuple[float, float, float]:
    per_step = start.per_step if start.low < start.high else leg.per_step
    return start.spends / unit, per_step / unit, start.off / unit


def _between_ties(folded: Folded, tie: int) -> int:
    """Where it is indifferent which line gives way, the lesser criteria set the price: close in on it in integers."""
    low, high = Priced(folded, tie - folded.whole // 2), Priced(folded, tie + folded.whole // 2)
    if not low.overspends or high.overspends:
        return tie
    for _ in range(_EXACT_ROUNDS):
        breaks = sorted(
            (high.base_plain(i) - low.base_plain(i)) // (low.base_spends[i] - high.base_spends[i])
            for i in range(len(folded.rows))
            if low.base_spends[i] != high.base_spends[i]
        )
        if not breaks:
            break
        price = min(max(breaks[len(breaks) // 2], low.price + 1), high.price - 1)
        if price in (low.price, high.price):
            break
        middle = Priced(folded, price)
        if middle.overspends:
            low = middle
        else:
            high = middle
        if breaks[0] == breaks[-1] and high.price - low.price <= 2:
            break
    return high.price
