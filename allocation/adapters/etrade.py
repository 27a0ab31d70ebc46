"""E*TRADE as a broker: a thin client of its v1 interface for one customer's accounts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from allocation.adapters.broker_fields import Fields, fields_of
from allocation.adapters.broker_wire import Answer
from allocation.adapters.etrade_answers import (
    account_of,
    cash_of,
    is_held,
    is_open_brokerage,
    lots_of,
    position_of,
    refuse_other_account,
    refuse_twice,
    set_aside_of,
    symbol_of,
)
from allocation.adapters.etrade_line import EtradeLine, reason_of
from allocation.adapters.etrade_orders import (
    cancel_form,
    form_of,
    listed_of,
    placed_of,
    preview_of,
)
from allocation.adapters.etrade_sign_in import EASTERN, NAME, SIGN_IN_HOST, AccessToken, ConsumerKey
from allocation.adapters.sent_orders import Sent, SentOrders
from allocation.brokers import (
    BrokerAccount,
    BrokerAnswerError,
    BrokerAuthError,
    BrokerSnapshot,
    BrokerUnavailableError,
    Mode,
    OrderKnownError,
    OrderPreview,
    OrderRefusedError,
)
from allocation.model import Account, Portfolio, Position
from allocation.orders import CLOCKS_MAY_DIFFER, Order, OrderReport

_MOST_PAGES: Final = 50
_ORDERS_A_PAGE: Final = 100  # the most E*TRADE gives
_HISTORY: Final = timedelta(days=729)  # it keeps two years


class EtradeBroker:
    """A `Broker` for the accounts behind one sign-in at E*TRADE. Safe to share between threads.

    E*TRADE names no client ids in its answers. An order is recognised by the number that came when it was placed, and where
    that answer was lost, by its terms and its moment; two that look alike are not told apart but said to be uncertain.
    """

    name = NAME
    # Its documents say "unique in the account"; nothing proves that a second one is refused, and for good.
    unique_client_ids = False

    def __init__(
        self,
        consumer: ConsumerKey,
        token: AccessToken,
        clock: Callable[[], datetime],
        *,
        host: str = "",
        sign_in_host: str = SIGN_IN_HOST,
        read_seconds: float = 5.0,
        order_seconds: float = 15.0,
        renewed: Callable[[AccessToken], None] = lambda _: None,
    ) -> None:
        """Speak for a customer who signed in.

        Args:
            host: by default that of the key's mode; the two never mix.
            read_seconds: how long E*TRADE has to answer a question; `order_seconds`: an order.
            renewed: is told of the token whenever it was renewed.
        """
        # Paper is the sandbox, whose answers are samples and not the customer's accounts.
        self.mode: Mode = consumer.mode
        self._clock = clock
        self._line = EtradeLine(
            consumer,
            token,
            clock,
            host=host,
            sign_in_host=sign_in_host,
            read_seconds=read_seconds,
            order_seconds=order_seconds,
            renewed=renewed,
        )
        self._sent = SentOrders()

    def __repr__(self) -> str:
        return f"<{NAME} {self.mode.value}>"

    def accounts(self) -> tuple[BrokerAccount, ...]:
        """The brokerage accounts that are not closed."""
        told = self._line.read("/v1/accounts/list.json")
        if told is None:
            return ()
        listed = told.one("AccountListResponse").one("Accounts").many("Account")
        return tuple(account_of(each) for each in listed if is_open_brokerage(each))

    def snapshot(self, account: str) -> BrokerSnapshot:
        """Holdings with lots and last prices, settled and unsettled cash, and open orders."""
        known = self._account(account)
        positions = self._positions(known)
        held = tuple(self._position(known, each) for each in positions if is_held(each))
        refuse_twice(held)
        told = self._line.read(f"{_of(account)}/balance.json", instType="BROKERAGE", realTimeNAV="true")
        if told is None:
            raise self._line.wire.malformed("it holds no balance")
        balance = told.one("BalanceResponse")
        refuse_other_account(known, balance)
        settled, unsettled, buying_power = cash_of(balance)
        now = self._clock()
        portfolio = Portfolio(
            Account(known.id, known.name, NAME, known.number, known.currency),
            held,
            settled,
            now,
            tuple(set_aside_of(each) for each in positions if not is_held(each)),
        )
        waiting = tuple(self._listed(account, status="OPEN"))
        return BrokerSnapshot(known, portfolio, now, {known.currency: unsettled}, buying_power, waiting)

    def preview(self, order: Order) -> OrderPreview | None:
        """E*TRADE's own estimate; it holds for three minutes."""
        return self._previewed(order)

    def place(self, order: Order, preview: OrderPreview | None = None) -> OrderReport:
        """Place what was previewed; without a preview it is previewed here first, as E*TRADE wants it."""
        if preview is not None and preview.order != order:
            raise OrderRefusedError(
                f"The order for {order.symbol} is not the one that was previewed. Preview it again; nothing was sent.",
                (order.symbol,),
            )
        form = form_of(order, (preview or self._previewed(order)).reference)
        path = f"{_of(order.account)}/orders/place.json"
        sent = Sent(order, self._clock())
        self._sent.note(sent)
        try:
            answer = self._line.order("POST", path, form)
        except (BrokerUnavailableError, BrokerAuthError):
            self._sent.forget(order)
            raise
        if answer.status != 200:
            self._sent.forget(order)
            raise self._refusal(order, answer)
        report = self._placed(order, answer)
        self._sent.note(replace(sent, broker_id=report.broker_id))
        return report

    def find(self, account: str, client_id: str) -> OrderReport | None:
        """The order this process sent under the client id; raises `OrderUncertainError` when two look like it."""
        sent = self._sent.get(account, client_id)
        since = sent.at - CLOCKS_MAY_DIFFER if sent else self._clock() - timedelta(days=1)
        return self._sent.recognise(NAME, account, client_id, self._listed(account, since=since))

    def orders(self, account: str, since: datetime) -> tuple[OrderReport, ...]:
        """Orders for shares and funds since a moment; those this process placed carry their client id."""
        return tuple(self._listed(account, since=since))

    def cancel(self, report: OrderReport) -> None:
        """Ask for a cancellation; harmless when the order is over."""
        self._line.order("PUT", f"{_of(report.order.account)}/orders/cancel.json", cancel_form(report.broker_id))
        # 400: it is filled, cancelled or rejected already; what it is, the list of orders says.

    def _previewed(self, order: Order) -> OrderPreview:
        """The preview that an order needs; whatever goes wrong with it, nothing is placed."""
        try:
            path, form = f"{_of(order.account)}/orders/preview.json", form_of(order)
            answer = self._line.ask("POST", path, body=form)
            if answer.status in (400, 404):
                raise self._refusal(order, answer)
            told = self._line.understood(answer)
            if told is None:
                raise self._line.wire.malformed("it holds no preview")
            return preview_of(order, told.one("PreviewOrderResponse"))
        except BrokerAnswerError as error:
            raise self._line.wire.unavailable("a preview that cannot be read") from error

    # ── Asking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _account(self, account: str) -> BrokerAccount:
        for known in self.accounts():
            if known.id == account:
                return known
        raise BrokerAnswerError(
            "BROKER_ACCOUNT",
            f"{NAME} has no such account behind this sign-in. Link the account again on the Accounts page.",
            ("account",),
        )

    def _positions(self, account: BrokerAccount) -> tuple[Fields, ...]:
        found: list[Fields] = []
        page = "1"
        for _ in range(_MOST_PAGES):
            told = self._line.read(
                f"{_of(account.id)}/portfolio.json", view="QUICK", lotsRequired="true", pageNumber=page
            )
            if told is None:
                return tuple(found)
            listed = told.one("PortfolioResponse").first("AccountPortfolio")
            refuse_other_account(account, listed)
            found += listed.many("Position")
            page = listed.maybe_text("nextPageNo")
            if not page:
                return tuple(found)
        raise self._line.wire.malformed("it has no last page")

    def _position(self, account: BrokerAccount, told: Fields) -> Position:
        lots = told.many("PositionLot")
        if not lots and told.maybe_text("lotsDetails"):
            answer = self._line.read(f"{_of(account.id)}/portfolio/{quote(told.text('positionId'), safe='')}.json")
            lots = () if answer is None else answer.one("PositionLotsResponse").many("PositionLot")
        return position_of(told, lots_of(symbol_of(told), lots))

    def _listed(self, account: str, *, since: datetime | None = None, status: str = "") -> Iterator[OrderReport]:
        now = self._clock()
        if since is not None and since > now + CLOCKS_MAY_DIFFER:
            return
        query = {"count": str(_ORDERS_A_PAGE), **({"status": status} if status else {})}
        if since is not None:
            first = max(since, now - _HISTORY).astimezone(EASTERN)
            query |= {"fromDate": f"{first:%m%d%Y}", "toDate": f"{now.astimezone(EASTERN) + timedelta(days=1):%m%d%Y}"}
        for _ in range(_MOST_PAGES):
            told = self._line.read(f"{_of(account)}/orders.json", **query)
            if told is None:
                return
            page = told.one("OrdersResponse")
            for each in page.many("Order"):
                listed = listed_of(account, each, self._sent.under, now)
                if listed is not None and (since is None or (listed.placed_at or now) >= since):
                    yield listed
            if not page.maybe_text("marker"):
                return
            query["marker"] = page.text("marker")
        raise self._line.wire.malformed("it has no last page")

    # ── What was sent ───────────────────────────────────────────────────────────────────────────────────────────────

    def _placed(self, order: Order, answer: Answer) -> OrderReport:
        try:
            return placed_of(order, fields_of(NAME, "the answer", answer).one("PlaceOrderResponse"), self._clock())
        except BrokerAnswerError as error:
            raise self._line.wire.uncertain("an answer that cannot be read") from error

    def _refusal(self, order: Order, answer: Answer) -> OrderRefusedError | OrderKnownError:
        why = reason_of(answer)
        if "duplicate" in why.casefold():
            return OrderKnownError(
                f"{NAME} has an order {order.client_id} already: {why} Look it up.", (order.client_id,)
            )
        return OrderRefusedError(
            f"{NAME} refused the order for {order.symbol}: {why} Nothing was placed.", (order.symbol,)
        )


def _of(account: str) -> str:
    return f"/v1/accounts/{quote(account, safe='')}"
