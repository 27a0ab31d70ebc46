"""Asking again who it is, in a dialog, before something that cannot be taken back."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from allocation.errors import AllocationError
from allocation.ports import User
from allocation.presence import LiveSession
from allocation.sign_in.step_up import WITHIN, is_fresh
from allocation.trail import EventKind
from pages.shared import state
from pages.shared.address import visitor_address
from pages.shared.cache import local_accounts, second_factors, workbench
from pages.shared.provider_again import ask_again

_PASSED = "step_up.passed"


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
    if asked:
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
    trail = workbench().trail
    try:
        if has_factor:
            second_factors().check(user, given, visitor_address())
        else:
            local_accounts().confirm(user, given, visitor_address())
    except AllocationError as error:
        trail.record(EventKind.STEP_UP_REFUSED, purpose, reason=error.code)
        st.error(str(error), icon=":material/error:")
        return
    workbench().sessions.prove_again(live.handle, datetime.now(UTC), second_factor=has_factor)
    trail.record(EventKind.STEP_UP, purpose, second_factor=has_factor)
    st.session_state[_PASSED] = purpose
    st.rerun()


def _ask_provider(user: User, live: LiveSession, purpose: str) -> None:
    """Only the provider can say, and only by a sign-in of just now: what it remembers of an earlier one is no proof."""
    provider = next((p for p in workbench().settings.providers if p.name == live.provider), None)
    if provider is None:
        st.markdown("The provider you signed in with is no longer configured. Ask whoever runs Evenkeel.")
    elif ask_again(user, live.handle, provider):
        workbench().trail.record(EventKind.STEP_UP, purpose, provider=provider.name)
        st.session_state[_PASSED] = purpose
        st.rerun()
