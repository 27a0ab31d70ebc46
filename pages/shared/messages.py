"""What a browser may ask of Streamlit over its websocket, and what Streamlit may tell it.

Streamlit takes from anybody who is connected what only its developer's menu sends: to clear the cache of all visitors, to
look into the repository, to write files. None of that comes through.
"""

import logging

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from starlette.types import Message, Receive, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_log = logging.getLogger("evenkeel.server")

# What our pages need: a run, its end, addresses for uploads, a sign of life, and a download made when it is asked for.
_ASKED = {"rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "backend_operation_request"}
_OPERATIONS = {"deferred_file"}
_LONGEST_NEW_SESSION = 64_000  # the message that begins a run is of a few KB; tables and charts need not be looked into


def only_what_pages_ask(receive: Receive) -> Receive:
    """The same connection, without the messages that no page of ours sends; the first is said in the log."""
    said = False

    async def received() -> Message:
        nonlocal said
        while True:
            message = await receive()
            dropped = message["type"] == "websocket.receive" and _is_foreign(message)
            if not dropped:
                return message
            if not said:
                _log.warning("Dropped a message that no page of ours sends.")
            said = True

    return received


def without_our_path(send: Send) -> Send:
    """The same connection, on which nobody is told where on this machine the program is."""

    async def sent(message: Message) -> None:
        data = message.get("bytes") if message["type"] == "websocket.send" else None
        await send({**message, "bytes": _without_path(data)} if data and len(data) <= _LONGEST_NEW_SESSION else message)

    return sent


def _is_foreign(message: Message) -> bool:
    """Text, and what cannot be read, are left to Streamlit, which closes the connection."""
    data, asked = message.get("bytes"), BackMsg()
    if data is None:
        return False
    try:
        asked.ParseFromString(data)
    except DecodeError:
        return False
    kind = asked.WhichOneof("type")
    if kind == "backend_operation_request":
        return asked.backend_operation_request.WhichOneof("payload") not in _OPERATIONS
    return kind not in _ASKED


def _without_path(data: bytes) -> bytes:
    told = ForwardMsg()
    try:
        told.ParseFromString(data)
    except DecodeError:
        return data
    if told.WhichOneof("type") != "new_session" or not told.new_session.main_script_path:
        return data
    told.new_session.main_script_path = ""
    blanked: bytes = told.SerializeToString()
    return blanked
