"""The independent check of costs, bands, caps, classes, households and the relative objective: planted faults."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from allocation.rules import Rules
from allocation.trade_plan import AccountSnapshot, Side
from allocation.verify import verify_plan
from tests.planted import Asked, a_question, an_account, with_trade

PRICES = {"A": 10, "B": 20, "C": 50}
WEIGHTS = {"A": "0.5", "B": "0.3", "C": "0.2"}


def asked(**rules: Any) -> Asked:
    """1,000 in all: 400 of A, 400 of B, 200 in cash."""
    return Asked(a_question(WEIGHTS, PRICES, an_account(cash=200, A=40, B=20), **rules))


# Costs

FEES = {"per_trade": "1", "rate": "0.01", "minimum": "2", "maximum": "3"}


@pytest.mark.parametrize(("quantity", "cost"), [(9, "2"), (10, "2"), (11, "2.1"), (19, "2.9"), (20, "3"), (21, "3")])
def test_a_commission_keeps_to_its_bounds(quantity, cost):
    here = Asked(a_question(WEIGHTS, PRICES, an_account(cash=300, A=40), costs=FEES))
    plan = here.written({"A": quantity})

    assert plan.trades[0].cost == Decimal(cost)
    assert here.faults(plan) == set()
    assert here.faults(with_trade(plan, "A", lambda t: replace(t, cost=t.cost + Decimal("0.0001")))) == {"cost"}


def test_half_the_spread_is_paid_beside_the_commission():
    told = a_question(WEIGHTS, PRICES, an_account(cash=200, A=40, B=20), costs=FEES)
    told["securities"]["A"]["half_spread"] = "0.001"
    here = Asked(told)
    plan = here.written({"A": 10, "B": -1})

    assert {t.symbol: t.cost for t in plan.trades} == {"A": Decimal("2.1"), "B": Decimal(2)}
    assert here.faults(plan) == set()


def test_a_fee_ignored_is_found_everywhere():
    free, charged = asked(), asked(costs=FEES)
    plan = free.written({"A": 10})

    assert charged.faults(plan) == {"cost", "cash", "total", "drift", "objective"}


def test_a_cost_that_the_cash_cannot_pay_is_found():
    exactly, short = asked(costs={"minimum": "100"}), asked(costs={"minimum": "100.01"})

    assert exactly.faults(exactly.written({"A": 10})) == set()
    assert short.faults(short.written({"A": 10})) == {"overspent"}


# Bands


def band(**widths: Any) -> dict[str, Any]:
    return {"trade": "out_of_band", "band": widths}


@pytest.mark.parametrize(
    ("widths", "may_trade"),
    [
        ({"absolute": "0.1", "relative": None}, False),
        ({"absolute": "0.0999", "relative": None}, True),
        ({"absolute": None, "relative": "0.2"}, False),
        ({"absolute": None, "relative": "0.1999"}, True),
        ({"absolute": "0.05", "relative": "0.25", "combine": "narrower"}, True),
        ({"absolute": "0.05", "relative": "0.25", "combine": "wider"}, False),
        ({"absolute": "0.25", "relative": "0.05", "combine": "narrower"}, True),
        ({"absolute": "0.25", "relative": "0.05", "combine": "wider"}, False),
    ],
)
def test_a_line_inside_its_band_may_not_trade(widths, may_trade):
    here = asked(**band(**widths))

    assert here.faults(here.written({"A": 1})) == (set() if may_trade else {"rule_broken"})


@pytest.mark.parametrize(
    ("weight", "may_trade"),
    [("0.35", False), ("0.3499", True), ("0.45", False), ("0.4501", True)],
)
def test_the_usual_band_of_a_large_target_is_five_points(weight, may_trade):
    told = a_question({"A": weight, "B": "0.4"}, PRICES, an_account(cash=200, A=40, B=20), trade="out_of_band")
    here = Asked(told)

    assert here.faults(here.written({"A": -1})) & {"rule_broken"} == (set() if may_trade else {"rule_broken"})


@pytest.mark.parametrize(
    ("weight", "may_trade"), [("0.08", False), ("0.0799", True), ("0.1333", False), ("0.1334", True)]
)
def test_the_usual_band_of_a_small_target_is_a_quarter_of_it(weight, may_trade):
    # A is 10 % of 200.
    account = an_account(cash=80, A=2, B=5)
    here = Asked(a_question({"A": weight, "B": "0.5"}, PRICES, account, trade="out_of_band"))

    assert here.faults(here.written({"A": 1})) & {"rule_broken"} == (set() if may_trade else {"rule_broken"})


def test_the_edge_of_the_band_is_what_the_objective_wants():
    here = asked(objective="l1", trade="out_of_band", destination="edge", band={"absolute": "0.05", "relative": None})
    plain = asked(objective="l1", trade="out_of_band", band={"absolute": "0.05", "relative": None})

    # A at 40 % wants 45 %, B at 40 % wants 35 %, C at 0 % wants 15 %; cash wants nothing.
    # They come to 450, 360, 150 and 40.
    plan = here.written({"A": 5, "B": -2, "C": 3})

    assert plan.objective.value == 10 + 40
    assert here.faults(plan) == set()
    assert "objective" in plain.faults(plan)


def test_where_everything_may_trade_only_what_is_out_of_band_wants_its_edge():
    # A is 40 % for 50 %, B 40 % for 37 %; 13 % are for cash.
    told = a_question({"A": "0.5", "B": "0.37"}, PRICES, an_account(cash=200, A=40, B=20), objective="l1",
                      destination="edge", band={"absolute": "0.05", "relative": None})  # fmt: skip
    here = Asked(told)

    # A wants 450, B 370 and cash 130: they come to 450, 360 and 190.
    plan = here.written({"A": 5, "B": -2})

    assert plan.objective.value == 10 + 60
    assert here.faults(plan) == set()


# Caps


def test_one_trade_more_than_allowed_is_found():
    enough, short = asked(max_trades=2), asked(max_trades=1)

    assert enough.faults(enough.written({"A": 1, "B": -1})) == set()
    assert short.faults(enough.written({"A": 1, "B": -1})) == {"max_trades"}


def test_turnover_above_the_cap_is_found():
    enough, short = asked(max_turnover="0.015"), asked(max_turnover="0.0149")

    assert enough.faults(enough.written({"A": 1, "B": -1})) == set()
    assert short.faults(enough.written({"A": 1, "B": -1})) == {"max_turnover"}


# Proofs under rules


@pytest.mark.parametrize(
    ("rules", "faults"),
    [
        ({}, {"not_optimal"}),
        ({"max_trades": 0}, set()),
        ({"max_trades": 1}, {"not_optimal"}),
        ({"max_turnover": "0.005"}, {"not_optimal"}),
        ({"max_turnover": "0.0049"}, set()),
        ({"costs": {"minimum": "190"}, "do_not_sell": ["A", "B"], "do_not_buy": ["C"]}, {"not_optimal"}),
        ({"costs": {"minimum": "190.01"}, "do_not_sell": ["A", "B"], "do_not_buy": ["C"]}, set()),
        ({"lock": ["A", "B", "C"]}, set()),
        ({"lock": ["A", "B"]}, {"not_optimal"}),
        ({"min_trade_value": "200"}, {"not_optimal"}),
        ({"min_trade_value": "201", "do_not_sell": ["B"]}, set()),
        ({"selling": "to_raise_cash"}, set()),
    ],
)
def test_a_proof_stands_only_where_no_allowed_step_improves(rules, faults):
    assert asked(**rules).faults_as_proved({}) == faults


@pytest.mark.parametrize("objective", ["l2", "l1", "relative"])
@pytest.mark.parametrize("costs", [{}, {"rate": "0.01"}])
def test_the_best_plan_and_no_neighbour_of_it_stands_as_proved(objective, costs):
    here = Asked(
        a_question({"A": "0.3", "B": "0.4"}, PRICES, an_account(cash=205, A=40, B=20), objective=objective, costs=costs)
    )
    best = {symbol: int(quantity) for symbol, quantity in here.plan.shares.items()}

    assert here.faults_as_proved(best) == set()
    for symbol in best:
        for step in (-1, 1):
            assert "not_optimal" in here.faults_as_proved({**best, symbol: best[symbol] + step})


@pytest.mark.parametrize("quantity", ["0", "-1", "0.5", "1.25"])
def test_a_quantity_that_is_no_number_of_steps_is_found(quantity):
    here = Asked(a_question(WEIGHTS, PRICES, an_account(cash=200, A="40.25", B=20)))
    plan = here.written({"A": 1})

    assert here.faults(with_trade(plan, "A", lambda t: replace(t, quantity=Decimal(quantity)))) == {"quantity"}


@pytest.mark.parametrize(
    ("weight", "target"),
    [("0.399999", "0.6000006000006"), ("0.400001", "0.5999994000006"), ("0.3999989", "0.6")],
)
def test_weights_within_a_millionth_of_the_whole_are_the_whole(weight, target):
    here = Asked(a_question({"A": "0.6", "B": weight}, {"A": 6, "B": 4}, an_account(A=10_000, B=10_100)))
    plan = here.written({"B": -1})

    assert here.faults(plan) - {"worse_than_nothing"} == set()
    told = here.written({"A": -1}).trades[0].weight_target
    assert abs(told - Decimal(target)) < Decimal("1e-12")


def test_a_bound_that_one_step_beats_is_found():
    here = asked()
    plan = here.written({})
    best = here.plan.objective.value

    for bound, faults in ((best, set()), (plan.objective.value - Decimal("0.1"), {"bound"})):
        gap = round((plan.objective.value - bound) / 1000, 12)
        assert here.faults(replace(plan, objective=replace(plan.objective, bound=bound, gap=gap))) == faults


# Classes


def classed(**rules: Any) -> Asked:
    """Equity 0.8 (US 0.75, Abroad 0.25), Bond 0.2; W is 60 % US and 40 % Abroad, M is half bond, half gold."""
    classes = {
        "Equity": {"weight": "0.8", "children": {"US": {"weight": "0.75"}, "Abroad": {"weight": "0.25"}}},
        "Bond": {"weight": "0.2", "securities": ["F", "G"]},
    }
    exposures = {"W": {"US": "0.6", "Abroad": "0.4"}, "U": {"US": 1}, "F": {"Bond": 1}, "G": {"Bond": 1},
                 "M": {"Bond": "0.5", "Gold": "0.5"}, "E": {"Equity": 1}, "X": {"Gold": 1}}  # fmt: skip
    securities = {symbol: {"price": 10, "classes": told} for symbol, told in exposures.items()}
    held = an_account(cash=200, W=40, U=10, M=10, E=10, X=5, G=5)
    return Asked({"accounts": [held], "securities": securities, "target": {"classes": classes}, "rules": rules})


def test_class_weights_look_through_every_security():
    here = classed()
    plan = here.written({"F": 5})

    # 1,000 in all. Equity: 400 of W, 100 of U, 100 of E. US: 240 + 100 + 75 of E. Bond: 50 of M, 50 of G, 50 of F.
    assert plan.after.classes == {
        "Equity": Decimal("0.6"), "US": Decimal("0.415"), "Abroad": Decimal("0.185"), "Bond": Decimal("0.15")
    }  # fmt: skip
    # Gold: 50 of M and 50 of X. Cash: 150.
    assert plan.objective.value**2 - (185**2 + 15**2 + 50**2 + 100**2 + 150**2) < Decimal("1e-6")
    assert here.faults(plan) == set()


@pytest.mark.parametrize("name", ["Equity", "US", "Bond"])
def test_a_class_weight_that_is_wrong_is_found(name):
    here = classed()
    plan = here.written({"F": 5})
    wrong = {**plan.after.classes, name: plan.after.classes[name] + Decimal("0.000001")}

    assert here.faults(replace(plan, after=replace(plan.after, classes=wrong))) == {"weights"}


def test_a_class_that_is_missing_is_found():
    here = classed()
    plan = here.written({"F": 5})

    assert here.faults(replace(plan, after=replace(plan.after, classes={"Bond": Decimal("0.15")}))) == {"weights"}


@pytest.mark.parametrize(
    ("symbol", "rules", "faults"),
    [
        ("F", {}, set()),
        ("G", {}, {"rule_broken"}),
        ("G", {"do_not_buy": ["F"]}, set()),
        ("G", {"lock": ["F"]}, set()),
        ("X", {}, {"rule_broken"}),
        ("M", {}, {"rule_broken"}),
        ("W", {}, set()),
        ("E", {}, set()),
    ],
)
def test_only_what_a_class_wants_may_be_bought(symbol, rules, faults):
    here = classed(**rules)

    assert here.faults(here.written({symbol: 1})) & {"rule_broken"} == faults


@pytest.mark.parametrize(("outside", "faults"), [("sell", set()), ("hold", {"rule_broken"})])
def test_what_belongs_to_no_class_is_outside_the_target(outside, faults):
    here = classed(outside_target=outside)

    assert here.faults(here.written({"X": -1})) & {"rule_broken"} == faults


def test_what_belongs_to_no_class_is_left_out_of_the_total():
    here = classed(outside_target="exclude")

    assert here.written({}).before.total == 950
    assert here.faults(here.written({"F": 5})) == set()


def test_weights_inside_a_class_are_cells_of_their_own():
    classes = {"Bond": {"weight": "1", "securities": {"F": "0.5", "G": "0.5"}}}
    securities = {s: {"price": 10, "classes": {"Bond": 1}} for s in ("F", "G", "H")}
    told = {"accounts": [an_account(cash=50, F=3, H=2)], "securities": securities, "target": {"classes": classes}}
    here = Asked({**told, "rules": {"objective": "l1"}})

    plan = here.written({"H": -1, "G": 6})

    # F: 30 for 50; G: 60 for 50; H: 10 for nothing; no cash for none.
    assert plan.objective.value == 20 + 10 + 10
    assert here.faults(plan) == set()
    assert "rule_broken" in here.faults(here.written({"H": 1}))


# Households


def household(**rules: Any) -> Asked:
    """1,000 in all: 400 of A and 100 in cash here, 400 of B and 100 in cash there."""
    there = {**an_account("there", cash=100, B=20), "tax_treatment": "tax_deferred"}
    return Asked(a_question(WEIGHTS, PRICES, an_account("here", cash=100, A=40), there, **rules))


def test_an_honest_household_has_no_fault():
    here = household()

    assert here.faults(here.plan) == set()
    assert here.faults(here.written({("here", "A"): 10, ("there", "C"): 2})) == set()


def test_cash_moved_between_accounts_is_found():
    here = household()

    assert here.faults(here.written({("here", "A"): 11})) == {"overspent"}


def test_a_reserve_is_kept_over_all_accounts_together():
    enough, short = household(cash_reserve="100"), household(cash_reserve="100.01")

    assert enough.faults(enough.written({("here", "A"): 10})) == set()
    assert short.faults(short.written({("here", "A"): 10})) == {"overspent"}


def test_more_sold_than_one_account_holds_is_found():
    here = household()
    plan = here.written({("there", "B"): -1})

    moved = with_trade(plan, "B", lambda t: replace(t, account="here"))

    assert "oversold" in here.faults(moved)


@pytest.mark.parametrize("field", ["total", "cash"])
def test_a_wrong_figure_of_one_account_is_found(field):
    here = household()
    plan = here.written({("here", "A"): 1})
    own = plan.after.accounts["there"]

    wrong: AccountSnapshot = replace(own, **{field: getattr(own, field) + 1})
    bad = replace(plan, after=replace(plan.after, accounts={**plan.after.accounts, "there": wrong}))

    assert here.faults(bad) == {field}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"cash": Decimal(1)},
        {"reserve": Decimal(1)},
        {"drift": Decimal(1)},
        {"weights": {"A": Decimal(1), "B": Decimal(1)}},
        {"weights": {}},
        {"accounts": {"here": AccountSnapshot(Decimal(1), Decimal(1))}},
    ],
)
def test_whatever_is_wrong_of_a_snapshot_is_told_with_its_moment(moment, wrong):
    here = household()
    plan = here.written({("here", "A"): 1})

    found = verify_plan(replace(plan, **{moment: replace(getattr(plan, moment), **wrong)}), here.facts)

    assert found
    assert all(fault.message.startswith(moment) for fault in found)


def test_an_account_that_is_missing_is_found():
    here = household()
    plan = here.written({("here", "A"): 1})
    some = {"here": plan.after.accounts["here"]}

    assert here.faults(replace(plan, after=replace(plan.after, accounts=some))) == {"accounts"}


def test_the_weights_beside_a_trade_are_those_of_all_accounts():
    both = an_account("there", cash=100, A=20, B=10)
    here = Asked(a_question(WEIGHTS, PRICES, an_account("here", cash=100, A=20, B=10), both))
    plan = here.written({("here", "A"): 1, ("there", "A"): -1})

    assert {(t.weight_before, t.weight_after) for t in plan.trades} == {(Decimal("0.4"), Decimal("0.4"))}
    assert here.faults(plan) == set()


# Relative


def relative(weights: dict[str, str], cash: int, **rules: Any) -> Asked:
    return Asked(a_question(weights, PRICES, an_account(cash=cash, A=40, B=20), objective="relative", **rules))


def test_the_relative_objective_is_a_pure_number():
    here = relative({"A": "0.4", "B": "0.5"}, cash=200)
    plan = here.written({"B": 1})

    # A is on target; B has 420 for 500, cash 180 for 100.
    assert plan.objective.value**2 - (Decimal("0.16") ** 2 + Decimal("0.8") ** 2) < Decimal("1e-9")
    assert here.faults(plan) == set()


@pytest.mark.parametrize(("cash", "faults"), [(19, set()), (20, {"not_invested"})])
def test_without_a_cash_target_all_that_can_be_invested_is(cash, faults):
    here = relative({"A": "0", "B": "1"}, cash=cash, lock=["A"])

    assert here.faults(here.written({})) == faults


@pytest.mark.parametrize(
    ("rules", "faults"),
    [
        ({"costs": {"minimum": 1}}, {"not_invested"}),
        ({"costs": {"minimum": "1.01"}}, set()),
        ({"do_not_buy": ["B"]}, set()),
        ({"max_trades": 0}, set()),
        ({"max_turnover": "0.01"}, set()),
        ({"min_trade_value": "22"}, set()),
    ],
)
def test_what_cannot_be_bought_need_not_be(rules, faults):
    here = relative({"A": "0", "B": "1"}, cash=21, **{"lock": ["A"], **rules})

    assert here.faults(here.written({})) == faults


@pytest.mark.parametrize(
    ("rules", "faults"),
    [({}, {"not_sold_first"}), ({"do_not_sell": ["A"]}, set()), ({"max_trades": 0}, set())],
)
def test_what_has_no_target_is_sold_first(rules, faults):
    here = relative({"B": "0.4"}, cash=200, **{"outside_target": "sell", **rules})

    assert here.faults_as_proved({}) - {"not_optimal"} == faults


# Raising cash


def raising(flow: str, **rules: Any) -> Asked:
    account = {**an_account(cash=10, A=40, B=20), "cash_flow": flow}
    return Asked(a_question(WEIGHTS, PRICES, account, selling="to_raise_cash", **rules))


@pytest.mark.parametrize(("flow", "faults"), [("-30", {"sale_not_needed"}), ("-30.01", set()), ("-40", set())])
def test_a_sale_is_needed_only_to_the_last_step(flow, faults):
    here = raising(flow)

    assert here.faults(here.written({"A": -3})) == faults


@pytest.mark.parametrize(("flow", "faults"), [("-10", {"sale_not_needed"}), ("-10.01", set())])
def test_a_smallest_trade_may_be_left_out_only_whole(flow, faults):
    here = raising(flow, min_trade_value="30")

    assert here.faults(here.written({"A": -3})) & {"sale_not_needed", "overspent"} == faults


@pytest.mark.parametrize(("flow", "faults"), [("-29", {"sale_not_needed"}), ("-29.01", set())])
def test_the_cost_of_a_sale_counts_when_it_is_asked_whether_it_is_needed(flow, faults):
    here = raising(flow, costs={"minimum": 1})

    # Two shares would bring 19 after costs, beside the 10 that are there.
    assert here.faults(here.written({"A": -3})) == faults


def test_rules_are_read_from_the_facts():
    here = asked()
    plan = here.written({"A": 1})

    assert here.faults(plan, replace(here.facts, rules=Rules(lock=frozenset("A")))) == {"rule_broken"}
    assert plan.trades[0].side == Side.BUY
