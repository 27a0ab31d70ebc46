"""Who am I? The demo, the providers of this installation, and the local account."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

import streamlit as st

from allocation.errors import ProviderUnreachableError, SettingsError, SignInRefusedError, UserDisabledError
from allocation.presence import Proof
from allocation.sign_in.attempts import Departure
from allocation.sign_in.discovery import ask_together, server_of
from allocation.sign_in.handshake import Handshake
from allocation.sign_in.id_token import Identity
from allocation.sign_in.providers import Provider
from allocation.trail import EventKind
from allocation.utils import oauth
from pages.shared import brand, farewell, invitation, local_entry, shell, state
from pages.shared.address import visitor_address
from pages.shared.browser import START_PATH, browser_key, callback_address
from pages.shared.cache import attempts, refusals_to_note, workbench
from pages.shared.popup import SignInCancelledError, provider_answer, unless_error

_log = logging.getLogger("evenkeel.sign_in")
NOT_USABLE = "{} cannot be used to sign in: its address in the settings is not right. Ask whoever runs Evenkeel."
# A provider that does not say when its user signed in may have let them through on a session of last week.
NOBODY_KNOWS_WHEN = datetime.fromtimestamp(0, UTC)
_CARD = """<style>
[data-testid="stSidebar"], [data-testid="stExpandSidebarButton"] {display: none;}
.st-key-sign-in-card {max-width: 27rem; margin: clamp(0rem, 6vh, 4rem) auto 0; padding: 2rem;
  border: 1px solid color-mix(in srgb, currentColor 15%, transparent); border-radius: 12px;
  box-shadow: 0 1px 2px rgb(0 0 0 / .04), 0 8px 24px rgb(0 0 0 / .06);}
.st-key-sign-in-card h1 {padding: 0;}
.st-key-sign-in-card hr {margin: .25rem 0;}
.sign-in-aside {margin: 0; font-size: .875rem; opacity: .8;}
.sign-in-aside a {color: inherit; font-weight: 600;}
@media (max-width: 480px) {.st-key-sign-in-card {padding: 1.25rem;}}
</style>"""


def show_page() -> None:
    """The card; or, for somebody signed in already, on to work."""
    session = state.current_session()
    if session is not None:
        st.switch_page(shell.first_page(session))
    finish_in_this_tab()
    half_way = local_entry.half_way()
    st.html(_CARD)
    with st.container(key="sign-in-card"):
        show_product()
        show_notice()
        show_invited()
        if half_way is not None:
            local_entry.show_second_step(half_way)
            return
        show_demo()
        place_of_providers = st.container()  # filled last: a provider that is slow keeps nobody from the rest
        if workbench().settings.local_accounts:
            local_entry.show_local()
        with place_of_providers:
            show_providers()


def show_product() -> None:
    """The name, and in one sentence what it is for."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.image(brand.MARK, width=36, alt="")
        st.title(brand.NAME, anchor=False)
    st.markdown("Bring a portfolio back to its target: see the drift, and get the exact trades that close it.")


def show_notice() -> None:
    """What happened before this page was shown."""
    notice = state.take_notice()
    if notice:
        st.info(notice, icon=":material/info:")
    farewell.show()


def show_invited() -> None:
    """That the invitation this visitor came with was not lost."""
    if invitation.held():
        st.info("You were invited to a team: sign in to see the invitation.", icon=":material/group_add:")


def show_demo() -> None:
    """The shortest way in."""
    st.button("Explore the demo", key="sign_in.demo", type="primary", width="stretch", on_click=state.begin_demo)
    st.caption("Sample accounts and prices. No account needed, nothing is kept.")


def show_providers() -> None:
    """A button for each provider that answers; a sentence for each that does not."""
    providers = workbench().settings.providers
    faults = ask_together(providers)
    for provider in providers:
        fault = faults.get(provider.name)
        if fault is None:
            show_provider(provider)
        else:
            _log.warning("%s: not offered: %s", provider.name, getattr(fault, "reason", fault))
            st.warning(NOT_USABLE.format(provider.title) if isinstance(fault, SignInRefusedError) else str(fault))
    show_way_without_window([provider for provider in providers if provider.name not in faults])


def show_provider(provider: Provider) -> None:
    """The button, and what became of its pop-up."""
    try:
        identity = identity_from(provider)
    except (SignInRefusedError, ProviderUnreachableError) as error:
        state.drop_attempt(provider.name)  # it can never succeed; the next run begins a new one
        state.say(sentence_on(error, provider.name))
        st.rerun()
    except SettingsError as error:
        st.warning(str(error))
    else:
        if identity is not None:
            welcome(identity, provider.name)


def show_way_without_window(providers: Sequence[Provider]) -> None:
    """Links for a browser that opens no pop-up."""
    links = [f'<a href="{START_PATH}/{provider.name}">{escape(provider.title)}</a>' for provider in providers]
    if links:
        st.html(f'<p class="sign-in-aside">No window opens? Continue in this tab with {" or ".join(links)}.</p>')


def finish_in_this_tab() -> None:
    """Let in whoever comes back from a provider without a pop-up."""
    returned = attempts().returned(browser_key())
    if returned is None:
        return
    departure, answer = returned
    try:
        identity = identity_of(departure, unless_error(answer))
    except (SignInRefusedError, ProviderUnreachableError) as error:
        state.say(sentence_on(error, departure.provider))
        return
    welcome(identity, departure.provider)


def identity_of(departure: Departure, answer: Mapping[str, str]) -> Identity:
    """The proved identity of somebody who is back in this tab."""
    provider = next((p for p in workbench().settings.providers if p.name == departure.provider), None)
    if provider is None:
        raise SignInRefusedError("answer: of a provider that is no longer configured")
    handshake = Handshake.again(server_of(provider), departure.handshake)
    return handshake.exchange(answer.get("code"), answer.get("state"), answer.get("iss"))


def sentence_on(error: SignInRefusedError | ProviderUnreachableError, provider: str) -> str:
    """What to tell a visitor who was not let in; the reason is for the log."""
    if isinstance(error, SignInCancelledError):
        return "Sign-in was cancelled. You can try again."
    _log.warning("%s: refused: %s", provider, error.reason)
    if refusals_to_note().allows(visitor_address()):  # a machine that makes up answers must not fill the trail
        workbench().trail.record(EventKind.SIGN_IN_REFUSED, provider, reason=error.reason)
    return str(error)


def identity_from(provider: Provider) -> Identity | None:
    """The proved identity of the visitor, once the pop-up has come back."""
    key, handshake = state.attempt(provider.name, lambda: oauth(provider, attempts().new_state(browser_key())))
    redirect_uri = callback_address(workbench().settings.base_url, st.context.url or "")
    answer = provider_answer(f"Continue with {provider.title}", handshake, redirect_uri, key)
    if answer is None:
        return None
    return handshake.exchange(answer.get("code"), answer.get("state"), answer.get("iss"))


def welcome(identity: Identity, provider: str) -> None:
    """Let in whoever a provider vouches for, unless their user is switched off."""
    user = workbench().directory.user_for_identity(identity.issuer, identity.subject, identity.name, identity.email)
    proved_at = identity.proved_at or NOBODY_KNOWS_WHEN
    try:
        state.begin(Proof(user, proved_at, provider, identity.second_factor, identity.tokens))
    except UserDisabledError as error:
        _log.warning("%s: refused: user is switched off", provider, extra={"fields": {"user": user.id}})
        workbench().trail.record(EventKind.SIGN_IN_REFUSED, provider, user_id=user.id, reason=error.code)
        state.drop_attempt(provider)
        state.say(str(error))
    else:
        _log.info("signed in user of %s", identity.issuer, extra={"fields": {"user": user.id}})
    st.rerun()


show_page()
