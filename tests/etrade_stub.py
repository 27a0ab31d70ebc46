"""A loopback E*TRADE: its v1 addresses, answers and rules, as its documents and recorded answers of public clients have them.

Sources: apisb.etrade.com/docs/api (account, portfolio, balance, order); recorded answers in daironmichel/toolsbackbone and
notes in rasesh6/etrade-trading; shapes in jerryryle/etrade-cli. The numbers of refusals that no source names begin with 9.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

from tests.broker_side import CASH, HELD, PRICES, Lie
from tests.etrade_tokens import EASTERN, Tokens
from tests.loopback_broker import Asked, LoopbackBroker, Reply, as_json

D = Decimal
NOTHING = D(0)
KEY = "JIdOIAcSpwR1Jva7RQBraQ"
NUMBER = "83405188"
_ACCOUNT = re.compile(
    r"/v1/accounts/([^/]+)/(portfolio/\d+|portfolio|balance|orders/preview|orders/place|orders/cancel|orders)"
)
_BOUGHT = datetime(2012, 4, 30, 4, 0, tzinfo=UTC)


class RefusedError(Exception):
    """A refusal with E*TRADE's number and words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Lot:
    """Units bought together, at a price."""

    quantity: Decimal
    price: Decimal
    bought: datetime = _BOUGHT


@dataclass
class Placed:
    """An order as E*TRADE keeps it; the client id is kept and never told."""

    number: int
    client_id: str
    terms: Mapping[str, str]
    placed_at: datetime
    status: str = "OPEN"
    filled: Decimal = NOTHING
    price: Decimal = NOTHING

    @property
    def quantity(self) -> Decimal:
        return D(self.terms["quantity"])


@dataclass
class EtradeStub(LoopbackBroker):
    """What E*TRADE knows.

    Attributes:
        ahead: how far its clock is ahead of ours.
        lots_inside: whether positions bring their lots, or have to be asked one by one.
        bare: one object in place of a list of one.
        page: how many positions or orders come at once.
        standing: new orders stand unfilled; `share`: units of the next order that are filled.
    """

    consumer_key: str = "c5bb4dcb7bd6826c7c4340df3f791188"
    consumer_secret: str = "7d30246211192cda43ede3abd9b393b9"
    lots: dict[str, list[Lot]] = field(default_factory=dict)
    cash: Decimal = CASH
    unsettled: Decimal = NOTHING
    prices: dict[str, Decimal] = field(default_factory=lambda: dict(PRICES))
    orders: list[Placed] = field(default_factory=list)
    ahead: timedelta = timedelta(0)
    lots_inside: bool = True
    bare: bool = False
    page: int = 50
    standing: bool = False
    share: Decimal | None = None
    blocked: bool = False
    settles: bool = True
    telling: Lie | None = None
    other_positions: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.consumer_key, self.consumer_secret, self.now)
        self._previews: dict[str, tuple[str, Mapping[str, str], datetime]] = {}
        if not self.lots:
            self.lots = {symbol: [Lot(quantity, PRICES[symbol] / 2)] for symbol, quantity in HELD.items()}

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def places_order(self, asked: Asked) -> bool:
        return asked.path.endswith("/orders/place.json")

    def reply(self, asked: Asked) -> Reply:
        url = f"{self.url}{asked.path}{'?' if asked.query else ''}{asked.query}"
        if asked.path.startswith("/oauth/"):
            status, body = self.tokens.answer(asked.path, url, asked.headers)
            return Reply(status, body.encode(), "application/x-www-form-urlencoded")
        if not self.tokens.is_signed_in(asked.method, url, asked.headers):
            return Reply(401, b"oauth_problem=token_rejected", "text/html")
        if not asked.path.endswith(".json"):
            return Reply(200, b"<?xml version='1.0'?><Answer/>", "application/xml")
        try:
            return self._answer(asked)
        except RefusedError as refusal:
            return as_json({"Error": {"code": refusal.code, "message": str(refusal)}}, 400)

    def _answer(self, asked: Asked) -> Reply:
        path = asked.path.removesuffix(".json")
        if path == "/v1/accounts/list":
            return as_json({"AccountListResponse": {"Accounts": {"Account": self._several([self._account()])}}})
        found = _ACCOUNT.fullmatch(path)
        if found is None:
            return Reply(404)
        if found[1] != KEY:
            raise RefusedError(102, "Please enter valid account key.")
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        ways: dict[tuple[str, str], Any] = {
            ("GET", "portfolio"): lambda: self._portfolio(query),
            ("GET", "balance"): lambda: self._balance(query),
            ("GET", "orders"): lambda: self._orders(query),
            ("POST", "orders/preview"): lambda: self._preview(asked.body),
            ("POST", "orders/place"): lambda: self._place(asked.body),
            ("PUT", "orders/cancel"): lambda: self._cancel(asked.body),
        }
        if found[2].startswith("portfolio/"):
            return self._lots(int(found[2].partition("/")[2]))
        way = ways.get((asked.method, found[2]))
        return way() if way else Reply(405)

    def _several(self, each: list[Any]) -> Any:
        return each[0] if self.bare and len(each) == 1 else each

    # ── Accounts ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _account(self) -> dict[str, Any]:
        return {
            "accountId": NUMBER,
            "accountIdKey": KEY,
            "accountMode": "CASH",
            "accountDesc": "INDIVIDUAL",
            "accountName": "NickName-1",
            "accountType": "INDIVIDUAL",
            "institutionType": "BROKERAGE",
            "accountStatus": "RESTRICTED" if self.blocked else "ACTIVE",
            "closedDate": 0,
        }

    def _portfolio(self, query: Mapping[str, str]) -> Reply:
        positions = [self._position(n, s, lots, query) for n, (s, lots) in enumerate(self.lots.items(), 10_087_531)]
        positions += self.other_positions
        if not positions:
            return Reply(204)
        first = (int(query.get("pageNumber") or 1) - 1) * self.page
        answer: dict[str, Any] = {"accountId": NUMBER, "totalPages": -(-len(positions) // self.page)}
        if first + self.page < len(positions):
            answer |= {"next": "https://api.etrade.com/…", "nextPageNo": str(first // self.page + 2)}
        answer["Position"] = self._several(positions[first : first + self.page])
        self._tell(answer)
        return as_json({"PortfolioResponse": {"AccountPortfolio": self._several([answer])}})

    def _position(self, number: int, symbol: str, lots: list[Lot], query: Mapping[str, str]) -> dict[str, Any]:
        quantity = sum((lot.quantity for lot in lots), D(0))
        told = {
            "positionId": number,
            "symbolDescription": symbol,
            "dateAcquired": 1335758400000,
            "pricePaid": lots[0].price,
            "quantity": quantity,
            "positionType": "LONG",
            "marketValue": quantity * self.prices[symbol],
            "lotsDetails": f"https://api.etrade.com/v1/accounts/{KEY}/portfolio/{number}",
            "Product": {"symbol": symbol, "securityType": "EQ", "expiryYear": 0, "strikePrice": 0},
            "Quick": {"lastTrade": self.prices[symbol], "lastTradeTime": int(self.now().timestamp()), "volume": 1},
        }
        if self.lots_inside and query.get("lotsRequired") == "true":
            told["PositionLot"] = self._several(self._lots_of(number, symbol))
        return told

    def _lots_of(self, number: int, symbol: str) -> list[dict[str, Any]]:
        return [
            {
                "positionId": number,
                "positionLotId": number * 100 + n,
                "price": lot.price,
                "originalQty": lot.quantity,
                "remainingQty": lot.quantity,
                "availableQty": lot.quantity,
                "acquiredDate": int(lot.bought.timestamp() * 1000),
                "settlementCurrency": "XXX" if self.telling == Lie.CURRENCY else "USD",
            }
            for n, lot in enumerate(self.lots[symbol])
        ]

    def _lots(self, number: int) -> Reply:
        symbol = list(self.lots)[number - 10_087_531]
        return as_json({"PositionLotsResponse": {"PositionLot": self._several(self._lots_of(number, symbol))}})

    def _balance(self, query: Mapping[str, str]) -> Reply:
        if query.get("instType") != "BROKERAGE":
            raise RefusedError(9001, "instType is missing")
        computed: dict[str, Any] = {
            "cashAvailableForInvestment": self.cash,
            "unSettledCashForInvestment": self.unsettled,
            "netCash": self.cash + self.unsettled,
            "cashBuyingPower": self.cash,
            "RealTimeValues": {"totalAccountValue": self.cash},
        }
        if self.settles:
            computed["settledCashForInvestment"] = self.cash
        lies = {Lie.CASH_NULL: None, Lie.CASH_NAN: float("nan"), Lie.CASH_NEGATIVE: D("-12.5")}
        if self.telling in lies:
            computed["settledCashForInvestment"] = lies[self.telling]
        number = "11111111" if self.telling == Lie.OTHER_ACCOUNT else NUMBER
        return as_json({"BalanceResponse": {"accountId": number, "accountType": "CASH", "Computed": computed}})

    def _tell(self, answer: dict[str, Any]) -> None:
        first = answer["Position"][0] if isinstance(answer["Position"], list) else answer["Position"]
        if self.telling == Lie.QUANTITY_NAN:
            first["quantity"] = float("nan")
        elif self.telling == Lie.QUANTITY_NULL:
            first["quantity"] = None
        elif self.telling == Lie.SHORT:
            first |= {"quantity": -3, "positionType": "SHORT"}
        elif self.telling == Lie.SYMBOL_TWICE:
            answer["Position"].append(answer["Position"][0])
        elif self.telling == Lie.KEY_MISSING:
            del first["Product"]["symbol"]

    # ── Orders ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _preview(self, body: bytes) -> Reply:
        client_id, terms, _ = _read_form(body, "PreviewOrderRequest")
        cost = self._check(terms)
        number = str(168_321_663_200 + len(self._previews))
        self._previews[number] = (client_id, terms, self.now())
        order = {"orderTerm": terms["orderTerm"], "priceType": terms["priceType"], "estimatedCommission": 0}
        order["estimatedTotalAmount"] = cost if terms["orderAction"] == "BUY" else -cost
        answer = {"orderType": "EQ", "accountId": NUMBER, "Order": self._several([order])}
        return as_json({"PreviewOrderResponse": {**answer, "PreviewIds": self._several([{"previewId": int(number)}])}})

    def _place(self, body: bytes) -> Reply:
        client_id, terms, number = _read_form(body, "PlaceOrderRequest")
        known = self._previews.get(number)
        if not number:
            raise RefusedError(101, "For your protection, we have timed out your original order request")
        if known is None or known[:2] != (client_id, terms) or self.now() - known[2] > timedelta(minutes=3):
            raise RefusedError(900, "Invalid Preview Id")
        self._check(terms)
        del self._previews[number]
        placed = Placed(485 + len(self.orders), client_id, terms, self.now())
        self.orders.append(placed)
        self._fill(placed)
        message = {"description": "200|Your order was successfully entered during market hours.", "code": 1026}
        order = {"messages": {"Message": self._several([message])}, "estimatedTotalAmount": 0}
        answer = {"orderType": "EQ", "accountId": NUMBER, "placedTime": _ms(placed.placed_at), "Order": [order]}
        answer["OrderIds"] = self._several([{"orderId": placed.number}])
        return as_json({"PlaceOrderResponse": answer}, took_order=True)

    def _cancel(self, body: bytes) -> Reply:
        number = ElementTree.fromstring(body).findtext("orderId")
        order = next((each for each in self.orders if str(each.number) == number), None)
        if order is None or order.status not in ("OPEN", "INDIVIDUAL_FILLS"):
            raise RefusedError(5001, "This order is currently being executed or rejected. It cannot be cancelled.")
        order.status = "CANCELLED"
        return as_json({"CancelOrderResponse": {"accountId": NUMBER, "orderId": order.number, "cancelTime": 1}})

    def _orders(self, query: Mapping[str, str]) -> Reply:
        wanted = [order for order in reversed(self.orders) if query.get("status") in (None, order.status)]
        if query.get("status") == "OPEN":
            wanted = [order for order in reversed(self.orders) if order.status in ("OPEN", "INDIVIDUAL_FILLS")]
        if "fromDate" in query:
            first, last = (
                datetime.strptime(f"{query[name]}+0000", "%m%d%Y%z").date() for name in ("fromDate", "toDate")
            )
            if not first < last or (self.now().date() - first) > timedelta(days=731):
                raise RefusedError(9002, "fromDate and toDate are not in order, or beyond two years")
            wanted = [order for order in wanted if first <= order.placed_at.astimezone(EASTERN).date() <= last]
        if not wanted:
            return Reply(204)
        start = int(query.get("marker") or 0)
        count = min(int(query.get("count") or 25), self.page)
        answer: dict[str, Any] = {"Order": self._several([self._listed(o) for o in wanted[start : start + count]])}
        if start + count < len(wanted):
            answer["marker"] = str(start + count)
        return as_json({"OrdersResponse": answer})

    def _listed(self, order: Placed) -> dict[str, Any]:
        instrument = {
            "symbolDescription": order.terms["symbol"],
            "orderAction": order.terms["orderAction"],
            "quantityType": "QUANTITY",
            "orderedQuantity": order.quantity,
            "filledQuantity": order.filled,
            "estimatedCommission": 0,
            "estimatedFees": 0.0,
            "Product": {"symbol": order.terms["symbol"], "securityType": order.terms["securityType"]},
        }
        if order.filled:
            instrument["averageExecutionPrice"] = order.price
        detail = {
            "placedTime": _ms(order.placed_at),
            "status": order.status,
            "orderTerm": order.terms["orderTerm"],
            "priceType": order.terms["priceType"],
            "limitPrice": D(order.terms.get("limitPrice") or 0),
            "stopPrice": 0,
            "marketSession": "REGULAR",
            "Instrument": self._several([instrument]),
        }
        return {"orderId": order.number, "orderType": "EQ", "OrderDetail": self._several([detail])}

    def _check(self, terms: Mapping[str, str]) -> Decimal:
        """What the order comes to; raises for what E*TRADE does not take."""
        symbol, quantity = terms["symbol"], D(terms["quantity"])
        if self.blocked:
            raise RefusedError(9003, "Your account is restricted")
        if symbol not in self.prices:
            raise RefusedError(9004, f"The symbol {symbol} is not valid")
        if quantity != quantity.to_integral_value() or quantity <= 0:
            raise RefusedError(9005, "The quantity must be a whole number of shares")
        held = sum((lot.quantity for lot in self.lots.get(symbol, ())), D(0))
        if terms["orderAction"] == "SELL" and quantity > held:
            raise RefusedError(9006, "You do not own enough shares")
        cost = quantity * D(terms.get("limitPrice") or self.prices[symbol])
        if terms["orderAction"] == "BUY" and cost > self.cash:
            raise RefusedError(9007, "You have insufficient funds for this order")
        return cost

    def _fill(self, order: Placed) -> None:
        if self.standing:
            return
        part, self.share = self.share, None
        order.filled = order.quantity if part is None else part
        symbol = order.terms["symbol"]
        order.price = self.prices[symbol]
        order.status = "EXECUTED" if order.filled == order.quantity else "INDIVIDUAL_FILLS"
        lots = self.lots.setdefault(symbol, [])
        if order.terms["orderAction"] == "BUY":
            lots.append(Lot(order.filled, order.price, order.placed_at))
            self.cash -= order.filled * order.price
            return
        self.cash += order.filled * order.price
        left = order.filled
        while left:
            taken = min(left, lots[0].quantity)
            lots[0].quantity -= taken
            left -= taken
            if not lots[0].quantity:
                lots.pop(0)
        if not lots:
            del self.lots[symbol]


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _read_form(body: bytes, root: str) -> tuple[str, Mapping[str, str], str]:
    """Client id, terms and preview's number of an order form; the elements E*TRADE wants, and where it wants them."""
    form = ElementTree.fromstring(body)
    if form.tag != root or form.findtext("orderType") != "EQ":
        raise RefusedError(9008, "The request is not an order for shares")
    client_id = form.findtext("clientOrderId") or ""
    if not re.fullmatch(r"[A-Za-z0-9]{1,20}", client_id):
        raise RefusedError(9009, "clientOrderId has at most 20 letters and digits")
    wanted = {
        "priceType": "Order/priceType",
        "orderTerm": "Order/orderTerm",
        "marketSession": "Order/marketSession",
        "limitPrice": "Order/limitPrice",
        "orderAction": "Order/Instrument/orderAction",
        "quantityType": "Order/Instrument/quantityType",
        "quantity": "Order/Instrument/quantity",
        "symbol": "Order/Instrument/Product/symbol",
        "securityType": "Order/Instrument/Product/securityType",
    }
    terms = {name: form.findtext(path) or "" for name, path in wanted.items()}
    if missing := [name for name, text in terms.items() if not text and name != "limitPrice"]:
        raise RefusedError(9010, f"{missing} is missing")
    if terms["orderTerm"] not in ("GOOD_FOR_DAY", "GOOD_UNTIL_CANCEL") or terms["priceType"] not in ("MARKET", "LIMIT"):
        raise RefusedError(9011, "Order term or price type is not known")
    if (terms["priceType"] == "LIMIT") != bool(terms["limitPrice"]):
        raise RefusedError(9012, "A limit order has a limit price, and no other has one")
    return client_id, terms, form.findtext("PreviewIds/previewId") or ""
