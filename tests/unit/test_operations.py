"""What whoever runs the server asks it: is it up, is it ready, what did it count. Who may not know learns nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from allocation.adapters.sql.database import open_database
from allocation.model import PriceSource, Quote
from pages.shared import metrics, operations
from pages.shared.cache import settings

HERE, ELSEWHERE = ("127.0.0.1", 50_000), ("203.0.113.7", 50_000)
TOKEN = "a token of sixteen or more"


async def streamlits_own(_: Request) -> Response:
    return PlainTextResponse("active_sessions 1")


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    yield from asked_from(HERE, tmp_path, monkeypatch)


@pytest.fixture
def ask_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    yield from asked_from(ELSEWHERE, tmp_path, monkeypatch)


def asked_from(client: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("EVENKEEL_PRICES", "off")
    st.cache_resource.clear()
    operations._stopping.clear()
    streamlits_files = MediaFileManager(MemoryMediaFileStorage("/media"))
    monkeypatch.setattr(operations, "get_instance", lambda: SimpleNamespace(media_file_mgr=streamlits_files))
    routes = [*operations.ROUTES, Route("/_stcore/metrics", streamlits_own)]
    app = Starlette(routes=routes, middleware=[Middleware(operations.OwnCounts)], lifespan=operations.lifespan)
    yield TestClient(app, client=client)
    operations._stopping.clear()
    st.cache_resource.clear()


def test_a_server_whose_database_answers_is_ready(ask: TestClient) -> None:
    answer = ask.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_a_server_whose_tables_somebody_took_away_is_alive_but_not_ready(ask: TestClient) -> None:
    assert ask.get("/readyz").status_code == 200
    database = open_database(settings().database_url.get_secret_value())
    with database.writing() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    database.close()

    answer = ask.get("/readyz")

    assert (answer.status_code, answer.json()["reason"]) == (503, "store_unavailable")
    assert ask.get("/healthz").status_code == 200


def test_settings_that_cannot_work_are_said_by_their_code_and_without_their_value(
    ask: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", "mysql://somebody:hush@host/name")
    st.cache_resource.clear()

    answer = ask.get("/readyz")

    assert answer.status_code == 503
    assert "hush" not in answer.text


def test_a_server_that_is_stopping_asks_for_no_more_visitors(ask: TestClient) -> None:
    with ask:
        assert ask.get("/readyz").status_code == 200

    # Leaving the block is the end of the server's life.
    answer = ask.get("/readyz")

    assert (answer.status_code, answer.json()["reason"]) == (503, "stopping")


def test_the_database_is_open_before_the_first_visitor(ask: TestClient) -> None:
    with ask:
        assert (Path(settings().data_dir) / "evenkeel.sqlite").exists()


@pytest.mark.parametrize("path", ["/metrics", "/_stcore/metrics"])
def test_this_machine_may_read_the_counts(path: str, ask: TestClient) -> None:
    assert ask.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/_stcore/metrics"])
def test_nobody_else_learns_that_there_are_counts(path: str, ask_from_elsewhere: TestClient) -> None:
    assert ask_from_elsewhere.get(path).status_code == 404


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_on_this_machine_speaks_for_somebody_else(header: str, ask: TestClient) -> None:
    assert ask.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404


def test_with_a_token_it_is_the_token_that_counts(
    ask: TestClient, ask_from_elsewhere: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_METRICS_TOKEN", TOKEN)
    st.cache_resource.clear()

    assert ask.get("/metrics").status_code == 404
    assert ask_from_elsewhere.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert ask_from_elsewhere.get("/metrics", headers={"Authorization": TOKEN}).status_code == 404
    assert ask_from_elsewhere.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert TOKEN not in repr(settings())


def test_what_happened_is_counted(ask: TestClient) -> None:
    before = counts(ask)
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    quotes = [quote("A", now - timedelta(minutes=5)), quote("B", now - timedelta(days=2))]

    with metrics.one_run("Rebalance"), metrics.one_plan(quotes, now):
        pass
    metrics.price_failed("rate_limited")
    metrics.sign_in_refused("local", "credentials")
    metrics.fault_met()

    after = counts(ask)
    assert risen(before, after, 'evenkeel_runs_total{page="Rebalance"}') == 1
    assert risen(before, after, "evenkeel_plan_seconds_count") == 1
    assert risen(before, after, 'evenkeel_price_age_seconds_bucket{le="86400.0"}') == 0  # the oldest is of two days ago
    assert risen(before, after, 'evenkeel_price_age_seconds_bucket{le="259200.0"}') == 1
    assert risen(before, after, 'evenkeel_price_failures_total{fault="rate_limited"}') == 1
    assert risen(before, after, 'evenkeel_sign_in_refusals_total{reason="credentials",way="local"}') == 1
    assert risen(before, after, "evenkeel_faults_total") == 1


def test_a_plan_that_is_refused_is_not_counted_as_one(ask: TestClient) -> None:
    before = counts(ask)

    with pytest.raises(RuntimeError), metrics.one_plan([], datetime.now(UTC)):
        raise RuntimeError

    assert risen(before, counts(ask), "evenkeel_plan_seconds_count") == 0


def quote(symbol: str, time: datetime) -> Quote:
    return Quote(symbol, Decimal(10), "USD", time, PriceSource.YAHOO)


def counts(ask: TestClient) -> dict[str, float]:
    lines = ask.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def risen(before: dict[str, float], after: dict[str, float], name: str) -> float:
    return after[name] - before.get(name, 0)
