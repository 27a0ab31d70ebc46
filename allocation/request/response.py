"""The response of the command line: its JSON Schema, and a printed plan read back as a value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from allocation.errors import NumberError
from allocation.request.complaints import Complaints
from allocation.request.shapes import Choice, Count, Day, Key, ListOf, MapOf, Maybe, Object, Schema, Text, json_schema
from allocation.request.strict_json import read_json
from allocation.rules import Objective
from allocation.trade_plan import (
    AccountSnapshot,
    Attainment,
    LotSale,
    Remark,
    Side,
    Snapshot,
    Status,
    Totals,
    Trade,
    TradePlan,
    WithoutIt,
)

Told = Mapping[str, Any]

_PRINTED = re.compile(r"-?\d{1,60}(\.\d{1,60})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as we print it: products of prices and quantities may have more digits than any input."""

    def read(self, found: object, path: str, complaints: Complaints) -> Decimal | None:
        """The number."""
        if isinstance(found, Decimal) or (isinstance(found, str) and _PRINTED.fullmatch(found)):
            return Decimal(found)
        complaints.number(path, NumberError(path, found, "a number as a plan prints it"))
        return None

    def schema(self, known: Schema) -> Schema:
        """Always text."""
        return {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}


@dataclass(frozen=True, slots=True)
class PrintedCount(Count):
    """A count as we print it: never text."""

    def schema(self, known: Schema) -> Schema:
        """A JSON number."""
        return {"type": "integer", "minimum": 0}


PRINTED = Key(Printed())
NOTHING = Key(Printed(), "0")

ATTAINMENT = Object(
    "Attainment",
    "How near the plan comes: value and proved lower bound in money (for `relative` a pure number), gap as a fraction of V.",
    {"name": Key(Choice(tuple(Objective))), "value": PRINTED, "bound": PRINTED, "gap": PRINTED},
)
LOT_SALE = Object(
    "LotSale",
    "Units of one tax lot that a sale takes; `disallowed` is the loss that a wash sale keeps from counting.",
    {
        "acquired": Key(Maybe(Day())),
        "quantity": PRINTED,
        "unit_cost": PRINTED,
        "gain": PRINTED,
        "disallowed": NOTHING,
        "term": Key(Choice(("short", "long", "")), ""),
    },
)
WITHOUT_IT = Object(
    "WithoutIt",
    "What the best plan would come to if this line did not trade.",
    {"drift": PRINTED, "objective": PRINTED, "tax": PRINTED},
)
TRADE = Object(
    "Trade",
    "One intended purchase or sale; weights are fractions of the total less the reserve.",
    {
        "account": Key(Text()),
        "symbol": Key(Text()),
        "side": Key(Choice(tuple(Side))),
        **dict.fromkeys(
            ("quantity", "price", "value", "cost", "tax", "weight_before", "weight_target", "weight_after"), PRINTED
        ),
        "lots": Key(ListOf(LOT_SALE), []),
        "reason": Key(Text()),
        "without_it": Key(Maybe(WITHOUT_IT), None),
    },
)
ACCOUNT = Object("AccountSnapshot", "One account at one moment.", {"total": PRINTED, "cash": PRINTED})
SNAPSHOT = Object(
    "Snapshot",
    "All accounts together at one moment, the cash flow included; `classes` where the target is a tree of them.",
    {
        "total": PRINTED,
        "cash": PRINTED,
        "reserve": NOTHING,
        "drift": PRINTED,
        "weights": Key(MapOf(Printed())),
        "accounts": Key(MapOf(ACCOUNT), {}),
        "classes": Key(MapOf(Printed()), {}),
    },
)
TOTALS = Object(
    "Totals",
    "The plan in sums: money, except turnover (a fraction) and trades (a count).",
    {**dict.fromkeys(("buys", "sells", "turnover", "cost", "tax"), PRINTED), "trades": Key(PrintedCount())},
)
REMARK = Object(
    "Remark",
    "Something right but worth knowing.",
    {"code": Key(Text()), "message": Key(Text()), "symbols": Key(ListOf(Text()))},
)
RESPONSE = Object(
    "Response",
    "A plan: what to trade, how sure we are, the accounts before and after.",
    {
        "plan_id": Key(Text()),
        "status": Key(Choice(tuple(Status))),
        "objective": Key(ATTAINMENT),
        "trades": Key(ListOf(TRADE)),
        "before": Key(SNAPSHOT),
        "after": Key(SNAPSHOT),
        "totals": Key(TOTALS),
        "remarks": Key(ListOf(REMARK)),
    },
)


def read_plan(text: str | bytes) -> TradePlan:
    """A plan as the command line printed it.

    Raises:
        RequestError, NumberError: it does not have the shape of one.
    """
    complaints = Complaints()
    told = RESPONSE.read(read_json(text, "The plan"), "", complaints)
    complaints.refuse()
    return _plan(told or {})


def response_schema() -> dict[str, Any]:
    """The JSON Schema of the response."""
    return json_schema(RESPONSE)


def _plan(told: Told) -> TradePlan:
    objective = told["objective"]
    return TradePlan(
        plan_id=told["plan_id"],
        status=Status(told["status"]),
        objective=Attainment(**{**objective, "name": Objective(objective["name"])}),
        trades=tuple(_trade(trade) for trade in told["trades"]),
        before=_snapshot(told["before"]),
        after=_snapshot(told["after"]),
        totals=Totals(**told["totals"]),
        remarks=tuple(Remark(r["code"], r["message"], tuple(r["symbols"])) for r in told["remarks"]),
    )


def _trade(told: Told) -> Trade:
    lots = tuple(LotSale(**lot) for lot in told["lots"])
    without_it = None if told["without_it"] is None else WithoutIt(**told["without_it"])
    return Trade(**{**told, "side": Side(told["side"]), "lots": lots, "without_it": without_it})


def _snapshot(told: Told) -> Snapshot:
    accounts = {account: AccountSnapshot(**each) for account, each in told["accounts"].items()}
    return Snapshot(**{**told, "accounts": accounts})
