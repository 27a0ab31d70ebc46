"""Selling only what missing cash needs, where a smaller sale owes less tax; numbers worked out by hand."""

from datetime import date
from decimal import Decimal

from allocation.facts import Facts
from allocation.model import Portfolio, Position, TaxLot
from allocation.plan import plan_facts
from allocation.rules import Rules, Selling, Taxes
from allocation.targets import TargetAllocation
from allocation.trade_plan import Status
from tests.builders import an_account, exact

TODAY, THEN = date(2024, 2, 29), date(2023, 6, 1)


def held(symbol, quantity, unit_cost=None):
    lots = () if unit_cost is None else (TaxLot(Decimal(quantity), Decimal(unit_cost), THEN),)
    return Position(symbol, Decimal(quantity), lots)


def withdrawal(money, weights, prices, *positions, rate, increments=None):
    rules = Rules(
        selling=Selling.TO_RAISE_CASH,
        taxes=Taxes(short_term_rate=rate, as_of=TODAY),
        increments=exact(increments or {}),
    )
    portfolio = Portfolio(an_account(), positions, Decimal(0))
    return plan_facts(
        Facts((portfolio,), TargetAllocation.of(weights), exact(prices), rules, {"main": Decimal(-money)})
    )


def signed(plan):
    return {trade.symbol: trade.signed_quantity for trade in plan.trades}


def test_the_tax_falls_with_a_smaller_sale():
    # All of A brings 200,000 less 0.37·107,264; half of it 100,000 less 19,843.84, which is not enough. Half of A and a
    # hundred of B would do without the half of A.
    plan = withdrawal(
        100_000,
        {"A": "0.03", "B": "0.48"},
        {"A": 200_000, "B": 1000},
        held("A", 1, 92_736),
        held("B", 400),
        rate="0.37",
        increments={"A": "0.5", "B": 100},
    )

    assert signed(plan) == {"A": -1}
    assert plan.totals.tax == Decimal("39687.68")
    assert plan.after.cash == Decimal("60312.32")
    assert plan.status == Status.OPTIMAL


def test_a_loss_is_sold_where_only_its_tax_saving_raises_enough():
    # A brings 110 less a fifth of 50. With B, 20 at a loss of 50, nothing is owed: 130, where 105 are missing.
    plan = withdrawal(105, {"A": 1}, {"A": 110, "B": 20}, held("A", 1, 60), held("B", 1, 70), rate="0.2")

    assert signed(plan) == {"A": -1, "B": -1}
    assert plan.after.cash == 25
    assert plan.status == Status.OPTIMAL


def test_sales_are_needed_where_there_are_too_many_to_try_them_all():
    # A gains and B loses five a share. Sold together 105 shares bring the 1,050 that are missing, with no tax as long as
    # fewer of A are sold than of B; 475 of A and as much cash are wanted: (525 − 10·29)² + (1000 − 10·76)² + 475².
    plan = withdrawal(1050, {"A": "0.5"}, {"A": 10, "B": 10}, held("A", 100, 5), held("B", 100, 15), rate="0.2")

    assert signed(plan) == {"A": -29, "B": -76}
    assert plan.after.cash == 0
    assert plan.objective.bound <= plan.objective.value
    assert abs(plan.objective.value**2 - (235**2 + 240**2 + 475**2)) < Decimal("0.000001")


def test_three_taxed_accounts_are_answered_where_a_purchase_could_wash_a_loss():
    def lot(quantity, cost, day):
        return TaxLot(Decimal(quantity), Decimal(cost), date.fromisoformat(day))

    first = lot("0.0075", "18774", "2023-03-01"), lot("0.000625", "5006.4", "2024-01-30")
    then = lot("0.0025", "13767.6", "2023-03-02"), lot("0.00375", "13767.6", "2024-02-19")
    portfolios = (
        Portfolio(an_account("a0"), (held("S0", 2),), Decimal(0)),
        Portfolio(
            an_account("a1"),
            (Position("S2", Decimal("0.01"), (*first, lot("0.001875", "0", "2023-03-01"))),),
            Decimal(0),
        ),
        Portfolio(
            an_account("a2"),
            (Position("S2", Decimal("0.01"), (*then, lot("0.00375", "5006.4", "2024-01-29"))),),
            Decimal(7),
        ),
    )
    rules = Rules(increments=exact({"S2": "0.01"}), taxes=Taxes(short_term_rate="0.3", as_of=TODAY))
    target = TargetAllocation.of({"S2": "0.33", "S0": "0.33", "S1": "0.33"})

    plan = plan_facts(Facts(portfolios, target, exact({"S2": 12500, "S0": 200, "S1": 120}), rules))

    # 3.169 + 4.7535 lost and 28.101 won; a quarter of the first lot is replaced by what a1 bought within thirty days.
    assert {(t.account, t.symbol): t.signed_quantity for t in plan.trades} == {
        ("a0", "S0"): -1,
        ("a0", "S1"): 1,
        ("a2", "S1"): 1,
        ("a2", "S2"): Decimal("-0.01"),
    }
    assert plan.totals.tax == Decimal("0.3") * (
        Decimal("28.101") - Decimal("3.169") - Decimal("4.7535") + Decimal("0.79225")
    )


def test_sales_are_needed_where_their_own_lots_wash_their_losses():
    # As before, but B was bought yesterday: of 76 sold, 24 are replaced by what stays, and 52 losses of five still count.
    held_lately = Position("B", Decimal(100), (TaxLot(Decimal(100), Decimal(15), date(2024, 2, 28)),))

    plan = withdrawal(1050, {"A": "0.5"}, {"A": 10, "B": 10}, held("A", 100, 5), held_lately, rate="0.2")

    assert signed(plan) == {"A": -29, "B": -76}
    assert plan.totals.tax == 0
    assert "wash_sale_risk" in [remark.code for remark in plan.remarks]
