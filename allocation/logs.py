"""The log: one JSON object a line for machines, a readable line for a terminal; each names its request, none a secret.

Streamlit and uvicorn write through the standard library's logging, so ours is that as well: one handler takes all.
"""

import json
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from allocation.acting import acting
from allocation.errors import AllocationError
from allocation.redaction import on_one_line, only_words, redacted

OURS = "evenkeel"
LARGEST_FILE = 5_000_000
FILES_KEPT = 5
_LONGEST_MESSAGE = 2_000
_FRAMES = 40
_IDS = {"user"}  # made here, and what somebody who helps asks for


class JsonLines(logging.Formatter):
    """A line for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one JSON object."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **_who(record),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            told["fault"] = list(_faults(record.exc_info[1]))
        return json.dumps(told, ensure_ascii=True, default=str)


class PlainLines(logging.Formatter):
    """A line for a person at a terminal; a fault's frames below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        who, fields = _who(record), _fields(record)
        time = datetime.fromtimestamp(record.created).astimezone()
        line = f"{time:%H:%M:%S} {record.levelname:7} {record.name}: {_message(record)}"
        line += "".join(f" {name}={value}" for name, value in fields.items())
        if who:
            line += f" [{who['request_id']}]"
        if not record.exc_info or record.exc_info[1] is None:
            return line
        told = (
            f"  {fault['type']}: {fault['message']}\n    " + "\n    ".join(fault["frames"])
            for fault in _faults(record.exc_info[1])
        )
        return "\n".join((line, *told))


def start_log(
    stream: TextIO | None = None,
    *,
    as_json: bool | None = None,
    file: Path | None = None,
    before_each: Callable[[], object] | None = None,
) -> None:
    """Take over every logger of the process.

    Args:
        stream: standard error when not given.
        as_json: by default where the stream is no terminal.
        file: written as well, as JSON for its owner alone, and changed when it is full.
        before_each: called in the thread of each record, to find out which request it belongs to.
    """
    stream = stream or sys.stderr
    lines: logging.Handler = logging.StreamHandler(stream)
    lines.setFormatter(PlainLines() if as_json is False or (as_json is None and stream.isatty()) else JsonLines())
    handlers = [lines] if file is None else [lines, _to_file(file)]
    for handler in handlers:
        handler.addFilter(_binding(before_each or (lambda: None)))
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(logging.INFO)
    for name in list(logging.root.manager.loggerDict):
        leave_to_us(logging.getLogger(name))
    # Its lines carry whole addresses, with the codes of a sign-in and the ids of sessions; the server writes its own.
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_thread_fault


def leave_to_us(logger: logging.Logger) -> None:
    """Whatever this logger says goes through our handlers and no other."""
    logger.handlers.clear()
    logger.propagate = True


def last_lines(file: Path, number: int) -> tuple[str, ...]:
    """The end of a log file; nothing where there is none."""
    try:
        return tuple(file.read_text("utf-8", "replace").splitlines()[-number:])
    except FileNotFoundError:
        return ()


def _to_file(path: Path) -> logging.Handler:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    handler = RotatingFileHandler(path, maxBytes=LARGEST_FILE, backupCount=FILES_KEPT, encoding="utf-8")
    handler.setFormatter(JsonLines())
    return handler


def _binding(bind: Callable[[], object]) -> Callable[[logging.LogRecord], bool]:
    def keep(record: logging.LogRecord) -> bool:
        bind()
        who = acting()
        record.who = {
            name: value
            for name, value in (("request_id", who.request_id), ("user", who.user_id), ("session", who.session))
            if value
        }
        return True

    return keep


def _who(record: logging.LogRecord) -> Mapping[str, str]:
    who: Mapping[str, str] = getattr(record, "who", {})
    return who if "request_id" in who else {}


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    return {
        name: redacted(value) if isinstance(value, str) and name not in _IDS else value
        for name, value in fields.items()
    }


def _message(record: logging.LogRecord) -> str:
    return redacted(record.getMessage())[:_LONGEST_MESSAGE]


def _faults(fault: BaseException | None) -> Iterator[dict[str, Any]]:
    """The fault and what led to it. Frames without the lines of code, and of a foreign message only the words."""
    while fault is not None:
        said = redacted(str(fault)) if isinstance(fault, AllocationError) else only_words(str(fault))
        yield {
            "type": type(fault).__name__,
            "message": said[:_LONGEST_MESSAGE],
            "frames": [on_one_line(frame) for frame in _frames(fault.__traceback__)],
        }
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)


def _frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace)[-_FRAMES:]:
        yield f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno} {frame.name}"


def _log_thread_fault(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        name = arguments.thread.name if arguments.thread else "thread"
        logging.getLogger(OURS).error("Fault in %s", name, exc_info=arguments.exc_value)
