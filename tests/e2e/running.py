"""The real app on a free port of this machine, with its own data directory and secrets."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, expect

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_SECONDS = 60
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHARTS_ARE_DRAWN = """() => [...document.querySelectorAll("[data-testid=stPlotlyChart]")]
    .every(chart => chart.querySelector(".main-svg"))"""
_QUIET = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]


@dataclass(frozen=True)
class RunningApp:
    """A server a browser can be pointed at."""

    url: str
    data_dir: Path
    log: Path


def chromium_path() -> str | None:
    """Where this machine keeps its Chromium, if it has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def launch_chromium(playwright: Playwright, path: str | None) -> Browser:
    """A headless browser that asks nothing of the network by itself."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = [*_QUIET, *(["--no-sandbox"] if root else [])]
    return playwright.chromium.launch(executable_path=path, args=arguments)


def settled(page: Page) -> None:
    """Wait until the page's script has run, its charts are drawn and its fonts are there: nothing moves any more."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.wait_for_function(_CHARTS_ARE_DRAWN)
    page.evaluate("() => document.fonts.ready.then(() => true)")


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_app(
    directory: Path, secrets: str = "", environment: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[RunningApp]:
    """`streamlit run app.py` until the block ends; prices are off unless the environment says otherwise."""
    port = port or free_port()
    secrets_file = directory / "secrets.toml"
    secrets_file.write_text(secrets, encoding="utf-8")
    app = RunningApp(f"http://localhost:{port}", directory / "data", directory / "server.log")
    options = [f"--server.port={port}", "--server.headless=true", f"--secrets.files={secrets_file}"]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *options]
    settings = {"EVENKEEL_DATA_DIR": str(app.data_dir), "EVENKEEL_PRICES": "off", **(environment or {})}
    with app.log.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log)
    try:
        _wait_until_ready(app, process)
        yield app
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait_until_ready(app: RunningApp, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{app.url}/_stcore/health", timeout=2)
            return
        time.sleep(0.1)
    raise RuntimeError(f"The app did not come up:\n{app.log.read_text(errors='replace')[-4000:]}")
