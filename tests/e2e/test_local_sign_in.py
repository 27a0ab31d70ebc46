"""A local account, sessions and tabs, in a real browser."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.running import RunningApp, running_app, settled

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with running_app(tmp_path) as app:
        yield app


def enter(page: Page, press: str, password: str = PASSWORD) -> None:
    page.get_by_label("User name").fill("jane")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name=press).click()


def signed_in(page: Page) -> None:
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def signed_out(page: Page) -> None:
    expect(page.get_by_role("button", name="Explore the demo")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)


def test_the_first_account_is_created_and_signs_in_again(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    enter(page, "Create account")
    signed_in(page)
    page.get_by_role("button", name="Sign out").click()
    signed_out(page)

    enter(page, "Sign in", "wrong " + PASSWORD)
    expect(page.get_by_text("do not match")).to_be_visible()
    enter(page, "Sign in")

    signed_in(page)


@pytest.mark.parametrize("address", ["rebalance", "holdings", "accounts", "sign_in", "nothing-of-the-kind"])
def test_every_address_is_sign_in_on_a_server_nobody_used_yet(page: Page, app: RunningApp, address: str) -> None:
    page.goto(f"{app.url}/{address}?account=1")

    signed_out(page)


def test_a_refresh_and_another_tab_stay_signed_in_and_another_browser_is_not(
    page: Page, app: RunningApp, browser: Browser
) -> None:
    page.goto(app.url)
    enter(page, "Create account")
    signed_in(page)

    page.reload()
    signed_in(page)
    second = page.context.new_page()
    second.goto(f"{app.url}/rebalance")
    signed_in(second)
    stranger = browser.new_context().new_page()
    stranger.goto(f"{app.url}/rebalance")
    signed_out(stranger)
    stranger.context.close()


def test_signing_out_ends_the_other_tab_too(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    enter(page, "Create account")
    signed_in(page)
    second = page.context.new_page()
    second.goto(f"{app.url}/rebalance")
    signed_in(second)

    page.get_by_role("button", name="Sign out").click()

    signed_out(page)
    signed_out(second)
    page.reload()
    signed_out(page)


def test_an_idle_session_ends_by_itself(page: Page, tmp_path: Path) -> None:
    with running_app(tmp_path, environment={"EVENKEEL_IDLE_MINUTES": "0.1"}) as app:
        page.goto(app.url)
        enter(page, "Create account")
        signed_in(page)

        expect(page.get_by_text("Your session has ended")).to_be_visible(timeout=20_000)

        signed_out(page)


def test_the_demo_survives_a_refresh_and_is_gone_after_sign_out(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    page.get_by_role("button", name="Explore the demo").click()
    signed_in(page)

    page.reload()
    signed_in(page)
    page.get_by_role("button", name="Sign out").click()

    signed_out(page)
    page.reload()
    signed_out(page)


def test_a_browser_is_known_by_a_cookie_that_scripts_cannot_read(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    signed_out(page)

    cookie = next(c for c in page.context.cookies() if c["name"].endswith("evenkeel_browser"))

    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert len(cookie["value"]) == 43
    assert "evenkeel_browser" not in page.evaluate("document.cookie")


def test_a_download_is_for_the_browser_that_is_signed_in(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    page.get_by_role("button", name="Explore the demo").click()
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url) if "/media/" in request.url else None)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()

    assert "Symbol" in download.value.path().read_text(encoding="utf-8-sig").replace("symbol", "Symbol")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(addresses[0])


def test_the_selected_account_survives_a_refresh_and_the_way_to_another_page(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    page.get_by_role("button", name="Explore the demo").click()
    signed_in(page)
    page.get_by_role("combobox", name="Account").click()
    name = page.get_by_role("option").nth(1).inner_text()
    page.get_by_role("option").nth(1).click()
    expect(page).to_have_url(re.compile(r"/rebalance\?account="))
    chosen = page.locator("h1")
    expect(chosen).to_contain_text(name.split(" · ")[0])

    page.reload()
    expect(chosen).to_contain_text(name.split(" · ")[0])
    page.get_by_role("link", name="Holdings").click()

    expect(page).to_have_url(re.compile(r"/holdings\?account="))
    expect(chosen).to_contain_text(name.split(" · ")[0])


def test_no_page_breaks_its_own_rules_or_asks_the_internet(page: Page, app: RunningApp) -> None:
    broken: list[str] = []
    page.on("console", lambda message: broken.append(message.text) if "Content Security" in message.text else None)
    page.on(
        "request",
        lambda request: None if request.url.startswith((app.url, "data:", "blob:")) else broken.append(request.url),
    )
    page.goto(app.url)
    page.get_by_role("button", name="Explore the demo").click()
    signed_in(page)

    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    for name in ("Holdings", "Accounts", "Rebalance"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.locator("h1")).to_be_visible()
        settled(page)

    assert broken == []


def test_a_page_of_another_site_cannot_connect(page: Page, app: RunningApp, browser: Browser) -> None:
    connect = """url => new Promise(done => {
        const socket = new WebSocket(url, ["streamlit"]);
        socket.onopen = () => done("open"); socket.onerror = () => done("refused");
    })"""
    stream = app.url.replace("http", "ws") + "/_stcore/stream"
    page.goto(f"{app.url}/healthz")
    stranger = browser.new_context().new_page()
    stranger.goto(f"{app.url.replace('localhost', '127.0.0.1')}/healthz")

    assert page.evaluate(connect, stream) == "open"
    assert stranger.evaluate(connect, stream) == "refused"

    stranger.context.close()


def test_every_answer_carries_the_headers_that_protect_it(app: RunningApp) -> None:
    with urllib.request.urlopen(app.url) as answer:
        headers = answer.headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"
