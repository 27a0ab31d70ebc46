"""Asking again who it is, in a dialog, before something that cannot be taken back."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from allocation.errors import AllocationError, SignInRefusedError
from allocation.ports import User
from allocation.presence import LiveSession
from allocation.sign_in.id_token import Identity
from allocation.sign_in.providers import Provider
from allocation.sign_in.step_up import WITHIN, is_fresh
from allocation.trail import EventKind
from allocation.utils import oauth
from pages.shared import state
from pages.shared.address import visitor_address
from pages.shared.browser import browser_key, callback_address
from pages.shared.cache import attempts, local_accounts, second_factors, workbench
from pages.shared.popup import POPUP_SECONDS, provider_answer

_PASSED = "step_up.passed"
_AT_PROVIDER = "step_up.at_provider"


def passed(purpose: str, *, asked: bool, within: timedelta = WITHIN) -> bool:
    """Whether to go on with what a button asked for: True once, at the click or after the dialog that it opened.

    `if step_up.passed("turn off the second factor", asked=st.button("Turn off")): …`. A demo never passes: there is
    nobody to ask.

    Args:
        purpose: what it is for, as a person would say it after "to"; different from any other on the page.
        asked: whether the button was pressed in this run.
    """
    live = state.live_session()
    if live is None:
        return False
    waited_for = st.session_state.get(_PASSED) == purpose
    if (asked or waited_for) and is_fresh(live, datetime.now(UTC), within):
        st.session_state.pop(_PASSED, None)
        return True
    if asked or _answer_waits(live, purpose):
        _ask(purpose)
    return False


@st.dialog("Is it you?", icon=":material/lock:")
def _ask(purpose: str) -> None:
    session = state.require_session()
    live = state.live_session()
    if live is None:
        return
    st.markdown(f"Confirm once more that it is you, to {purpose}.")
    if live.provider is None:
        _ask_local(session.user, live, purpose)
    else:
        _ask_provider(session.user, live, purpose)


def _ask_local(user: User, live: LiveSession, purpose: str) -> None:
    has_factor = second_factors().of_user(user) is not None
    if has_factor:
        st.markdown("Enter the six digits your authenticator app shows for Evenkeel, or a recovery code.")
    with st.form("step_up.local", border=False):
        if has_factor:
            given = st.text_input("Code", key="step_up.code", max_chars=40, autocomplete="one-time-code")
        else:
            given = st.text_input(
                "Password", key="step_up.password", type="password", max_chars=200, autocomplete="current-password"
            )
        pressed = st.form_submit_button("Confirm", type="primary", width="stretch")
    if not pressed:
        return
    try:
        if has_factor:
            second_factors().check(user, given, visitor_address())
        else:
            local_accounts().confirm(user, given, visitor_address(), browser_key())
    except AllocationError as error:
        _refused(purpose, error)
        return
    _proved(live, purpose, datetime.now(UTC), second_factor=has_factor)


def _ask_provider(user: User, live: LiveSession, purpose: str) -> None:
    """Only the provider can say: a new sign-in there is a new proof, if it is the same person's."""
    provider = next((p for p in workbench().settings.providers if p.name == live.provider), None)
    if provider is None:
        st.warning("The way you signed in is no longer offered here. Sign out, and sign in another way.")
        return
    st.session_state[_AT_PROVIDER] = purpose
    try:
        identity = _identity_from(provider)
        if identity is not None:
            known = workbench().directory.find_identity(identity.issuer, identity.subject)
            if known is None or known.id != user.id:
                raise SignInRefusedError("step-up: somebody else signed in")
    except AllocationError as error:
        state.drop_attempt(_attempt_at(provider.name))
        _refused(purpose, error)
        st.button("Try again", key="step_up.again")
        return
    if identity is not None:
        state.drop_attempt(_attempt_at(provider.name))
        _proved(live, purpose, identity.proved_at or live.proved_at, second_factor=identity.second_factor)


def _identity_from(provider: Provider) -> Identity | None:
    """Who signed in anew, once the pop-up has come back."""
    key, handshake = state.attempt(
        _attempt_at(provider.name), lambda: oauth(provider, attempts().new_state(browser_key()), fresh=True)
    )
    redirect_uri = callback_address(workbench().settings.base_url, st.context.url or "")
    answer = provider_answer(f"Continue with {provider.title}", handshake, redirect_uri, key)
    return handshake.exchange(answer.get("code"), answer.get("state"), answer.get("iss")) if answer else None


def _answer_waits(live: LiveSession, purpose: str) -> bool:
    """Whether the provider has answered past the dialog, which a run of the whole page has closed."""
    attempt = state.open_attempt(_attempt_at(live.provider or ""))
    if attempt is None or st.session_state.get(_AT_PROVIDER) != purpose:
        return False
    return attempts().holds(attempt.state, browser_key(), for_seconds=POPUP_SECONDS)


def _attempt_at(provider: str) -> str:
    return f"step_up.{provider}"


def _proved(live: LiveSession, purpose: str, proved_at: datetime, *, second_factor: bool) -> None:
    workbench().sessions.prove_again(live.handle, proved_at, second_factor=second_factor)
    workbench().trail.record(EventKind.STEP_UP, purpose, second_factor=second_factor)
    st.session_state[_PASSED] = purpose
    st.rerun()


def _refused(purpose: str, error: AllocationError) -> None:
    workbench().trail.record(EventKind.STEP_UP_REFUSED, purpose, reason=getattr(error, "reason", error.code))
    st.error(str(error), icon=":material/error:")
