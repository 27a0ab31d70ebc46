"""Alpaca's orders as JSON: a list of bodies for POST /v2/orders of its trading API, numbers as text.

A fraction of a share goes with a market order of the day only, and to nine decimals (OpenAPI of the trading API, `qty`).
Coins trade around the clock and know no day: their orders stand until cancelled (docs.alpaca.markets, crypto orders).
"""

import json
from collections.abc import Iterable
from typing import Final

from allocation.errors import RulesError, listed
from allocation.exchanges import ALWAYS_OPEN, exchange_of
from allocation.exports.decision import Decision, Terms, orders_of
from allocation.money import decimals, plain
from allocation.orders import Order, OrderType, TimeInForce
from allocation.symbols import Venue, spelled

_MOST_DECIMALS: Final = 9


def write(decision: Decision, terms: Terms) -> bytes:
    """The orders, each with a client_order_id of its own that is the same at every download of this plan.

    Raises:
        RulesError: another currency than the dollar, or fractions where Alpaca takes none.
        SpellingError: a security that Alpaca does not list.
    """
    orders = orders_of(decision, terms)
    _refuse_currencies(orders)
    _refuse_fractions(orders)
    return json.dumps([_body(order) for order in orders], indent=2).encode("utf-8")


def _body(order: Order) -> dict[str, str]:
    symbol = spelled(order.symbol, Venue.ALPACA)
    stands = TimeInForce.GOOD_TILL_CANCELLED if _is_coin(order) else order.time_in_force
    body = {
        "symbol": symbol,
        "qty": plain(order.quantity),
        "side": order.side.value,
        "type": order.type.value,
        "time_in_force": stands.value,
        "client_order_id": order.client_id,
    }
    return body if order.limit is None else {**body, "limit_price": plain(order.limit)}


def _refuse_currencies(orders: Iterable[Order]) -> None:
    foreign = [order.symbol for order in orders if order.currency != "USD"]
    if foreign:
        raise RulesError(
            f"Alpaca trades in US dollars; {listed(foreign)} is in another currency. Leave it out of the plan for Alpaca.",
            foreign,
        )


def _refuse_fractions(orders: Iterable[Order]) -> None:
    bad = [order.symbol for order in orders if _is_broken(order)]
    if bad:
        raise RulesError(
            f"Alpaca takes fractions of a share in market orders of the day only, to {_MOST_DECIMALS} decimals; see "
            f"{listed(bad)}. Choose market orders, or plan in whole shares.",
            bad,
        )


def _is_broken(order: Order) -> bool:
    places = decimals(order.quantity.normalize())
    plain_order = order.type == OrderType.MARKET and order.time_in_force == TimeInForce.DAY
    return places > (_MOST_DECIMALS if plain_order or _is_coin(order) else 0)


def _is_coin(order: Order) -> bool:
    return exchange_of(order.symbol, order.currency) == ALWAYS_OPEN
