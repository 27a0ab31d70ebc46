"""E*TRADE for the contract suite: the adapter signs in at the loopback E*TRADE as a customer would."""

from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal

from allocation.adapters.etrade import EtradeBroker
from allocation.adapters.etrade_sign_in import AccessToken, ConsumerKey, EtradeSignIn
from allocation.brokers import Mode
from tests.broker_side import AfterFault, Fault, Lie
from tests.etrade_stub import KEY, EtradeStub

PATIENCE = 10.0
SOON = 0.3


class EtradeSide:
    """A `BrokerSide` whose broker is a loopback E*TRADE."""

    faults = frozenset(Fault)
    after_faults = frozenset(AfterFault)
    lies = frozenset(Lie)
    account = KEY

    def __init__(self, closing: ExitStack) -> None:
        self.seconds = PATIENCE
        self.stub: EtradeStub = closing.enter_context(EtradeStub())
        self.consumer = ConsumerKey(self.stub.consumer_key, self.stub.consumer_secret, Mode.LIVE)
        self.token = self.sign_in()
        self.secrets = (
            self.consumer.key,
            self.consumer.secret,
            self.token.token,
            self.token.secret,
        )
        self.broker = self.opened()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.stub.ahead

    def sign_in(self) -> AccessToken:
        door = EtradeSignIn(self.consumer, self.now, self.stub.url)
        begun = door.begin()
        return door.finish(begun, self.stub.tokens.agree(begun.token))

    def opened(self) -> EtradeBroker:
        """A broker as another process would open it, which remembers nothing."""
        url = self.stub.url
        waits = {"read_seconds": self.seconds, "order_seconds": self.seconds}
        return EtradeBroker(self.consumer, self.token, self.now, host=url, sign_in_host=url, **waits)

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
        self.stub.blocked = True

    def revoke(self) -> None:
        self.stub.tokens.kill()

    def fill_none(self) -> None:
        self.stub.standing = True

    def fill_part(self, quantity: Decimal) -> None:
        self.stub.share = quantity

    def orders_there(self) -> int:
        return len(self.stub.orders)

    def orders_asked(self) -> int:
        return self.stub.orders_asked
