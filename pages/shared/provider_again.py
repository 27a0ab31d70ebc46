"""A fresh sign-in at the provider, for somebody who came with it: not the one it remembers, but one of just now."""

import logging

import streamlit as st

from allocation.errors import AllocationError, SignInRefusedError
from allocation.ports import User
from allocation.sign_in.id_token import Identity
from allocation.sign_in.providers import Provider
from allocation.trail import EventKind
from allocation.utils import oauth
from pages.shared import state
from pages.shared.browser import browser_key, callback_address
from pages.shared.cache import attempts, workbench
from pages.shared.popup import provider_answer

_log = logging.getLogger("evenkeel.sign_in")


def ask_again(user: User, handle: str, provider: Provider) -> bool:
    """A button; True once its pop-up has come back and proved that it is this user, a moment ago.

    The proof is noted in the session then. What went wrong is said on the page, and can be tried again.
    """
    try:
        identity = _fresh_identity(provider)
        if identity is None:
            return False
        if workbench().directory.find_identity(identity.issuer, identity.subject) != user:
            raise SignInRefusedError("answer: of somebody else")
    except AllocationError as error:
        state.drop_attempt(_name(provider))
        reason = getattr(error, "reason", error.code)
        workbench().trail.record(EventKind.STEP_UP_REFUSED, provider.name, reason=reason)
        _log.warning("%s: not proved again: %s", provider.name, reason)
        st.error(str(error), icon=":material/error:")
        return False
    state.drop_attempt(_name(provider))
    if identity.proved_at is None:
        return False
    workbench().sessions.prove_again(handle, identity.proved_at, second_factor=identity.second_factor)
    return True


def _fresh_identity(provider: Provider) -> Identity | None:
    key, handshake = state.attempt(
        _name(provider), lambda: oauth(provider, attempts().new_state(browser_key()), fresh=True)
    )
    redirect_uri = callback_address(workbench().settings.base_url, st.context.url or "")
    answer = provider_answer(f"Sign in again with {provider.title}", handshake, redirect_uri, key)
    if answer is None:
        return None
    return handshake.exchange(answer.get("code"), answer.get("state"), answer.get("iss"))


def _name(provider: Provider) -> str:
    return f"{provider.name}.again"
