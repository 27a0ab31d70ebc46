"""An invitation that came in the address: out of there at once, and kept in this tab until its visitor decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import streamlit as st

from pages.shared.cache import settings

_PARAMETER = "invitation"
_HELD = "invitation.token"
_WAITED = "invitation.waited"
_LONGEST = 200


def caught() -> bool:
    """Take an invitation out of the address; says whether one was there. Nothing else happens: a link is no deed."""
    token = st.query_params.get(_PARAMETER)
    if token is None:
        return False
    del st.query_params[_PARAMETER]
    if not 0 < len(token) <= _LONGEST:
        return False
    st.session_state[_HELD] = token
    return True


def held() -> str:
    """The invitation this tab came with; empty when there is none to decide on."""
    token: str = st.session_state.get(_HELD, "")
    return token


def put_away() -> None:
    """Forget it: it was accepted, declined, or is not valid."""
    st.session_state.pop(_HELD, None)


@contextmanager
def carried_over() -> Iterator[None]:
    """Keep it while the tab forgets everything else: its visitor signs in, or tries the demo first."""
    token = held()
    yield
    if token:
        st.session_state[_HELD] = token
        st.session_state[_WAITED] = True


def waited() -> bool:
    """Whether one was carried over to here; said once."""
    return bool(st.session_state.pop(_WAITED, False))


def link_to(token: str) -> str:
    """The address to send to whoever is invited."""
    opened = urlsplit(st.context.url or "")
    home = settings().base_url or f"{opened.scheme}://{opened.netloc}"
    return f"{home}/?{_PARAMETER}={token}"
