"""Requests are read strictly, and every refusal names its culprit."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from allocation.errors import (
    AllocationError,
    DuplicateSymbolError,
    HoldingError,
    NumberError,
    RequestError,
    RulesError,
    SymbolError,
    TargetError,
    TargetSumError,
)
from allocation.model import RecentSale, TaxTreatment
from allocation.request import Request, read_request
from allocation.request.complaints import Complaints
from allocation.request.fields import REQUEST, RULES, SECURITY
from allocation.request.request import request_schema
from allocation.request.shapes import MapOf, Shape
from allocation.rules import (
    Band,
    Combine,
    Costs,
    Destination,
    Harvest,
    LotMethod,
    Objective,
    OutsideTarget,
    Rules,
    Selling,
    Taxes,
    TradeScope,
)
from allocation.targets import AssetClass, ClassTarget
from tests.builders import a_request


def asked(**changes: Any) -> Request:
    return read_request(json.dumps(a_request(**changes)))


def read_shape(shape: Shape, told: Any) -> Any:
    """What the shape reads, without a complaint."""
    complaints = Complaints()
    found = shape.read(told, "", complaints)
    assert len(complaints) == 0
    return found


def account(**changes: Any) -> dict[str, Any]:
    return {**a_request()["accounts"][0], **changes}


def culprits_of(text: str) -> tuple[str, ...]:
    with pytest.raises(AllocationError) as refused:
        read_request(text)
    return refused.value.culprits


def test_a_request_becomes_our_values():
    request = asked(
        rules={
            "objective": "l1",
            "selling": "to_raise_cash",
            "outside_target": "hold",
            "cash_reserve": 100,
            "min_trade_value": "50",
            "lock": ["VTI"],
            "do_not_buy": ["BND"],
            "do_not_sell": ["BND", "BND"],
        },
        accounts=[account(tax_treatment="tax_free", cash_flow=-5.25)],
    )

    facts = request.to_facts()
    (portfolio,), rules = facts.portfolios, facts.rules
    assert portfolio.quantities == {"VTI": 10, "BND": 5}
    assert (portfolio.cash, facts.cash_flow) == (1250, Decimal("-5.25"))
    assert portfolio.account.tax_treatment == TaxTreatment.TAX_FREE
    assert request.to_target().weights == {"VTI": Decimal("0.6"), "BND": Decimal("0.3")}
    assert request.to_prices() == {"VTI": Decimal("250.1"), "BND": Decimal("72.31")}
    assert (rules.objective, rules.selling) == (Objective.L1, Selling.TO_RAISE_CASH)
    assert rules.outside_target == OutsideTarget.HOLD
    assert (rules.cash_reserve, rules.min_trade_value) == (100, 50)
    assert (rules.lock, rules.do_not_buy, rules.do_not_sell) == ({"VTI"}, {"BND"}, {"BND"})


def test_a_json_number_is_read_digit_for_digit():
    text = json.dumps(a_request()).replace('"250.10"', "0.1")

    assert read_request(text).to_prices()["VTI"] == Decimal("0.1")


def test_increments_belong_to_their_security():
    request = asked(securities={"VTI": {"price": 250, "increment": "0.001"}, "BND": {"price": 72}})

    assert request.to_rules().increment_of("VTI") == Decimal("0.001")
    assert request.to_rules().increment_of("BND") == 1


def test_lots_are_read_and_must_add_up():
    lots = [{"acquired": "2020-01-31", "quantity": "4", "unit_cost": "100"}, {"quantity": 6, "unit_cost": 250}]
    good = asked(accounts=[account(positions=[{"symbol": "VTI", "quantity": 10, "lots": lots}])])
    bad = asked(accounts=[account(positions=[{"symbol": "VTI", "quantity": 11, "lots": lots}])])

    assert good.to_portfolios()[0].positions[0].lots[0].acquired == date(2020, 1, 31)
    with pytest.raises(HoldingError, match="10 units, the position to 11"):
        bad.to_portfolios()


@pytest.mark.parametrize(
    ("place", "key", "nearest"),
    [("rules", "min_trade", "min_trade_value"), ("rules", "objetive", "objective"), ("rules", "locks", "lock")],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(place, key, nearest):
    with pytest.raises(RequestError, match=f"{place}.{key} is not a known key. Did you mean {nearest}") as refused:
        asked(**{place: {key: 1}})

    assert refused.value.culprits == (f"{place}.{key}",)


def test_an_unknown_key_deep_inside_is_found_by_its_symbol():
    positions = [{"symbol": "VTI", "quantity": 1, "lots": [{"qty": 1, "quantity": 1, "unit_cost": 1}]}]

    with pytest.raises(RequestError, match="Did you mean quantity") as refused:
        asked(accounts=[account(positions=positions)])

    assert refused.value.culprits == ("accounts[main].positions[VTI].lots[0].qty",)


def test_an_unknown_key_like_no_other_is_answered_with_the_known_ones():
    with pytest.raises(RequestError, match=r"Known here: weights, classes"):
        asked(target={"zzz": 1, "weights": {}})


def test_everything_that_is_wrong_is_named_at_once():
    with pytest.raises(RequestError) as refused:
        asked(
            accounts=[account(cash="lots", positions=[{"symbol": "VTI"}])],
            securities={"VTI": {"price": True}},
            rules={"selling": "sometimes", "costs": {"rate": -1}},
        )

    assert refused.value.culprits == (
        "accounts[main].cash",
        "accounts[main].positions[VTI].quantity",
        "securities.VTI.price",
        "rules.selling",
        "rules.costs.rate",
    )
    assert "expected 'allowed', 'never' or 'to_raise_cash'" in str(refused.value)


@pytest.mark.parametrize("price", ["abc", "NaN", "1,234.56", "１２", True, [], {}, 1e308, "Infinity"])
def test_a_price_that_is_no_number_is_named_by_its_path(price):
    with pytest.raises(NumberError, match=r"securities\.VTI\.price") as refused:
        asked(securities={"VTI": {"price": price}})

    assert refused.value.code == "number_invalid"


@pytest.mark.parametrize("missing", ["accounts", "target"])
def test_what_is_missing_is_named(missing):
    request = a_request()
    del request[missing]

    assert culprits_of(json.dumps(request)) == (missing,)


def test_an_empty_list_of_accounts_is_refused():
    assert culprits_of(json.dumps(a_request(accounts=[]))) == ("accounts",)


def test_the_same_symbol_twice_in_an_object_is_refused():
    text = '{"accounts": [{}], "target": {"weights": {"VTI": 0.5, "BND": 0.5, "VTI": 0.1}}}'

    assert culprits_of(text) == ("VTI",)


def test_the_same_symbol_twice_in_the_positions_is_refused():
    positions = [{"symbol": "VTI", "quantity": 1}, {"symbol": " vti", "quantity": 2}]

    with pytest.raises(DuplicateSymbolError, match="VTI"):
        asked(accounts=[account(positions=positions)]).to_portfolios()


def test_a_security_in_two_spellings_is_refused():
    with pytest.raises(DuplicateSymbolError, match="VTI"):
        asked(securities={"VTI": {"price": 1}, "vti": {"price": 2}}).to_prices()


@pytest.mark.parametrize("name", ["lock", "do_not_buy", "do_not_sell"])
def test_a_symbol_that_nobody_uses_is_refused_in_a_rule(name):
    with pytest.raises(SymbolError):
        asked(rules={name: ["=cmd"]}).to_rules()


def test_fractions_and_percents_in_one_target_are_refused():
    with pytest.raises(TargetError, match="BND"):
        asked(target={"weights": {"VTI": "0.6", "BND": 60}}).to_target()


def test_a_negative_reserve_is_refused():
    with pytest.raises(RulesError, match="cash_reserve"):
        asked(rules={"cash_reserve": -1}).to_rules()


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_tokens_that_json_does_not_know_are_refused(token):
    with pytest.raises(RequestError, match=token):
        read_request('{"accounts": [{"cash": %s}]}' % token)  # noqa: UP031  braces


@pytest.mark.parametrize(
    "digits", ["1e999999999999999999999", "1e-99999999999999999999", "9" * 10_000, "1" + "0" * 400]
)
def test_numbers_beyond_all_bounds_are_refused_shortly(digits):
    with pytest.raises(NumberError) as refused:
        read_request('{"accounts": [{"cash": %s}], "target": {"weights": {}}}' % digits)  # noqa: UP031  braces

    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ('{"accounts": [', "line 1, column"),
        ("[]", "one JSON object"),
        ("42", "one JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"PK\x03\x04\x00\x00", "not JSON"),
        (b" " * 5_000_001, "larger than 5 MB"),
    ],
)
def test_what_is_not_json_is_refused(text, said):
    with pytest.raises(RequestError, match=said):
        read_request(text)


def test_a_byte_order_mark_is_harmless():
    assert read_request(b"\xef\xbb\xbf" + json.dumps(a_request()).encode()).to_facts().cash_flow == 0


def test_deep_classes_are_refused_without_a_crash():
    tree: dict[str, Any] = {"weight": 1}
    for _ in range(300):
        tree = {"weight": 1, "children": {"x": tree}}

    with pytest.raises(AllocationError):
        asked(target={"classes": {"x": tree}})


def test_every_rule_written_out_at_its_default_changes_nothing():
    rules = {
        "objective": "l2", "selling": "allowed", "cash_reserve": "0", "trade": "everything", "band": None,
        "destination": "target", "outside_target": "sell", "lock": [], "do_not_buy": [], "do_not_sell": [],
        "min_trade_value": "0", "max_trades": None, "max_turnover": None,
        "costs": {"per_trade": "0", "rate": "0", "minimum": "0", "maximum": None},
        "taxes": {"short_term_rate": "0", "long_term_rate": "0", "lot_method": "least_tax", "as_of": None,
                  "max_tax": None, "wash_sale_days": 30, "harvest": None},
        "location": {},
    }  # fmt: skip
    written_out = {"VTI": {"price": 250, "increment": None, "classes": None, "half_spread": 0}}

    assert asked(rules=rules, securities=written_out).to_rules() == asked(securities={"VTI": {"price": 250}}).to_rules()


def test_every_rule_finds_its_place():
    told = read_shape(
        RULES,
        {
            "objective": "relative", "trade": "out_of_band", "destination": "edge",
            "band": {"absolute": None, "relative": "0.2", "combine": "wider"},
            "max_trades": "5", "max_turnover": 0.1,
            "costs": {"per_trade": "1", "rate": "0.001", "minimum": "2", "maximum": "30"},
            "taxes": {"short_term_rate": "0.3", "long_term_rate": "0.2", "lot_method": "specified", "as_of": "2026-11-20",
                      "max_tax": "900", "wash_sale_days": 61,
                      "harvest": {"substitutes": {"VTI": "ITOT"}, "min_loss": "100", "min_loss_rate": "0.05"}},
            "location": {"BND": ["tax_deferred", "taxable"]},
        },
    )  # fmt: skip
    securities = {"VTI": {"price": None, "increment": 100, "half_spread": "0.0002"}}

    rules = Request({"rules": told, "securities": read_shape(MapOf(SECURITY), securities)}).to_rules()

    assert rules == Rules(
        objective=Objective.RELATIVE,
        trade=TradeScope.OUT_OF_BAND,
        destination=Destination.EDGE,
        band=Band(None, Decimal("0.2"), Combine.WIDER),
        max_trades=5,
        max_turnover=Decimal("0.1"),
        costs=Costs(Decimal(1), Decimal("0.001"), Decimal(2), Decimal(30)),
        taxes=Taxes(
            short_term_rate=Decimal("0.3"),
            long_term_rate=Decimal("0.2"),
            lot_method=LotMethod.SPECIFIED,
            as_of=date(2026, 11, 20),
            max_tax=Decimal(900),
            wash_sale_days=61,
            harvest=Harvest({"VTI": "ITOT"}, Decimal(100), Decimal("0.05")),
        ),
        location={"BND": (TaxTreatment.TAX_DEFERRED, TaxTreatment.TAXABLE)},
        increments={"VTI": Decimal(100)},
        half_spreads={"VTI": Decimal("0.0002")},
    )


def test_a_band_that_is_asked_for_without_widths_is_the_5_25_band():
    rules = Request({"rules": read_shape(RULES, {"band": {}}), "securities": {}}).to_rules()

    assert rules.band == Band(Decimal("0.05"), Decimal("0.25"), Combine.NARROWER)


def test_several_accounts_keep_their_own_cash_flows_and_recent_sales():
    accounts = [
        {"id": "a", "cash": 5, "cash_flow": -1, "tax_treatment": "tax_deferred"},
        {
            "id": "b",
            "cash_flow": 2,
            "recent_sales": [{"symbol": "VTI", "sold": "2026-11-01", "quantity": 3, "loss": 40}],
        },
    ]
    told = {**a_request(), "accounts": accounts}

    facts = Request(read_shape(REQUEST, told)).to_facts()

    assert [(p.account.id, p.account.tax_treatment, p.cash) for p in facts.portfolios] == [
        ("a", TaxTreatment.TAX_DEFERRED, 5),
        ("b", TaxTreatment.TAXABLE, 0),
    ]
    assert facts.cash_flows == {"a": -1, "b": 2}
    assert facts.portfolios[1].recent_sales == (RecentSale("VTI", date(2026, 11, 1), Decimal(3), Decimal(40)),)


def test_an_account_given_twice_is_refused():
    with pytest.raises(HoldingError, match="more than once"):
        Request(read_shape(REQUEST, {**a_request(), "accounts": [{"id": "a"}, {"id": "a"}]})).to_facts()


def test_a_tree_of_classes_keeps_its_order_and_its_weights_inside():
    classes = {
        "Equity": {"weight": "0.9", "children": {"US": {"weight": "0.6", "securities": ["VTI", "ITOT"]},
                                                 "Abroad": {"weight": "0.4", "securities": {"VEA": 0.7, "VWO": 0.3}}}},
        "Bond": {"weight": "0.1"},
    }  # fmt: skip
    securities = {"VTI": {"price": 1, "classes": {"US": 1}}, "GLD": {"price": 2}}
    told = {**a_request(), "target": {"classes": classes}, "securities": securities}

    target = Request(read_shape(REQUEST, told)).to_target()

    us = AssetClass("US", Decimal("0.6"), securities=("VTI", "ITOT"))
    within = {"VEA": Decimal("0.7"), "VWO": Decimal("0.3")}
    abroad = AssetClass("Abroad", Decimal("0.4"), securities=("VEA", "VWO"), within=within)
    equity = AssetClass("Equity", Decimal("0.9"), children=(us, abroad))
    assert target == ClassTarget((equity, AssetClass("Bond", Decimal("0.1"))), {"VTI": {"US": Decimal(1)}})


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"weight": 1, "securities": {"A": "0.5", "B": "0.4"}}, "the securities must sum to 1"),
        ({"weight": 1, "securities": []}, r"securities is empty"),
        ({"weight": 1, "securities": ["A"], "children": {"C": {"weight": 1}}}, "either children or securities"),
        ({"weight": 60}, "1 or less"),
        ({"weight": -1}, "0 or more"),
        ({}, r"target.classes.Equity.weight is missing"),
        ({"weight": 1, "children": []}, "an object in braces"),
    ],
)
def test_a_class_that_makes_no_sense_is_refused(node, said):
    with pytest.raises(RequestError, match=said):
        asked(target={"classes": {"Equity": node}})


@pytest.mark.parametrize(
    ("classes", "culprits"),
    [
        ({"A": {"weight": "0.6"}, "B": {"weight": "0.5"}}, ("A", "B")),
        ({"A": {"weight": 1, "children": {"X": {"weight": "0.7"}, "Y": {"weight": "0.300002"}}}}, ("X", "Y")),
    ],
)
def test_classes_that_come_to_more_than_the_whole_are_refused(classes, culprits):
    with pytest.raises(TargetSumError) as refused:
        asked(target={"classes": classes}).to_target()

    assert refused.value.culprits == culprits


def test_classes_within_a_millionth_of_the_whole_are_taken():
    classes = {"X": {"weight": "0.7"}, "Y": {"weight": "0.300001"}}

    assert asked(target={"classes": classes}).to_target().classes[1].weight == Decimal("0.300001")


def test_a_class_that_stands_twice_in_the_tree_is_refused():
    classes = {"A": {"weight": "0.5", "children": {"B": {"weight": 1}}}, "B": {"weight": "0.5"}}

    with pytest.raises(TargetError, match="more than once") as refused:
        asked(target={"classes": classes}).to_target()

    assert refused.value.culprits == ("B",)


def test_the_schema_accepts_what_is_read_and_names_every_key():
    schema = request_schema()

    assert set(schema["$defs"]["Rules"]["properties"]) == set(RULES.keys)
    assert schema["$defs"]["AssetClass"]["properties"]["children"]["anyOf"][0]["additionalProperties"] == {
        "$ref": "#/$defs/AssetClass"
    }
    assert schema["required"] == ["accounts", "target"]
    assert schema["$defs"]["Lot"]["properties"]["quantity"]["exclusiveMinimum"] == 0


@pytest.mark.parametrize("day", ["2026-02-30", "31/01/2026", "20260131", 20260131, "2026-W05-5"])
def test_a_day_that_is_none_is_refused(day):
    assert culprits_of(json.dumps(a_request(rules={"taxes": {"as_of": day}}))) == ("rules.taxes.as_of",)


def test_classes_of_a_security_must_sum_to_one():
    with pytest.raises(RequestError, match="sum to 1"):
        asked(securities={"VTI": {"price": 1, "classes": {"US": "0.7"}}})


def test_weights_and_classes_together_are_refused():
    with pytest.raises(RequestError, match="either weights or classes"):
        asked(target={"weights": {}, "classes": {}})


def test_a_request_that_is_wrong_on_every_line_is_refused_in_a_few_sentences():
    positions = [{"symbol": f"S{i}", "qty": 1} for i in range(500)]

    with pytest.raises(RequestError, match="And 988 more") as refused:
        asked(accounts=[account(positions=positions)])

    assert len(refused.value.culprits) == 1000
