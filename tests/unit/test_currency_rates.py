"""Rates between currencies: inverted, crossed, exact where they can be."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.currencies import Rate, RateOrigin, Rates, in_currency, significant, smallest_unit
from allocation.errors import CurrencyError, MissingRateError, NumberError
from allocation.model import Account, Portfolio

D = Decimal
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRICES = st.decimals("0.0001", "100000", places=6).filter(bool)


def rate(pair: str, price: str, source: RateOrigin = RateOrigin.YAHOO, days_ago: int = 0) -> Rate:
    base, counter = pair.split("/")
    return Rate(base, counter, D(price), NOON - timedelta(days=days_ago), source)


def test_a_rate_is_read_in_both_directions() -> None:
    rates = Rates([rate("EUR/USD", "1.25")])

    assert rates.price("EUR", "USD") == D("1.25")
    assert rates.price("USD", "EUR") == D("0.8")


def test_an_inverse_that_never_ends_is_rounded_to_twelve_digits() -> None:
    assert Rates([rate("USD/JPY", "3")]).price("JPY", "USD") == D("0.333333333333")


def test_two_currencies_meet_in_a_third() -> None:
    rates = Rates([rate("EUR/USD", "1.0624"), rate("EUR/JPY", "142.24", RateOrigin.ECB, days_ago=1)])

    crossed = rates["USD", "JPY"]

    assert crossed.price == D("133.885542169")  # 142.24 / 1.0624 = 133.8855421686…
    assert (crossed.via, crossed.source, crossed.time) == ("EUR", RateOrigin.ECB, NOON - timedelta(days=1))


def test_of_several_crosses_the_newest_counts() -> None:
    old = [rate("EUR/GBP", "0.5", days_ago=3), rate("EUR/USD", "2", days_ago=3)]
    new = [rate("CHF/GBP", "0.5"), rate("CHF/USD", "1.5", days_ago=1)]

    assert Rates([*old, *new])["GBP", "USD"].via == "CHF"


def test_a_cross_that_no_rate_can_be_is_not_known() -> None:
    rates = Rates([rate("EUR/USD", "0.000001", RateOrigin.MANUAL), rate("EUR/IDR", "17000", RateOrigin.ECB)])

    assert not rates.knows("IDR", "USD")
    with pytest.raises(MissingRateError):
        rates.exactly("IDR", "USD")


def test_a_rate_as_given_comes_before_what_could_be_calculated() -> None:
    rates = Rates([rate("EUR/USD", "1.1"), rate("USD/EUR", "0.8"), rate("GBP/EUR", "1.2"), rate("GBP/USD", "7")])

    assert (rates.price("EUR", "USD"), rates.price("USD", "EUR")) == (D("1.1"), D("0.8"))


def test_a_pair_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(MissingRateError, match="GBP/USD") as refusal:
        Rates([rate("EUR/USD", "1.1")]).price("GBP", "USD")

    assert (refusal.value.code, refusal.value.culprits) == ("FX_UNAVAILABLE", ("GBP/USD",))


def test_a_currency_is_worth_one_of_itself() -> None:
    assert Rates().price("USD", "USD") == 1
    assert Rates().knows("USD", "USD")
    assert not Rates().knows("EUR", "USD")


@given(PRICES)
def test_there_and_back_is_the_same_to_eleven_digits(price: Decimal) -> None:
    back = Rate("EUR", "USD", price, NOON, RateOrigin.ECB).inverse.inverse.price

    assert abs(back / price - 1) < D("1e-11")


@given(PRICES, PRICES)
def test_a_cross_is_the_exact_quotient_to_twelve_digits(first: Decimal, second: Decimal) -> None:
    quotient = Fraction(second) / Fraction(first)

    found = Rates([rate("EUR/USD", str(first)), rate("EUR/GBP", str(second))]).price("USD", "GBP")

    assert found == significant(quotient)
    assert abs(Fraction(found) / quotient - 1) <= Fraction(5, 10**12)


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "0.0000000001", "10000000001", "1.0000000000001"])
def test_what_no_rate_can_be_is_refused(price: str) -> None:
    with pytest.raises(NumberError, match="EUR/USD"):
        rate("EUR/USD", price)


def test_a_rate_without_a_zone_or_between_one_currency_is_none() -> None:
    with pytest.raises(NumberError, match="time zone"):
        Rate("EUR", "USD", D(1), datetime(2026, 11, 20), RateOrigin.ECB)  # noqa: DTZ001  the point of the test
    with pytest.raises(CurrencyError, match="both sides"):
        rate("EUR/EUR", "1")


def test_a_price_in_another_currency_is_the_product_to_twenty_decimals() -> None:
    assert in_currency(D("28.1234"), D("1.06240000001")) == D("28.1234") * D("1.06240000001")
    assert in_currency(D("0.000001"), D("0.0000123456789012")) == D("1.234567890E-11")


@pytest.mark.parametrize(("currency", "unit"), [("USD", "0.01"), ("JPY", "1"), ("KWD", "0.001")])
def test_each_currency_has_its_smallest_coin(currency: str, unit: str) -> None:
    assert smallest_unit(currency) == D(unit)


def test_balances_are_of_other_currencies_in_the_order_of_their_codes() -> None:
    account = Account("main", "Main", currency="USD")

    held = Portfolio(account, (), D(5), balances={"GBP": D(-1), "EUR": D(2)})

    assert list(held.balances.items()) == [("EUR", D(2)), ("GBP", D(-1))]
    with pytest.raises(CurrencyError, match="its own USD"):
        Portfolio(account, (), balances={"USD": D(1)})
    with pytest.raises(CurrencyError, match="GBp"):
        Portfolio(account, (), balances={"GBp": D(1)})
