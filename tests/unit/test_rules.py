"""Rules outside their range do not exist."""

from decimal import Decimal

import pytest

from allocation.errors import NumberError, RulesError
from allocation.rules import Objective, OutsideTarget, Rules, Selling


def test_the_defaults_are_the_plain_case():
    rules = Rules()

    assert (rules.objective, rules.selling, rules.outside_target) == (
        Objective.L2,
        Selling.ALLOWED,
        OutsideTarget.SELL,
    )
    assert rules.increment_of("VTI") == 1


def test_single_symbols_may_trade_in_other_steps():
    rules = Rules(increments={"BTC": Decimal("0.000001")})

    assert rules.increment_of("BTC") == Decimal("0.000001")
    assert rules.increment_of("VTI") == 1


@pytest.mark.parametrize("name", ["cash_reserve", "min_trade_value"])
def test_negative_money_in_a_rule_is_refused(name):
    with pytest.raises(RulesError, match=name):
        Rules(**{name: Decimal(-1)})


def test_every_increment_that_is_not_above_zero_is_named():
    with pytest.raises(RulesError, match="A and B"):
        Rules(increments={"A": Decimal(0), "B": Decimal(-1), "C": Decimal(1)})


def test_lists_of_symbols_may_come_in_any_collection():
    assert Rules(lock=["A", "A", "B"]).lock == frozenset({"A", "B"})


def test_a_choice_that_does_not_exist_is_refused_with_the_choices() -> None:
    with pytest.raises(RulesError, match=r"selling is 'sometimes'; choose one of allowed, never and to_raise_cash"):
        Rules(selling="sometimes")


@pytest.mark.parametrize("money", ["NaN", "1e400", True, None])
def test_money_in_the_rules_must_be_a_number(money: object) -> None:
    with pytest.raises(NumberError, match="min_trade_value"):
        Rules(min_trade_value=money)


def test_rules_read_money_in_any_accepted_form() -> None:
    rules = Rules(cash_reserve="12.50", increments={"VTI": 0.001})

    assert rules.cash_reserve == Decimal("12.5")
    assert rules.increment_of("VTI") == Decimal("0.001")


def test_a_single_symbol_locks_that_symbol_and_not_its_letters() -> None:
    assert Rules(lock="VTI").lock == {"VTI"}
