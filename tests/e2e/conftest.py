"""A running app and a Chromium for the browser stories. Without a Chromium they are skipped, but never in CI."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.running import BROWSERS, RunningApp, chromium_path, launch_chromium, running_app

STEP_MS = 20_000
ONCE_MORE = pytest.mark.flaky(reruns=1)  # a busy machine can keep a browser waiting; the summary counts every rerun


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser story that fails is told once more before it counts as failed."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(ONCE_MORE)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where this machine keeps its Chromium."""
    found = chromium_path()
    if found is None:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell(f"No browser found; looked for {', '.join(BROWSERS)}. Install Chromium to run the browser stories.")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for the whole run; every test opens a context of its own."""
    expect.set_options(timeout=STEP_MS)
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright, chromium)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The app with nothing configured: no provider, no local account yet, prices off."""
    with running_app(tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh browser profile with one empty tab, 1440 pixels wide."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(STEP_MS)
    yield page
    context.close()


@pytest.fixture
def demo_page(page: Page, server: RunningApp) -> Page:
    """A tab in which the demo was opened."""
    page.goto(server.url)
    page.get_by_role("button", name="Explore the demo").click()
    page.get_by_role("button", name="Sign out").wait_for()
    return page
