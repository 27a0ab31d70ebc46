"""The independent check of sales that raise cash: each is needed, at its cost and its tax, to the last step."""

from decimal import Decimal
from typing import Any

import pytest

from allocation.verify import verify_plan
from tests.planted import Asked, a_question, an_account

PRICES = {"A": 10, "B": 20}
RATES = {"short_term_rate": "0.4", "long_term_rate": "0.2", "as_of": "2026-11-20"}
# At 10, a share gains 6 long, 2 short, or loses 1 short.
LOTS = [(10, 4, "2020-01-31"), (10, 11, "2026-05-01"), (10, 8, "2026-06-01")]


def raising(flow: Any, *accounts: dict[str, Any], **rules: Any) -> Asked:
    """What is missing is missing in the first account."""
    first, *others = accounts
    told = a_question({"A": "1"}, PRICES, {**first, "cash_flow": str(flow)}, *others, selling="to_raise_cash", **rules)
    told["securities"]["A"]["increment"] = "0.5"
    return Asked(told)


@pytest.mark.parametrize(
    ("method", "rates", "brought"),
    [
        # Two and a half shares bring 25, less the tax on their gains.
        ("fifo", {}, "22"),
        ("lifo", {}, "23"),
        ("hifo", {}, "25"),
        ("specified", {}, "22"),
        ("least_tax", {}, "25"),
        ("average_cost", {}, "23.833333333333"),
        ("fifo", {"short_term_rate": "0"}, "22"),
        ("fifo", {"long_term_rate": "0"}, "25"),
        ("lifo", {"long_term_rate": "0"}, "23"),
    ],
)
def test_a_sale_is_needed_when_the_next_smaller_brings_too_little_after_tax(method, rates, brought):
    taxes = {**RATES, **rates, "lot_method": method}
    enough, short = (
        raising(-Decimal(brought) - more, an_account(A=LOTS), taxes=taxes) for more in (0, Decimal("0.01"))
    )

    assert enough.faults(enough.written({"A": -3})) == {"sale_not_needed"}
    assert short.faults(short.written({"A": -3})) == set()


def test_the_loss_of_another_sale_counts_when_it_is_asked_whether_one_is_needed():
    # B loses 4 short, which spares a tax of 0.8 on A's gain.
    account = an_account(A=[(10, 4, "2020-01-31")], B=[(5, 24, "2026-05-01")])
    taxes = {**RATES, "lot_method": "fifo"}
    enough, short = (raising(flow, account, taxes=taxes) for flow in ("-42.8", "-42.81"))

    # Two and a half shares of A bring 25 less a tax of 2.2; B brings 20.
    assert enough.faults(enough.written({"A": -3, "B": -1})) & {"sale_not_needed"} == {"sale_not_needed"}
    assert short.faults(short.written({"A": -3, "B": -1})) == set()


def test_half_the_spread_of_a_sale_counts_when_it_is_asked_whether_it_is_needed():
    for flow, faults in (("-24.5", {"sale_not_needed"}), ("-24.51", set())):
        told = a_question({"A": "1"}, PRICES, {**an_account(A=9), "cash_flow": flow}, selling="to_raise_cash")
        told["securities"]["A"] |= {"increment": "0.5", "half_spread": "0.02"}
        here = Asked(told)
        assert here.faults(here.written({"A": -3})) == faults


@pytest.mark.parametrize(("flow", "faults"), [("-30", {"sale_not_needed"}), ("-30.01", set())])
def test_a_sale_may_shrink_to_the_smallest_trade_itself(flow, faults):
    here = raising(flow, an_account(A=9), min_trade_value="30")

    assert here.faults(here.written({"A": "-3.5"})) == faults


def test_cash_of_another_account_makes_no_sale_needless():
    there = an_account("there", cash=1000)
    here = raising("-30", an_account("here", A=9), there)

    assert here.faults(here.written({("here", "A"): -3})) == set()


@pytest.mark.parametrize(("reserve", "faults"), [("125", {"sale_not_needed"}), ("125.01", set())])
def test_a_sale_may_be_needed_for_the_reserve_alone(reserve, faults):
    here = raising("0", an_account("here", A=9), an_account("there", cash=100), cash_reserve=reserve)

    assert here.faults(here.written({("here", "A"): -3})) == faults


def test_an_account_without_sales_pays_none_of_the_tax():
    there = an_account("there", cash="0.5")
    taxes = {**RATES, "lot_method": "fifo"}
    here = raising("-22", an_account("here", A=LOTS), there, taxes=taxes)

    assert here.faults(here.written({("here", "A"): -3})) == {"sale_not_needed"}


@pytest.mark.parametrize(("flow", "faults"), [("-63", {"sale_not_needed"}), ("-63.01", set()), ("-64", set())])
def test_an_untaxed_account_sells_no_other_lots_to_lower_the_tax_of_raising_cash(flow, faults):
    # The untaxed account sells its oldest lot; its dearer, recent one stays and washes the loss of the taxable one.
    taxed = {**an_account("a", A=[(5, 12, "2020-01-31")], B=[(1, 10, "2020-01-31")]), "cash_flow": flow}
    lots = [(5, 8, "2019-01-01"), (5, 11, "2026-11-01")]
    untaxed = {**an_account("b", A=lots), "cash_flow": "-30", "tax_treatment": "tax_deferred"}
    told = a_question({"A": "1"}, PRICES, taxed, untaxed, selling="to_raise_cash", taxes=RATES)
    told["securities"]["A"]["increment"] = "0.5"
    here = Asked(told)

    # 4.5 shares of A and one of B bring 65, less a tax of 2 on the gain of B; A's loss does not count.
    assert here.faults(here.written({("a", "A"): -5, ("a", "B"): -1, ("b", "A"): -3})) == faults


# Sentences


def test_a_fault_names_the_account_and_the_money():
    here = Asked(a_question({"A": "1"}, PRICES, an_account("joint", cash="5.25"), cash_reserve="1"))
    plan = here.written({("joint", "A"): 1})

    said = {fault.message for fault in verify_plan(plan, here.facts) if fault.code == "overspent"}

    assert said == {"joint: cash of -4.75 would be left.", "Cash of -4.75 would be left; 1.00 must be."}
