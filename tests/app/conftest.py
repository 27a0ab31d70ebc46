"""The app without a browser: each test has a data directory, secrets and a process-wide workbench of its own."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from pages.shared.browser import (
    BROWSER_HEADER,
    CONNECTION_HEADER,
    SESSION_COOKIE,
    SESSION_HEADER,
    cookie_value,
    key_of,
)
from pages.shared.cache import workbench

ROOT = Path(__file__).resolve().parents[2]
RUN_WITHIN_SECONDS = 30
OpenApp = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def workbench_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is read from, or left in, the developer's own Evenkeel; the network is not used for prices."""
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EVENKEEL_PRICES", "off")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def main_module_of_its_own() -> Iterator[None]:
    """A page that runs puts itself in the place of `__main__`, which processes that later tests start would run again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def app_py_before_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the server: the harness forgets between runs that app.py has a table of pages, and would go past it."""
    as_before = PagesManager.__init__

    def with_table_of_pages(self: PagesManager, *args: Any, **kwargs: Any) -> None:
        as_before(self, *args, **kwargs)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", with_table_of_pages)


@pytest.fixture
def cookies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The cookies of the visitor's browser; put one in, and several tabs are of the same browser."""
    kept: dict[str, str] = {}

    def noted_by_our_server(_: object) -> dict[str, str]:
        return {
            BROWSER_HEADER: key_of(cookie_value(kept, secure=False)),
            SESSION_HEADER: key_of(cookie_value(kept, secure=False, name=SESSION_COOKIE)),
            CONNECTION_HEADER: kept.get("connection", ""),
        }

    monkeypatch.setattr(type(st.context), "headers", property(noted_by_our_server))
    return kept


def fetch_cookie(app: AppTest, cookies: dict[str, str], value: str = "s" * 43) -> bool:
    """What a browser does with the image that brings the cookie of a new session; False when there is none."""
    tickets = [found for html in app.get("html") for found in re.findall(r"ticket=([\w-]+)", html.proto.body)]
    browser = key_of(cookie_value(cookies, secure=False))
    entered = any(workbench().sessions.enter(ticket, browser, key_of(value), datetime.now(UTC)) for ticket in tickets)
    if entered:
        cookies[SESSION_COOKIE] = value
    return entered


@pytest.fixture
def open_app() -> OpenApp:
    """Opens app.py as a new visitor: `open_app(secrets={"oidc": {…}})`."""

    def opened(secrets: Mapping[str, Any] | None = None) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=RUN_WITHIN_SECONDS)
        app.secrets = {"tests": "only", **(secrets or {})}  # an empty one would let the developer's own file in
        return app.run()

    return opened


@pytest.fixture
def demo_app(open_app: OpenApp) -> AppTest:
    """A visitor who opened the demo; stands on the rebalancing page."""
    app = open_app()
    return button(app, "Explore the demo").click().run()


def button(app: AppTest, label: str) -> Any:
    """The button with this label."""
    return next(b for b in app.button if b.label == label)


def said(app: AppTest) -> str:
    """Every sentence of the page that informs, warns or refuses."""
    return "\n".join(str(e.value) for kind in (app.error, app.warning, app.info, app.success) for e in kind)
