"""Close what the price on cash leaves open: walk through the trades near the cheapest ones, nearest in cost first.

Any plan costs the bound plus the regrets of its deviations from every line's cheapest trade. So a partial plan is given
up once its regrets, and the least that balancing its cash must still cost, exceed those of the best plan known. Where a
line has one run its deviations are single steps, each an item of its own, for their regrets rise; else its trades are
weighed against each other. After D. Pisinger, "A minimal algorithm for the 0-1 knapsack problem", Operations Research
45 (1997).

Floats decide, so every comparison keeps a margin for what they may be off; plans that come within it of each other are
reported as tied.
"""

import math
from typing import NamedTuple

from allocation.solver.kernel_columns import reals, wholes
from allocation.solver.kernel_lines import UNLIMITED, Lines, PricedCash, cash_regret, exactly_nearest, excess, spends
from allocation.solver.kernel_price import Picks
from allocation.solver.kernel_queue import Queue, drop_first, new_queue, push, replace_first
from allocation.solver.kernel_states import (
    ULPS,
    Best,
    Deviation,
    Moves,
    Outlook,
    States,
    add_move,
    keep_best,
    least_ahead,
    longer_moves,
    look_ahead,
    merge,
    new_moves,
    new_states,
    offer,
    pruning,
    write_down,
)

# What an item of the queue stands for: 3·line + one of these.
UP, DOWN, MENU = 0, 1, 2

# Trades of one run written down for a line that is weighed as a whole.
_MOST_TRADES = 64
# Among equal densities, one step of each line in turn.
_IN_TURN = 1e-13


class Limits(NamedTuple):
    """How far to look: cash balances kept, visits in all, and what to prove.

    With `unique`, plans of equal objective are told apart; else what is better by no more than `tolerance` may be passed.
    """

    width: int
    visits: int
    unique: bool
    tolerance: float


class Base(NamedTuple):
    """Every line's cheapest trade at the price, what it spends, the cash they leave, and the cash line.

    `regret` is that of the first step up (even places) and down (odd) of every line with one run; infinite where there
    is none.
    """

    lines: Lines
    steps: list[int]
    spent: list[int]
    left: int
    cash: PricedCash
    regret: list[float]


class Menus(NamedTuple):
    """The other trades of the lines that are weighed as a whole, line by line from `first` to `last`.

    `rest` is the regret beyond which a line has trades that are not written down.
    """

    first: list[int]
    last: list[int]
    rest: list[float]
    steps: list[int]
    spends: list[int]
    regret: list[float]


def base_of(lines: Lines, cash: PricedCash, picks: Picks) -> Base:
    """The lines at their cheapest trades, which `picks` has but for rounding."""
    count = len(lines.step)
    base = Base(lines, picks.steps, picks.spent, 0, cash, reals(2 * count))
    left = cash.line.free
    for line in range(count):
        _improve(base, line)
        left -= base.spent[line]
        for side in (UP, DOWN):
            base.regret[2 * line + side] = _step_regret(base, line, base.steps[line], 1 - 2 * side)
    return Base(lines, base.steps, base.spent, left, cash, base.regret)


def _improve(base: Base, line: int) -> None:
    """Make the trade of a line its cheapest also where a division rounded the wrong way."""
    lines, squared, price = base.lines, base.cash.line.squared, base.cash.price
    for run in range(lines.first[line], lines.first[line + 1]):
        steps = base.steps[line]
        if (
            lines.first[line + 1] - lines.first[line] > 1
            or min(_raw_regret(base, line, steps, 1), _raw_regret(base, line, steps, -1)) < 0.0
        ):
            steps = exactly_nearest(lines, squared, line, run, price)
        spent = spends(lines, run, steps)
        if excess(lines, squared, line, steps, spent, base.steps[line], base.spent[line], price) < 0.0:
            base.steps[line], base.spent[line] = steps, spent


def _raw_regret(base: Base, line: int, steps: int, step: int) -> float:
    """What one more step of a line with one run costs; infinite where there is none."""
    run = base.lines.first[line]
    if not base.lines.low[run] <= steps + step <= base.lines.high[run]:
        return math.inf
    before, after = spends(base.lines, run, steps), spends(base.lines, run, steps + step)
    return excess(base.lines, base.cash.line.squared, line, steps + step, after, steps, before, base.cash.price)


def _step_regret(base: Base, line: int, steps: int, step: int) -> float:
    if base.lines.first[line + 1] - base.lines.first[line] > 1:
        return math.inf
    return max(0.0, _raw_regret(base, line, steps, step))


def walk(base: Base, limits: Limits, best: Best) -> Moves:
    """Look for the best plan; fills in `best` and returns how it was reached."""
    count = len(base.steps)
    moves, scratch = new_moves(256), wholes(count)
    offer(best, moves, base.cash, cash_regret(base.cash, base.left), 0, -1, scratch)
    _try_single_steps(base, best, moves, scratch)
    menus = _write_menus(base, best, limits)
    queue = _first_items(base, menus, best, limits)
    if queue.size[0] == 0:
        return moves
    return _walk(base, limits, best, moves, menus, queue, scratch)


def _try_single_steps(base: Base, best: Best, moves: Moves, scratch: list[int]) -> None:
    """A first good plan: the best single step of a line with one run. It makes the walk much shorter."""
    least, chosen = best.regret[0], -1
    for side in range(2 * len(base.steps)):
        if base.regret[side] < least:
            rate = base.lines.rate[base.lines.first[side // 2]]
            total = base.regret[side] + cash_regret(base.cash, base.left - rate * (1 - 2 * (side % 2)))
            if total < least:
                least, chosen = total, side
    if chosen >= 0:
        best.moved[0] += float(base.lines.rate[base.lines.first[chosen // 2]])
        move = add_move(moves, -1, chosen // 2, 1 - 2 * (chosen % 2))
        offer(best, moves, base.cash, least, 0, move, scratch)


def _write_menus(base: Base, best: Best, limits: Limits) -> Menus:
    """Write down what the lines with several runs may do besides; place 0 is for the step at hand."""
    count, room = len(base.steps), 1
    for line in range(count):
        runs = base.lines.first[line + 1] - base.lines.first[line]
        if runs > 1:
            room += 2 * runs * _MOST_TRADES
    menus = Menus(wholes(count), wholes(count), reals(count), wholes(room), wholes(room), reals(room))
    threshold = pruning(best, base.cash, UNLIMITED, limits.unique, limits.tolerance).threshold
    written = 1
    for line in range(count):
        menus.first[line], menus.rest[line] = written, math.inf
        if base.lines.first[line + 1] - base.lines.first[line] > 1:
            for run in range(base.lines.first[line], base.lines.first[line + 1]):
                start = exactly_nearest(base.lines, base.cash.line.squared, line, run, base.cash.price)
                written = _write_run(base, menus, line, run, start, 1, threshold, written)
                written = _write_run(base, menus, line, run, start - 1, -1, threshold, written)
        menus.last[line] = written
    return menus


def _write_run(
    base: Base, menus: Menus, line: int, run: int, steps: int, stride: int, threshold: float, written: int
) -> int:
    """Write down the trades of one run from its cheapest outwards, up to the threshold on regret."""
    lines, count = base.lines, 0
    while lines.low[run] <= steps <= lines.high[run]:
        spent = spends(lines, run, steps)
        regret = excess(
            lines, base.cash.line.squared, line, steps, spent, base.steps[line], base.spent[line], base.cash.price
        )
        regret = max(0.0, regret)
        if _surely(base, regret, float(abs(spent - base.spent[line]))) > threshold:
            break
        if count == _MOST_TRADES:
            menus.rest[line] = min(menus.rest[line], regret)
            break
        if steps != base.steps[line]:
            menus.steps[written] = steps - base.steps[line]
            menus.spends[written], menus.regret[written] = spent - base.spent[line], regret
            written += 1
            count += 1
        steps += stride
    return written


def _menu_density(base: Base, menus: Menus, line: int) -> float:
    """No other trade of the line has a smaller regret per grain of cash it moves."""
    density = math.inf
    for place in range(menus.first[line], menus.last[line]):
        moved = abs(menus.spends[place])
        density = min(density, menus.regret[place] / float(moved) if moved > 0 else 0.0)
    if menus.rest[line] < math.inf:
        run, last = base.lines.first[line], base.lines.first[line + 1] - 1
        low, high = base.lines.spent[run], spends(base.lines, last, base.lines.high[last])
        farthest = max(abs(low - base.spent[line]), abs(high - base.spent[line]), 1)
        density = min(density, menus.rest[line] / float(farthest))
    return density


def _surely(base: Base, regret: float, moved: float) -> float:
    """The least that a regret can be, whatever the rounding."""
    return regret * (1.0 - ULPS) - ULPS * abs(base.cash.price) * moved


def _first_items(base: Base, menus: Menus, best: Best, limits: Limits) -> Queue:
    """The first step of every line either way, and the menus, where they can matter at all."""
    count = len(base.steps)
    queue = new_queue(2 * count + 1)
    threshold = pruning(best, base.cash, UNLIMITED, limits.unique, limits.tolerance).threshold
    for line in range(count):
        if menus.last[line] > menus.first[line] or menus.rest[line] < math.inf:
            push(queue, _menu_density(base, menus, line), 3 * line + MENU)
        for side in (UP, DOWN):
            regret = base.regret[2 * line + side]
            if regret < math.inf:
                rate = float(base.lines.rate[base.lines.first[line]])
                if _surely(base, regret, rate) <= threshold:
                    push(queue, regret / rate, 3 * line + side)
    return queue


def _walk(  # noqa: C901 - one walk, whose every branch speaks of the same states
    base: Base, limits: Limits, best: Best, moves: Moves, menus: Menus, queue: Queue, scratch: list[int]
) -> Moves:
    """Item by item, until none can matter, no state is left or the limits are reached."""
    lines, cash, left = base.lines, base.cash, base.left
    reached, dead, farthest = _reached(base.steps), wholes(2 * len(base.steps)), 0
    states, spare, other = new_states(64), new_states(64), new_states(64)
    count, visits, lightest = 1, 0, 0.0
    while queue.size[0] > 0 and count > 0:
        density = queue.density[0] - _IN_TURN * float(farthest)
        line, kind = queue.item[0] // 3, queue.item[0] % 3
        rules = pruning(best, cash, UNLIMITED, limits.unique, limits.tolerance)
        if kind == MENU:
            first, last = menus.first[line], menus.last[line]
            drop_first(queue)
            if lightest + menus.rest[line] <= rules.threshold:
                best.dropped[0] = min(best.dropped[0], lightest + menus.rest[line])
        else:
            first, last, side = 0, 1, 2 * line + kind
            rate = float(lines.rate[lines.first[line]])
            wasted = not limits.unique and rules.thrifty and rules.bend == 0.0 and kind == UP
            if (
                dead[side] != 0
                or lightest + _surely(base, density * rate, rate) > rules.threshold
                or (wasted and density >= rules.rise * (1.0 - 1e-12))
            ):
                drop_first(queue)
                continue
            _step(base, menus, reached, side)
            farthest = max(farthest, abs(reached[side] - base.steps[line]))
            _next_step(base, queue, reached, side)
        visits += count * (last - first)
        if visits > limits.visits:
            _give_up(states, count, left, cash, density, best)
            break
        if len(moves.line) < moves.used[0] + 2 * (count + 1) * (last - first + 1):
            moves = longer_moves(moves, 2 * (moves.used[0] + 2 * (count + 1) * (last - first + 1)))
        for place in range(first, last):
            _consider(base, limits, best, moves, menus, line, place, states, count, scratch)
        more = queue.size[0] > 0
        ahead = look_ahead(cash, queue.density[0] - _IN_TURN * float(farthest) if more else math.inf)
        outlook = Outlook(left, cash, ahead, pruning(best, cash, UNLIMITED, limits.unique, limits.tolerance))
        kept, kept_count, useful = states, count, False
        for place in range(first, last):
            if len(spare.spent) < kept_count + count:
                spare = new_states(2 * (kept_count + count))
            deviation = Deviation(line, menus.steps[place], menus.spends[place], menus.regret[place])
            merged, led = merge(kept, kept_count, states, count, deviation, outlook, spare, moves, scratch)
            useful = useful or led
            if merged > limits.width:
                merged = keep_best(spare, merged, limits.width, outlook, best)
            write_down(spare, merged, states, deviation, moves)
            kept, kept_count = spare, merged
            spare, other = other, spare
        if first == last:
            continue
        if kind != MENU and not useful:
            dead[2 * line + kind] = 1
        states, other, count = kept, states, kept_count
        lightest = _least(states.regret, count)
    return moves


def _reached(steps: list[int]) -> list[int]:
    """How far each line has been stepped up, and down."""
    reached = wholes(2 * len(steps))
    for line in range(len(steps)):
        reached[2 * line + UP] = reached[2 * line + DOWN] = steps[line]
    return reached


def _step(base: Base, menus: Menus, reached: list[int], side: int) -> None:
    """Put the next step of a line at hand: place 0 of the menus."""
    line, step = side // 2, 1 - 2 * (side % 2)
    menus.regret[0] = _step_regret(base, line, reached[side], step)
    menus.steps[0], menus.spends[0] = step, base.lines.rate[base.lines.first[line]] * step
    reached[side] += step


def _next_step(base: Base, queue: Queue, reached: list[int], side: int) -> None:
    """The step after the one at hand takes its place in the queue."""
    line, step = side // 2, 1 - 2 * (side % 2)
    regret = _step_regret(base, line, reached[side], step)
    if regret == math.inf:
        drop_first(queue)
        return
    density = regret / float(base.lines.rate[base.lines.first[line]])
    replace_first(queue, density + _IN_TURN * float(abs(reached[side] - base.steps[line])), 3 * line + side % 2)


def _consider(
    base: Base,
    limits: Limits,
    best: Best,
    moves: Moves,
    menus: Menus,
    line: int,
    place: int,
    states: States,
    count: int,
    scratch: list[int],
) -> None:
    """Take every state with one more deviation as a whole plan: the lines to come make their cheapest trades."""
    best.moved[0] += float(abs(menus.spends[place]))
    best.looked[0] += 1
    threshold = pruning(best, base.cash, UNLIMITED, limits.unique, limits.tolerance).threshold
    for state in range(count):
        regret = states.regret[state] + menus.regret[place]
        regret += cash_regret(base.cash, base.left - states.spent[state] - menus.spends[place])
        if regret <= threshold and regret < math.inf:
            move = add_move(moves, states.move[state], line, menus.steps[place])
            offer(best, moves, base.cash, regret, states.tied[state], move, scratch)
            threshold = pruning(best, base.cash, UNLIMITED, limits.unique, limits.tolerance).threshold


def _give_up(states: States, count: int, left: int, cash: PricedCash, density: float, best: Best) -> None:
    """Whatever the states could still come to is set aside unseen."""
    ahead = look_ahead(cash, density)
    for state in range(count):
        regret = states.regret[state] + least_ahead(cash, ahead, left - states.spent[state])
        best.dropped[0] = min(best.dropped[0], regret)


def _least(regrets: list[float], count: int) -> float:
    least = math.inf
    for place in range(count):
        least = min(least, regrets[place])
    return least
