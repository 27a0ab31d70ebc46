"""Costs, bands, caps, relative deviations, taxes, households and classes, rule by rule; numbers worked out by hand."""

from datetime import date
from decimal import Decimal

import pytest

from allocation import calculate_investment_allocation
from allocation.errors import InfeasibleError
from allocation.facts import Facts
from allocation.model import Account, Portfolio, Position, TaxLot, TaxTreatment
from allocation.plan import plan_facts
from allocation.planning.without import explain_trades
from allocation.rules import Band, Costs, Destination, LotMethod, Objective, Rules, Selling, Taxes, TradeScope
from allocation.targets import AssetClass, ClassTarget, TargetAllocation
from tests.builders import a_plan, a_portfolio, an_account, exact

TEN = {"A": 10, "B": 10, "X": 10}
OUT_OF_BAND = {"trade": TradeScope.OUT_OF_BAND}


def shares(plan):
    return {symbol: int(quantity) for symbol, quantity in plan.shares.items()}


# ── Costs ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_costs_come_out_of_the_cash_and_out_of_the_total():
    # Ten shares would cost 100 and 2 more; nine cost 90 + 1 + 0.90.
    plan = a_plan({"A": 1}, TEN, cash=100, costs=Costs(per_trade=1, rate="0.01"))

    assert shares(plan) == {"A": 9}
    assert plan.trades[0].cost == plan.totals.cost == Decimal("1.9")
    assert plan.after.cash == Decimal("8.1")
    assert plan.after.total == Decimal("98.1")


@pytest.mark.parametrize(("price", "cost"), [(100, "2.5"), (300, "3"), (1000, "4")])
def test_a_commission_has_a_minimum_and_a_maximum(price, cost):
    costs = Costs(rate="0.01", minimum="2.5", maximum=4)

    plan = a_plan({"A": 1}, {"A": price}, cash=price + 10, costs=costs)

    assert plan.totals.cost == Decimal(cost)


def test_half_the_spread_is_paid_on_both_sides():
    plan = a_plan({"A": 1}, TEN, {"X": 10}, cash=5, half_spreads={"A": Decimal("0.01"), "X": Decimal("0.02")})

    assert {t.symbol: t.cost for t in plan.trades} == {"X": Decimal(2), "A": Decimal(1)}


# ── Bands ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_inside_its_band_does_not_trade():
    # 64 and 36 of 60 and 40: within five points.
    plan = a_plan({"A": 0.6, "B": 0.4}, TEN, {"A": 64, "B": 36}, **OUT_OF_BAND)

    assert plan.trades == ()
    assert plan.after.drift == Decimal("0.04")


def test_a_line_outside_its_band_goes_to_its_target():
    plan = a_plan({"A": 0.6, "B": 0.4}, TEN, {"A": 66, "B": 34}, **OUT_OF_BAND)

    assert shares(plan) == {"A": -6, "B": 6}


def test_or_to_the_nearer_edge_of_its_band():
    plan = a_plan({"A": 0.6, "B": 0.4}, TEN, {"A": 66, "B": 34}, destination=Destination.EDGE, **OUT_OF_BAND)

    assert shares(plan) == {"A": -1, "B": 1}
    assert plan.objective.value == 0
    assert plan.after.drift == Decimal("0.05")


@pytest.mark.parametrize(("held", "sold"), [(66, 1), (64, 4)])
def test_where_everything_may_trade_a_line_outside_its_band_still_goes_to_the_edge(held: int, sold: int) -> None:
    # What is inside its band has no edge to go to: 64 goes to its target of 60.
    plan = a_plan({"A": 0.6, "B": 0.4}, TEN, {"A": held, "B": 100 - held}, destination=Destination.EDGE)

    assert shares(plan) == {"A": -sold, "B": sold}
    assert plan.objective.value == 0


def test_the_wider_band_puts_a_floor_under_a_relative_one():
    band = Band(absolute="0.01", relative="0.25", combine="wider")

    plan = a_plan({"A": 0.6, "B": 0.4}, TEN, {"A": 69, "B": 31}, band=band, **OUT_OF_BAND)

    assert plan.trades == ()


def test_a_withdrawal_that_only_lines_inside_their_bands_could_raise_is_refused():
    with pytest.raises(InfeasibleError, match="inside its band") as refused:
        a_plan({"A": 1}, TEN, {"A": 10}, cash_flow=-2, **OUT_OF_BAND)

    assert "leave out the rule to trade only what is out of band" in str(refused.value)


# ── Caps ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_so_many_trades_are_made_and_the_best_ones():
    # With B out of reach, half of X in cash is nearest: 100² + 100² < 200².
    held = {"A": 50, "B": 30, "X": 20}

    assert shares(a_plan({"A": 0.5, "B": 0.5}, TEN, held, max_trades=1)) == {"X": -10}
    assert a_plan({"A": 0.5, "B": 0.5}, TEN, held, max_trades=0).trades == ()


def test_turnover_stays_within_its_cap():
    # 200 of 1,000 may be traded in all: ten shares of each.
    plan = a_plan({"A": 0.5, "B": 0.5}, TEN, {"A": 100}, max_turnover="0.1")

    assert shares(plan) == {"A": -10, "B": 10}
    assert plan.totals.turnover == Decimal("0.1")


# ── Relative deviations ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_relative_invests_every_cent_that_can_be():
    # 80 would be left with two of B, more than its price.
    plan = a_plan({"A": 0.9, "B": 0.1}, {"A": 400, "B": 60}, cash=1000, objective=Objective.RELATIVE)

    assert shares(plan) == {"A": 2, "B": 3}
    # √((100/900)² + (80/100)²)
    assert plan.objective.value == Decimal("0.807679193129")


def test_relative_counts_cash_where_it_has_a_target():
    # Two of B are off by 20 of 100, and so is the cash.
    plan = a_plan({"A": 0.8, "B": 0.1}, {"A": 400, "B": 60}, cash=1000, objective=Objective.RELATIVE)

    assert shares(plan) == {"A": 2, "B": 2}


def test_relative_sells_what_has_no_target_first():
    # Selling A would help the weights more, but X has no target.
    held = {"A": 70, "B": 20, "X": 1}

    plan = a_plan({"A": 0.5, "B": 0.4}, TEN, held, cash=90, objective=Objective.RELATIVE, max_trades=1)

    assert shares(plan) == {"X": -1}


# ── Taxes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

LOTS = (
    TaxLot(Decimal(5), Decimal(50), date(2020, 1, 31)),
    TaxLot(Decimal(5), Decimal(90), date(2020, 1, 31)),
)


def taxed(lots=LOTS, weights=None, treatment=TaxTreatment.TAXABLE, others=(), cash=0, **rules):
    """Ten shares at 100, half of them to be sold; long-term gains are taxed at a fifth."""
    taxes = {"long_term_rate": "0.2", "short_term_rate": "0.4", "as_of": date(2026, 11, 20), **rules}
    portfolio = Portfolio(
        an_account(tax_treatment=treatment), (Position("A", Decimal(10), lots), *others), Decimal(cash)
    )
    target = TargetAllocation.of(weights or {"A": "0.5"})
    return plan_facts(Facts((portfolio,), target, exact({"A": 100, "B": 100}), Rules(taxes=Taxes(**taxes))))


def test_the_lots_with_the_least_tax_are_sold_and_the_tax_is_paid_from_the_proceeds():
    plan = taxed()

    sale = plan.trades[0]
    assert (sale.quantity, sale.tax, plan.after.cash, plan.after.total) == (5, 10, 490, 990)
    assert [(lot.quantity, lot.unit_cost, lot.gain, lot.term) for lot in sale.lots] == [(5, 90, 50, "long")]


def test_the_oldest_lots_are_sold_first_where_the_user_says_so():
    newer = (LOTS[0], TaxLot(Decimal(5), Decimal(90), date(2021, 1, 31)))

    assert taxed(newer, lot_method=LotMethod.FIFO).totals.tax == 50


def test_no_more_tax_is_caused_than_allowed():
    # Each share of the dearer lot gains 10 and costs 2 in tax.
    assert taxed(max_tax=4).shares == {"A": -2}


def test_an_account_that_is_not_taxable_pays_none_and_names_its_lots():
    plan = taxed(treatment=TaxTreatment.TAX_DEFERRED)

    assert plan.totals.tax == 0
    assert plan.trades[0].lots


def test_a_sale_without_lots_is_remarked_on():
    plan = taxed(lots=())

    assert plan.totals.tax == 0
    assert [remark.code for remark in plan.remarks] == ["cost_basis_unknown"]


def test_a_loss_offsets_gains_and_the_rest_is_carried():
    plan = taxed(lots=(TaxLot(Decimal(10), Decimal(120), date(2020, 1, 31)),))

    assert plan.totals.tax == 0
    assert [remark.code for remark in plan.remarks] == ["net_loss_carried"]
    assert "100.00" in plan.remarks[0].message


def test_a_loss_that_shares_bought_lately_wash_is_flagged():
    lots = (TaxLot(Decimal(5), Decimal(120), date(2020, 1, 31)), TaxLot(Decimal(5), Decimal(100), date(2026, 11, 1)))

    plan = taxed(lots, lot_method=LotMethod.FIFO)

    assert "wash_sale_risk" in [remark.code for remark in plan.remarks]
    assert plan.trades[0].lots[0].disallowed == 100


# ── Households ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def household(target, *portfolios, flows=None, **rules):
    return plan_facts(Facts(portfolios, TargetAllocation.of(target), exact(TEN), Rules(**rules), exact(flows or {})))


def own(account, held=None, cash=0, treatment=TaxTreatment.TAXABLE):
    return a_portfolio(held, cash, Account(account, account, tax_treatment=treatment))


def test_cash_stays_in_its_account():
    plan = household({"A": 0.5, "B": 0.5}, own("ira", {"B": 100}), own("main", cash=1000))

    assert [(t.account, t.symbol, t.quantity) for t in plan.trades] == [("main", "A", 100)]
    assert plan.after.accounts["main"].cash == 0
    assert plan.after.accounts["ira"].total == 1000
    assert plan.after.drift == 0


def test_a_security_is_bought_where_it_is_best_held():
    best = {"B": (TaxTreatment.TAX_DEFERRED, TaxTreatment.TAXABLE)}
    accounts = own("ira", cash=100, treatment=TaxTreatment.TAX_DEFERRED), own("main", cash=100)

    plan = household({"A": 0.5, "B": 0.5}, *accounts, location=best)

    assert {(t.account, t.symbol) for t in plan.trades} == {("ira", "B"), ("main", "A")}


def test_each_account_raises_the_cash_that_it_misses():
    plan = household(
        {"A": 0.5, "B": 0.5},
        own("ira", {"A": 10}),
        own("main", {"A": 10, "B": 20}),
        flows={"ira": -15, "main": -25},
        selling=Selling.TO_RAISE_CASH,
    )

    assert {(t.account, t.symbol): int(t.signed_quantity) for t in plan.trades} == {("ira", "A"): -2, ("main", "B"): -3}


def test_a_symbol_traded_in_two_accounts_is_added_up():
    plan = household({"A": 1}, own("ira", cash=20), own("main", cash=30))

    assert plan.shares == {"A": 5}
    assert len(plan.trades) == 2


def test_relative_invests_what_each_account_has():
    # A is to be 90, B 60. Neither account can pay another share of 30 out of what it keeps.
    plan = plan_facts(
        Facts(
            (own("ira", cash=100), own("main", cash=50)),
            TargetAllocation.of({"A": "0.6", "B": "0.4"}),
            exact({"A": 30, "B": 40}),
            Rules(objective=Objective.RELATIVE),
        )
    )

    assert {id_: account.cash for id_, account in plan.after.accounts.items()} == {"ira": 10, "main": 10}
    assert shares(plan) == {"A": 3, "B": 1}


# ── Classes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

EXPOSURES = {"A": {"Equity": Decimal(1)}, "B": {"Bond": Decimal(1)}, "X": {"Equity": Decimal(1)}}


def by_class(*classes, exposures=None, held=None, cash=0, **rules):
    told = exposures or EXPOSURES
    return plan_facts(Facts((a_portfolio(held, cash),), ClassTarget(classes, told), exact(TEN), Rules(**rules)))


def test_a_class_is_filled_with_the_first_security_that_may_be_bought():
    bond = AssetClass("Bond", Decimal("0.4"))
    equity = AssetClass("Equity", Decimal("0.6"), securities=("A", "X"))

    assert shares(by_class(equity, bond, cash=1000)) == {"A": 60, "B": 40}
    assert shares(by_class(equity, bond, cash=1000, do_not_buy={"A"})) == {"X": 60, "B": 40}


def test_any_security_of_a_class_counts_for_it():
    plan = by_class(AssetClass("Equity", Decimal(1), securities=("A",)), held={"X": 40}, cash=600)

    assert shares(plan) == {"A": 60}
    assert plan.after.classes == {"Equity": 1}
    assert plan.after.drift == 0


def test_a_class_target_goes_in_by_the_same_door():
    target = ClassTarget((AssetClass("Equity", Decimal(1)),), {"A": {"Equity": Decimal(1)}})

    assert shares(calculate_investment_allocation(target, {"A": 10}, cash=100)) == {"A": 10}


def test_weights_inside_a_class_are_targets_of_its_securities():
    within = {"A": Decimal("0.75"), "X": Decimal("0.25")}

    plan = by_class(AssetClass("Equity", Decimal("0.8"), within=within), cash=1000)

    assert shares(plan) == {"A": 60, "X": 20}


def test_exposure_to_an_inner_class_is_spread_over_its_leaves():
    tree = AssetClass("All", Decimal(1), (AssetClass("Equity", Decimal("0.6")), AssetClass("Bond", Decimal("0.4"))))

    plan = by_class(tree, exposures={"X": {"All": Decimal(1)}}, cash=1000)

    assert shares(plan) == {"X": 100}
    assert plan.after.classes == {"All": 1, "Equity": Decimal("0.6"), "Bond": Decimal("0.4")}


def test_a_security_without_a_class_of_the_tree_is_outside_the_target():
    plan = by_class(AssetClass("Bond", Decimal(1)), held={"X": 10}, cash=0)

    assert shares(plan) == {"X": -10, "B": 10}
    assert plan.trades[0].reason == "Not in the target"


# ── What if, and why not ────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_trade_tells_what_the_best_plan_without_it_comes_to():
    # Without selling A nothing can be bought: √(500² + 500²). Without B, cash and A share what is too much: √(500² + 2·250²).
    portfolio, target = a_portfolio({"A": 100}), TargetAllocation.of({"A": "0.5", "B": "0.5"})
    facts = Facts((portfolio,), target, exact(TEN))

    told = explain_trades(facts, plan_facts(facts)).trades

    assert {t.symbol: t.without_it.objective for t in told} == {
        "A": Decimal("707.106781186548"),
        "B": Decimal("612.372435695795"),
    }
    assert {t.without_it.drift for t in told} == {Decimal("0.5")}


def test_a_conflict_names_what_would_be_enough_to_change():
    # C alone can be sold, for 50.
    prices, held = {"A": 10, "B": 10, "C": 10}, {"A": 60, "B": 5, "C": 5}

    with pytest.raises(InfeasibleError) as refused:
        a_plan({"A": 1}, prices, held, cash_flow=-90, lock={"A"}, do_not_sell={"B"})

    said = str(refused.value)
    assert "withdraw 40.00 less from Main" in said
    assert "allow selling A" in said
    assert "allow selling B" in said


def test_rules_that_only_together_leave_no_plan_are_named_and_no_others():
    # 30 is missing. B raises it in three steps of 10, A too; with one trade of at most 20 nothing does.
    with pytest.raises(InfeasibleError) as refused:
        a_plan({"A": 0.5, "B": 0.5}, TEN, {"A": 1, "B": 2}, cash_flow=-25, max_trades=1, do_not_buy={"A"})

    assert set(refused.value.culprits) == {"max_trades", "cash_flow", "main"}
    assert "leave out the limit on trades" in str(refused.value)
    assert "withdraw 5.00 less" in str(refused.value)


def test_a_loss_that_a_purchase_in_another_account_washes_does_not_offset_gains():
    # main sells both for its withdrawal: −100 on A, +100 on B. ira buys A back, so the gain is taxed: a fifth of 100.
    lost, won = (TaxLot(Decimal(10), Decimal(cost), date(2020, 1, 1)) for cost in (20, 0))
    positions = (Position("A", Decimal(10), (lost,)), Position("B", Decimal(10), (won,)))
    main = Portfolio(an_account("main"), positions, Decimal(20))
    ira = own("ira", cash=100, treatment=TaxTreatment.TAX_DEFERRED)
    rules = Rules(taxes=Taxes(long_term_rate="0.2", as_of=date(2026, 11, 20)))

    plan = plan_facts(Facts((main, ira), TargetAllocation.of({"A": 1}), exact(TEN), rules, {"main": Decimal(-200)}))

    assert plan.totals.tax == 20
    assert plan.after.accounts["main"].cash == 0
    assert "wash_sale_risk" in [remark.code for remark in plan.remarks]


# ── What keeps a line off its target ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"lock": {"A"}}, "A: off target and locked."),
        ({"do_not_sell": {"A"}}, "A: above target and not to be sold."),
        ({"do_not_buy": {"B"}}, "B: below target and not to be bought."),
        ({"selling": Selling.NEVER}, "A: above target and not sold, because of the rule about selling."),
        ({"band": Band("0.1", None), **OUT_OF_BAND}, "A and B: off target and inside the band."),
        ({"min_trade_value": 170}, "A and B: off target by less than the smallest trade would mend."),
        ({"max_trades": 0}, "A and B: off target, with as many trades as allowed."),
        ({"max_turnover": 0}, "A and B: off target, with as much turnover as allowed."),
    ],
)
def test_a_line_that_a_rule_keeps_off_its_target_is_named_with_the_rule(rules, told):
    # 58 and 42 of 50 and 50.
    plan = a_plan({"A": 0.5, "B": 0.5}, TEN, {"A": 58, "B": 42}, **rules)

    remark = next(each for each in plan.remarks if each.code == "off_target")
    assert told in remark.message


def test_whole_steps_alone_are_no_rule():
    plan = a_plan({"A": 0.5, "B": 0.5}, TEN, {"A": 51, "B": 50})

    assert not [each for each in plan.remarks if each.code == "off_target"]
