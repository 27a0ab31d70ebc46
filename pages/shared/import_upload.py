"""The file a user chose, read: by the reader that knows it, or with the columns the user names."""

from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from allocation.allocation import Session
from allocation.bootstrap import look_at, read_accounts, read_mapped
from allocation.errors import AllocationError, UnknownColumnsError
from allocation.imported import ImportedFile
from allocation.mapping import ColumnMapping
from pages.shared.look import literal
from pages.shared.mapping_form import ask_for_columns

LARGEST_MEGABYTES = 5
_ROUND = "accounts.round"
_AGAIN = "accounts.columns_again"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was read, and what its columns mean where the user had to say it."""

    file: ImportedFile
    fingerprint: str = ""
    mapping: ColumnMapping | None = None


def ask_for_file(session: Session) -> Upload | None:
    """The file the user chose, read; a file that cannot be read is explained."""
    hint = " In the demo it is read into this visit only and gone with it." if session.user.demo else ""
    upload = st.file_uploader(
        "Import a positions file",
        key=f"accounts.upload.{st.session_state.get(_ROUND, 0)}",
        max_upload_size=LARGEST_MEGABYTES,
    )
    st.caption(
        "Fidelity, Schwab, Vanguard, E*TRADE, Interactive Brokers, OFX/QFX, Ghostfolio, Wealthfolio, Portfolio Performance, "
        f"or any CSV or XLSX whose columns you name. Nothing is saved before you agree.{hint}"
    )
    if upload is None:
        return None
    content = upload.getvalue()
    try:
        return Upload(read_accounts(content, upload.name, datetime.now(UTC)))
    except UnknownColumnsError as error:
        return _read_with_columns(session, content, error)
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return None


def put_file_away() -> None:
    """The uploader starts empty under a new key, and what was chosen for the file before is forgotten."""
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state.pop(_AGAIN, None)


def _read_with_columns(session: Session, content: bytes, unknown: UnknownColumnsError) -> Upload | None:
    """The file with the columns remembered for its header, or with those the user says now."""
    try:
        table = look_at(content)
    except AllocationError:
        st.error(literal(str(unknown)), icon=":material/error:")
        return None
    kept = _kept(session, table.fingerprint)
    if kept and st.session_state.get(_AGAIN) != table.fingerprint:
        mapping: ColumnMapping | None = kept
        st.caption(":material/history: Read with the columns you chose before for files with this header.")
        if st.button("Choose the columns again", key="accounts.columns_again_button", icon=":material/view_column:"):
            st.session_state[_AGAIN] = table.fingerprint
            st.rerun()
    else:
        key = f"{st.session_state.get(_ROUND, 0)}.{table.fingerprint[:12]}"
        mapping = ask_for_columns(table, kept, key)
    if mapping is None:
        return None
    try:
        return Upload(read_mapped(content, mapping, datetime.now(UTC)), table.fingerprint, mapping)
    except AllocationError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return None


def _kept(session: Session, fingerprint: str) -> ColumnMapping | None:
    """What the user said of this header before; what cannot be read any more is asked for anew."""
    try:
        return session.store.column_mapping(session.user.id, fingerprint)
    except AllocationError as error:
        st.warning(literal(str(error)), icon=":material/warning:")
        return None
