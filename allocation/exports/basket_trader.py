"""Interactive Brokers' BasketTrader: a CSV with one order per row under the header that its type of order asks for.

Fields and rules: https://www.ibkrguides.com/traderworkstation/basket-fields.htm and manually-create-a-basket-file.htm
(no blank beside a comma, no thousands separator, `BRK B` with a space, `SMART/<primary exchange>` where SMART alone
would be ambiguous). A market order has eight fields, a limit order a ninth, LmtPrice; a basket here is of one type.
"""

from collections.abc import Iterable
from typing import Final

from allocation.errors import RulesError, listed
from allocation.exports.decision import Decision, Terms, orders_of
from allocation.exports.guarded import csv_bytes
from allocation.money import plain
from allocation.orders import Order, OrderType, TimeInForce
from allocation.symbols import Listing, SpellingError, Venue, listing_of, spelled

HEADER: Final = ("Action", "Quantity", "Symbol", "SecType", "Exchange", "Currency", "TimeInForce", "OrderType")
LIMIT_HEADER: Final = (*HEADER, "LmtPrice")
_TYPES: Final = {OrderType.MARKET: "MKT", OrderType.LIMIT: "LMT"}
_TIMES: Final = {TimeInForce.DAY: "DAY", TimeInForce.GOOD_TILL_CANCELLED: "GTC"}
# Interactive Brokers' names of exchanges by Yahoo's suffix, as its API's scanner lists them (STK.EU.LSE, STK.HK.SEHK …).
_EXCHANGES: Final = {
    "L": "LSE", "DE": "IBIS", "PA": "SBF", "AS": "AEB", "MI": "BVME", "MC": "BM", "SW": "EBS", "ST": "SFB", "TO": "TSE",
    "AX": "ASX", "HK": "SEHK", "T": "TSEJ",
}  # fmt: skip


def write(decision: Decision, terms: Terms) -> bytes:
    """The basket.

    Raises:
        RulesError: fractions of a share, which a basket file is not documented to hold.
        SpellingError: a security whose symbol or exchange there is not known for certain.
    """
    orders = orders_of(decision, terms)
    _refuse_fractions(orders)
    header = LIMIT_HEADER if terms.type == OrderType.LIMIT else HEADER
    return csv_bytes((header, *map(_row, orders)))


def _row(order: Order) -> tuple[str, ...]:
    symbol, exchange = _contract(order.symbol)
    row = (
        order.side.value.upper(),
        plain(order.quantity),
        symbol,
        "STK",
        exchange,
        order.currency,
        _TIMES[order.time_in_force],
        _TYPES[order.type],
    )
    return row if order.limit is None else (*row, plain(order.limit))


def _contract(symbol: str) -> tuple[str, str]:
    """Symbol and exchange; Hong Kong's numbers go without their leading zeros."""
    found = listing_of(symbol) or Listing(symbol)
    if not found.exchange:
        return spelled(symbol, Venue.INTERACTIVE_BROKERS), "SMART"
    if found.share_class or found.exchange not in _EXCHANGES:
        raise SpellingError((symbol,), Venue.INTERACTIVE_BROKERS.value, "its name for this listing is not documented")
    root = found.root.lstrip("0") if found.exchange == "HK" else found.root
    return root, f"SMART/{_EXCHANGES[found.exchange]}"


def _refuse_fractions(orders: Iterable[Order]) -> None:
    broken = [order.symbol for order in orders if order.quantity != order.quantity.to_integral_value()]
    if broken:
        raise RulesError(
            f"A basket of Interactive Brokers holds whole shares, and the plan has fractions of {listed(broken)}. "
            "Plan in whole shares for it.",
            broken,
        )
