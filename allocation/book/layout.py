"""Accounts as the kernel takes them: every amount in whole grains of money, each account in grains of its own."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from allocation.book.catalogue import Catalogue
from allocation.book.exact import TENS, Flags, Numbers, Wholes, to_floats
from allocation.book.holdings import Holdings
from allocation.book.rows import AccountRows
from allocation.money import decimals
from allocation.rules import OutsideTarget, Rules

# Amounts that stay below this leave room for their sums and differences in 64 bits.
_LARGEST = float(1 << 57)
_MOST_LINES = 5_000
_MOST_SCALE = 17
_OF_LINES = ("security", "step", "held", "target", "lowest", "highest", "least", "units", "unit_scale")
_OF_ACCOUNTS = ("account", "free", "cash_target", "reserve", "invested", "whole", "scale")


@dataclass(frozen=True, slots=True)
class Layout:
    """Regular accounts whose amounts fit into 64 bits.

    Attributes:
        account: of each account laid out, its number in the partition.
        offsets: its lines stand from offsets[a] to offsets[a + 1].
        security, price: of each line.
        step, held, target: money of each line, in grains.
        lowest, highest: steps that may be sold (≤ 0) and bought (≥ 0).
        least: a trade is nothing or at least so many steps.
        units, unit_scale: one step is units / 10**unit_scale of the security.
        free, cash_target, reserve, invested: money of each account, in grains; `free` and `invested` without the reserve.
        whole, scale: a grain is 1 / (whole · 10**scale) of money.
    """

    account: Wholes
    offsets: Wholes
    security: Wholes
    price: Numbers
    step: Wholes
    held: Wholes
    target: Wholes
    lowest: Wholes
    highest: Wholes
    least: Wholes
    units: Wholes
    unit_scale: Wholes
    free: Wholes
    cash_target: Wholes
    reserve: Wholes
    invested: Wholes
    whole: Wholes
    scale: Wholes


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Where the lines of each account stand, and its unit of money: 1 / 10**scale, fine enough for all its amounts."""

    number: Wholes
    first: Wholes
    place: Wholes
    unit_scale: Wholes
    scale: Wholes
    whole: Wholes

    def in_units(self, money: Numbers) -> Wholes:
        """An amount of each account of the partition, in its unit."""
        units: Wholes = money.mantissa[self.number] * TENS[self.scale - money.scale[self.number]]
        return units


def lay_out(lines: Holdings, rows: AccountRows, catalogue: Catalogue, rules: Rules) -> Layout | None:
    """Accounts in grains; None where none is left. What does not fit, or has nothing to divide, is left out."""
    if not len(lines.account) or max(decimals(rules.cash_reserve), decimals(rules.min_trade_value)) > _MOST_SCALE:
        return None
    accounts = _accounts(lines, rows, catalogue, rules)
    fits = _fits(lines, rows, accounts, rules)
    if not fits.all():
        return lay_out(lines.take(fits[accounts.place]), rows, catalogue, rules)
    place, whole = accounts.place, accounts.whole
    units = lines.increment.mantissa * TENS[accounts.unit_scale - lines.increment.scale]
    quantity = lines.quantity.mantissa * TENS[accounts.unit_scale - lines.quantity.scale]
    per_unit = lines.price.mantissa * TENS[accounts.scale[place] - lines.price.scale - accounts.unit_scale]
    step, held = per_unit * units, per_unit * quantity
    reserve = _in_units(rules.cash_reserve, accounts.scale)
    free = accounts.in_units(rows.cash) + accounts.in_units(rows.cash_flow) - reserve
    invested = np.add.reduceat(held, accounts.first) + free
    if (invested <= 0).any():
        return lay_out(lines.take((invested > 0)[place]), rows, catalogue, rules)
    least = np.maximum(1, -(-_in_units(rules.min_trade_value, accounts.scale)[place] // step))
    most_sold = np.where(_may_sell(lines, catalogue, rules), quantity // units, 0)
    most_sold[most_sold < least] = 0
    spendable = np.maximum(0, free + np.add.reduceat(step * most_sold, accounts.first))
    may_buy = catalogue.may_buy[lines.security] & (lines.weight > 0)
    return Layout(
        account=accounts.number,
        offsets=np.append(accounts.first, len(place)),
        security=lines.security,
        price=lines.price,
        step=step * whole[place],
        held=held * whole[place],
        target=lines.weight * invested[place],
        lowest=-most_sold,
        highest=np.where(may_buy, spendable[place] // step, 0),
        least=least,
        units=units,
        unit_scale=accounts.unit_scale,
        free=free * whole,
        cash_target=catalogue.models.cash_weight[rows.model[accounts.number]] * invested,
        reserve=reserve * whole,
        invested=invested * whole,
        whole=whole,
        scale=accounts.scale,
    )


def only(layout: Layout, account: int) -> Layout:
    """One of the accounts."""
    begin, end = (int(layout.offsets[account + i]) for i in (0, 1))
    lines, own = np.arange(begin, end), np.array([account])
    kept = {name: getattr(layout, name)[lines] for name in _OF_LINES} | {
        name: getattr(layout, name)[own] for name in _OF_ACCOUNTS
    }
    return Layout(offsets=np.array([0, end - begin]), price=layout.price.take(lines), **kept)


def _accounts(lines: Holdings, rows: AccountRows, catalogue: Catalogue, rules: Rules) -> _Accounts:
    first = np.flatnonzero(np.diff(lines.account, prepend=-1))
    number = lines.account[first]
    unit_scale = np.maximum(lines.quantity.scale, lines.increment.scale)
    scale = np.maximum.reduceat(lines.price.scale + unit_scale, first)
    scale = np.maximum(scale, np.maximum(rows.cash.scale[number], rows.cash_flow.scale[number]))
    scale = np.maximum(scale, max(decimals(rules.cash_reserve), decimals(rules.min_trade_value)))
    place = np.repeat(np.arange(len(first)), np.diff(first, append=len(lines.account)))
    return _Accounts(number, first, place, unit_scale, scale, catalogue.models.whole[rows.model[number]])


def _fits(lines: Holdings, rows: AccountRows, accounts: _Accounts, rules: Rules) -> Flags:
    """Accounts all of whose amounts stay far enough below 64 bits; judged in floats."""
    quantity = np.maximum(to_floats(lines.quantity), to_floats(lines.increment))
    money = np.add.reduceat(to_floats(lines.price) * quantity, accounts.first)
    for cash in (rows.cash, rows.cash_flow):
        money += np.abs(to_floats(cash.take(accounts.number)))
    money += float(rules.cash_reserve) + float(rules.min_trade_value)
    in_grains = money * accounts.whole * 10.0**accounts.scale
    few = np.diff(accounts.first, append=len(lines.account)) <= _MOST_LINES
    return (in_grains < _LARGEST) & (accounts.scale <= _MOST_SCALE) & few


def _may_sell(lines: Holdings, catalogue: Catalogue, rules: Rules) -> Flags:
    allowed: Flags = catalogue.may_sell[lines.security]
    return allowed & lines.named if rules.outside_target == OutsideTarget.HOLD else allowed


def _in_units(money: Decimal, scale: Wholes) -> Wholes:
    """An amount that is the same for all, in the unit of each."""
    units: Wholes = int(money.scaleb(decimals(money))) * TENS[scale - decimals(money)]
    return units
