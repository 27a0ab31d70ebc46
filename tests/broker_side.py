"""The other side of a broker adapter, as the contract suite works it: what a broker holds, how it fails and how it lies."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from allocation.brokers import Broker
from allocation.model import Position

D = Decimal


class Fault(StrEnum):
    """What can befall one request."""

    REFUSED = "nobody listens"  # the connection itself is refused: nothing was sent
    SERVER_ERROR = "an answer of 500, before anything was done"
    BUSY = "an answer of 503, before anything was done"
    TOO_MANY = "an answer of 429, before anything was done"
    HANG = "silence, before anything was done"
    TRUNCATED = "half of the answer"
    NOT_JSON = "a page of HTML with status 200"
    HUGE = "an answer without an end"
    DRIP = "an answer that comes byte by byte"
    REDIRECT = "the way to another place"


class AfterFault(StrEnum):
    """What can befall the answer to an order that was accepted."""

    GATEWAY = "an answer of 504"
    RESET = "a connection that is reset"
    TRUNCATED = "half of the answer"
    HANG = "silence"
    NOT_JSON = "a page of HTML with status 200"


class Lie(StrEnum):
    """What a broker can say of an account that is not to be believed, by the code of its refusal."""

    QUANTITY_NAN = "HOLDING_INVALID: a quantity of NaN"
    QUANTITY_NULL = "HOLDING_INVALID: a quantity of null"
    SHORT = "HOLDING_SHORT: a quantity below zero"
    SYMBOL_TWICE = "HOLDING_DUPLICATE: a symbol twice"
    KEY_MISSING = "BROKER_MALFORMED: a holding without its symbol"
    OTHER_ACCOUNT = "BROKER_ACCOUNT: an account that was not asked for"
    CASH_NULL = "CASH_INVALID: cash of null"
    CASH_NAN = "CASH_INVALID: cash of NaN"
    CASH_NEGATIVE = "CASH_NEGATIVE: cash below zero"
    CURRENCY = "BROKER_CURRENCY: an account in no currency"

    @property
    def code(self) -> str:
        """The code of the refusal."""
        return self.value.partition(":")[0]


class BrokerSide(Protocol):
    """A broker adapter with the broker it talks to: one account, 10,000.07 USD, and `HELD`; VTI 250, BND 72.31, BRK.B 401.5.

    Attributes:
        account: as the adapter calls it.
        faults, after_faults, lies: what this way to a broker can suffer; an embedded one suffers less.
        secrets: what may never be seen in a repr or a sentence.
    """

    broker: Broker
    account: str
    faults: frozenset[Fault]
    after_faults: frozenset[AfterFault]
    lies: frozenset[Lie]
    secrets: tuple[str, ...]

    def suffer(self, fault: Fault) -> None:
        """Every request from now on meets this."""
        ...

    def suffer_after(self, fault: AfterFault) -> None:
        """The answer to the next order that is accepted meets this; later ones do not."""
        ...

    def recover(self) -> None:
        """Answer as usual again."""
        ...

    def lie(self, lie: Lie) -> None:
        """Say this of the account from now on."""
        ...

    def block(self) -> None:
        """Take no orders for the account from now on."""
        ...

    def revoke(self) -> None:
        """Do not know the link any more."""
        ...

    def fill_none(self) -> None:
        """Let new orders stand unfilled."""
        ...

    def fill_part(self, quantity: Decimal) -> None:
        """Fill so many units of the next order and let the rest stand."""
        ...

    def orders_there(self) -> int:
        """How many orders the broker really has."""
        ...

    def orders_asked(self) -> int:
        """How many requests to place an order reached the broker."""
        ...


HELD = {"VTI": D("10.5"), "BND": D(40), "BRK.B": D(3)}
PRICES = {"VTI": D(250), "BND": D("72.31"), "BRK.B": D("401.5")}
CASH = D("10000.07")

Opens = Callable[[], BrokerSide]


def positions_held() -> tuple[Position, ...]:
    return tuple(Position(symbol, quantity) for symbol, quantity in HELD.items())
