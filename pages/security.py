"""How do I sign in, and where am I signed in? Password, second factor, and one's sessions."""

from datetime import UTC, datetime

import streamlit as st

from allocation.errors import AllocationError
from allocation.ports import User
from allocation.presence import LiveSession
from allocation.sign_in.passwords import SHORTEST_PASSWORD
from allocation.trail import EventKind
from pages.shared import second_factor_form, state, step_up
from pages.shared.address import visitor_address
from pages.shared.browser import browser_key, timezone
from pages.shared.cache import local_accounts, second_factors, workbench
from pages.shared.look import literal
from pages.shared.state import require_session

WIDTH = 720
_CHANGING = "security.changing_password"
_DONE = "security.done"


def show_page() -> None:
    """What there is to look after; in a demo nothing, and why."""
    session = require_session()
    st.title("Security", anchor=False)
    live = state.live_session()
    if live is None:
        st.info(
            "The demo has nobody to protect: sample data, no password, and one session, which is this browser's. Sign "
            "in with an account of your own to find its password, second factor and sessions here.",
            icon=":material/lock:",
        )
        return
    with st.container(width=WIDTH, gap="medium"):
        if done := st.session_state.pop(_DONE, ""):
            st.success(done, icon=":material/check_circle:")
        if live.provider is None:
            show_password(session.user, live)
            second_factor_form.show(session.user)
        else:
            show_provider(live.provider)
        show_sessions(session.user, live)


def show_provider(name: str) -> None:
    """Where somebody who came with a provider looks after password and second factor."""
    title = next((p.title for p in workbench().settings.providers if p.name == name), name)
    with st.container(border=True):
        st.subheader("Sign-in", anchor=False)
        st.markdown(
            f"You sign in with {literal(title)}. Your password and your second factor are kept and changed there; "
            "Evenkeel never sees them."
        )


def show_password(user: User, live: LiveSession) -> None:
    """The password, and on request the form that changes it."""
    with st.container(border=True):
        st.subheader("Password", anchor=False)
        if not st.session_state.get(_CHANGING):
            st.markdown("Changing it signs you out in every other browser.")
            if st.button("Change password", key="security.change", icon=":material/password:"):
                st.session_state[_CHANGING] = True
                st.rerun()
            return
        show_password_form(user, live)


def show_password_form(user: User, live: LiveSession) -> None:
    """The old password and the new one."""
    with st.form("security.password", border=False):
        old = st.text_input(
            "Current password", key="security.old", type="password", max_chars=200, autocomplete="current-password"
        )
        new = st.text_input(
            "New password",
            key="security.new",
            type="password",
            max_chars=200,
            autocomplete="new-password",
            placeholder=f"At least {SHORTEST_PASSWORD} characters",
        )
        with st.container(horizontal=True):
            pressed = st.form_submit_button("Change password", type="primary")
            cancelled = st.form_submit_button("Cancel", type="tertiary")
    if cancelled:
        _finish("")
    if pressed and not (old and new):
        st.error("Enter the current password and the new one.", icon=":material/error:")
        return
    # Who has a second factor proves it as well; for everybody else the old password is the proof.
    if not _may_go_on(user, asked=pressed):
        return
    try:
        local_accounts().change_password(user, old, new, live.handle, visitor_address(), browser_key())
    except AllocationError as error:
        st.error(str(error), icon=":material/error:")
    else:
        _finish("Your password is changed. Every other browser is signed out.")


def _may_go_on(user: User, *, asked: bool) -> bool:
    if second_factors().of_user(user) is None:
        return asked
    return step_up.passed("change the password", asked=asked)


def show_sessions(user: User, live: LiveSession) -> None:
    """Every browser that is signed in, and the ways to sign it out."""
    bench, now = workbench(), datetime.now(UTC)
    sessions = bench.sessions.of_user(user.id, now)
    with st.container(border=True):
        st.subheader("Sessions", anchor=False)
        st.markdown(
            "Every browser in which you are signed in. If you do not know one, sign it out and change the password."
        )
        for each in sessions:
            show_session(user, each, this=each.handle == live.handle)
        everywhere = st.button("Sign out everywhere", key="security.everywhere", icon=":material/logout:")
    if everywhere:
        bench.sessions.end_of_user(user.id, now)
        bench.trail.record(EventKind.SESSIONS_ENDED, sessions=len(sessions))
        state.sign_out()
        st.rerun()


def show_session(user: User, each: LiveSession, *, this: bool) -> None:
    """One browser: which, since when, and the way to sign it out."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            badge = " :green-badge[This one]" if this else ""
            factor = " · with second factor" if each.second_factor else ""
            st.markdown(f"**{literal(each.device or 'Unknown browser')}**{badge}")
            st.caption(f"Signed in {moment(each.began_at)}{factor} · last used {moment(each.last_seen_at)}")
        if this or not st.button("Sign out", key=f"security.end.{each.handle}", help=f"Sign out {each.device}"):
            return
    if workbench().sessions.end(each.handle, datetime.now(UTC), user.id):
        workbench().trail.record(EventKind.SESSION_ENDED, each.handle, device=each.device)
    _finish(f"{each.device} is signed out.")


def moment(at: datetime) -> str:
    """A moment in the visitor's own time: '23 Nov 2026, 14:05'."""
    local = at.astimezone(timezone())
    return f"{local.day} {local:%b %Y, %H:%M}"


def _finish(sentence: str) -> None:
    """Back to the page as it was, with what was done on top."""
    st.session_state.pop(_CHANGING, None)
    if sentence:
        st.session_state[_DONE] = sentence
    st.rerun()


show_page()
