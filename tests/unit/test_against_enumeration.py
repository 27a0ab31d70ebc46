"""Random requests with random rules against trying every combination of trades: the engine is right to the last digit."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.brute_force.answering import answer_of
from tests.brute_force.enumeration import Enumeration, NothingThereError
from tests.brute_force.judge import Judge
from tests.brute_force.kinds import KINDS
from tests.brute_force.walk import best_plan
from tests.builders import a_request

# Seeds run by kind with the tests; `long.py` runs as many as there is time for.
BLOCKS = 4
BLOCK = 20


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_allowed_is_better_and_every_figure_is_the_oracles(kind, block):
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        request = KINDS[kind].request(seed)

        answer = answer_of(request)

        assert Judge(request).faults(answer) == [], f"seed {seed}: {json.dumps(request)}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_oracle_passes_over_is_never_better(kind):
    small = (KINDS[kind].request(seed, most=200) for seed in range(12))

    for request in small:
        try:
            every = Enumeration(request)
        except NothingThereError:
            continue
        assert best_plan(every) == every.best_of_everything()


@pytest.mark.parametrize("kind", ["limits", "taxed households", "everything at once"])
def test_the_command_line_answers_the_same(kind):
    request = KINDS[kind].request(7)

    done = subprocess.run(
        [sys.executable, "-m", "allocation", "plan", "-"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert json.loads(done.stdout) == answer_of(request)
    assert done.returncode == (2 if "error" in answer_of(request) else 0)


@pytest.mark.parametrize(
    ("path", "told", "fault"),
    [
        (("trades", 0, "quantity"), "1", "objective:"),
        (("trades", 0, "quantity"), "10000", "is not an allowed trade"),
        (("trades", 0, "price"), "72.3", "main/BND.price"),
        (("objective", "value"), "1000", "objective value"),
        (("objective", "bound"), "3000", "above the optimum"),
        (("after", "cash"), "1", "after.cash"),
        (("after", "weights", "BND"), "0.5", "after.weights.BND"),
        (("before", "drift"), "0", "before.drift"),
        (("totals", "cost"), "1", "totals.cost"),
    ],
)
def test_the_judge_sees_what_is_wrong(path, told, fault):
    request = a_request()
    answer = json.loads(json.dumps(answer_of(request)))
    assert Judge(request).faults(answer) == []

    place = answer
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = told

    assert any(fault in found for found in Judge(request).faults(answer))


@pytest.mark.parametrize(
    ("path", "told", "fault"),
    [
        (("trades", 0, "tax"), "1", "tax 1, not 174"),
        (("trades", 1, "tax"), "1", "a purchase with lots or tax"),
        (("trades", 0, "lots", 0, "quantity"), "3", "do not come to"),
        (("trades", 0, "lots", 0, "unit_cost"), "10", "sells more of a lot than there is"),
        (("trades", 0, "lots", 0, "gain"), "1", "gain 1"),
        (("trades", 0, "lots", 0, "term"), "long", "term 'long'"),
        (("trades", 0, "lots", 0, "disallowed"), "5", "disallowed losses"),
        (("remarks",), [{"code": "wash_sale_risk", "message": "", "symbols": ["OLD"]}], "remarks"),
    ],
)
def test_the_judge_sees_what_is_wrong_with_sales(path, told, fault):
    request = a_taxed_sale()
    answer = json.loads(json.dumps(answer_of(request)))
    assert Judge(request).faults(answer) == []

    place = answer
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = told

    assert any(fault in found for found in Judge(request).faults(answer))


@pytest.mark.parametrize("method", ["fifo", "lifo", "hifo", "specified"])
def test_the_judge_sees_lots_that_the_method_does_not_take(method):
    request = a_taxed_sale()
    request["rules"]["taxes"]["lot_method"] = method
    answer = json.loads(json.dumps(answer_of(request)))
    assert Judge(request).faults(answer) == []

    lot = answer["trades"][0]["lots"][0]
    lot["unit_cost"] = "400" if lot["unit_cost"] == "250" else "250"

    assert any(f"by {method}" in found for found in Judge(request).faults(answer))


def a_taxed_sale() -> dict[str, Any]:
    """Four of eight units have to go, of four lots."""
    costs = [("2020-01-31", "250"), ("2026-11-01", "400"), ("2021-05-05", "200"), (None, "300")]
    lots = [{"quantity": "2", "unit_cost": c, **({"acquired": day} if day else {})} for day, c in costs]
    return {
        "accounts": [{"id": "main", "positions": [{"symbol": "OLD", "quantity": "8", "lots": lots}]}],
        "securities": {"OLD": {"price": "500"}, "NEW": {"price": "100"}},
        "target": {"weights": {"OLD": "0.5", "NEW": "0.4"}},
        "rules": {"taxes": {"short_term_rate": "0.37", "long_term_rate": "0.2", "as_of": "2026-11-20"}},
    }


def test_requests_are_made_of_every_rule():
    rules = {rule for kind in KINDS.values() for rule in kind.rules}

    assert rules >= {"selling", "bands", "edge", "costs", "taxes", "max_trades", "max_turnover", "location"}
