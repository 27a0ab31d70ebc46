"""The local part of sign-in: user name and password, the second factor after it, and the first password."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from allocation.errors import AllocationError, TooManyAttemptsError
from allocation.ports import User
from allocation.presence import Proof
from allocation.redaction import hide_here
from allocation.sign_in.passwords import SHORTEST_PASSWORD
from allocation.trail import EventKind
from pages.shared import state
from pages.shared.address import visitor_address
from pages.shared.browser import browser_key
from pages.shared.cache import local_accounts, refusals_to_note, second_factors, workbench

_log = logging.getLogger("evenkeel.sign_in")
SOMEBODY_WAS_FIRST = "The first account exists already. Sign in with it."
PASSWORD_IS_SET = "Your password is set. Sign in with it."  # noqa: S105  a sentence
TOOK_TOO_LONG = "That took more than five minutes. Sign in again."
HALF_WAY_FOR = timedelta(minutes=5)
_HALF_WAY = "sign_in.half_way"
_WITH_CODE = "sign_in.with_code"
_NEW = f"At least {SHORTEST_PASSWORD} characters"


@dataclass(frozen=True, slots=True)
class HalfWay:
    """Somebody who gave the right password and has a second factor. Kept on the server, for this tab alone."""

    user: User
    until: datetime


def half_way() -> HalfWay | None:
    """Who is between password and code in this tab; nobody after five minutes."""
    kept: HalfWay | None = st.session_state.get(_HALF_WAY)
    if kept is not None and datetime.now(UTC) > kept.until:
        start_again()
        state.say(TOOK_TOO_LONG)
        return None
    return kept


def show_local() -> None:
    """The form for user name and password; before anybody has one, the form that creates the first."""
    st.divider()
    if local_accounts().first_run:
        show_first()
    elif st.session_state.get(_WITH_CODE):
        show_password_code()
    else:
        show_password()


def show_first() -> None:
    """The form that creates the first account."""
    accounts, code = local_accounts(), ""
    with st.form("sign_in.local", border=False):
        st.markdown("**Create the first account**")
        if accounts.asks_for_code:
            code = st.text_input(
                "Setup code",
                key="sign_in.setup_code",
                help="The server printed it on its standard output when this page was first opened.",
            )
        user_name = _user_name()
        password = _password("Password", "sign_in.password", new=True)
        pressed = st.form_submit_button("Create account", width="stretch")
    if pressed:
        enter(lambda: accounts.create_first(user_name, password, code))
    if not accounts.first_run:
        state.say(SOMEBODY_WAS_FIRST)
        st.rerun()


def show_password() -> None:
    """User name and password."""
    with st.form("sign_in.local", border=False):
        st.markdown("**Sign in with a local account**")
        user_name = _user_name()
        password = _password("Password", "sign_in.password")
        pressed = st.form_submit_button("Sign in", width="stretch")
    st.button("Set a password with a code", key="sign_in.to_code", type="tertiary", on_click=_use_code, args=(True,))
    if pressed and not (user_name.strip() and password):
        st.error("Enter user name and password.", icon=":material/error:")
    elif pressed:
        enter(lambda: local_accounts().check(user_name, password, visitor_address(), browser_key()))


def show_password_code() -> None:
    """The form for whoever was given a code to choose a password with."""
    with st.form("sign_in.code", border=False):
        st.markdown("**Choose a password with a code**")
        user_name = _user_name()
        code = st.text_input("Code", key="sign_in.password_code", max_chars=64, autocomplete="one-time-code")
        password = _password("New password", "sign_in.new_password", new=True)
        pressed = st.form_submit_button("Set password", width="stretch")
    st.button("Back to sign-in", key="sign_in.from_code", type="tertiary", on_click=_use_code, args=(False,))
    if not pressed:
        return
    try:
        local_accounts().redeem(user_name, code, password, visitor_address(), browser_key())
    except AllocationError as error:
        _say_why(error)
        return
    _use_code(False)
    state.say(PASSWORD_IS_SET)
    st.rerun()


def show_second_step(kept: HalfWay) -> None:
    """The code, after the password was right."""
    with st.form("sign_in.second", border=False):
        st.markdown("**One more step**")
        st.markdown("Enter the six digits your authenticator app shows for Evenkeel, or a recovery code.")
        typed = st.text_input("Code", key="sign_in.factor", max_chars=40, autocomplete="one-time-code")
        pressed = st.form_submit_button("Continue", type="primary", width="stretch")
    st.button("Start again", key="sign_in.start_again", type="tertiary", on_click=start_again)
    if not pressed:
        return
    if not typed.strip():
        st.error("Enter the code.", icon=":material/error:")
        return
    try:
        second_factors().check(kept.user, typed, visitor_address())
        _let_in(Proof(kept.user, datetime.now(UTC), second_factor=True))
    except AllocationError as error:
        _say_why(error)


def enter(prove: Callable[[], User]) -> None:
    """Let in whoever gave the right password, or ask for the second factor; or say why not."""
    try:
        user, now = prove(), datetime.now(UTC)
        if second_factors().of_user(user) is None:
            _let_in(Proof(user, now))
    except AllocationError as error:
        _say_why(error)
        return
    st.session_state[_HALF_WAY] = HalfWay(user, now + HALF_WAY_FOR)
    st.rerun()


def start_again() -> None:
    """Forget the password that was right."""
    st.session_state.pop(_HALF_WAY, None)


def _let_in(proof: Proof) -> None:
    state.begin(proof)
    _log.info("local: signed in user", extra={"fields": {"user": proof.user.id}})
    st.rerun()


def _say_why(error: AllocationError) -> None:
    _log.warning("local: %s", error.code)
    if isinstance(error, TooManyAttemptsError) and refusals_to_note().allows(visitor_address()):
        workbench().trail.record(EventKind.LIMIT_REACHED, "local")
    st.error(str(error), icon=":material/error:")


def _use_code(wanted: bool) -> None:
    st.session_state[_WITH_CODE] = wanted


def _user_name() -> str:
    return st.text_input("User name", key="sign_in.user_name", max_chars=64, autocomplete="username")


def _password(label: str, key: str, *, new: bool = False) -> str:
    typed = st.text_input(
        label,
        key=key,
        type="password",
        max_chars=200,
        autocomplete="new-password" if new else "current-password",
        placeholder=_NEW if new else None,
    )
    hide_here(typed)
    return typed
