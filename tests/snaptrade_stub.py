"""A loopback SnapTrade that verifies signatures; every request and answer is held against SnapTrade's OpenAPI description.

A Personal key has no users, so `userId` and `userSecret`, which the description wants everywhere, are left out of it
(docs.snaptrade.com/docs/authentication-methods). Its description leaves open how refusals look, but for 400 and 403.
"""

import hashlib
import hmac
import json
import re
import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.broker_side import CASH, HELD, PRICES, Lie
from tests.loopback_broker import Asked, LoopbackBroker, Reply, as_json

D = Decimal
NOTHING = D(0)
SPEC = Path(__file__).parent / "specs" / "snaptrade.json"
OPEN = ("ACCEPTED", "PARTIAL")
CONNECTION = "87b24961-b51e-4db8-9226-f198f6518a89"
ACCOUNT = "917c8734-8470-4a3e-a18f-57c3f2ee6631"
CURRENCIES = {"USD": "87b24961-b51e-4db8-9226-f198f6518a01", "CAD": "87b24961-b51e-4db8-9226-f198f6518a02"}


class RefusedError(Exception):
    """A refusal with its status and words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class SnaptradeStub(LoopbackBroker):
    """What SnapTrade knows of one Personal key.

    Attributes:
        fetched_at: when it last asked the institution.
        cash: by currency.
        more_positions: told after the shares held.
        previews, recent: whether the institution offers these.
        fills: units of a new order that are filled at once; None for all.
        violations: what did not follow the description.
    """

    client_id: str = "PERSONAL-CANARY-CLIENT"
    consumer_key: str = "canary-consumer-key-of-the-stand-in"
    institution: str = "E*TRADE"
    type: str = "trade"
    disabled: bool = False
    revoked: bool = False
    currency: str = "USD"
    held: dict[str, Decimal] = field(default_factory=lambda: {s.replace(".", "-"): q for s, q in HELD.items()})
    prices: dict[str, Decimal] = field(default_factory=lambda: {s.replace(".", "-"): p for s, p in PRICES.items()})
    lots: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    cash: dict[str, Decimal] = field(default_factory=lambda: {"USD": CASH})
    more_positions: list[dict[str, Any]] = field(default_factory=list)
    more_orders: list[dict[str, Any]] = field(default_factory=list)
    more_accounts: list[dict[str, Any]] = field(default_factory=list)
    fetched_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    previews: bool = True
    recent: bool = True
    fills: Decimal | None = None
    telling: Lie | None = None
    ahead: timedelta = timedelta(0)
    orders: list[dict[str, Any]] = field(default_factory=list)
    client_ids: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._trades: dict[str, tuple[dict[str, Any], datetime]] = {}

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def places_order(self, asked: Asked) -> bool:
        return bool(re.fullmatch(r"/api/v1/trade/(?!impact$)[^/]+", asked.path))

    def reply(self, asked: Asked) -> Reply:
        if not self._is_signed(asked):
            return as_json({"detail": "Unable to verify signature sent", "status_code": 401, "code": "1076"}, 401)
        query = {name: value for name, value in parse_qsl(asked.query) if name not in ("clientId", "timestamp")}
        body = json.loads(asked.body, parse_float=D) if asked.body else {}
        path = asked.path.removeprefix("/api/v1")
        for method, pattern, described, work in self._ways():
            found = re.fullmatch(pattern, path)
            if found is None or method != asked.method:
                continue
            self._hold_request(described, method, query, asked.body)
            try:
                told = work(*found.groups(), query=query, body=body)
            except RefusedError as refusal:
                return self._refuse(described, method, refusal)
            self._hold_answer(described, method, 200, told)
            return as_json(told, took_order=self.places_order(asked))
        return as_json({"detail": "Not found."}, 404)

    def _ways(self) -> tuple[tuple[str, str, str, Callable[..., Any]], ...]:
        account = r"/accounts/([^/]+)"
        return (
            ("GET", "/accounts", "/accounts", lambda **_: [self._account(), *self.more_accounts]),
            ("GET", "/authorizations", "/authorizations", lambda **_: [self._connection()]),
            ("GET", f"{account}/balances", "/accounts/{accountId}/balances", self._balances),
            ("GET", f"{account}/positions/all", "/accounts/{accountId}/positions/all", self._positions),
            ("GET", f"{account}/recentOrders", "/accounts/{accountId}/recentOrders", self._recent),
            ("GET", f"{account}/orders", "/accounts/{accountId}/orders", self._older),
            ("POST", f"{account}/symbols", "/accounts/{accountId}/symbols", self._symbols),
            ("POST", f"{account}/trading/cancel", "/accounts/{accountId}/trading/cancel", self._cancel),
            ("POST", "/trade/impact", "/trade/impact", self._impact),
            ("POST", "/trade/place", "/trade/place", self._place),
            ("POST", "/trade/([^/]+)", "/trade/{tradeId}", self._place_checked),
        )

    def _is_signed(self, asked: Asked) -> bool:
        """docs.snaptrade.com/docs/request-signatures: HMAC-SHA256 over canonical JSON of body, path and query."""
        query = dict(parse_qsl(asked.query))
        content = json.loads(asked.body) if asked.body else None
        signed = {"content": content or None, "path": asked.path, "query": asked.query}
        text = json.dumps(signed, separators=(",", ":"), sort_keys=True)
        expected = b64encode(hmac.new(self.consumer_key.encode(), text.encode(), hashlib.sha256).digest()).decode()
        fresh = abs(self.now().timestamp() - int(query.get("timestamp") or 0)) < 300
        known = not self.revoked and query.get("clientId") == self.client_id
        return known and fresh and hmac.compare_digest(expected, asked.headers.get("Signature") or "")

    # ── Accounts ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _account(self) -> dict[str, Any]:
        currency = "dollars" if self.telling == Lie.CURRENCY else self.currency
        return {
            "id": ACCOUNT,
            "brokerage_authorization": CONNECTION,
            "name": f"{self.institution} Individual",
            "number": "Q6542138443",
            "institution_name": self.institution,
            "created_date": "2024-07-23T22:50:22.761390+00:00",
            "sync_status": {},
            "balance": {"total": {"amount": 25_000.5, "currency": currency}},
            "status": "open",
            "account_category": "INVESTMENT",
            "is_paper": False,
        }

    def _connection(self) -> dict[str, Any]:
        return {"id": CONNECTION, "name": "Connection-1", "type": self.type, "disabled": self.disabled}

    def _known(self, account: str) -> None:
        if account != ACCOUNT:
            raise RefusedError(404, "Account not found")
        if self.telling == Lie.OTHER_ACCOUNT:
            raise RefusedError(403, "User does not have permission to access this resource")

    def _balances(self, account: str, **_: Any) -> list[dict[str, Any]]:
        self._known(account)
        lies = {Lie.CASH_NULL: None, Lie.CASH_NAN: float("nan"), Lie.CASH_NEGATIVE: D("-12.5")}
        return [
            {
                "currency": {"id": CURRENCIES[code], "code": code, "name": code},
                "cash": lies.get(self.telling, amount),
                "buying_power": amount,
            }
            for code, amount in self.cash.items()
        ]

    def _positions(self, account: str, **_: Any) -> dict[str, Any]:
        self._known(account)
        results = [self._position(symbol, quantity) for symbol, quantity in self.held.items()]
        first = results[0] if results else {}
        if self.telling == Lie.QUANTITY_NAN:
            first["units"] = "NaN"
        elif self.telling == Lie.QUANTITY_NULL:
            first["units"] = None
        elif self.telling == Lie.SHORT:
            first["units"] = "-3"
        elif self.telling == Lie.SYMBOL_TWICE:
            results.append(first)
        elif self.telling == Lie.KEY_MISSING:
            del first["instrument"]["symbol"]
        return {"results": [*results, *self.more_positions], "data_freshness": {"as_of": self.fetched_at.isoformat()}}

    def _position(self, symbol: str, quantity: Decimal) -> dict[str, Any]:
        told = {
            "instrument": instrument("etf", symbol),
            "units": str(quantity),
            "price": str(self.prices[symbol]),
            "cost_basis": str(self.prices[symbol] / 2),
            "currency": "USD",
        }
        return {**told, "tax_lots": self.lots[symbol]} if symbol in self.lots else told

    # ── Orders ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _symbols(self, account: str, body: Mapping[str, Any], **_: Any) -> list[dict[str, Any]]:
        self._known(account)
        return [universal(symbol) for symbol in self.prices if body["substring"] in symbol]

    def _impact(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        if not self.previews:
            raise RefusedError(400, "Order impact is not supported for this brokerage")
        symbol = next((s for s in self.prices if _id_of(s) == body["universal_symbol_id"]), "")
        self._check(body, symbol)
        trade = str(uuid.uuid4())
        self._trades[trade] = ({**body, "symbol": symbol}, self.now())
        impact = {"account": ACCOUNT, "currency": CURRENCIES["USD"], "estimated_commission": 1.25, "forex_fees": 0}
        return {"trade": {"id": trade, "account": ACCOUNT}, "trade_impacts": [impact]}

    def _place(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        self._check(body, body["symbol"])
        self.client_ids.append(body["client_order_id"])
        return self._take(body, body["symbol"])

    def _place_checked(self, trade: str, **_: Any) -> dict[str, Any]:
        body, checked_at = self._trades.pop(trade, ({}, self.now()))
        if not body or self.now() - checked_at > timedelta(minutes=5):
            raise RefusedError(400, "The trade has expired")
        self._check(body, body["symbol"])
        return self._take(body, body["symbol"])

    def _cancel(self, account: str, body: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        self._known(account)
        number = body["brokerage_order_id"]
        order = next((each for each in self.orders if each["brokerage_order_id"] == number), None)
        if order is None or order["status"] not in OPEN:
            raise RefusedError(400, "Order cannot be cancelled")
        order.update(status="CANCELED", canceled_quantity=order["open_quantity"], open_quantity="0")
        return {"brokerage_order_id": number}

    def _recent(self, account: str, query: Mapping[str, str], **_: Any) -> dict[str, Any]:
        self._known(account)
        if not self.recent:
            raise RefusedError(501, "The orders endpoint is not yet implemented for this brokerage")
        every = query.get("only_executed") == "false"
        lately = self._since(timedelta(hours=24))
        return {"orders": [order for order in lately if every or order["status"] == "EXECUTED"]}

    def _older(self, account: str, query: Mapping[str, str], **_: Any) -> list[dict[str, Any]]:
        self._known(account)
        return self._since(timedelta(days=int(query.get("days") or 30)))

    def _since(self, age: timedelta) -> list[dict[str, Any]]:
        every = [*self.more_orders, *reversed(self.orders)]
        return [order for order in every if datetime.fromisoformat(order["time_placed"]) >= self.now() - age]

    def _check(self, body: Mapping[str, Any], symbol: str) -> None:
        if self.type != "trade":
            raise RefusedError(403, "User does not have permissions to place trades")
        if symbol not in self.prices:
            raise RefusedError(400, f"Unable to find the symbol {symbol}")
        units = D(body["units"])
        if body["action"] == "SELL" and units > self.held.get(symbol, NOTHING):
            raise RefusedError(400, "Insufficient shares for this order")
        if body["action"] == "BUY" and units * D(body.get("price") or self.prices[symbol]) > self.cash["USD"]:
            raise RefusedError(400, "Insufficient funds for this order")

    def _take(self, body: Mapping[str, Any], symbol: str) -> dict[str, Any]:
        order = {
            "brokerage_order_id": f"{len(self.orders) + 1:08d}-9a1e",
            "status": "ACCEPTED",
            "universal_symbol": universal(symbol),
            "action": body["action"],
            "total_quantity": str(body["units"]),
            "open_quantity": str(body["units"]),
            "canceled_quantity": "0",
            "filled_quantity": "0",
            "order_type": body["order_type"],
            "time_in_force": body["time_in_force"],
            "time_placed": self.now().isoformat(),
            **({"limit_price": str(body["price"])} if body.get("price") else {}),
        }
        self.orders.append(order)
        self._fill(order, symbol, D(body["units"]))
        return order

    def _fill(self, order: dict[str, Any], symbol: str, units: Decimal) -> None:
        filled = units if self.fills is None else min(units, self.fills)
        if not filled:
            return
        sign = 1 if order["action"] == "BUY" else -1
        self.cash["USD"] -= sign * filled * self.prices[symbol]
        self.held[symbol] = self.held.get(symbol, NOTHING) + sign * filled
        if not self.held[symbol]:
            del self.held[symbol]
        status = "EXECUTED" if filled == units else "PARTIAL"
        told = {"filled_quantity": str(filled), "open_quantity": str(units - filled)}
        order.update(status=status, execution_price=str(self.prices[symbol]), **told)

    # ── SnapTrade's own description ─────────────────────────────────────────────────────────────────────────────────

    def _refuse(self, path: str, method: str, refusal: RefusedError) -> Reply:
        told = {"detail": str(refusal), "status_code": refusal.status, "code": "1076"}
        self._hold_answer(path, method, refusal.status, told)
        return as_json(told, refusal.status)

    def _hold_request(self, path: str, method: str, query: Mapping[str, str], body: bytes) -> None:
        described = _spec()["paths"][path][method.lower()]
        known = {p["name"] for p in described.get("parameters", ()) if p["in"] == "query"}
        self.violations += [f"{method} {path}: no parameter {name}" for name in query.keys() - known]
        if body:
            wanted = _resolved(described["requestBody"])["content"]["application/json"]["schema"]
            self.violations += _differences(f"{method} {path}", wanted, json.loads(body))

    def _hold_answer(self, path: str, method: str, status: int, told: object) -> None:
        if self.telling is not None:
            return
        answers = _spec()["paths"][path][method.lower()]["responses"]
        described = answers.get(str(status), {}).get("content", {}).get("application/json")
        if described:
            plain = json.loads(as_json(told).body)
            self.violations += _differences(f"{method} {path} {status}", described["schema"], plain)


def instrument(kind: str, symbol: str, currency: str = "USD", **more: Any) -> dict[str, Any]:
    """What a position is in."""
    told = {
        "kind": kind,
        "id": _id_of(symbol),
        "symbol": symbol,
        "raw_symbol": symbol.split(".")[0],
        "currency": currency,
    }
    return {**told, "description": f"{symbol} description", **more}


def universal(symbol: str, currency: str = "USD") -> dict[str, Any]:
    """What an order is for."""
    money = {"id": CURRENCIES[currency], "code": currency, "name": currency}
    kind = {"id": str(uuid.UUID(int=5)), "code": "et", "description": "ETF", "is_supported": True}
    told = {"id": _id_of(symbol), "symbol": symbol, "raw_symbol": symbol.split(".")[0], "description": symbol}
    return {**told, "currency": money, "currencies": [money], "type": kind}


def _id_of(symbol: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol))


@cache
def _spec() -> Any:
    return json.loads(SPEC.read_text(encoding="utf-8"))


@cache
def _registry() -> Registry[Any]:
    return Registry().with_resource("urn:spec", Resource.from_contents(_spec(), default_specification=DRAFT4))


def _resolved(described: Any) -> Any:
    """What a reference stands for."""
    if "$ref" not in described:
        return described
    found = _spec()
    for step in described["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def _differences(where: str, schema: object, told: object) -> list[str]:
    wanted = json.loads(json.dumps(schema).replace('"#/components', '"urn:spec#/components'))
    found = OAS30Validator(wanted, registry=_registry()).iter_errors(told)
    return [f"{where}: {'/'.join(map(str, error.path))}: {error.message[:160]}" for error in found]
