"""What other projects test and show, asked of this engine: the proved optimum, whatever the order of the rows."""

import json
from fractions import Fraction
from typing import Any

import pytest

from allocation.__main__ import main
from tests.acceptance.cases import CASH_FLOWS, HOUSEHOLDS, LEAST_CONTRIBUTIONS, WHOLE_SHARES, Case
from tests.acceptance.optima import HOUSEHOLD_OPTIMA, OPTIMA
from tests.brute_force.answering import answer_of

LAST_DIGIT = Fraction(1, 10**12)


@pytest.mark.parametrize("backwards", [False, True], ids=["", "backwards"])
@pytest.mark.parametrize("objective", ["l2", "l1"])
@pytest.mark.parametrize("case", [*WHOLE_SHARES, *CASH_FLOWS], ids=lambda case: case.name)
def test_the_optimum_of_others_cases_is_found_and_proved(case: Case, objective, backwards):
    answer = answer_of(case.request(objective, backwards))

    assert answer["status"] == "optimal"
    assert_objective(answer, Fraction(OPTIMA[case.name][objective]), objective)


@pytest.mark.parametrize("case", [*WHOLE_SHARES, *CASH_FLOWS], ids=lambda case: case.name)
def test_the_order_of_rows_does_not_matter_to_others_cases(case: Case):
    assert answer_of(case.request("l2")) == answer_of(case.request("l2", backwards=True))


@pytest.mark.parametrize("objective", ["l2", "l1"])
@pytest.mark.parametrize("name", HOUSEHOLDS, ids=lambda name: name.split(": ")[1])
def test_the_optimum_of_others_households_is_found(name, objective):
    request = HOUSEHOLDS[name]

    answer = answer_of({**request, "rules": {"objective": objective}})
    turned = answer_of({**request, "accounts": request["accounts"][::-1], "rules": {"objective": objective}})

    assert_objective(answer, Fraction(HOUSEHOLD_OPTIMA[name.split(": ")[1]][objective]), objective)
    assert answer == turned


@pytest.mark.parametrize("expected", LEAST_CONTRIBUTIONS)
def test_the_least_contribution_of_others_cases_is_found(expected, tmp_path, capsys):
    request = LEAST_CONTRIBUTIONS[expected].request("l2")
    for security in request["securities"].values():
        del security["increment"]
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request), encoding="utf-8")

    status = main(["least-contribution", str(file)])
    answer = json.loads(capsys.readouterr().out)

    assert (status, answer["contribution"]) == (0, expected)
    assert all(trade["side"] == "buy" for trade in answer["plan"]["trades"])


def assert_objective(answer: dict[str, Any], optimum: Fraction, objective: str) -> None:
    """The value is that of the optimum, rounded up at its twelfth decimal; the bound is not above it."""
    power = 2 if objective == "l2" else 1
    value, bound = Fraction(answer["objective"]["value"]), Fraction(answer["objective"]["bound"])

    assert max(Fraction(0), value - LAST_DIGIT) ** power <= optimum <= value**power
    assert bound**power <= optimum
