"""The independent check of lots, terms, wash sales and taxes: planted faults."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from allocation.trade_plan import LotSale, TradePlan
from tests.planted import Asked, a_question, an_account, with_lot, with_lots, with_trade

PRICES = {"A": 10, "B": 20}
TODAY = "2026-11-20"
RATES = {"short_term_rate": "0.4", "long_term_rate": "0.2", "as_of": TODAY}
OLD, NEW = "2020-01-31", "2026-06-01"
# Gains per share at 10: 6 long, 2 short, −1 short.
LOTS = [(10, 4, OLD), (10, 8, NEW), (10, 11, "2026-05-01")]


def asked(lots: list[Any] = LOTS, cash: int = 100, **taxes: Any) -> Asked:
    return Asked(a_question({"B": "1"}, PRICES, an_account(cash=cash, A=lots, B=5), taxes={**RATES, **taxes}))


def faults_of(here: Asked, plan: TradePlan) -> set[str]:
    """What is found; that the trades may lead away from the target is not the matter here."""
    return here.faults(plan) - {"worse_than_nothing"}


def sold(quantity: int, unit_cost: int, acquired: str | None, gain: int, term: str, disallowed: int = 0) -> LotSale:
    day = date.fromisoformat(acquired) if acquired else None
    return LotSale(day, Decimal(quantity), Decimal(unit_cost), Decimal(gain), term, Decimal(disallowed))


def costs_sold(here: Asked, quantity: int) -> list[tuple[Decimal, Decimal]]:
    """Cost and units of each lot that the planner writes down."""
    return [(lot.unit_cost, lot.quantity) for lot in here.written({"A": -quantity}).trades[0].lots]


# Methods


@pytest.mark.parametrize(
    ("method", "lots", "tax"),
    [
        ("fifo", [(4, 10), (11, 5)], 12 - 1),
        ("lifo", [(8, 10), (11, 5)], 8 - 2),
        ("hifo", [(11, 10), (8, 5)], 0),
        ("specified", [(4, 10), (8, 5)], 12 + 4),
        ("least_tax", [(11, 10), (8, 5)], 0),
    ],
)
def test_each_method_takes_its_lots(method, lots, tax):
    here = asked(lot_method=method)
    plan = here.written({"A": -15})

    assert costs_sold(here, 15) == lots
    assert plan.totals.tax == plan.trades[0].tax == tax
    assert faults_of(here, plan) == set()


@pytest.mark.parametrize("method", ["fifo", "lifo", "hifo", "specified"])
def test_lots_of_another_method_are_found(method):
    here = asked(lot_method=method)
    others = {"fifo", "lifo", "hifo", "specified"} - {method}

    for other in others:
        assert "lot_method" in faults_of(here, asked(lot_method=other).written({"A": -15}))


@pytest.mark.parametrize("method", ["fifo", "lifo", "specified"])
def test_more_tax_than_another_method_costs_is_not_the_least(method):
    here = asked(lot_method="least_tax")

    assert faults_of(here, asked(lot_method=method).written({"A": -15})) == {"not_least_tax"}


def test_the_least_tax_may_be_by_no_other_order_than_rate_times_gain():
    # Tax on a share: 1.2, 0.6 and 0.8; the oldest, the newest and the dearest are others.
    lots = [(5, 4, "2019-01-01"), (5, 7, OLD), (5, 8, NEW)]
    here = asked(lots, lot_method="least_tax")

    assert costs_sold(here, 5) == [(7, 5)]
    for method in ("fifo", "lifo", "hifo"):
        assert faults_of(here, asked(lots, lot_method=method).written({"A": -5})) == {"not_least_tax"}


def test_an_untaxed_account_sells_no_other_lots_to_lower_the_tax():
    # It sells its oldest lot; its dearer, recent one stays and washes the loss of the taxable one.
    taxed = an_account("a", cash=50, A=[(5, 12, OLD)], B=[(1, 15, OLD)])
    untaxed = {**an_account("b", A=[(5, 8, "2019-01-01"), (5, 11, "2026-11-01")]), "tax_treatment": "tax_deferred"}
    here = washed(taxed, untaxed, lot_method="least_tax")
    plan = here.written({("a", "A"): -5, ("a", "B"): -1, ("b", "A"): -5})

    assert plan.totals.tax == 5 * Decimal("0.2")
    assert faults_of(here, plan) == set()


def test_a_lot_without_a_date_comes_first_by_age_and_is_short():
    lots = [(5, 4, OLD), (5, 6, None)]

    for method, cost, tax in (("fifo", 6, Decimal("0.4") * 20), ("lifo", 4, Decimal("0.2") * 30)):
        here = asked(lots, lot_method=method)
        plan = here.written({"A": -5})
        assert costs_sold(here, 5) == [(cost, 5)]
        assert plan.totals.tax == tax
        assert faults_of(here, plan) == set()


def test_equal_lots_are_taken_the_oldest_then_the_dearest():
    lots = [(5, 3, OLD), (5, 6, OLD), (5, 6, "2019-01-01")]

    assert costs_sold(asked(lots, lot_method="fifo"), 7) == [(6, 5), (6, 2)]
    for method in ("fifo", "lifo", "hifo"):
        here = asked(lots, lot_method=method)
        assert faults_of(here, here.written({"A": -7})) == set()
    here = asked(lots, lot_method="hifo")
    newer = sold(5, 6, OLD, 20, "long"), sold(2, 6, "2019-01-01", 8, "long")
    assert "lot_method" in faults_of(here, with_lots(here.written({"A": -7}), "A", *newer))


def test_average_cost_is_one_cost_for_all_lots():
    here = asked([(1, 3, OLD), (2, 4, NEW)], lot_method="average_cost")
    plan = here.written({"A": -2})

    # 11 for 3 shares; the gain is rounded nowhere else.
    assert {lot.unit_cost for lot in plan.trades[0].lots} == {Decimal("3.666666666667")}
    assert faults_of(here, plan) == set()
    assert "lot_method" in faults_of(here, with_lot(plan, "A", unit_cost=Decimal("3.6667")))


def test_the_share_pool_spans_taxable_accounts_and_looks_30_days_ahead():
    here_, there = an_account("here", cash=100, A=[(10, 4, OLD), (5, 9, TODAY)]), an_account("there", A=[(10, 6, NEW)])
    ahead = an_account("third", A=[(5, 7, "2026-12-20"), (5, 5, "2026-12-21")])
    rates = {"short_term_rate": "0.2", "long_term_rate": "0.2", "as_of": TODAY, "lot_method": "share_pool"}
    here = Asked(a_question({"B": "1"}, PRICES, here_, there, ahead, taxes=rates))
    plan = here.written({("here", "A"): -12, ("there", "A"): -2})

    # Same day: 5 at 9. Within 30 days: 5 at 7. The pool: 10 at 4, 10 at 6 and 5 at 5.
    lots = {t.account: [(lot.quantity, lot.unit_cost) for lot in t.lots] for t in plan.trades}
    assert lots == {"here": [(5, 9), (5, 7), (2, 5)], "there": [(2, 5)]}
    assert faults_of(here, plan) == set()


# Lots are real


@pytest.mark.parametrize(
    "lots",
    [
        [sold(5, 8, NEW, 10, "short")],
        [sold(12, 8, NEW, 24, "short"), sold(3, 4, OLD, 18, "long")],
        [sold(10, 8, NEW, 20, "short"), sold(5, 8, NEW, 10, "short")],
        [sold(10, 8, "2020-06-01", 20, "long"), sold(5, 4, OLD, 30, "long")],
        [sold(10, 7, NEW, 30, "short"), sold(5, 4, OLD, 30, "long")],
        [sold(20, 8, NEW, 40, "short"), sold(-5, 4, OLD, -30, "long")],
        [sold(15, 4, None, 90, "")],
        [],
    ],
)
def test_lots_that_are_not_there_to_be_sold_are_found(lots):
    here = asked()

    assert "lots" in faults_of(here, with_lots(here.written({"A": -15}), "A", *lots))


def test_lots_beside_a_purchase_are_found():
    here = asked(cash=100)

    assert "lots" in faults_of(here, with_lots(here.written({"B": 1}), "B", sold(1, 1, OLD, 9, "long")))


def test_lots_of_a_position_without_any_are_found():
    here = asked()

    assert "lots" in faults_of(here, with_lots(here.written({"B": -1}), "B", sold(1, 1, OLD, 19, "long")))


def test_a_position_without_lots_has_no_tax():
    here = asked()
    plan = here.written({"B": -1})

    assert plan.totals.tax == 0
    assert faults_of(here, plan) == set()


# Gains and terms


def test_a_gain_that_is_not_the_lots_is_found():
    here = asked(lot_method="fifo")
    plan = here.written({"A": -5})

    assert faults_of(here, with_lot(plan, "A", gain=Decimal("29.99"))) == {"gain"}


@pytest.mark.parametrize("term", ["short", ""])
def test_a_wrong_term_is_found(term):
    here = asked(lot_method="fifo")

    assert faults_of(here, with_lot(here.written({"A": -5}), "A", term=term)) == {"term"}


@pytest.mark.parametrize(
    ("acquired", "day", "term"),
    [
        ("2025-11-20", "2026-11-20", "short"),
        ("2025-11-19", "2026-11-20", "long"),
        ("2024-02-29", "2025-02-28", "short"),
        ("2024-02-29", "2025-03-01", "long"),
        ("2024-02-28", "2025-02-28", "short"),
        ("2024-02-28", "2025-03-01", "long"),
        ("2023-02-28", "2024-02-29", "short"),
        ("2023-02-28", "2024-03-01", "long"),
        ("2026-11-20", "2026-11-20", "short"),
        ("2026-11-21", "2026-11-20", "short"),
        ("2024-12-31", "2025-12-31", "short"),
        ("2024-12-31", "2026-01-01", "long"),
    ],
)
def test_a_lot_is_long_term_from_the_day_after_its_first_year(acquired, day, term):
    here = asked([(5, 4, acquired)], as_of=day, lot_method="fifo")
    plan = here.written({"A": -5})
    other = "long" if term == "short" else "short"

    assert plan.trades[0].lots[0].term == term
    assert plan.totals.tax == 30 * Decimal("0.4" if term == "short" else "0.2")
    assert faults_of(here, plan) == set()
    assert faults_of(here, with_lot(plan, "A", term=other)) == {"term"}


# Netting


@pytest.mark.parametrize(
    ("short", "long", "tax"),
    [
        (20, 60, Decimal(8 + 12)),
        (-10, 60, Decimal(10)),
        (20, -10, Decimal(4)),
        (-10, 5, Decimal(0)),
        (5, -10, Decimal(0)),
        (-10, -10, Decimal(0)),
    ],
)
def test_losses_offset_their_own_term_first_then_the_other(short, long, tax):
    lots = [(10, 10 - Decimal(long) / 10, OLD), (10, 10 - Decimal(short) / 10, NEW)]
    here = asked(lots, lot_method="fifo")
    plan = here.written({"A": -20})

    assert plan.totals.tax == tax
    assert faults_of(here, plan) == set()


def test_an_understated_tax_is_found():
    here = asked(lot_method="fifo")
    plan = here.written({"A": -5})
    less = replace(plan.totals, tax=plan.totals.tax - Decimal("0.01"))

    assert faults_of(here, replace(plan, totals=less)) == {"tax"}
    assert faults_of(here, with_trade(plan, "A", lambda t: replace(t, tax=t.tax / 2))) == {"tax"}


def test_a_tax_that_was_not_withheld_is_found():
    here = asked(lot_method="fifo")
    plan = here.written({"A": -5})

    assert faults_of(here, replace(plan, after=replace(plan.after, cash=plan.after.cash + 6))) == {"cash"}


def test_a_tax_that_the_cash_cannot_pay_is_found():
    # Ten shares bring 100 and cost a tax of 12.
    enough, short = asked(cash=12, lot_method="fifo"), asked(cash=11, lot_method="fifo")

    assert faults_of(enough, enough.written({"A": -10, "B": 5})) == set()
    assert faults_of(short, short.written({"A": -10, "B": 5})) == {"overspent"}


@pytest.mark.parametrize(("most", "faults"), [("12", set()), ("11.99", {"max_tax"})])
def test_a_tax_above_the_cap_is_found(most, faults):
    here = asked(lot_method="fifo", max_tax=most)

    assert faults_of(here, here.written({"A": -10})) == faults


def test_accounts_that_are_not_taxed_pay_none_and_sell_the_oldest():
    account = {**an_account(cash=100, A=LOTS, B=5), "tax_treatment": "tax_free"}
    here = Asked(a_question({"B": "1"}, PRICES, account, taxes=RATES))
    plan = here.written({"A": -15})

    assert plan.totals.tax == 0
    assert {lot.term for lot in plan.trades[0].lots} == {""}
    assert faults_of(here, plan) == set()
    assert faults_of(here, with_lot(plan, "A", term="long")) == {"term"}


def test_several_accounts_share_the_tax_by_what_each_alone_would_pay():
    first, second = an_account("a", cash=9, A=[(10, 4, OLD)]), an_account("b", cash=9, A=[(10, 9, OLD)])
    third = an_account("c", cash=9, A=[(10, 15, OLD)])
    here = Asked(a_question({"B": "1"}, PRICES, first, second, third, taxes=RATES))
    plan = here.written({(id_, "A"): -10 for id_ in "abc"})

    # 60 + 10 − 50 = 20, a tax of 4; alone they would pay 12, 2 and nothing.
    assert plan.totals.tax == 4
    taxes = {t.account: t.tax for t in plan.trades}
    assert taxes == {"a": Decimal("3.428571428571"), "b": Decimal("0.571428571429"), "c": 0}
    assert faults_of(here, plan) == set()
    swapped = {"a": taxes["b"], "b": taxes["a"], "c": taxes["c"]}
    bad = replace(plan, trades=tuple(replace(t, tax=swapped[t.account]) for t in plan.trades))
    assert faults_of(here, bad) == {"tax"}


def test_trades_of_one_account_share_its_tax_by_their_gains():
    account = an_account(cash=9, A=[(10, 4, OLD)], B=[(5, 16, OLD)], C=[(1, 40, OLD)])
    here = Asked(a_question({"B": "1"}, {**PRICES, "C": 30}, account, taxes=RATES))
    plan = here.written({"A": -10, "B": -5, "C": -1})

    # Gains of 60 and 20, a loss of 10: a tax of 14.
    assert {t.symbol: t.tax for t in plan.trades} == {"A": Decimal("10.5"), "B": Decimal("3.5"), "C": 0}
    assert faults_of(here, plan) == set()


# Wash sales


def washed(*accounts: dict[str, Any], **taxes: Any) -> Asked:
    prices, rates = {"A": 10, "B": 20}, {**RATES, "lot_method": "fifo", **taxes}
    return Asked(a_question({"B": "0.5", "A": "0.5"}, prices, *accounts, taxes=rates))


@pytest.mark.parametrize(
    ("bought", "counts"),
    [
        ("2026-10-20", False),
        ("2026-10-21", True),
        ("2026-11-20", True),
        ("2026-12-20", True),
        ("2026-12-21", False),
    ],
)
def test_a_loss_is_washed_by_what_was_bought_within_30_days(bought, counts):
    here = washed(an_account(cash=50, A=[(5, 12, OLD), (3, 10, bought)]))
    plan = here.written({"A": -5})

    # A loss of 2 a share on five, three of which are replaced.
    assert plan.trades[0].lots[0].disallowed == (6 if counts else 0)
    assert faults_of(here, plan) == set()
    assert faults_of(here, with_lot(plan, "A", disallowed=Decimal(0 if counts else 6))) == {"wash_sale"}


def test_the_window_of_a_wash_sale_is_the_requests():
    lots = [(5, 12, OLD), (3, 10, "2026-11-10")]

    for days, lost in ((10, 6), (9, 0)):
        here = washed(an_account(cash=50, A=lots), wash_sale_days=days)
        assert here.written({"A": -5}).trades[0].lots[0].disallowed == lost
        assert faults_of(here, here.written({"A": -5})) == set()


def test_a_purchase_in_another_account_washes_a_loss():
    losing = an_account("a", cash=50, A=[(5, 12, OLD)], B=[(1, 15, OLD)])
    buying = {**an_account("b", cash=50), "tax_treatment": "tax_deferred"}
    here = washed(losing, buying)
    plan = here.written({("a", "A"): -5, ("a", "B"): -1, ("b", "A"): 2})

    # Of a loss of 10, 4 are washed; 6 offset the gain of 5.
    assert plan.trades[0].lots[0].disallowed == 4
    assert plan.totals.tax == 0
    assert faults_of(here, plan) == set()
    assert faults_of(here, with_lot(plan, "A", disallowed=Decimal(0))) == {"wash_sale"}


def test_a_washed_loss_offsets_no_gain():
    here = washed(an_account(cash=50, A=[(5, 12, OLD), (5, 10, "2026-11-01")], B=[(1, 15, OLD)]))
    plan = here.written({"A": -5, "B": -1})

    assert plan.totals.tax == 5 * Decimal("0.2")
    assert faults_of(here, plan) == set()
    ignored = replace(with_lot(plan, "A", disallowed=Decimal(0)), totals=replace(plan.totals, tax=Decimal(0)))
    assert faults_of(here, ignored) == {"wash_sale", "tax"}


def test_what_is_sold_again_replaces_nothing():
    here = washed(an_account(cash=50, A=[(5, 12, OLD), (3, 10, "2026-11-01")]))
    plan = here.written({"A": -7})

    # Of three bought lately one stays.
    assert [lot.disallowed for lot in plan.trades[0].lots] == [2, 0]
    assert faults_of(here, plan) == set()


def test_the_oldest_losses_are_washed_first():
    here = washed(an_account(cash=50, A=[(2, 12, "2019-01-01"), (2, 15, OLD), (3, 10, "2026-11-01")]))
    plan = here.written({"A": -4})

    assert [lot.disallowed for lot in plan.trades[0].lots] == [4, 5]
    assert faults_of(here, plan) == set()
    other = [replace(lot, disallowed=Decimal(lost)) for lot, lost in zip(plan.trades[0].lots, (2, 10), strict=True)]
    assert faults_of(here, with_lots(plan, "A", *other)) == {"wash_sale"}


# Remarks


def without_remark(plan: TradePlan, code: str) -> TradePlan:
    assert code in {remark.code for remark in plan.remarks}
    return replace(plan, remarks=tuple(r for r in plan.remarks if r.code != code))


def test_a_wash_sale_that_is_hidden_is_found():
    here = washed(an_account(cash=50, A=[(5, 12, OLD), (3, 10, "2026-11-01")]))
    plan = here.written({"A": -5})

    assert faults_of(here, without_remark(plan, "wash_sale_risk")) == {"remark"}
    others = tuple(replace(r, symbols=("B",)) for r in plan.remarks)
    assert faults_of(here, replace(plan, remarks=others)) == {"remark"}


def test_a_gain_that_nobody_knows_is_said():
    here, untaxed = asked(), asked(short_term_rate="0", long_term_rate="0")
    plan = here.written({"B": -1})

    assert faults_of(here, without_remark(plan, "cost_basis_unknown")) == {"remark"}
    assert faults_of(untaxed, plan) == {"remark"}


def test_a_net_loss_is_said():
    here = asked([(10, 12, OLD)])
    plan = here.written({"A": -10})

    assert faults_of(here, without_remark(plan, "net_loss_carried")) == {"remark"}
    even = asked([(10, 10, OLD)])
    assert faults_of(even, replace(even.written({"A": -10}), remarks=plan.remarks)) == {"remark"}


# Proofs


def test_a_sale_for_cash_is_needed_when_its_tax_is():
    account = {**an_account(cash=0, A=[(10, 5, OLD)]), "cash_flow": "-19"}
    rules = {"selling": "to_raise_cash", "taxes": {**RATES, "lot_method": "fifo"}}

    for flow, faults in (("-18", {"sale_not_needed"}), ("-18.01", set())):
        here = Asked(a_question({"A": "1"}, PRICES, {**account, "cash_flow": flow}, **rules))
        # Two shares bring 20 and a tax of 2.
        assert faults_of(here, here.written({"A": -3})) == faults
