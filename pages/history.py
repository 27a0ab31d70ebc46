"""What happened in my name? One's own lines of the audit trail."""

import pandas as pd
import streamlit as st

from allocation.acting import acting
from allocation.allocation import Session
from allocation.history import Entry, Topic, entries, history_csv, kinds_of
from allocation.trail import EventKind, Line
from pages.shared.browser import timezone
from pages.shared.cache import workbench
from pages.shared.look import count
from pages.shared.state import require_session
from pages.shared.tables import ROW_HEIGHT, grid_height

LINES_AT_ONCE = 100
MOST_LINES = 2_000
_SHOWN = "history.shown"
_TOPICS = "history.topics"


def show_page() -> None:
    """The lines, newest first; or why there are none."""
    session = require_session()
    st.title("History", anchor=False)
    if session.user.demo:
        st.info("The demo keeps no history. It begins when you sign in.", icon=":material/history:")
        return
    st.caption(
        "What was done in your name, and what was refused. Lines are only ever added: the database refuses to change "
        "them, and each one carries a hash of the one before it."
    )
    lines = workbench().trail.of_user(session.user.id, show_filter(), limit=MOST_LINES)
    if not lines:
        show_empty()
        return
    show_lines(session, lines)


def show_filter() -> tuple[EventKind, ...]:
    """The kinds of events to show; none stands for all of them."""
    chosen = st.pills("Show", list(Topic), selection_mode="multi", key=_TOPICS, label_visibility="collapsed")
    return kinds_of(Topic(topic) for topic in chosen)


def show_empty() -> None:
    """Nothing happened yet, or nothing of what was asked for."""
    if st.session_state.get(_TOPICS):
        st.info(
            "Nothing of this kind has happened. Choose another topic above, or none to see all.",
            icon=":material/search:",
        )
    else:
        st.info("Nothing has happened yet.", icon=":material/history:")


def show_lines(session: Session, lines: tuple[Line, ...]) -> None:
    """The table, as long as was asked for, and all of it as a file."""
    shown = min(st.session_state.get(_SHOWN, LINES_AT_ONCE), len(lines))
    with st.container(horizontal=True, vertical_alignment="center", key="history-head"):
        st.markdown(f"**{count(len(lines), 'line')}**" + (" and older ones" if len(lines) == MOST_LINES else ""))
        st.space("stretch")
        st.download_button(
            "Download CSV",
            history_csv(lines).encode("utf-8-sig"),
            "evenkeel-history.csv",
            "text/csv",
            key="history.csv",
            icon=":material/download:",
            on_click="ignore",
        )
    show_table(entries(lines[:shown], names_of(session), acting().session))
    if shown < len(lines):
        more = min(LINES_AT_ONCE, len(lines) - shown)
        if st.button(f"Show {more} older", key="history.older", icon=":material/expand_more:"):
            st.session_state[_SHOWN] = shown + LINES_AT_ONCE
            st.rerun()


def names_of(session: Session) -> dict[str, str]:
    """What this user calls what they may see: accounts, teams, what is shared with these and who is in them, by id."""
    teams = workbench().teams.teams(session.user.id)
    people = {member.user_id: member.name for team in teams for member in team.members}
    shares = {share.id: share.account_name for team in teams for share in team.shares}
    accounts = {account.id: account.name for account in session.accounts.list()}
    return people | shares | {team.id: team.name for team in teams} | accounts | {session.user.id: "you"}


def show_table(shown: tuple[Entry, ...]) -> None:
    """When, what, to what, and whether in this session."""
    frame = pd.DataFrame(
        [(each.at, each.title, each.about, "This one" if each.this_session else "") for each in shown],
        columns=["when", "what", "about", "session"],
    )
    st.dataframe(
        frame,
        key="history.lines",
        hide_index=True,
        column_config={
            "when": st.column_config.DatetimeColumn(
                "When", format="YYYY-MM-DD HH:mm:ss", timezone=str(timezone()), width=150
            ),
            "what": st.column_config.TextColumn("What happened", width="medium"),
            "about": st.column_config.TextColumn("To what", width="large"),
            "session": st.column_config.TextColumn("Session", width="small"),
        },
        row_height=ROW_HEIGHT,
        height=grid_height(len(shown), 20),
        alt="What was done in your name, newest first",
    )


show_page()
