"""Which request a line belongs to: ids for HTTP requests and for runs of a page, and addresses without what they hide."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit import logger as streamlit_logger

from allocation.acting import act_as, acting, begin_request
from pages.shared import requests
from pages.shared.requests import HEADER, Requests, bind_run, start_log


async def answer(request: Request) -> Response:
    if request.url.path == "/fault":
        raise ZeroDivisionError
    return PlainTextResponse(acting().request_id)


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=[Route("/{rest:path}", answer)], middleware=[Middleware(Requests)])
    return TestClient(app, raise_server_exceptions=False)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [record.fields for record in caplog.records if record.name == "evenkeel.access"]  # type: ignore[attr-defined]


def test_every_request_has_an_id_of_its_own_which_the_answer_names(client: TestClient) -> None:
    first, second = client.get("/x"), client.get("/x", headers={HEADER: "forged"})

    assert first.headers[HEADER] == first.text
    assert len({first.text, second.text, "forged"}) == 3


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("/oauth/callback?code=abc&state=def", "/oauth/callback"),
        ("/_stcore/upload_file/6d1c7f0e-aaaa/file-id", "/_stcore/upload_file/…"),
        ("/media/0123abcd.csv", "/media/…"),
        ("/rebalance?account=1", "/rebalance"),
        ("/" + "x" * 500, "/" + "x" * 199),
    ],
)
def test_a_line_shows_no_query_and_no_id(
    client: TestClient, caplog: pytest.LogCaptureFixture, address: str, shown: str
) -> None:
    with caplog.at_level(logging.DEBUG, "evenkeel.access"):
        client.get(address)

    (line,) = lines(caplog)
    assert (line["method"], line["path"], line["status"]) == ("GET", shown, 200)


def test_what_every_page_fetches_is_no_news_unless_it_goes_wrong(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "evenkeel.access"):
        client.get("/static/js/index.js")
        client.get("/fault")

    assert [line["status"] for line in lines(caplog)] == [500]


class Context:
    """What Streamlit knows of a run: new cursors each time."""

    def __init__(self) -> None:
        self.cursors: dict[int, object] = {}

    def begin_run(self) -> None:
        self.cursors = {}


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Context:
    context = Context()
    monkeypatch.setattr(requests, "get_script_run_ctx", lambda **_: context)
    return context


def test_one_run_has_one_id_and_the_next_run_another(context: Context) -> None:
    first, again = bind_run(), bind_run()
    act_as("u1")
    context.begin_run()
    second = bind_run()

    assert first == again != second
    assert acting().request_id == second
    assert acting().user_id is None


def test_a_run_keeps_its_id_when_something_else_began_in_its_thread(context: Context) -> None:
    first = bind_run()
    begin_request()

    assert bind_run() == first
    assert acting().request_id == first


@pytest.fixture
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(streamlit_logger, "setup_formatter", streamlit_logger.setup_formatter)
    known = [logging.getLogger(), *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in known]
    yield
    logging.captureWarnings(capture=False)
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_a_log_file_that_cannot_be_written_keeps_no_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_before: None
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVENKEEL_LOG_FILE", str(tmp_path / "file" / "evenkeel.log"))

    start_log()

    assert "EVENKEEL_LOG_FILE cannot be written" in capsys.readouterr().err


def test_a_logger_that_streamlit_makes_later_writes_through_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_before: None
) -> None:
    monkeypatch.setattr(streamlit_logger, "_loggers", {})
    start_log()

    streamlit_logger.get_logger("streamlit.made_later").warning("password=hunter2")

    said = capsys.readouterr().err
    assert '"logger": "streamlit.made_later"' in said
    assert "hunter2" not in said
    assert logging.getLogger("streamlit.made_later").handlers == []
