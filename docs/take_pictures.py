"""Take the pictures of README and the user guide from the running app: python docs/take_pictures.py

Needs requirements-dev.txt and a Chromium on the machine. Starts the app on a free port with an empty data directory.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.running import chromium_path, launch_chromium, running_app  # noqa: E402  after the path is set

PICTURES = ROOT / "docs" / "pictures"
EXPORT = ROOT / "tests" / "golden" / "imports" / "schwab_all_accounts.csv"


def main() -> None:
    """Every picture, light and, for the main page, dark and on a phone."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder)) as app:
        with a_page(app.url, 1440, 1360) as page:
            take(page, "sign-in", height=760)
            open_demo(page)
            choose(page, "Family brokerage")
            take(page, "rebalance", height=1400)
            page.get_by_role("link", name="Holdings").click()
            take(page, "holdings", height=900)
            page.get_by_role("link", name="Accounts").click()
            page.locator("input[type=file]").set_input_files(EXPORT)
            page.get_by_role("button", name="Save").first.wait_for()
            take(page, "import", height=1360)
        with a_page(app.url, 1440, 1360, scheme="dark") as page:
            open_demo(page)
            choose(page, "Family brokerage")
            take(page, "rebalance-dark")
        with a_page(app.url, 390, 1700) as page:
            open_demo(page)
            take(page, "rebalance-phone")


@contextmanager
def a_page(address: str, width: int, height: int, scheme: str = "light") -> Iterator[Page]:
    """A fresh browser at the app's first page."""
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright, chromium_path())
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(address)
        page.get_by_role("button", name="Explore the demo").wait_for()
        yield page
        browser.close()


def open_demo(page: Page) -> None:
    """From sign-in to the rebalancing page of the first account."""
    page.get_by_role("button", name="Explore the demo").click()
    page.get_by_text("Download CSV").wait_for()


def choose(page: Page, account: str) -> None:
    """Another account in the side bar."""
    page.get_by_test_id("stSidebar").get_by_role("combobox").click()
    page.get_by_role("option", name=account).click()
    page.get_by_role("heading", name=account).wait_for()


def take(page: Page, name: str, height: int | None = None) -> None:
    """One picture, once nothing moves any more."""
    if height is not None and page.viewport_size is not None:
        page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(1000)  # the grids and the chart draw themselves after the run
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
