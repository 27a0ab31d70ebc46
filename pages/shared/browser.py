"""What we know of the browser at the other end: its cookies, and the address it used."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, tzinfo
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from allocation.errors import SettingsError
from allocation.sign_in.devices import device_of
from allocation.sign_in.providers import is_loopback

COOKIE = "evenkeel_browser"  # a name for the browser, before anybody signs in; of no authority
SESSION_COOKIE = "evenkeel_session"  # new for every session
# Written by our server only, at every websocket. server.trustedUserHeaders in config.toml names the first.
BROWSER_HEADER = "X-Evenkeel-Browser"
SESSION_HEADER = "X-Evenkeel-Session"
CONNECTION_HEADER = "X-Evenkeel-Connection"
OUR_HEADERS = (BROWSER_HEADER, SESSION_HEADER, CONNECTION_HEADER)
CALLBACK_PATH = "/oauth/callback"
START_PATH = "/oauth/start"
LEAVE_PATH = "/oauth/leave"
ENTER_PATH = "/session/enter"


def cookie_name(name: str, *, secure: bool) -> str:
    """What a cookie of ours is called. Over https it has a name that no other host and no plain http can set."""
    return f"__Host-{name}" if secure else name


def cookie_value(cookies: Mapping[str, str], *, secure: bool, name: str = COOKIE) -> str:
    """The random value in a cookie of ours; over https only the one counts that no other site can have put there."""
    return cookies.get(cookie_name(name, secure=secure)) or ""


def key_of(cookie: str) -> str:
    """What the server keeps of a browser's cookie: a hash, so that nobody can read a cookie from our records."""
    return hashlib.sha256(cookie.encode()).hexdigest() if cookie else ""


def browser_key() -> str:
    """The key of the visitor's browser, as our own server noted it; empty when it keeps no cookies."""
    return _noted(BROWSER_HEADER)


def session_key() -> str:
    """The key of the session cookie that this tab's connection came with; empty when it had none then."""
    return _noted(SESSION_HEADER)


def connection_name() -> str:
    """The name our server gave to this tab's connection; another one after every reconnect."""
    return _noted(CONNECTION_HEADER)


def device() -> str:
    """The visitor's browser in words."""
    return device_of(_noted("User-Agent"))


def timezone() -> tzinfo:
    """The visitor's time zone, as far as the browser names one that there is; UTC otherwise."""
    named = st.context.timezone
    try:
        return ZoneInfo(named) if isinstance(named, str) and named else UTC
    except (
        ZoneInfoNotFoundError,
        ValueError,
        OSError,
    ):  # a browser may send any text; it is looked up as a file's name
        return UTC


def _noted(header: str) -> str:
    value = st.context.headers.get(header)
    return value if isinstance(value, str) else ""  # Streamlit's test harness has no headers, but a stand-in


def callback_address(base_url: str | None, opened: str) -> str:
    """Where a provider sends the browser back to: under `base_url`, or under the address the browser opened.

    Raises:
        SettingsError: the app is used over a network and nobody said under which address.
    """
    if base_url:
        return base_url + CALLBACK_PATH
    address = urlsplit(opened)
    # What the browser calls us is the browser's word; only this machine's own names are taken from it.
    if address.scheme not in {"http", "https"} or not is_loopback(address.hostname or ""):
        message = (
            "Signing in with a provider needs EVENKEEL_BASE_URL, the https address of this app. Ask whoever runs it."
        )
        raise SettingsError(message, ("EVENKEEL_BASE_URL",))
    return f"{address.scheme}://{address.netloc}{CALLBACK_PATH}"
