"""What Alpaca says of accounts, holdings and orders, as our values; and our orders as it wants them.

Shapes from its OpenAPI description (docs.alpaca.markets/openapi/trading-api.json, version 2.0.1): money and quantities are
texts, symbols of share classes have a dot, one pair of keys or one token opens one account.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from allocation.adapters.broker_fields import Fields
from allocation.brokers import BrokerAccount, BrokerAnswerError, Mode
from allocation.errors import AllocationError, listed
from allocation.model import Position, PriceSource, Quote, SetAside, TaxLot, check_currency
from allocation.money import plain
from allocation.orders import Order, OrderReport, OrderStatus, OrderType, TimeInForce
from allocation.symbols import Venue, spelled
from allocation.trade_plan import Side

NAME: Final = "Alpaca"
_STATUS: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "partially_filled": OrderStatus.PARTIALLY_FILLED,
        "filled": OrderStatus.FILLED,
        "canceled": OrderStatus.CANCELLED,
        "replaced": OrderStatus.CANCELLED,
        "expired": OrderStatus.EXPIRED,
        "rejected": OrderStatus.REJECTED,
    }
)
_PAPER_NUMBER: Final = "PA"  # what the numbers of paper accounts begin with
_WHY_BLOCKED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "account_blocked": "Alpaca has blocked the account.",
        "trading_blocked": "Alpaca takes no orders for the account.",
        "trade_suspended_by_user": "Trading is switched off in the account's settings at Alpaca.",
    }
)
_SMALLEST: Final = Decimal("0.000000001")


def account_of(told: Fields, mode: Mode) -> BrokerAccount:
    """The account, and why it takes no orders.

    Raises:
        BrokerAnswerError: BROKER_CURRENCY, ACCOUNT_MODE.
    """
    number, status = told.maybe_text("account_number"), told.text("status")
    refuse_other_mode(number, status, mode)
    reasons = [why for flag, why in _WHY_BLOCKED.items() if told.told.get(flag) is True]
    if status not in ("ACTIVE", "PAPER_ONLY"):
        reasons.append(f"Alpaca has the account as {status.replace('_', ' ').lower()}.")
    return BrokerAccount(
        told.text("id"), f"{NAME} {mode.value} {number[-4:]}".strip(), number, _currency(told), " ".join(reasons)
    )


def refuse_other_mode(number: str, status: str, mode: Mode) -> None:
    """Raise ACCOUNT_MODE where the account is certainly of the other kind."""
    is_paper = number.startswith(_PAPER_NUMBER) or status == "PAPER_ONLY"
    is_live = number.isdigit() and len(number) == 9
    if is_paper if mode == Mode.LIVE else is_live:
        other = Mode.PAPER if is_paper else Mode.LIVE
        raise wrong_mode(mode, other)


def wrong_mode(asked: Mode, found: Mode) -> BrokerAnswerError:
    """The refusal of a link that opens the other kind of account."""
    return BrokerAnswerError(
        "ACCOUNT_MODE",
        f"This link was made for {asked.value} trading, and what it opens at Alpaca is a {found.value} account. Nothing was "
        f"read or placed. Unlink it and link Alpaca anew, as {found.value}.",
        (asked.value,),
    )


def cash_of(told: Fields) -> Decimal:
    """Cash in the account's currency.

    Raises:
        BrokerAnswerError: CASH_INVALID, CASH_NEGATIVE.
    """
    cash = told.number("cash", "CASH_INVALID")
    if cash < 0:
        raise BrokerAnswerError(
            "CASH_NEGATIVE",
            f"Alpaca has cash of {plain(cash)}, so money is owed. Evenkeel does not plan on borrowed money; pay it back "
            "there first.",
            ("cash",),
        )
    return cash


def is_share(told: Fields) -> bool:
    """Whether a position is of a kind that is rebalanced."""
    return told.text("asset_class") == "us_equity"


def set_aside_of(told: Fields) -> SetAside:
    """A position of a kind that is shown and left alone."""
    kind = told.text("asset_class").removeprefix("us_").replace("_", " ")
    return SetAside(
        f"{told.text('qty')} {told.text('symbol')}",
        f"{kind} is not rebalanced at Alpaca",
        told.maybe_number("market_value"),
    )


def position_of(told: Fields, currency: str, now: datetime) -> Position:
    """A position with its price. Alpaca has no lots: all of it counts as one, at the average cost and of no date.

    Raises:
        BrokerAnswerError: HOLDING_INVALID, HOLDING_SHORT, BROKER_MALFORMED.
    """
    symbol, quantity = told.symbol("symbol"), told.number("qty", "HOLDING_INVALID")
    if quantity < 0 or told.maybe_text("side") == "short":
        raise BrokerAnswerError(
            "HOLDING_SHORT",
            f"Alpaca has {symbol} as a short position of {plain(quantity)}. Evenkeel plans long holdings only; close it there "
            "or leave this account out.",
            (symbol,),
        )
    cost = told.maybe_number("avg_entry_price")
    lots = (TaxLot(quantity, cost),) if cost else ()
    price = told.maybe_number("current_price")
    try:
        quote = Quote(symbol, price, currency, now, PriceSource.FILE) if price else None
        return Position(symbol, quantity, lots, quote=quote)
    except AllocationError as error:
        raise BrokerAnswerError("HOLDING_INVALID", f"Alpaca: {error.message}", (symbol,)) from error


def refuse_twice(positions: Iterable[Position]) -> None:
    """Raise HOLDING_DUPLICATE for a symbol that is there twice."""
    seen = Counter(position.symbol.upper() for position in positions)
    if twice := tuple(symbol for symbol, times in seen.items() if times > 1):
        raise BrokerAnswerError(
            "HOLDING_DUPLICATE",
            f"Alpaca lists {listed(twice)} more than once, and which line counts is not certain. Refresh in a minute; if it "
            "stays, import a file instead.",
            twice,
        )


def report_of(told: Fields, account: str, currency: str) -> OrderReport:
    """What Alpaca says of an order.

    An order for an amount of money has no quantity before it is filled; it counts as the smallest there is. Orders with a
    stop are told as market or limit orders, with Alpaca's own word for them as the reason.
    """
    filled = told.maybe_number("filled_qty") or Decimal(0)
    quantity = told.maybe_number("qty") or filled or _SMALLEST
    limit, kind = told.maybe_number("limit_price"), told.text("type")
    try:
        order = Order(
            told.text("client_order_id"),
            account,
            told.symbol("symbol"),
            Side(told.text("side")),
            quantity,
            currency,
            OrderType.LIMIT if limit else OrderType.MARKET,
            limit,
            TimeInForce.GOOD_TILL_CANCELLED if told.text("time_in_force") == "gtc" else TimeInForce.DAY,
        )
    except (ValueError, AllocationError) as error:
        raise told.refused("order", str(error)) from error
    said = told.text("status")
    return OrderReport(
        order,
        told.text("id"),
        _status_of(said, filled),
        filled,
        told.maybe_number("filled_avg_price") if filled else None,
        said,
        _latest(told),
        reason=_reason(told, kind, said),
    )


def request_of(order: Order) -> dict[str, Any]:
    """The order as Alpaca wants it: numbers as texts, the symbol with a dot before its share class.

    Raises:
        SpellingError: Alpaca has no such symbol.
    """
    request = {
        "symbol": spelled(order.symbol, Venue.ALPACA),
        "qty": plain(order.quantity),
        "side": order.side.value,
        "type": order.type.value,
        "time_in_force": order.time_in_force.value,
        "client_order_id": order.client_id,
    }
    return request if order.limit is None else {**request, "limit_price": plain(order.limit)}


def _currency(told: Fields) -> str:
    found = told.maybe_text("currency") or "USD"
    try:
        return check_currency(found)
    except AllocationError as error:
        raise BrokerAnswerError(
            "BROKER_CURRENCY",
            f"Alpaca: {error.message} Refresh in a minute; if it stays, import a file.",
            (found[:12],),
        ) from error


def _status_of(said: str, filled: Decimal) -> OrderStatus:
    """A word that is not known is open; nothing is given up that may still be filled."""
    return _STATUS.get(said, OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN)


def _latest(told: Fields) -> datetime:
    for name in ("updated_at", "filled_at", "submitted_at"):
        if told.maybe_text(name):
            return told.iso_time(name)
    return told.iso_time("created_at")


def _reason(told: Fields, kind: str, said: str) -> str:
    if kind not in ("market", "limit"):
        return f"Alpaca calls it a {kind.replace('_', ' ')} order."
    if notional := told.maybe_text("notional"):
        return f"It was placed for an amount of {notional}, not for a number of units."
    if said == "replaced":
        return f"Replaced by {told.maybe_text('replaced_by')}."
    return ""
