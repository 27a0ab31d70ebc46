"""What a process sent to a broker that names no client ids: which order is ours under which of the broker's own ids."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from allocation.brokers import OrderUncertainError
from allocation.orders import Order, OrderReport


@dataclass(frozen=True, slots=True)
class Sent:
    """An order that left this process, and the broker's own id of it once that is known."""

    order: Order
    at: datetime
    broker_id: str = ""


class SentOrders:
    """The orders of one broker that left this process. Safe to share between threads.

    It does not outlive the process. Whoever keeps a journal asks `allocation.brokers.look_up`, which needs no memory here.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: dict[tuple[str, str], Sent] = {}

    def note(self, sent: Sent) -> None:
        """Keep what is about to leave, or what became known of it."""
        with self._lock:
            self._sent[sent.order.account, sent.order.client_id] = sent

    def forget(self, order: Order) -> None:
        """It was not placed after all."""
        with self._lock:
            self._sent.pop((order.account, order.client_id), None)

    def get(self, account: str, client_id: str) -> Sent | None:
        """What was sent under a client id."""
        with self._lock:
            return self._sent.get((account, client_id))

    def under(self, broker_id: str) -> Order | None:
        """What was sent and is known to the broker by this id."""
        with self._lock:
            return next((sent.order for sent in self._sent.values() if sent.broker_id == broker_id), None)

    def recognise(self, broker: str, account: str, client_id: str, listed: Iterable[OrderReport]) -> OrderReport | None:
        """The order of the list that was sent under the client id; None when it is not there, or was not sent from here.

        Raises:
            OrderUncertainError: its answer was lost, and several of the list look like it.
        """
        reports, sent = tuple(listed), self.get(account, client_id)
        named = next((each for each in reports if each.order.client_id == client_id), None)
        if named is not None or sent is None or sent.broker_id:
            return named
        alike = [each for each in reports if each.may_be(sent.order, sent.at)]
        if len(alike) > 1:
            raise OrderUncertainError(
                f"{broker} has {len(alike)} orders that look like the one for {sent.order.symbol}. Look there which is which; "
                "nothing is sent again.",
                (sent.order.symbol,),
            )
        if not alike:
            return None
        self.note(replace(sent, broker_id=alike[0].broker_id))
        return replace(alike[0], order=replace(alike[0].order, client_id=client_id, symbol=sent.order.symbol))
