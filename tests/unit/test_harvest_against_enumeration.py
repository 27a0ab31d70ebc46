"""Losses to realise, against trying every size of sale: what planning asks for and what the check of plans derives again."""

import json
from fractions import Fraction
from typing import Any

import pytest

from allocation.checks.fault import Fault
from allocation.checks.harvest import read_harvested_ledger
from allocation.errors import InfeasibleError
from allocation.facts import Facts
from allocation.plan import plan_facts
from allocation.planning.sheet import lay_out
from allocation.request import read_request
from allocation.taxes import HarvestSale
from tests.brute_force.harvesting import Harvesting, a_harvest_request
from tests.brute_force.question import Json

BLOCK = 40


def facts_of(request: Json) -> Facts:
    return read_request(json.dumps(request)).to_facts()


def requests(block: int) -> list[Json]:
    """Requests whose accounts hold something."""
    drawn = map(a_harvest_request, range(block * BLOCK, (block + 1) * BLOCK))
    return [request for request in drawn if any(account["positions"] for account in request["accounts"])]


@pytest.mark.parametrize("block", range(4))
def test_planning_asks_for_the_sales_that_realise_the_most_loss(block):
    for request in requests(block):
        own = Harvesting(request)

        found = lay_out(facts_of(request)).harvested

        assert {(s.account, s.symbol): Fraction(s.quantity) for s in found.sales} == own.sales, json.dumps(request)
        assert set(found.left_out) == own.left_out, json.dumps(request)
        assert not own.sales or dict(found.weights) == own.weights


@pytest.mark.parametrize("block", range(4))
def test_the_check_derives_the_same_sales_and_the_same_target(block):
    for request in requests(block):
        own = Harvesting(request)

        ledger = read_harvested_ledger(facts_of(request))

        assert not isinstance(ledger, Fault)
        forced = {key: Fraction(n, ledger.quantum) for key, n in ledger.forced.items()}
        assert forced == own.sales, json.dumps(request)
        assert ledger.left_out == own.left_out, json.dumps(request)
        named = {s: Fraction(ledger.cells.weight_of(s), ledger.cells.whole) for s in own.weights}
        assert named == own.weights, json.dumps(request)
        assert {symbol for _, symbol in own.sales} <= ledger.rules.do_not_buy


def test_plans_sell_what_is_to_be_harvested_and_say_so():
    for request in requests(0)[:30]:
        own = Harvesting(request)

        try:
            plan = plan_facts(facts_of(request))
        except InfeasibleError:
            continue

        sold = {(t.account, t.symbol): Fraction(t.quantity) for t in plan.trades if t.side == "sell"}
        assert all(sold.get(key, 0) >= units for key, units in own.sales.items()), json.dumps(request)
        said = {remark.code: set(remark.symbols) for remark in plan.remarks}
        assert said.get("harvested", set()) == {symbol for _, symbol in own.sales}
        assert said.get("not_harvested", set()) == own.left_out


def a_loss(**rules: Any) -> dict[str, Any]:
    """Five A of 100 that cost 120, and B to take their place."""
    harvest = {"substitutes": {"A": "B"}}
    taxes = {"short_term_rate": "0.3", "long_term_rate": "0.2", "as_of": "2026-11-20", "harvest": harvest}
    lots = [{"acquired": "2024-01-02", "quantity": "5", "unit_cost": "120"}]
    return {
        "accounts": [{"id": "main", "positions": [{"symbol": "A", "quantity": "5", "lots": lots}]}],
        "securities": {"A": {"price": "100"}, "B": {"price": "50"}},
        "target": {"weights": {"A": "1"}},
        "rules": {"taxes": taxes, **rules},
    }


@pytest.mark.parametrize(("least", "sold"), [("500", 5), ("500.01", 0)])
def test_a_sale_of_just_the_smallest_trade_is_worth_it(least, sold):
    facts = facts_of(a_loss(min_trade_value=least))

    ledger = read_harvested_ledger(facts)

    assert not isinstance(ledger, Fault)
    assert (
        sum(ledger.forced.values())
        == sold * ledger.quantum
        == sum(s.quantity for s in _planned(facts)) * ledger.quantum
    )


@pytest.mark.parametrize(("treatment", "sold"), [("tax_deferred", 5), ("taxable", 0)])
def test_a_substitute_that_lost_lately_where_nothing_is_taxed_is_bought(treatment, sold):
    request = a_loss()
    lately = [{"symbol": "B", "sold": "2026-11-01", "quantity": "1", "loss": "10"}]
    request["accounts"].append({"id": "ira", "tax_treatment": treatment, "cash": "10", "recent_sales": lately})
    facts = facts_of(request)

    ledger = read_harvested_ledger(facts)

    assert not isinstance(ledger, Fault)
    assert (
        sum(ledger.forced.values())
        == sold * ledger.quantum
        == sum(s.quantity for s in _planned(facts)) * ledger.quantum
    )


def _planned(facts: Facts) -> tuple[HarvestSale, ...]:
    return lay_out(facts).harvested.sales


def test_requests_realise_losses_and_leave_some_alone():
    drawn = [Harvesting(request) for request in requests(0)]

    assert sum(bool(each.sales) for each in drawn) > 10
    assert sum(bool(each.left_out) for each in drawn) > 10
