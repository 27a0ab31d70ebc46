"""What we know of the browser at the other end: its cookie, and the address it used."""

import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

import streamlit as st

from allocation.errors import SettingsError
from allocation.sign_in.providers import is_loopback

COOKIE = "evenkeel_browser"
SECURE_COOKIE = f"__Host-{COOKIE}"
CALLBACK_PATH = "/oauth/callback"


def cookie_value(cookies: Mapping[str, str]) -> str:
    """The browser's own random value; the one that came over https counts before any other."""
    return cookies.get(SECURE_COOKIE) or cookies.get(COOKIE) or ""


def key_of(cookie: str) -> str:
    """What the server keeps of a browser's cookie: a hash, so that nobody can read a cookie from our records."""
    return hashlib.sha256(cookie.encode()).hexdigest() if cookie else ""


def browser_key() -> str:
    """The key of the visitor's browser; empty when it keeps no cookies."""
    cookie = cookie_value(st.context.cookies)
    return key_of(cookie) if isinstance(cookie, str) else ""  # Streamlit's test harness has no cookies, but a stand-in


def callback_address(base_url: str | None) -> str:
    """Where a provider sends the browser back to: under `base_url`, or under the address the browser used.

    Raises:
        SettingsError: the app is used over a network and nobody said under which address.
    """
    if base_url:
        return base_url + CALLBACK_PATH
    address = urlsplit(st.context.url or "")
    # What the browser calls us is the browser's word; only this machine's own names are taken from it.
    if address.scheme not in {"http", "https"} or not is_loopback(address.hostname or ""):
        message = (
            "Signing in with a provider needs EVENKEEL_BASE_URL, the https address of this app. Ask whoever runs it."
        )
        raise SettingsError(message, ("EVENKEEL_BASE_URL",))
    return f"{address.scheme}://{address.netloc}{CALLBACK_PATH}"
