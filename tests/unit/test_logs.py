"""The log: who and which request on every line, faults without what they should not say, everybody's lines in it."""

import ast
import io
import json
import logging
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allocation.acting import act_as, begin_request
from allocation.errors import AccountNotFoundError
from allocation.logs import last_lines, leave_to_us, start_log
from allocation.redaction import redacted

ROOT = Path(__file__).parents[2]


def messages_of(*packages: str) -> Iterator[str]:
    """What the program itself says to the log."""
    for file in (file for package in packages for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(ast.Attribute(ast.Name("_log")), [ast.Constant(str(said)), *_]):
                    yield said


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The loggers of the tests' own process get back what they had."""
    known = [logging.getLogger(), *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in known]
    hook = threading.excepthook
    yield
    logging.captureWarnings(capture=False)
    threading.excepthook = hook
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.level, logger.propagate = handlers, level, propagate
    logging.getLogger("evenkeel")._cache.clear()  # type: ignore[attr-defined]


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_for_machines_says_when_where_who_and_what(stream: io.StringIO) -> None:
    start_log(stream)
    request = begin_request()
    act_as("u1", "handle")

    logging.getLogger("evenkeel.access").info("request", extra={"fields": {"path": "/x?code=abc", "ms": 12}})

    (line,) = lines(stream)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "evenkeel.access",
        "message": "request",
        "request_id": request,
        "user": "u1",
        "session": "handle",
        "path": "/x?[hidden]",
        "ms": 12,
    }


def test_a_terminal_gets_readable_lines(stream: io.StringIO) -> None:
    stream.isatty = lambda: True  # type: ignore[method-assign]
    start_log(stream)
    request = begin_request()

    logging.getLogger("evenkeel.sign_in").warning("local: %s", "credentials_wrong")

    assert stream.getvalue().endswith(f"WARNING evenkeel.sign_in: local: credentials_wrong [{request}]\n")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_message_cannot_forge_a_second_line(stream: io.StringIO, *, as_json: bool) -> None:
    start_log(stream, as_json=as_json)

    logging.getLogger("evenkeel").warning("user %s refused", "ann\r\n12:00:00 INFO evenkeel: user bob signed in")

    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("as_json", [True, False])
def test_a_fault_is_told_by_its_type_its_frames_and_the_words_of_its_message(
    stream: io.StringIO, *, as_json: bool
) -> None:
    start_log(stream, as_json=as_json)

    try:
        try:
            raise KeyError("Tr0ub4dor&3")
        except KeyError as inner:
            raise ValueError("cannot use hunter2 for 'Jane Doe'") from inner
    except ValueError:
        logging.getLogger("evenkeel").exception("Fault on a page")

    said = stream.getvalue()
    assert "cannot use" in said
    assert "KeyError" in said
    assert "tests/unit/test_logs.py:" in said
    assert not any(secret in said for secret in ("hunter2", "Tr0ub4dor", "Jane", "raise "))


def test_a_refusal_of_ours_is_told_in_its_own_words(stream: io.StringIO) -> None:
    start_log(stream)

    logging.getLogger("evenkeel").error("Refused", exc_info=AccountNotFoundError("main"))

    (fault,) = lines(stream)[0]["fault"]
    assert fault["message"] == "There is no account 'main' that you may see. Choose one on the Accounts page."


def test_everybody_s_lines_are_in_the_log_and_nowhere_else(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    other = logging.getLogger("streamlit.somewhere")
    other.addHandler(logging.StreamHandler())
    other.propagate = False

    start_log(stream)
    other.error("Uncaught: password=hunter2")
    later = logging.getLogger("uvicorn.later")
    later.addHandler(logging.StreamHandler())
    leave_to_us(later)
    later.error("token=abc")

    assert [line["logger"] for line in lines(stream)] == ["streamlit.somewhere", "uvicorn.later"]
    assert "hunter2" not in stream.getvalue()
    assert capsys.readouterr().err == ""


def test_uvicorn_s_own_lines_about_requests_are_off(stream: io.StringIO) -> None:
    start_log(stream)

    logging.getLogger("uvicorn.access").info('%s - "%s %s"', "::1", "GET", "/oauth/callback?code=abc")

    assert stream.getvalue() == ""


def test_a_thread_that_dies_says_so_in_the_log(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    def die() -> None:
        raise ValueError("with s3cr3t")

    start_log(stream)
    thread = threading.Thread(target=die, name="worker")
    thread.start()
    thread.join()

    (line,) = lines(stream)
    assert line["message"] == "Fault in worker"
    assert "s3cr3t" not in stream.getvalue() + capsys.readouterr().err


def test_each_record_is_bound_to_its_request_before_it_is_written(stream: io.StringIO) -> None:
    start_log(stream, before_each=lambda: begin_request("of-this-run"))

    logging.getLogger("evenkeel").warning("x")

    assert lines(stream)[0]["request_id"] == "of-this-run"


def test_a_log_file_is_for_its_owner_alone_and_its_end_can_be_read(tmp_path: Path, stream: io.StringIO) -> None:
    file = tmp_path / "logs" / "evenkeel.log"
    start_log(stream, file=file)

    for number in range(5):
        logging.getLogger("evenkeel").warning("line %d", number)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [json.loads(line)["message"] for line in last_lines(file, 2)] == ["line 3", "line 4"]
    assert last_lines(tmp_path / "none.log", 2) == ()


def test_a_line_names_its_user_whose_id_is_no_secret(stream: io.StringIO) -> None:
    start_log(stream)
    user = "0123456789abcdef" * 2

    logging.getLogger("evenkeel").info("signed in user", extra={"fields": {"user": user, "other": user}})

    (line,) = lines(stream)
    assert (line["user"], line["other"]) == (user, "[hidden]")


@pytest.mark.parametrize("said", sorted(set(messages_of("allocation", "pages"))))
def test_no_message_of_ours_loses_a_word_of_its_own(said: str) -> None:
    assert redacted(said) == said
