"""Random requests with random rules against trying every combination of trades: the engine is right to the last digit."""

import json
import subprocess
import sys

import pytest

from tests.brute_force.answering import answer_of
from tests.brute_force.enumeration import Enumeration, NothingThereError
from tests.brute_force.judge import Judge
from tests.brute_force.kinds import KINDS, NOT_YET
from tests.brute_force.walk import best_plan
from tests.builders import a_request

# Seeds run by kind, ten blocks each.
BLOCKS = 10
BLOCK = 20


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_allowed_is_better_and_every_figure_is_the_oracles(kind, block):
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        request = KINDS[kind].request(seed)

        answer = answer_of(request)

        if kind in NOT_YET and answer.get("error", {}).get("code") == "not_supported":
            continue
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


def test_requests_are_made_of_every_rule():
    rules = {rule for kind in KINDS.values() for rule in kind.rules}

    assert rules >= {"selling", "bands", "edge", "costs", "taxes", "max_trades", "max_turnover", "location"}
