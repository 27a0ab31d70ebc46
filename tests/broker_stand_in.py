"""A broker behind our own HTTP protocol, on loopback: it keeps true books, and fails, forgets or lags as it is told."""

import json
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote

from allocation.money import plain
from tests.broker_side import AfterFault, Fault
from tests.loopback_broker import Asked, LoopbackBroker, Reply, as_json

D = Decimal
TOKEN = "stand-in-token-7f3a9c"
BEFORE = (Fault.SERVER_ERROR, Fault.TOO_MANY, Fault.BUSY)
AFTER = (AfterFault.GATEWAY, AfterFault.RESET, AfterFault.TRUNCATED, AfterFault.HANG, AfterFault.NOT_JSON)


@dataclass
class Kept:
    """An order as the broker has it."""

    id: str
    told: dict[str, Any]
    quantity: Decimal
    status: str = "open"
    filled: Decimal = Decimal(0)
    price: Decimal | None = None
    fees: Decimal = Decimal(0)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class StandIn(LoopbackBroker):
    """One account, its orders, and its weather.

    Attributes:
        unique: whether a second order under an id is refused.
        fills: what becomes of an order: "all", "none", or a number of units.
        chance: how likely a request is to meet a fault, with the dice of `seed`.
        lag: how long an accepted order is not shown.
        fee: money for each fill.
    """

    account: str = "S1"
    cash: Decimal = Decimal(0)
    held: dict[str, Decimal] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    unique: bool = True
    fills: Decimal | None = None
    chance: float = 0
    seed: int = 0
    lag: timedelta = timedelta(0)
    fee: Decimal = Decimal(0)
    blocked: str = ""
    revoked: bool = False
    orders: list[Kept] = field(default_factory=list)
    lies: dict[str, dict[str, Any]] = field(default_factory=dict)  # "account" and "position": fields told otherwise
    dice: random.Random | None = None

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        if self.chance and self.fault is None:
            self._roll()
            fault, self.fault = self.fault, None
            if fault is not None:
                length = int(handler.headers.get("Content-Length") or 0)
                handler.rfile.read(length)
                self._fail(handler, fault)
                return
        super().serve(handler)

    def places_order(self, asked: Asked) -> bool:
        return asked.method == "POST" and asked.path.endswith("/orders")

    def sent(self) -> Counter[str]:
        """How many orders there are under each id."""
        return Counter(kept.told["client_id"] for kept in self.orders)

    def reply(self, asked: Asked) -> Reply:
        if self.revoked or asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _no(401, "unauthorised", "The token is not known.")
        parts = [unquote(part) for part in asked.path.strip("/").split("/")]
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if parts == ["quotes"]:
            return self._quotes(query["symbols"].split(","))
        if parts == ["accounts"]:
            return as_json(
                {
                    "name": "Stand-in",
                    "mode": "paper",
                    "unique_client_ids": self.unique,
                    "accounts": [self._account()],
                }
            )
        if parts[1] != self.account:
            return _no(404, "unknown_account", "There is no such account.")
        return self._of_account(asked, parts[2:], query)

    def _of_account(self, asked: Asked, parts: list[str], query: dict[str, str]) -> Reply:
        if not parts:
            return as_json({**self._account(), **self._books()})
        if asked.method == "POST":
            return self._take(_json(asked))
        if len(parts) == 2:
            found = next((kept for kept in self._shown() if kept.told["client_id"] == parts[1]), None)
            if found is None:
                return _no(404, "unknown_order", "There is no such order.")
            if asked.method == "DELETE" and found.status in ("open", "partially_filled"):
                found.status = "cancelled"
            return as_json(self._order(found))
        since = datetime.fromisoformat(query["since"])
        return as_json({"orders": [self._order(kept) for kept in self._shown() if kept.at >= since]})

    def _take(self, told: dict[str, Any]) -> Reply:
        quantity, symbol = D(told["quantity"]), told["symbol"]
        if self.unique and self.sent()[told["client_id"]]:
            return _no(422, "client_id_known", "The client id must be unique.")
        if symbol not in self.prices:
            return _no(400, "unknown_symbol", "The symbol is not known.")
        if self.blocked:
            return _no(403, "account_blocked", self.blocked)
        if told["side"] == "sell" and quantity > self.held.get(symbol, D(0)):
            return _no(422, "not_held", "There are not as many units.")
        if told["side"] == "buy" and quantity * self.prices[symbol] > self.cash:
            return _no(422, "no_money", "There is not enough buying power.")
        kept = Kept(f"k{len(self.orders) + 1}", told, quantity)
        self.orders.append(kept)
        self.fill(kept, quantity if self.fills is None else min(quantity, self.fills))
        reply = replace(as_json(self._order(kept)), took_order=True)
        if self.chance and self.after_fault is None and self._dice.random() < self.chance / 2:
            self._recovered.clear()
            self.after_fault = self._dice.choice(AFTER)
        return reply

    def fill(self, kept: Kept, units: Decimal) -> None:
        """Fill so many units more, at the price of now."""
        if not units:
            return
        sign, symbol = (1 if kept.told["side"] == "buy" else -1), kept.told["symbol"]
        kept.price = self.prices[symbol]
        kept.filled += units
        kept.fees += self.fee
        kept.status = "filled" if kept.filled == kept.quantity else "partially_filled"
        self.held[symbol] = self.held.get(symbol, D(0)) + sign * units
        self.cash -= sign * units * kept.price + self.fee

    @property
    def _dice(self) -> random.Random:
        if self.dice is None:
            self.dice = random.Random(self.seed)
        return self.dice

    def _roll(self) -> None:
        with self.lock:
            if self._dice.random() < self.chance:
                self.fault = self._dice.choice(BEFORE)

    def _shown(self) -> list[Kept]:
        latest = datetime.now(UTC) - self.lag
        return [kept for kept in self.orders if kept.at <= latest]

    def _account(self) -> dict[str, Any]:
        told = {"id": self.account, "name": "Stand-in", "currency": "USD", "blocked": self.blocked}
        return {**told, **{name: v for name, v in self.lies.get("account", {}).items() if name in told}}

    def _books(self) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat()
        positions = [
            {"symbol": s, "quantity": plain(q), "price": plain(self.prices[s]), "currency": "USD", "time": now}
            for s, q in self.held.items()
            if q
        ]
        if positions and "position" in self.lies:
            positions[-1] = {**positions[-1], **self.lies["position"]}
        waiting = [self._order(kept) for kept in self._shown() if kept.status in ("open", "partially_filled")]
        told = {"cash": plain(self.cash), "positions": positions, "open_orders": waiting}
        return {**told, **{name: v for name, v in self.lies.get("account", {}).items() if name in told}}

    def _quotes(self, symbols: list[str]) -> Reply:
        now = datetime.now(UTC).isoformat()
        quotes = [
            {"symbol": symbol, "price": plain(self.prices[symbol]), "currency": "USD", "time": now}
            for symbol in symbols
            if symbol in self.prices
        ]
        return as_json({"quotes": quotes})

    def _order(self, kept: Kept) -> dict[str, Any]:
        price = None if kept.price is None else plain(kept.price)
        return {
            **kept.told,
            "id": kept.id,
            "status": kept.status,
            "filled": plain(kept.filled),
            "average_price": price,
            "fees": plain(kept.fees),
            "updated_at": kept.at.isoformat(),
        }


def _json(asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(asked.body)
    return told


def _no(status: int, code: str, message: str) -> Reply:
    return as_json({"code": code, "message": message}, status)
