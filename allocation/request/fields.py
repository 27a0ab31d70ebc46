"""The request of the command line as a table: every key, its shape, and what is meant where it is left out."""

from decimal import Decimal
from typing import Any

from allocation.model import TaxTreatment
from allocation.request.shapes import Choice, Count, Day, Key, ListOf, ListOrMap, MapOf, Maybe, Number, Object, Text
from allocation.rules import (
    Combine,
    Destination,
    LotMethod,
    Objective,
    OutsideTarget,
    Selling,
    TradeScope,
)
from allocation.targets import SUM_TOLERANCE

NUMBER, AMOUNT, SHARE = Number(), Number(least=0), Number(least=0, most=1)
SYMBOLS = Key(ListOf(Text()), [])
TREATMENT = Choice(tuple(TaxTreatment))


def _sum_to_one(parts: dict[str, Decimal] | None, what: str) -> str:
    wrong = parts is not None and abs(sum(parts.values(), Decimal(0)) - 1) > SUM_TOLERANCE
    return f"the {what} must sum to 1" if wrong else ""


LOT = Object(
    "Lot",
    "Units bought together.",
    {"acquired": Key(Maybe(Day()), None), "quantity": Key(Number(above=0)), "unit_cost": Key(AMOUNT)},
)
POSITION = Object(
    "Position",
    "Units of one security; lots, if given, add up to the quantity. Their order is the one in which `specified` sells them.",
    {"symbol": Key(Text()), "quantity": Key(NUMBER), "lots": Key(ListOf(LOT), [])},
)
RECENT_SALE = Object(
    "RecentSale",
    "A sale at a loss in the last weeks, which a purchase now would wash.",
    {"symbol": Key(Text()), "sold": Key(Day()), "quantity": Key(Number(above=0)), "loss": Key(Number(above=0))},
)
ACCOUNT = Object(
    "Account",
    "One account: settled cash, money in (+) or out (−) before trading, positions.",
    {
        "id": Key(Text(1, 64), "main"),
        "tax_treatment": Key(TREATMENT, "taxable"),
        "cash": Key(NUMBER, "0"),
        "cash_flow": Key(NUMBER, "0"),
        "positions": Key(ListOf(POSITION), []),
        "recent_sales": Key(ListOf(RECENT_SALE), []),
    },
)
SECURITY = Object(
    "Security",
    "What is known of a security. `increment` is its smallest tradable step in units; `classes` are fractions of its value.",
    {
        "price": Key(Maybe(NUMBER), None),
        "increment": Key(Maybe(NUMBER), None),
        "classes": Key(Maybe(MapOf(SHARE)), None),
        "half_spread": Key(SHARE, "0"),
    },
    lambda told: _sum_to_one(told["classes"], "classes"),
)
ASSET_CLASS = Object(
    "AssetClass",
    "A share of the class above, divided among its children. Of `securities`, a list says which are bought, the first that "
    "no rule forbids; an object gives their weights inside the class.",
    {"weight": Key(SHARE)},
    lambda told: _wrong_with_class(told),
)
ASSET_CLASS.keys["children"] = Key(Maybe(MapOf(ASSET_CLASS)), None)
ASSET_CLASS.keys["securities"] = Key(Maybe(ListOrMap(ListOf(Text(), 1), MapOf(SHARE))), None)


def _wrong_with_class(told: dict[str, Any]) -> str:
    if told["children"] and told["securities"] is not None:
        return "give either children or securities"
    return _sum_to_one(told["securities"], "securities") if isinstance(told["securities"], dict) else ""


TARGET = Object(
    "Target",
    "Weights by security, or a tree of asset classes: one of the two.",
    {"weights": Key(Maybe(MapOf(NUMBER)), None), "classes": Key(Maybe(MapOf(ASSET_CLASS)), None)},
    lambda told: "give either weights or classes" if (told["weights"] is None) == (told["classes"] is None) else "",
)
BAND = Object(
    "Band",
    "How far a weight may stray from its target: of the whole, and of the target.",
    {
        "absolute": Key(Maybe(SHARE), "0.05"),
        "relative": Key(Maybe(AMOUNT), "0.25"),
        "combine": Key(Choice(tuple(Combine)), "narrower"),
    },
)
COSTS = Object(
    "Costs",
    "What a trade costs: a fixed sum and a fraction of its value, within a minimum and a maximum.",
    {
        "per_trade": Key(AMOUNT, "0"),
        "rate": Key(SHARE, "0"),
        "minimum": Key(AMOUNT, "0"),
        "maximum": Key(Maybe(AMOUNT), None),
    },
)
HARVEST = Object(
    "Harvest",
    "Losses to realise now: by security that may be sold for its loss, what is bought instead.",
    {
        "substitutes": Key(MapOf(Text())),
        "min_loss": Key(AMOUNT, "0"),
        "min_loss_rate": Key(AMOUNT, "0"),
    },
)
TAXES = Object(
    "Taxes",
    "Taxes on gains; at zero rates nothing here changes a plan.",
    {
        "short_term_rate": Key(SHARE, "0"),
        "long_term_rate": Key(SHARE, "0"),
        "lot_method": Key(Choice(tuple(LotMethod)), "least_tax"),
        "as_of": Key(Maybe(Day()), None),
        "max_tax": Key(Maybe(AMOUNT), None),
        "wash_sale_days": Key(Count(), 30),
        "harvest": Key(Maybe(HARVEST), None),
    },
)
RULES = Object(
    "Rules",
    "How we may trade. Every default is the plain case.",
    {
        "objective": Key(Choice(tuple(Objective)), "l2"),
        "selling": Key(Choice(tuple(Selling)), "allowed"),
        "cash_reserve": Key(NUMBER, "0"),
        "trade": Key(Choice(tuple(TradeScope)), "everything"),
        "band": Key(Maybe(BAND), None),
        "destination": Key(Choice(tuple(Destination)), "target"),
        "outside_target": Key(Choice(tuple(OutsideTarget)), "sell"),
        "lock": SYMBOLS,
        "do_not_buy": SYMBOLS,
        "do_not_sell": SYMBOLS,
        "min_trade_value": Key(NUMBER, "0"),
        "max_trades": Key(Maybe(Count()), None),
        "max_turnover": Key(Maybe(AMOUNT), None),
        "costs": Key(COSTS, {}),
        "taxes": Key(TAXES, {}),
        "location": Key(MapOf(ListOf(TREATMENT)), {}),
    },
)
REQUEST = Object(
    "Request",
    "Everything one plan is made from.",
    {
        "accounts": Key(ListOf(ACCOUNT, 1)),
        "securities": Key(MapOf(SECURITY), {}),
        "target": Key(TARGET),
        "rules": Key(RULES, {}),
    },
)
