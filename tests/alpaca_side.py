"""Alpaca for the contract suite: the adapter, and a loopback Alpaca that answers it."""

from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from allocation.adapters.alpaca import AlpacaBroker, AlpacaKeys
from allocation.adapters.broker_wire import Wire
from allocation.brokers import Mode
from tests.alpaca_stub import AlpacaStub
from tests.broker_side import CASH, HELD, PRICES, AfterFault, Fault, Lie
from tests.faults import Weather


class AlpacaSide:
    """A `BrokerSide` over HTTP."""

    faults = frozenset(Fault)
    after_faults = frozenset(AfterFault)
    lies = frozenset(Lie)

    def __init__(self, closing: ExitStack) -> None:
        self.stub = AlpacaStub(CASH, dict(HELD), dict(PRICES))
        self.weather = Weather()
        closing.callback(self.stub.close)
        closing.callback(self.weather.clear)
        closing.callback(self._held_to_the_description)
        self.account = self.stub.account_id
        self.secrets = (self.stub.key_id, self.stub.secret, self.stub.token)
        self.wire = Wire("Alpaca", self.stub.url)
        self.broker = AlpacaBroker(AlpacaKeys(self.stub.key_id, self.stub.secret), Mode.PAPER, wire=self.wire)

    def _held_to_the_description(self) -> None:
        assert self.stub.violations == []

    def suffer(self, fault: Fault) -> None:
        if fault in (Fault.HANG, Fault.DRIP):
            self._hurry(0.4)
        if fault == Fault.REFUSED:
            self.wire.base_url = "http://127.0.0.1:9"
        else:
            self.stub.before = self.weather.before(fault)

    def suffer_after(self, fault: AfterFault) -> None:
        if fault == AfterFault.HANG:
            self._hurry(0.4)
        self.stub.after = self.weather.after(fault)

    def recover(self) -> None:
        self.wire.base_url = self.stub.url
        self._hurry(5.0)
        self.stub.before = self.stub.after = None
        self.weather.clear()

    def _hurry(self, seconds: float) -> None:
        """How long the adapter waits: a busy machine is slow, and a test that waits for nothing should be quick."""
        self.wire._read_seconds = self.wire._order_seconds = seconds

    def lie(self, lie: Lie) -> None:
        self.stub.doctor = lambda path, body: _doctored(lie, path, body)

    def block(self) -> None:
        self.stub.blocked = True

    def revoke(self) -> None:
        self.stub.revoked = True

    def fill_none(self) -> None:
        self.stub.fills = Decimal(0)

    def fill_part(self, quantity: Decimal) -> None:
        self.stub.fills = quantity

    def orders_there(self) -> int:
        return len(self.stub.orders)

    def orders_asked(self) -> int:
        return sum(method == "POST" for method, _ in self.stub.asked)


_OF_ACCOUNT: dict[Lie, dict[str, Any]] = {
    Lie.OTHER_ACCOUNT: {"id": "00000000-0000-0000-0000-000000000008"},
    Lie.CASH_NULL: {"cash": None},
    Lie.CASH_NAN: {"cash": "NaN"},
    Lie.CASH_NEGATIVE: {"cash": "-5.25"},
    Lie.CURRENCY: {"currency": "dollars"},
}
_OF_HOLDING: dict[Lie, dict[str, Any]] = {
    Lie.QUANTITY_NAN: {"qty": "NaN"},
    Lie.QUANTITY_NULL: {"qty": None},
    Lie.SHORT: {"qty": "-3", "side": "short"},
    Lie.SYMBOL_TWICE: {"symbol": "VTI"},
    Lie.KEY_MISSING: {"symbol": None},
}


def _doctored(lie: Lie, path: str, body: Any) -> Any:
    if path == "/v2/account":
        return {**body, **_OF_ACCOUNT.get(lie, {})}
    if path == "/v2/positions":
        return [*body[:-1], {**body[-1], **_OF_HOLDING.get(lie, {})}]
    return body
