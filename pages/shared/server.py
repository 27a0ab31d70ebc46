"""The web server round the pages: its own two addresses, its headers, the browser's cookie, and what to say on a fault."""

import base64
import logging
import secrets
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allocation.acting import begin_request
from allocation.errors import AllocationError
from allocation.sign_in.attempts import Departure
from allocation.utils import oauth
from pages.shared import metrics, operations
from pages.shared.browser import (
    BROWSER_HEADER,
    CALLBACK_PATH,
    CONNECTION_HEADER,
    COOKIE,
    ENTER_PATH,
    LEAVE_PATH,
    OUR_HEADERS,
    SESSION_COOKIE,
    SESSION_HEADER,
    START_PATH,
    callback_address,
    cookie_name,
    cookie_value,
    key_of,
)
from pages.shared.button import BUTTON_PATH, button_document
from pages.shared.cache import attempts, workbench
from pages.shared.files import DOWNLOADS, UPLOADS, Files
from pages.shared.gate import is_secure, is_too_often, may_connect
from pages.shared.headers import cell_editors, protection
from pages.shared.messages import only_what_pages_ask, without_our_path
from pages.shared.requests import Requests, bind_run

_log = logging.getLogger("evenkeel.server")

_OUR_HEADERS = {name.lower().encode() for name in OUR_HEADERS}
_COMPONENT_PATH = "/component/"
_WAYS_IN = ("/oauth/", "/session/")
_CALLBACK_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "unsafe-none",  # the page that opened the pop-up reads its address
}
_ENTERED = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # an image of one clear pixel
_SMALL_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="color-scheme" content="light dark"><style>body{{font:16px system-ui;display:grid;place-items:center;
min-height:90vh;margin:0}}</style><p>{text} <a href="../">{go_on}</a>.</p></html>"""
_CALLBACK_PAGE = _SMALL_PAGE.format(
    title="Signing you in…",
    text="Signing you in… This window closes by itself. If it stays open,",
    go_on="go on here",
)
_NO_LONGER_GOOD = _SMALL_PAGE.format(
    title="Not signed in", text="This sign-in is not, or no longer, good here.", go_on="Try again"
)


def callback(request: Request) -> Response:
    """Where a provider sends its answer. It is kept; a pop-up also leaves it in its address, for the page to notice."""
    goes_on_at = attempts().post(_browser_of(request.scope), request.query_params)
    if goes_on_at is None:
        _log.warning("Refused an answer that nobody here waits for.")
        return HTMLResponse(_NO_LONGER_GOOD, 400, headers=_CALLBACK_HEADERS)
    if goes_on_at:
        return RedirectResponse(goes_on_at, 303, headers=_CALLBACK_HEADERS)
    return HTMLResponse(_CALLBACK_PAGE, headers=_CALLBACK_HEADERS)


def start(request: Request) -> Response:
    """Go to a provider in the tab itself, for a browser that opens no pop-up; only at a click on our own page."""
    settings, browser, left_from = workbench().settings, _browser_of(request.scope), _path_it_came_from(request)
    provider = next((p for p in settings.providers if p.name == request.path_params["provider"]), None)
    if provider is None or not browser or not _comes_from_our_page(request):
        return RedirectResponse(left_from, 303)
    try:
        handshake = oauth(provider, attempts().new_state(browser))
        url = handshake.authorize_url(callback_address(settings.base_url, str(request.url)))
    except AllocationError as error:  # the page it came from says so, with what to do
        _log.warning("%s: not opened: %s", provider.name, getattr(error, "reason", error.code))
        return RedirectResponse(left_from, 303)
    attempts().leave(handshake.state, browser, Departure(provider.name, left_from, handshake.written()))
    return RedirectResponse(url, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def leave(request: Request) -> Response:
    """To the provider's own sign-out: its address names the user's token, so it is in no page and works once."""
    browser, headers = _browser_of(request.scope), {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    address = attempts().take_address(request.query_params.get("ticket", ""), browser)
    return RedirectResponse(address or "/", 303, headers=headers)


def enter(request: Request) -> Response:
    """Where a browser fetches the cookie of a session that began a moment ago: as an image, so that the page stays."""
    cookie, headers = secrets.token_urlsafe(32), {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    ticket, ours = request.query_params.get("ticket", ""), _comes_from_our_page(request)
    browser, now = _browser_of(request.scope), datetime.now(UTC)
    if not ours or not workbench().sessions.enter(ticket, browser, key_of(cookie), now):
        _log.warning("Refused the cookie of a session, for want of a good ticket of this browser.")
        return PlainTextResponse("This way in is closed.", 403, headers=headers)
    answer = Response(_ENTERED, media_type="image/gif", headers=headers)
    _set_cookie(answer, SESSION_COOKIE, cookie, secure=is_secure(request.scope))
    return answer


class Edge:
    """What every answer carries, and the one cookie: a random name for the browser, of no authority by itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket."""
        if scope["type"] == "websocket" and not may_connect(scope):
            await send({"type": "websocket.close", "code": 1008, "reason": "Not from here."})
        elif scope["type"] == "websocket":
            await self._app(_bound_to_browser(scope), only_what_pages_ask(receive), without_our_path(send))
        elif scope["type"] == "http" and scope["path"].startswith(_WAYS_IN) and is_too_often(scope):
            await PlainTextResponse("Too often. Wait a minute.", 429)(scope, receive, _dressed(scope, send))
        elif scope["type"] == "http" and scope["path"] == BUTTON_PATH:
            await HTMLResponse(button_document())(scope, receive, _dressed(scope, send))
        elif scope["type"] == "http":
            await self._app(scope, receive, _dressed(scope, send))
        else:
            await self._app(scope, receive, send)


ROUTES = [
    Route(CALLBACK_PATH, callback),
    Route(f"{START_PATH}/{{provider}}", start),
    Route(ENTER_PATH, enter),
    Route(LEAVE_PATH, leave),
    *operations.ROUTES,
]


def show_fault(fault: Exception) -> bool:
    """Tell the visitor what can be told; the rest goes to the log under a reference."""
    if isinstance(fault, AllocationError):
        st.error(str(fault), icon=":material/error:")
        return True
    metrics.fault_met()
    reference = bind_run() or begin_request()
    _log.error("Fault on a page, shown as %s", reference, exc_info=fault)
    st.error(
        f"Something went wrong on our side, and nothing was saved by it. Reload the page; if it happens again, "
        f"tell whoever runs Evenkeel the reference **{reference}**.",
        icon=":material/error:",
    )
    return True


def _comes_from_our_page(request: Request) -> bool:
    return request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _path_it_came_from(request: Request) -> str:
    """Path and query of the page with the link; never another site, whatever the header says."""
    try:
        page = urlsplit(request.headers.get("referer", ""))
    except ValueError:  # no address at all, such as http://[
        return "/"
    path = "/" + page.path.lstrip("/\\")
    return f"{path}?{page.query}" if page.query else path


def _bound_to_browser(scope: Scope) -> Scope:
    """The same websocket, naming its browser, its session and itself in headers of ours.

    Whatever the client wrote there is dropped. Streamlit resumes a session by its id alone unless identities differ;
    with the browser's name they do for another browser.
    """
    noted = {
        BROWSER_HEADER: _browser_of(scope),
        SESSION_HEADER: _session_of(scope),
        CONNECTION_HEADER: secrets.token_hex(16),
    }
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in _OUR_HEADERS]
    return {**scope, "headers": [*kept, *((name.lower().encode(), value.encode()) for name, value in noted.items())]}


def _browser_of(scope: Scope) -> str:
    return key_of(cookie_value(_cookies(scope), secure=is_secure(scope)))


def _session_of(scope: Scope) -> str:
    return key_of(cookie_value(_cookies(scope), secure=is_secure(scope), name=SESSION_COOKIE))


def _dressed(scope: Scope, send: Send) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in protection(secure=is_secure(scope)).items():
                headers.setdefault(name, value)
            if scope["path"].startswith((DOWNLOADS, UPLOADS)):
                headers["Cache-Control"] = "no-store"
            if not scope["path"].startswith((_COMPONENT_PATH, CALLBACK_PATH)):
                headers.setdefault("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
                _name_browser(scope, headers)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("Link", cell_editors())
        await send(message)

    return dressed


def _name_browser(scope: Scope, headers: MutableHeaders) -> None:
    # An answer of "not modified" has no type, but the browser that asks for a page says so.
    page = "text/html" in (headers.get("content-type", "") + Headers(scope=scope).get("accept", ""))
    secure = is_secure(scope)
    if not page or cookie_value(_cookies(scope), secure=secure):
        return
    answer = Response()
    _set_cookie(answer, COOKIE, secrets.token_urlsafe(32), secure=secure)
    headers.append("set-cookie", answer.headers["set-cookie"])


def _set_cookie(answer: Response, name: str, value: str, *, secure: bool) -> None:
    name = cookie_name(name, secure=secure)
    answer.set_cookie(name, value, path="/", httponly=True, samesite="lax", secure=secure)


def _cookies(scope: Scope) -> dict[str, str]:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in cookies.items()}


MIDDLEWARE = [
    Middleware(Requests),
    Middleware(Edge),
    Middleware(Files, who=lambda scope: (_browser_of(scope), _session_of(scope))),
    Middleware(operations.OwnCounts),
]
