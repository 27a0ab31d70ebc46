"""Laws over random requests of every kind: order, names and units do not matter, looser rules are never worse."""

import copy
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from tests.brute_force.answering import answer_of
from tests.brute_force.kinds import KINDS

Request = dict[str, Any]
SEEDS = range(500, 512)
AMOUNTS = ("cash_reserve", "min_trade_value")


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_does_not_change_an_answer(kind):
    for seed in SEEDS:
        request = KINDS[kind].request(seed)

        assert _trades(answer_of(_shuffled(request, seed))) == _trades(answer_of(request)), seed


@pytest.mark.parametrize("kind", KINDS)
def test_names_do_not_change_the_trades_but_for_their_order(kind):
    for seed in SEEDS:
        request = KINDS[kind].request(seed)
        renamed = _renamed(request, lambda symbol: f"ETF.{symbol}")

        expected = _trades(answer_of(request), lambda symbol: f"ETF.{symbol}")

        assert _trades(answer_of(renamed)) == expected, seed


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", ["7", "0.5"])
def test_another_unit_of_money_does_not_change_the_trades_of_random_requests(kind, rate):
    for seed in SEEDS:
        request = KINDS[kind].request(seed)

        assert _trades(answer_of(_in_other_money(request, Decimal(rate)))) == _trades(answer_of(request)), seed


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"relative", "everything relative"}))
@pytest.mark.parametrize("rule", ["lock", "do_not_buy", "do_not_sell", "min_trade_value", "max_trades", "max_turnover"])
def test_a_looser_rule_never_gives_a_worse_objective(kind, rule):
    for seed in SEEDS:
        request = KINDS[kind].request(seed)
        if rule not in request["rules"] or request["rules"].get("selling") == "to_raise_cash":
            continue
        looser = copy.deepcopy(request)
        del looser["rules"][rule]

        tight, loose = answer_of(request), answer_of(looser)

        if tight.get("status") == loose.get("status") == "optimal":
            assert Fraction(loose["objective"]["value"]) <= Fraction(tight["objective"]["value"]), seed
        assert "error" not in loose or "error" in tight, seed


@pytest.mark.parametrize("kind", ["limits", "classes"])
def test_planning_again_after_trading_finds_nothing_to_do(kind):
    for seed in SEEDS:
        request = KINDS[kind].request(seed)
        # A smallest trade, or a band, may free from the new holding what it kept from the old.
        for rule in ("min_trade_value", "trade", "band", "destination"):
            request["rules"].pop(rule, None)
        answer = answer_of(request)
        if "error" in answer:
            continue

        assert answer_of(_after(request, answer))["trades"] == [], seed


def _trades(answer: Request, name: Callable[[str], str] = str) -> dict[tuple[str, str], str]:
    """Signed quantities by line; a refusal by its code."""
    if "error" in answer:
        return {("refused", ""): answer["error"]["code"]}
    return {(t["account"], name(t["symbol"])): f"{t['side']} {t['quantity']}" for t in answer["trades"]}


def _shuffled(request: Request, seed: int) -> Request:
    chance = Random(seed)
    turned = copy.deepcopy(request)
    chance.shuffle(turned["accounts"])
    for account in turned["accounts"]:
        chance.shuffle(account["positions"])
    for holder, key in ((turned, "securities"), (turned["target"], "weights"), (turned["target"], "classes")):
        if holder.get(key):
            rows = list(holder[key].items())
            chance.shuffle(rows)
            holder[key] = dict(rows)
    return turned


def _renamed(request: Request, name: Callable[[str], str]) -> Request:
    """Every symbol by another name that sorts alike."""
    told = copy.deepcopy(request)
    told["securities"] = {name(s): security for s, security in told["securities"].items()}
    for position in (p for account in told["accounts"] for p in account["positions"]):
        position["symbol"] = name(position["symbol"])
    if "weights" in told["target"]:
        told["target"]["weights"] = {name(s): w for s, w in told["target"]["weights"].items()}
    for node in told["target"].get("classes", {}).values():
        inside = node.get("securities")
        if inside:
            named = {name(s): w for s, w in inside.items()} if isinstance(inside, dict) else [name(s) for s in inside]
            node["securities"] = named
    for rule in ("lock", "do_not_buy", "do_not_sell"):
        if rule in told["rules"]:
            told["rules"][rule] = [name(s) for s in told["rules"][rule]]
    if "location" in told["rules"]:
        told["rules"]["location"] = {name(s): places for s, places in told["rules"]["location"].items()}
    return told


def _in_other_money(request: Request, rate: Decimal) -> Request:
    told = copy.deepcopy(request)
    for account in told["accounts"]:
        _multiply(account, ("cash", "cash_flow"), rate)
        for lot in (lot for position in account["positions"] for lot in position.get("lots", ())):
            _multiply(lot, ("unit_cost",), rate)
    for security in told["securities"].values():
        _multiply(security, ("price",), rate)
    _multiply(told["rules"], AMOUNTS, rate)
    _multiply(told["rules"].get("costs", {}), ("per_trade", "minimum", "maximum"), rate)
    _multiply(told["rules"].get("taxes", {}), ("max_tax",), rate)
    return told


def _multiply(told: Request, keys: tuple[str, ...], rate: Decimal) -> None:
    for key in keys:
        if told.get(key) is not None:
            told[key] = format(Decimal(told[key]) * rate, "f")


def _after(request: Request, answer: Request) -> Request:
    """The request of the next minute: traded, the cash flow arrived. One account, no costs or taxes."""
    told = copy.deepcopy(request)
    (account,) = told["accounts"]
    held = {p["symbol"]: Decimal(p["quantity"]) for p in account["positions"]}
    for trade in answer["trades"]:
        signed = Decimal(trade["quantity"]) * (1 if trade["side"] == "buy" else -1)
        held[trade["symbol"]] = held.get(trade["symbol"], Decimal(0)) + signed
    account["positions"] = [{"symbol": s, "quantity": format(q, "f")} for s, q in held.items() if q]
    account["cash"], account["cash_flow"] = answer["after"]["cash"], "0"
    return told
