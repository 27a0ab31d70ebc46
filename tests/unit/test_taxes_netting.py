"""Short-term and long-term gains net their own losses first, then each other's."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.rules import Taxes
from allocation.taxes import Rates, net_loss, tax_on

RATES = Rates(Fraction(4, 10), Fraction(2, 10))
MONEY = st.integers(-1000, 1000).map(Fraction)
ANY_RATES = st.builds(
    lambda s, long: Rates(Fraction(s, 10), Fraction(long, 10)), st.integers(0, 10), st.integers(0, 10)
)


@pytest.mark.parametrize(
    ("short", "long", "tax", "carried"),
    [
        (100, 50, 50, 0),
        (0, 0, 0, 0),
        (-30, 50, 4, 0),
        (-50, 30, 0, 20),
        (100, -40, 24, 0),
        (40, -100, 0, 60),
        (-10, -20, 0, 30),
        (-50, 50, 0, 0),
    ],
)
def test_a_loss_lowers_the_gain_of_the_other_term_which_keeps_its_rate(
    short: int, long: int, tax: int, carried: int
) -> None:
    assert tax_on(Fraction(short), Fraction(long), RATES) == tax
    assert tax_on(Fraction(short, 1000), Fraction(long, 1000), RATES) == Fraction(tax, 1000)
    assert net_loss(Fraction(short), Fraction(long)) == carried


def test_rates_are_read_digit_for_digit() -> None:
    rates = Rates.of(Taxes(Decimal("0.408"), Decimal("0.238")))

    assert rates == Rates(Fraction(408, 1000), Fraction(238, 1000))
    assert rates.any
    assert not Rates.of(Taxes()).any


@given(MONEY, MONEY, ANY_RATES)
def test_tax_is_the_smaller_of_a_convex_function_and_a_multiple_of_the_gain(
    short: Fraction, long: Fraction, rates: Rates
) -> None:
    high, low = max(rates.short, rates.long), min(rates.short, rates.long)
    weighted = rates.short * short + rates.long * long

    assert tax_on(short, long, rates) == min(
        max(Fraction(0), low * (short + long), weighted), max(Fraction(0), high * (short + long))
    )


@given(MONEY, MONEY, ANY_RATES, st.integers(0, 100))
def test_a_smaller_loss_never_lowers_the_tax(short: Fraction, long: Fraction, rates: Rates, disallowed: int) -> None:
    tax = tax_on(short, long, rates)

    assert tax_on(short + disallowed, long, rates) >= tax
    assert tax_on(short, long + disallowed, rates) >= tax


@given(MONEY, MONEY, ANY_RATES, st.integers(1, 50))
def test_tax_does_not_depend_on_the_unit_of_money(short: Fraction, long: Fraction, rates: Rates, factor: int) -> None:
    assert tax_on(short * factor, long * factor, rates) == tax_on(short, long, rates) * factor
