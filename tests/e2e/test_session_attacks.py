"""Attacks on the way to sign in, and on a session that is alive: against the running app and a real provider."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.e2e.running import RunningApp, free_port, running_app
from tests.openid_provider import OpenIdProvider, running_provider

pytestmark = pytest.mark.browser

WHO = "jane@example.com"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, provider: OpenIdProvider) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("attacks"), provider.secrets_toml) as app:
        yield app


def open_pop_up(page: Page) -> Page:
    with page.expect_popup() as opening:
        page.frame_locator("iframe").get_by_role("button", name="Continue with Acme").click()
    opening.value.get_by_role("link", name="Approve").wait_for()
    return opening.value


def bring(page: Page, value: object) -> None:
    """What anybody can do in their browser's console: let the button's frame say this came back."""
    page.frame_locator("iframe").get_by_role("button", name="Continue with Acme").wait_for()
    page.frame_locator("iframe").locator("body").evaluate(
        """(_, value) => window.parent.postMessage(
            {isStreamlitMessage: true, type: "streamlit:setComponentValue", value, dataType: "json"}, "*")""",
        value,
    )


def refused(page: Page) -> None:
    expect(page.get_by_text("Sign-in did not complete. Try again.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)


def test_seven_attacks_on_the_way_in_are_refused_and_the_good_way_works(
    page: Page, app: RunningApp, provider: OpenIdProvider, browser: Browser
) -> None:
    callback, asked = f"{app.url}/oauth/callback", provider.token_requests
    page.goto(app.url)

    for forged in (
        {"token": {"id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ."}},  # 1: a token without a code
        {"code": "stolen"},  # 2: a code without a state
        {"code": "stolen", "state": "guessed"},  # 3: the state of nobody
    ):
        bring(page, forged)
        refused(page)
        page.goto(app.url)

    pop_up = open_pop_up(page)  # 4: an answer that says it is of another issuer
    pop_up.goto(f"{callback}?{urlencode({**provider.approve(pop_up.url), 'iss': 'https://evil.example.com'})}")
    refused(page)
    if not pop_up.is_closed():
        pop_up.close()

    with browser.new_context() as elsewhere:  # 5: a code that came to another browser
        attacker = elsewhere.new_page()
        attacker.goto(app.url)
        theirs = provider.approve(open_pop_up(attacker).url)
    answer = page.request.get(f"{callback}?{urlencode(theirs)}")
    assert answer.status == 400

    unsolicited = page.request.get(f"{callback}?code=c&state={'s' * 90}")  # 6: an answer nobody asked for
    assert unsolicited.status == 400
    assert provider.token_requests == asked

    page.goto(app.url)
    pop_up = open_pop_up(page)
    good = provider.approve(pop_up.url)
    pop_up.goto(f"{callback}?{urlencode(good)}")
    expect(page.get_by_text(WHO)).to_be_visible()
    again = page.request.get(f"{callback}?{urlencode(good)}")  # 7: the same code once more
    assert again.status == 400
    assert provider.token_requests == asked + 1
    log = app.log.read_text()
    assert "answer: iss" in log
    assert not any(
        secret in log
        for secret in (good["code"], theirs["code"], parse_qs(urlsplit(pop_up.url).query)["state"][0], "eyJ")
    )


def cookies_of(context: BrowserContext) -> str:
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in context.cookies())


def joined(app: RunningApp, session_id: str, cookies: str, origin: str | None) -> tuple[str, str]:
    """Connect under a Streamlit session's id and run its script: the id that was given, and everything that was shown."""
    address = app.url.replace("http", "ws") + "/_stcore/stream"
    headers = {"Cookie": cookies} if cookies else {}
    shown, given = "", ""
    protocols = ["streamlit", "no-xsrf-token", session_id]
    with connect(address, origin=origin, subprotocols=protocols, additional_headers=headers, max_size=None) as socket:
        socket.send(BackMsg(rerun_script={"query_string": ""}).SerializeToString())
        while True:
            message = ForwardMsg()
            message.ParseFromString(socket.recv(timeout=20))
            shown += str(message)
            if message.WhichOneof("type") == "new_session":
                given = message.new_session.initialize.session_id
            if message.WhichOneof("type") == "script_finished":
                return given, shown


def test_a_live_session_is_not_for_whoever_knows_its_id(page: Page, app: RunningApp, browser: Browser) -> None:
    ids: list[str] = []

    def note(frame: str | bytes) -> None:
        message = ForwardMsg()
        message.ParseFromString(frame if isinstance(frame, bytes) else frame.encode())
        if message.WhichOneof("type") == "new_session":
            ids.append(message.new_session.initialize.session_id)

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    page.goto(app.url)
    before = cookies_of(page.context)
    open_pop_up(page).get_by_role("link", name="Approve").click()
    expect(page.get_by_text(WHO)).to_be_visible()
    while "evenkeel_session" not in cookies_of(page.context):
        page.wait_for_timeout(50)
    stolen, cookies = ids[-1], cookies_of(page.context)
    with browser.new_context() as elsewhere:
        elsewhere.new_page().goto(app.url)
        own = cookies_of(elsewhere)

    for attempt in ("", own):
        given, shown = joined(app, stolen, attempt, app.url)
        assert given != stolen
        assert WHO not in shown
    for origin in ("https://evil.example.com", None):
        with pytest.raises(InvalidStatus) as turned_away:
            joined(app, stolen, cookies, origin)
        assert turned_away.value.response.status_code == 403
    known_before_sign_in = joined(app, stolen, before, app.url)
    assert WHO not in known_before_sign_in[1]
    owner_again = joined(app, stolen, cookies, app.url)
    assert WHO in owner_again[1]
    page.reload()
    expect(page.get_by_text(WHO)).to_be_visible()


@pytest.mark.parametrize("frame", ["text", b"\xff" * 64, b"\x00" * (51 * 1024 * 1024)], ids=["text", "broken", "51 MB"])
def test_a_message_that_is_none_closes_the_connection_and_tells_nothing(app: RunningApp, frame: str | bytes) -> None:
    address = app.url.replace("http", "ws") + "/_stcore/stream"
    told, closed = b"", False

    with connect(address, origin=app.url, subprotocols=["streamlit"], max_size=None) as socket:
        try:
            socket.send(frame)
            while True:
                told += socket.recv(timeout=20)
        except ConnectionClosed:
            closed = True

    assert closed
    assert not any(path in told for path in (b"site-packages", b"app.py", b"Traceback"))


def test_a_stranger_can_neither_hold_the_server_up_nor_clear_what_it_keeps_nor_learn_where_it_is(
    app: RunningApp,
) -> None:
    address, sent = app.url.replace("http", "ws") + "/_stcore/stream", BackMsg()
    sent.backend_operation_request.request_id = "a-" * 10_000
    sent.backend_operation_request.session_id = "of another"
    sent.backend_operation_request.deferred_file.file_id = "f"

    with connect(address, origin=app.url, subprotocols=["streamlit"], max_size=None) as socket:
        socket.send(BackMsg(clear_cache=True).SerializeToString())
        socket.send(sent.SerializeToString())
        socket.send(BackMsg(rerun_script={}).SerializeToString())
        told = [ForwardMsg.FromString(socket.recv(timeout=10))]
        while told[-1].WhichOneof("type") != "script_finished":
            told.append(ForwardMsg.FromString(socket.recv(timeout=10)))

    (begun,) = (message for message in told if message.WhichOneof("type") == "new_session")
    assert begun.new_session.main_script_path == ""
    log = app.log.read_text()
    assert "Dropped a message" in log
    assert "Rejecting backend operation request" in log


def test_page_answer_and_session_may_meet_in_different_processes(
    page: Page, tmp_path: Path, provider: OpenIdProvider
) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    answered_at = free_port()
    shared = {"EVENKEEL_DATA_DIR": str(tmp_path / "data"), "EVENKEEL_BASE_URL": f"http://localhost:{answered_at}"}
    with (
        running_app(tmp_path / "first", provider.secrets_toml, shared) as first,
        running_app(tmp_path / "second", provider.secrets_toml, shared, port=answered_at) as second,
    ):
        page.goto(first.url)
        open_pop_up(page).get_by_role("link", name="Approve").click()
        expect(page.get_by_text(WHO)).to_be_visible()
        while "evenkeel_session" not in cookies_of(page.context):
            page.wait_for_timeout(50)

        page.goto(second.url)
        expect(page.get_by_text(WHO)).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.goto(first.url)

        expect(page.get_by_role("button", name="Explore the demo")).to_be_visible()
