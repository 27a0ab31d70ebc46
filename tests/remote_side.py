"""A broker behind our own HTTP protocol for the contract suite: the adapter, and the stand-in that answers it."""

from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from allocation.adapters.remote_broker import RemoteBroker
from tests.broker_side import CASH, HELD, PRICES, AfterFault, Fault, Lie
from tests.broker_stand_in import TOKEN, StandIn

_LIES: dict[Lie, tuple[str, dict[str, Any]]] = {
    Lie.QUANTITY_NAN: ("position", {"quantity": "NaN"}),
    Lie.QUANTITY_NULL: ("position", {"quantity": None}),
    Lie.SHORT: ("position", {"quantity": "-3"}),
    Lie.SYMBOL_TWICE: ("position", {"symbol": "VTI"}),
    Lie.KEY_MISSING: ("position", {"symbol": None}),
    Lie.OTHER_ACCOUNT: ("account", {"id": "S2"}),
    Lie.CASH_NULL: ("account", {"cash": None}),
    Lie.CASH_NAN: ("account", {"cash": "NaN"}),
    Lie.CASH_NEGATIVE: ("account", {"cash": "-5.25"}),
    Lie.CURRENCY: ("account", {"currency": "dollars"}),
}


_PATIENCE = 5.0  # a busy machine is slow
_HURRY = 0.4  # and a test that waits for nothing should be quick


class RemoteSide:
    """A `BrokerSide` over HTTP."""

    faults = frozenset(Fault)
    after_faults = frozenset(AfterFault)
    lies = frozenset(Lie)
    secrets = (TOKEN,)

    def __init__(self, closing: ExitStack) -> None:
        self.stand_in = closing.enter_context(StandIn(cash=CASH, held=dict(HELD), prices=dict(PRICES)))
        self.account = self.stand_in.account
        self.broker = RemoteBroker(
            self.stand_in.url.replace("://", f"://{TOKEN}@"), read_seconds=_PATIENCE, order_seconds=_PATIENCE
        )

    def suffer(self, fault: Fault) -> None:
        if fault in (Fault.HANG, Fault.DRIP):
            self._wait(_HURRY)
        self.stand_in.suffer(fault)

    def suffer_after(self, fault: AfterFault) -> None:
        if fault == AfterFault.HANG:
            self._wait(_HURRY)
        self.stand_in.suffer_after(fault)

    def recover(self) -> None:
        self._wait(_PATIENCE)
        self.stand_in.recover()

    def _wait(self, seconds: float) -> None:
        wire = self.broker.wire
        wire._read_seconds = wire._order_seconds = seconds

    def lie(self, lie: Lie) -> None:
        what, told = _LIES[lie]
        self.stand_in.lies[what] = told

    def block(self) -> None:
        self.stand_in.blocked = "margin call"

    def revoke(self) -> None:
        self.stand_in.revoked = True

    def fill_none(self) -> None:
        self.stand_in.fills = Decimal(0)

    def fill_part(self, quantity: Decimal) -> None:
        self.stand_in.fills = quantity

    def orders_there(self) -> int:
        return len(self.stand_in.orders)

    def orders_asked(self) -> int:
        return self.stand_in.orders_asked
