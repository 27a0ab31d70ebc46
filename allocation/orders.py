"""An order: what is asked of a broker, under an id of ours, and what the broker says of it. Values only."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from allocation.errors import HoldingError, RulesError
from allocation.model import TaxLot, check_currency, parse_symbol
from allocation.symbols import canonical
from allocation.trade_plan import Side

CLOCKS_MAY_DIFFER = timedelta(minutes=5)
CLIENT_ID_LENGTH = 20  # E*TRADE takes 20 letters and digits; every other broker takes more


class OrderType(StrEnum):
    """At what price an order may be filled. `STOP` is whatever waits for a price first; it is only ever somebody else's."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class TimeInForce(StrEnum):
    """How long an order stands."""

    DAY = "day"
    GOOD_TILL_CANCELLED = "gtc"


class OrderStatus(StrEnum):
    """What a broker says of an order. A word that is not known is `OPEN`, with the broker's own word beside it."""

    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether nothing more can come of it."""
        return self not in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a broker.

    Attributes:
        client_id: ours, the same at every attempt; see `client_id_of`.
        account: the broker's own id of the account.
        quantity: units, above zero.
        limit: money for one unit in `currency`, for a limit order only.
        lots: which lots a sale is to take, where the broker lets them be chosen; empty: as the broker does it by itself.
    """

    client_id: str
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    currency: str = "USD"
    type: OrderType = OrderType.MARKET
    limit: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    lots: tuple[TaxLot, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbol", parse_symbol(self.symbol))
        check_currency(self.currency)
        if not (self.quantity.is_finite() and self.quantity > 0):
            raise HoldingError(
                f"An order for {self.quantity} {self.symbol} asks for nothing; a quantity is above zero.",
                (self.symbol,),
            )
        if (self.type == OrderType.LIMIT) != (self.limit is not None) or (self.limit is not None and self.limit <= 0):
            raise RulesError(
                f"The {self.type.value} order for {self.symbol} has a limit of {self.limit}. A limit order has one above "
                "zero, a market order has none.",
                (self.symbol,),
            )


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What a broker says of one order at one moment.

    Attributes:
        broker_id: the broker's own name for it.
        filled: units filled so far.
        average_price: money for one unit over what was filled; None before the first fill.
        fees: commissions and fees charged so far, where the broker says.
        broker_status: the broker's own word.
        reason: why it was rejected or cancelled, in the broker's words.
        reported_at: timezone-aware.
        placed_at: when it was placed, by the broker's clock, where it says.
    """

    order: Order
    broker_id: str
    status: OrderStatus
    filled: Decimal
    average_price: Decimal | None
    broker_status: str
    reported_at: datetime
    fees: Decimal | None = None
    reason: str = ""
    placed_at: datetime | None = None

    def same_terms(self, other: Order) -> bool:
        """Whether the broker's order is the one that was asked for, however it spells the symbol: the id alone does not say so."""
        return _terms(self.order) == _terms(other)

    def may_be(self, order: Order, sent_at: datetime) -> bool:
        """Whether an order without a client id may be the one sent at that moment: the same terms at about that time."""
        if self.order.client_id or self.placed_at is None or abs(self.placed_at - sent_at) > CLOCKS_MAY_DIFFER:
            return False
        return self.same_terms(order)


def client_id_of(account: str, batch: str, line: int) -> str:
    """The id of one line of one reviewed batch, the same whenever and by whomever it is computed: "rb" and 18 hex digits."""
    digest = hashlib.sha256(f"{account}\x00{batch}\x00{line}".encode()).hexdigest()
    return f"rb{digest[: CLIENT_ID_LENGTH - 2]}"


def _terms(order: Order) -> tuple[object, ...]:
    return (order.account, canonical(order.symbol), order.side, order.quantity, order.type, order.limit)
