"""The end of a session, told before it comes, with the button that puts it off."""

from datetime import UTC, datetime

import streamlit as st

from allocation.sign_in.ending import Ending, ending_of
from pages.shared import state

WATCH_SECONDS = 5
# In sight wherever the page is scrolled to, and opaque: a warning's own ground is not.
_STYLE = """<style>
.st-key-shell-ending {position: fixed; bottom: 1rem; left: 50%; transform: translateX(-50%); z-index: 1000;
  width: min(34rem, 94vw); padding: .75rem; background: Canvas; border-radius: 8px;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent); box-shadow: 0 8px 28px rgb(0 0 0 / .25);}
</style>"""


@st.fragment(run_every=WATCH_SECONDS)
def watch() -> None:
    """Clear this tab soon after its session ended anywhere; say so before it ends by itself. Watching is no use of it."""
    live = state.live_session()
    if live is None and state.ended_elsewhere():
        st.rerun()
    ending = ending_of(live, datetime.now(UTC)) if live else None
    if ending is not None:
        show_ending(ending)


def show_ending(ending: Ending) -> None:
    """What is about to happen; and the way to stay, where there is one."""
    st.html(_STYLE)
    with st.container(key="shell-ending", gap="small"):
        st.warning(ending.sentence, icon=":material/timer:")
        if not ending.final:
            st.button("Stay signed in", key="shell.stay", type="primary", on_click=state.stay, width="stretch")
