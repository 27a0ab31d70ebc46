"""From a broker's file to a trade list in a browser: a new local user, no network, and every total to the cent."""

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.grid import GRID, TRADES, cell, cells, region, trade_rows, type_target
from tests.e2e.running import RunningApp, running_app, settled

pytestmark = pytest.mark.browser

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"


@dataclass(frozen=True)
class Story:
    """A file, what its first account comes to, and the line whose target is edited.

    Attributes:
        whole: the sum of the values in the file's own rows for that account.
        aside: how much of it is never traded.
    """

    file: str
    preview: str
    save: str
    account: str
    whole: str
    aside: str
    first: str


STORIES = (
    Story(
        "fidelity_2024.csv",
        "Preview: Fidelity, 2 accounts",
        "Save 2 accounts",
        "Individual - TOD",
        "31801.50",
        "4355.00",
        "VTI",
    ),
    Story(
        "schwab_individual.csv",
        "Preview: Schwab, 1 account",
        "Save account",
        "Individual",
        "21300.45",
        "5010.00",
        "VTI",
    ),
    Story(
        "vanguard_brokerage.csv",
        "Preview: Vanguard, 2 accounts",
        "Save 2 accounts",
        "Vanguard account",
        "49638.10",
        "5000.00",
        "VTSAX",
    ),
    Story(
        "generic_lots.csv",
        "Preview: Generic CSV, 2 accounts",
        "Save 2 accounts",
        "Brokerage",
        "6483.86",
        "0.00",
        "VTI",
    ),
)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with running_app(tmp_path) as app:
        yield app


@pytest.fixture
def accounts(page: Page, app: RunningApp) -> Page:
    """The accounts page of Jane, who has just created the first local account."""
    page.goto(app.url)
    page.get_by_label("User name").fill("jane")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("You have no account yet.")).to_be_visible()
    return page


def choose(page: Page, name: str, content: bytes) -> None:
    """Give the uploader a file, in place of the one before."""
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
    expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()


def dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}"


def expect_metric(page: Page, label: str, number: str) -> None:
    """The first number under this label; waits for it."""
    box = page.get_by_test_id("stMetric").filter(has=page.get_by_text(label, exact=True))
    expect(box.first.get_by_test_id("stMetricValue")).to_have_text(number)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.file)
def test_from_a_brokers_file_to_a_trade_list(accounts: Page, story: Story, tmp_path: Path) -> None:
    page, whole, aside = accounts, Decimal(story.whole), Decimal(story.aside)

    choose(page, story.file, (GOLDEN / story.file).read_bytes())
    expect(page.get_by_role("heading", name=story.preview)).to_be_visible()
    expect_metric(page, "Read from the file", dollars(whole))
    page.get_by_role("button", name=story.save).click()
    expect(page.get_by_text("Saved:")).to_be_visible()
    page.get_by_role("link", name=f"Rebalance {story.account} now").click()

    expect(page.get_by_role("heading", name=story.account, level=1)).to_be_visible()
    expect(page.get_by_text("no trades.")).to_be_visible()
    expect_metric(page, "Total", dollars(whole - aside))
    expect_metric(page, "Trades", "0")
    if aside:
        said = f"{dollars(aside)} set aside, not in the total; with it the account comes to {dollars(whole)}."
        expect(page.get_by_text(said)).to_be_visible()

    expect(cell(page, GRID, 0, 0)).to_have_text(story.first)
    settled(page)
    type_target(page, "5")
    expect(region(page, TRADES)).to_be_visible()
    assert ("Sell", story.first) in [(side, symbol) for side, symbol, _ in trade_rows(page)]
    expect_metric(page, "Total", dollars(whole - aside))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    file = tmp_path / "trades.csv"
    download.value.save_as(file)
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = [(r["side"].capitalize(), r["symbol"], r["quantity"]) for r in csv.DictReader(text)]
    assert rows == trade_rows(page)


def archive_alone() -> bytes:
    """What begins like every .xlsx, and holds no table."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return file.getvalue()


def generic(*rows: str) -> bytes:
    return "\n".join(("symbol,quantity,price", *rows)).encode()


WRONG = (
    ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(64), "The file is an image, not a text file."),
    ("book.csv", archive_alone(), "The file is a zip archive, not a spreadsheet (.xlsx)."),
    ("noise.csv", os.urandom(4_900_000), "The file is not readable text"),
    ("utf16.csv", "symbol,quantity\nVTI,1\n".encode("utf-16-le"), "is UTF-16 without its mark"),
    ("empty.csv", b" \r\n\r\n", "The file is empty."),
    ("header.csv", b"symbol,quantity\n", "has a header but no positions"),
    ("negative.csv", generic("VTI,-5,250"), "must be a number that is not below zero"),
    ("absurd.csv", generic("VTI,1e308,250"), "The quantity of VTI is '1e308'"),
    ("nan.csv", generic("VTI,NaN,250"), "The quantity of VTI is 'NaN'"),
    ("formula.csv", generic('"=HYPERLINK(""http://example.com"")",1,250'), "is not a usable symbol"),
    ("two.csv", b"symbol;quantity\nVTI;1.234\n", "a number that can be read in one way only"),
    ("history.csv", b"Run Date,Action,Symbol,Amount\n01/02/2026,BUY,VTI,1\n", "Export the positions"),
    ("page.csv", b"<!DOCTYPE html><title>Sign in</title>", "The file is a web page"),
)


def test_a_wrong_file_is_explained_and_nothing_of_it_is_kept(accounts: Page) -> None:
    for name, content, sentence in WRONG:
        choose(accounts, name, content)

        expect(accounts.get_by_test_id("stAlert").filter(has_text=sentence)).to_be_visible()
        expect(accounts.get_by_test_id("stException")).to_have_count(0)
        expect(accounts.get_by_role("heading", name="Preview")).to_have_count(0)
    accounts.reload()

    expect(accounts.get_by_text("You have no account yet.")).to_be_visible()


def test_semicolons_and_utf_16_with_its_mark_are_read(accounts: Page) -> None:
    choose(accounts, "euros.csv", (GOLDEN / "generic_semicolons.csv").read_text(encoding="utf-8").encode("utf-16"))

    expect(accounts.get_by_text("Read with semicolons between the columns and a decimal comma.")).to_be_visible()
    expect_metric(accounts, "Cash in it", "€1,000.25")


HOSTILE = '<img src=x onerror="alert()"> ![x](http://example.com/p.png) **$1$** =1+1'

JOINER = "\u2060"  # invisible; keeps an address from becoming a link


def test_names_from_a_file_stay_letters_on_every_page(accounts: Page) -> None:
    asked: list[str] = []
    accounts.on("request", lambda request: asked.append(request.url))
    row = HOSTILE.replace('"', '""')
    content = f'symbol,quantity,account,price\nVTI,10,"{row}",250\nCASH,100,"{row}",\n'

    choose(accounts, "hostile.csv", content.encode())
    accounts.get_by_role("button", name="Save account").click()
    expect(accounts.get_by_text("Saved:")).to_be_visible()
    for link in ("Rebalance", "Holdings", "Accounts"):
        accounts.get_by_role("link", name=link, exact=True).click()
        heading = accounts.get_by_role("heading", name="**$1$** =1+1")
        expect(heading).to_be_visible()
        assert (heading.text_content() or "").replace(JOINER, "") == HOSTILE

    expect(accounts.get_by_role("link", name="example")).to_have_count(0)
    assert not [url for url in asked if "example.com" in url]
    expect(accounts.locator("img[src=x]")).to_have_count(0)


def test_a_preview_can_be_put_away_and_leaves_nothing(accounts: Page) -> None:
    choose(accounts, "schwab.csv", (GOLDEN / "schwab_individual.csv").read_bytes())
    expect(accounts.get_by_text("Agrees with the file's total to the cent.")).to_be_visible()
    assert cells(accounts, "Positions read for the account")[0][0] == "VTI"

    accounts.get_by_role("button", name="Cancel").click()

    expect(accounts.get_by_text("You have no account yet.")).to_be_visible()
    expect(accounts.get_by_role("heading", name="Preview")).to_have_count(0)
