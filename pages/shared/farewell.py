"""Signing out at the provider as well: its tokens are revoked, and the browser is offered the provider's own sign-out."""

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from html import escape

import streamlit as st

from allocation.errors import AllocationError
from allocation.sign_in.discovery import ProviderServer, server_of
from pages.shared.browser import CALLBACK_PATH, LEAVE_PATH, browser_key, callback_address
from pages.shared.cache import attempts, workbench

_log = logging.getLogger("evenkeel.sign_in")
_POOL = ThreadPoolExecutor(2, thread_name_prefix="revocation")
_LINK = "farewell.link"


def begin(handle: str, provider_name: str | None) -> None:
    """After a session ended: make its tokens worthless, and have the way out at the provider ready."""
    provider = next((p for p in workbench().settings.providers if p.name == provider_name), None)
    tokens = workbench().sessions.tokens(handle)
    if provider is None or not tokens:
        return
    server, told = server_of(provider), json.loads(tokens)
    _POOL.submit(_revoke, server, told)
    address = _sign_out_address(server, told)
    if address and browser_key():
        st.session_state[_LINK] = (provider.title, attempts().keep_address(browser_key(), address))


def show() -> None:
    """The way out at the provider, once, for somebody who just signed out here."""
    title, ticket = st.session_state.pop(_LINK, ("", ""))
    if ticket:
        st.html(
            f'<p class="sign-in-aside">You may still be signed in at {escape(title)}. '
            f'<a href="{LEAVE_PATH}?ticket={ticket}">Sign out there as well</a>.</p>'
        )


def _sign_out_address(server: ProviderServer, tokens: Mapping[str, str]) -> str | None:
    try:
        here = callback_address(workbench().settings.base_url, st.context.url or "").removesuffix(CALLBACK_PATH)
        return server.sign_out_url(tokens.get("id_token", ""), f"{here}/")
    except AllocationError as error:  # signing out here has happened, and is what counts
        _log.warning("%s: no way out to offer: %s", server.provider.name, error)
        return None


def _revoke(server: ProviderServer, tokens: Mapping[str, str]) -> None:
    for kind in ("refresh_token", "access_token"):
        if kind in tokens:
            try:
                revoked = server.revoke(tokens[kind], kind)
            except AllocationError as error:
                _log.warning("%s: not revoked: %s", server.provider.name, getattr(error, "reason", error.code))
                return
            if revoked:
                _log.info("%s: revoked what it gave us", server.provider.name)
            return  # with a refresh token, what came of it goes as well (RFC 7009, section 2.1)
