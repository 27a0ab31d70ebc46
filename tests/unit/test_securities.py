"""What a security is, and what a portfolio of them comes to by class."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.securities import (
    NOT_CLASSIFIED,
    FactsError,
    SecurityFacts,
    classes_in_words,
    exposures,
    facts_of,
    values_by_class,
)

D = Decimal
MIX = SecurityFacts("VBIAX", {"US stocks": D("0.6"), "Bonds": D("0.4")})
BERKSHIRE = SecurityFacts("brk.b", {"US stocks": D(1)}, "Financial services", "United States", "us0846707026")
KNOWN = {facts.symbol: facts for facts in (MIX, BERKSHIRE)}


def test_facts_are_found_under_every_spelling_of_the_symbol() -> None:
    assert BERKSHIRE.symbol == "BRK-B"
    assert BERKSHIRE.isin == "US0846707026"
    assert facts_of("BRK/B", KNOWN) == facts_of("BRK B", KNOWN) == BERKSHIRE
    assert facts_of("VTI", KNOWN) is None


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ({"Bonds": D("0.9")}, "90 %, not 100 %"),
        ({"Bonds": D("0.6"), "Stocks": D("0.6")}, "120 %"),
        ({"Bonds": D("1"), "Stocks": D("0")}, "share of Stocks"),
        ({"Bonds": D("-1"), "Stocks": D("2")}, "Bonds and Stocks"),
        ({"Bonds": D("NaN")}, "share of Bonds"),
        ({"Bonds": D("0.5"), "bonds": D("0.5")}, "names bonds twice"),
        ({" ": D(1)}, "1 to 60 characters"),
        ({"B" * 61: D(1)}, "1 to 60 characters"),
        ({"B\nC": D(1)}, "1 to 60 characters"),
        ({f"Class {n}": D("0.04") for n in range(25)}, "more than 20"),
    ],
)
def test_classes_that_make_no_whole_are_refused(classes: dict[str, Decimal], said: str) -> None:
    with pytest.raises(FactsError, match=said):
        SecurityFacts("VTI", classes)


def test_a_wrong_check_digit_is_no_isin() -> None:
    with pytest.raises(FactsError, match="US0846707027"):
        SecurityFacts("BRK.B", isin="US0846707027")


def test_a_security_without_facts_says_nothing() -> None:
    assert SecurityFacts("VTI").is_empty
    assert classes_in_words(None) == classes_in_words(SecurityFacts("VTI", sector="Funds")) == ""


def test_classes_read_as_a_person_would_say_them() -> None:
    assert classes_in_words(BERKSHIRE) == "US stocks"
    assert classes_in_words(MIX) == "60 % US stocks, 40 % Bonds"


def test_a_fund_of_several_classes_counts_in_each_and_the_unknown_by_itself() -> None:
    values = {"VBIAX": D(1000), "BRK.B": D(500), "XYZ": D(250)}

    by_class = values_by_class(values, KNOWN)

    assert list(by_class.items()) == [("US stocks", D(1100)), ("Bonds", D(400)), (NOT_CLASSIFIED, D(250))]


@given(st.dictionaries(st.sampled_from(["VBIAX", "BRK B", "XYZ", "ABC"]), st.decimals(0, 10**9, places=2)))
def test_classes_add_up_to_what_is_held(values: dict[str, Decimal]) -> None:
    assert sum(values_by_class(values, KNOWN).values(), D(0)) == sum(values.values(), D(0))


def test_exposures_of_a_class_target_name_only_what_is_classified() -> None:
    assert exposures(["VBIAX", "XYZ"], KNOWN) == {"VBIAX": {"US stocks": D("0.6"), "Bonds": D("0.4")}}
