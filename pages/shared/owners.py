"""Whose a tab is: which browser and sign-in session each of Streamlit's sessions belongs to, and the files made in it.

Streamlit serves a download and takes an upload for whoever knows its address. Here both are for their owner alone.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streamlit import runtime
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

DEMO = "demo"
_MOST_FILES = 200  # of one tab: many more than a page has at a time
_SWEEP_FROM = 1000


@dataclass(frozen=True, slots=True)
class Owner:
    """A browser and the sign-in session it has (its handle, or `DEMO`)."""

    browser: str
    session: str


@dataclass(slots=True)
class _Tab:
    owner: Owner
    files: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def take(self, file: str) -> None:
        self.files[file] = None
        self.files.move_to_end(file)
        while len(self.files) > _MOST_FILES:
            self.files.popitem(last=False)


class Owners:
    """The tabs that are signed in, in the memory of this process. Safe to share between threads."""

    def __init__(self, is_open: Callable[[str], bool]) -> None:
        self._is_open = is_open
        self._tabs: dict[str, _Tab] = {}
        self._sweep_at = _SWEEP_FROM
        self._lock = threading.Lock()

    def note(self, tab: str, owner: Owner) -> None:
        """This tab is theirs; what was made in it for anybody before is not."""
        with self._lock:
            known = self._tabs.get(tab)
            if known is None or known.owner != owner:
                self._tabs[tab] = _Tab(owner)
            if len(self._tabs) >= self._sweep_at:
                self._tabs = {name: kept for name, kept in self._tabs.items() if name == tab or self._is_open(name)}
                self._sweep_at = max(_SWEEP_FROM, 2 * len(self._tabs))

    def forget(self, tab: str) -> None:
        """The tab is nobody's any more; harmless when it was not."""
        with self._lock:
            self._tabs.pop(tab, None)

    def note_file(self, tab: str, file: str) -> None:
        """A page in this tab offers this file."""
        with self._lock:
            if tab in self._tabs:
                self._tabs[tab].take(file)

    def note_made(self, offer: str, file: str) -> None:
        """What was offered to be made is this file now."""
        with self._lock:
            for tab in self._tabs.values():
                if offer in tab.files:
                    tab.take(file)

    def of_tab(self, tab: str) -> Owner | None:
        """Whose the tab is; None when it is nobody's."""
        with self._lock:
            known = self._tabs.get(tab)
            return known.owner if known else None

    def of_file(self, file: str) -> set[Owner]:
        """Whom a page offered this file. Equal files have one address, so there can be several."""
        with self._lock:
            return {tab.owner for tab in self._tabs.values() if file in tab.files}

    def tabs_of(self, owner: Owner) -> list[str]:
        """The tabs of this owner."""
        with self._lock:
            return [name for name, tab in self._tabs.items() if tab.owner == owner]


def this_tab() -> str:
    """Streamlit's id of the session whose page runs just now; empty outside of one."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def is_open(tab: str) -> bool:
    """Whether the tab has a connection."""
    return runtime.get_instance().is_active_session(tab)


def drop_uploads(tab: str) -> None:
    """Free what was uploaded in this tab; Streamlit would hold it until the tab is closed."""
    if tab and runtime.exists():
        runtime.get_instance().uploaded_file_mgr.remove_session_files(tab)


def watch(files: MediaFileManager, owners: Callable[[], Owners]) -> None:
    """From here on, every file that a page offers is noted for the tab it is offered in.

    Streamlit knows too, but forgets at each rerun, and the click on a download is one. A download whose content is made
    at the click has no tab when it is made: it belongs to the tabs that were offered its making.
    """
    add, add_deferred, execute_deferred = files.add, files.add_deferred, files.execute_deferred

    def noted(
        path_or_data: bytes | str,
        mimetype: str,
        coordinates: str,
        file_name: str | None = None,
        is_for_static_download: bool = False,
    ) -> str:
        address = add(path_or_data, mimetype, coordinates, file_name, is_for_static_download)
        owners().note_file(this_tab(), file_of(address))
        return address

    def offered(*args: Any, **kwargs: Any) -> str:
        file = add_deferred(*args, **kwargs)
        owners().note_file(this_tab(), file)
        return file

    def made(file_id: str) -> str:
        address = execute_deferred(file_id)
        owners().note_made(file_id, file_of(address))
        return address

    files.add = noted  # type: ignore[method-assign]
    files.add_deferred = offered  # type: ignore[method-assign]
    files.execute_deferred = made  # type: ignore[method-assign]


def file_of(address: str) -> str:
    """The file's id in its address, which Streamlit reads in the same way: up to the last dot."""
    name = address.rpartition("/")[2]
    return name.rpartition(".")[0] or name
