"""A broker behind a small HTTP protocol of our own: for brokers' gateways that somebody writes, and for the crash tests.

The protocol is described in docs/testing.md. Numbers travel as text, moments as ISO 8601 with their zone.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from allocation.adapters.broker_fields import Fields, fields_of
from allocation.adapters.broker_wire import ORDER_SECONDS, READ_SECONDS, Answer, Wire
from allocation.brokers import (
    BrokerAccount,
    BrokerAnswerError,
    BrokerAuthError,
    BrokerSnapshot,
    Mode,
    OrderKnownError,
    OrderPreview,
    OrderRefusedError,
)
from allocation.errors import AllocationError, SettingsError
from allocation.model import Account, Portfolio, Position, PriceSource, Quote, check_currency
from allocation.money import plain
from allocation.orders import Order, OrderReport, OrderStatus, OrderType, TimeInForce
from allocation.trade_plan import Side

_AGAIN: Final = "Give it a new token, and try again."
_KNOWN: Final = "client_id_known"


@dataclass(frozen=True, slots=True)
class Described:
    """What the broker says of itself and its accounts."""

    name: str
    mode: Mode
    unique_client_ids: bool
    accounts: tuple[BrokerAccount, ...]


class RemoteBroker:
    """A `Broker` at a URL such as `https://token@gateway.example.com`; plain http on loopback only."""

    def __init__(
        self, url: str, *, read_seconds: float = READ_SECONDS, order_seconds: float = ORDER_SECONDS, token: str = ""
    ) -> None:
        address = urlsplit(url)
        if not address.hostname:
            raise SettingsError("The broker's URL names no host. Write it like http://127.0.0.1:8600.", ("broker",))
        port = f":{address.port}" if address.port else ""
        host = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
        self._secret = _Secret(token or unquote(address.username or ""))
        self._name = host
        try:
            self.wire = Wire(
                self._name, f"{address.scheme}://{host}{port}", read_seconds=read_seconds, order_seconds=order_seconds
            )
        except ValueError as error:
            raise SettingsError(f"{error}. Only a broker on this machine may be without.", ("broker",)) from None
        self._described: Described | None = None

    @property
    def name(self) -> str:
        """Where it is: its own name would have to be asked for."""
        return self._name

    @property
    def mode(self) -> Mode:
        """Paper or live, as it says."""
        return self._known().mode

    @property
    def unique_client_ids(self) -> bool:
        """Whether it says that it refuses a second order under the same id, for good."""
        return self._known().unique_client_ids

    def accounts(self) -> tuple[BrokerAccount, ...]:
        """The accounts behind the token."""
        self._described = self._describe()
        return self._described.accounts

    def snapshot(self, account: str) -> BrokerSnapshot:
        """What the account holds now."""
        answer = self._accepted(self._read(_path(account)))
        told = self._fields("the account", answer)
        found, now = self._account_of(told), datetime.now(UTC)
        if found.id != account:
            raise self._other_account(account)
        positions = tuple(self._position_of(each) for each in told.many("positions"))
        if len({p.symbol for p in positions}) < len(positions):
            raise told.refused("positions", "a symbol twice", "HOLDING_DUPLICATE")
        cash = told.number("cash", "CASH_INVALID")
        if cash < 0:
            raise told.refused("cash", cash, "CASH_NEGATIVE")
        portfolio = Portfolio(Account(found.id, found.name, self.name, currency=found.currency), positions, cash, now)
        waiting = tuple(self._report_of(each, account) for each in told.many("open_orders"))
        return BrokerSnapshot(found, portfolio, now, open_orders=waiting)

    def quotes(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """Its own quotes, for those it has."""
        wanted = list(symbols)
        if not wanted:
            return {}
        query = urlencode({"symbols": ",".join(wanted)})
        told = self._fields("the quotes", self._accepted(self._read("/quotes", query)))
        found = (_quote_of(each) for each in told.many("quotes"))
        return {quote.symbol: quote for quote in found}

    def preview(self, order: Order) -> OrderPreview | None:
        """None: there is no preview."""
        return None

    def place(self, order: Order, preview: OrderPreview | None = None) -> OrderReport:
        """Place the order in one request, which is never repeated."""
        headers = {**self._secret.headers, "Content-Type": "application/json"}
        body = json.dumps(_told(order)).encode()
        answer = self.wire.order("POST", f"{_path(order.account)}/orders", headers, body=body)
        if answer.status >= 400:
            raise self._refusal(order, answer)
        try:
            report = self._report_of(self._fields("the order", answer), order.account)
        except BrokerAnswerError as error:
            raise self.wire.uncertain("its answer cannot be read") from error
        if report.order.client_id != order.client_id:
            raise self.wire.uncertain("its answer is about another order")
        return report

    def find(self, account: str, client_id: str) -> OrderReport | None:
        """The order with this client id."""
        answer = self._read(f"{_path(account)}/orders/{quote(client_id, safe='')}")
        if answer.status == 404:
            return None
        report = self._report_of(self._fields("the order", self._accepted(answer)), account)
        if report.order.client_id != client_id:
            raise self.wire.malformed("it is about another order than was asked for")
        return report

    def orders(self, account: str, since: datetime) -> tuple[OrderReport, ...]:
        """Every order since a moment."""
        query = urlencode({"since": since.astimezone(UTC).isoformat()})
        told = self._fields("the orders", self._accepted(self._read(f"{_path(account)}/orders", query)))
        return tuple(self._report_of(each, account) for each in told.many("orders"))

    def cancel(self, report: OrderReport) -> None:
        """Ask for it; an order that is over or unknown is nothing to cancel."""
        path = f"{_path(report.order.account)}/orders/{quote(report.order.client_id, safe='')}"
        answer = self.wire.order("DELETE", path, self._secret.headers)
        if answer.status not in (404, 409):
            self._accepted(answer)

    def _known(self) -> Described:
        if self._described is None:
            self._described = self._describe()
        return self._described

    def _describe(self) -> Described:
        told = self._fields("the broker", self._accepted(self._read("/accounts")))
        try:
            mode = Mode(told.text("mode"))
        except ValueError:
            raise told.refused("mode", told.told.get("mode")) from None
        accounts = tuple(self._account_of(each) for each in told.many("accounts"))
        return Described(told.text("name"), mode, told.told.get("unique_client_ids") is True, accounts)

    def _account_of(self, told: Fields) -> BrokerAccount:
        currency = told.maybe_text("currency")
        try:
            check_currency(currency)
        except AllocationError as error:
            raise told.refused("currency", currency or None, "BROKER_CURRENCY") from error
        return BrokerAccount(told.text("id"), told.text("name"), "", currency, told.maybe_text("blocked"))

    def _position_of(self, told: Fields) -> Position:
        symbol, quantity = told.symbol("symbol"), told.number("quantity", "HOLDING_INVALID")
        if quantity < 0:
            raise told.refused("quantity", quantity, "HOLDING_SHORT")
        return Position(symbol, quantity, quote=_quote_of(told) if told.told.get("price") is not None else None)

    def _report_of(self, told: Fields, account: str) -> OrderReport:
        try:
            order = Order(
                told.text("client_id"),
                account,
                told.symbol("symbol"),
                Side(told.text("side")),
                told.number("quantity"),
                told.text("currency"),
                OrderType(told.text("type")),
                told.maybe_number("limit"),
                TimeInForce(told.text("time_in_force")),
            )
        except (ValueError, AllocationError) as error:
            if isinstance(error, BrokerAnswerError):
                raise
            raise told.refused("an order", str(error)) from error
        word = told.text("status")
        known = word in set(OrderStatus)
        return OrderReport(
            order,
            told.text("id"),
            OrderStatus(word) if known else OrderStatus.OPEN,
            told.number("filled"),
            told.maybe_number("average_price"),
            word,
            told.iso_time("updated_at"),
            told.maybe_number("fees"),
            told.maybe_text("reason"),
        )

    def _read(self, path: str, query: str = "") -> Answer:
        return self.wire.read("GET", path, self._secret.headers, query=query)

    def _accepted(self, answer: Answer) -> Answer:
        if answer.status in (401, 403):
            raise self._no_access()
        if answer.status == 404:
            raise self._other_account("")
        if answer.status >= 400:
            raise self.wire.malformed(f"status {answer.status}")
        return answer

    def _fields(self, where: str, answer: Answer) -> Fields:
        return fields_of(self.name, where, answer)

    def _refusal(self, order: Order, answer: Answer) -> Exception:
        """What a status of 4xx says of an order."""
        code, said = _said(answer)
        if answer.status == 401:
            return self._no_access()
        if answer.status == 422 and code == _KNOWN:
            return OrderKnownError(
                f"{self.name} has an order {order.client_id} already. Look it up.", (order.client_id,)
            )
        if answer.status in (400, 403, 404, 422):
            what = f"{order.side.value} {order.quantity:f} {order.symbol}"
            why = said or f"status {answer.status}"
            return OrderRefusedError(f"{self.name} does not take the order to {what}: {why}.", (order.symbol,))
        return self.wire.uncertain(f"status {answer.status}")

    def _no_access(self) -> BrokerAuthError:
        return self.wire.no_access(_AGAIN)

    def _other_account(self, account: str) -> BrokerAnswerError:
        return BrokerAnswerError(
            "BROKER_ACCOUNT", f"{self.name} knows no account {account[:40]!a} behind this token.", ("account",)
        )


@dataclass(frozen=True, slots=True)
class _Secret:
    token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def _path(account: str) -> str:
    return f"/accounts/{quote(account, safe='')}"


def _told(order: Order) -> dict[str, Any]:
    return {
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": plain(order.quantity),
        "currency": order.currency,
        "type": order.type.value,
        "limit": None if order.limit is None else plain(order.limit),
        "time_in_force": order.time_in_force.value,
    }


def _quote_of(told: Fields) -> Quote:
    price: Decimal = told.number("price")
    try:
        return Quote(told.symbol("symbol"), price, told.text("currency"), told.iso_time("time"), PriceSource.FILE)
    except AllocationError as error:
        if isinstance(error, BrokerAnswerError):
            raise
        raise told.refused("price", price) from error


def _said(answer: Answer) -> tuple[Any, str]:
    """The code and the message of a refusal; nothing where it is told another way."""
    try:
        told = fields_of("broker", "the refusal", answer).told
    except BrokerAnswerError:
        return None, ""
    return told.get("code"), str(told.get("message", ""))[:200].rstrip(".")
