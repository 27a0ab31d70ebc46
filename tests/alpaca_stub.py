"""A loopback Alpaca with books of its own. Every request and every answer is held against Alpaca's OpenAPI description."""

import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

D = Decimal
SPEC = Path(__file__).parent / "specs" / "alpaca_trading.json"
OPEN = ("new", "accepted", "partially_filled")


@dataclass
class Told:
    """An answer: status and JSON."""

    status: int
    body: Any = None


@dataclass
class AlpacaStub:
    """One account behind one pair of keys and one token.

    Attributes:
        fills: how many units of a new order are filled at once; None for all of it.
        before, after: meets a request before it is worked on, or the answer to an accepted order.
        doctor: changes what is said of a path before it is sent.
        violations: what did not follow Alpaca's own description.
    """

    cash: Decimal
    held: dict[str, Decimal]
    prices: dict[str, Decimal]
    key_id: str = "PKSTANDIN0000000CANARY"
    secret: str = "canary-secret-of-the-stand-in"
    token: str = "canary-token-of-the-stand-in"
    number: str = "PA3STANDIN01"
    whole_only: frozenset[str] = frozenset({"BRK.B"})
    fills: Decimal | None = None
    blocked: bool = False
    revoked: bool = False
    before: Callable[[BaseHTTPRequestHandler], bool] | None = None
    after: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None
    doctor: Callable[[str, Any], Any] | None = None
    tokens: dict[str, Any] | None = field(default_factory=dict)  # beside the access token; None: refused
    asked_for_tokens: list[dict[str, str]] = field(default_factory=list)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.account_id = str(uuid.UUID(int=7))
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # --- what it answers

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[str, Told]:
        """The path as the description names it, and the answer."""
        parts = urlsplit(handler.path)
        query = dict(parse_qsl(parts.query))
        if parts.path == "/oauth/token":
            return "", self._grant(dict(parse_qsl(body.decode())))
        if not self._knows(handler):
            return "", Told(401, {"code": 40110000, "message": "request is not authorized"})
        for method, pattern, path, work in self._routes():
            found = re.fullmatch(pattern, parts.path)
            if found and method == handler.command:
                self._hold_request_against_the_description(method, path, query, body)
                with self._lock:
                    return path, work(query=query, body=body, name=unquote((*found.groups(), "")[0]))
        return "", Told(404, {"message": "endpoint not found."})

    def _routes(self) -> tuple[tuple[str, str, str, Callable[..., Told]], ...]:
        asset, one_order = "/v2/assets/{symbol_or_asset_id}", "/v2/orders/{order_id}"
        return (
            ("GET", "/v2/account", "/v2/account", lambda **_: Told(200, self._account())),
            ("GET", "/v2/positions", "/v2/positions", lambda **_: Told(200, self._positions())),
            ("GET", "/v2/assets/([^/]+)", asset, lambda name, **_: self._asset(name)),
            ("GET", "/v2/orders:by_client_order_id", "/v2/orders:by_client_order_id", self._by_client_id),
            ("GET", "/v2/orders", "/v2/orders", lambda query, **_: Told(200, self._list(query))),
            ("POST", "/v2/orders", "/v2/orders", lambda body, **_: self._submit(json.loads(body))),
            ("DELETE", "/v2/orders/([0-9a-f-]{36})", one_order, lambda name, **_: self._cancel(name)),
        )

    def _knows(self, handler: BaseHTTPRequestHandler) -> bool:
        told = handler.headers
        keys = (told.get("APCA-API-KEY-ID"), told.get("APCA-API-SECRET-KEY")) == (self.key_id, self.secret)
        return not self.revoked and (keys or told.get("Authorization") == f"Bearer {self.token}")

    def _grant(self, asked: dict[str, str]) -> Told:
        self.asked_for_tokens.append(asked)
        good = asked.get("code") == "good" or asked.get("grant_type") == "refresh_token"
        if self.tokens is None or not good:
            return Told(400, {"error": "invalid_grant"})
        return Told(200, {"access_token": self.token, "token_type": "bearer", "scope": "trading", **self.tokens})

    def _account(self) -> dict[str, Any]:
        equity = self.cash + sum(quantity * self.prices[symbol] for symbol, quantity in self.held.items())
        return {
            "id": self.account_id,
            "account_number": self.number,
            "status": "ACTIVE",
            "currency": "USD",
            "cash": str(self.cash),
            "buying_power": str(self.cash),
            "equity": str(equity),
            "multiplier": "1",
            "trading_blocked": self.blocked,
            "account_blocked": False,
            "trade_suspended_by_user": False,
            "created_at": "2024-01-02T03:04:05Z",
        }

    def _positions(self) -> list[dict[str, Any]]:
        return [self._position(symbol, quantity) for symbol, quantity in self.held.items()]

    def _position(self, symbol: str, quantity: Decimal) -> dict[str, Any]:
        price = self.prices[symbol]
        cost = price / 2
        zeros = ("unrealized_intraday_pl", "unrealized_intraday_plpc", "change_today")
        return {
            "asset_id": _asset_id(symbol),
            "symbol": symbol,
            "exchange": "NYSE",
            "asset_class": "us_equity",
            "avg_entry_price": str(cost),
            "qty": str(quantity),
            "qty_available": str(quantity),
            "side": "long",
            "market_value": str(quantity * price),
            "cost_basis": str(quantity * cost),
            "unrealized_pl": str(quantity * cost),
            "unrealized_plpc": "1",
            "current_price": str(price),
            "lastday_price": str(price),
            "asset_marginable": True,
            **dict.fromkeys(zeros, "0"),
        }

    def _asset(self, symbol: str) -> Told:
        if symbol not in self.prices:
            return Told(404, {"code": 40410000, "message": f"asset not found for {symbol}"})
        return Told(
            200,
            {
                "id": _asset_id(symbol),
                "class": "us_equity",
                "exchange": "NYSE",
                "symbol": symbol,
                "name": symbol,
                "status": "active",
                "tradable": True,
                "marginable": True,
                "shortable": True,
                "easy_to_borrow": True,
                "fractionable": symbol not in self.whole_only,
            },
        )

    # --- orders

    def _by_client_id(self, query: dict[str, str], **_: Any) -> Told:
        found = [o for o in self.orders.values() if o["client_order_id"] == query.get("client_order_id")]
        return Told(200, found[0]) if found else Told(404, {"code": 40410000, "message": "order not found"})

    def _list(self, query: dict[str, str]) -> list[dict[str, Any]]:
        every = sorted(self.orders.values(), key=lambda o: o["submitted_at"])
        wanted = query.get("status", "open")
        chosen = [o for o in every if wanted == "all" or (o["status"] in OPEN) == (wanted == "open")]
        if after := query.get("after"):
            chosen = [o for o in chosen if _time(o["submitted_at"]) > _time(after)]
        if last := query.get("after_order_id"):
            ids = [o["id"] for o in chosen]
            chosen = chosen[ids.index(last) + 1 :]
        ordered = chosen if query.get("direction") == "asc" else chosen[::-1]
        return ordered[: int(query.get("limit", "50"))]

    def _submit(self, asked: dict[str, Any]) -> Told:
        if refusal := self._refusal(asked):
            return refusal
        quantity = D(asked["qty"])
        order = _new_order(asked)
        self.orders[order["id"]] = order
        price = D(asked.get("limit_price") or self.prices[asked["symbol"]])
        self.fill(order["id"], quantity if self.fills is None else min(self.fills, quantity), price)
        return Told(200, order)

    def _refusal(self, asked: dict[str, Any]) -> Told | None:
        if any(o["client_order_id"] == asked["client_order_id"] for o in self.orders.values()):
            return Told(422, {"code": 40010001, "message": "client_order_id must be unique"})
        symbol, quantity = asked["symbol"], D(asked["qty"])
        if self.blocked:
            return Told(403, {"code": 40310000, "message": "account is restricted from trading"})
        if symbol not in self.prices:
            return Told(422, {"code": 42210000, "message": f'asset "{symbol}" not found'})
        if quantity != int(quantity) and symbol in self.whole_only:
            return Told(403, {"code": 40310000, "message": f'asset "{symbol}" is not fractionable'})
        if quantity != int(quantity) and asked["time_in_force"] != "day":
            return Told(422, {"code": 42210000, "message": "fractional orders must be DAY orders"})
        price = D(asked.get("limit_price") or self.prices[symbol])
        if asked["side"] == "buy" and quantity * price > self.cash:
            return Told(403, {"code": 40310000, "message": "insufficient buying power"})
        if asked["side"] == "sell" and quantity > self.held.get(symbol, D(0)):
            return Told(403, {"code": 40310000, "message": "insufficient qty available for order"})
        return None

    def fill(self, order_id: str, quantity: Decimal, price: Decimal) -> None:
        """Fill so many units of an order."""
        order = self.orders[order_id]
        if not quantity:
            return
        sign = 1 if order["side"] == "buy" else -1
        self.cash -= sign * quantity * price
        self.held[order["symbol"]] = self.held.get(order["symbol"], D(0)) + sign * quantity
        if not self.held[order["symbol"]]:
            del self.held[order["symbol"]]
        filled = D(order["filled_qty"]) + quantity
        order.update(filled_qty=str(filled), filled_avg_price=str(price), filled_at=_now(), updated_at=_now())
        order["status"] = "filled" if filled == D(order["qty"]) else "partially_filled"

    def _cancel(self, order_id: str) -> Told:
        order = self.orders.get(order_id)
        if order is None:
            return Told(404, {"code": 40410000, "message": "order not found"})
        if order["status"] not in OPEN:
            return Told(422, {"code": 42210000, "message": f'order is already in "{order["status"]}" state'})
        order.update(status="canceled", canceled_at=_now(), updated_at=_now())
        return Told(204)

    # --- Alpaca's own description

    def _hold_request_against_the_description(self, method: str, path: str, query: dict[str, str], body: bytes) -> None:
        described = _spec()["paths"][path][method.lower()]
        known = {p["name"] for p in described.get("parameters", []) if p["in"] == "query"}
        self.violations += [f"{method} {path}: no parameter {name}" for name in query.keys() - known]
        if body:
            schema = described["requestBody"]["content"]["application/json"]["schema"]
            told = json.loads(body)
            self.violations += _faults(f"{method} {path}", schema, told)
            self.violations += [
                f"{method} {path}: no field {name}" for name in told.keys() - schema["properties"].keys()
            ]

    def hold_answer_against_the_description(self, method: str, path: str, told: Told) -> None:
        described = _spec()["paths"][path][method.lower()]["responses"] if path else {}
        content = described.get(str(told.status), {}).get("content")
        if content:
            what = f"{method} {path} {told.status}"
            self.violations += _faults(what, content["application/json"]["schema"], told.body)


def _handler_of(stub: AlpacaStub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _go(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            stub.asked.append((self.command, self.path))
            if stub.before and stub.before(self):
                return
            path, told = stub.answer(self, body)
            if stub.doctor is None:
                stub.hold_answer_against_the_description(self.command, path, told)
            else:
                told.body = stub.doctor(path, told.body)
            content = b"" if told.body is None else json.dumps(told.body).encode()
            if stub.after and self.command == "POST" and told.status == 200:
                after, stub.after = stub.after, None
                after(self, content)
                return
            send(self, told.status, content)

        do_GET = do_POST = do_DELETE = _go  # noqa: N815

    return Handler


def send(handler: BaseHTTPRequestHandler, status: int, content: bytes, length: int | None = None, **more: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    for name, value in more.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def _new_order(asked: dict[str, Any]) -> dict[str, Any]:
    never = ("filled_at", "expired_at", "canceled_at", "failed_at", "replaced_at", "replaced_by", "replaces", "legs")
    return {
        "id": str(uuid.uuid4()),
        "client_order_id": asked["client_order_id"],
        "created_at": _now(),
        "updated_at": _now(),
        "submitted_at": _now(),
        "asset_id": _asset_id(asked["symbol"]),
        "symbol": asked["symbol"],
        "asset_class": "us_equity",
        "notional": None,
        "qty": asked["qty"],
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "order_type": asked["type"],
        "type": asked["type"],
        "side": asked["side"],
        "time_in_force": asked["time_in_force"],
        "limit_price": asked.get("limit_price"),
        "stop_price": None,
        "status": "new",
        "extended_hours": False,
        **dict.fromkeys(never),
    }


@cache
def _spec() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SPEC.read_text(encoding="utf-8"))
    return found


@cache
def _registry() -> Registry[Any]:
    return Registry().with_resource("urn:spec", Resource.from_contents(_spec(), default_specification=DRAFT4))


def _faults(what: str, schema: dict[str, Any], told: Any) -> list[str]:
    placed = json.loads(json.dumps(schema).replace('"#/components', '"urn:spec#/components'))
    errors = OAS30Validator(placed, registry=_registry()).iter_errors(told)
    return [f"{what}: {'/'.join(map(str, error.path))}: {error.message[:160]}" for error in errors]


def _asset_id(symbol: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol))


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
