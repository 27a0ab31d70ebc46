"""Numbers come in through one door, exactly."""

from decimal import Decimal

import pytest

from allocation.errors import NumberError
from allocation.money import decimals, plain, to_decimal


@pytest.mark.parametrize("given", [0.1, "0.1", " 0.1 ", Decimal("0.10"), "1e-1"])
def test_one_tenth_is_one_tenth_however_it_is_written(given):
    assert to_decimal(given) == Decimal("0.1")


@pytest.mark.parametrize(
    "given",
    [True, False, None, [], "", "abc", "NaN", "Infinity", float("nan"), float("inf"), "1,234.56", "1_000", "１２", "٣",
     "0x10", "12 34", "9" * 100_000],
)  # fmt: skip
def test_what_is_not_a_plain_finite_number_is_refused_by_name(given):
    with pytest.raises(NumberError) as refused:
        to_decimal(given, "The price of VTI")

    assert "The price of VTI" in str(refused.value)
    assert refused.value.culprits == ("The price of VTI",)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("given", [1e308, "1e15", "-1e15", 10**15, "1e400"])
def test_absurd_magnitudes_are_refused(given):
    with pytest.raises(NumberError, match="magnitude"):
        to_decimal(given)


def test_more_decimals_than_money_can_have_are_refused_rather_than_rounded():
    with pytest.raises(NumberError, match="decimals"):
        to_decimal("0." + "0" * 39 + "1")


def test_trailing_zeros_do_not_count_as_decimals():
    assert decimals(to_decimal("1.2500000000000000")) == 2


@pytest.mark.parametrize(
    ("number", "text"),
    [("1E+3", "1000"), ("0.0000010", "0.000001"), ("-0", "0"), ("72.310", "72.31"), ("0E-8", "0")],
)
def test_plain_text_has_no_exponent_and_no_idle_zeros(number, text):
    assert plain(Decimal(number)) == text
