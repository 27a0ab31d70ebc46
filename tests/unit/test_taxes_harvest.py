"""Losses to realise now: what is sold, what stands in for it, and what is left alone."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from allocation.errors import RulesError
from allocation.model import Portfolio, RecentSale, TaxTreatment
from allocation.rules import Harvest, Rules
from allocation.taxes import Harvested, NotHarvested, harvest
from tests.tax_builders import TODAY, an_account_of, held, settled, taxes

PRICES = {"VTI": Decimal(100), "ITOT": Decimal(50), "BND": Decimal(70)}
IRA = TaxTreatment.TAX_DEFERRED


def harvested(
    *portfolios: Portfolio, substitutes: dict[str, str] | None = None, method: str = "least_tax", **more: Any
) -> Harvested:
    limits = {k: Decimal(more.pop(k)) for k in ("min_loss", "min_loss_rate") if k in more}
    wanted = Harvest(substitutes or {"VTI": "ITOT"}, **limits)
    rules = Rules(taxes=taxes(method=method, harvest=wanted), **more)
    return harvest(portfolios, PRICES, {"VTI": Fraction(6, 10), "BND": Fraction(3, 10)}, Fraction(2000), rules)


def test_losing_lots_are_sold_and_the_target_moves_to_the_substitute() -> None:
    result = harvested(an_account_of(held("VTI", "5@80 2020-01-05", "7@130 2021-01-05")))

    (sale,) = result.sales
    assert (sale.account, sale.symbol, sale.quantity, sale.loss, sale.substitute) == ("main", "VTI", 7, 210, "ITOT")
    # 5 remain, worth 500 of 2,000
    assert result.weights == {"VTI": Fraction(1, 4), "BND": Fraction(3, 10), "ITOT": Fraction(35, 100)}
    assert result.not_to_buy == {"VTI"}
    assert result.left_out == {}


def test_a_harvest_that_is_carried_out_is_not_washed() -> None:
    account = an_account_of(held("VTI", "5@80 2020-01-05", "7@130 2026-11-01"))
    (sale,) = harvested(account).sales

    done = settled(account, {"VTI": -int(sale.quantity), "ITOT": 14}, taxes())

    assert (done.washed, done.carried) == ((), sale.loss)


def test_without_the_rule_nothing_changes() -> None:
    weights = {"VTI": Fraction(1)}

    result = harvest([an_account_of(held("VTI", "5@130"))], PRICES, weights, Fraction(500), Rules())

    assert result == Harvested((), weights, frozenset(), {})


def test_a_holding_above_its_target_keeps_the_lower_target() -> None:
    result = harvested(an_account_of(held("VTI", "30@80 2020-01-05", "7@130 2021-01-05")))

    assert result.weights == {"VTI": Fraction(6, 10), "BND": Fraction(3, 10)}
    assert result.not_to_buy == {"VTI"}


def test_whole_increments_are_sold_up_to_where_the_loss_is_largest() -> None:
    # 2 shares: 1.5 lose 30 each, the half after it gains 1; a third would gain 2 more
    result = harvested(an_account_of(held("VTI", "1.5@130 2021-01-05", "4@98 2020-01-05")))

    assert [(sale.quantity, sale.loss) for sale in result.sales] == [(2, 44)]


def test_under_fifo_a_loss_behind_gains_is_reached_through_them() -> None:
    account = an_account_of(held("VTI", "2@90 2020-01-05", "5@130 2021-01-05", "1@80 2022-01-05"))

    assert [(s.quantity, s.loss) for s in harvested(account, method="fifo").sales] == [(7, 130)]
    assert [(s.quantity, s.loss) for s in harvested(account, method="hifo").sales] == [(5, 150)]


@pytest.mark.parametrize(("limit", "quantity"), [("0.2", 5), ("0.1", 9), ("0.5", 0)])
def test_a_lot_that_lost_little_of_its_cost_is_not_worth_a_sale(limit: str, quantity: int) -> None:
    account = an_account_of(held("VTI", "5@130 2021-01-05", "4@112 2021-01-05"))

    assert sum(sale.quantity for sale in harvested(account, min_loss_rate=limit).sales) == quantity


@pytest.mark.parametrize(("least", "count"), [("210", 1), ("210.01", 0)])
def test_a_loss_below_the_least_is_left_alone(least: str, count: int) -> None:
    result = harvested(an_account_of(held("VTI", "7@130 2021-01-05")), min_loss=least)

    assert len(result.sales) == count
    assert result.left_out == ({} if count else {"VTI": NotHarvested.SMALL})


@pytest.mark.parametrize(("days", "washed"), [(30, True), (31, False)])
def test_a_loss_that_a_recent_purchase_would_wash_is_left_alone(days: int, washed: bool) -> None:
    account = an_account_of(held("VTI", "7@130 2021-01-05"))
    retired = an_account_of(held("VTI", f"1@100 {TODAY - timedelta(days=days)}"), account="ira", treatment=IRA)

    result = harvested(account, retired)

    assert result.left_out == ({"VTI": NotHarvested.WASHED} if washed else {})
    assert bool(result.sales) is not washed


@pytest.mark.parametrize(("days", "lost"), [(30, True), (31, False)])
def test_a_substitute_that_lost_lately_is_not_bought(days: int, lost: bool) -> None:
    sold = RecentSale("ITOT", TODAY - timedelta(days=days), Decimal(3), Decimal(20))

    result = harvested(an_account_of(held("VTI", "7@130 2021-01-05"), sold=(sold,)))

    assert result.left_out == ({"VTI": NotHarvested.SUBSTITUTE_LOST} if lost else {})


def test_of_two_that_stand_in_for_each_other_the_larger_loss_is_harvested() -> None:
    account = an_account_of(held("VTI", "7@130 2021-01-05"), held("ITOT", "7@90 2021-01-05"))

    result = harvested(account, substitutes={"VTI": "ITOT", "ITOT": "VTI"})

    assert [sale.symbol for sale in result.sales] == ["ITOT"]
    assert result.left_out == {"VTI": NotHarvested.SUBSTITUTE_HARVESTED}


def test_of_two_that_stand_in_for_each_other_the_first_by_name_has_no_precedence() -> None:
    account = an_account_of(held("VTI", "9@130 2021-01-05"), held("ITOT", "1@90 2021-01-05"))

    result = harvested(account, substitutes={"VTI": "ITOT", "ITOT": "VTI"})

    assert [sale.symbol for sale in result.sales] == ["VTI"]


def test_what_stands_in_for_another_is_not_harvested_itself() -> None:
    account = an_account_of(held("VTI", "9@130 2021-01-05"), held("ITOT", "1@90 2021-01-05"))

    result = harvested(account, substitutes={"VTI": "ITOT", "ITOT": "BND"})

    assert result.left_out == {"ITOT": NotHarvested.SUBSTITUTE_HARVESTED}


def test_what_is_harvested_does_not_stand_in_for_another() -> None:
    account = an_account_of(held("VTI", "9@130 2021-01-05"), held("ITOT", "1@90 2021-01-05"))

    result = harvested(account, substitutes={"VTI": "BND", "ITOT": "VTI"})

    assert result.left_out == {"ITOT": NotHarvested.SUBSTITUTE_HARVESTED}


def test_sales_are_told_by_account_then_by_symbol() -> None:
    second = an_account_of(held("VTI", "9@130 2021-01-05"), held("BND", "1@130 2021-01-05"), account="b")
    first = an_account_of(held("VTI", "1@130 2021-01-05"), account="a")
    other = an_account_of(account="c")

    result = harvested(second, first, other, substitutes={"VTI": "ITOT", "BND": "ITOT"})

    assert [(sale.account, sale.symbol) for sale in result.sales] == [("a", "VTI"), ("b", "BND"), ("b", "VTI")]
    # nothing of either remains
    assert result.weights == {"VTI": 0, "BND": 0, "ITOT": Fraction(9, 10)}


def test_a_loss_of_just_the_rate_wanted_is_worth_a_sale() -> None:
    account = an_account_of(held("VTI", "5@125 2021-01-05"))

    assert [sale.loss for sale in harvested(account, min_loss_rate="0.2").sales] == [125]


def test_small_gains_on_the_way_to_a_loss_are_counted_against_it() -> None:
    account = an_account_of(held("VTI", "10@99.5 2020-01-05", "2@102 2021-01-05"))

    assert harvested(account, method="fifo").left_out == {"VTI": NotHarvested.SMALL}


def test_the_sale_is_in_steps_of_its_security() -> None:
    account = an_account_of(held("VTI", "3@130 2021-01-05", "4@98 2020-01-05"))

    in_twos = harvested(account, increments={"VTI": Decimal(2)})
    in_halves = harvested(an_account_of(held("VTI", "2.5@130 2021-01-05", "4@98 2020-01-05")), increment=Decimal("0.5"))

    # 3 at a loss of 30; a fourth, at a gain of 2, is the price of the third
    assert [(sale.quantity, sale.loss) for sale in in_twos.sales] == [(4, 88)]
    assert [(sale.quantity, sale.loss) for sale in in_halves.sales] == [(Decimal("2.5"), 75)]


def test_a_share_pool_is_harvested_at_the_cost_of_all_accounts() -> None:
    losing = an_account_of(held("VTI", "10@130 2020-01-05"), account="a")
    gaining = an_account_of(held("VTI", "10@90 2020-01-05"), account="b")

    result = harvested(losing, gaining, method="share_pool")

    # the pool cost 110: both accounts lose 10 on a unit
    assert [(sale.account, sale.loss) for sale in result.sales] == [("a", 100), ("b", 100)]


def test_the_day_of_the_sale_is_needed_to_harvest_lots_with_dates() -> None:
    wanted = taxes(harvest=Harvest({"VTI": "ITOT"}), as_of=None)

    with pytest.raises(RulesError, match="as_of"):
        harvest(
            [an_account_of(held("VTI", "7@130 2021-01-05"))],
            PRICES,
            {"VTI": Fraction(1)},
            Fraction(910),
            Rules(taxes=wanted),
        )


@pytest.mark.parametrize(
    "rules",
    [{"do_not_sell": {"VTI"}}, {"lock": {"VTI"}}, {"lock": {"ITOT"}}, {"do_not_buy": {"ITOT"}}, {"selling": "never"}],
)
def test_what_the_user_forbids_is_not_harvested(rules: dict[str, Any]) -> None:
    result = harvested(an_account_of(held("VTI", "7@130 2021-01-05")), **rules)

    assert (result.sales, result.left_out) == ((), {"VTI": NotHarvested.FORBIDDEN})


def test_a_substitute_without_a_price_cannot_be_bought() -> None:
    result = harvested(an_account_of(held("VTI", "7@130 2021-01-05")), substitutes={"VTI": "SCHB"})

    assert result.left_out == {"VTI": NotHarvested.NO_PRICE}


def test_accounts_that_are_not_taxed_harvest_nothing_and_what_nobody_holds_is_not_mentioned() -> None:
    retired = an_account_of(held("VTI", "7@130 2021-01-05"), treatment=IRA)

    result = harvested(retired, substitutes={"VTI": "ITOT", "BND": "AGG"})

    assert (result.sales, result.left_out) == ((), {"VTI": NotHarvested.SMALL})


def test_a_security_cannot_stand_in_for_itself() -> None:
    with pytest.raises(RulesError, match="substitute of VTI is the security itself"):
        Harvest({"VTI": "vti"})


def test_a_recent_sale_at_a_gain_is_refused() -> None:
    with pytest.raises(Exception, match="Leave out sales at a gain"):
        RecentSale("VTI", TODAY, Decimal(1), Decimal(-5))
