"""The independent check of proofs: what a plan that claims to be the best, or near it, must survive."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.planted import Asked, a_question, an_account

OBJECTIVES = ["l2", "l1", "relative"]


def asked(weights: dict[str, str], prices: dict[str, Any], cash: Any, held: dict[str, Any], **rules: Any) -> Asked:
    return Asked(a_question(weights, prices, an_account(cash=cash, **held), **rules))


# Cash is a line like any other


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(
    ("weights", "faults"),
    [
        # A is 40 too low and a share would bring it 60 too high; but 150 of cash are idle.
        ({"A": "0.34", "B": "0.56"}, {"not_optimal"}),
        # A is 40 too low, cash as it should be.
        ({"A": "0.34", "B": "0.41"}, set()),
        # A share would bring A nearer (from 60 to 40), and cash 100 away from where it should be.
        ({"A": "0.36", "B": "0.39"}, set()),
    ],
)
def test_cash_decides_whether_one_more_share_is_better(objective, weights, faults):
    here = asked(weights, {"A": 100, "B": 450}, 250, {"A": 3, "B": 1}, objective=objective, lock=["B"])

    assert here.faults_as_proved({}) == faults


def test_what_no_whole_share_is_left_of_cannot_be_sold():
    # A is to go, and cash is missing; half a share of A is left.
    here = asked({"A": "0", "B": "0.5"}, {"A": 10, "B": 60}, 5, {"A": "3.5", "B": 1}, lock=["B"])

    assert here.faults_as_proved({"A": -3}) == set()
    assert here.faults_as_proved({"A": -2}) == {"not_optimal"}


def test_the_last_share_may_be_sold():
    here = asked({"A": "0", "B": "0.6"}, {"A": 10, "B": 60}, 10, {"A": 3, "B": 1}, lock=["B"])

    assert here.faults_as_proved({"A": -3}) == set()
    assert here.faults_as_proved({"A": -2}) == {"not_optimal"}


# Smallest trades


@pytest.mark.parametrize(("weight", "rules", "quantity"), [("0.31", "do_not_sell", 3), ("0.29", "do_not_buy", -3)])
def test_a_smallest_trade_that_were_better_left_out_is_found(weight, rules, quantity):
    # A is 10 from its target; the 30 that have to be traded at least bring it 20 to the other side.
    told = {"min_trade_value": "30", rules: ["A"], "lock": ["B"]}
    here = asked({"A": weight, "B": "0.2"}, {"A": 10, "B": 200}, 500, {"A": 30, "B": 1}, **told)

    assert here.faults_as_proved({}) == set()
    assert here.faults_as_proved({"A": quantity}) == {"not_optimal", "worse_than_nothing"}


def test_a_trade_above_the_smallest_may_be_a_step_larger():
    here = asked(
        {"A": "0.35", "B": "0.65"}, {"A": 10, "B": 650}, 50, {"A": 30, "B": 1}, min_trade_value="30", lock=["B"]
    )

    assert here.faults_as_proved({"A": 5}) == set()
    assert here.faults_as_proved({"A": 4}) == {"not_optimal"}


def test_a_smallest_sale_may_be_missing():
    here = asked(
        {"A": "0.2", "B": "0.5"}, {"A": 10, "B": 500}, 200, {"A": 30, "B": 1}, min_trade_value="100", lock=["B"]
    )

    assert here.faults_as_proved({"A": -10}) == set()
    assert here.faults_as_proved({}) == {"not_optimal"}


# Caps


def capped(**rules: Any) -> Asked:
    """1,000 in all; A wants ten shares more, B five."""
    return asked({"A": "0.3", "B": "0.25"}, {"A": 10, "B": 10}, 600, {"A": 20, "B": 20}, objective="l1", **rules)


@pytest.mark.parametrize(
    ("trades", "most", "faults"),
    [
        ({"A": 10}, 1, set()),
        ({"A": 9}, 1, {"not_optimal"}),
        ({"A": 10}, 2, {"not_optimal"}),
        ({"A": 10, "B": 5}, 2, set()),
        ({"A": 10, "B": 4}, 2, {"not_optimal"}),
    ],
)
def test_another_size_of_a_trade_needs_no_further_trade(trades, most, faults):
    assert capped(max_trades=most).faults_as_proved(trades) == faults


@pytest.mark.parametrize(
    ("trades", "most", "faults"),
    [
        # A turnover of 0.05 is 100 traded.
        ({"A": 10}, "0.05", set()),
        ({"A": 9}, "0.05", {"not_optimal"}),
        ({"A": 10}, "0.0549", set()),
        ({"A": 10}, "0.055", {"not_optimal"}),
        ({"A": 10, "B": 4}, "0.07", set()),
        ({"A": 10, "B": 4}, "0.075", {"not_optimal"}),
        ({"A": 9, "B": 5}, "0.07", set()),
    ],
)
def test_another_size_of_a_trade_keeps_to_the_turnover(trades, most, faults):
    assert capped(max_turnover=most).faults_as_proved(trades) == faults


def test_a_commission_is_paid_once_for_a_larger_trade():
    # Two shares and one commission are all the cash there is.
    here = asked({"A": "1"}, {"A": 10}, 25, {"A": 5}, costs={"minimum": "5"})

    assert here.faults_as_proved({"A": 2}) == set()
    assert here.faults_as_proved({"A": 1}) == {"not_optimal"}


# Classes


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_step_moves_every_class_of_a_security(objective):
    securities = {
        "W": {"price": 10, "classes": {"Home": "0.75", "Abroad": "0.25"}},
        "B": {"price": 10, "classes": {"Bond": 1}},
    }
    classes = {"Home": {"weight": "0.3"}, "Abroad": {"weight": "0.1"}, "Bond": {"weight": "0.4"}}
    question = {
        "accounts": [an_account(cash=400, W=20, B=40)],
        "securities": securities,
        "target": {"classes": classes},
    }
    here = Asked({**question, "rules": {"objective": objective}})

    assert here.faults_as_proved({"W": 20}) == set()
    assert here.faults_as_proved({"W": 19}) == {"not_optimal"}
    assert here.faults_as_proved({"W": 21}) == {"not_optimal"}


# Taxes


@pytest.mark.parametrize(
    ("rates", "treatment", "faults"),
    [
        ({"short_term_rate": "0.4", "long_term_rate": "0.2"}, "taxable", set()),
        ({"short_term_rate": "0.4"}, "taxable", set()),
        ({"long_term_rate": "0.2"}, "taxable", set()),
        ({}, "taxable", {"not_optimal"}),
        ({"short_term_rate": "0.4", "long_term_rate": "0.2"}, "tax_free", {"not_optimal"}),
    ],
)
def test_a_sale_that_may_be_taxed_is_not_tried(rates, treatment, faults):
    account = {**an_account(cash=100, A=[(20, 4, "2020-01-31")]), "tax_treatment": treatment}
    taxes = {**rates, "as_of": "2026-11-20"}
    here = Asked(a_question({"A": "0.4"}, {"A": 10}, account, do_not_buy=["A"], taxes=taxes))

    assert here.faults_as_proved({}) == faults


@pytest.mark.parametrize(("treatment", "faults"), [("taxable", set()), ("tax_free", {"not_optimal"})])
def test_a_purchase_beside_a_taxed_sale_of_the_same_is_not_tried(treatment, faults):
    taxes = {"short_term_rate": "0.4", "long_term_rate": "0.2", "as_of": "2026-11-20"}
    selling = {**an_account("a", cash=0, A=[(20, 12, "2020-01-31")]), "tax_treatment": treatment}
    buying = {**an_account("b", cash=100), "tax_treatment": "tax_free"}
    here = Asked(a_question({"A": "1"}, {"A": 10}, selling, buying, max_trades=2, taxes=taxes))

    assert here.faults_as_proved({("a", "A"): -1, ("b", "A"): 9}) - {"worse_than_nothing"} == faults


# Relative without a cash target


@pytest.mark.parametrize(("cash", "faults"), [(3, {"not_optimal"}), (95, set())])
def test_a_sale_that_leaves_money_idle_is_no_better_plan(cash, faults):
    # A is far above its target. A share of it brings 5; with 100 in cash a share of B could be bought.
    here = asked(
        {"A": "0.2", "B": "0.8"}, {"A": 5, "B": 100}, cash, {"A": 60, "B": 5}, objective="relative", do_not_buy=["A"]
    )

    assert here.faults_as_proved({}) == faults


@pytest.mark.parametrize(("cash", "faults"), [(3, {"not_optimal"}), (90, set())])
def test_a_smaller_purchase_that_leaves_money_idle_is_no_better_plan(cash, faults):
    # One share of A less would be nearer to the target, and bring 5 more in cash than the 90 or 3 that stay.
    here = asked(
        {"A": "0.2", "B": "0.8"},
        {"A": 5, "B": 95},
        cash + 10,
        {"A": 60, "B": 5},
        objective="relative",
        do_not_sell=["A", "B"],
        max_trades=2,
    )

    assert here.faults_as_proved({"A": 2}) - {"not_invested", "worse_than_nothing"} == faults - {"not_optimal"}


@pytest.mark.parametrize(
    ("cash", "sold", "rules", "faults"),
    [
        # One sold less would cost 10, which is there.
        (0, 3, {}, {"not_invested"}),
        # Ten cash, less a commission of 1 that is paid either way.
        (1, 1, {"costs": {"minimum": "1"}}, {"not_invested"}),
        # None sold: the commission comes back as well.
        (0, 1, {"costs": {"minimum": "1"}}, {"not_invested"}),
        # The smallest sale can only be left out whole.
        (0, 3, {"min_trade_value": "30"}, {"not_invested"}),
        (0, 4, {"min_trade_value": "30"}, {"not_invested"}),
    ],
)
def test_what_is_sold_only_to_lie_idle_is_found(cash, sold, rules, faults):
    here = asked({"A": "0.5", "B": "0.5"}, {"A": 10, "B": 1000}, cash, {"A": 40, "B": 1}, objective="relative", **rules)

    assert here.faults(here.written({"A": -sold})) & {"not_invested"} == faults


def test_a_place_among_the_trades_that_one_leaves_may_be_needed_for_another():
    # C may not be sold and is far above its target. Left as they are, 11 in cash would have to buy a share of it.
    told = {"objective": "relative", "do_not_buy": ["A"], "do_not_sell": ["C"], "max_trades": 1}
    here = asked({"A": "0.8", "C": "0.2"}, {"A": 4, "C": 10}, 11, {"A": 10, "C": 10}, **told)

    # With the one trade taken by a sale of A it need not. Without that sale A would be nearer.
    assert here.faults_as_proved({"A": -1}) == set()
    assert here.faults_as_proved({}) == {"not_invested"}


def test_half_the_spread_comes_back_when_less_is_sold():
    told = a_question({"A": "0.5", "B": "0.5"}, {"A": 10, "B": 1000}, an_account(A=40, B=1), objective="relative")
    told["securities"]["A"]["half_spread"] = "0.05"
    here = Asked(told)

    # A share brings 9.5, and costs no more to keep.
    assert "not_invested" in here.faults(here.written({"A": -1}))


@pytest.mark.parametrize(
    ("flow", "sold", "rules", "faults"),
    [
        ("-29", 3, {}, set()),
        ("-20", 3, {}, {"not_invested"}),
        # Three bring 29 after a commission; one less would leave 19.
        ("-19.01", 3, {"costs": {"minimum": "1"}}, set()),
        ("-19", 3, {"costs": {"minimum": "1"}}, {"not_invested"}),
        # The next smaller sale than 30 is none, the next smaller than 40 is 30.
        ("-0.01", 3, {"min_trade_value": "30"}, set()),
        ("-30.01", 4, {"min_trade_value": "30"}, set()),
        ("-30", 4, {"min_trade_value": "30"}, {"not_invested"}),
    ],
)
def test_a_sale_that_pays_a_withdrawal_stands(flow, sold, rules, faults):
    account = {**an_account(A=40, B=1), "cash_flow": flow}
    here = Asked(a_question({"A": "0.5", "B": "0.5"}, {"A": 10, "B": 1000}, account, objective="relative", **rules))

    assert here.faults(here.written({"A": -sold})) & {"not_invested", "overspent"} == faults


@pytest.mark.parametrize(("cash", "faults"), [("20.02", {"not_invested"}), ("20.01", set())])
def test_a_purchase_that_could_be_larger_at_its_cost_is_found(cash, faults):
    # A rate of 0.1 %: two shares cost 20.02.
    told = a_question({"A": "1"}, {"A": 10}, an_account(cash=cash, A=4), objective="relative", costs={"rate": "0.001"})
    here = Asked(told)

    assert here.faults(here.written({"A": 1})) == faults


@pytest.mark.parametrize(("cash", "faults"), [("10.05", {"not_invested"}), ("10.04", set())])
def test_half_the_spread_of_a_further_purchase_counts(cash, faults):
    told = a_question({"A": "1"}, {"A": 10}, an_account(cash=cash, A=4), objective="relative")
    told["securities"]["A"]["half_spread"] = "0.005"
    here = Asked(told)

    assert here.faults(here.written({})) == faults


# Bounds


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_bound_may_be_as_high_as_the_best_and_no_higher(objective):
    here = asked({"A": "0.3", "B": "0.4"}, {"A": 10, "B": 20}, 205, {"A": 40, "B": 20}, objective=objective)
    plan, best = here.written({}), here.plan.objective.value
    whole = 1 if objective == "relative" else 1005

    # Buying or selling one share of anything is not the best, but better than nothing by more than this.
    for bound, faults in ((best - Decimal("1e-9"), set()), (plan.objective.value - Decimal("1e-6"), {"bound"})):
        gap = round((plan.objective.value - bound) / whole, 12)
        assert here.faults(replace(plan, objective=replace(plan.objective, bound=bound, gap=gap))) == faults


# Doing nothing


@pytest.mark.parametrize(
    ("flow", "faults"),
    [("0", {"worse_than_nothing"}), ("-100", {"worse_than_nothing"}), ("-100.01", set())],
)
def test_nothing_need_not_be_nearer_where_it_is_not_allowed(flow, faults):
    account = {**an_account(cash=100, A=20, B=20), "cash_flow": flow}
    here = Asked(a_question({"A": "0.5", "B": "0.5"}, {"A": 10, "B": 10}, account))

    # A sale of A alone leads away from the target.
    assert here.faults(here.written({"A": -9, "B": 1})) == faults


def test_nothing_need_not_be_nearer_where_the_reserve_is_missing():
    enough = asked({"A": "1"}, {"A": 10}, 50, {"A": 95}, cash_reserve="50")
    short = asked({"A": "1"}, {"A": 10}, 50, {"A": 95}, cash_reserve="50.01")

    assert enough.faults(enough.written({"A": -1})) == {"worse_than_nothing"}
    assert short.faults(short.written({"A": -1})) == set()


def test_what_has_no_target_comes_before_being_near():
    # Selling A leaves 30 idle, which is further from the target by the relative measure of cash.
    here = asked({"B": "0.9"}, {"A": 30, "B": 90}, 10, {"A": 1, "B": 1}, objective="relative")

    assert here.faults(here.written({"A": -1})) == set()


def test_nothing_need_not_be_nearer_where_money_must_be_invested():
    # A share of B for all the cash is further from the target than none; but what can be invested is.
    here = asked({"A": "0.5", "B": "0.5"}, {"A": 50, "B": 50}, 50, {"B": 1}, objective="relative", do_not_buy=["A"])

    assert here.faults(here.written({"B": 1})) & {"worse_than_nothing", "not_invested"} == set()
    assert here.faults(here.written({})) & {"worse_than_nothing", "not_invested"} == {"not_invested"}
