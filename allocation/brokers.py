"""What the core asks of a broker, and the few ways in which a broker does not answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from allocation.errors import AllocationError
from allocation.model import Portfolio
from allocation.orders import CLOCKS_MAY_DIFFER, Order, OrderReport


class Mode(StrEnum):
    """Whether orders cost real money. Shown wherever the account is."""

    PAPER = "paper"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """An account as its broker knows it. `id` is what the broker's interface calls it; `number` is shown masked only."""

    id: str
    name: str
    number: str = field(default="", repr=False)
    currency: str = "USD"
    blocked: str = ""  # why the broker takes no orders for it; empty when it does


@dataclass(frozen=True, slots=True)
class BrokerSnapshot:
    """An account at its broker at one moment.

    Attributes:
        portfolio: positions with lots where the broker gives them; cash is settled cash.
        unsettled: money of sales that have not settled, by currency; not spendable.
        buying_power: what the broker would let be spent, where it says.
        open_orders: orders that may still be filled, whoever placed them.
    """

    account: BrokerAccount
    portfolio: Portfolio
    taken_at: datetime
    unsettled: Mapping[str, Decimal] = field(default_factory=dict)
    buying_power: Decimal | None = None
    open_orders: tuple[OrderReport, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "unsettled", MappingProxyType(dict(self.unsettled)))


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What the broker says an order would cost, before it is placed.

    Attributes:
        reference: what the broker wants to see again when the order is placed; empty where it asks for none.
        estimated_value: money for the units alone.
        estimated_fees: what the broker would charge on top.
    """

    order: Order
    reference: str
    estimated_value: Decimal | None
    estimated_fees: Decimal | None
    warnings: tuple[str, ...] = ()


class Broker(Protocol):
    """One linked broker. No call is repeated by the broker itself; whoever calls decides what to do next.

    Every call may raise `BrokerUnavailableError` (nothing happened), `BrokerAuthError` (sign in again) and
    `BrokerAnswerError` (it answered with something that cannot be read).
    """

    @property
    def name(self) -> str:
        """As its customers call it."""
        ...

    @property
    def mode(self) -> Mode:
        """Paper or live."""
        ...

    @property
    def unique_client_ids(self) -> bool:
        """Whether it is proved that the broker refuses a second order under the same client id, for good."""
        ...

    def accounts(self) -> tuple[BrokerAccount, ...]:
        """The accounts behind this link."""
        ...

    def snapshot(self, account: str) -> BrokerSnapshot:
        """What the account holds now. Raises `BrokerAnswerError` for holdings that cannot be believed."""
        ...

    def preview(self, order: Order) -> OrderPreview | None:
        """The broker's own preview; None where it has none. Nothing is placed."""
        ...

    def place(self, order: Order, preview: OrderPreview | None = None) -> OrderReport:
        """Place the order, once, in one request.

        Raises:
            OrderRefusedError: definitely not placed; says why.
            OrderKnownError: an order with this client id exists already; look it up.
            OrderUncertainError: it may or may not have been placed; look it up, never guess.
        """
        ...

    def find(self, account: str, client_id: str) -> OrderReport | None:
        """The order with this client id, open or closed; None when the broker does not know it (now)."""
        ...

    def orders(self, account: str, since: datetime) -> tuple[OrderReport, ...]:
        """Every order since a moment, open or closed, whoever placed it."""
        ...

    def cancel(self, report: OrderReport) -> None:
        """Ask for an order to be cancelled. What became of it is what `find` says afterwards."""
        ...


def look_up(broker: Broker, order: Order, sent_at: datetime, broker_id: str = "") -> OrderReport | None:
    """What a broker has of an order that was sent, by whichever process; None when it has none (now).

    Some brokers name no client ids in their answers. There an order is known again by the broker's own id, where that is
    known, and else by its terms and its moment.

    Args:
        sent_at: when it was sent, by our clock.
        broker_id: the broker's own name for it, where the answer to it came.

    Raises:
        OrderUncertainError: several orders look like it, and nothing tells them apart.
    """
    found = broker.find(order.account, order.client_id)
    if found is not None or broker.unique_client_ids:
        return found
    listed = broker.orders(order.account, sent_at - CLOCKS_MAY_DIFFER)
    if broker_id:
        alike = [each for each in listed if each.broker_id == broker_id]
    else:
        alike = [each for each in listed if each.may_be(order, sent_at)]
    if len(alike) > 1:
        raise OrderUncertainError(
            f"{broker.name} has {len(alike)} orders that look like the one for {order.symbol}. Look there which is which; "
            "nothing is sent again.",
            (order.symbol,),
        )
    return replace(alike[0], order=replace(alike[0].order, client_id=order.client_id)) if alike else None


class BrokerUnavailableError(AllocationError):
    """The broker could not be reached, or says that it cannot serve; nothing was placed."""

    code = "BROKER_UNAVAILABLE"


class BrokerAuthError(AllocationError):
    """The broker does not accept the link any more."""

    code = "BROKER_AUTH"


class BrokerAnswerError(AllocationError):
    """An answer that cannot be read or believed. `code` says which: BROKER_MALFORMED, HOLDING_SHORT …"""

    def __init__(self, code: str, message: str, culprits: tuple[str, ...] = ()) -> None:
        super().__init__(message, culprits)
        self.code = code


class OrderRefusedError(AllocationError):
    """The broker refused the order: it does not exist there."""

    code = "order_refused"


class OrderKnownError(AllocationError):
    """The broker has an order with this client id."""

    code = "order_known"


class OrderUncertainError(AllocationError):
    """No answer, or none that says whether the order exists."""

    code = "order_uncertain"
