"""A broker that does what a test says: holdings that change with its fills, and what befalls the next orders."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from allocation.brokers import (
    BrokerAccount,
    BrokerAuthError,
    BrokerSnapshot,
    BrokerUnavailableError,
    Mode,
    OrderKnownError,
    OrderPreview,
    OrderRefusedError,
    OrderUncertainError,
)
from allocation.model import Account, Portfolio, Position, Quote
from allocation.money import Number, to_decimal
from allocation.orders import Order, OrderReport, OrderStatus
from allocation.trade_plan import Side
from tests.order_builders import NOW, a_quote

D = Decimal


class ScriptedBroker:
    """A `Broker` in memory.

    Attributes:
        script: what befalls the next orders, one word each: "lost" (taken, and the answer with it), "gone" (not taken, and no
            answer), "refused", "auth", "open" (taken, not filled), "part" (half of it filled); anything else is filled.
        hidden: how many questions after it an order is not shown yet.
        prices: what orders are filled at.
    """

    name = "Scripted"
    mode = Mode.PAPER

    def __init__(
        self, holdings: Mapping[str, Number] | None = None, cash: Number = 1000, *, unique: bool = True
    ) -> None:
        self.unique_client_ids = unique
        self.held = {symbol: to_decimal(quantity) for symbol, quantity in (holdings or {}).items()}
        self.cash = to_decimal(cash)
        self.prices: dict[str, Decimal] = {}
        self.fee = D(0)
        self.script: list[str] = []
        self.hidden = 0
        self.down: Exception | None = None
        self.blocked = ""
        self.placed: list[Order] = []  # those that were taken, in order
        self.asked = 0
        self._reports: dict[str, OrderReport] = {}

    def accounts(self) -> tuple[BrokerAccount, ...]:
        return (BrokerAccount("b1", "Main", blocked=self.blocked),)

    def snapshot(self, account: str) -> BrokerSnapshot:
        self._answer()
        positions = tuple(Position(symbol, quantity) for symbol, quantity in self.held.items() if quantity)
        portfolio = Portfolio(Account("b1", "Main"), positions, self.cash)
        waiting = tuple(report for report in self._reports.values() if not report.status.is_final)
        return BrokerSnapshot(self.accounts()[0], portfolio, NOW, open_orders=waiting)

    def preview(self, order: Order) -> OrderPreview | None:
        return None

    def place(self, order: Order, preview: OrderPreview | None = None) -> OrderReport:
        self.asked += 1
        word = self.script.pop(0) if self.script else ""
        if word == "auth":
            raise BrokerAuthError("Sign in again.")
        if word == "gone":
            raise OrderUncertainError("504")
        if self.unique_client_ids and any(placed.client_id == order.client_id for placed in self.placed):
            raise OrderKnownError("must be unique")
        if word == "refused":
            raise OrderRefusedError("insufficient buying power")
        self._take(order, word)
        if word == "lost":
            raise OrderUncertainError("504")
        return self._reports[order.client_id]

    def find(self, account: str, client_id: str) -> OrderReport | None:
        self._answer()
        if self.hidden > 0:
            self.hidden -= 1
            return None
        return self._reports.get(client_id)

    def orders(self, account: str, since: datetime) -> tuple[OrderReport, ...]:
        self._answer()
        return () if self.hidden > 0 else tuple(r for r in self._reports.values() if r.reported_at >= since)

    def cancel(self, report: OrderReport) -> None:
        current = self._reports[report.order.client_id]
        if not current.status.is_final:
            self._reports[report.order.client_id] = replace(current, status=OrderStatus.CANCELLED)

    def fill(self, symbol: str, quantity: Number | None = None, status: OrderStatus | None = None) -> None:
        """Fill so much more of the open order for a symbol, or all of it; end it with a status."""
        report = next(r for r in self._reports.values() if r.order.symbol == symbol and not r.status.is_final)
        more = report.order.quantity - report.filled if quantity is None else to_decimal(quantity)
        self._fill(report, more)
        if status is not None:
            client_id = report.order.client_id
            self._reports[client_id] = replace(self._reports[client_id], status=status)

    def report(self, changed: OrderReport) -> None:
        """Say this of an order from now on."""
        self._reports[changed.order.client_id] = changed

    def report_of(self, symbol: str) -> OrderReport:
        return next(r for r in self._reports.values() if r.order.symbol == symbol)

    def quotes(self, symbols: Iterable[str]) -> dict[str, Quote]:
        return {symbol: a_quote(symbol, self.prices.get(symbol, D(100))) for symbol in symbols}

    def _take(self, order: Order, word: str) -> None:
        self.placed.append(order)
        report = OrderReport(order, f"x{len(self.placed)}", OrderStatus.OPEN, D(0), None, "new", NOW)
        self._reports[order.client_id] = report
        if word == "part":
            self._fill(report, (order.quantity / 2).to_integral_value())
        elif word != "open":
            self._fill(report, order.quantity)

    def _fill(self, report: OrderReport, more: Decimal) -> None:
        order, price = report.order, self.prices.get(report.order.symbol, D(100))
        sign = 1 if order.side == Side.BUY else -1
        self.held[order.symbol] = self.held.get(order.symbol, D(0)) + sign * more
        self.cash -= sign * more * price + self.fee
        filled = report.filled + more
        status = OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTIALLY_FILLED
        fees = (report.fees or D(0)) + self.fee
        self._reports[order.client_id] = replace(
            report, status=status, filled=filled, average_price=price, fees=fees, broker_status=status.value
        )

    def _answer(self) -> None:
        if self.down is not None:
            raise self.down


UNREACHABLE = BrokerUnavailableError("Scripted does not answer.")
SIGNED_OUT = BrokerAuthError("Sign in again.")
