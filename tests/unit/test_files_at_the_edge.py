"""Downloads and uploads: for the browser and the session whose page made them, and within limits."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from allocation.presence import Proof
from allocation.trail import EventKind
from pages.shared import cache, files
from pages.shared import owners as owners_module
from pages.shared.browser import COOKIE, SESSION_COOKIE, key_of
from pages.shared.files import MEGABYTE
from pages.shared.owners import DEMO, Owner, Owners, file_of, watch
from pages.shared.server import MIDDLEWARE

ANN, SAM, VISITOR = "a" * 43, "s" * 43, "v" * 43
UPLOAD = "/_stcore/upload_file/tab-of-ann/file-1"
DOWNLOAD = "/media/0123abcd.txt"


async def reached(request: Request) -> Response:
    await request.body()
    return PlainTextResponse("recovery codes")


class Held(dict[str, int]):
    """What Streamlit holds, by tab."""

    def __call__(self) -> dict[str, int]:
        return self


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    holds = Held()
    monkeypatch.setattr(files, "held_by_tab", holds)
    return holds


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: Held) -> Iterator[TestClient]:
    """A server on which Ann and Sam are signed in, a visitor has a demo, and Ann's tab offers a file."""
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path))
    st.cache_resource.clear()
    routes = [
        Route("/media/{file}", reached, methods=["GET", "OPTIONS"]),
        Route("/_stcore/upload_file/{tab}/{file}", reached, methods=["PUT", "DELETE", "OPTIONS"]),
    ]
    handle = sign_in("Ann", ANN)
    sign_in("Sam", SAM)
    cache.demos().begin(key_of(VISITOR), datetime.now(UTC))
    cache.owners().note("tab-of-ann", Owner(key_of(ANN), handle))
    cache.owners().note_file("tab-of-ann", "0123abcd")
    yield TestClient(Starlette(routes=routes, middleware=MIDDLEWARE), base_url="http://localhost:8501")
    st.cache_resource.clear()


def sign_in(name: str, cookie: str) -> str:
    bench, now = cache.workbench(), datetime.now(UTC)
    user = bench.directory.user_for_identity("https://a.example", name, name, "")
    handle = bench.sessions.begin(Proof(user, now), key_of(cookie), "", now)
    assert bench.sessions.enter(bench.sessions.ticket(handle, now), key_of(cookie), key_of(cookie), now)
    return handle


def handle_of(cookie: str) -> str:
    handle = cache.workbench().sessions.of_cookie(key_of(cookie), datetime.now(UTC))
    assert handle is not None
    return handle


def of(cookie: str, session: str | None = None) -> dict[str, str]:
    return {"cookie": f"{COOKIE}={cookie}; {SESSION_COOKIE}={session or cookie}"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", UPLOAD), ("DELETE", UPLOAD), ("OPTIONS", UPLOAD), ("GET", DOWNLOAD), ("OPTIONS", DOWNLOAD)],
)
@pytest.mark.parametrize("stranger", [SAM, VISITOR], ids=["another user", "a demo"])
def test_a_file_of_another_session_answers_like_one_that_does_not_exist(
    client: TestClient, method: str, path: str, stranger: str
) -> None:
    unknown = path.replace("tab-of-ann", "no-tab").replace("0123abcd", "ffff")

    refused, missing = (client.request(method, each, headers=of(stranger)) for each in (path, unknown))

    assert (refused.status_code, refused.text) == (missing.status_code, missing.text) == (404, "Not found")
    assert client.request(method, path, headers=of(ANN)).text == "recovery codes"


def test_the_right_session_in_another_browser_or_the_right_browser_without_it_is_refused(client: TestClient) -> None:
    answers = [client.get(DOWNLOAD, headers=headers) for headers in (of(SAM, ANN), of(ANN, SAM), of(ANN, "old"))]

    assert [answer.status_code for answer in answers] == [404, 404, 401]


def test_a_file_is_gone_with_the_session_it_was_made_in(client: TestClient) -> None:
    cache.workbench().sessions.end(handle_of(ANN), datetime.now(UTC))
    ended = client.get(DOWNLOAD, headers=of(ANN))
    sign_in("Ann", ANN[1:] + "2")
    begun_anew = client.get(DOWNLOAD, headers=of(ANN, ANN[1:] + "2"))

    assert (ended.status_code, begun_anew.status_code) == (401, 404)


def test_a_demo_reaches_its_own_files(client: TestClient) -> None:
    cache.owners().note("tab-of-demo", Owner(key_of(VISITOR), DEMO))
    cache.owners().note_file("tab-of-demo", "beef")

    assert client.get("/media/beef.csv", headers=of(VISITOR)).status_code == 200
    assert client.put("/_stcore/upload_file/tab-of-demo/1", headers=of(VISITOR)).status_code == 200


def test_equal_files_of_two_users_are_for_both(client: TestClient) -> None:
    cache.owners().note("tab-of-sam", Owner(key_of(SAM), handle_of(SAM)))
    cache.owners().note_file("tab-of-sam", "0123abcd")

    assert [client.get(DOWNLOAD, headers=of(each)).status_code for each in (ANN, SAM, VISITOR)] == [200, 200, 404]


def test_attempts_at_anothers_file_are_on_record_and_do_not_fill_it(client: TestClient) -> None:
    for _ in range(50):
        client.delete(UPLOAD, headers=of(SAM))
    client.delete(UPLOAD.replace("tab-of-ann", "no-tab"), headers=of(SAM))

    bench = cache.workbench()
    live = bench.sessions.find(handle_of(SAM), datetime.now(UTC))
    assert live is not None
    lines = bench.trail.of_user(live.user.id, {EventKind.ACTION_REFUSED})
    assert {(line.subject, line.told["reason"], line.session) for line in lines} == {
        ("upload", "not theirs", live.handle)
    }
    assert len(lines) == 20


def test_a_browser_uploads_twenty_files_at_once_and_then_waits(client: TestClient) -> None:
    answers = [client.put(UPLOAD, headers=of(ANN)) for _ in range(25)]

    assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 5
    assert "Wait a minute" in answers[-1].text


def test_one_session_may_hold_so_much_in_all_its_tabs(client: TestClient, held: Held) -> None:
    cache.owners().note("second-tab", Owner(key_of(ANN), handle_of(ANN)))
    held.update({"tab-of-ann": 12 * MEGABYTE, "second-tab": 7 * MEGABYTE, "tab-of-sam": 90 * MEGABYTE})
    fits, too_much = (client.put(UPLOAD, headers=of(ANN), content=b"a" * size) for size in (MEGABYTE, MEGABYTE + 1))

    assert (fits.status_code, too_much.status_code) == (200, 429)
    assert "holds as much as it may" in too_much.text


def test_all_sessions_together_hold_no_more_than_the_server_has_room_for(client: TestClient, held: Held) -> None:
    held.update({f"tab-{number}": 20 * MEGABYTE for number in range(20)})

    assert client.put(UPLOAD, headers=of(ANN), content=b"a").status_code == 429


def test_an_upload_of_unknown_length_counts_as_the_longest(client: TestClient, held: Held) -> None:
    held["tab-of-ann"] = 15 * MEGABYTE

    assert client.put(UPLOAD, headers=of(ANN), content=iter([b"a"])).status_code == 429


def test_a_tab_that_changes_hands_or_is_signed_out_takes_no_file_along() -> None:
    tabs = Owners(lambda _: True)
    ann, sam = Owner("browser", "ann"), Owner("browser", "sam")
    tabs.note("tab", ann)
    tabs.note_file("tab", "f")
    tabs.note("tab", ann)
    assert tabs.of_file("f") == {ann}

    tabs.note("tab", sam)
    assert (tabs.of_file("f"), tabs.of_tab("tab")) == (set(), sam)
    tabs.forget("tab")
    tabs.note_file("tab", "f")
    assert (tabs.of_file("f"), tabs.of_tab("tab")) == (set(), None)


def test_closed_tabs_are_forgotten_in_time() -> None:
    tabs, ann = Owners(lambda tab: tab == "open"), Owner("browser", "ann")
    tabs.note("open", ann)
    for number in range(5000):
        tabs.note(f"closed-{number}", ann)

    assert tabs.of_tab("open") == ann
    assert len(tabs.tabs_of(ann)) <= 1000


def test_a_file_stays_its_tabs_when_a_rerun_makes_streamlit_forget_it(monkeypatch: pytest.MonkeyPatch) -> None:
    manager, tabs = MediaFileManager(MemoryMediaFileStorage("/media")), Owners(lambda _: True)
    watch(manager, lambda: tabs)
    monkeypatch.setattr(owners_module, "this_tab", lambda: "tab")
    tabs.note("tab", Owner("browser", "ann"))

    address = manager.add(b"codes", "text/plain", "1.2", file_name="codes.txt", is_for_static_download=True)
    manager.clear_session_refs("dontcare")

    assert tabs.of_file(file_of(address)) == {Owner("browser", "ann")}


def test_a_file_made_at_the_click_belongs_to_the_tab_that_was_offered_its_making(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manager, tabs = MediaFileManager(MemoryMediaFileStorage("/media")), Owners(lambda _: True)
    watch(manager, lambda: tabs)
    monkeypatch.setattr(owners_module, "this_tab", lambda: "tab")
    tabs.note("tab", Owner("browser", "ann"))
    tabs.note("another", Owner("browser 2", "sam"))
    offer = manager.add_deferred(lambda: b"orders", "text/csv", "1.2", file_name="orders.csv")
    monkeypatch.setattr(owners_module, "this_tab", lambda: "")  # Streamlit makes it in a thread without a run

    address = manager.execute_deferred(offer)

    assert tabs.of_file(file_of(address)) == {Owner("browser", "ann")}


def test_a_file_made_after_its_tab_was_left_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    manager, tabs = MediaFileManager(MemoryMediaFileStorage("/media")), Owners(lambda _: True)
    watch(manager, lambda: tabs)
    monkeypatch.setattr(owners_module, "this_tab", lambda: "tab")
    tabs.note("tab", Owner("browser", "ann"))
    offer = manager.add_deferred(lambda: b"orders", "text/csv", "1.2", file_name="orders.csv")

    tabs.forget("tab")

    assert tabs.of_file(file_of(manager.execute_deferred(offer))) == set()
