"""The short way for plain accounts: squares, one run for each line, no costs; a few microseconds, or it says it cannot.

A line k steps away from its cheapest trade regrets (2·off + k·step + price)·k·step: so its single steps have densities
(regret per grain) that rise by 2·step, in closed form. The few steps that can matter at all are taken one by one, the
least density first, and every set of them is one bit pattern. Two sets within the margin, more than `MOST_BITS` steps
that lead anywhere or more states than there is room for: then the walk of `kernel_walk`, which this follows, decides.
All columns are taken from a room that serves account after account.
"""

import math
from typing import NamedTuple

from allocation.solver.kernel_balance import MOST_BITS, MOST_STATES, Room, near_balance
from allocation.solver.kernel_columns import nth_least
from allocation.solver.kernel_lines import (
    UNLIMITED,
    Cash,
    Lines,
    PricedCash,
    cash_regret,
    price_cash,
    regret_beyond,
)
from allocation.solver.kernel_queue import drop_first, push, replace_first
from allocation.solver.kernel_states import ULPS, look_ahead

# The mark of a plan as good as another one, a bit beside those of its steps.
TIED = 1 << 61
NO_ROOM = -1
# Partial plans that are kept at first, and on the way to a good plan.
_FEW_STATES, _BEAM = 64, 32
# Amounts that stay below this leave room for their sums and differences in 64 bits.
_MOST_GRAINS = float(1 << 59)


class Margin(NamedTuple):
    """What two sums of regrets may be off: by rounding, and by gaps that are themselves off by up to `doubt` grains.

    Attributes:
        moved: more than the steps of any two plans that are compared are worth together.
        smallest: the smallest step.
    """

    moved: float
    smallest: float
    doubt: float


def is_plain(lines: Lines, begin: int, end: int, cash: Cash) -> bool:
    """Whether the short way knows such an account."""
    if not cash.squared or cash.weight != 1.0 or cash.most < UNLIMITED:
        return False
    if lines.first[end] - lines.first[begin] != end - begin:
        return False
    reached = abs(float(cash.free)) + abs(float(cash.target))
    for line in range(begin, end):
        run, step = lines.first[line], float(lines.step[line])
        reached += abs(float(lines.gap[line])) + step * (abs(float(lines.low[run])) + abs(float(lines.high[run])) + 1.0)
        if lines.weight[line] != 1.0 or lines.rate[run] != lines.step[line]:
            return False
        if lines.spent[run] != lines.step[line] * lines.low[run]:
            return False
    return reached < _MOST_GRAINS


def settle_plain(
    lines: Lines, begin: int, end: int, cash: Cash, doubt: float, room: Room, steps: list[int]
) -> tuple[bool, float]:
    """Fill in the steps of the one best plan; False where that is for others to find. Also returns the price on cash.

    With `doubt`, it is the one best plan whichever way gaps and cash target are off by so many grains.
    """
    priced = price_cash(cash, near_balance(lines, begin, end, cash, room))
    left, margin = _take_cheapest(lines, begin, end, priced, doubt, room, steps)
    best = _best_single(lines, begin, end, priced, left, room, steps)
    _line_up(lines, begin, end, priced, best + _margin(priced, best, margin), room, steps)
    taken, best = _weigh_sets(lines, begin, priced, left, best, margin, _FEW_STATES, False, room, steps)
    if taken == NO_ROOM:
        # A better plan to beat first: most of the states are then not worth keeping.
        _line_up(lines, begin, end, priced, best + _margin(priced, best, margin), room, steps)
        _, best = _weigh_sets(lines, begin, priced, left, best, margin, _BEAM, True, room, steps)
        _line_up(lines, begin, end, priced, best + _margin(priced, best, margin), room, steps)
        taken, best = _weigh_sets(lines, begin, priced, left, best, margin, MOST_STATES, False, room, steps)
    if taken < 0 or taken >= TIED:
        for line in range(begin, end):
            steps[line] = 0
        return False, priced.price
    for bit in range(MOST_BITS):
        if (taken >> bit) & 1:
            steps[room.line[bit]] += 1 if room.spends[bit] > 0 else -1
    return True, priced.price


def _take_cheapest(
    lines: Lines, begin: int, end: int, cash: PricedCash, doubt: float, room: Room, steps: list[int]
) -> tuple[int, Margin]:
    """Every line's cheapest trade, in whole numbers; returns the cash they leave, and what sums may be off."""
    left, largest, smallest = cash.line.free, 0, UNLIMITED
    for line in range(begin, end):
        step, run = lines.step[line], lines.first[line]
        chosen = int(room.at_high[line - begin])
        twice = 2 * (step * chosen - lines.gap[line])
        while chosen < lines.high[run] and float(twice + step) + cash.price < 0.0:
            chosen, twice = chosen + 1, twice + 2 * step
        while chosen > lines.low[run] and float(step - twice) - cash.price < 0.0:
            chosen, twice = chosen - 1, twice - 2 * step
        steps[line], room.twice_off[line - begin] = chosen, twice
        left -= step * chosen
        largest, smallest = max(largest, step), min(smallest, step)
    return left, Margin(float(largest) * float(MOST_BITS + 8), float(smallest), doubt * float(end - begin + 8))


def _best_single(
    lines: Lines, begin: int, end: int, cash: PricedCash, left: int, room: Room, steps: list[int]
) -> float:
    """The regret of the best plan with one more step at most."""
    best = cash_regret(cash, left)
    for line in range(begin, end):
        step, run, twice = lines.step[line], lines.first[line], room.twice_off[line - begin]
        regret = float(step) * max(0.0, float(twice + step) + cash.price)
        if regret < best and steps[line] < lines.high[run]:
            best = min(best, regret + cash_regret(cash, left - step))
        regret = float(step) * max(0.0, float(step - twice) - cash.price)
        if regret < best and steps[line] > lines.low[run]:
            best = min(best, regret + cash_regret(cash, left + step))
    return best


def _line_up(
    lines: Lines, begin: int, end: int, cash: PricedCash, threshold: float, room: Room, steps: list[int]
) -> None:
    """Queue the first step of every line either way, where it can matter."""
    room.queue.size[0] = 0
    if not threshold < math.inf:
        return
    for line in range(begin, end):
        step, run, place = lines.step[line], lines.first[line], line - begin
        grains = float(step)
        enough = threshold + 2.0 * ULPS * (threshold + abs(cash.price) * grains)
        density = max(0.0, float(room.twice_off[place] + step) + cash.price)
        if grains * density <= enough and steps[line] < lines.high[run]:
            room.reached[2 * place] = steps[line] + 1
            push(room.queue, density, 2 * place)
        density = max(0.0, float(step - room.twice_off[place]) - cash.price)
        if grains * density <= enough and steps[line] > lines.low[run]:
            room.reached[2 * place + 1] = steps[line] - 1
            push(room.queue, density, 2 * place + 1)


def _line_up_next(lines: Lines, begin: int, cash: PricedCash, room: Room, steps: list[int]) -> None:
    """In place of the first step in the queue, the one after it."""
    item = room.queue.item[0]
    place, side = item >> 1, 1 - 2 * (item & 1)
    line, reached = begin + place, room.reached[item] + side
    run = lines.first[line]
    if not lines.low[run] <= reached <= lines.high[run]:
        drop_first(room.queue)
        return
    before = 2 * abs(reached - steps[line]) - 1
    off = side * room.twice_off[place] + before * lines.step[line]
    room.reached[item] = reached
    replace_first(room.queue, max(0.0, float(off) + float(side) * cash.price), item)


def _margin(cash: PricedCash, best: float, margin: Margin) -> float:
    """What two sums of regrets may be off, however many of the steps they are made of."""
    price, wanted = abs(cash.price), abs(cash.wanted)
    of_cash = (price + wanted + 1.0) * math.sqrt(best) + (price + 1.0) * wanted
    rounding = ULPS * (price * margin.moved + float(MOST_BITS + 8) * best + of_cash)
    return rounding + margin.doubt * 16.0 * (margin.moved + best / margin.smallest)


def _weigh_sets(  # noqa: C901 - the inner loop, where a call would be made a million times
    lines: Lines,
    begin: int,
    cash: PricedCash,
    left: int,
    best: float,
    margins: Margin,
    width: int,
    scouting: bool,
    room: Room,
    steps: list[int],
) -> tuple[int, float]:
    """The set of steps of the one best plan, and its regret; TIED and beyond where it has rivals.

    It is NO_ROOM where more than `width` partial plans would have to be kept; when scouting, the most hopeful are kept
    then, and the regret alone is to be relied on.
    """
    spent, regret, taken = room.spent, room.regret, room.taken
    next_spent, next_regret, next_taken = room.next_spent, room.next_regret, room.next_taken
    margin = _margin(cash, best, margins)
    spent[0], regret[0], taken[0], states = 0, 0.0, 0, 1
    # A plan that is as good as the best single step is met again on the way, unless it is the base itself.
    chosen = 0 if cash_regret(cash, left) <= best else -1
    threshold, used, queue = best + margin, 0, room.queue
    if not threshold < math.inf:
        return NO_ROOM, best
    while queue.size[0] > 0 and states > 0:
        line, density, led = begin + (queue.item[0] >> 1), queue.density[0], False
        moves = lines.step[line] * (1 - 2 * (queue.item[0] & 1))
        more = density * float(abs(moves))
        if more * (1.0 - ULPS) - ULPS * abs(cash.price) * float(abs(moves)) > threshold:
            drop_first(queue)
            continue
        if used == MOST_BITS:
            return NO_ROOM, best
        _line_up_next(lines, begin, cash, room, steps)
        bit, ahead = 1 << used, look_ahead(cash, queue.density[0] if queue.size[0] > 0 else math.inf)
        rise = max(0.0, cash.slope) + 2.0 * math.sqrt(threshold)
        old = new = kept = 0
        while old < states or new < states:
            if new >= states or (old < states and spent[old] <= spent[new] + moves):
                uses, costs, who = spent[old], regret[old], taken[old]
                old += 1
            else:
                uses, costs, who = spent[new] + moves, regret[new] + more, taken[new] | bit
                new += 1
                whole = costs + cash_regret(cash, left - uses)
                if whole <= threshold:
                    if chosen < 0 or whole < best - margin:
                        chosen = who
                    else:
                        chosen |= TIED
                    led = True
                    best = min(best, whole)
                    threshold = best + margin
            if costs > threshold:
                continue
            off = float(left - uses - cash.line.target)
            if off < ahead.low:
                beyond = ahead.regret_at_low + ahead.density * (ahead.low - off)
            elif off > ahead.high:
                beyond = ahead.regret_at_high + ahead.density * (off - ahead.high)
            else:
                beyond = regret_beyond(cash, off)
            if costs + beyond > threshold:
                continue
            if kept > 0:
                further, difference = float(uses - next_spent[kept - 1]), costs - next_regret[kept - 1]
                if further == 0.0:
                    if abs(difference) <= margin:
                        who |= TIED
                        next_taken[kept - 1] |= TIED
                    if difference >= 0.0:
                        continue
                    kept -= 1
                elif further * (rise + further) + margin <= difference:
                    continue
            if kept == MOST_STATES:
                return NO_ROOM, best
            next_spent[kept], next_regret[kept], next_taken[kept] = uses, costs, who
            room.outlook[kept] = costs + beyond
            led = led or (who & bit) != 0
            kept += 1
        spent, regret, taken, next_spent, next_regret, next_taken = (
            next_spent,
            next_regret,
            next_taken,
            spent,
            regret,
            taken,
        )
        if led:
            # Steps that lead nowhere need no bit; the places before this one are free by now.
            room.line[used], room.spends[used], used = line, moves, used + 1
        states = kept
        if states > width:
            if not scouting:
                return NO_ROOM, best
            states = _most_hopeful(spent, regret, taken, room.outlook, states, width)
    return chosen, best


def _most_hopeful(
    spent: list[int], regret: list[float], taken: list[int], outlook: list[float], count: int, width: int
) -> int:
    """Keep the partial plans that may come out best; returns how many they are."""
    most, kept = nth_least(outlook, count, width), 0
    for state in range(count):
        if outlook[state] < most:
            spent[kept], regret[kept], taken[kept] = spent[state], regret[state], taken[state]
            kept += 1
    return kept
