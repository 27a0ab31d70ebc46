"""The frontier, the least contribution and plans without one trade: nothing that was left out would have been better."""

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from allocation.contribution import LeastContribution, find_least_contribution
from allocation.facts import Facts
from allocation.frontier import Over, Point, trace_frontier
from tests.brute_force.backwards import contribution_faults, frontier_faults, is_empty, without_faults
from tests.brute_force.generator import Request, random_request
from tests.brute_force.kinds import KINDS
from tests.builders import a_request


@pytest.mark.parametrize("kind", ["limits", "costs", "caps", "classes", "households"])
def test_every_point_of_the_frontier_is_the_best_for_its_number_of_trades(kind: str) -> None:
    for seed in range(300, 306):
        request = KINDS[kind].request(seed, most=3000)

        assert list(frontier_faults(request, Over.TRADES)) == [], seed


@pytest.mark.parametrize(("kind", "over"), [("limits", Over.TURNOVER), ("taxes", Over.TAX)])
def test_every_point_of_the_frontier_is_the_best_for_its_budget(kind: str, over: Over) -> None:
    requests = [KINDS[kind].request(seed, most=1000) for seed in range(300, 312)]

    for request in requests:
        if over == Over.TAX and "taxes" not in request["rules"]:
            continue
        assert list(frontier_faults(request, over)) == [], request


@pytest.mark.parametrize("kind", ["limits", "bands", "costs", "relative", "taxes", "households", "classes"])
def test_what_a_plan_is_without_a_trade_is_the_best_without_it(kind: str) -> None:
    for seed in range(300, 308):
        request = KINDS[kind].request(seed, most=3000)

        if not is_empty(request):
            assert list(without_faults(request)) == [], seed


@pytest.mark.parametrize("block", range(4))
def test_a_cent_less_than_the_least_contribution_does_not_reach(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # How the money is spent is a plan like any other, and judged with those.
    monkeypatch.setattr("allocation.contribution._plan", lambda *_: None)

    for seed in range(block * 50, block * 50 + 50):
        assert list(contribution_faults(a_request_for_money(seed))) == [], seed


@pytest.mark.parametrize(
    ("off", "fault"), [("0.01", "less than"), ("-0.01", "does not bring"), ("0.005", "not an amount in cents")]
)
def test_a_wrong_contribution_is_seen(off: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = a_request()
    assert list(contribution_faults(request)) == []

    def wrong(facts: Facts) -> LeastContribution:
        found = find_least_contribution(facts)
        return replace(found, contribution=found.contribution + Decimal(off))

    monkeypatch.setattr("tests.brute_force.backwards.find_least_contribution", wrong)

    assert any(fault in found for found in contribution_faults(request))


def test_a_plan_under_another_cap_is_no_point_of_the_frontier(monkeypatch: pytest.MonkeyPatch) -> None:
    request = a_request()

    def wrong(facts: Facts, over: Over) -> tuple[Point, ...]:
        first, *others = trace_frontier(facts, over)
        return (replace(first, plan=others[0].plan), *others)

    monkeypatch.setattr("tests.brute_force.backwards.trace_frontier", wrong)

    assert any(found.startswith("0:") for found in frontier_faults(request, Over.TRADES))


def a_request_for_money(seed: int) -> Request:
    """Some securities in whole steps, some in fractions; now and then a band."""
    chance = Random(seed)
    rules = [("reserve",), ("reserve", "lists"), ("bands",), ("bands", "lists")][seed % 4]
    request = random_request(seed, rules, accounts=chance.choice([1, 1, 2]))
    for security in request["securities"].values():
        if chance.random() < 0.5:
            security.pop("increment")
    return request
