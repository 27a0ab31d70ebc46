"""Losses realised on purpose, and those of the last weeks; numbers worked out by hand."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.errors import InfeasibleError
from allocation.facts import Facts
from allocation.model import Account, Portfolio, Position, RecentSale, TaxLot, TaxTreatment
from allocation.plan import plan_facts
from allocation.planning.without import explain_trades
from allocation.rules import Band, Harvest, LotMethod, OutsideTarget, Rules, Taxes, TradeScope
from allocation.targets import AssetClass, ClassTarget, TargetAllocation
from allocation.trade_plan import Side
from allocation.verify import verify_plan

TODAY = date(2026, 11, 20)
LONG_AGO = date(2024, 1, 1)
PRICES = {"VTI": Decimal(100), "ITOT": Decimal(50), "BND": Decimal(20)}
TARGET = TargetAllocation.of({"VTI": "0.6", "BND": "0.4"})


def lot(quantity, unit_cost, acquired=LONG_AGO):
    return TaxLot(Decimal(quantity), Decimal(unit_cost), acquired)


def held(symbol, *lots):
    return Position(symbol, sum((each.quantity for each in lots), Decimal(0)), lots)


def an_owner_of(*positions, account="main", cash=0, sales=(), treatment=TaxTreatment.TAXABLE):
    return Portfolio(Account(account, account, tax_treatment=treatment), positions, Decimal(cash), recent_sales=sales)


def facts(*portfolios, target=TARGET, harvest=None, prices=PRICES, rates=("0.3", "0.2"), **rules):
    wanted = Harvest({"VTI": "ITOT"}) if harvest is None else harvest
    taxes = Taxes(Decimal(rates[0]), Decimal(rates[1]), as_of=TODAY, harvest=wanted)
    return Facts(portfolios, target, prices, Rules(taxes=taxes, **rules))


def shares(plan):
    return {symbol: int(quantity) for symbol, quantity in plan.shares.items()}


def remark(plan, code):
    return next((each for each in plan.remarks if each.code == code), None)


# ── What is sold, and what takes its place ──────────────────────────────────────────────────────────────────────────────


def test_a_loss_is_realised_and_the_substitute_takes_the_place():
    # 6 VTI of 6,000 in all would stay as they are; they lost 50 each.
    plan = plan_facts(facts(an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20)))))

    assert shares(plan) == {"VTI": -6, "ITOT": 12}
    assert [t.lots[0].gain for t in plan.trades if t.side == Side.SELL] == [Decimal(-300)]
    assert plan.after.weights == {"VTI": 0, "ITOT": Decimal("0.6"), "BND": Decimal("0.4")}
    assert plan.after.drift == 0


def test_the_sale_says_what_it_is_for():
    plan = plan_facts(facts(an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20)))))

    assert plan.trades[0].reason == "Sold to realise a loss of 300.00; ITOT takes its place"
    assert remark(plan, "harvested").message == "VTI: a loss of 300.00 is realised; ITOT takes its place."
    assert remark(plan, "harvested").symbols == ("VTI",)


def test_lots_at_a_gain_stay_and_keep_their_part_of_the_target():
    # 4 of 10 VTI lost; the 6 others are worth 600 of 1,000.
    owner = an_owner_of(held("VTI", lot(4, 150), lot(6, 80)))

    plan = plan_facts(facts(owner, target=TargetAllocation.of({"VTI": 1})))

    assert shares(plan) == {"VTI": -4, "ITOT": 8}
    assert plan.trades[0].weight_target == Decimal("0.6")
    assert plan.trades[1].weight_target == Decimal("0.4")


def test_what_is_harvested_is_bought_in_no_account():
    taxed = an_owner_of(held("VTI", lot(6, 150)), account="taxed")
    retirement = an_owner_of(account="retirement", cash=400, treatment=TaxTreatment.TAX_DEFERRED)

    plan = plan_facts(facts(taxed, retirement, target=TargetAllocation.of({"VTI": 1})))

    assert {(t.account, t.symbol, t.side) for t in plan.trades} == {
        ("taxed", "VTI", Side.SELL),
        ("taxed", "ITOT", Side.BUY),
        ("retirement", "ITOT", Side.BUY),
    }
    assert remark(plan, "wash_sale_risk") is None


def test_a_loss_pays_for_gains_elsewhere_in_the_plan():
    # BND gained 400 and VTI lost 400: selling both costs nothing.
    owner = an_owner_of(held("VTI", lot(4, 200)), held("BND", lot(40, 10)))

    plan = plan_facts(facts(owner, target=TargetAllocation.of({"VTI": 1})))

    assert shares(plan)["VTI"] == -4
    assert shares(plan)["BND"] == -40
    assert plan.totals.tax == 0


def test_a_line_inside_its_band_is_sold_all_the_same():
    owner = an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20)))

    plan = plan_facts(facts(owner, trade=TradeScope.OUT_OF_BAND, band=Band("0.05", None)))

    assert shares(plan) == {"VTI": -6, "ITOT": 12}


def test_a_class_is_filled_with_what_else_is_named_for_it():
    target = ClassTarget(
        (AssetClass("Equity", Decimal("0.6"), securities=("VTI", "ITOT")), AssetClass("Bond", Decimal("0.4"))),
        {"VTI": {"Equity": Decimal(1)}, "ITOT": {"Equity": Decimal(1)}, "BND": {"Bond": Decimal(1)}},
    )

    plan = plan_facts(facts(an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20))), target=target))

    assert shares(plan) == {"VTI": -6, "ITOT": 12}


def test_a_harvest_that_the_rules_leave_no_room_for_is_refused_by_name():
    owner = an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20)))

    with pytest.raises(InfeasibleError) as refused:
        plan_facts(facts(owner, max_trades=0))

    assert set(refused.value.culprits) == {"max_trades", "harvest"}
    assert "leave out the losses to harvest" in str(refused.value)


def test_without_its_sale_the_plan_realises_no_loss():
    asked = facts(an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20))))

    sale = explain_trades(asked, plan_facts(asked)).trades[0]

    assert sale.without_it is not None
    assert sale.without_it.drift > 0


# ── What is left alone ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"harvest": Harvest({"VTI": "ITOT"}, Decimal(301))}, "no loss of the size asked for"),
        ({"harvest": Harvest({"VTI": "ITOT"}, min_loss_rate=Decimal("0.34"))}, "no loss of the size asked for"),
        ({"min_trade_value": 601}, "no loss of the size asked for"),
        ({"lock": {"VTI"}}, "the rules forbid to sell it or to buy its substitute ITOT"),
        ({"do_not_buy": {"ITOT"}}, "the rules forbid to sell it or to buy its substitute ITOT"),
        ({"prices": {"VTI": Decimal(100), "BND": Decimal(20)}}, "it or its substitute ITOT has no price"),
    ],
)
def test_a_loss_that_is_not_realised_is_named_with_its_reason(changes, why):
    plan = plan_facts(facts(an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20))), **changes))

    assert plan.trades == ()
    assert remark(plan, "not_harvested").message == f"VTI: {why}."
    assert remark(plan, "not_harvested").symbols == ("VTI",)


def test_a_loss_that_a_purchase_of_the_last_weeks_would_wash_is_left_alone():
    recent = held("VTI", lot(1, 90, TODAY - timedelta(days=30)))
    elsewhere = an_owner_of(recent, account="retirement", treatment=TaxTreatment.TAX_FREE)

    plan = plan_facts(facts(an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20))), elsewhere))

    assert "units bought within the wash-sale window remain" in remark(plan, "not_harvested").message


def test_what_is_held_outside_the_target_is_left_alone():
    owner = an_owner_of(held("VTI", lot(6, 150)), cash=400)
    target = TargetAllocation.of({"BND": "0.4"})

    plan = plan_facts(facts(owner, target=target, outside_target=OutsideTarget.HOLD))

    assert "VTI" not in plan.shares
    assert remark(plan, "not_harvested").symbols == ("VTI",)


def test_a_substitute_left_out_of_the_total_is_not_bought():
    owner = an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20)), held("ITOT", lot(3, 50)))

    plan = plan_facts(facts(owner, outside_target=OutsideTarget.EXCLUDE))

    assert plan.trades == ()
    assert remark(plan, "not_harvested").symbols == ("VTI",)


# ── Losses taken lately ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("days", "flagged"), [(30, True), (31, False)])
def test_buying_what_was_sold_at_a_loss_within_the_window_is_flagged(days, flagged):
    sale = RecentSale("BND", TODAY - timedelta(days=days), Decimal(5), Decimal(40))
    asked = facts(an_owner_of(held("VTI", lot(6, 80)), cash=400, sales=(sale,)), harvest=Harvest({}))

    plan = plan_facts(asked)

    assert shares(plan) == {"BND": 20}
    assert (remark(plan, "wash_sale_risk") is not None) == flagged
    assert plan.totals.tax == 0


def test_a_loss_taken_lately_changes_the_identity_of_the_plan():
    sale = RecentSale("BND", TODAY - timedelta(days=3), Decimal(5), Decimal(40))
    owner = an_owner_of(held("VTI", lot(6, 80)), cash=400)

    before, after = (plan_facts(facts(each)) for each in (owner, replace(owner, recent_sales=(sale,))))

    assert before.plan_id != after.plan_id


def test_a_sale_without_lots_has_no_average_cost():
    asked = facts(an_owner_of(Position("VTI", Decimal(6))), harvest=Harvest({}))
    averaged = replace(asked.rules.taxes, lot_method=LotMethod.AVERAGE_COST)

    plan = plan_facts(replace(asked, rules=replace(asked.rules, taxes=averaged)))

    assert remark(plan, "cost_basis_unknown").symbols == ("VTI",)


# ── The check sees what the plan must not do ────────────────────────────────────────────────────────────────────────────


def test_a_plan_that_leaves_the_loss_alone_is_faulty():
    asked = facts(an_owner_of(held("VTI", lot(6, 150)), held("BND", lot(20, 20))))
    plan = plan_facts(asked)

    faults = verify_plan(replace(plan, trades=plan.trades[1:]), asked)

    assert "harvest" in {fault.code for fault in faults}


@pytest.mark.parametrize(("unit_cost", "code"), [(150, "harvested"), (80, "not_harvested"), (80, "wash_sale_risk")])
def test_a_plan_that_keeps_a_remark_to_itself_is_faulty(unit_cost, code):
    sale = RecentSale("BND", TODAY - timedelta(days=3), Decimal(5), Decimal(40))
    asked = facts(an_owner_of(held("VTI", lot(6, unit_cost)), cash=400, sales=(sale,)))
    plan = plan_facts(asked)
    assert remark(plan, code) is not None

    faults = verify_plan(replace(plan, remarks=tuple(r for r in plan.remarks if r.code != code)), asked)

    assert {fault.code for fault in faults} == {"remark"}


# ── Pools over several accounts ─────────────────────────────────────────────────────────────────────────────────────────


def test_units_sold_without_lots_use_up_no_pool():
    taxes = Taxes(Decimal("0.2"), Decimal("0.2"), lot_method=LotMethod.SHARE_POOL, as_of=TODAY)
    unknown = an_owner_of(Position("VTI", Decimal(6)), account="a")
    known = an_owner_of(held("VTI", lot(6, 150)), account="b")
    asked = Facts((unknown, known), TargetAllocation.of({"VTI": 0}), PRICES, Rules(taxes=taxes))

    sale = next(t for t in plan_facts(asked).trades if t.account == "b")

    assert sum(taken.quantity for taken in sale.lots) == 6


# ── Laws ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def owners(draw):
    """A taxed and an untaxed account with a few lots of VTI and BND, and some cash."""
    days = st.sampled_from([LONG_AGO, TODAY - timedelta(days=30), TODAY - timedelta(days=31)])
    lots = st.lists(st.builds(lot, st.integers(1, 5), st.sampled_from([10, 60, 99, 150]), days), min_size=1, max_size=3)
    taxed = an_owner_of(held("VTI", *draw(lots)), held("BND", *draw(lots)), account="b", cash=draw(st.integers(0, 300)))
    other = an_owner_of(*([held("VTI", *draw(lots))] if draw(st.booleans()) else []), account="a", cash=100)
    return taxed, replace(other, account=replace(other.account, tax_treatment=TaxTreatment.TAX_FREE))


@given(owners(), st.sampled_from([{"VTI": "ITOT"}, {"VTI": "ITOT", "BND": "ITOT"}, {"BND": "VTI"}]), st.randoms())
@settings(max_examples=40, deadline=None)
def test_what_is_harvested_is_sold_and_not_bought_and_money_is_kept(portfolios, substitutes, random):
    asked = facts(*portfolios, harvest=Harvest(substitutes, min_loss=Decimal(50)))

    plan = plan_facts(asked)

    harvested = remark(plan, "harvested")
    for symbol in harvested.symbols if harvested else ():
        assert {t.side for t in plan.trades if t.symbol == symbol} == {Side.SELL}
        assert any(
            taken.gain < 0 and not taken.disallowed for t in plan.trades if t.symbol == symbol for taken in t.lots
        )
    assert plan.after.total == plan.before.total - plan.totals.cost - plan.totals.tax
    assert min(account.cash for account in plan.after.accounts.values()) >= 0
    turned = replace(asked, portfolios=tuple(random.sample(asked.portfolios, len(asked.portfolios))))
    assert plan_facts(turned) == plan
