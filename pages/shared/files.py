"""Downloads and uploads at the edge of the server: for the tab's owner alone, and not without limit."""

import logging
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from allocation.trail import EventKind
from pages.shared import state
from pages.shared.cache import owners, strangers_to_note, uploads_allowed, workbench
from pages.shared.owners import Owner, file_of

_log = logging.getLogger("evenkeel.server")
DOWNLOADS = "/media/"
UPLOADS = "/_stcore/upload_file/"
MEGABYTE = 1024 * 1024
MOST_HELD = 20 * MEGABYTE  # of one owner, in all their tabs
MOST_HELD_IN_ALL = 400 * MEGABYTE
_OF_UNKNOWN_SIZE = 6 * MEGABYTE  # what server.maxUploadSize lets through
_WAIT = "Too many uploads in a short time. Wait a minute, then choose the file again."
_FULL = "This session holds as much as it may. Close its other tabs or reload this one, then choose the file again."


class Files:
    """Lets nobody but its owner at a file, whoever knows the address.

    Args:
        who: the keys of the browser's and of the session's cookie that a request came with.
    """

    def __init__(self, app: ASGIApp, who: Callable[[Scope], tuple[str, str]]) -> None:
        self._app = app
        self._who = who
        self._coming: dict[Owner, int] = {}  # bytes on their way; touched on the event loop only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith((DOWNLOADS, UPLOADS)):
            await self._app(scope, receive, send)
            return
        owner = await run_in_threadpool(_owner, *self._who(scope))
        if owner is None:
            await PlainTextResponse("Sign in first.", 401)(scope, receive, send)
        elif not await run_in_threadpool(_is_theirs, scope["path"], owner):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
        elif scope["method"] == "PUT":
            await self._take(owner, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _take(self, owner: Owner, scope: Scope, receive: Receive, send: Send) -> None:
        size, coming = _size_of(scope), self._coming.get(owner, 0)
        refusal = _refusal(owner, size + coming, size + sum(self._coming.values()))
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        self._coming[owner] = coming + size
        try:
            await self._app(scope, receive, send)
        finally:
            self._coming[owner] -= size
            if not self._coming[owner]:
                del self._coming[owner]


def _owner(browser: str, cookie: str) -> Owner | None:
    session = state.session_of(browser, cookie) if browser else ""
    return Owner(browser, session) if session else None


def _is_theirs(path: str, owner: Owner) -> bool:
    if path.startswith(DOWNLOADS):
        owned_by = owners().of_file(file_of(path))
    else:
        of_tab = owners().of_tab(path.removeprefix(UPLOADS).partition("/")[0])
        owned_by = {of_tab} if of_tab else set()
    if owner not in owned_by and owned_by:
        _note(owner, "download" if path.startswith(DOWNLOADS) else "upload")
    return owner in owned_by


def _note(owner: Owner, what: str) -> None:
    """Somebody tried another's file; at the pace of people, since a machine that tries must not fill the trail."""
    _log.warning("Refused the %s of another session.", what)
    if strangers_to_note().allows(owner.browser):
        handle, user_id = state.actor(owner.session)
        workbench().trail.record(EventKind.ACTION_REFUSED, what, user_id=user_id, session=handle, reason="not theirs")


def _refusal(owner: Owner, wanted: int, wanted_in_all: int) -> Response | None:
    if not uploads_allowed().allows(owner.browser):
        return PlainTextResponse(_WAIT, 429)
    held = held_by_tab()
    of_owner = sum(held.get(tab, 0) for tab in owners().tabs_of(owner))
    if of_owner + wanted > MOST_HELD or sum(held.values()) + wanted_in_all > MOST_HELD_IN_ALL:
        return PlainTextResponse(_FULL, 429)
    return None


def held_by_tab() -> dict[str, int]:
    """The bytes of uploads that Streamlit holds in memory, by its session's id."""
    manager = runtime.get_instance().uploaded_file_mgr
    if not isinstance(manager, MemoryUploadedFileManager):
        raise TypeError("Streamlit keeps uploads elsewhere than in memory; they cannot be counted.")
    return {
        tab: sum(len(file.data) for file in list(files.values())) for tab, files in manager.file_storage.copy().items()
    }


def _size_of(scope: Scope) -> int:
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isdecimal() else _OF_UNKNOWN_SIZE
