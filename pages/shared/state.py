"""What is remembered between two runs of a page: who is signed in, which account is selected, what to say next."""

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

import streamlit as st

from allocation.allocation import Session, select_account, start_session
from allocation.ports import Directory, User
from allocation.sign_in.demos import Demo
from allocation.sign_in.handshake import Handshake
from pages.shared.browser import browser_key
from pages.shared.cache import demos, workbench

P = ParamSpec("P")
R = TypeVar("R")

_SIGNED_IN = "state.signed_in"
_STRANGER = "state.stranger"
_ATTEMPTS = "state.attempts"
_NOTICE = "state.notice"
_ASIDE = "state.aside"
_ACCOUNT = "account"
_ENDED = "Your session has ended. Sign in again to go on."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session of the product and the record that keeps it alive; a demo has no record."""

    session: Session
    session_id: str = ""


def require_session() -> Session:
    """The session of whoever is signed in. Anybody else is shown the way to sign-in, and the page goes no further.

    Good in pages, fragments and dialogs alike; callbacks use `signed_in`.
    """
    session = current_session()
    if session is None:
        st.info("Sign in to see this page.", icon=":material/lock:")
        st.link_button("Sign in", "/")
        st.stop()
    return session


def current_session() -> Session | None:
    """The session if it is still alive, or the one this browser began in another tab or before a refresh."""
    kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
    if kept is not None and _is_alive(kept):
        return kept.session
    if kept is not None:
        _forget_everything()
        say(_ENDED)
    # A tab that shows sign-in stays with it until its visitor decides, whatever another tab has opened meanwhile.
    found = None if st.session_state.get(_STRANGER) else _of_this_browser(workbench().directory)
    if found is None:
        st.session_state[_STRANGER] = True
        return None
    take_notice()  # nothing ended for somebody who is signed in
    st.session_state[_SIGNED_IN] = found
    return found.session


def signed_in(callback: Callable[P, R]) -> Callable[P, R | None]:
    """For callbacks, which run before the page's own check: not run at all when the session they belong to ended."""

    @functools.wraps(callback)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R | None:
        kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
        return callback(*args, **kwargs) if kept is not None and _is_alive(kept) else None

    return checked


def begin(user: User) -> None:
    """Sign in a user whose identity was proved; an earlier session of this browser ends."""
    directory, key, now = workbench().directory, browser_key(), datetime.now(UTC)
    _end_what_this_browser_began()
    _keep(SignedIn(_session_of(user), directory.begin_session(user, key, now)))


def begin_demo() -> None:
    """Open a demo with sample data of its own."""
    _end_what_this_browser_began()
    _keep(_visiting(demos().begin(browser_key(), datetime.now(UTC))))


def sign_out() -> None:
    """End the session here and in every other tab."""
    kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
    if kept and kept.session_id:
        workbench().directory.end_session(kept.session_id, datetime.now(UTC))
    _end_what_this_browser_began()
    _forget_everything()
    st.query_params.pop(_ACCOUNT, None)  # whoever comes next has no use for it
    say("You are signed out.")


def has_session(key: str) -> bool:
    """Whether a browser has a session or a demo. Asking does not prolong it."""
    now = datetime.now(UTC)
    if demos().of_browser(key, now, use=False) is not None:
        return True
    return workbench().directory.session_of_browser(key, now) is not None


def ended_elsewhere() -> bool:
    """Whether this tab's session ended in another tab or ran out. Asking does not prolong it."""
    kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
    key = browser_key()
    if kept is None or not key:
        return False
    now = datetime.now(UTC)
    if kept.session.user.demo:
        return demos().of_browser(key, now, use=False) is None
    return workbench().directory.session_of_browser(key, now) != kept.session_id


def attempt(provider: str, start: Callable[[], Handshake]) -> tuple[str, Handshake]:
    """The attempt to sign in with a provider that this tab has open, with the widget key that belongs to it."""
    attempts = st.session_state.setdefault(_ATTEMPTS, {})
    if provider not in attempts:
        handshake = start()
        attempts[provider] = (f"sign_in.{provider}.{secrets.token_hex(4)}", handshake)
    found: tuple[str, Handshake] = attempts[provider]
    return found


def drop_attempt(provider: str) -> None:
    """Forget the open attempt, so that the next one starts afresh."""
    st.session_state.get(_ATTEMPTS, {}).pop(provider, None)


def say(notice: str) -> None:
    """Something to tell the visitor when the next page is shown."""
    st.session_state[_NOTICE] = notice


def take_notice() -> str:
    """What there is to tell, once; empty when nothing is."""
    notice: str = st.session_state.pop(_NOTICE, "")
    return notice


def tell_aside() -> None:
    """Show what was noticed on the way to this page; a run that goes on to another page leaves it for that one."""
    if aside := st.session_state.pop(_ASIDE, ""):
        st.toast(aside, icon=":material/info:")


def selected_account(session: Session) -> str | None:
    """The selected account's id; the first one when none was chosen yet or the chosen one is gone.

    The address names it too, so that it survives a refresh and can be passed on; who may see it is another matter.
    """
    known = [account.id for account in session.accounts.list()]
    if not known:
        return None
    selected, named = session.accounts.selected_id, st.query_params.get(_ACCOUNT)
    if selected is None and named is not None and named not in known:
        st.session_state[_ASIDE] = "The address names an account that is not among yours. This is another one."
    chosen = next(account_id for account_id in (selected, named, known[0]) if account_id in known)
    if named != chosen:
        st.query_params[_ACCOUNT] = chosen
    return select_account(session, chosen).id


def _is_alive(kept: SignedIn) -> bool:
    now, key = datetime.now(UTC), browser_key()
    if not kept.session.user.demo:
        return workbench().directory.find_session(kept.session_id, now) is not None
    return not key or demos().of_browser(key, now) is not None


def _of_this_browser(directory: Directory) -> SignedIn | None:
    key, now = browser_key(), datetime.now(UTC)
    if not key:
        return None
    session_id = directory.session_of_browser(key, now)
    user = directory.find_session(session_id, now) if session_id else None
    if session_id and user:
        return SignedIn(_session_of(user), session_id)
    demo = demos().of_browser(key, now)
    return _visiting(demo) if demo else None


def _end_what_this_browser_began() -> None:
    key, now = browser_key(), datetime.now(UTC)
    if not key:
        return
    demos().end(key)
    session_id = workbench().directory.session_of_browser(key, now)
    if session_id:
        workbench().directory.end_session(session_id, now)


def _session_of(user: User) -> Session:
    return start_session(user, workbench().store, workbench().market)


def _visiting(demo: Demo) -> SignedIn:
    return SignedIn(start_session(demo.user, demo.store, demo.market))


def _keep(signed_in: SignedIn) -> None:
    _forget_everything()
    st.session_state[_SIGNED_IN] = signed_in


def _forget_everything() -> None:
    """Nothing of one user may be left in the tab for the next."""
    for key in list(st.session_state):
        del st.session_state[key]
