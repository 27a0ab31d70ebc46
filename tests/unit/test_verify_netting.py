"""The independent check of whose gain is whose: netting among accounts and sales, replacements, and pools."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from allocation.trade_plan import TradePlan
from tests.planted import Asked, a_question, an_account, with_lot, with_trade

PRICES = {"A": 10, "B": 20, "C": 30}
OLD, NEW, LATELY, TODAY = "2020-01-31", "2026-06-01", "2026-11-01", "2026-11-20"
RATES = {"short_term_rate": "0.4", "long_term_rate": "0.2", "as_of": TODAY, "lot_method": "fifo"}


def asked(*accounts: dict[str, Any], **taxes: Any) -> Asked:
    return Asked(a_question({"B": "1"}, PRICES, *accounts, taxes={**RATES, **taxes}))


def untaxed(account: dict[str, Any]) -> dict[str, Any]:
    return {**account, "tax_treatment": "tax_deferred"}


def faults_of(here: Asked, plan: TradePlan) -> set[str]:
    """What is found; that the trades may lead away from the target is not the matter here."""
    return here.faults(plan) - {"worse_than_nothing"}


def with_taxes(plan: TradePlan, *taxes: str) -> TradePlan:
    """The plan with other taxes beside its trades."""
    return replace(plan, trades=tuple(replace(t, tax=Decimal(tax)) for t, tax in zip(plan.trades, taxes, strict=True)))


# Netting


@pytest.mark.parametrize(
    ("short", "long", "tax"),
    [
        ("0.5", "5", "1.2"),
        ("5", "0.5", "2.1"),
        ("0", "5", "1"),
        ("5", "0", "2"),
        ("-0.5", "5", "0.9"),
        ("5", "-0.5", "1.8"),
    ],
)
def test_small_gains_and_losses_are_netted_like_large_ones(short, long, tax):
    lots = [(1, 10 - Decimal(long), OLD), (1, 10 - Decimal(short), NEW)]
    here = asked(an_account(cash=9, A=lots))
    plan = here.written({"A": -2})

    assert plan.totals.tax == Decimal(tax)
    assert faults_of(here, plan) == set()


def test_accounts_that_alone_would_pay_nothing_share_by_the_gains_that_they_have():
    # Long-term gains are free here. a: −10 short, 20 long; b: 30 short, −44.5 long; c: 25 long. Nobody alone would pay:
    # a and c have no short gain, b has a net loss.
    a = an_account("a", cash=90, A=[(10, 8, OLD)], B=[(1, 30, NEW)])
    b = an_account("b", cash=90, A=[(10, 7, NEW)], B=[(1, "64.5", OLD)])
    c = an_account("c", cash=90, C=[(1, 5, OLD)])
    here = asked(a, b, c, long_term_rate="0")
    plan = here.written({("a", "A"): -10, ("a", "B"): -1, ("b", "A"): -10, ("b", "B"): -1, ("c", "C"): -1})

    # Short 20, long 0.5: a tax of 8. Only b sold anything that is taxed at a gain.
    assert plan.totals.tax == 8
    assert {(t.account, t.symbol): t.tax for t in plan.trades if t.tax} == {("b", "A"): 8}
    assert faults_of(here, plan) == set()


def test_a_tax_that_no_account_alone_would_cause_is_shared_by_the_gains_on_which_it_falls():
    # Short-term gains are free here. a and c: 20 or 40 long against as much or more short: no net gain. b: a short gain.
    a = an_account("a", cash=90, A=[(10, 8, OLD)], B=[(1, 45, NEW)])
    b = an_account("b", cash=90, A=[(10, 4, NEW)])
    c = an_account("c", cash=90, A=[(10, 6, OLD)], B=[(1, 65, NEW)])
    here = asked(a, b, c, short_term_rate="0")
    plan = here.written({("a", "A"): -10, ("a", "B"): -1, ("b", "A"): -10, ("c", "A"): -10, ("c", "B"): -1})

    # Short 60 − 25 − 45 = −10, long 60: 50 taxed, of which a bears a third and c two.
    assert plan.totals.tax == 10
    taxes = {(t.account, t.symbol): t.tax for t in plan.trades if t.tax}
    assert taxes == {("a", "A"): Decimal("3.333333333333"), ("c", "A"): Decimal("6.666666666667")}
    assert faults_of(here, plan) == set()
    swapped = {taxes[key]: taxes[other] for key, other in zip(taxes, reversed(taxes), strict=True)}
    assert faults_of(here, with_taxes(plan, *(str(swapped.get(t.tax, t.tax)) for t in plan.trades))) == {"tax"}


def test_sales_of_mixed_lots_share_a_tax_by_the_gains_on_which_it_falls():
    # Each sale has a long gain of 20 or 40, and a short loss of half of it: rate·gain is nothing, the net is taxed.
    a_lots = [(5, 6, OLD), (5, 12, NEW)]
    b_lots = [(5, 12, OLD), (5, 24, NEW)]
    here = asked(an_account(cash=90, A=a_lots, B=b_lots))
    plan = here.written({"A": -10, "B": -10})

    # Long 60, short −30: 30 at 0.2.
    assert plan.totals.tax == 6
    assert {t.symbol: t.tax for t in plan.trades} == {"A": 2, "B": 4}
    assert faults_of(here, plan) == set()
    assert faults_of(here, with_taxes(plan, "2", "4")) == {"tax"}


def test_a_sale_of_mixed_lots_bears_its_own_net_gain():
    # A: 20 long, −5 short: 4 − 2 by rates. B: 40 long.
    here = asked(an_account(cash=90, A=[(5, 6, OLD), (5, 11, NEW)], B=[(5, 12, OLD)]))
    plan = here.written({"A": -10, "B": -5})

    # Long 60, short −5: 55 at 0.2, shared as 2 to 8.
    assert {t.symbol: t.tax for t in plan.trades} == {"A": Decimal("2.2"), "B": Decimal("8.8")}
    assert faults_of(here, plan) == set()


# Replacements


def test_the_losses_of_the_first_account_are_washed_first():
    first, second = an_account("a", cash=50, A=[(2, 12, OLD)]), an_account("b", cash=50, A=[(2, 15, OLD)])
    here = asked(first, second, untaxed(an_account("c", A=[(3, 10, LATELY)])))
    plan = here.written({("a", "A"): -2, ("b", "A"): -2})

    # Three replaced: both of a at 2, one of b at 5.
    assert {t.account: t.lots[0].disallowed for t in plan.trades} == {"a": 4, "b": 5}
    assert faults_of(here, plan) == set()


def test_of_lots_of_one_day_the_dearest_loss_is_washed_first():
    here = asked(an_account(cash=50, A=[(2, 12, OLD), (2, 15, OLD), (3, 10, LATELY)]))
    plan = here.written({"A": -4})

    assert sorted(lot.disallowed for lot in plan.trades[0].lots) == [2, 10]
    assert faults_of(here, plan) == set()


def test_no_share_replaces_a_loss_that_is_not_taxed_or_none():
    # The untaxed account loses first, and the oldest lot of the taxable one is sold even; neither uses up a replacement.
    taxed = an_account("b", cash=50, A=[(2, 10, "2018-01-01"), (2, 12, OLD)])
    others = [untaxed(an_account("a", A=[(2, 15, "2017-01-01")])), untaxed(an_account("c", cash=90))]
    here = Asked(a_question({"A": "0.5", "B": "0.5"}, PRICES, taxed, *others, taxes=RATES))
    plan = here.written({("a", "A"): -2, ("b", "A"): -4, ("c", "A"): 2})

    disallowed = {(t.account, str(lot.acquired)): lot.disallowed for t in plan.trades for lot in t.lots}
    assert disallowed == {("a", "2017-01-01"): 0, ("b", "2018-01-01"): 0, ("b", OLD): 4}
    assert faults_of(here, plan) == set()


def test_purchases_of_several_accounts_replace_together():
    losing = an_account("a", cash=50, A=[(5, 12, OLD)])
    buying = [untaxed(an_account(id_, cash=50)) for id_ in ("b", "c")]
    here = Asked(a_question({"A": "0.5", "B": "0.5"}, PRICES, losing, *buying, taxes=RATES))
    plan = here.written({("a", "A"): -5, ("b", "A"): 2, ("c", "A"): 1})

    assert plan.trades[0].lots[0].disallowed == 6
    assert faults_of(here, plan) == set()


def test_a_lot_without_a_date_replaces_nothing():
    here = asked(an_account(cash=50, A=[(5, 12, OLD)]), untaxed(an_account("b", A=[(3, 10, None)])))
    plan = here.written({"A": -5})

    assert plan.trades[0].lots[0].disallowed == 0
    assert faults_of(here, plan) == set()


def test_lots_are_listed_where_nobody_asks_about_tax():
    told = a_question({"B": "1"}, PRICES, an_account(cash=50, A=[(5, 12, OLD), (5, 4, NEW)]))
    here = Asked(told)
    plan = here.written({"A": -7})

    assert {(lot.term, lot.disallowed) for lot in plan.trades[0].lots} == {("", 0)}
    assert plan.totals.tax == 0
    assert faults_of(here, plan) == set()
    assert faults_of(here, with_lot(plan, "A", term="short")) == {"term"}


# Pools of the United Kingdom

POOL = {"short_term_rate": "0.2", "long_term_rate": "0.2", "lot_method": "share_pool"}


def test_a_loss_in_a_share_pool_is_washed_by_nothing_but_the_pool():
    here = asked(an_account(cash=50, A=[(5, 12, OLD), (5, 14, LATELY)], B=[(1, 10, OLD)]), **POOL)
    plan = here.written({"A": -4, "B": -1})

    # Ten at 13 on average: a loss of 12 against a gain of 10.
    lots = [(lot.unit_cost, lot.disallowed) for t in plan.trades for lot in t.lots if t.symbol == "A"]
    assert lots == [(13, 0)]
    assert plan.totals.tax == 0
    assert faults_of(here, plan) == set()


def test_lots_without_a_date_and_the_last_share_are_in_the_pool():
    account = an_account(cash=50, A=[(1, 4, None), (1, 8, OLD), ("0.5", 9, TODAY)])
    told = a_question({"B": "1"}, PRICES, account, taxes={**RATES, **POOL})
    told["securities"]["A"]["increment"] = "0.5"
    here = Asked(told)
    plan = here.written({"A": "-2.5"})

    assert [(lot.quantity, lot.unit_cost) for lot in plan.trades[0].lots] == [(Decimal("0.5"), 9), (2, 6)]
    assert faults_of(here, plan) == set()


def test_accounts_that_are_not_taxed_are_in_no_pool():
    here = asked(
        an_account("a", cash=50, A=[(5, 8, OLD)]), untaxed(an_account("b", A=[(5, 4, OLD), (5, 6, NEW)])), **POOL
    )
    plan = here.written({("a", "A"): -5, ("b", "A"): -7})

    assert [[(lot.quantity, lot.unit_cost) for lot in t.lots] for t in plan.trades] == [[(5, 8)], [(5, 4), (2, 6)]]
    assert plan.totals.tax == 2
    assert faults_of(here, plan) == set()


def test_what_was_bought_today_is_shared_by_the_accounts_that_sell():
    first = an_account("a", cash=50, A=[(5, 4, OLD), (3, 9, TODAY)])
    here = asked(first, an_account("b", cash=50, A=[(5, 4, OLD)]), **POOL)
    plan = here.written({("a", "A"): -1, ("b", "A"): -4})

    sold = {t.account: [(str(lot.acquired), lot.quantity, lot.unit_cost) for lot in t.lots] for t in plan.trades}
    assert sold == {"a": [(TODAY, 1, 9)], "b": [(TODAY, 2, 9), ("None", 2, 4)]}
    assert faults_of(here, plan) == set()


def test_a_position_without_lots_takes_nothing_from_the_pool():
    here = asked(an_account("a", cash=50, A=[(5, 4, OLD)]), an_account("b", cash=50, A=5), **POOL)
    plan = here.written({("a", "A"): -1, ("b", "A"): -1})

    assert {t.account: len(t.lots) for t in plan.trades} == {"a": 1, "b": 0}
    assert faults_of(here, plan) == set()
    assert "lots" in faults_of(here, with_trade(plan, "A", lambda t: replace(t, lots=plan.trades[0].lots)))
