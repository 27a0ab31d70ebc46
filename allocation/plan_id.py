"""The identity of a plan: one hash of the request that it answers and of its trades."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal

from allocation.facts import Facts
from allocation.model import Portfolio, TaxLot
from allocation.money import plain
from allocation.rules import LotMethod, Rules
from allocation.targets import AssetClass, ClassTarget, TargetAllocation
from allocation.trade_plan import Trade


def identify(facts: Facts, trades: Iterable[Trade]) -> str:
    """`sha256:…` of the canonical request and the trades: JSON with sorted keys and plain numbers.

    Neither the order of rows nor the way a number is written matters, nor does a security that is neither held nor
    wanted. The order of lots matters only where the user's order decides which are sold.
    """
    symbols = _symbols(facts)
    canonical = {
        "accounts": {p.account.id: _account(p, facts) for p in facts.portfolios},
        "target": _target(facts.target, symbols),
        "prices": {s: _text(p) for s, p in facts.prices.items() if s in symbols},
        "rules": _rules(facts.rules, symbols),
        "trades": sorted([t.account, t.symbol, _text(t.signed_quantity)] for t in trades),
    }
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), default=_text)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _symbols(facts: Facts) -> set[str]:
    """What is held or wanted; every security that a class target could choose from is wanted."""
    held = {p.symbol for portfolio in facts.portfolios for p in portfolio.positions if p.quantity}
    if facts.rules.taxes.harvest:
        held |= {other for symbol, other in facts.rules.taxes.harvest.substitutes.items() if symbol in held}
    if isinstance(facts.target, ClassTarget):
        return held | {s for s in facts.target.exposures if facts.prices.get(s) is not None}
    return held | {s for s, w in facts.target.weights.items() if w}


def _account(portfolio: Portfolio, facts: Facts) -> dict[str, object]:
    account, sold = portfolio.account, portfolio.recent_sales
    ordered = facts.rules.taxes.lot_method == LotMethod.SPECIFIED
    return {
        "tax_treatment": account.tax_treatment,
        "cash": _text(portfolio.cash),
        "cash_flow": _text(facts.cash_flows.get(account.id, Decimal(0))),
        "positions": {
            p.symbol: {"quantity": _text(p.quantity), "lots": _lots(p.lots, ordered)}
            for p in portfolio.positions
            if p.quantity
        },
        **(
            {"recent_sales": sorted([s.symbol, _text(s.sold), _text(s.quantity), _text(s.loss)] for s in sold)}
            if sold
            else {}
        ),
    }


def _lots(lots: tuple[TaxLot, ...], ordered: bool) -> list[list[str]]:
    if not lots:
        return []
    told = [
        [lot.acquired.isoformat() if lot.acquired else "", _text(lot.quantity), _text(lot.unit_cost)] for lot in lots
    ]
    return told if ordered else sorted(told)


def _target(target: TargetAllocation | ClassTarget, symbols: set[str]) -> dict[str, object]:
    if isinstance(target, TargetAllocation):
        return {"weights": _texts({s: w for s, w in target.weights.items() if s in symbols})}
    return {
        "classes": {c.name: _class(c) for c in target.classes},
        "exposures": {s: _texts(e) for s, e in target.exposures.items() if s in symbols},
    }


def _class(told: AssetClass) -> dict[str, object]:
    return {
        "weight": _text(told.weight),
        "children": {c.name: _class(c) for c in told.children},
        "securities": list(told.securities),
        "within": _texts(told.within),
    }


def _rules(rules: Rules, symbols: set[str]) -> dict[str, object]:
    """Every rule by its name; what it says of idle securities is left out."""
    told = {field.name: _canonical(getattr(rules, field.name)) for field in fields(rules)}
    for name in ("lock", "do_not_buy", "do_not_sell"):
        told[name] = sorted(getattr(rules, name))
    told["half_spreads"] = _texts({s: x for s, x in rules.half_spreads.items() if x and s in symbols})
    told["location"] = {s: list(best) for s, best in rules.location.items() if best and s in symbols}
    told["increments"] = {s: _text(rules.increment_of(s)) for s in symbols}
    del told["increment"]
    return told


def _canonical(value: object) -> object:
    """A rule as plain JSON: numbers and days as text, groups of rules by their fields."""
    if isinstance(value, Decimal | date):
        return _text(value)
    if isinstance(value, Mapping):
        return {str(name): _canonical(told) for name, told in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {name: _canonical(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def _texts(numbers: Mapping[str, Decimal]) -> dict[str, str]:
    return {s: _text(number) for s, number in numbers.items()}


def _text(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
