"""E*TRADE for the contract suite: the adapter signs in at the loopback E*TRADE as a customer would."""

from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal

from allocation.adapters.etrade import EtradeBroker
from allocation.adapters.etrade_sign_in import AccessToken, ConsumerKey, EtradeSignIn
from allocation.brokers import Mode
from tests.broker_side import AfterFault, Fault, Lie
from tests.etrade_stub import KEY, EtradeStub


class EtradeSide:
    """A `BrokerSide` whose broker is a loopback E*TRADE."""

    faults = frozenset(Fault)
    after_faults = frozenset(AfterFault)
    lies = frozenset(Lie)
    account = KEY

    def __init__(self, closing: ExitStack) -> None:
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
        return EtradeBroker(
            self.consumer, self.token, self.now, host=url, sign_in_host=url, read_seconds=0.4, order_seconds=0.4
        )

    def suffer(self, fault: Fault) -> None:
        self.stub.suffer(fault)

    def suffer_after(self, fault: AfterFault) -> None:
        self.stub.suffer_after(fault)

    def recover(self) -> None:
        self.stub.recover()

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
