"""What comes through between a browser and Streamlit, and what does not."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from starlette.types import Message
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.shared.messages import only_what_pages_ask, without_our_path

T = TypeVar("T")
END: Message = {"type": "websocket.disconnect", "code": 1000}


def apart(coming: Coroutine[Any, Any, T]) -> T:
    """Run in a thread of its own: a browser of another test may have its loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coming).result()


def frame(**asked: object) -> Message:
    return {"type": "websocket.receive", "bytes": BackMsg(**asked).SerializeToString()}  # type: ignore[arg-type]


def come_through(*sent: Message) -> list[Message]:
    left = iter([*sent, END])

    async def receive() -> Message:
        return next(left)

    async def all_of_it() -> list[Message]:
        receiving, come = only_what_pages_ask(receive), []
        while (message := await receiving()) != END:
            come.append(message)
        return come

    return apart(all_of_it())


@pytest.mark.parametrize(
    "asked",
    [
        {"clear_cache": True},
        {"set_run_on_save": True},
        {"load_git_info": True},
        {"debug_disconnect_websocket": True},
        {"debug_shutdown_runtime": True},
        {"backend_operation_request": {"request_id": "r", "install_skills": {}}},
        {"backend_operation_request": {"request_id": "r" * 20_000}},
        {},
    ],
    ids=str,
)
def test_what_no_page_sends_does_not_come_through(asked: dict[str, object], caplog: pytest.LogCaptureFixture) -> None:
    run = frame(rerun_script={"query_string": "account=7"})

    assert come_through(frame(**asked), frame(**asked), run) == [run]
    assert caplog.text.count("Dropped a message") == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"rerun_script": {}},
        {"stop_script": True},
        {"app_heartbeat": True},
        {"file_urls_request": {"request_id": "r", "file_names": ["positions.csv"]}},
        {"backend_operation_request": {"request_id": "r", "deferred_file": {"file_id": "f"}}},
    ],
    ids=str,
)
def test_what_pages_send_comes_through_as_it_is(asked: dict[str, object]) -> None:
    assert come_through(frame(**asked)) == [frame(**asked)]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hi"},
        {"type": "websocket.receive", "text": None, "bytes": b"\xff" * 64},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_left_to_streamlit_which_hangs_up(message: Message) -> None:
    assert come_through(message) == [message]


def test_a_message_of_two_kinds_is_of_the_last_as_streamlit_reads_it() -> None:
    run, clear = frame(rerun_script={})["bytes"], frame(clear_cache=True)["bytes"]

    assert come_through({"type": "websocket.receive", "bytes": run + clear}) == []


def told(*messages: Message) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def all_of_it() -> None:
        for message in messages:
            await without_our_path(send)(message)

    apart(all_of_it())
    return sent


def test_nobody_is_told_where_the_program_is() -> None:
    begins = ForwardMsg()
    begins.new_session.main_script_path = "/srv/of/somebody/app.py"
    begins.new_session.name = "app"

    (message,) = told({"type": "websocket.send", "bytes": begins.SerializeToString()})

    begins.new_session.main_script_path = ""
    assert ForwardMsg.FromString(message["bytes"]) == begins


def test_every_other_message_is_sent_as_it_is() -> None:
    text = ForwardMsg()
    text.delta.new_element.markdown.body = "x" * 100_000
    messages: list[Message] = [
        {"type": "websocket.accept"},
        {"type": "websocket.send", "bytes": text.SerializeToString()},
        {"type": "websocket.send", "bytes": ForwardMsg(heartbeat_ack=True).SerializeToString()},
        {"type": "websocket.send", "bytes": b"\xff"},
        {"type": "websocket.close", "code": 1000},
    ]

    assert told(*messages) == messages
