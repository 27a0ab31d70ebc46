"""The question asked backwards, on whole accounts."""

from decimal import Decimal
from typing import Any

import pytest

from allocation.contribution import find_least_contribution
from allocation.errors import AllocationError, InfeasibleError, NotSupportedError
from allocation.facts import Facts
from allocation.model import Account, Portfolio, Position
from allocation.rules import Band, OutsideTarget, Rules
from allocation.targets import AssetClass, ClassTarget, TargetAllocation

PRICES = {"A": Decimal(10), "B": Decimal(100), "C": Decimal(7)}


def an_account(held: dict[str, int], cash: int = 0, name: str = "main") -> Portfolio:
    return Portfolio(Account(name, name), tuple(Position(s, Decimal(q)) for s, q in held.items()), Decimal(cash))


def facts(held: dict[str, int], weights: dict[str, str], cash: int = 0, **rules: Any) -> Facts:
    return Facts((an_account(held, cash),), TargetAllocation.of(weights), PRICES, Rules(**rules))


def test_the_heaviest_line_is_diluted_to_its_target() -> None:
    found = find_least_contribution(facts({"A": 70, "B": 3}, {"A": "0.6", "B": "0.4"}))

    # 700 is 60 % of 1,166.666…: 166.67 comes in, and B is bought for nearly all of it.
    assert found.contribution == Decimal("166.67")
    assert found.plan.after.drift < Decimal("0.000001")
    assert found.plan.totals.sells == 0


def test_whole_shares_where_a_step_is_named() -> None:
    found = find_least_contribution(
        facts({"A": 70, "B": 3}, {"A": "0.6", "B": "0.4"}, increments={"A": Decimal(1), "B": Decimal(1)})
    )

    # A may stay less than a share of 10 too heavy: 690 is 60 % of 1,150, and a cent more is enough.
    assert found.contribution == Decimal("150.01")
    assert all(quantity == int(quantity) for quantity in found.plan.shares.values())


def test_a_band_needs_less_and_its_plan_keeps_every_line_inside() -> None:
    found = find_least_contribution(facts({"A": 70, "B": 3}, {"A": "0.6", "B": "0.4"}, band=Band()))

    # 5 points of band: 700 is 65 % of 1,076.923….
    assert found.contribution == Decimal("76.93")
    assert found.plan.after.weights["A"] <= Decimal("0.65")


def test_light_lines_are_brought_to_the_edge_where_the_best_plan_would_stop_short() -> None:
    weights = {"A": "0.4", "B": "0.4", "C": "0.2"}

    found = find_least_contribution(facts({"A": 50, "B": 5}, weights, band=Band(Decimal("0.1"), None)))

    # A and B are within 10 points of 40 % at 50 %; C needs 10 % of a whole of which they are 90 %.
    assert found.contribution == Decimal("111.12")
    assert found.plan.after.weights["C"] >= Decimal("0.0999")


def test_what_is_owed_comes_first_and_the_rest_goes_to_the_first_account() -> None:
    owing = an_account({"A": 10}, cash=-30, name="owing")
    other = an_account({"B": 1}, name="other")

    found = find_least_contribution(Facts((other, owing), TargetAllocation.of({"A": "0.5", "B": "0.5"}), PRICES))

    assert found.contribution == Decimal(30)
    assert found.plan.after.accounts["owing"].cash == 0


def test_a_class_is_reached_through_its_securities() -> None:
    tree = ClassTarget(
        (AssetClass("stocks", Decimal("0.5")), AssetClass("bonds", Decimal("0.5"))),
        {"A": {"stocks": Decimal(1)}, "C": {"stocks": Decimal(1)}, "B": {"bonds": Decimal(1)}},
    )

    found = find_least_contribution(Facts((an_account({"A": 10, "B": 3}),), tree, PRICES))

    assert found.contribution == Decimal(200)


@pytest.mark.parametrize(
    ("held", "rules", "culprits"),
    [
        ({"A": 5, "C": 5}, {}, ("C",)),
        ({"A": 5, "B": 50}, {"lock": frozenset("A")}, ("A",)),
    ],
    ids=["held but not wanted", "locked and too light"],
)
def test_what_no_purchase_makes_right_is_refused_by_name(
    held: dict[str, int], rules: dict[str, Any], culprits: tuple[str, ...]
) -> None:
    with pytest.raises(InfeasibleError) as refused:
        find_least_contribution(facts(held, {"A": "0.5", "B": "0.5"}, **rules))

    assert refused.value.culprits == culprits


def test_a_holding_left_out_of_the_total_is_no_obstacle() -> None:
    asked = facts({"A": 5, "C": 5}, {"A": "0.5", "B": "0.5"}, outside_target=OutsideTarget.EXCLUDE)

    assert find_least_contribution(asked).contribution == 50


def test_look_through_to_several_classes_is_refused_by_name() -> None:
    half = {"stocks": Decimal("0.5"), "bonds": Decimal("0.5")}
    tree = ClassTarget((AssetClass("stocks", Decimal("0.5")), AssetClass("bonds", Decimal("0.5"))), {"A": half})

    with pytest.raises(NotSupportedError) as refused:
        find_least_contribution(Facts((an_account({"A": 10}),), tree, PRICES))

    assert refused.value.culprits == ("A",)


def test_the_answer_is_text_without_exponents() -> None:
    told = find_least_contribution(facts({"A": 70, "B": 3}, {"A": "0.6", "B": "0.4"})).as_dict()

    assert told["contribution"] == "166.67"
    assert told["plan"]["totals"]["buys"]


def test_an_empty_account_is_refused_rather_than_answered_with_nothing() -> None:
    with pytest.raises(AllocationError):
        find_least_contribution(facts({}, {"A": "1"}))
