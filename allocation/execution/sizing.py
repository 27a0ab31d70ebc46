"""Fitting purchases to the cash that really came in. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from allocation.journal import Batch, Line, LineState
from allocation.model import Quote
from allocation.trade_plan import Side

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What becomes of the purchases: how large each may be, and which must wait for a person.

    Attributes:
        quantities: units by line, for those that are made smaller.
        held: the lines that would need the money of a sale that failed.
    """

    quantities: Mapping[int, Decimal]
    held: tuple[int, ...] = ()


def money_for(line: Line, quotes: Mapping[str, Quote], quantity: Decimal | None = None) -> Decimal:
    """What the line may take from the account: at its limit, or at the dearer of the quote and the reviewed price."""
    quote = quotes.get(line.order.symbol)
    price = line.order.limit or max(line.price, quote.price if quote else line.price)
    return (line.order.quantity if quantity is None else quantity) * price * line.rate + line.cost


def failed_sales(batch: Batch) -> tuple[Line, ...]:
    """Sales that are over without having sold what was reviewed."""
    return tuple(line for line in batch.of_side(Side.SELL) if line.is_final and line.filled < line.reviewed_quantity)


def waiting_purchases(batch: Batch) -> tuple[Line, ...]:
    """Purchases that were not sent, in the order of the plan."""
    return tuple(line for line in batch.of_side(Side.BUY) if line.state == LineState.REVIEWED)


def fit(batch: Batch, quotes: Mapping[str, Quote]) -> Fitted:
    """Leave the purchases as they are where the money is enough; else make all smaller alike.

    Where a sale failed, nothing is made smaller: what its money would have paid for is held for a person.
    """
    waiting, money = waiting_purchases(batch), batch.money_left - batch.keep
    needed = sum((money_for(line, quotes) for line in waiting), NOTHING)
    if needed <= money:
        return Fitted({})
    if failed_sales(batch):
        return Fitted({}, _beyond(waiting, quotes, money))
    return Fitted(_alike(waiting, quotes, money, needed))


def _beyond(waiting: Iterable[Line], quotes: Mapping[str, Quote], money: Decimal) -> tuple[int, ...]:
    held = []
    for line in waiting:
        price = money_for(line, quotes)
        if price <= money:
            money -= price
        else:
            held.append(line.number)
    return tuple(held)


def _alike(
    waiting: tuple[Line, ...], quotes: Mapping[str, Quote], money: Decimal, needed: Decimal
) -> dict[int, Decimal]:
    """Each by the same part, rounded down; the change buys steps again, in the order of the plan."""
    part = max(NOTHING, money / needed)
    sizes = {line.number: _floor(line.order.quantity * part, line.increment) for line in waiting}
    left = money - sum((_taken(line, quotes, sizes[line.number]) for line in waiting), NOTHING)
    for line in waiting:
        wanted = min(sizes[line.number] + line.increment, line.order.quantity)
        more = _taken(line, quotes, wanted) - _taken(line, quotes, sizes[line.number])
        if more <= left:
            sizes[line.number], left = wanted, left - more
    return {line.number: sizes[line.number] for line in waiting if sizes[line.number] < line.order.quantity}


def _taken(line: Line, quotes: Mapping[str, Quote], quantity: Decimal) -> Decimal:
    """Money for this many units; for none there is no cost either."""
    return money_for(line, quotes, quantity) if quantity else NOTHING


def _floor(quantity: Decimal, increment: Decimal) -> Decimal:
    return (quantity / increment).to_integral_value(ROUND_FLOOR) * increment
