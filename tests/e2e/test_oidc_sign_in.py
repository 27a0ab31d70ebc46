"""Signing in with a provider, in a real browser, through the real pop-up."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.e2e.running import RunningApp, running_app
from tests.openid_provider import OpenIdProvider, running_provider

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, provider: OpenIdProvider) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("oidc"), provider.secrets_toml) as app:
        yield app


@pytest.fixture(autouse=True)
def an_honest_provider(provider: OpenIdProvider) -> None:
    provider.page_headers = {}
    provider.change_claims = lambda claims: None


def open_pop_up(page: Page) -> Page:
    with page.expect_popup() as opening:
        page.frame_locator("iframe").get_by_role("button", name="Continue with Acme").click()
    return opening.value


def answer(page: Page, choice: str) -> None:
    open_pop_up(page).get_by_role("link", name=choice).click()


def test_a_user_signs_in_through_the_pop_up(page: Page, app: RunningApp) -> None:
    page.goto(app.url)

    answer(page, "Approve")

    expect(page.get_by_text("jane@example.com")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_the_address_asked_for_is_there_after_sign_in(page: Page, app: RunningApp) -> None:
    page.goto(f"{app.url}/holdings?from=mail")

    answer(page, "Approve")

    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page).to_have_url(f"{app.url}/holdings?from=mail")


def test_somebody_who_cancels_can_try_again(page: Page, app: RunningApp) -> None:
    page.goto(app.url)

    answer(page, "Cancel")
    expect(page.get_by_text("cancelled")).to_be_visible()
    answer(page, "Approve")

    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_somebody_who_closes_the_pop_up_can_try_again(page: Page, app: RunningApp) -> None:
    page.goto(app.url)

    open_pop_up(page).close()
    answer(page, "Approve")

    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_provider_that_lies_signs_nobody_in(page: Page, app: RunningApp, provider: OpenIdProvider) -> None:
    provider.change_claims = lambda claims: claims.update(aud="another client")
    page.goto(app.url)

    answer(page, "Approve")

    expect(page.get_by_text("Sign-in did not complete. Try again.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
    assert "identity: aud" in app.log.read_text()


def test_a_pop_up_cut_off_from_its_page_signs_in_all_the_same(
    page: Page, app: RunningApp, provider: OpenIdProvider
) -> None:
    provider.page_headers = {"Cross-Origin-Opener-Policy": "same-origin"}
    page.goto(app.url)

    answer(page, "Approve")

    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_browser_that_blocks_the_pop_up_signs_in_in_the_same_tab(page: Page, app: RunningApp) -> None:
    page.goto(f"{app.url}/holdings?from=mail")

    page.get_by_role("link", name="Acme").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_text("cancelled")).to_be_visible()
    page.get_by_role("link", name="Acme").click()
    page.get_by_role("link", name="Approve").click()

    expect(page.get_by_text("jane@example.com")).to_be_visible()
    expect(page).to_have_url(f"{app.url}/holdings?from=mail")


def test_a_provider_that_lies_signs_nobody_in_in_the_same_tab_either(
    page: Page, app: RunningApp, provider: OpenIdProvider
) -> None:
    provider.change_claims = lambda claims: claims.update(nonce="n" * 43)
    page.goto(app.url)

    page.get_by_role("link", name="Acme").click()
    page.get_by_role("link", name="Approve").click()

    expect(page.get_by_text("Sign-in did not complete. Try again.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)


def test_no_secret_reaches_the_log(page: Page, app: RunningApp) -> None:
    page.goto(app.url)
    answer(page, "Approve")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()

    log = app.log.read_text()

    assert "signed in user" in log
    assert not any(secret in log for secret in ("code=", "state=", "eyJ", "not/so:secret"))


FORGED_ANSWERS = [
    {"token": {"id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ."}},
    {"code": "stolen"},
    {"code": "stolen", "state": "guessed"},
    {"id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ."},
    {},
    [],
    ["state"],
    "code",
    7,
]


def bring(frame: FrameLocator, value: object) -> None:
    """What anybody can do in their browser's console: let the button's frame say this came back."""
    frame.locator("body").evaluate(
        """(_, value) => window.parent.postMessage(
            {isStreamlitMessage: true, type: "streamlit:setComponentValue", value, dataType: "json"}, "*")""",
        value,
    )


def test_answers_made_up_in_the_browser_sign_nobody_in(page: Page, app: RunningApp, provider: OpenIdProvider) -> None:
    asked_before = provider.token_requests
    for forged in FORGED_ANSWERS:
        page.goto(app.url)
        frame = page.frame_locator("iframe")
        expect(frame.get_by_role("button", name="Continue with Acme")).to_be_visible()

        bring(frame, forged)

        expect(page.get_by_text("Sign-in did not complete. Try again.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
    assert provider.token_requests == asked_before


def test_signing_out_revokes_what_the_provider_gave_and_offers_its_own_sign_out(
    page: Page, app: RunningApp, provider: OpenIdProvider
) -> None:
    page.goto(app.url)
    answer(page, "Approve")
    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("link", name="Sign out there as well").click()

    expect(page).to_have_url(f"{app.url}/")
    expect(page.get_by_role("button", name="Explore the demo")).to_be_visible()
    assert provider.revoked[-1] == ("access_token", "opaque")
    assert "eyJ" not in page.content()
