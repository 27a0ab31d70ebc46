"""For whoever runs the server: whether it is up, whether it is ready, what it has counted, and how it starts and stops."""

import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from ipaddress import ip_address
from threading import Event

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import get_instance

from allocation.errors import AllocationError, SettingsError
from pages.shared import metrics
from pages.shared.cache import embedded_worker, owners, settings, workbench
from pages.shared.owners import watch

_log = logging.getLogger("evenkeel.server")
_stopping = Event()
_NOT_FOUND = PlainTextResponse("Not found", 404)
_STREAMLIT_METRICS = "/_stcore/metrics"
_AS_PROMETHEUS_READS = "text/plain; version=0.0.4; charset=utf-8"


async def alive(_: Request) -> Response:
    """Whether the process answers at all. Whatever restarts dead servers asks this."""
    return JSONResponse({"status": "ok"})


async def ready(_: Request) -> Response:
    """Whether to send people here: the settings work, the database answers, and nobody has told the server to stop."""
    reason = "stopping" if _stopping.is_set() else await run_in_threadpool(_what_is_missing)
    if reason:
        return JSONResponse({"status": "not ready", "reason": reason}, 503)
    return JSONResponse({"status": "ready"})


async def counted(request: Request) -> Response:
    """The counts, for this machine or for whoever has `EVENKEEL_METRICS_TOKEN`; nobody else learns that they exist."""
    if not may_read_counts(request.scope):
        return _NOT_FOUND
    return Response(metrics.text(), media_type=_AS_PROMETHEUS_READS)


class OwnCounts:
    """Streamlit's own counts are for the same people as ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["path"] == _STREAMLIT_METRICS and not may_read_counts(scope):
            await _NOT_FOUND(scope, receive, send)
        else:
            await self._app(scope, receive, send)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Before the first visitor: the database is opened and what every page needs is imported. After the last: goodbye."""
    await run_in_threadpool(_prepare)
    watch(get_instance().media_file_mgr, owners)
    yield
    _stopping.set()
    _log.info("Stopping.")
    await run_in_threadpool(_let_worker_go)


def may_read_counts(scope: Scope) -> bool:
    """Whether a request comes with the token; where none is set, whether it comes from this machine itself."""
    headers, token = Headers(scope=scope), _token()
    if token:
        return hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {token}".encode())
    client: tuple[str, int] | None = scope.get("client")
    # A proxy on this machine speaks for somebody else, and says so.
    return client is not None and _is_this_machine(client[0]) and not _FORWARDED & set(headers.keys())


ROUTES = [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", counted)]
_FORWARDED = {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"}


def _prepare() -> None:
    for library in ("pandas", "plotly.graph_objects"):
        import_module(library)  # or else the first visitor waits for it
    try:
        workbench()
        embedded_worker()
    except SettingsError as error:  # every page says so too, and goes no further
        _log.error("%s", error)


def _let_worker_go() -> None:
    try:
        worker = embedded_worker()
    except SettingsError:  # there never was one
        return
    if worker is not None:
        worker.stop()


def _what_is_missing() -> str:
    try:
        workbench().check_database()
    except AllocationError as error:
        return error.code
    return ""


def _token() -> str:
    try:
        secret = settings().metrics_token
    except SettingsError:
        return ""
    return secret.get_secret_value() if secret else ""


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
