"""A second factor in a real browser: set up, signed in with, done without the phone, and asked for once more."""

import sqlite3
from base64 import b32decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from allocation.sign_in import totp
from tests.e2e.running import RunningApp, running_app
from tests.e2e.test_local_sign_in import PASSWORD, enter, signed_out

pytestmark = pytest.mark.browser


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with running_app(tmp_path) as app:
        yield app


def next_code(page: Page, seed: bytes, used: str) -> str:
    """What the phone shows once it shows another code than the one that was used."""
    while (code := totp.code_at(seed, totp.step_at(datetime.now(UTC)))) == used:
        page.wait_for_timeout(500)
    return code


def set_up(page: Page) -> tuple[bytes, str, list[str]]:
    """The seed in the phone, the code that was used, and the recovery codes."""
    page.get_by_role("link", name="Security").click()
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_alt_text("QR code for your authenticator app")).to_be_visible()
    seed = b32decode(page.locator("code").first.inner_text().replace(" ", ""))
    code = totp.code_at(seed, totp.step_at(datetime.now(UTC)))
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("Keep these recovery codes")).to_be_visible()
    recovery_codes = page.locator("code").first.inner_text().split()
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("10 of 10 recovery codes are left")).to_be_visible()
    return seed, code, recovery_codes


def give_code(page: Page, code: str) -> None:
    expect(page.get_by_text("One more step")).to_be_visible()
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Continue").click()


def signed_in(page: Page) -> None:
    expect(sign_out_button(page)).to_be_visible()


def sign_out_button(page: Page) -> Locator:
    """The one at the side: the Security page has others."""
    return page.get_by_test_id("stSidebar").get_by_role("button", name="Sign out")


def sign_out(page: Page) -> None:
    sign_out_button(page).click()
    signed_out(page)


def forget_when_it_was_proved(app: RunningApp) -> None:
    """As if everybody had signed in a day ago and had gone on working."""
    with sqlite3.connect(app.data_dir / "evenkeel.sqlite") as database:
        database.execute("UPDATE sign_in_session SET proved_at = datetime(proved_at, '-1 day') || '.000000'")
    database.close()


def test_a_second_factor_from_the_first_code_to_the_last_recovery_code(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    enter(page, "Create account")
    signed_in(page)
    seed, used, recovery_codes = set_up(page)
    assert len(recovery_codes) == 10

    # With the phone; the code that set it up does not count again.
    sign_out(page)
    enter(page, "Sign in")
    give_code(page, used)
    expect(page.get_by_text("was used already")).to_be_visible()
    give_code(page, next_code(page, seed, used))
    signed_in(page)

    # Without it: each recovery code once.
    sign_out(page)
    enter(page, "Sign in")
    give_code(page, recovery_codes[0])
    signed_in(page)
    sign_out(page)
    enter(page, "Sign in")
    give_code(page, recovery_codes[0])
    expect(page.get_by_text("was used already")).to_be_visible()
    give_code(page, recovery_codes[1].lower())
    signed_in(page)

    page.get_by_role("link", name="Security").click()
    expect(page.get_by_text("8 of 10 recovery codes are left")).to_be_visible()
    assert PASSWORD not in app.log.read_text()
    assert not any(code in app.log.read_text() for code in (used, *recovery_codes))


def test_what_cannot_be_taken_back_asks_once_more_who_it_is(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    enter(page, "Create account")
    signed_in(page)
    page.get_by_role("link", name="Security").click()
    page.get_by_role("button", name="Set up").wait_for()
    forget_when_it_was_proved(app)

    page.get_by_role("button", name="Set up").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password", exact=True).fill("a wrong password")
    dialog.get_by_role("button", name="Confirm").click()
    expect(dialog.get_by_text("not your password")).to_be_visible()
    expect(page.get_by_role("button", name="Turn on")).to_have_count(0)
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Confirm").click()

    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Turn on")).to_be_visible()
