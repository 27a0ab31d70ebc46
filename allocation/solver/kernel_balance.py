"""A price on cash near balance for a plain account, in closed form, in columns that serve account after account."""

import math
from typing import NamedTuple

from allocation.solver.kernel_columns import reals, wholes
from allocation.solver.kernel_lines import Cash, Lines, wanted_cash
from allocation.solver.kernel_queue import Queue, new_queue

# Steps that may be part of a plan: each is a bit of one whole number.
MOST_BITS = 60
# Partial plans that are kept at most.
MOST_STATES = 4_096
_TRIES = 60
# Once two prices are so few steps apart, these are looked at one by one.
_FEW_STEPS = 8.0


class Room(NamedTuple):
    """Columns for one account after the other: by line, by step that may be part of a plan, and partial plans twice over.

    `queue` holds the next step of every line either way, 2·line for one up and 2·line + 1 for one down; `reached` how
    far each has come.
    """

    ideal: list[float]
    half: list[float]
    low: list[float]
    high: list[float]
    at_low: list[float]
    at_high: list[float]
    trial: list[float]
    active: list[int]
    twice_off: list[int]
    reached: list[int]
    queue: Queue
    spends: list[int]
    line: list[int]
    spent: list[int]
    regret: list[float]
    taken: list[int]
    next_spent: list[int]
    next_regret: list[float]
    next_taken: list[int]
    outlook: list[float]


def new_room(lines: int) -> Room:
    """Room for accounts of up to so many lines."""
    return Room(
        reals(lines),
        reals(lines),
        reals(lines),
        reals(lines),
        reals(lines),
        reals(lines),
        reals(lines),
        wholes(lines),
        wholes(lines),
        wholes(2 * lines),
        new_queue(2 * lines),
        wholes(MOST_BITS),
        wholes(MOST_BITS),
        wholes(MOST_STATES),
        reals(MOST_STATES),
        wholes(MOST_STATES),
        wholes(MOST_STATES),
        reals(MOST_STATES),
        wholes(MOST_STATES),
        reals(MOST_STATES),
    )


def near_balance(lines: Lines, begin: int, end: int, cash: Cash, room: Room) -> float:
    """A price near balance, on the side where the money suffices; in floats, for any price will do."""
    count = end - begin
    owed = float(cash.target - cash.free)
    for place in range(count):
        line = begin + place
        run, step = lines.first[line], float(lines.step[line])
        room.half[place], room.ideal[place] = 0.5 / step, float(lines.gap[line]) / step - 0.5
        room.low[place], room.high[place], room.active[place] = float(lines.low[run]), float(lines.high[run]), place
    at_zero = _ask(lines, begin, count, 0.0, room, room.at_high) + owed + wanted_cash(cash, 0.0)
    # Lines and cash together want half a grain less for each grain of the price.
    stride, price, beyond = 3.0 * abs(at_zero) / float(count + 1) + 1.0, 0.0, at_zero
    sign = 1.0 if at_zero > 0.0 else -1.0
    low, high, too_much, too_little = 0.0, 0.0, at_zero, at_zero
    for _ in range(_TRIES):
        low, too_much, high, too_little = price, beyond, price, beyond
        for place in range(count):
            room.at_low[place] = room.at_high[place]
        price += sign * stride
        stride *= 4.0
        beyond = _ask(lines, begin, count, price, room, room.at_high) + owed + wanted_cash(cash, price)
        if (beyond > 0.0) != (at_zero > 0.0):
            break
    if sign > 0.0:
        high, too_little = price, beyond
    else:
        low, too_much = price, beyond
        for place in range(count):
            room.at_low[place], room.at_high[place] = room.at_high[place], room.at_low[place]
    return _narrow(lines, begin, count, cash, owed, low, high, too_much, too_little, room)


def _ask(lines: Lines, begin: int, count: int, price: float, room: Room, trades: list[float]) -> float:
    """What the lines at hand spend at a price."""
    spent = 0.0
    for at in range(count):
        place = room.active[at]
        steps = room.ideal[place] - price * room.half[place]
        steps = float(math.ceil(min(max(steps, room.low[place]), room.high[place])))
        trades[place] = steps
        spent += steps * float(lines.step[begin + place])
    return spent


def _narrow(
    lines: Lines,
    begin: int,
    count: int,
    cash: Cash,
    owed: float,
    low: float,
    high: float,
    too_much: float,
    too_little: float,
    room: Room,
) -> float:
    """Draw the two prices together until every line trades alike at both; leaves the trades in `at_high`."""
    open_lines, side = count, 0
    for turn in range(_TRIES):
        kept, apart = 0, 0.0
        for at in range(open_lines):
            place = room.active[at]
            if room.at_low[place] == room.at_high[place]:
                owed += room.at_high[place] * float(lines.step[begin + place])
            else:
                apart += room.at_low[place] - room.at_high[place]
                room.active[kept] = place
                kept += 1
        open_lines = kept
        price = 0.5 * (low + high)
        if turn % 3 != 2 and too_much != too_little:
            margin = 0.01 * (high - low)
            price = high - too_little * (high - low) / (too_little - too_much)
            price = min(max(price, low + margin), high - margin)
        if apart <= _FEW_STEPS or not low < price < high:
            break
        beyond = _ask(lines, begin, open_lines, price, room, room.trial) + owed + wanted_cash(cash, price)
        if beyond <= 0.0:
            high, too_little, too_much, side = price, beyond, too_much * (0.5 if side < 0 else 1.0), -1
            for at in range(open_lines):
                room.at_high[room.active[at]] = room.trial[room.active[at]]
        else:
            low, too_much, too_little, side = price, beyond, too_little * (0.5 if side > 0 else 1.0), 1
            for at in range(open_lines):
                room.at_low[room.active[at]] = room.trial[room.active[at]]
    return _last_steps(lines, begin, open_lines, owed, low, high, room)


def _last_steps(lines: Lines, begin: int, open_lines: int, owed: float, low: float, high: float, room: Room) -> float:
    """From the higher price downwards, one step after the other, as far as the money goes."""
    for at in range(open_lines):
        owed += room.at_high[room.active[at]] * float(lines.step[begin + room.active[at]])
    for _ in range(int(_FEW_STEPS) + 1):
        # Up to the next step only cash varies: at this price it wants exactly what is left.
        exact, price, chosen = 2.0 * owed, low, -1
        for at in range(open_lines):
            place = room.active[at]
            if room.at_high[place] < room.at_low[place]:
                step = float(lines.step[begin + place])
                pays = 2.0 * (float(lines.gap[begin + place]) - step * room.at_high[place]) - step
                if pays > price:
                    price, chosen = pays, place
        if chosen < 0 or exact >= price:
            return min(max(exact, low), high)
        step = float(lines.step[begin + chosen])
        if exact + 2.0 * step > price:
            return min(price, high)
        room.at_high[chosen] += 1.0
        owed, high = owed + step, min(high, price)
    return high
