"""What the Sharing page says of roles, and how its clicks are done and answered."""

from collections.abc import Callable
from typing import Literal

import streamlit as st

from allocation.authorisation import Role
from allocation.errors import AllocationError
from pages.shared.look import literal
from pages.shared.state import require_session

MEANS = {
    Role.VIEWER: "sees everything and tries what-ifs",
    Role.TRADER: "also changes targets and imports holdings",
    Role.OWNER: "also renames, removes and shares",
}
MEANS_IN_TEAM = {**MEANS, Role.OWNER: "also invites people and decides on roles"}
_REFUSED = "teams.refused"
_DONE = "teams.done"


def show_outcome() -> None:
    """What the last click did, or why it did not."""
    if refused := st.session_state.pop(_REFUSED, ""):
        st.error(literal(refused), icon=":material/block:")
    if done := st.session_state.pop(_DONE, ""):
        st.toast(literal(done), icon=":material/check:")


def ask_role(
    label: str,
    key: str,
    now: Role | None = None,
    on_change: Callable[..., None] | Literal["rerun"] = "rerun",
    args: tuple[object, ...] = (),
) -> Role:
    """A choice of roles, without a label to be seen."""
    if now is not None:
        st.session_state[key] = now
    role: Role = st.selectbox(
        label,
        list(Role),
        key=key,
        format_func=lambda role: role.value.capitalize(),
        on_change=on_change,
        args=args,
        label_visibility="collapsed",
        width=130,
    )
    return role


def chosen_role(key: str) -> Role | None:
    """The role in the field with this key; None when there is none, as in a click that no page of ours has made."""
    chosen = st.session_state.get(key)
    return Role(chosen) if chosen in list(Role) else None


def attempt(deed: Callable[[str], object], done: str) -> None:
    """Do it in the name of whoever is signed in; what is refused is told on the page."""
    session = require_session()
    if session.user.demo:
        return
    try:
        deed(session.user.id)
    except AllocationError as error:
        st.session_state[_REFUSED] = str(error)
    else:
        st.session_state[_DONE] = done
