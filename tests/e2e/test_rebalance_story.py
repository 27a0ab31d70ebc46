"""The main job in a real browser: demo, rebalance, edit a target by keyboard, see the trades change, download them."""

import csv
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from tests.e2e.grid import GRID, TRADES, cell, region, trade_rows, type_and_enter, type_target
from tests.e2e.running import RunningApp, settled

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(demo_page: Page, server: RunningApp) -> Page:
    """The rebalancing page of the demo's family account."""
    demo_page.goto(f"{server.url}/rebalance?account=family-brokerage")
    expect(demo_page.get_by_role("heading", name="Family brokerage")).to_be_visible()
    expect(cell(demo_page, TRADES, 0, 1)).to_have_text("LLY")
    settled(demo_page)
    return demo_page


def test_from_the_demo_to_a_trade_list(desk: Page, tmp_path: Path) -> None:
    assert trade_rows(desk)[0] == ("Sell", "LLY", "172")

    type_target(desk, "12.5")
    expect(desk.get_by_text("Unsaved what-if")).to_be_visible()
    expect(desk.get_by_text("Targets come to 100.50 %")).to_be_visible()
    expect(region(desk, TRADES)).to_have_count(0)

    type_target(desk, "9")
    expect(desk.get_by_text("Targets come to")).to_have_count(0)
    expect(region(desk, TRADES)).to_be_visible()
    side, symbol, quantity = trade_rows(desk)[0]
    assert (side, symbol) == ("Sell", "LLY")
    assert int(quantity) > 172

    with desk.expect_download() as download:
        desk.get_by_role("button", name="Download CSV").click()
    file = tmp_path / "trades.csv"
    download.value.save_as(file)
    assert download.value.suggested_filename.startswith("evenkeel-Family-brokerage-")
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = [(r["side"].capitalize(), r["symbol"], r["quantity"]) for r in csv.DictReader(text)]
    assert rows == trade_rows(desk)

    desk.get_by_role("button", name="More formats").click()
    with desk.expect_download() as made_at_the_click:
        desk.get_by_role("button", name="Excel with decision record").click()
    trades, record = load_workbook(BytesIO(made_at_the_click.value.path().read_bytes()))
    assert [(r[1].capitalize(), r[2], str(r[4])) for r in trades.iter_rows(min_row=2, values_only=True)] == rows
    assert record["B2"].value == "Family brokerage"


def test_nothing_typed_is_lost_on_the_way_to_another_page_and_back(desk: Page) -> None:
    type_target(desk, "9")
    expect(desk.get_by_text("Unsaved what-if")).to_be_visible()

    desk.get_by_role("link", name="Holdings").click()
    expect(desk.get_by_role("region", name="Positions of the account")).to_be_visible()
    desk.get_by_role("link", name="Rebalance").click()

    expect(desk.get_by_text("Unsaved what-if")).to_be_visible()
    expect(cell(desk, GRID, 0, 2)).to_have_text("9")


def test_saving_says_so_and_leaves_no_warning_in_the_log(desk: Page, server: RunningApp) -> None:
    type_target(desk, "9")
    expect(desk.get_by_text("Unsaved what-if")).to_be_visible()

    desk.get_by_role("button", name="Save targets").click()

    expect(desk.get_by_text("Targets of Family brokerage saved.")).to_be_visible()
    assert "fragment rerun" not in server.log.read_text()


def test_a_refused_symbol_stays_in_its_field_beside_the_reason(desk: Page) -> None:
    desk.get_by_role("button", name="Add or remove lines").click()
    field = desk.get_by_label("Symbol to add")
    field.fill("=1+1")
    field.press("Enter")

    expect(desk.get_by_text("is not a usable symbol")).to_be_visible()
    expect(field).to_be_visible()
    expect(field).to_have_value("=1+1")


def test_one_edit_after_another_goes_on_by_keyboard_alone(desk: Page) -> None:
    type_target(desk, "9")
    expect(desk.get_by_text("target 3.00 %")).to_be_visible()

    type_and_enter(desk, "21")  # Enter moved to the next line

    expect(desk.get_by_text("target 4.00 %")).to_be_visible()
    expect(cell(desk, GRID, 0, 2)).to_have_text("9")
    expect(cell(desk, GRID, 1, 2)).to_have_text("21")


def test_a_first_number_typed_fast_loses_no_key(desk: Page) -> None:
    region(desk, GRID).click(position={"x": 190, "y": 51})

    desk.keyboard.type("9.5", delay=30)
    desk.wait_for_timeout(100)
    desk.keyboard.press("Enter")

    expect(cell(desk, GRID, 0, 2)).to_have_text("9.5")


def test_the_last_row_is_edited_where_the_scrollbar_would_lie(desk: Page) -> None:
    last = 11
    region(desk, GRID).click(position={"x": 190, "y": 34 * (last + 2) - 4})

    type_and_enter(desk, "1")

    expect(cell(desk, GRID, last, 2)).to_have_text("1")


def test_a_point_of_the_trade_off_becomes_the_plan(desk: Page) -> None:
    desk.get_by_text("What would fewer trades").click()
    rows = desk.get_by_role("region", name="Each budget with the drift").first
    expect(rows).to_be_visible()

    rows.click(position={"x": 20, "y": 34 * 3 + 17})

    expect(desk.get_by_label("Trades at most")).to_have_value("2")
    expect(desk.get_by_test_id("stMetric").filter(has_text="Trades").get_by_text("2", exact=True)).to_be_visible()
