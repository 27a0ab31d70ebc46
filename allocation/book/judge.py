"""Whether the trades of accounts keep every rule: loops over whole numbers that know nothing of how plans are made.

All quantities and steps are whole numbers of one unit, all prices of another, all money of a third. The same functions
run as they are and compiled.
"""

import math
from typing import NamedTuple

from allocation.book.exact import Flags, Floats, Wholes

# Amounts beyond this are not added up in 64 bits; a plan with such amounts counts as unsound.
_LARGEST = 2.0**60
NOBODY = -1


class Rows(NamedTuple):
    """What went in: the rows of account a stand from begin[a] to end[a].

    Attributes:
        symbol: by number; −1 where a row names none, −2 where it is not known.
        own_step: whether the step is the account's own.
    """

    begin: Wholes
    end: Wholes
    symbol: Wholes
    quantity: Wholes
    price: Wholes
    step: Wholes
    own_step: Flags
    readable: Flags


class Wanted(NamedTuple):
    """The lines of every model, one model after the other; `priced` and `stepped` say which numbers there are."""

    offsets: Wholes
    symbol: Wholes
    weight: Floats
    price: Wholes
    step: Wholes
    priced: Flags
    stepped: Flags


class Orders(NamedTuple):
    """What came out: the trades of account a stand from begin[a] to end[a]."""

    begin: Wholes
    end: Wholes
    symbol: Wholes
    amount: Wholes
    buys: Flags
    readable: Flags


class Law(NamedTuple):
    """What the rules allow.

    Attributes:
        may_sell, may_buy: by symbol.
        least, reserve: money.
        others_trade, others_count: what the target does not name.
        unit: money of one unit of quantity at one unit of price.
    """

    may_sell: Flags
    may_buy: Flags
    least: int
    reserve: int
    others_trade: bool
    others_count: bool
    unit: int


class Desk(NamedTuple):
    """One account at a time, by symbol; an entry is this account's where `owner` says so. `symbols` lists them."""

    owner: Wholes
    held: Wholes
    after: Wholes
    price: Wholes
    step: Wholes
    weight: Floats
    named: Flags
    own_step: Flags
    symbols: Wholes


class Found(NamedTuple):
    """What has to be so: by account total, cash left, Σ|off| before and after, √Σ off²; by trade price and value.

    `total` and `left` are with the reserve, distances in money's units. Nothing is meant where `sound` is False.
    """

    sound: Flags
    total: Wholes
    left: Wholes
    before: Floats
    after: Floats
    root: Floats
    price: Wholes
    value: Wholes


def judge(
    rows: Rows, wanted: Wanted, orders: Orders, model: Wholes, cash: Wholes, law: Law, desk: Desk, found: Found
) -> None:
    """Judge every account that follows a model; the others are left unsound. Fills in `found`."""
    for account in range(len(model)):
        if model[account] < 0:
            continue
        count = _lay_out(account, rows, wanted, model[account], desk)
        if count < 0 or not _measurable(count, cash[account], law, desk):
            continue
        spent, sound = _carry_out(account, orders, law, desk, found)
        if not sound or cash[account] - spent < law.reserve:
            continue
        _measure(account, count, cash[account], spent, law, desk, found)
        found.sound[account] = True


def _lay_out(account: int, rows: Rows, wanted: Wanted, model: int, desk: Desk) -> int:
    """What the account holds or wants; returns how many lines, −1 where it cannot be told."""
    count = 0
    for row in range(rows.begin[account], rows.end[account]):
        symbol = rows.symbol[row]
        if symbol == NOBODY:
            continue
        if symbol < 0 or not rows.readable[row] or desk.owner[symbol] == account:
            return -1
        _put(desk, count, account, symbol, rows.quantity[row], rows.price[row], rows.step[row])
        desk.own_step[symbol] = rows.own_step[row]
        count += 1
    for line in range(wanted.offsets[model], wanted.offsets[model + 1]):
        symbol, weight = wanted.symbol[line], wanted.weight[line]
        if desk.owner[symbol] != account:
            if weight <= 0.0:
                continue
            if not (wanted.priced[line] and wanted.stepped[line]):
                return -1
            _put(desk, count, account, symbol, 0, wanted.price[line], wanted.step[line])
            count += 1
        elif not desk.own_step[symbol]:
            if not wanted.stepped[line]:
                return -1
            desk.step[symbol] = wanted.step[line]
        desk.weight[symbol], desk.named[symbol] = weight, True
    return count


def _put(desk: Desk, place: int, account: int, symbol: int, quantity: int, price: int, step: int) -> None:
    desk.symbols[place], desk.owner[symbol] = symbol, account
    desk.held[symbol] = desk.after[symbol] = quantity
    desk.price[symbol], desk.step[symbol] = price, step
    desk.weight[symbol], desk.named[symbol] = 0.0, False


def _measurable(count: int, cash: int, law: Law, desk: Desk) -> bool:
    """Whether all that is held stays far below 64 bits."""
    size = abs(float(cash))
    for place in range(count):
        symbol = desk.symbols[place]
        size += abs(float(desk.held[symbol])) * float(desk.price[symbol]) * float(law.unit)
    return size <= _LARGEST


def _carry_out(account: int, orders: Orders, law: Law, desk: Desk, found: Found) -> tuple[int, bool]:
    """Trade, as far as every trade is allowed; returns the cash that it uses, and whether all were."""
    spent, last = 0, NOBODY
    for trade in range(orders.begin[account], orders.end[account]):
        symbol, amount = orders.symbol[trade], orders.amount[trade]
        if symbol <= last or desk.owner[symbol] != account or not orders.readable[trade]:
            return spent, False
        price, step, last = desk.price[symbol], desk.step[symbol], symbol
        if abs(float(amount)) * float(price) * float(law.unit) > _LARGEST or abs(float(spent)) > _LARGEST:
            return spent, False
        value = abs(amount) * price * law.unit
        if amount == 0 or step <= 0 or amount % step != 0 or value < law.least or orders.buys[trade] != (amount > 0):
            return spent, False
        if amount > 0 and not (law.may_buy[symbol] and desk.weight[symbol] > 0.0):
            return spent, False
        if amount < 0 and not (law.may_sell[symbol] and -amount <= desk.held[symbol]):
            return spent, False
        if not (law.others_trade or desk.named[symbol]):
            return spent, False
        found.price[trade], found.value[trade] = price, value
        desk.after[symbol] += amount
        spent += value if amount > 0 else -value
    return spent, True


def _measure(account: int, count: int, cash: int, spent: int, law: Law, desk: Desk, found: Found) -> None:
    """Total, cash, and how far off the target the account is and will be, cash included."""
    unit, total = float(law.unit), cash
    for place in range(count):
        symbol = desk.symbols[place]
        if law.others_count or desk.named[symbol]:
            total += desk.held[symbol] * desk.price[symbol] * law.unit
    value = float(total - law.reserve)
    before, after, squares, cash_wanted = 0.0, 0.0, 0.0, value
    for place in range(count):
        symbol = desk.symbols[place]
        if law.others_count or desk.named[symbol]:
            wanted = desk.weight[symbol] * value
            cash_wanted -= wanted
            now = float(desk.held[symbol] * desk.price[symbol]) * unit - wanted
            then = float(desk.after[symbol] * desk.price[symbol]) * unit - wanted
            before, after, squares = before + abs(now), after + abs(then), squares + then * then
    left = float(cash - spent - law.reserve) - cash_wanted
    found.total[account], found.left[account] = total, cash - spent
    found.before[account] = before + abs(float(cash - law.reserve) - cash_wanted)
    found.after[account] = after + abs(left)
    found.root[account] = math.sqrt(squares + left * left)
