"""streamlit-oauth's button and pop-up, used only to fetch a provider's answer; nothing it returns is believed here."""

from collections.abc import Mapping
from typing import Any, Protocol

import streamlit as st
from streamlit_oauth import OAuth2Component, StreamlitOauthError

from allocation.errors import SignInRefusedError
from pages.shared.browser import browser_key
from pages.shared.cache import attempts

POPUP_SECONDS = 3.0  # a pop-up that can reach this page does so within a second
WATCH_SECONDS = 2


class Door(Protocol):
    """What a pop-up opens: an address, and the state that has to come back. A `Handshake` is one."""

    @property
    def state(self) -> str:
        """An unguessable text of ours."""
        ...

    def authorize_url(self, redirect_uri: str) -> str:
        """The page to open; it answers to `redirect_uri`."""
        ...


class SignInCancelledError(SignInRefusedError):
    """The user closed the door at the provider."""


class _Courier:
    """The client streamlit-oauth asks for an address and for tokens. The tokens are `Handshake.exchange`'s affair."""

    def __init__(self, authorize_url: str) -> None:
        self._authorize_url = authorize_url

    async def get_authorization_url(self, **_: Any) -> str:
        return self._authorize_url

    async def get_access_token(self, **_: Any) -> dict[str, Any]:
        return {}


def provider_answer(label: str, handshake: Door, redirect_uri: str, key: str) -> Mapping[str, Any] | None:
    """A button; once its pop-up has come back, what the provider answered, unchecked.

    Raises:
        ProviderUnreachableError: there is no address to open.
        SignInCancelledError: the user said no.
        SignInRefusedError: the answer is an error or no answer at all.
    """
    waiting = waiting_answer(handshake, for_seconds=POPUP_SECONDS)
    if waiting is not None:
        return waiting
    url = handshake.authorize_url(redirect_uri)
    st.session_state[f"state-{key}"] = handshake.state  # where streamlit-oauth keeps its own, which is shorter
    button = OAuth2Component(client=_Courier(url))
    try:
        answer = button.authorize_button(label, redirect_uri, "", key=key, use_container_width=True)
    except StreamlitOauthError as error:
        refusal = SignInCancelledError if "access_denied" in str(error) else SignInRefusedError
        raise refusal("answer: an error, or of another attempt") from error
    except (
        TypeError,
        KeyError,
        AttributeError,
        ValueError,
    ) as error:  # a browser may send any JSON value as the answer
        raise SignInRefusedError("answer: of no known form") from error
    if answer is None:
        _watch_for_answer(handshake)
        return None
    # What the frame says comes from the browser, and counts as a bell only. The answer is what came to our own address.
    came = attempts().collect(handshake.state, browser_key())
    if came is None:
        raise SignInRefusedError("answer: none came to our own address in this browser")
    return unless_error(came)


def waiting_answer(handshake: Door, *, for_seconds: float = 0) -> Mapping[str, Any] | None:
    """What the provider answered to our callback address, unchecked, once it has waited there for so long.

    Raises:
        SignInCancelledError: the user said no.
        SignInRefusedError: the answer is an error.
    """
    if not attempts().holds(handshake.state, browser_key(), for_seconds=for_seconds):
        return None
    came = attempts().collect(handshake.state, browser_key())
    return came and unless_error(came)


def unless_error(answer: Mapping[str, str]) -> Mapping[str, str]:
    """The answer, if it is not an error.

    Raises:
        SignInCancelledError: the user said no.
        SignInRefusedError: something else went wrong at the provider.
    """
    if "error" in answer:
        refusal = SignInCancelledError if answer["error"] == "access_denied" else SignInRefusedError
        raise refusal("answer: an error")
    return answer


@st.fragment(run_every=WATCH_SECONDS)
def _watch_for_answer(handshake: Door) -> None:
    """Go on without the pop-up when the provider has cut it off from this page."""
    if attempts().holds(handshake.state, browser_key(), for_seconds=POPUP_SECONDS):
        st.rerun()
