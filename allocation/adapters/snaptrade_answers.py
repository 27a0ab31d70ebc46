"""What SnapTrade says of accounts, holdings, money and orders, as our values.

Shapes from SnapTrade's OpenAPI description (github.com/passiv/snaptrade-sdks, api.yaml, MIT). Symbols follow Yahoo's
spelling (docs.snaptrade.com/docs/symbology); quantities and prices of positions and orders are decimals as text.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from allocation.adapters.broker_fields import Fields
from allocation.adapters.snaptrade_line import NAME
from allocation.brokers import BrokerAccount, BrokerAnswerError
from allocation.errors import AllocationError, listed
from allocation.model import Position, PriceSource, Quote, SetAside, TaxLot, check_currency
from allocation.money import plain
from allocation.orders import Order, OrderReport, OrderStatus, OrderType, TimeInForce
from allocation.symbols import same_security
from allocation.trade_plan import Side

_HELD: Final = frozenset(("stock", "etf", "adr", "cef", "mutualfund"))
_NOT_ORDERED: Final = frozenset(("DEPOSIT", "LOC"))  # bank accounts and credit lines
_SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL}
_STATUSES: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "EXECUTED": OrderStatus.FILLED,
        "PARTIAL": OrderStatus.PARTIALLY_FILLED,
        "CANCELED": OrderStatus.CANCELLED,
        "PARTIAL_CANCELED": OrderStatus.CANCELLED,
        "REPLACED": OrderStatus.CANCELLED,
        "REJECTED": OrderStatus.REJECTED,
        "FAILED": OrderStatus.REJECTED,
        "EXPIRED": OrderStatus.EXPIRED,
    }
)


# ── Accounts and money ──────────────────────────────────────────────────────────────────────────────────────────────


def is_investment(told: Fields) -> bool:
    """Whether an account of the list can hold securities and is open."""
    return told.maybe_text("account_category") not in _NOT_ORDERED and told.maybe_text("status") not in (
        "closed",
        "archived",
    )


def account_of(told: Fields, connection: Fields | None) -> BrokerAccount:
    """An account of the list, and whether its connection may trade."""
    institution = told.text("institution_name")
    blocked = ""
    if connection is None or connection.maybe_text("type") != "trade":
        blocked = (
            f"SnapTrade's connection to {institution} only reads. Where {institution} allows orders, connect it again at "
            "dashboard.snaptrade.com with trading."
        )
    elif told.maybe_text("status") == "unavailable":
        blocked = f"SnapTrade cannot reach it at {institution} just now."
    return BrokerAccount(
        told.text("id"), told.maybe_text("name") or institution, told.text("number"), _currency_of(told), blocked
    )


def cash_of(account: BrokerAccount, told: Iterable[Fields]) -> tuple[Decimal, dict[str, Decimal], Decimal | None]:
    """Cash in the account's currency, cash in others, and buying power where SnapTrade says.

    Raises:
        BrokerAnswerError: CASH_INVALID, CASH_NEGATIVE, BROKER_CURRENCY.
    """
    by_currency = {_checked(each.one("currency").text("code")): each for each in told}
    own = by_currency.pop(account.currency, None)
    if own is None:
        raise BrokerAnswerError(
            "CASH_INVALID",
            f"{NAME} does not say how much {account.currency} {account.name} has. Refresh in a minute; if it stays, import a "
            "file instead.",
            ("cash",),
        )
    cash = own.number("cash", "CASH_INVALID")
    others = {code: each.number("cash", "CASH_INVALID") for code, each in by_currency.items()}
    if cash < 0:
        raise BrokerAnswerError(
            "CASH_NEGATIVE",
            f"{account.name} has cash of {plain(cash)} {account.currency}, so money is owed. Evenkeel does not plan on "
            "borrowed money; pay it back first.",
            ("cash",),
        )
    return cash, {code: amount for code, amount in others.items() if amount}, own.maybe_number("buying_power")


def _currency_of(told: Fields) -> str:
    total = told.one("balance").maybe_one("total")
    return _checked((total.maybe_text("currency") if total else "") or "USD")


def _checked(code: str) -> str:
    try:
        return check_currency(code)
    except AllocationError as error:
        raise BrokerAnswerError(
            "BROKER_CURRENCY",
            f"{NAME} names a currency {code[:12]!a}, which is none. Import a file for this account instead.",
            (code[:12],),
        ) from error


# ── Holdings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_held(told: Fields) -> bool:
    """Whether a position is of a kind that is rebalanced. A money fund that counts as cash is in the cash already."""
    return told.one("instrument").text("kind") in _HELD and told.told.get("cash_equivalent") is not True


def set_aside_of(told: Fields) -> SetAside:
    """A position of a kind that is shown and left alone."""
    instrument = told.one("instrument")
    name = f"{told.maybe_text('units')} {instrument.text('symbol')}".strip()
    if told.told.get("cash_equivalent") is True:
        return SetAside(name, "counted as cash by the broker")
    kind = instrument.text("kind")
    units, price = told.maybe_number("units"), told.maybe_number("price")
    # Of options and futures the price is for one unit of what they are about, and how many those are varies.
    value = units * price if kind == "crypto" and units is not None and price is not None else None
    return SetAside(name, f"{kind} is not rebalanced through {NAME}", value)


def position_of(told: Fields, fetched_at: datetime) -> Position:
    """A position with lots, or one lot at its average cost, and the price that came with it.

    Raises:
        BrokerAnswerError: HOLDING_INVALID, HOLDING_SHORT, BROKER_CURRENCY, BROKER_MALFORMED.
    """
    instrument = told.one("instrument")
    symbol, quantity = instrument.symbol("symbol"), told.number("units", "HOLDING_INVALID")
    if quantity < 0:
        raise BrokerAnswerError(
            "HOLDING_SHORT",
            f"{symbol} is a short position of {plain(quantity)}. Evenkeel plans long holdings only; close it at the broker or "
            "leave this account out.",
            (symbol,),
        )
    name = instrument.maybe_text("description")
    quote = _quote_of(symbol, told, instrument, fetched_at)
    try:
        return Position(symbol, quantity, _lots_of(told, quantity), "" if name == symbol else name, quote)
    except AllocationError as error:
        raise BrokerAnswerError("HOLDING_INVALID", f"{NAME}: {error.message}", (symbol,)) from error


def refuse_twice(positions: Iterable[Position]) -> None:
    """Raise HOLDING_DUPLICATE for a symbol that is there twice."""
    seen = Counter(position.symbol.upper() for position in positions)
    if twice := tuple(symbol for symbol, times in seen.items() if times > 1):
        raise BrokerAnswerError(
            "HOLDING_DUPLICATE",
            f"{NAME} lists {listed(twice)} more than once, and which line counts is not certain. Refresh in a minute; if it "
            "stays, import a file instead.",
            twice,
        )


def _quote_of(symbol: str, told: Fields, instrument: Fields, fetched_at: datetime) -> Quote | None:
    price = told.maybe_number("price")
    if not price:
        return None
    currency = told.maybe_text("currency") or instrument.maybe_text("currency")
    try:
        return Quote(symbol, price, _checked(currency), fetched_at, PriceSource.FILE)
    except BrokerAnswerError:
        raise
    except AllocationError as error:
        raise BrokerAnswerError("HOLDING_INVALID", f"{NAME}: {error.message}", (symbol,)) from error


def _lots_of(told: Fields, quantity: Decimal) -> tuple[TaxLot, ...]:
    found = []
    for lot in told.many("tax_lots"):
        bought = lot.iso_time("original_purchase_date").date() if lot.maybe_text("original_purchase_date") else None
        cost = lot.number("purchased_price", "HOLDING_INVALID")
        found.append(TaxLot(lot.number("quantity", "HOLDING_INVALID"), cost, bought))
    average = told.maybe_number("cost_basis")
    return tuple(found) or ((TaxLot(quantity, average),) if average and quantity else ())


# ── Orders ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def report_of(account: str, told: Fields, name_of: Callable[[str], Order | None], now: datetime) -> OrderReport | None:
    """An order for a share or a fund; None for options and pairs of coins, which are shown at the broker only.

    Args:
        name_of: the order we placed under the institution's id, if it was us.
    """
    symbol, side = told.maybe_one("universal_symbol"), _SIDES.get(told.maybe_text("action"))
    quantity = _total_of(told) if symbol and side else None
    if symbol is None or side is None or quantity is None:
        return None
    number = told.text("brokerage_order_id")
    known, theirs = name_of(number), symbol.symbol("symbol")
    kind, limit = _price_of(told)
    order = Order(
        known.client_id if known else "",
        account,
        known.symbol if known and same_security(known.symbol, theirs) else theirs,
        side,
        quantity,
        _checked(symbol.one("currency").text("code")),
        kind,
        limit,
        TimeInForce.GOOD_TILL_CANCELLED if told.maybe_text("time_in_force") == "GTC" else TimeInForce.DAY,
    )
    return standing_of(order, number, told, now)


def standing_of(order: Order, number: str, told: Fields, now: datetime) -> OrderReport:
    """What became of an order whose terms are known."""
    filled = told.maybe_number("filled_quantity") or Decimal(0)
    word = told.text("status")
    return OrderReport(
        order,
        number,
        _status(word, filled),
        filled,
        told.maybe_number("execution_price") if filled else None,
        word,
        now,
        placed_at=told.iso_time("time_placed") if told.maybe_text("time_placed") else None,
    )


def _status(word: str, filled: Decimal) -> OrderStatus:
    return _STATUSES.get(word, OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN)


def _price_of(told: Fields) -> tuple[OrderType, Decimal | None]:
    kind = told.maybe_text("order_type")
    if kind == "Limit":
        return OrderType.LIMIT, told.number("limit_price")
    return (OrderType.MARKET if kind == "Market" else OrderType.STOP), None


def _total_of(told: Fields) -> Decimal | None:
    """Units ordered: the total, or what it is the sum of; None for an order by amount that came to nothing."""
    if told.maybe_number("total_quantity"):
        return told.positive("total_quantity")
    parts = (told.maybe_number(name) for name in ("filled_quantity", "open_quantity", "canceled_quantity"))
    total = sum((part for part in parts if part is not None), Decimal(0))
    if total <= 0 and not _status(told.text("status"), Decimal(0)).is_final:
        raise told.refused("total_quantity")
    return total if total > 0 else None
