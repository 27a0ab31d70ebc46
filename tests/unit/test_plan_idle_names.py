"""What a request names to no effect is said, and a plan is made all the same; what leaves no plan is named whole."""

import json
from decimal import Decimal

import pytest

from allocation.errors import InfeasibleError, NumberError, RequestError
from allocation.facts import Facts
from allocation.model import TaxTreatment
from allocation.plan import plan_facts
from allocation.request import read_request
from allocation.rules import Rules
from allocation.targets import AssetClass, ClassTarget, TargetAllocation
from tests.builders import a_plan, a_portfolio, a_request, an_account, exact

TEN = {"A": 10, "B": 10}
HALF = Decimal("0.5")


def by_class(*classes):
    target = ClassTarget(classes, {"A": {"Equity": Decimal(1)}, "B": {"Bond": Decimal(1)}})
    return plan_facts(Facts((a_portfolio({"A": 10}, 100),), target, exact({"A": 10}), Rules()))


def test_a_preferred_place_for_an_unknown_security_is_said_to_be_idle():
    plan = a_plan({"A": 1}, TEN, {"A": 1}, location={"NOPE": (TaxTreatment.TAXABLE,)})

    assert [(r.code, r.symbols) for r in plan.remarks] == [("unused_rule", ("NOPE",))]


def test_a_class_that_would_be_filled_with_an_unknown_security_says_so():
    plan = by_class(AssetClass("Equity", Decimal(1), securities=("A", "NOPE")))

    assert [(r.code, r.symbols) for r in plan.remarks] == [("unused_preference", ("NOPE",))]


def test_a_class_that_nothing_can_fill_is_named():
    # B would be a bond, but has no price and is not held.
    plan = by_class(AssetClass("Equity", HALF), AssetClass("Bond", HALF))

    remark = next(r for r in plan.remarks if r.code == "empty_class")
    assert remark.message.startswith("Bond: nothing that is held or has a price belongs here")


def test_a_list_where_a_number_belongs_is_not_shown_as_python():
    request = json.dumps(a_request(target={"weights": {"VTI": [1]}}))

    with pytest.raises(NumberError, match="several values") as refused:
        read_request(request)

    assert "Decimal" not in str(refused.value)


@pytest.mark.parametrize(("found", "said"), [(None, "null"), (True, "true"), ([], "a list")])
def test_what_stands_in_the_place_of_an_object_is_called_as_json_calls_it(found, said):
    with pytest.raises(RequestError, match=f"rules is {said}; expected an object in braces"):
        read_request(json.dumps(a_request(rules=found)))


def test_negative_cash_is_part_of_a_conflict_and_paying_in_is_a_way_out():
    held = (a_portfolio({"A": 10}, -50, an_account("ira")), a_portfolio({"A": 10}, 100, an_account("taxable")))
    facts = Facts(held, TargetAllocation.of({"A": 1}), exact(TEN), Rules(do_not_sell={"A"}))

    with pytest.raises(InfeasibleError) as refused:
        plan_facts(facts)

    assert refused.value.culprits == ("do_not_sell", "A", "cash", "ira")
    assert "or to pay 50.00 into ira" in str(refused.value)
