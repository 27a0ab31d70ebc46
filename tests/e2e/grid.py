"""The app's grids as a person uses them and a screen reader gets them."""

from typing import TypeAlias

from playwright.sync_api import Locator, Page, expect

GRID = "Lines of the account with editable targets and locks"
TRADES = "Trades of the plan, sells first"
TradeRow: TypeAlias = tuple[str, str, str]


def region(page: Page, name: str) -> Locator:
    """A grid by its name."""
    return page.get_by_role("region", name=name)


def cell(page: Page, name: str, row: int, column: int) -> Locator:
    """A cell of the table that a grid keeps for screen readers."""
    return region(page, name).get_by_test_id(f"glide-cell-{column}-{row}")


def cells(page: Page, name: str) -> list[list[str]]:
    """The text of a table, row by row, as a screen reader gets it."""
    expect(cell(page, name, 0, 0)).to_be_attached()
    rows = region(page, name).locator("[role=grid] tbody tr")
    return [[text.strip() for text in row.locator("td").all_text_contents()] for row in rows.all()]


def trade_rows(page: Page) -> list[TradeRow]:
    """Side, symbol and quantity of every trade on the page."""
    return [(side, symbol, quantity.replace(",", "")) for side, symbol, quantity, *_ in cells(page, TRADES)]


def type_target(page: Page, target: str) -> None:
    """Into the first line: from its symbol two cells to the right, then the number, then Enter."""
    region(page, GRID).click(position={"x": 30, "y": 51})
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    type_and_enter(page, target)


def type_and_enter(page: Page, text: str) -> None:
    """As fast as fingers: the grid opens its editor at the first key."""
    page.keyboard.type(text, delay=80)
    page.keyboard.press("Enter")
