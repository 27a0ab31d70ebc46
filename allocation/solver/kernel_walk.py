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

from allocation.solver.kernel_base import DOWN, UP, Base, step_regret, surely
from allocation.solver.kernel_columns import wholes
from allocation.solver.kernel_lines import UNLIMITED, cash_regret
from allocation.solver.kernel_menus import Menus, has_menu, menu_density, write_menus
from allocation.solver.kernel_queue import Queue, drop_first, new_queue, push, replace_first
from allocation.solver.kernel_states import (
    Best,
    Deviation,
    Moves,
    Outlook,
    Pruning,
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
    roomier_states,
    write_down,
)

# What an item of the queue stands for: 3·line + UP, DOWN or this.
_MENU = 2

# Among equal densities, one step of each line in turn.
_IN_TURN = 1e-13
# Room to begin with.
_STATES, _MOVES = 64, 256


class Limits(NamedTuple):
    """How far to look: cash balances kept, visits in all, and what to prove.

    With `unique`, plans of equal objective are told apart; else what is better by no more than `tolerance` may be passed.
    """

    width: int
    visits: int
    unique: bool
    tolerance: float


class Stage(NamedTuple):
    """How far the walk has come.

    Attributes:
        begin, kept: where the partial plans are, and how many are kept.
        visits: states looked at so far.
        farthest: the most steps any line has been taken.
        lightest: the least regret of a partial plan.
        wants: states and moves there must be room for before it can go on; zero when it is over.
    """

    begin: int
    kept: int
    visits: int
    farthest: int
    lightest: float
    wants: int


def walk(base: Base, limits: Limits, best: Best) -> Moves:
    """Look for the best plan; fills in `best` and returns how it was reached."""
    moves, scratch = new_moves(_MOVES), wholes(len(base.steps))
    offer(best, moves, base.cash, cash_regret(base.cash, base.left), 0, -1, scratch)
    _try_single_steps(base, best, moves, scratch)
    threshold = _rules(base, limits, best).threshold
    menus = write_menus(base, threshold)
    queue = _first_items(base, menus, threshold)
    if queue.size[0] == 0:
        return moves
    reached, dead = _reached(base.steps), wholes(2 * len(base.steps))
    states, stage = new_states(_STATES), Stage(0, 1, 0, 0, 0.0, 0)
    while True:
        stage = _go_on(base, limits, best, menus, queue, reached, dead, moves, states, stage, scratch)
        if stage.wants == 0:
            return moves
        # Room is made out here because a loop that changes its columns is slow once compiled.
        moves = longer_moves(moves, 2 * (moves.used[0] + 2 * stage.wants))
        states = roomier_states(states, stage.begin, stage.kept, 2 * min(stage.wants, limits.width))
        stage = Stage(0, stage.kept, stage.visits, stage.farthest, stage.lightest, 0)


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


def _rules(base: Base, limits: Limits, best: Best) -> Pruning:
    return pruning(best, base.cash, UNLIMITED, limits.unique, limits.tolerance)


def _first_items(base: Base, menus: Menus, threshold: float) -> Queue:
    """The first step of every line either way, and the menus, where they can matter at all."""
    count = len(base.steps)
    queue = new_queue(2 * count + 1)
    for line in range(count):
        if has_menu(menus, line):
            push(queue, menu_density(base, menus, line), 3 * line + _MENU)
        rate = float(base.lines.rate[base.lines.first[line]])
        for side in (UP, DOWN):
            regret = base.regret[2 * line + side]
            if regret < math.inf and surely(base.cash, regret, rate) <= threshold:
                push(queue, regret / rate, 3 * line + side)
    return queue


def _reached(steps: list[int]) -> list[int]:
    """How far each line has been stepped up, and down."""
    reached = wholes(2 * len(steps))
    for line in range(len(steps)):
        reached[2 * line + UP] = reached[2 * line + DOWN] = steps[line]
    return reached


def _go_on(  # noqa: C901 - one walk, whose every branch speaks of the same states
    base: Base,
    limits: Limits,
    best: Best,
    menus: Menus,
    queue: Queue,
    reached: list[int],
    dead: list[int],
    moves: Moves,
    states: States,
    stage: Stage,
    scratch: list[int],
) -> Stage:
    """Item by item, until none can matter, no state is left, the limits are reached or there is no more room."""
    begin, count, visits, farthest, lightest, _ = stage
    room, rules = len(states.spent) // 3, _rules(base, limits, best)
    while queue.size[0] > 0 and count > 0:
        density = queue.density[0] - _IN_TURN * float(farthest)
        line, kind = queue.item[0] // 3, queue.item[0] % 3
        if kind != _MENU and (
            dead[2 * line + kind] != 0
            or lightest + _least_regret(base, line, density) > rules.threshold
            or _is_wasted(kind, density, limits.unique, rules)
        ):
            drop_first(queue)
            continue
        first, last = (menus.first[line], menus.last[line]) if kind == _MENU else (0, 1)
        wants = (count + 1) * (last - first + 1)
        if min(wants, limits.width + count) > room or moves.used[0] + 2 * wants > len(moves.line):
            return Stage(begin, count, visits, farthest, lightest, wants)
        if kind == _MENU:
            drop_first(queue)
            if lightest + menus.rest[line] <= rules.threshold:
                best.dropped[0] = min(best.dropped[0], lightest + menus.rest[line])
        else:
            farthest = max(farthest, _take_step(base, menus, queue, reached, line, kind))
        visits += count * (last - first)
        if visits > limits.visits:
            _give_up(base, best, states, begin, count, density)
            break
        for place in range(first, last):
            rules = _consider(base, limits, best, moves, menus, line, place, states, begin, count, scratch)
        following = queue.density[0] - _IN_TURN * float(farthest) if queue.size[0] > 0 else math.inf
        outlook = Outlook(base.left, base.cash, look_ahead(base.cash, following), rules)
        kept, kept_count, useful, out = begin, count, False, room if begin == 0 else 0
        for place in range(first, last):
            deviation = Deviation(line, menus.steps[place], menus.spends[place], menus.regret[place])
            merged, led = merge(states, kept, kept_count, begin, count, deviation, outlook, out, moves, scratch)
            if merged > limits.width:
                merged = keep_best(states, out, merged, limits.width, outlook, best)
            write_down(states, out, merged, deviation, moves)
            useful = useful or led
            kept, kept_count, out = out, merged, 3 * room - begin - out
        if first == last:
            continue
        if kind != _MENU and not useful:
            dead[2 * line + kind] = 1
        begin, count = kept, kept_count
        lightest = _least(states.regret, begin, count)
    return Stage(begin, count, visits, farthest, lightest, 0)


def _least_regret(base: Base, line: int, density: float) -> float:
    """The least that the next step of a line can cost, whatever the rounding."""
    rate = float(base.lines.rate[base.lines.first[line]])
    return surely(base.cash, density * rate, rate)


def _is_wasted(side: int, density: float, unique: bool, rules: Pruning) -> bool:
    """Whether a step up costs as much as leaving its cash idle."""
    return not unique and side == UP and rules.thrifty and rules.bend == 0.0 and density >= rules.rise * (1.0 - 1e-12)


def _take_step(base: Base, menus: Menus, queue: Queue, reached: list[int], line: int, side: int) -> int:
    """Put the next step of a line at hand, place 0 of the menus, and the one after it into the queue.

    Returns how far the line has come.
    """
    place, step, rate = 2 * line + side, 1 - 2 * side, base.lines.rate[base.lines.first[line]]
    menus.steps[0], menus.spends[0] = step, rate * step
    menus.regret[0] = max(0.0, step_regret(base.lines, base.cash, line, reached[place], step))
    reached[place] += step
    far = abs(reached[place] - base.steps[line])
    regret = max(0.0, step_regret(base.lines, base.cash, line, reached[place], step))
    if regret == math.inf:
        drop_first(queue)
    else:
        replace_first(queue, regret / float(rate) + _IN_TURN * float(far), 3 * line + side)
    return far


def _consider(
    base: Base,
    limits: Limits,
    best: Best,
    moves: Moves,
    menus: Menus,
    line: int,
    place: int,
    states: States,
    begin: int,
    count: int,
    scratch: list[int],
) -> Pruning:
    """Take every state with one more deviation as a whole plan: the lines to come make their cheapest trades.

    Returns the rules that hold afterwards.
    """
    best.moved[0] += float(abs(menus.spends[place]))
    best.looked[0] += 1
    rules = _rules(base, limits, best)
    for state in range(begin, begin + count):
        regret = states.regret[state] + menus.regret[place]
        regret += cash_regret(base.cash, base.left - states.spent[state] - menus.spends[place])
        if regret <= rules.threshold and regret < math.inf:
            move = add_move(moves, states.move[state], line, menus.steps[place])
            offer(best, moves, base.cash, regret, states.tied[state], move, scratch)
            rules = _rules(base, limits, best)
    return rules


def _give_up(base: Base, best: Best, states: States, begin: int, count: int, density: float) -> None:
    """Whatever the states could still come to is set aside unseen."""
    ahead = look_ahead(base.cash, density)
    for state in range(begin, begin + count):
        regret = states.regret[state] + least_ahead(base.cash, ahead, base.left - states.spent[state])
        best.dropped[0] = min(best.dropped[0], regret)


def _least(regrets: list[float], begin: int, count: int) -> float:
    least = math.inf
    for place in range(begin, begin + count):
        least = min(least, regrets[place])
    return least
