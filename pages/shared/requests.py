"""Which request this is: one id for each run of a page and each HTTP request, in log, trail and error message alike."""

import logging
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import logger as streamlit_logger
from streamlit.runtime.scriptrunner import get_script_run_ctx

from allocation.acting import acting, begin_request
from allocation.errors import SettingsError
from allocation.logs import leave_to_us
from allocation.logs import start_log as start_lines
from allocation.redaction import hide_always
from allocation.settings import load_settings

_log = logging.getLogger("evenkeel.access")
_RUN = "_evenkeel_run"
# What has an id of its own behind it, which is not for the log.
_WITH_IDS = ("/_stcore/upload_file/", "/media/", "/oauth/start/", "/component/")
_OF_THE_PAGE = ("/static/", "/_stcore/", "/component/", "/healthz")
HEADER = "X-Request-Id"


def bind_run() -> str:
    """The id of this run of a page, a fragment or a callback; outside of one, of the HTTP request."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return acting().request_id
    # Streamlit tells nobody that a run begins, but gives each run new cursors.
    kept = getattr(context, _RUN, None)
    if kept is None or kept[0] is not context.cursors:
        kept = (context.cursors, begin_request())
        setattr(context, _RUN, kept)
    elif acting().request_id != kept[1]:
        begin_request(kept[1])
    run_id: str = kept[1]
    return run_id


def start_log() -> None:
    """Ours for everything that is said in this process, Streamlit's and uvicorn's lines included."""
    try:
        settings = load_settings()
    except SettingsError:  # said on the page, to whoever opens it
        start_lines(before_each=bind_run)
    else:
        hide_always(settings.secrets())
        as_json = None if settings.log == "auto" else settings.log == "json"
        try:
            start_lines(as_json=as_json, file=settings.log_file, before_each=bind_run)
        except OSError as error:
            start_lines(as_json=as_json, before_each=bind_run)
            _log.error("EVENKEEL_LOG_FILE cannot be written: %s. The log goes to standard error alone.", error.strerror)
    # Streamlit gives each of its loggers a handler of its own, those to come as well.
    streamlit_logger.setup_formatter = leave_to_us


class Requests:
    """Gives every HTTP request its id and writes its line; addresses without query, and without ids in them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id, began, status = begin_request(), time.monotonic(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            elif message["type"] == "websocket.close":
                status = 403
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            _write_line(scope, status, time.monotonic() - began)


def _write_line(scope: Scope, status: int, seconds: float) -> None:
    path: str = scope["path"]
    routine = path.startswith(_OF_THE_PAGE) and status < 400
    shown = next((start + "…" for start in _WITH_IDS if path.startswith(start)), path)[:200]
    fields = {"method": scope.get("method", "WEBSOCKET"), "path": shown, "status": status, "ms": round(seconds * 1000)}
    _log.log(logging.DEBUG if routine else logging.INFO, "request", extra={"fields": fields})
