"""The identity of a plan: one hash of the request that it answers and of its trades."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

from allocation.model import Portfolio
from allocation.money import plain, to_decimal
from allocation.rules import Rules
from allocation.targets import TargetAllocation
from allocation.trade_plan import Trade


def identify(
    portfolio: Portfolio,
    target: TargetAllocation,
    prices: Mapping[str, Decimal],
    rules: Rules,
    cash_flow: Decimal,
    trades: Iterable[Trade],
) -> str:
    """`sha256:…` of the canonical request and the trades: JSON with sorted keys and plain numbers.

    Neither the order of rows nor the way a number is written matters, nor does a security that is neither held nor
    wanted.
    """
    held = {s: q for s, q in portfolio.quantities.items() if q}
    weights = {s: w for s, w in target.weights.items() if w or s in held}
    symbols = held.keys() | weights.keys()
    canonical = {
        "account": portfolio.account.id,
        "tax_treatment": portfolio.account.tax_treatment,
        "cash": _text(portfolio.cash),
        "cash_flow": _text(cash_flow),
        "positions": _texts(held),
        "weights": _texts(weights),
        "prices": _texts({s: p for s, p in prices.items() if s in symbols}),
        "rules": _rules(rules, symbols),
        "trades": {t.symbol: _text(t.signed_quantity) for t in trades},
    }
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _rules(rules: Rules, symbols: Iterable[str]) -> dict[str, object]:
    return {
        "objective": rules.objective,
        "selling": rules.selling,
        "outside_target": rules.outside_target,
        "cash_reserve": _text(rules.cash_reserve),
        "min_trade_value": _text(rules.min_trade_value),
        "lock": sorted(rules.lock),
        "do_not_buy": sorted(rules.do_not_buy),
        "do_not_sell": sorted(rules.do_not_sell),
        "increments": {s: _text(rules.increment_of(s)) for s in symbols},
    }


def _texts(numbers: Mapping[str, Decimal]) -> dict[str, str]:
    return {s: _text(number) for s, number in numbers.items()}


def _text(number: object) -> str:
    return plain(to_decimal(number))
