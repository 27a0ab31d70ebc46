"""SnapTrade as a broker: whatever institutions its customer connected there, through a Personal key."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from allocation.adapters.broker_fields import fields_of, list_of
from allocation.adapters.broker_wire import Answer
from allocation.adapters.sent_orders import Sent, SentOrders
from allocation.adapters.snaptrade_answers import (
    account_of,
    cash_of,
    is_held,
    is_investment,
    position_of,
    refuse_twice,
    report_of,
    set_aside_of,
    standing_of,
)
from allocation.adapters.snaptrade_line import (
    HOST,
    NAME,
    SnaptradeKey,
    SnaptradeLine,
    as_number,
    reason_of,
)
from allocation.brokers import (
    BrokerAccount,
    BrokerAnswerError,
    BrokerAuthError,
    BrokerSnapshot,
    BrokerUnavailableError,
    Mode,
    OrderPreview,
    OrderRefusedError,
)
from allocation.model import Account, Portfolio
from allocation.orders import CLOCKS_MAY_DIFFER, Order, OrderReport, OrderType, TimeInForce
from allocation.symbols import Venue, same_security, spelled

_MOST_DAYS: Final = 90  # SnapTrade lists no older orders
_LATELY: Final = timedelta(hours=23)  # what its list of recent orders certainly holds
_TYPES: Final = {OrderType.MARKET: "Market", OrderType.LIMIT: "Limit"}
_TERMS: Final = {TimeInForce.DAY: "Day", TimeInForce.GOOD_TILL_CANCELLED: "GTC"}
_CLIENT_IDS: Final = uuid.UUID("5f0c3a54-6a0e-5f0c-9d52-9f7b8d1f2c11")  # ours, under which client ids become UUIDs


class SnaptradeBroker:
    """A `Broker` for the accounts behind one Personal key. Safe to share between threads.

    SnapTrade passes client ids on to the institution, enforces none itself, and names none in its answers; an order is known
    again by the institution's id, or by its terms and its moment.
    """

    name = NAME
    mode = Mode.LIVE
    unique_client_ids = False

    def __init__(
        self,
        key: SnaptradeKey,
        clock: Callable[[], datetime],
        host: str = HOST,
        *,
        read_seconds: float = 5.0,
        order_seconds: float = 30.0,
    ) -> None:
        """Speak for the owner of the key.

        Args:
            read_seconds: how long SnapTrade has to answer a question; `order_seconds`: an order.
        """
        self._clock = clock
        self._line = SnaptradeLine(key, clock, host, read_seconds=read_seconds, order_seconds=order_seconds)
        self._sent = SentOrders()

    def __repr__(self) -> str:
        return f"<{NAME}>"

    def accounts(self) -> tuple[BrokerAccount, ...]:
        """The open investment accounts of every connection; bank accounts are left out."""
        connections = {each.text("id"): each for each in self._line.list("/authorizations")}
        return tuple(
            account_of(each, connections.get(each.text("brokerage_authorization")))
            for each in self._line.list("/accounts")
            if is_investment(each)
        )

    def snapshot(self, account: str) -> BrokerSnapshot:
        """Holdings as SnapTrade fetched them last, which `portfolio.as_of` says, with cash and open orders."""
        known = self._account(account)
        told = self._line.one(f"{_of(account)}/positions/all")
        fetched_at = told.one("data_freshness").iso_time("as_of")
        results = told.many("results")
        held = tuple(position_of(each, fetched_at) for each in results if is_held(each))
        refuse_twice(held)
        cash, others, buying_power = cash_of(known, self._line.list(f"{_of(account)}/balances"))
        portfolio = Portfolio(
            Account(known.id, known.name, NAME, known.number, known.currency),
            held,
            cash,
            fetched_at,
            tuple(set_aside_of(each) for each in results if not is_held(each)),
            balances=others,
        )
        waiting = tuple(each for each in self._listed(account, 1) if not each.status.is_final)
        return BrokerSnapshot(known, portfolio, self._clock(), buying_power=buying_power, open_orders=waiting)

    def preview(self, order: Order) -> OrderPreview | None:
        """The institution's own estimate, good for five minutes; None where SnapTrade has none for it."""
        body = {**_terms(order), "universal_symbol_id": self._symbol_id(order)}
        answer = self._line.ask("POST", "/trade/impact", body=body)
        if answer.status == 501 or (answer.status in (400, 403) and "not support" in reason_of(answer).casefold()):
            return None
        if answer.status != 200:
            raise self._refusal(order, answer)
        told = fields_of(NAME, "impact", answer)
        impact = told.first("trade_impacts")
        fees = [impact.maybe_number(name) for name in ("estimated_commission", "forex_fees")]
        charged = None if None in fees[:1] else sum((fee for fee in fees if fee is not None), Decimal(0))
        return OrderPreview(order, told.one("trade").text("id"), None, charged, _about_lots(order))

    def place(self, order: Order, preview: OrderPreview | None = None) -> OrderReport:
        """Place what was previewed, or the order as it is; refused where the connection only reads."""
        if preview is not None and preview.order != order:
            raise OrderRefusedError(
                f"The order for {order.symbol} is not the one that was previewed. Preview it again; nothing was sent.",
                (order.symbol,),
            )
        if blocked := self._to_trade(order).blocked:
            raise OrderRefusedError(f"{NAME} places no order for {order.symbol}: {blocked}", (order.symbol,))
        if preview is not None and preview.reference:
            path = f"/trade/{quote(preview.reference, safe='')}"
            body: dict[str, Any] = {"wait_to_confirm": True}
        else:
            client_id = str(uuid.uuid5(_CLIENT_IDS, f"{order.account}\x00{order.client_id}"))
            path, body = "/trade/place", {**_terms(order), "symbol": _spelled(order), "client_order_id": client_id}
        sent = Sent(order, self._clock())
        self._sent.note(sent)
        try:
            answer = self._line.order(path, body)
        except (BrokerUnavailableError, BrokerAuthError):
            self._sent.forget(order)
            raise
        if answer.status != 200:
            self._sent.forget(order)
            raise self._refusal(order, answer)
        return self._placed(sent, answer)

    def find(self, account: str, client_id: str) -> OrderReport | None:
        """The order this process sent under the client id; raises `OrderUncertainError` when two look like it."""
        sent = self._sent.get(account, client_id)
        since = sent.at - CLOCKS_MAY_DIFFER if sent else self._clock() - _LATELY
        return self._sent.recognise(NAME, account, client_id, self.orders(account, since))

    def orders(self, account: str, since: datetime) -> tuple[OrderReport, ...]:
        """Orders for shares and funds since a moment, of the last 90 days; those placed here carry their client id."""
        age = self._clock() - since
        days = 0 if age < _LATELY else min(_MOST_DAYS, age.days + 1)
        found = self._listed(account, days)
        return tuple(each for each in found if each.placed_at is None or each.placed_at >= since)

    def cancel(self, report: OrderReport) -> None:
        """Ask for a cancellation; harmless when the order is over."""
        path = f"{_of(report.order.account)}/trading/cancel"
        self._line.order(path, {"brokerage_order_id": report.broker_id})
        # 400: it is filled, cancelled or rejected already; what it is, the list of orders says.

    # ── Private ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _account(self, account: str) -> BrokerAccount:
        """One of the accounts; raises `BrokerAuthError` where its connection is broken, for then SnapTrade repeats old data."""
        told = next((each for each in self._line.list("/accounts") if each.text("id") == account), None)
        if told is None:
            raise BrokerAnswerError(
                "BROKER_ACCOUNT",
                f"{NAME} has no such account behind this key. A connection that was made anew gives its accounts new ids; link "
                "the account again on the Accounts page.",
                ("account",),
            )
        wanted = told.text("brokerage_authorization")
        connection = next((each for each in self._line.list("/authorizations") if each.text("id") == wanted), None)
        if connection is not None and connection.told.get("disabled") is True:
            institution = told.text("institution_name")
            raise BrokerAuthError(
                f"{NAME}'s connection to {institution} is broken, and what it says of the account is old. Connect {institution} "
                "again at dashboard.snaptrade.com.",
                (institution,),
            )
        return account_of(told, connection)

    def _to_trade(self, order: Order) -> BrokerAccount:
        """The account an order is for; an answer that cannot be read means that nothing was placed."""
        try:
            return self._account(order.account)
        except BrokerAnswerError as error:
            raise self._line.wire.unavailable("accounts that cannot be read") from error

    def _listed(self, account: str, days: int) -> tuple[OrderReport, ...]:
        """Orders of so many days; those of the last hours as they are now, and not as SnapTrade fetched them last."""
        now = self._clock()
        recent = self._line.maybe(f"{_of(account)}/recentOrders", only_executed="false")
        told = () if recent is None else fields_of(NAME, "recentOrders", recent).many("orders")
        if days or recent is None:
            older = self._line.maybe(f"{_of(account)}/orders", state="all", days=str(max(days, 1)))
            told = (*told, *(() if older is None else list_of(NAME, "orders", older)))
        found: dict[str, OrderReport] = {}
        for each in told:
            report = report_of(account, each, self._sent.under, now)
            if report is not None:
                found.setdefault(report.broker_id, report)
        return tuple(found.values())

    def _symbol_id(self, order: Order) -> str:
        """SnapTrade's id of the security, as the institution trades it."""
        wanted = _spelled(order)
        answer = self._line.ask("POST", f"{_of(order.account)}/symbols", body={"substring": wanted})
        if answer.status != 200:
            raise self._refusal(order, answer)
        alike = [
            each
            for each in list_of(NAME, "symbols", answer)
            if same_security(each.text("symbol"), wanted) and each.one("currency").text("code") == order.currency
        ]
        if len(alike) != 1:
            raise OrderRefusedError(
                f"{NAME} knows {len(alike) or 'no'} securities called {wanted} in {order.currency} at this institution. Nothing "
                "was placed.",
                (order.symbol,),
            )
        return alike[0].text("id")

    def _placed(self, sent: Sent, answer: Answer) -> OrderReport:
        try:
            told = fields_of(NAME, "the order", answer)
            broker_id = told.text("brokerage_order_id")
            self._sent.note(Sent(sent.order, sent.at, broker_id))
            now = self._clock()
            listed = report_of(sent.order.account, told, self._sent.under, now)
            # The security may be missing from this first answer; the id is what matters in it.
            return listed or standing_of(sent.order, broker_id, told, now)
        except BrokerAnswerError as error:
            raise self._line.wire.uncertain("an answer that cannot be read") from error

    def _refusal(self, order: Order, answer: Answer) -> OrderRefusedError:
        return OrderRefusedError(
            f"{NAME} refused the order for {order.symbol}: {reason_of(answer)} Nothing was placed.", (order.symbol,)
        )


def _of(account: str) -> str:
    return f"/accounts/{quote(account, safe='')}"


def _terms(order: Order) -> dict[str, Any]:
    """The terms as SnapTrade words them; raises `OrderRefusedError` for what it does not take."""
    if order.type not in _TYPES:
        raise OrderRefusedError(f"A {order.type.value} order is not one of ours. Nothing was sent.", (order.symbol,))
    price = {} if order.limit is None else {"price": as_number(order.limit, "the limit", order.symbol)}
    return {
        "account_id": order.account,
        "action": order.side.value.upper(),
        "order_type": _TYPES[order.type],
        "time_in_force": _TERMS[order.time_in_force],
        "units": as_number(order.quantity, "a quantity", order.symbol),
        **price,
    }


def _spelled(order: Order) -> str:
    return spelled(order.symbol, Venue.YAHOO)


def _about_lots(order: Order) -> tuple[str, ...]:
    return ("The institution takes the lots by its own method, not the lots of the plan.",) if order.lots else ()
