"""What is remembered between two runs of a page: who is signed in, which account is selected, what to say next."""

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

import streamlit as st

from allocation.acting import act_as
from allocation.allocation import Session, select_account, start_session
from allocation.errors import AccountNotFoundError
from allocation.ports import User
from allocation.presence import LiveSession, Proof
from allocation.sign_in.demos import Demo
from allocation.sign_in.handshake import Handshake
from allocation.trail import EventKind
from pages.shared import farewell, invitation
from pages.shared.browser import browser_key, connection_name, device, session_key
from pages.shared.cache import demos, owners, workbench
from pages.shared.owners import DEMO, Owner, drop_uploads, this_tab
from pages.shared.requests import bind_run

P = ParamSpec("P")
R = TypeVar("R")

_SIGNED_IN = "state.signed_in"
_STRANGER = "state.stranger"
_ATTEMPTS = "state.attempts"
_NOTICE = "state.notice"
_ASIDE = "state.aside"
_ACCOUNT = "account"
_GONE = "The account you were working on was removed, or is no longer shared with you."
_ENDED = "Your session has ended. Sign in again to go on."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session of the product, the record that keeps it alive, and the connection it was last proved on.

    A demo has no record. `entered`: this browser is known to have the session's cookie.
    """

    session: Session
    handle: str = ""
    connection: str = ""
    entered: bool = False


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
    found = None if st.session_state.get(_STRANGER) == connection_name() else _of_this_browser()
    if found is None:
        st.session_state[_STRANGER] = connection_name()
        return None
    take_notice()  # nothing ended for somebody who is signed in
    st.session_state[_SIGNED_IN] = found
    _at_work(found)
    return found.session


def signed_in(callback: Callable[P, R]) -> Callable[P, R | None]:
    """For callbacks, which run before the page's own check: not run at all when the session they belong to ended.

    One that comes too late for its account does nothing; the page, which runs next, tells what became of the account.
    """

    @functools.wraps(callback)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R | None:
        kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
        if kept is None or not _is_alive(kept):
            return None
        try:
            return callback(*args, **kwargs)
        except AccountNotFoundError:
            if not gone_meanwhile(kept.session):
                raise
            return None

    return checked


def gone_meanwhile(session: Session) -> bool:
    """Whether the selected account was removed or taken away by now. Any other that is not found is a fault."""
    return session.accounts.selected_id not in {account.id for account in session.accounts.list()}


def begin(proof: Proof) -> None:
    """Sign in a user whose identity was proved; an earlier session of this browser ends.

    Raises:
        UserDisabledError: this user may not sign in.
    """
    bench = workbench()
    handle = bench.sessions.begin(proof, browser_key(), device(), datetime.now(UTC))
    _end_what_this_browser_began()
    bench.trail.record(
        EventKind.SIGN_IN,
        proof.provider or "local",
        user_id=proof.user.id,
        session=handle,
        second_factor=proof.second_factor,
    )
    _keep(SignedIn(_session_of(proof.user), handle, connection_name()))


def begin_demo() -> None:
    """Open a demo with sample data of its own."""
    _end_what_this_browser_began()
    _keep(_visiting(demos().begin(browser_key(), datetime.now(UTC))))


def sign_out() -> None:
    """End the session here and in every other tab."""
    kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
    live = live_session()
    if kept and kept.handle and workbench().sessions.end(kept.handle, datetime.now(UTC)):
        workbench().trail.record(EventKind.SIGN_OUT, user_id=kept.session.user.id, session=kept.handle)
    _end_what_this_browser_began()
    if kept and kept.session.user.demo:
        with invitation.carried_over():  # nobody decided on it yet
            _forget_everything()
    else:
        _forget_everything()
    if live:
        farewell.begin(live.handle, live.provider)
    st.query_params.pop(_ACCOUNT, None)  # whoever comes next has no use for it
    say("You are signed out.")


def _used() -> None:
    """To have come here is use enough."""


stay = signed_in(_used)


def live_session() -> LiveSession | None:
    """The record of this tab's session: since when, how proved, until when. None in a demo. Asking does not prolong it."""
    kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
    if kept is None or not kept.handle:
        return None
    return workbench().sessions.find(kept.handle, datetime.now(UTC), use=False)


def ticket() -> str:
    """What this tab's browser fetches its cookie with; empty when it has it, or needs none."""
    kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
    if kept is None or kept.entered:
        return ""
    live = live_session()
    if live is not None and not live.entered:
        return workbench().sessions.ticket(live.handle, datetime.now(UTC))
    st.session_state[_SIGNED_IN] = replace(kept, entered=True)
    return ""


def session_of(browser: str, cookie: str) -> str:
    """What these keys of cookies are of: a session's handle, a demo, or nothing. Asking does not prolong it."""
    now = datetime.now(UTC)
    handle = workbench().sessions.of_cookie(cookie, now) if cookie else None
    if handle:
        return handle
    return DEMO if demos().of_browser(browser, now, use=False) is not None else ""


def actor(session: str) -> tuple[str | None, str | None]:
    """Handle and user of what `session_of` found, as the trail has them; a demo has neither."""
    live = workbench().sessions.find(session, datetime.now(UTC), use=False) if session != DEMO else None
    return (live.handle, live.user.id) if live else (None, None)


def ended_elsewhere() -> bool:
    """Whether this tab's session ended in another tab or ran out. Asking does not prolong it."""
    kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
    if kept is None:
        return False
    if kept.session.user.demo:
        key = browser_key()
        return bool(key) and demos().of_browser(key, datetime.now(UTC), use=False) is None
    return live_session() is None


def still_signed_in() -> bool:
    """Whether this tab's session is alive, and this connection its own, for what runs by itself: it does not prolong it."""
    kept: SignedIn | None = st.session_state.get(_SIGNED_IN)
    if kept is None:
        return False
    if kept.session.user.demo:
        return not ended_elsewhere()
    alive = _may_speak_for(kept) and live_session() is not None
    if alive:
        _at_work(kept)
    return alive


def attempt(provider: str, start: Callable[[], Handshake]) -> tuple[str, Handshake]:
    """The attempt to sign in with a provider that this tab has open, with the widget key that belongs to it."""
    attempts = st.session_state.setdefault(_ATTEMPTS, {})
    if provider not in attempts:
        handshake = start()
        attempts[provider] = (f"sign_in.{provider}.{secrets.token_hex(4)}", handshake)
    found: tuple[str, Handshake] = attempts[provider]
    return found


def open_attempt(provider: str) -> Handshake | None:
    """The attempt this tab has open, if it has one; none is begun."""
    found: tuple[str, Handshake] | None = st.session_state.get(_ATTEMPTS, {}).get(provider)
    return found[1] if found else None


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


def remark(aside: str) -> None:
    """Something noticed on the way, told beside the next page."""
    st.session_state[_ASIDE] = aside


def tell_aside() -> None:
    """Show what was noticed on the way to this page; a run that goes on to another page leaves it for that one."""
    if aside := st.session_state.pop(_ASIDE, ""):
        st.toast(aside, icon=":material/info:", duration="long")


def selected_account(session: Session) -> str | None:
    """The selected account's id; the first one when none was chosen yet or the chosen one is gone.

    The address names it too, so that it survives a refresh and can be passed on; who may see it is another matter.
    """
    known = [account.id for account in session.accounts.list()]
    selected, named = session.accounts.selected_id, st.query_params.get(_ACCOUNT)
    if selected is None and named is not None and named not in known:
        named = _named_otherwise(session, named)
    if selected is not None and selected not in known:
        remark(_GONE)
    if not known:
        session.accounts.select_none()
        return None
    chosen = next(account_id for account_id in (selected, named, known[0]) if account_id in known)
    if st.query_params.get(_ACCOUNT) != chosen:
        st.query_params[_ACCOUNT] = chosen
    return select_account(session, chosen).id


def _named_otherwise(session: Session, named: str) -> str | None:
    """The user's own id of an account that the address names as a team mate knows it. Any other is refused, on record."""
    try:
        return select_account(session, named).id
    except AccountNotFoundError:
        remark("The address names an account that is not among yours. This is another one.")
        return None


def _is_alive(kept: SignedIn) -> bool:
    now, key = datetime.now(UTC), browser_key()
    if kept.session.user.demo:
        alive = not key or demos().of_browser(key, now) is not None
    else:
        alive = _may_speak_for(kept) and workbench().sessions.find(kept.handle, now) is not None
    if alive:
        _at_work(kept)
    return alive


def _at_work(kept: SignedIn) -> None:
    """Who this run is for, as log and trail have it."""
    bind_run()
    act_as(kept.session.user.id, kept.handle or None)
    owners().note(this_tab(), Owner(browser_key(), kept.handle or DEMO))


def _may_speak_for(kept: SignedIn) -> bool:
    """Whether the connection this run came by is the session's: where it began, or one that brought its cookie.

    The browser's own cookie is not enough: somebody may have known it before anybody signed in.
    """
    connection = connection_name()
    if kept.connection == connection:
        return True
    if workbench().sessions.of_cookie(session_key(), datetime.now(UTC)) != kept.handle:
        return False
    st.session_state[_SIGNED_IN] = replace(kept, connection=connection)
    return True


def _of_this_browser() -> SignedIn | None:
    now, sessions = datetime.now(UTC), workbench().sessions
    handle = sessions.of_cookie(session_key(), now)
    live = sessions.find(handle, now) if handle else None
    if live is not None:
        return SignedIn(_session_of(live.user), live.handle, connection_name(), entered=True)
    key = browser_key()
    demo = demos().of_browser(key, now) if key else None
    return _visiting(demo) if demo else None


def _end_what_this_browser_began() -> None:
    demos().end(browser_key())
    sessions, now = workbench().sessions, datetime.now(UTC)
    handle = sessions.of_cookie(session_key(), now)
    if handle:
        sessions.end(handle, now)


def _session_of(user: User) -> Session:
    return start_session(user, workbench().store, workbench().market)


def _visiting(demo: Demo) -> SignedIn:
    return SignedIn(start_session(demo.user, demo.store, demo.market))


def _keep(signed_in: SignedIn) -> None:
    with invitation.carried_over():  # it was the visitor's before anybody was signed in here
        _forget_everything()
    st.session_state[_SIGNED_IN] = signed_in


def _forget_everything() -> None:
    """Nothing of one user may be left in the tab for the next."""
    owners().forget(this_tab())
    drop_uploads(this_tab())
    for key in list(st.session_state):
        del st.session_state[key]
