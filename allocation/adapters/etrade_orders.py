"""Orders in E*TRADE's words: the form that is previewed and placed, and the list that says what became of them.

Facts from apisb.etrade.com/docs/api/order: an order is previewed, then placed within three minutes with the same form and
the preview's number; `clientOrderId` has at most 20 letters and digits, is unique in the account, and appears in no answer.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from allocation.adapters.broker_fields import Fields
from allocation.adapters.etrade_answers import CURRENCY
from allocation.adapters.etrade_sign_in import NAME
from allocation.brokers import OrderPreview, OrderRefusedError, OrderUncertainError
from allocation.money import plain
from allocation.orders import CLIENT_ID_LENGTH, Order, OrderReport, OrderStatus, OrderType, TimeInForce
from allocation.symbols import SpellingError, Venue, same_security, spelled
from allocation.trade_plan import Side

_CLIENT_ID: Final = re.compile(rf"[A-Za-z0-9]{{1,{CLIENT_ID_LENGTH}}}")
_ACTIONS: Final = {Side.BUY: "BUY", Side.SELL: "SELL"}
_SIDES: Final = {word: side for side, word in _ACTIONS.items()}
_PRICE_TYPES: Final = {OrderType.MARKET: "MARKET", OrderType.LIMIT: "LIMIT"}
_TERMS: Final = {TimeInForce.DAY: "GOOD_FOR_DAY", TimeInForce.GOOD_TILL_CANCELLED: "GOOD_UNTIL_CANCEL"}
_SINGLE: Final = frozenset(("EQ", "MF", "MMF"))  # one security each; options and spreads are no orders of ours
_STATUSES: Final = {
    "EXECUTED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}


# ── Asking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def form_of(order: Order, preview_id: str = "") -> bytes:
    """The order as XML, to be previewed, or to be placed with the number of its preview.

    Raises:
        OrderRefusedError: E*TRADE would not take it; nothing was sent.
    """
    _refuse_what_it_does_not_take(order)
    form = Element("PlaceOrderRequest" if preview_id else "PreviewOrderRequest")
    if preview_id:
        _say(SubElement(form, "PreviewIds"), previewId=preview_id)
    _say(form, orderType="EQ", clientOrderId=order.client_id)
    terms = SubElement(form, "Order")
    _say(terms, allOrNone="false", priceType=_PRICE_TYPES[order.type], orderTerm=_TERMS[order.time_in_force])
    _say(terms, marketSession="REGULAR", stopPrice="", limitPrice="" if order.limit is None else plain(order.limit))
    instrument = SubElement(terms, "Instrument")
    _say(SubElement(instrument, "Product"), securityType="EQ", symbol=_spelled(order))
    _say(instrument, orderAction=_ACTIONS[order.side], quantityType="QUANTITY", quantity=plain(order.quantity))
    return tostring(form)


def cancel_form(broker_id: str) -> bytes:
    """The wish to cancel, as XML."""
    form = Element("CancelOrderRequest")
    _say(form, orderId=broker_id)
    return tostring(form)


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def preview_of(order: Order, told: Fields) -> OrderPreview:
    """What E*TRADE says an order would cost; `reference` is what placing it must name."""
    reference = told.many("PreviewIds")
    if len(reference) != 1:
        raise told.refused("PreviewIds")
    terms = told.first("Order")
    fees = terms.maybe_number("estimatedCommission")
    total = terms.maybe_number("estimatedTotalAmount")
    value = None
    if total:
        # What is paid holds the fees, what is received is without them; E*TRADE writes money received below zero.
        value = abs(total) - (fees or 0) if order.side == Side.BUY else abs(total) + (fees or 0)
    warnings = (*_messages(terms), *_about_lots(order))
    return OrderPreview(order, reference[0].text("previewId"), value, fees, warnings)


def placed_of(order: Order, told: Fields, now: datetime) -> OrderReport:
    """An order that was taken just now; raises `OrderUncertainError` where the answer does not say so."""
    numbers = told.many("OrderIds")
    if len(numbers) != 1:
        raise OrderUncertainError(
            f"{NAME} answered to the order for {plain(order.quantity)} {order.symbol} without an order number. Look at the "
            "orders of the account before anything is sent again.",
            (order.symbol,),
        )
    moment = now.astimezone(UTC)
    return OrderReport(
        order, numbers[0].text("orderId"), OrderStatus.OPEN, Decimal(0), None, "OPEN", moment, placed_at=moment
    )


def listed_of(account: str, told: Fields, name_of: Callable[[str], Order | None], now: datetime) -> OrderReport | None:
    """An order of the list; None for options, spreads, shorts and funds ordered by amount, which E*TRADE alone shows.

    Args:
        name_of: the order we placed under E*TRADE's number, if it was us.
    """
    number, detail = told.text("orderId"), told.first("OrderDetail")
    instruments = detail.many("Instrument")
    if len(instruments) != 1 or instruments[0].one("Product").text("securityType") not in _SINGLE:
        return None
    (instrument,) = instruments
    side = _SIDES.get(instrument.text("orderAction"))
    if side is None or instrument.maybe_text("quantityType") not in ("", "QUANTITY"):
        return None
    known = name_of(number)
    order = Order(
        known.client_id if known else "",
        account,
        _our_symbol(instrument.one("Product").symbol("symbol"), known),
        side,
        instrument.positive("orderedQuantity"),
        CURRENCY,
        *_price_of(detail),
        TimeInForce.DAY if detail.maybe_text("orderTerm") == "GOOD_FOR_DAY" else TimeInForce.GOOD_TILL_CANCELLED,
    )
    return _report(order, number, detail, instrument, now)


def _report(order: Order, number: str, detail: Fields, instrument: Fields, now: datetime) -> OrderReport:
    filled = instrument.maybe_number("filledQuantity") or Decimal(0)
    price = instrument.maybe_number("averageExecutionPrice") if filled else None
    fees = [instrument.maybe_number(name) for name in ("estimatedCommission", "estimatedFees")]
    charged = sum((fee for fee in fees if fee is not None), Decimal(0)) if filled else None
    word = detail.text("status")
    return OrderReport(
        order,
        number,
        _status(word, filled, order),
        filled,
        price,
        word,
        now,
        charged,
        " ".join(_messages(detail)),
        detail.milliseconds("placedTime"),
    )


def _status(word: str, filled: Decimal, order: Order) -> OrderStatus:
    """An unknown word is open, and so is one whose cancellation is only asked for."""
    if word in _STATUSES:
        return _STATUSES[word]
    if filled >= order.quantity:
        return OrderStatus.FILLED
    return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN


def _price_of(detail: Fields) -> tuple[OrderType, Decimal | None]:
    kind = detail.text("priceType")
    if kind == "LIMIT":
        return OrderType.LIMIT, detail.number("limitPrice")
    return (OrderType.MARKET if kind == "MARKET" else OrderType.STOP), None


def _our_symbol(theirs: str, known: Order | None) -> str:
    """In the spelling of whoever placed it: E*TRADE's BRK.B is the BRK-B that was asked for."""
    return known.symbol if known and same_security(known.symbol, theirs) else theirs


def _messages(told: Fields) -> tuple[str, ...]:
    found = told.maybe_one("messages")
    return () if found is None else tuple(m.text("description") for m in found.many("Message"))


def _about_lots(order: Order) -> tuple[str, ...]:
    if not order.lots:
        return ()
    return (f"{NAME} takes the lots by the cost basis method set for the account there, not the lots of the plan.",)


# ── What it does not take ───────────────────────────────────────────────────────────────────────────────────────────


def _refuse_what_it_does_not_take(order: Order) -> None:
    why = ""
    if not _CLIENT_ID.fullmatch(order.client_id):
        why = f"its client id {order.client_id[:40]!a} is not 1 to {CLIENT_ID_LENGTH} letters and digits"
    elif order.quantity != order.quantity.to_integral_value():
        why = f"{plain(order.quantity)} is not a whole number of shares; round the plan to whole shares"
    elif order.type not in _PRICE_TYPES:
        why = f"a {order.type.value} order is not one of ours"
    elif order.currency != CURRENCY:
        why = f"it is in {order.currency}, and its accounts are in USD"
    if why:
        raise OrderRefusedError(f"{NAME} takes no order for {order.symbol}: {why}. Nothing was sent.", (order.symbol,))


def _spelled(order: Order) -> str:
    try:
        return spelled(order.symbol, Venue.ETRADE)
    except SpellingError as error:
        raise OrderRefusedError(f"{error.message} Nothing was sent.", (order.symbol,)) from error


def _say(element: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = text
