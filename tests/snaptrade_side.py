"""SnapTrade for the contract suite: a Personal key at the loopback SnapTrade."""

from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal

from allocation.adapters.snaptrade import SnaptradeBroker
from allocation.adapters.snaptrade_line import SnaptradeKey
from tests.broker_side import AfterFault, Fault, Lie
from tests.snaptrade_stub import ACCOUNT, SnaptradeStub

PATIENCE = 10.0
SOON = 0.3


class SnaptradeSide:
    """A `BrokerSide` whose broker is a loopback SnapTrade."""

    faults = frozenset(Fault)
    after_faults = frozenset(AfterFault)
    lies = frozenset(Lie)
    account = ACCOUNT

    def __init__(self, closing: ExitStack) -> None:
        self.seconds = PATIENCE
        self.stub: SnaptradeStub = closing.enter_context(SnaptradeStub())
        closing.callback(self._held_to_the_description)
        self.key = SnaptradeKey(self.stub.client_id, self.stub.consumer_key)
        self.secrets = (self.key.client_id, self.key.consumer_key)
        self.broker = self.opened()

    def _held_to_the_description(self) -> None:
        assert not self.stub.violations, self.stub.violations

    def now(self) -> datetime:
        return datetime.now(UTC) + self.stub.ahead

    def opened(self) -> SnaptradeBroker:
        """A broker as another process would open it, which remembers nothing."""
        return SnaptradeBroker(self.key, self.now, self.stub.url, read_seconds=self.seconds, order_seconds=self.seconds)

    def suffer(self, fault: Fault) -> None:
        self._wait(SOON if fault in (Fault.HANG, Fault.DRIP) else PATIENCE)
        self.stub.suffer(fault)

    def suffer_after(self, fault: AfterFault) -> None:
        self._wait(SOON if fault == AfterFault.HANG else PATIENCE)
        self.stub.suffer_after(fault)

    def recover(self) -> None:
        self._wait(PATIENCE)
        self.stub.recover()

    def _wait(self, seconds: float) -> None:
        """How long the adapter waits: short where nothing will come, long where a busy machine is only slow."""
        self.seconds = seconds
        wire = self.broker._line.wire
        wire._read_seconds = wire._order_seconds = seconds

    def lie(self, lie: Lie) -> None:
        self.stub.telling = lie

    def block(self) -> None:
        self.stub.type = "read"

    def revoke(self) -> None:
        self.stub.revoked = True

    def fill_none(self) -> None:
        self.stub.fills = Decimal(0)

    def fill_part(self, quantity: Decimal) -> None:
        self.stub.fills = quantity

    def orders_there(self) -> int:
        return len(self.stub.orders)

    def orders_asked(self) -> int:
        return self.stub.orders_asked
