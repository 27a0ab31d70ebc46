"""Downloads that are made at the click: outside of any run, so they ask for the session and the role themselves."""

from collections.abc import Callable
from datetime import UTC, datetime

from allocation.acting import act_as
from allocation.allocation import Session
from allocation.authorisation import Verb
from allocation.errors import AllocationError
from pages.shared.cache import demos, owners, workbench
from pages.shared.owners import DEMO, Owner, this_tab


class SessionEndedError(AllocationError):
    """Whoever was offered the download is not signed in any more."""

    code = "session_ended"

    def __init__(self) -> None:
        super().__init__("Your session has ended. Sign in again to download the file.")


def while_signed_in(session: Session, make: Callable[[], bytes]) -> Callable[[], bytes]:
    """The content of a download of the selected account: made for whoever sees the page now, as long as they may.

    Raises (when called, in Streamlit's thread, which then tells the visitor that there is no file):
        SessionEndedError: they signed out or their session ran out meanwhile.
        AccountNotFoundError, NotAllowedError: the account was removed or is no longer shared; on record.
    """
    tab, account_id = this_tab(), session.accounts.selected_id or ""
    offered_to = owners().of_tab(tab)

    def made() -> bytes:
        if offered_to is None or owners().of_tab(tab) != offered_to or not _is_alive(offered_to):
            raise SessionEndedError
        act_as(session.user.id, None if offered_to.session == DEMO else offered_to.session)
        session.store.authorise(session.user.id, account_id, Verb.EXPORT)
        return make()

    return made


def _is_alive(owner: Owner) -> bool:
    """Whether the session of a tab goes on. Asking does not prolong it."""
    now = datetime.now(UTC)
    if owner.session == DEMO:
        return not owner.browser or demos().of_browser(owner.browser, now, use=False) is not None
    return workbench().sessions.find(owner.session, now, use=False) is not None
