"""How a paper account deals: at what price an order is filled, how much of it, and what that does to its books. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from allocation.model import Quote, TaxLot
from allocation.money import plain
from allocation.orders import Order, OrderStatus, OrderType, TimeInForce
from allocation.paper_terms import PaperTerms
from allocation.trade_plan import Side

NEW_YORK: Final = ZoneInfo("America/New_York")
PRICE_STEP: Final = Decimal("0.0001")  # SEC Rule 612 lets no price be finer
_UNIT_STEP: Final = Decimal("0.000000001")  # fractions of a share have nine decimals, as at Alpaca
_EXACT: Final = Context(prec=100)  # products and sums of money are never rounded
_NONE: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class PaperLot:
    """Units bought together. `unit_cost` is None where the account was opened with a holding of unknown cost."""

    number: int
    symbol: str
    quantity: Decimal
    unit_cost: Decimal | None
    acquired: date | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class PaperOrder:
    """An order in the books. `value` is Σ quantity × price of its fills, `fills` their count."""

    order: Order
    number: int
    placed_at: datetime
    changed_at: datetime
    status: OrderStatus = OrderStatus.OPEN
    filled: Decimal = _NONE
    value: Decimal = _NONE
    fees: Decimal = _NONE
    reason: str = ""
    fills: int = 0

    @property
    def left(self) -> Decimal:
        """Units that may still be filled."""
        return _NONE if self.status.is_final else self.order.quantity - self.filled


@dataclass(frozen=True, slots=True)
class PaperFill:
    """Units that changed hands at one price, and the lots a sale took them from."""

    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    taken: tuple[PaperLot, ...] = ()

    @property
    def value(self) -> Decimal:
        """Money for the units alone."""
        return _EXACT.multiply(self.quantity, self.price)


@dataclass(frozen=True, slots=True)
class PaperBook:
    """What a paper account holds: cash by currency, and lots in the order in which they came."""

    cash: Mapping[str, Decimal] = field(default_factory=dict)
    lots: tuple[PaperLot, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "cash", MappingProxyType(dict(self.cash)))

    def held(self, symbol: str) -> Decimal:
        """Units of a symbol."""
        return sum((lot.quantity for lot in self.lots if lot.symbol == symbol), _NONE)


@dataclass(frozen=True, slots=True)
class Dealt:
    """What came of looking at an open order once; `fill` is None where nothing changed hands."""

    order: PaperOrder
    book: PaperBook
    fill: PaperFill | None = None


def price_for(side: Side, quote: Quote, terms: PaperTerms) -> Decimal:
    """What one unit costs who buys, or gives who sells: half the spread to their disadvantage."""
    half = terms.spread / 2
    if side == Side.BUY:
        return (quote.price * (1 + half)).quantize(PRICE_STEP, ROUND_CEILING)
    return max((quote.price * (1 - half)).quantize(PRICE_STEP, ROUND_FLOOR), PRICE_STEP)


def fee_for(value: Decimal, terms: PaperTerms, *, first: bool) -> Decimal:
    """The commission of one fill, to the cent."""
    rated = (value * terms.commission_rate).quantize(Decimal("0.01"), ROUND_CEILING)
    return rated + (terms.commission if first else _NONE)


def refusal_of(
    order: Order, book: PaperBook, waiting: Iterable[PaperOrder], quotes: Mapping[str, Quote], terms: PaperTerms
) -> str:
    """Why an order is not taken, in a sentence; empty when it is.

    Args:
        waiting: the open orders of the account, whose units and money are promised already.
        quotes: by symbol, as many as there are.
    """
    quote = quotes.get(order.symbol)
    if quote is None:
        return f"There is no price for {order.symbol} to deal at. Refresh prices, or enter one by hand."
    if not terms.fractional and order.quantity != order.quantity.to_integral_value():
        return f"{order.quantity} {order.symbol} is not a whole number of units, and this account deals in no parts."
    if order.quantity != order.quantity.quantize(_UNIT_STEP):
        return f"{order.quantity} {order.symbol} has more than nine decimals."
    if quote.currency != order.currency:
        return f"{order.symbol} is quoted in {quote.currency}, the order is in {order.currency}."
    if order.side == Side.SELL:
        return _oversell(order, book, waiting)
    return _overspend(order, book, waiting, quotes, terms)


def deal(state: PaperOrder, book: PaperBook, quote: Quote | None, terms: PaperTerms, now: datetime) -> Dealt:
    """Look at an open order once: fill as much as the terms, the limit and the cash allow; end it when its day is over."""
    order = state.order
    if order.time_in_force == TimeInForce.DAY and _day(now) > _day(state.placed_at):
        return Dealt(_ended(state, OrderStatus.EXPIRED, "Its day is over.", now), book)
    if quote is None or quote.currency != order.currency:
        return Dealt(state, book)
    price = price_for(order.side, quote, terms)
    if not _within_limit(order, price):
        return Dealt(state, book)
    quantity = _share_of(state, terms)
    first = state.fills == 0
    fee = fee_for(quantity * price, terms, first=first)
    cash = book.cash.get(order.currency, _NONE)
    if order.side == Side.BUY and _EXACT.multiply(quantity, price) + fee > cash:
        reason = f"The price rose to {price} {order.currency}, and {cash} {order.currency} do not pay for the rest."
        return Dealt(_ended(state, OrderStatus.CANCELLED, reason, now), book)
    return _filled(state, book, PaperFill(quantity, price, fee, now))


def cancelled(state: PaperOrder, now: datetime) -> PaperOrder:
    """The order without what is left of it; one that is over stays as it is."""
    return state if state.status.is_final else _ended(state, OrderStatus.CANCELLED, "Cancelled.", now)


def _filled(state: PaperOrder, book: PaperBook, fill: PaperFill) -> Dealt:
    order = state.order
    cash = book.cash.get(order.currency, _NONE)
    if order.side == Side.BUY:
        cost = _EXACT.add(fill.value, fill.fee)
        number = max((lot.number for lot in book.lots), default=0) + 1
        name = next((lot.name for lot in book.lots if lot.symbol == order.symbol), "")
        bought = PaperLot(number, order.symbol, fill.quantity, cost / fill.quantity, _day(fill.at), name)
        lots, cash = (*book.lots, bought), _EXACT.subtract(cash, cost)
    else:
        taken, lots = take(book.lots, order, state.filled, fill.quantity)
        fill = replace(fill, taken=taken)
        cash = _EXACT.add(cash, _EXACT.subtract(fill.value, fill.fee))
    return Dealt(_after(state, fill), PaperBook({**book.cash, order.currency: cash}, lots), fill)


def _after(state: PaperOrder, fill: PaperFill) -> PaperOrder:
    filled = state.filled + fill.quantity
    return replace(
        state,
        status=OrderStatus.FILLED if filled == state.order.quantity else OrderStatus.PARTIALLY_FILLED,
        filled=filled,
        value=_EXACT.add(state.value, fill.value),
        fees=_EXACT.add(state.fees, fill.fee),
        fills=state.fills + 1,
        changed_at=fill.at,
    )


def take(
    lots: tuple[PaperLot, ...], order: Order, before: Decimal, quantity: Decimal
) -> tuple[tuple[PaperLot, ...], tuple[PaperLot, ...]]:
    """What a sale takes from which lots, and the lots that stay.

    The lots that the order names come first, in its order; the rest is first in, first out.

    Args:
        before: units of this order that were filled earlier, and so are named but gone.
    """
    remaining = {lot.number: lot for lot in lots}
    taken: list[PaperLot] = []
    for lot, wanted in _turns(remaining, order, before):
        units = min(lot.quantity, wanted, quantity - sum((t.quantity for t in taken), _NONE))
        if units > 0:
            taken.append(replace(lot, quantity=units))
            left = replace(remaining[lot.number], quantity=remaining[lot.number].quantity - units)
            remaining[lot.number] = left
    return tuple(taken), tuple(lot for lot in remaining.values() if lot.quantity > 0)


def _turns(remaining: Mapping[int, PaperLot], order: Order, before: Decimal) -> Iterable[tuple[PaperLot, Decimal]]:
    """Each lot with the most that is wanted of it, as it is when its turn comes."""
    numbers = [number for number, lot in remaining.items() if lot.symbol == order.symbol]
    for chosen in order.lots:
        gone = min(before, chosen.quantity)
        before -= gone
        wanted = chosen.quantity - gone
        for number in [n for n in numbers if _is_same(remaining[n], chosen)]:
            had = remaining[number].quantity
            yield remaining[number], wanted
            wanted -= had - remaining[number].quantity
    for number in sorted(numbers, key=lambda n: (remaining[n].acquired or date.min, n)):
        yield remaining[number], remaining[number].quantity


def _is_same(lot: PaperLot, chosen: TaxLot) -> bool:
    return (lot.acquired, lot.unit_cost) == (chosen.acquired, chosen.unit_cost)


def _share_of(state: PaperOrder, terms: PaperTerms) -> Decimal:
    order = state.order
    whole = order.quantity == order.quantity.to_integral_value()
    step = Decimal(1) if whole else _UNIT_STEP
    share = (order.quantity * terms.fill_share).quantize(step, ROUND_CEILING)
    return min(share, state.left)


def _within_limit(order: Order, price: Decimal) -> bool:
    if order.type == OrderType.MARKET or order.limit is None:
        return True
    return price <= order.limit if order.side == Side.BUY else price >= order.limit


def _oversell(order: Order, book: PaperBook, waiting: Iterable[PaperOrder]) -> str:
    promised = sum((w.left for w in waiting if w.order.side == Side.SELL and w.order.symbol == order.symbol), _NONE)
    free = book.held(order.symbol) - promised
    if order.quantity <= free:
        return ""
    return f"{order.quantity} {order.symbol} are to be sold, and {free} are there and not promised to other orders."


def _overspend(
    order: Order, book: PaperBook, waiting: Iterable[PaperOrder], quotes: Mapping[str, Quote], terms: PaperTerms
) -> str:
    buys = [w for w in waiting if w.order.side == Side.BUY and w.order.currency == order.currency]
    promised = sum((_cost(w.order, w.left, quotes, terms, first=not w.fills) for w in buys), _NONE)
    need = _cost(order, order.quantity, quotes, terms, first=True)
    free = _EXACT.subtract(book.cash.get(order.currency, _NONE), promised)
    if need <= free:
        return ""
    return f"{order.quantity} {order.symbol} would cost {plain(need)} {order.currency}, and {plain(free)} {order.currency} are free."


def _cost(order: Order, quantity: Decimal, quotes: Mapping[str, Quote], terms: PaperTerms, *, first: bool) -> Decimal:
    """The most a purchase may take: at its limit, or at what is asked now; an unpriced one waits and takes nothing."""
    quote = quotes.get(order.symbol)
    price = order.limit or (price_for(Side.BUY, quote, terms) if quote else _NONE)
    value = _EXACT.multiply(quantity, price)
    return _EXACT.add(value, fee_for(value, terms, first=first))


def _ended(state: PaperOrder, status: OrderStatus, reason: str, now: datetime) -> PaperOrder:
    return replace(state, status=status, reason=reason, changed_at=now)


def _day(moment: datetime) -> date:
    return moment.astimezone(NEW_YORK).date()
