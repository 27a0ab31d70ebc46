"""Fidelity Wealthscape's order import (Tools → Imports → Orders): a CSV without a header, eight columns, for advisors.

Columns, lengths and the account types are documented at https://www2.advisorchannel.com/wc/channel/jsp/sp3help/content/
fwchlpimportorders.htm, the actions B and S in the same help (fwchlpsendselected_nfs.htm). The codes for price type and
time in force are not in public: they come from the user, and stay blank without one. A blank account type is "Auto".
"""

import re
from collections.abc import Iterable
from typing import Final

from allocation.errors import RulesError, listed
from allocation.exports.decision import Decision, Terms, orders_of
from allocation.exports.guarded import csv_bytes
from allocation.money import decimals, plain
from allocation.orders import Order, OrderType, TimeInForce
from allocation.symbols import Venue, spelled
from allocation.trade_plan import Side

COLUMNS: Final = (
    "Account Number",
    "Account Type",
    "Order Action",
    "Quantity",
    "Symbol",
    "Price Type",
    "Time In Force",
    "Stop Price/Limit Price",
)
_ACTIONS: Final = {Side.BUY: "B", Side.SELL: "S"}
_AUTO: Final = ""
_LONGEST_NUMBER: Final = 10
_MOST_DECIMALS: Final = 3
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9-]{1,20}")


def write(decision: Decision, terms: Terms) -> bytes:
    """The orders; columns whose code is not known are blank, and so is an account number that is not the user's to see.

    Raises:
        RulesError: a quantity or price too long for its column.
        SpellingError: a security that Fidelity does not list under a known name.
    """
    orders = orders_of(decision, terms)
    _refuse_too_long(orders)
    number_of_account = decision.account.number if decision.number_shown else ""
    account = number_of_account if _ACCOUNT.fullmatch(number_of_account) else ""
    return csv_bytes(_row(order, account, terms) for order in orders)


def blanks(decision: Decision, terms: Terms) -> tuple[str, ...]:
    """The columns that have to be filled in before Fidelity takes the file."""
    codes = terms.codes
    named = decision.number_shown and _ACCOUNT.fullmatch(decision.account.number)
    price_type = codes.limit if terms.type == OrderType.LIMIT else codes.market
    missing = {COLUMNS[0]: not named, COLUMNS[5]: not price_type, COLUMNS[6]: not _time_of(terms)}
    return tuple(column for column, is_blank in missing.items() if is_blank)


def _row(order: Order, account: str, terms: Terms) -> tuple[str, ...]:
    price_type = terms.codes.limit if order.type == OrderType.LIMIT else terms.codes.market
    return (
        account,
        _AUTO,
        _ACTIONS[order.side],
        plain(order.quantity),
        spelled(order.symbol, Venue.FIDELITY),
        price_type,
        _time_of(terms),
        "" if order.limit is None else plain(order.limit),
    )


def _time_of(terms: Terms) -> str:
    return terms.codes.day if terms.time_in_force == TimeInForce.DAY else ""


def _refuse_too_long(orders: Iterable[Order]) -> None:
    bad = [
        order.symbol
        for order in orders
        if decimals(order.quantity.normalize()) > _MOST_DECIMALS
        or any(len(plain(n)) > _LONGEST_NUMBER for n in (order.quantity, order.limit) if n is not None)
    ]
    if bad:
        raise RulesError(
            f"Fidelity's import takes quantities to {_MOST_DECIMALS} decimals and {_LONGEST_NUMBER} characters; those of "
            f"{listed(bad)} are longer. Plan in whole shares for it.",
            bad,
        )
