"""The holdings page, without a browser."""

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal

from streamlit.testing.v1 import AppTest

from allocation.model import Position, SetAside, TaxLot
from tests.app.conftest import OpenApp, said
from tests.app.desks import open_page, store_with
from tests.builders import a_portfolio

PAGE = "pages/holdings.py"
D = Decimal


def table(app: AppTest, column: str) -> list[dict[str, object]]:
    return [row for t in app.dataframe if column in t.value.columns for row in t.value.to_dict("records")]


def test_each_position_shows_value_weight_and_gain_where_its_cost_is_known(open_app: OpenApp) -> None:
    lots = (TaxLot(D(3), D(90), date(2024, 1, 2)), TaxLot(D(5), D(80)))
    known = Position("VTI", D(8), lots)
    portfolio = replace(a_portfolio(cash=50), positions=(known, Position("BND", D(3))))

    app = open_page(open_app, PAGE, store_with(portfolio), {"VTI": "100", "BND": "50"})

    vti, bnd = table(app, "gain_percent")
    assert (vti["value"], vti["weight"], vti["gain"]) == (800, 80, 130)
    assert bnd["value"] == 150
    assert math.isnan(bnd["gain"])
    assert {m.label: m.value.replace("\\", "") for m in app.metric}["Total"] == "$1,000.00"
    assert [(r["acquired"], r["gain"]) for r in table(app, "acquired")] == [("2024-01-02", 30), ("not known", 100)]


def test_a_position_without_a_price_is_named_and_not_counted(open_app: OpenApp) -> None:
    store = store_with(a_portfolio({"VTI": 8, "XYZ": 1}, 50))

    app = open_page(open_app, PAGE, store, {"VTI": "100"})

    assert "No price for XYZ" in said(app)
    assert {m.label: m.value.replace("\\", "") for m in app.metric}["Total of what has a price"] == "$850.00"


def test_an_empty_account_says_so(open_app: OpenApp) -> None:
    app = open_page(open_app, PAGE, store_with(a_portfolio()), {})

    assert "This account is empty" in said(app)


def test_what_was_set_aside_is_listed_with_its_reason(open_app: OpenApp) -> None:
    option = SetAside("AAPL 150 call", "options are not traded", D("12.50"))
    store = store_with(replace(a_portfolio({"VTI": 8}), set_aside=(option,)))

    app = open_page(open_app, PAGE, store, {"VTI": "100"})

    assert table(app, "reason") == [{"line": "AAPL 150 call", "value": "$12.50", "reason": "options are not traded"}]
