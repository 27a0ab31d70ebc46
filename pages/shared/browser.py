"""What we know of the browser at the other end: its cookie, and the address it used."""

import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

import streamlit as st

from allocation.errors import SettingsError
from allocation.sign_in.providers import is_loopback

COOKIE = "evenkeel_browser"
SECURE_COOKIE = f"__Host-{COOKIE}"
BROWSER_HEADER = "X-Evenkeel-Browser"  # written by our server only; server.trustedUserHeaders in config.toml names it
CALLBACK_PATH = "/oauth/callback"
START_PATH = "/oauth/start"


def cookie_value(cookies: Mapping[str, str], *, secure: bool) -> str:
    """The browser's own random value. Over https only the cookie counts that no other site can have put there."""
    return cookies.get(SECURE_COOKIE if secure else COOKIE) or ""


def key_of(cookie: str) -> str:
    """What the server keeps of a browser's cookie: a hash, so that nobody can read a cookie from our records."""
    return hashlib.sha256(cookie.encode()).hexdigest() if cookie else ""


def browser_key() -> str:
    """The key of the visitor's browser, as our own server noted it; empty when it keeps no cookies."""
    key = st.context.headers.get(BROWSER_HEADER)
    return key if isinstance(key, str) else ""  # Streamlit's test harness has no headers, but a stand-in


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
