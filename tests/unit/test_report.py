"""A plan as values, table and CSV."""

import csv
import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from allocation import report
from allocation.request.response import read_plan
from allocation.trade_plan import LotSale, WithoutIt
from tests.builders import a_plan


def a_small_plan():
    # V = 1000: X is worth 50 and goes; 6×100 + 16×25 use up everything.
    return a_plan({"A": 0.6, "B": 0.4}, {"A": 100, "B": "25.00", "X": "0.000125"}, {"X": 400_000}, cash=950)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_lists_sells_first_with_plain_numbers():
    plan = a_small_plan()

    rows = rows_of(plan.to_csv())

    assert [r["side"] for r in rows] == ["sell", "buy", "buy"]
    assert (rows[0]["symbol"], rows[0]["quantity"], rows[0]["price"], rows[0]["value"]) == (
        "X",
        "400000",
        "0.000125",
        "50",
    )
    assert rows[0]["plan_id"] == plan.plan_id


def test_the_csv_has_the_currency_it_is_given():
    assert rows_of(report.trades_csv(a_small_plan(), "EUR"))[0]["currency"] == "EUR"


def test_the_csv_names_an_account_as_its_owner_knows_it():
    plan = a_small_plan()

    rows = rows_of(report.trades_csv(plan, "USD", {plan.trades[0].account: "Brokerage · …4321"}))

    assert {row["account"] for row in rows} == {"Brokerage · …4321"}


def test_the_csv_ends_its_lines_as_rfc_4180_has_them():
    text = a_small_plan().to_csv()

    assert text.count("\r\n") == text.count("\n") == 4


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_text_that_a_spreadsheet_would_run_is_shown_as_text(start):
    plan = a_small_plan()
    trade = replace(plan.trades[0], account=f"{start}HYPERLINK(1)")

    rows = rows_of(replace(plan, trades=(trade,)).to_csv())

    assert rows[0]["account"] == f"'{start}HYPERLINK(1)"


def test_a_plan_without_trades_is_a_header():
    plan = a_plan({"A": 1}, {"A": 10}, {"A": 1})

    assert plan.to_csv().strip().split(",")[0] == "account"
    assert plan.to_csv().count("\n") == 1
    assert plan.to_frame().empty
    assert list(plan.to_frame().columns) == list(report.FRAME_COLUMNS)


def test_sold_lots_stand_in_every_form_of_the_plan():
    plan = a_small_plan()
    lots = (
        LotSale(date(2020, 1, 31), Decimal(4), Decimal(100), Decimal("-12.5"), "long", Decimal("2.5")),
        LotSale(None, Decimal(1), Decimal("90.10"), Decimal(0)),
    )
    told = WithoutIt(Decimal("0.1"), Decimal(20), Decimal(3))
    taxed = replace(plan.trades[0], cost=Decimal("0.17"), tax=Decimal(3), lots=lots, without_it=told)
    plan = replace(plan, trades=(taxed, *plan.trades[1:]))

    row = rows_of(plan.to_csv())[0]

    assert (row["cost"], row["tax"]) == ("0.17", "3")
    assert row["lots"] == "4 of 2020-01-31 at 100; 1 of an unknown day at 90.10"
    assert plan.as_dict()["trades"][0]["lots"][0] == {
        "acquired": "2020-01-31",
        "quantity": "4",
        "unit_cost": "100",
        "gain": "-12.5",
        "disallowed": "2.5",
        "term": "long",
    }
    assert list(plan.to_frame()["cost"]) == [0.17, 0, 0]
    assert read_plan(json.dumps(plan.as_dict())) == plan


def test_shares_of_one_symbol_in_several_accounts_are_added_up():
    plan = a_small_plan()
    elsewhere = replace(plan.trades[1], account="other", quantity=Decimal("0.5"))

    both = replace(plan, trades=(*plan.trades, elsewhere))

    assert both.shares == {"X": -400_000, "A": Decimal("6.5"), "B": 16}


def test_the_frame_has_one_row_for_each_trade():
    frame = a_small_plan().to_frame()

    assert list(frame["symbol"]) == ["X", "A", "B"]
    assert frame["value"].sum() == pytest.approx(50 + 600 + 400)


def test_the_response_keeps_the_shape_of_the_contract():
    told = a_small_plan().as_dict()

    assert set(told) == {"plan_id", "status", "objective", "trades", "before", "after", "totals", "remarks"}
    assert set(told["objective"]) == {"name", "value", "bound", "gap"}
    assert {"account", "symbol", "side", "quantity", "price", "value", "cost", "tax", "lots", "reason"} <= set(
        told["trades"][0]
    )
    assert {"total", "cash", "drift", "weights"} <= set(told["after"])
    assert set(told["totals"]) == {"buys", "sells", "turnover", "cost", "tax", "trades"}
    assert read_plan(json.dumps(told)) == a_small_plan()


def test_no_number_of_the_response_has_an_exponent():
    numbers = [value for trade in a_small_plan().as_dict()["trades"] for value in trade.values() if value]

    assert "0.000125" in numbers
    assert not [n for n in numbers if isinstance(n, str) and n[0].isdigit() and "E" in n]


def test_a_printed_plan_reads_back_as_the_same_value():
    plan = a_small_plan()

    assert read_plan(json.dumps(plan.as_dict())) == plan


def test_a_value_of_many_digits_is_printed_in_full():
    plan = a_plan({"A": 1}, {"A": "1234.567890123456"}, cash="99999999999.99", increment="0.000000000001")

    trade = plan.trades[0]

    assert Decimal(plan.as_dict()["trades"][0]["value"]) == trade.value
    assert len(str(trade.value)) > 28
    assert read_plan(json.dumps(plan.as_dict())) == plan
