"""The sign-in page, without a browser: what a visitor sees, and who is let in."""

import pytest
from streamlit.testing.v1 import AppTest

from allocation.ports import User
from allocation.sign_in.local import LocalAccounts
from pages.shared.cache import workbench
from tests.app.conftest import ROOT, OpenApp, button, fetch_cookie, said
from tests.openid_provider import running_provider

PASSWORD = "correct horse battery"


def labels(app: AppTest) -> set[str]:
    return {b.label for b in app.button}


def enter(app: AppTest, user_name: str, password: str, press: str) -> AppTest:
    app.text_input(key="sign_in.user_name").input(user_name)
    app.text_input(key="sign_in.password").input(password)
    return button(app, press).click().run()


@pytest.fixture
def with_jane(open_app: OpenApp) -> OpenApp:
    """An installation whose first account is Jane's."""
    enter(open_app(), "jane", PASSWORD, "Create account")
    return open_app


def test_a_visitor_sees_the_demo_and_may_create_the_first_account(open_app: OpenApp) -> None:
    app = open_app()

    assert not app.exception
    assert {"Explore the demo", "Create account"} <= labels(app)
    assert "Sign out" not in labels(app)


def test_the_demo_is_one_click_from_the_rebalancing_page(open_app: OpenApp) -> None:
    app = open_app()

    button(app, "Explore the demo").click().run()

    assert not app.exception
    assert "Sign out" in labels(app)
    assert app.selectbox(key="shell.account").options
    assert app.title[0].value != "Evenkeel"


def test_the_first_account_is_signed_in_when_it_is_created(open_app: OpenApp) -> None:
    app = open_app()

    enter(app, "jane", PASSWORD, "Create account")

    assert not app.exception
    assert "Sign out" in labels(app)


@pytest.mark.parametrize(
    "password", ["short", "x" * 129, "password12345", "jane.analyst", "111111111111", "aaaaaaaaaaaaaaa"]
)
def test_an_unfit_password_is_refused_with_the_way_out(open_app: OpenApp, password: str) -> None:
    app = open_app()

    enter(app, "jane.analyst", password, "Create account")

    assert "password" in said(app)
    assert "Sign out" not in labels(app)


def test_on_a_server_for_others_the_first_account_needs_the_code_it_printed(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENKEEL_BASE_URL", "https://evenkeel.example.com")
    app = open_app()
    code = capsys.readouterr().out.split()[-1]

    enter(app, "mallory", PASSWORD, "Create account")
    refused = said(app)
    app.text_input(key="sign_in.setup_code").input(code)
    enter(app, "jane", PASSWORD, "Create account")

    assert "not the setup code" in refused
    assert code not in refused
    assert "Sign out" in labels(app)


def test_who_comes_second_is_told_so_and_shown_the_way_in(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    as_before = LocalAccounts.create_first

    def a_moment_too_late(accounts: LocalAccounts, *written: str) -> User:
        as_before(accounts, "jane", PASSWORD)
        return as_before(accounts, *written)

    monkeypatch.setattr(LocalAccounts, "create_first", a_moment_too_late)

    app = enter(open_app(), "mary", PASSWORD, "Create account")

    assert "exists already" in said(app)
    assert "Sign in" in labels(app)
    assert not {"Sign out", "Create account"} & labels(app)


def test_the_right_password_opens_and_nothing_else_does(with_jane: OpenApp) -> None:
    app = with_jane()
    assert "Create account" not in labels(app)

    enter(app, "jane", "not " + PASSWORD, "Sign in")
    refused = said(app)
    enter(app, "Jane", PASSWORD, "Sign in")

    assert "do not match" in refused
    assert "Sign out" in labels(app)


def test_an_unknown_name_is_answered_like_a_wrong_password(with_jane: OpenApp) -> None:
    wrong_password, unknown_name = with_jane(), with_jane()

    enter(wrong_password, "jane", "something else", "Sign in")
    enter(unknown_name, "nobody", "something else", "Sign in")

    assert said(wrong_password) == said(unknown_name) != ""


def test_who_keeps_guessing_has_to_wait(with_jane: OpenApp) -> None:
    app = with_jane()
    for _ in range(6):
        enter(app, "jane", "a wrong password", "Sign in")

    enter(app, "jane", PASSWORD, "Sign in")

    assert "Too many wrong passwords or codes" in said(app)
    assert "Sign out" not in labels(app)


def test_a_machine_that_guesses_on_and_on_does_not_fill_the_trail(with_jane: OpenApp) -> None:
    app = with_jane()
    before = workbench().trail.head()[0]

    for _ in range(48):
        enter(app, "jane", "a wrong password", "Sign in")

    # Five refusals and a few more as time goes on, and twenty notes that it was too often.
    assert 6 <= workbench().trail.head()[0] - before <= 36
    assert workbench().trail.first_break() is None


def test_signing_out_leads_back_to_sign_in(demo_app: AppTest) -> None:
    button(demo_app, "Sign out").click().run()

    assert "signed out" in said(demo_app)
    assert "Explore the demo" in labels(demo_app)


def test_signing_out_leaves_nothing_of_the_user_in_the_tab(demo_app: AppTest) -> None:
    demo_app.session_state["rebalance.draft"] = "somebody's targets"

    button(demo_app, "Sign out").click().run()

    assert "rebalance.draft" not in demo_app.session_state


def test_a_provider_that_is_down_is_said_to_be_down_and_the_rest_works(open_app: OpenApp) -> None:
    with running_provider() as gone:
        table = {"issuer": gone.issuer, "client_id": "x", "client_secret": "y", "label": "Acme"}

    app = open_app(secrets={"oidc": {"acme": table}})

    assert "Acme does not answer" in said(app)
    button(app, "Explore the demo").click().run()
    assert "Sign out" in labels(app)


def test_a_provider_that_claims_to_be_another_is_not_offered(open_app: OpenApp) -> None:
    with running_provider() as provider:
        provider.change_discovery = lambda document: document.update(issuer="https://evil.example.com")
        table = {"issuer": provider.issuer, "client_id": "x", "client_secret": "y", "label": "Acme"}

        app = open_app(secrets={"oidc": {"acme": table}})

    assert "Acme cannot be used" in said(app)


def test_settings_that_cannot_work_are_named_without_their_values(open_app: OpenApp) -> None:
    app = open_app(secrets={"oidc": {"acme": {"issuer": "http://id.example.com", "client_id": "x", "secret": "hush"}}})

    assert "[oidc.acme] issuer" in said(app)
    assert "[oidc.acme] secret" in said(app)
    assert "hush" not in said(app)


@pytest.mark.parametrize("page", ["rebalance", "holdings", "accounts", "sign_in"])
def test_a_page_opened_by_itself_shows_a_stranger_nothing(page: str, open_app: OpenApp) -> None:
    app = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=30).run()

    assert not app.dataframe
    assert not app.metric


def test_a_refresh_finds_the_session_by_the_browser(open_app: OpenApp, cookies: dict[str, str]) -> None:
    cookies["evenkeel_browser"] = "a" * 43
    fetch_cookie(enter(open_app(), "jane", PASSWORD, "Create account"), cookies)

    refreshed = open_app()
    cookies.clear()
    cookies["evenkeel_browser"] = "b" * 43
    another_browser = open_app()

    assert "Sign out" in labels(refreshed)
    assert "Sign out" not in labels(another_browser)


def test_whoever_knew_the_browsers_cookie_before_sign_in_is_not_signed_in_by_it(
    open_app: OpenApp, cookies: dict[str, str]
) -> None:
    cookies["evenkeel_browser"] = "a" * 43
    enter(open_app(), "jane", PASSWORD, "Create account")

    assert "Sign out" not in labels(open_app())


def test_the_cookie_of_a_session_is_fetched_once(open_app: OpenApp, cookies: dict[str, str]) -> None:
    cookies["evenkeel_browser"] = "a" * 43
    app = enter(open_app(), "jane", PASSWORD, "Create account")

    first = fetch_cookie(app, cookies)
    again = fetch_cookie(app, cookies, "t" * 43)

    assert (first, again) == (True, False)
    assert not fetch_cookie(app.run(), cookies, "t" * 43)


def test_another_connection_without_the_cookie_does_not_go_on_with_the_session(
    open_app: OpenApp, cookies: dict[str, str]
) -> None:
    cookies.update(evenkeel_browser="a" * 43, connection="first")
    app = enter(open_app(), "jane", PASSWORD, "Create account")
    assert fetch_cookie(app, cookies)

    cookies["connection"] = "second"
    owner_reconnects = labels(app.run())
    del cookies["evenkeel_session"]
    cookies["connection"] = "third"
    somebody_else = app.run()

    assert "Sign out" in owner_reconnects
    assert "Sign out" not in labels(somebody_else)
    assert not somebody_else.selectbox


def test_a_demo_survives_a_refresh(open_app: OpenApp, cookies: dict[str, str]) -> None:
    cookies["evenkeel_browser"] = "a" * 43
    button(open_app(), "Explore the demo").click().run()

    assert "Sign out" in labels(open_app())


@pytest.mark.parametrize("way_in", ["demo", "local"])
def test_signing_out_in_one_tab_ends_the_other(open_app: OpenApp, cookies: dict[str, str], way_in: str) -> None:
    cookies["evenkeel_browser"] = "a" * 43
    first = open_app()
    if way_in == "demo":
        button(first, "Explore the demo").click().run()
    else:
        fetch_cookie(enter(first, "jane", PASSWORD, "Create account"), cookies)
    second = open_app()
    assert "Sign out" in labels(second)

    button(first, "Sign out").click().run()
    second.run()

    assert "Your session has ended" in said(second)
    assert "Sign out" not in labels(second)


def test_a_sign_in_ends_the_demo_of_the_same_browser(with_jane: OpenApp, cookies: dict[str, str]) -> None:
    cookies["evenkeel_browser"] = "a" * 43
    tab = with_jane()
    other_tab = with_jane()
    button(other_tab, "Explore the demo").click().run()

    enter(tab, "jane", PASSWORD, "Sign in")
    other_tab.run()

    assert not other_tab.selectbox
    assert "Your session has ended" in said(other_tab)


def test_the_account_picker_selects_the_account(demo_app: AppTest) -> None:
    picker = demo_app.selectbox(key="shell.account")
    names = picker.options

    picker.select_index(1).run()

    assert demo_app.selectbox(key="shell.account").index == 1
    assert demo_app.title[0].value in names[1]


def test_the_address_may_name_an_account_but_only_ones_own(open_app: OpenApp, demo_app: AppTest) -> None:
    accounts = demo_app.session_state["state.signed_in"].session.accounts.list()
    named, foreign = open_app(), open_app()
    named.query_params["account"] = accounts[1].id
    foreign.query_params["account"] = "somebody-elses"

    for app in (named, foreign):
        button(app, "Explore the demo").click().run()

    assert named.selectbox(key="shell.account").value == accounts[1].id
    assert foreign.selectbox(key="shell.account").value == accounts[0].id


def test_the_address_of_the_page_names_the_selected_account(demo_app: AppTest) -> None:
    accounts = demo_app.session_state["state.signed_in"].session.accounts.list()
    assert demo_app.query_params["account"] == accounts[0].id

    demo_app.selectbox(key="shell.account").select_index(1).run()

    assert demo_app.query_params["account"] == accounts[1].id


def test_an_account_of_somebody_else_is_answered_like_one_that_is_not_there(open_app: OpenApp) -> None:
    app = open_app()
    app.query_params["account"] = "' OR 1=1 --" + "x" * 100_000

    button(app, "Explore the demo").click().run()

    assert not app.exception
    assert "not among yours" in app.toast[0].value
    assert app.query_params["account"] == app.selectbox(key="shell.account").value


def test_signing_out_takes_the_account_out_of_the_address(demo_app: AppTest) -> None:
    button(demo_app, "Sign out").click().run()

    assert "account" not in demo_app.query_params
