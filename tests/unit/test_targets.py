"""Targets are fractions of one whole."""

from decimal import Decimal
from fractions import Fraction

import pytest

from allocation.errors import DuplicateSymbolError, NumberError, TargetError, TargetSumError
from allocation.targets import TargetAllocation


def test_what_is_missing_to_one_is_cash():
    target = TargetAllocation.of({"VTI": 0.6, "BND": "0.3"})

    assert target.cash_weight == Fraction(1, 10)


def test_a_sum_within_a_millionth_of_one_is_one():
    target = TargetAllocation.of({"A": "0.333333", "B": "0.333333", "C": "0.333333"})

    assert target.exact_weights["A"] == Fraction(1, 3)
    assert target.cash_weight == 0


def test_a_sum_just_short_of_the_tolerance_leaves_cash():
    target = TargetAllocation.of({"A": "0.999998"})

    assert target.cash_weight == Fraction(2, 10**6)


def test_more_than_the_whole_is_refused_with_the_excess():
    with pytest.raises(TargetSumError, match=r"136 %, 36 points"):
        TargetAllocation.of({"A": 0.76, "B": 0.6})


def test_a_percentage_typed_as_a_fraction_is_refused_by_line():
    with pytest.raises(TargetError, match="BND") as refused:
        TargetAllocation.of({"VTI": "0.6", "BND": 40})

    assert refused.value.culprits == ("BND",)


def test_every_negative_weight_is_named():
    with pytest.raises(TargetError, match="A and B"):
        TargetAllocation.of({"A": -0.1, "B": -0.2, "C": 0.5})


@pytest.mark.parametrize("weight", ["", "abc", float("nan"), "33,3", True, None])
def test_a_weight_that_is_no_number_is_refused(weight):
    with pytest.raises(NumberError, match="VTI"):
        TargetAllocation.of({"VTI": weight})


def test_one_symbol_in_two_spellings_is_refused():
    with pytest.raises(DuplicateSymbolError, match="AAPL"):
        TargetAllocation.of({"AAPL": 0.1, " aapl ": 0.2})


def test_a_target_keeps_its_own_copy_of_the_weights():
    weights = {"VTI": 0.5}
    target = TargetAllocation.of(weights)

    weights["VTI"] = 1

    assert target.exact_weights["VTI"] == Fraction(1, 2)


def test_a_target_takes_the_accounts_spelling_of_a_line_with_its_weight_and_lock():
    target = TargetAllocation.of({"BRK.B": "0.4", "VTI": "0.6"}, frozenset({"BRK.B", "GLD"}))

    as_held = target.spelled_as(("BRK-B", "BND"))

    assert as_held.weights == {"BRK-B": Decimal("0.4"), "VTI": Decimal("0.6")}
    assert as_held.locked == {"BRK-B", "GLD"}
