"""Alpaca as a broker: one account behind a pair of keys or an OAuth token, paper and live on hosts of their own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode

from allocation.adapters.alpaca_answers import (
    NAME,
    account_of,
    cash_of,
    is_share,
    position_of,
    refuse_twice,
    report_of,
    request_of,
    set_aside_of,
    wrong_mode,
)
from allocation.adapters.broker_fields import Fields, fields_of, list_of
from allocation.adapters.broker_wire import Answer, Wire
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
from allocation.model import Account, Portfolio
from allocation.orders import Order, OrderReport, TimeInForce
from allocation.symbols import SpellingError, Venue, spelled

HOSTS: Final[Mapping[Mode, str]] = MappingProxyType(
    {Mode.PAPER: "https://paper-api.alpaca.markets", Mode.LIVE: "https://api.alpaca.markets"}
)
_BEGINS: Final[Mapping[str, Mode]] = MappingProxyType({"PK": Mode.PAPER, "AK": Mode.LIVE})
_MOST_ORDERS: Final = 500  # in one answer
_LOOKS: Final = 3  # at an account that is being traded in, until two agree
_SIGN_IN_AGAIN: Final = "Link Alpaca again on the Accounts page, with keys or by signing in there."
_NOT_UNIQUE: Final = 40010001


@dataclass(frozen=True, slots=True)
class AlpacaKeys:
    """A pair of keys, as Alpaca shows them once. Paper and live have pairs of their own."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"APCA-API-KEY-ID": self.key_id, "APCA-API-SECRET-KEY": self.secret}

    @property
    def mode(self) -> Mode | None:
        """Paper or live, where the key tells."""
        return _BEGINS.get(self.key_id[:2])


@dataclass(frozen=True, slots=True)
class AlpacaToken:
    """An access token that a user granted at app.alpaca.markets; it opens whichever account the host has."""

    access: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.access}"}


class AlpacaBroker:
    """A `Broker` for the one account behind keys or a token.

    Raises:
        BrokerAnswerError: ACCOUNT_MODE, where the key is certainly one of the other mode.
    """

    name = NAME
    # Refused with 422 for as long as the account exists, cancelled orders included.
    unique_client_ids = True

    def __init__(
        self,
        access: AlpacaKeys | AlpacaToken,
        mode: Mode,
        *,
        wire: Wire | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if isinstance(access, AlpacaKeys) and access.mode not in (None, mode):
            raise wrong_mode(mode, access.mode or mode)
        self.mode = mode
        self._access = access
        self._wire = wire or Wire(NAME, HOSTS[mode])
        self._clock = clock
        self._account: BrokerAccount | None = None
        self._fractionable: dict[str, bool] = {}

    def accounts(self) -> tuple[BrokerAccount, ...]:
        """The account; Alpaca has one behind each link."""
        return (account_of(self._ask_account(), self.mode),)

    def snapshot(self, account: str) -> BrokerSnapshot:
        """What the account holds: looked at until nothing moved while we looked."""
        before = self._ask_account()
        for _ in range(_LOOKS):
            positions = list_of(NAME, "the positions", self._read("/v2/positions"))
            waiting = self._list_orders({"status": "open"})
            after = self._ask_account()
            if after.told.get("cash") == before.told.get("cash"):
                break
            before = after
        known = self._checked(after, account)
        return self._snapshot_of(known, after, positions, waiting)

    def preview(self, order: Order) -> OrderPreview | None:
        """None: Alpaca has no preview."""
        return None

    def place(self, order: Order, preview: OrderPreview | None = None) -> OrderReport:
        """Place the order in one request, which is never repeated."""
        known = self._known(order.account)
        try:
            request = request_of(order)
        except SpellingError as error:
            raise OrderRefusedError(error.message, (order.symbol,)) from error
        self._refuse_parts(order)
        headers = {**self._access.headers, "Content-Type": "application/json"}
        answer = self._wire.order("POST", "/v2/orders", headers, body=json.dumps(request).encode())
        if answer.status >= 400:
            raise self._refusal(order, answer)
        try:
            report = report_of(fields_of(NAME, "the order", answer), known.id, known.currency)
        except BrokerAnswerError as error:
            raise self._wire.uncertain("its answer cannot be read") from error
        if report.order.client_id != order.client_id:
            raise self._wire.uncertain("its answer is about another order")
        return report

    def find(self, account: str, client_id: str) -> OrderReport | None:
        """The order with this client id."""
        known = self._known(account)
        query = urlencode({"client_order_id": client_id})
        answer = self._wire.read("GET", "/v2/orders:by_client_order_id", self._access.headers, query=query)
        if answer.status == 404:
            return None
        told = fields_of(NAME, "the order", self._accepted(answer))
        report = report_of(told, known.id, known.currency)
        if report.order.client_id != client_id:
            raise self._wire.malformed("it is about another order than was asked for")
        return report

    def orders(self, account: str, since: datetime) -> tuple[OrderReport, ...]:
        """Every order that was placed since a moment."""
        known = self._known(account)
        after = since.astimezone(UTC).isoformat().replace("+00:00", "Z")
        told = self._list_orders({"status": "all", "after": after})
        return tuple(report_of(each, known.id, known.currency) for each in told)

    def cancel(self, report: OrderReport) -> None:
        """Ask for it; an order that is over already (422) or unknown (404) is nothing to cancel."""
        path = f"/v2/orders/{quote(report.broker_id, safe='')}"
        answer = self._wire.order("DELETE", path, self._access.headers)
        if answer.status not in (404, 422):
            self._accepted(answer)

    def _ask_account(self) -> Fields:
        return fields_of(NAME, "the account", self._read("/v2/account"))

    def _checked(self, told: Fields, account: str) -> BrokerAccount:
        """The account that was asked for; Alpaca answers for whichever one the link opens."""
        found = account_of(told, self.mode)
        if found.id != account:
            raise BrokerAnswerError(
                "BROKER_ACCOUNT",
                f"The link to Alpaca opens another account ({found.name}) than the one that was asked for. Nothing was read or "
                "placed. Unlink it and link Alpaca anew.",
                ("account",),
            )
        self._account = found
        return found

    def _known(self, account: str) -> BrokerAccount:
        if self._account is not None and self._account.id == account:
            return self._account
        return self._checked(self._ask_account(), account)

    def _snapshot_of(
        self, account: BrokerAccount, told: Fields, positions: tuple[Fields, ...], waiting: tuple[Fields, ...]
    ) -> BrokerSnapshot:
        now = self._clock()
        held = tuple(position_of(each, account.currency, now) for each in positions if is_share(each))
        refuse_twice(held)
        portfolio = Portfolio(
            Account(account.id, account.name, NAME, account.number, account.currency),
            tuple(position for position in held if position.quantity),
            cash_of(told),
            now,
            tuple(set_aside_of(each) for each in positions if not is_share(each)),
        )
        return BrokerSnapshot(
            account,
            portfolio,
            now,
            buying_power=told.maybe_number("buying_power"),
            open_orders=tuple(report_of(each, account.id, account.currency) for each in waiting),
        )

    def _list_orders(self, wanted: Mapping[str, str]) -> tuple[Fields, ...]:
        """All pages. The next one is asked for by the last order's id, because two may have come at one moment."""
        found: list[Fields] = []
        query = {**wanted, "direction": "asc", "limit": str(_MOST_ORDERS)}
        while True:
            page = list_of(NAME, "the orders", self._read("/v2/orders", urlencode(query)))
            found += page
            if len(page) < _MOST_ORDERS:
                return tuple(found)
            query = {k: v for k, v in query.items() if k != "after"} | {"after_order_id": page[-1].text("id")}

    def _refuse_parts(self, order: Order) -> None:
        """Parts of a share: only of some securities, and only for the day."""
        if order.quantity == order.quantity.to_integral_value():
            return
        if order.time_in_force != TimeInForce.DAY:
            raise _refused(order, "an order for parts of a share can stand for the day only")
        if order.quantity != order.quantity.quantize(Decimal("1e-9")):
            raise _refused(order, "it has more than nine decimals")
        if not self._is_fractionable(order):
            raise _refused(order, "Alpaca deals in whole units of it only. Round the order")

    def _is_fractionable(self, order: Order) -> bool:
        symbol = spelled(order.symbol, Venue.ALPACA)
        if symbol not in self._fractionable:
            answer = self._wire.read("GET", f"/v2/assets/{quote(symbol, safe='')}", self._access.headers)
            if answer.status == 404:
                raise _refused(order, "Alpaca does not know the symbol")
            told = fields_of(NAME, "the asset", self._accepted(answer))
            self._fractionable[symbol] = told.told.get("fractionable") is True
        return self._fractionable[symbol]

    def _read(self, path: str, query: str = "") -> Answer:
        return self._accepted(self._wire.read("GET", path, self._access.headers, query=query))

    def _accepted(self, answer: Answer) -> Answer:
        if answer.status in (401, 403):
            raise self._no_access()
        if answer.status >= 400:
            raise self._wire.malformed(f"status {answer.status}")
        return answer

    def _refusal(self, order: Order, answer: Answer) -> Exception:
        """What a status of 4xx says of an order."""
        code, said = _said(answer)
        if answer.status == 401 or (answer.status == 403 and said.casefold().startswith("forbidden")):
            return self._no_access()
        if answer.status == 422 and code == _NOT_UNIQUE and "client order id" in said.replace("_", " ").casefold():
            return OrderKnownError(
                f"Alpaca has an order {order.client_id} already. Look it up; it is not sent again.", (order.client_id,)
            )
        if answer.status in (400, 403, 404, 422):
            return _refused(order, said or f"status {answer.status}")
        return self._wire.uncertain(f"status {answer.status}")

    def _no_access(self) -> BrokerAuthError:
        return self._wire.no_access(_SIGN_IN_AGAIN)


def _refused(order: Order, why: str) -> OrderRefusedError:
    what = f"{order.side.value} {order.quantity:f} {order.symbol}"
    return OrderRefusedError(f"Alpaca does not take the order to {what}: {why.rstrip('.')}.", (order.symbol,))


def _said(answer: Answer) -> tuple[Any, str]:
    """The code and the message of a refusal; nothing where it is told another way."""
    try:
        told = fields_of(NAME, "the refusal", answer).told
    except BrokerAnswerError:
        return None, ""
    return told.get("code"), str(told.get("message", ""))[:200]
