"""The edge of the server: the browser's cookie, the headers, and who may connect."""

import contextlib
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
import streamlit as st
from httpx import Response as HTTPResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from allocation.errors import SettingsError
from allocation.presence import Proof
from allocation.settings import Settings
from allocation.sign_in.throttle import AT_ONCE, Throttle
from pages.shared import gate, headers, server
from pages.shared.browser import COOKIE, SESSION_COOKIE, key_of
from pages.shared.cache import owners
from pages.shared.owners import Owner
from pages.shared.server import MIDDLEWARE, ROUTES, show_fault
from tests.openid_provider import OpenIdProvider, running_provider

NAMED = {"cookie": f"{COOKIE}={'c' * 43}"}
OUR_PAGE = {**NAMED, "origin": "http://localhost:8501"}
OVER_HTTPS = "https://localhost:8501/"


async def page(_: Request) -> Response:
    return HTMLResponse("<p>page</p>")


async def not_modified(_: Request) -> Response:
    return Response(status_code=304)


async def script(_: Request) -> Response:
    return Response("1", media_type="text/javascript")


async def stream(websocket: WebSocket) -> None:
    await websocket.accept()
    names = ("browser", "session", "connection")
    await websocket.send_json({name: websocket.headers.getlist(f"x-evenkeel-{name}") for name in names})
    await websocket.close()


async def file(_: Request) -> Response:
    return JSONResponse(["somebody's trades"])


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path))
    st.cache_resource.clear()
    routes = [
        Route("/", page),
        Route("/cached", not_modified),
        Route("/script.js", script),
        Route("/media/file.csv", file),
        WebSocketRoute("/stream", stream),
        *ROUTES,
    ]
    return TestClient(Starlette(routes=routes, middleware=MIDDLEWARE), base_url="http://localhost:8501")


def test_a_new_browser_is_named_once(client: TestClient) -> None:
    first, second = client.get("/"), client.get("/")

    assert first.headers["set-cookie"].startswith(f"{COOKIE}=")
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "set-cookie" not in second.headers


def test_over_https_the_name_is_kept_from_plain_http_and_other_hosts(client: TestClient) -> None:
    cookie = client.get(OVER_HTTPS).headers["set-cookie"]

    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_over_https_a_name_that_another_site_may_have_planted_does_not_count(client: TestClient) -> None:
    answer = client.get(OVER_HTTPS, headers=NAMED)
    with client.websocket_connect(
        "wss://localhost:8501/stream", headers={**NAMED, "origin": "https://localhost:8501"}
    ) as socket:
        bound_to = socket.receive_json()

    assert answer.headers["set-cookie"].startswith(f"__Host-{COOKIE}=")
    assert bound_to["browser"] == [""]


def test_a_page_from_the_browsers_own_memory_names_it_too(client: TestClient) -> None:
    assert "set-cookie" in client.get("/cached", headers={"accept": "text/html,*/*"}).headers


@pytest.mark.parametrize("path", ["/script.js", "/healthz", "/oauth/callback?code=c&state=s"])
def test_nothing_but_a_page_names_a_browser(client: TestClient, path: str) -> None:
    assert "set-cookie" not in client.get(path).headers


def test_the_callback_leaves_no_trace_and_runs_nothing(client: TestClient) -> None:
    answer = client.get("/oauth/callback?code=<script>&state=s")

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script>" not in answer.text


def test_a_stream_is_bound_to_the_cookie_and_not_to_what_the_client_claims(client: TestClient) -> None:
    cookies = f"{NAMED['cookie']}; {SESSION_COOKIE}={'s' * 43}"
    claims = {f"x-evenkeel-{name}": "somebody else" for name in ("browser", "session", "connection")}
    bound_to = []

    for _ in range(2):
        with client.websocket_connect(
            "ws://localhost:8501/stream", headers={**OUR_PAGE, **claims, "cookie": cookies}
        ) as socket:
            bound_to.append(socket.receive_json())

    assert bound_to[0]["browser"] == bound_to[1]["browser"] == [hashlib.sha256(b"c" * 43).hexdigest()]
    assert bound_to[0]["session"] == [key_of("s" * 43)]
    assert bound_to[0]["connection"] != bound_to[1]["connection"]
    assert "somebody else" not in str(bound_to)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example.com"},
        {"origin": "http://localhost:9999"},
        {"origin": "http://localhost:8501.evil.com"},
        {"origin": "http://localhost:8501/"},
        {"origin": "file://localhost:8501"},
        {"origin": "http://[::1"},
        {"origin": "http://rebound.example.com:8501", "host": "rebound.example.com:8501"},
    ],
    ids=str,
)
def test_a_page_from_elsewhere_or_from_nowhere_may_not_connect(
    client: TestClient, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    refused = pytest.raises(WebSocketDisconnect)
    with refused, client.websocket_connect("ws://localhost:8501/stream", headers={**NAMED, **headers}):
        pass

    assert "Refused a connection" in caplog.text


def test_our_own_page_may_connect(client: TestClient) -> None:
    with client.websocket_connect("ws://localhost:8501/stream", headers=OUR_PAGE) as socket:
        assert socket.receive_json()


def test_a_thousand_connections_from_one_address_are_not_for_people(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttle = Throttle(clock=lambda: 0.0)
    monkeypatch.setattr(gate, "_connects", lambda: throttle)
    opened = 0

    for _ in range(1000):
        with (
            contextlib.suppress(WebSocketDisconnect),
            client.websocket_connect("ws://localhost:8501/stream", headers=OUR_PAGE),
        ):
            opened += 1

    assert opened == AT_ONCE


def test_a_page_may_run_our_own_scripts_only(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    assert rules["default-src"] == rules["frame-ancestors"] == "'self'"
    assert re.fullmatch(r"'self'( 'sha256-[A-Za-z0-9+/]{43}=')+", rules["script-src"])
    assert not any(scheme in policy for scheme in ("http:", "https:", "*"))


def test_a_page_loads_the_cell_editor_before_the_first_key(client: TestClient) -> None:
    files = re.findall(r"<\./(static/js/[\w.-]+\.js)>; rel=modulepreload", client.get("/").headers["link"])

    assert len(files) == 2
    assert all((headers.folder_of("streamlit") / "static" / file).is_file() for file in files)
    assert "link" not in client.get("/script.js").headers


def test_only_an_answer_over_https_promises_to_stay_with_it(client: TestClient) -> None:
    assert "strict-transport-security" not in client.get("/").headers
    assert "strict-transport-security" not in client.get("/", headers={"x-forwarded-proto": "https"}).headers
    assert "strict-transport-security" in client.get(OVER_HTTPS).headers


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenIdProvider]:
    """A provider that the app is configured with."""
    with running_provider() as running:
        settings = Settings(providers=(running.configured,))
        monkeypatch.setattr(server, "workbench", lambda: SimpleNamespace(settings=settings))
        yield running


CAME_FROM = {**NAMED, "referer": "http://localhost:8501/holdings?account=7", "sec-fetch-site": "same-origin"}


def asked_of(answer: HTTPResponse) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def test_a_browser_without_pop_ups_goes_to_the_provider_and_back_to_where_it_was(
    client: TestClient, provider: OpenIdProvider
) -> None:
    away = client.get("/oauth/start/acme", headers=CAME_FROM, follow_redirects=False)
    back = provider.approve(away.headers["location"])

    returned = client.get("/oauth/callback", params=back, headers=NAMED, follow_redirects=False)

    assert away.headers["location"].startswith(provider.issuer)
    assert asked_of(away)["redirect_uri"] == "http://localhost:8501/oauth/callback"
    assert (returned.status_code, returned.headers["location"]) == (303, "/holdings?account=7")


def test_an_answer_for_another_browser_or_attempt_leads_nowhere(client: TestClient, provider: OpenIdProvider) -> None:
    away = client.get("/oauth/start/acme", headers=CAME_FROM, follow_redirects=False)
    back = provider.approve(away.headers["location"])

    of_another_browser = client.get("/oauth/callback", params=back, headers={"cookie": f"{COOKIE}=another"})
    of_another_attempt = client.get("/oauth/callback", params={**back, "state": "x" * 43}, headers=NAMED)
    unsolicited = client.get("/oauth/callback", params={"code": "c", "state": "s"}, headers=NAMED)
    once = client.get("/oauth/callback", params=back, headers=NAMED, follow_redirects=False)
    twice = client.get("/oauth/callback", params=back, headers=NAMED, follow_redirects=False)

    assert [of_another_browser.status_code, of_another_attempt.status_code, unsolicited.status_code] == [400] * 3
    assert (once.status_code, twice.status_code) == (303, 400)
    assert back["code"] not in twice.text


@pytest.mark.parametrize(
    "headers",
    [{**CAME_FROM, "sec-fetch-site": "cross-site"}, {"referer": CAME_FROM["referer"]}],
    ids=["a link on another site", "a browser without a name"],
)
def test_only_a_click_on_our_own_page_goes_to_a_provider(
    client: TestClient, provider: OpenIdProvider, headers: dict[str, str]
) -> None:
    answer = client.get("/oauth/start/acme", headers=headers, follow_redirects=False)

    assert answer.headers["location"] == "/holdings?account=7"


@pytest.mark.parametrize(
    ("referer", "expected"),
    [
        ("https://evil.example.com//evil.example.com/x", "/evil.example.com/x"),
        ("http://localhost:8501/\\evil.example.com", "/evil.example.com"),
        ("javascript:alert(1)", "/alert(1)"),
        ("http://[::1", "/"),
        ("", "/"),
    ],
)
def test_the_way_back_never_leaves_this_site(
    client: TestClient, provider: OpenIdProvider, referer: str, expected: str
) -> None:
    answer = client.get("/oauth/start/unknown", headers={**CAME_FROM, "referer": referer}, follow_redirects=False)

    assert answer.headers["location"] == expected


def test_a_provider_that_is_down_leads_back_to_the_page_that_says_so(
    client: TestClient, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.change_discovery = lambda document: document.update(issuer="https://evil.example.com")

    answer = client.get("/oauth/start/acme", headers=CAME_FROM, follow_redirects=False)

    assert answer.headers["location"] == "/holdings?account=7"
    assert "another issuer" in caplog.text


@pytest.fixture
def begun(client: TestClient) -> str:
    """The ticket of a session that began in this browser."""
    bench, now = server.workbench(), datetime.now(UTC)
    user = bench.directory.user_for_identity("https://a.example", "1", "Ann", "")
    handle = bench.sessions.begin(Proof(user, now), key_of("c" * 43), "", now)
    return bench.sessions.ticket(handle, now)


def test_a_browser_gets_a_new_cookie_for_a_session_that_began_in_it(client: TestClient, begun: str) -> None:
    entered = client.get(f"/session/enter?ticket={begun}", headers=NAMED)
    again = client.get(f"/session/enter?ticket={begun}", headers=NAMED)
    given = entered.cookies[SESSION_COOKIE]
    handle = server.workbench().sessions.of_cookie(key_of(given), datetime.now(UTC))
    owners().note("tab", Owner(key_of("c" * 43), handle or ""))
    owners().note_file("tab", "file")
    download = client.get("/media/file.csv", headers={"cookie": f"{NAMED['cookie']}; {SESSION_COOKIE}={given}"})

    assert (entered.status_code, again.status_code) == (200, 403)
    assert len(given) == 43
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(entered.headers["set-cookie"].split("; "))
    assert entered.headers["cache-control"] == "no-store"
    assert "set-cookie" not in again.headers
    assert "trades" in download.text


@pytest.mark.parametrize(
    "headers",
    [{"cookie": f"{COOKIE}=another"}, {**NAMED, "sec-fetch-site": "cross-site"}, {**NAMED, "sec-fetch-site": "none"}],
    ids=["another browser", "another site", "an address typed or sent"],
)
def test_nobody_else_gets_the_cookie_of_a_session(
    client: TestClient, begun: str, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    client.cookies.clear()

    answer = client.get(f"/session/enter?ticket={begun}", headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "Refused the cookie" in caplog.text
    assert begun not in caplog.text


@pytest.mark.parametrize("headers", [{}, NAMED], ids=["no cookie", "a cookie without a session"])
def test_a_download_needs_a_session(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get("/media/file.csv", headers=headers)

    assert answer.status_code == 401
    assert "trades" not in answer.text


def test_a_fault_is_logged_under_the_reference_that_is_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(st, "error", lambda text, icon: shown.append(text))

    handled = show_fault(ZeroDivisionError("the inner secret"))

    reference = shown[0].split("**")[1]
    assert handled
    assert "the inner secret" not in shown[0]
    assert reference in caplog.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "address", ["/", "/script.js", "/healthz", "/media/file.csv", "/session/enter", "/oauth/leave"]
)
def test_every_answer_over_https_carries_the_headers_that_protect_it(client: TestClient, address: str) -> None:
    found = client.get(f"{OVER_HTTPS}{address[1:]}", follow_redirects=False).headers

    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] in {"same-origin", "no-referrer"}
    assert found["strict-transport-security"].startswith("max-age=31536000")
    assert found["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in found["content-security-policy"]
    assert "unsafe-eval" not in found["content-security-policy"]


@pytest.mark.parametrize("address", ["/media/file.csv", "/session/enter", "/oauth/leave", "/oauth/callback?code=c"])
def test_what_is_of_one_user_is_stored_by_nobody(client: TestClient, address: str) -> None:
    assert client.get(address, follow_redirects=False).headers["cache-control"] == "no-store"


def test_a_way_out_at_the_provider_is_for_the_browser_it_was_made_for_and_once(client: TestClient) -> None:
    address = "https://id.example.com/end?id_token_hint=eyJ"
    ticket = server.attempts().keep_address(key_of("c" * 43), address)

    def gone_to(cookies: dict[str, str]) -> str:
        answer = client.get(f"/oauth/leave?ticket={ticket}", headers=cookies, follow_redirects=False)
        return answer.headers["location"]

    assert [gone_to({"cookie": f"{COOKIE}=another"}), gone_to(NAMED), gone_to(NAMED)] == ["/", address, "/"]


def test_a_server_under_a_path_does_not_start() -> None:
    gate.refuse_base_path("")
    gate.refuse_base_path("/")
    with pytest.raises(SettingsError, match="host name of its own"):
        gate.refuse_base_path("/evenkeel")
