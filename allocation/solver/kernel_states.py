"""Partial plans while the kernel walks through the lines: kept by the cash they use, given up when they cannot win."""

import math
from typing import NamedTuple

from allocation.solver.kernel_columns import nth_least, reals, wholes
from allocation.solver.kernel_lines import PricedCash, regret_beyond, wanted_cash

# The best plan is known by its regret alone.
UNKNOWN = -2

# A few units in the last place of a float.
ULPS = 16.0 * 2.0**-53


class States(NamedTuple):
    """Partial plans by rising use of cash: what they spend beyond the base, their regret, their last move.

    Every column has three parts of equal length: for the plans there are, and for what they become. `tied` is 1 where
    another partial plan of the same cost was given up. A move below −1 is still to be written down.
    """

    spent: list[int]
    regret: list[float]
    move: list[int]
    tied: list[int]


class Moves(NamedTuple):
    """How partial plans were reached: the move before (−1: none), the line, and by how many steps it deviates more."""

    before: list[int]
    line: list[int]
    steps: list[int]
    used: list[int]


class Best(NamedTuple):
    """The best plan known, each column of one cell.

    Attributes:
        regret: infinite while there is none.
        move: its last move; −1 for the base itself.
        tied: 1 where another plan comes within the margin.
        dropped: the least regret any plan set aside unseen could have.
        moved: cash moved by all the deviations looked at, which bounds what rounding can add up to.
        looked: how many those are.
    """

    regret: list[float]
    move: list[int]
    tied: list[int]
    dropped: list[float]
    moved: list[float]
    looked: list[int]


class Ahead(NamedTuple):
    """What balancing cash still costs when moving a grain costs at least `density`: straight lines beyond low and high.

    All amounts less the cash target.
    """

    density: float
    low: float
    high: float
    regret_at_low: float
    regret_at_high: float


def new_states(room: int) -> States:
    """Room for so many partial plans, three times over; the first is the base."""
    states = States(wholes(3 * room), reals(3 * room), wholes(3 * room), wholes(3 * room))
    states.move[0] = -1
    return states


def roomier_states(states: States, begin: int, count: int, room: int) -> States:
    """The partial plans from `begin` on, moved to the beginning of larger columns."""
    roomier = new_states(max(room, len(states.spent) // 3))
    for place in range(count):
        roomier.spent[place], roomier.regret[place] = states.spent[begin + place], states.regret[begin + place]
        roomier.move[place], roomier.tied[place] = states.move[begin + place], states.tied[begin + place]
    return roomier


def new_moves(room: int) -> Moves:
    """Room for so many moves."""
    return Moves(wholes(room), wholes(room), wholes(room), wholes(1))


def new_best() -> Best:
    """No plan yet."""
    best = Best(reals(1), wholes(1), wholes(1), reals(1), reals(1), wholes(1))
    best.regret[0] = best.dropped[0] = math.inf
    best.move[0] = UNKNOWN
    return best


def longer_moves(moves: Moves, room: int) -> Moves:
    """The same moves with more room."""
    longer = new_moves(room)
    for place in range(moves.used[0]):
        longer.before[place] = moves.before[place]
        longer.line[place] = moves.line[place]
        longer.steps[place] = moves.steps[place]
    longer.used[0] = moves.used[0]
    return longer


def add_move(moves: Moves, before: int, line: int, steps: int) -> int:
    """Write down a move; there must be room."""
    place = moves.used[0]
    moves.before[place], moves.line[place], moves.steps[place] = before, line, steps
    moves.used[0] = place + 1
    return place


def margin_of(best: Best, cash: PricedCash) -> float:
    """What two sums of regrets may be off by rounding: relative to the price times the cash moved, and to themselves."""
    price, regret, weight = abs(cash.price), best.regret[0], cash.line.weight
    reach = abs(cash.wanted)
    if cash.line.squared:
        reach = math.sqrt(regret / weight) if weight > 0.0 else 0.0
    return ULPS * (price * best.moved[0] + float(best.looked[0] + 8) * regret + (price + weight) * reach)


def look_ahead(cash: PricedCash, density: float) -> Ahead:
    """The infimal convolution of the cash line's regret with density·|moved|, moved a little down for rounding."""
    density = max(0.0, density * (1.0 - ULPS) - ULPS * abs(cash.price))
    low = wanted_cash(cash.line, cash.price + density)
    high = wanted_cash(cash.line, cash.price - density)
    return Ahead(density, low, high, regret_beyond(cash, low), regret_beyond(cash, high))


def least_ahead(cash: PricedCash, ahead: Ahead, left: int) -> float:
    """A lower bound on all regret still to come from this balance."""
    off = float(left - cash.line.target)
    if off < ahead.low:
        return ahead.regret_at_low + ahead.density * (ahead.low - off)
    if off > ahead.high:
        return ahead.regret_at_high + ahead.density * (off - ahead.high)
    return regret_beyond(cash, off)


def offer(best: Best, moves: Moves, cash: PricedCash, regret: float, tied: int, move: int, scratch: list[int]) -> None:
    """A whole plan, already written down as `move`: keep it if it is better, remember a rival that is as good."""
    if best.regret[0] == math.inf or regret < best.regret[0] - margin_of(best, cash):
        best.regret[0], best.move[0], best.tied[0] = regret, move, tied
        return
    if best.move[0] == UNKNOWN:
        best.tied[0] = 1
        return
    if same_plan(moves, move, best.move[0], -1, 0, scratch):
        best.tied[0] = max(best.tied[0], tied)
    else:
        best.tied[0] = 1
    if regret < best.regret[0]:
        best.regret[0], best.move[0] = regret, move


def same_plan(moves: Moves, one: int, other: int, line: int, steps: int, scratch: list[int]) -> bool:
    """Whether `one`, with `line` deviating by some more `steps` (−1: none), comes to the same trades as `other`.

    `scratch` is zero for every line, before and after.
    """
    if line >= 0:
        scratch[line] += steps
    _tally(moves, one, 1, scratch)
    _tally(moves, other, -1, scratch)
    same = _all_zero(moves, one, scratch) and _all_zero(moves, other, scratch) and (line < 0 or scratch[line] == 0)
    _tally(moves, one, -1, scratch)
    _tally(moves, other, 1, scratch)
    if line >= 0:
        scratch[line] -= steps
    return same


def _tally(moves: Moves, move: int, sign: int, scratch: list[int]) -> None:
    while move >= 0:
        scratch[moves.line[move]] += sign * moves.steps[move]
        move = moves.before[move]


def _all_zero(moves: Moves, move: int, scratch: list[int]) -> bool:
    while move >= 0:
        if scratch[moves.line[move]] != 0:
            return False
        move = moves.before[move]
    return True


class Pruning(NamedTuple):
    """When a partial plan is given up.

    Attributes:
        threshold: regret beyond which no plan matters.
        margin: what two regrets must differ by to be told apart.
        rise, bend: a grain of idle cash costs at most `rise`, and `bend` more with each further grain.
        thrifty: whether more cash left is never forbidden, so that a plan can be dominated by one that leaves more.
    """

    threshold: float
    margin: float
    rise: float
    bend: float
    thrifty: bool


def pruning(best: Best, cash: PricedCash, unlimited: int, unique: bool, tolerance: float) -> Pruning:
    """The rules of giving up, given the best plan known; ties survive when plans are to be told apart."""
    regret = best.regret[0]
    margin = margin_of(best, cash)
    threshold = math.inf if regret == math.inf else regret + margin if unique else regret - margin - tolerance
    rise, bend = cash.line.weight + cash.price, 0.0
    if cash.line.squared:
        bend = cash.line.weight
        rise = max(0.0, cash.slope) + 2.0 * math.sqrt(bend * max(0.0, threshold)) if bend > 0.0 else cash.price
    return Pruning(threshold, margin if unique else 0.0, rise, bend, cash.line.most >= unlimited)


class Deviation(NamedTuple):
    """One more deviation of a line: by how many steps, what it spends and costs beyond what was before."""

    line: int
    steps: int
    spends: int
    regret: float


class Outlook(NamedTuple):
    """What a partial plan is judged by: the cash the base leaves, the cash line, what is ahead, and the rules."""

    left: int
    cash: PricedCash
    ahead: Ahead
    rules: Pruning


def merge(  # noqa: C901 - the inner loop, where a call would be made a million times
    states: States,
    kept: int,
    kept_count: int,
    source: int,
    source_count: int,
    deviation: Deviation,
    outlook: Outlook,
    out: int,
    moves: Moves,
    scratch: list[int],
) -> tuple[int, bool]:
    """What is kept together with every source state after one more deviation, in order of spending.

    `kept`, `source` and `out` are where these begin. Returns how many there are and whether the deviation led anywhere.
    New moves are written down later.
    """
    rules, ahead, cash = outlook.rules, outlook.ahead, outlook.cash
    old, old_end, new, new_end, last = kept, kept + kept_count, source, source + source_count, out - 1
    useful = False
    leader = math.inf
    while old < old_end or new < new_end:
        if new >= new_end or (old < old_end and states.spent[old] <= states.spent[new] + deviation.spends):
            spent, regret, move, tied = states.spent[old], states.regret[old], states.move[old], states.tied[old]
            old += 1
        else:
            spent, regret = states.spent[new] + deviation.spends, states.regret[new] + deviation.regret
            move, tied = -2 - new, states.tied[new]
            new += 1
        if regret > rules.threshold or regret + least_ahead(cash, ahead, outlook.left - spent) > rules.threshold:
            continue
        if last >= out:
            further = float(spent - states.spent[last])
            difference = regret - states.regret[last]
            if further == 0.0:
                if rules.margin > 0.0 and abs(difference) <= rules.margin:
                    useful = useful or difference != 0.0
                    tied = _tie(states, last, move, tied, deviation, moves, scratch)
                    states.tied[last] = tied
                if difference >= 0.0:
                    continue
                last -= 1
            elif rules.thrifty and rules.bend > 0.0:
                # The state before leaves more cash; it wins whatever follows, even if that stays idle.
                idle = further * (rules.rise + rules.bend * further) + rules.margin
                if idle <= difference:
                    continue
        if rules.thrifty and rules.bend == 0.0:
            rank = regret - rules.rise * float(spent)
            if rank >= leader + rules.margin:
                continue
            leader = min(leader, rank)
        last += 1
        states.spent[last], states.regret[last], states.move[last], states.tied[last] = spent, regret, move, tied
        useful = useful or move < -1
    return last + 1 - out, useful


def _tie(
    states: States, place: int, move: int, tied: int, deviation: Deviation, moves: Moves, scratch: list[int]
) -> int:
    """1 where two states of equal spending and cost are different plans, or either was tied before."""
    newer, older = (move, states.move[place]) if move < -1 else (states.move[place], move)
    if not same_plan(moves, states.move[-2 - newer], older, deviation.line, deviation.steps, scratch):
        return 1
    return max(tied, states.tied[place])


def write_down(states: States, begin: int, count: int, deviation: Deviation, moves: Moves) -> None:
    """Give every new state a move of its own; the states they come from are still there."""
    for place in range(begin, begin + count):
        if states.move[place] < -1:
            before = states.move[-2 - states.move[place]]
            states.move[place] = add_move(moves, before, deviation.line, deviation.steps)


def keep_best(states: States, begin: int, count: int, width: int, outlook: Outlook, best: Best) -> int:
    """Set aside the states of the worst prospects beyond the width; returns how many are left."""
    cash = outlook.cash
    # Among equal prospects, balanced cash goes first: there the next line's step can still close the rest.
    tilt = 0.0 if cash.line.squared else 1e-6 * cash.line.weight
    prospects, ranks = reals(count), reals(count)
    for place in range(count):
        left = outlook.left - states.spent[begin + place]
        prospects[place] = states.regret[begin + place] + least_ahead(cash, outlook.ahead, left)
        ranks[place] = prospects[place] + tilt * abs(float(left - cash.line.target) - cash.wanted)
    last = nth_least(ranks, count, width - 1)
    kept = begin
    for place in range(count):
        if ranks[place] <= last and kept < begin + width:
            states.spent[kept], states.regret[kept] = states.spent[begin + place], states.regret[begin + place]
            states.move[kept], states.tied[kept] = states.move[begin + place], states.tied[begin + place]
            kept += 1
        else:
            best.dropped[0] = min(best.dropped[0], prospects[place])
    return kept - begin
