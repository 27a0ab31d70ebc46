"""The second factor on the Security page: set up with a phone, recovery codes, turned off."""

import streamlit as st

from allocation.errors import AllocationError, SecondFactorError
from allocation.ports import SecondFactor, User
from allocation.sign_in.qr import qr_code
from allocation.sign_in.recovery import CODES, as_text
from allocation.sign_in.second_factor import Enrolment
from pages.shared import step_up
from pages.shared.address import visitor_address
from pages.shared.browser import browser_key
from pages.shared.cache import local_accounts, second_factors

FIRST_CODE_WRONG = "This code is not right. Enter the one that the app shows for Evenkeel now."
_SETTING_UP = "second_factor.setting_up"
_TURNING_OFF = "second_factor.turning_off"
_CODES = "second_factor.codes"
_FEW = 3


def show(user: User) -> None:
    """Where it stands, and what can be done."""
    with st.container(border=True):
        factor = second_factors().of_user(user)
        badge = ":green-badge[On]" if factor else ":gray-badge[Off]"
        st.subheader(f"Second factor {badge}", anchor=False)
        enrolment = second_factors().under_way(user) if st.session_state.get(_SETTING_UP) else None
        if st.session_state.get(_CODES):
            _show_codes(user, st.session_state[_CODES])
        elif factor is not None:
            _show_on(user, factor)
        elif enrolment is not None:
            _show_setting_up(user, enrolment)
        else:
            _show_off(user)


def _show_off(user: User) -> None:
    st.markdown(
        "With a second factor nobody gets in with your password alone: an authenticator app on your phone shows a code "
        "of six digits, which sign-in asks for."
    )
    asked = st.button("Set up", key="second_factor.set_up", type="primary", icon=":material/smartphone:")
    if step_up.passed("set up a second factor", asked=asked):
        second_factors().begin(user)
        _go_on(_SETTING_UP, True)


def _show_setting_up(user: User, enrolment: Enrolment) -> None:
    picture, steps = st.columns([1, 2], gap="medium")
    with picture:
        st.image(qr_code(enrolment.address), width=200, alt="QR code for your authenticator app")
    with steps:
        st.markdown(
            "**1.** Open an authenticator app on your phone and scan the code. Where a camera is of no use, "
            "enter this key instead:"
        )
        st.code(enrolment.key, language=None, wrap_lines=True)
        st.markdown("**2.** Enter the six digits that the app shows.")
        with st.form("second_factor.confirm", border=False):
            typed = st.text_input("Code", key="second_factor.first_code", max_chars=10, autocomplete="one-time-code")
            with st.container(horizontal=True):
                pressed = st.form_submit_button("Turn on", type="primary")
                cancelled = st.form_submit_button("Cancel", type="tertiary")
    if cancelled:
        _go_on(_SETTING_UP, False)
    if pressed and not typed.strip():
        st.error("Enter the code.", icon=":material/error:")
    elif pressed:
        try:
            codes = second_factors().confirm(user, typed)
        except SecondFactorError:
            st.error(FIRST_CODE_WRONG, icon=":material/error:")
            return
        except AllocationError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.session_state[_CODES] = codes
        _go_on(_SETTING_UP, False)


def _show_codes(user: User, codes: tuple[str, ...]) -> None:
    st.markdown(
        "**Keep these recovery codes** where you would keep a spare key. Each lets you in once when the phone is not at "
        "hand. They are not shown again."
    )
    st.code("\n".join(codes), language=None)
    with st.container(horizontal=True):
        st.download_button(
            "Download",
            as_text(user.name, codes),
            "evenkeel-recovery-codes.txt",
            "text/plain",
            key="second_factor.download",
            icon=":material/download:",
            on_click="ignore",
        )
        if st.button("I have kept them", key="second_factor.kept", type="primary"):
            _go_on(_CODES, None)


def _show_on(user: User, factor: SecondFactor) -> None:
    left = factor.recovery_codes_left
    st.markdown(f"Sign-in asks for a code of your phone. {left} of {CODES} recovery codes are left.")
    if left <= _FEW:
        st.warning("Few recovery codes are left. Make new ones while you have the phone.", icon=":material/warning:")
    if st.session_state.get(_TURNING_OFF):
        _show_turning_off(user)
        return
    with st.container(horizontal=True):
        renew = st.button("New recovery codes", key="second_factor.renew", icon=":material/key:")
        turn_off = st.button("Turn off", key="second_factor.turn_off", icon=":material/no_encryption:")
    if turn_off:
        _go_on(_TURNING_OFF, True)
    if step_up.passed("make new recovery codes", asked=renew):
        _go_on(_CODES, second_factors().new_recovery_codes(user))


def _show_turning_off(user: User) -> None:
    with st.form("second_factor.off", border=False):
        st.markdown("To turn it off, give your password, and a code of the phone or a recovery code.")
        password = st.text_input(
            "Password",
            key="second_factor.password",
            type="password",
            max_chars=200,
            autocomplete="current-password",
        )
        typed = st.text_input(
            "Code",
            key="second_factor.code",
            max_chars=40,
            autocomplete="one-time-code",
        )
        with st.container(horizontal=True):
            pressed = st.form_submit_button("Turn off", type="primary")
            cancelled = st.form_submit_button("Cancel", type="tertiary")
    if cancelled:
        _go_on(_TURNING_OFF, False)
    if pressed:
        try:
            local_accounts().confirm(user, password, visitor_address(), browser_key())
            second_factors().check(user, typed, visitor_address())
        except AllocationError as error:
            st.error(str(error), icon=":material/error:")
            return
        second_factors().turn_off(user)
        _go_on(_TURNING_OFF, False)


def _go_on(key: str, value: object) -> None:
    st.session_state[key] = value
    st.rerun()
