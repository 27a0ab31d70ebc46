"""The files in deploy/ say what the program does, and hold no secret."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from allocation.settings import Settings
from pages.shared.browser import COOKIE, SESSION_COOKIE
from pages.shared.operations import ROUTES
from pages.shared.requests import _WITH_IDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
NGINX = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
DOCUMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_every_setting_in_compose_and_in_the_document_exists() -> None:
    known = {f"EVENKEEL_{name.upper()}" for name in Settings.model_fields}
    of_compose = {"EVENKEEL_HOST", "EVENKEEL_DB_PASSWORD"}

    given = set(compose()["services"]["evenkeel-1"]["environment"])
    spoken_of = set(re.findall(r"EVENKEEL_[A-Z_]+", DOCUMENT))

    assert given <= known
    assert spoken_of <= known | of_compose


def test_no_secret_has_a_default() -> None:
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", (DEPLOY / "compose.yaml").read_text(encoding="utf-8"))

    assert {name for name, _ in variables} >= {"POSTGRES_PASSWORD", "EVENKEEL_DB_PASSWORD", "EVENKEEL_SECRET_KEYS"}
    assert all(rest.startswith(":?") for _, rest in variables)


def test_the_servers_have_no_rights_they_do_not_need_and_are_not_the_superuser() -> None:
    server = compose()["services"]["evenkeel-1"]

    assert server["cap_drop"] == ["ALL"]
    assert server["read_only"] is True
    assert "@postgres/evenkeel" in server["environment"]["EVENKEEL_DATABASE_URL"]
    assert "//postgres:" not in server["environment"]["EVENKEEL_DATABASE_URL"]
    assert re.search(r"^USER 10001$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_image_holds_all_that_the_app_imports_and_nothing_secret() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    let_in = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()

    assert set(copied) == {"requirements.txt", "app.py", "pages", "allocation", ".streamlit/config.toml"}
    assert {f"!{each}" for each in copied} <= set(let_in)
    assert let_in[0] == "*"


@pytest.mark.parametrize("file", ["nginx.conf", "Caddyfile"])
def test_the_proxies_hide_what_is_for_operators(file: str) -> None:
    text = (DEPLOY / file).read_text(encoding="utf-8")

    assert "metrics" in text
    assert "readyz" in text
    assert "_stcore/metrics" in text
    assert {route.path for route in ROUTES} == {"/healthz", "/readyz", "/metrics"}


def test_nginx_keeps_a_browser_with_one_server_by_our_cookie() -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")

    assert f"__Host-{COOKIE}=" in text


def test_nginx_logs_no_query_and_no_cookie() -> None:
    logged = re.search(r"log_format evenkeel (.*);", NGINX)

    assert logged is not None
    assert set(re.findall(r"\$\w+", logged.group(1))) == {
        *("$remote_addr", "$time_iso8601", "$request_method", "$evenkeel_path"),
        *("$status", "$body_bytes_sent", "$request_time"),
    }
    assert SESSION_COOKIE not in logged.group(1)
    assert re.search(r"error_log +\S+ crit;", NGINX)


WITHOUT_IDS = [
    ("/media/0123abcd.csv", "/media/..."),
    ("/_stcore/upload_file/session/file", "/_stcore/upload_file/..."),
    ("//media//0123abcd.csv", "//media/..."),
    ("/oauth/start/acme", "/oauth/start/..."),
    ("/component/name/index.html", "/component/..."),
    ("/rebalance", "/rebalance"),
]


@pytest.mark.parametrize(("path", "shown"), WITHOUT_IDS)
def test_nginx_logs_no_id_of_a_session_or_a_file(path: str, shown: str) -> None:
    mapped = re.search(r'map \$uri \$evenkeel_path \{.*?"~(\S+)" +"\$evenkeel_start(\.+)";', NGINX, re.DOTALL)

    assert mapped is not None
    met = re.match(mapped.group(1).replace("(?<", "(?P<"), path)
    assert (met["evenkeel_start"] + mapped.group(2) if met else path) == shown


@pytest.mark.parametrize(
    ("uri", "shown"),
    [*WITHOUT_IDS, ("/oauth/callback?code=c&state=s", "/oauth/callback..."), ("/media/0.csv?x=/", "/media/...")],
)
def test_caddy_logs_neither_an_id_nor_a_query_in_requests_and_faults(uri: str, shown: str) -> None:
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    of_faults, of_requests = re.findall(r"\tlog \{.*?\n\t\}", text, re.DOTALL)

    for log in (of_faults, of_requests):
        hidden = re.search(r'request>uri regexp "(.*)" "\$1(.*)"', log)
        assert hidden is not None
        assert re.sub(hidden.group(1), rf"\1{hidden.group(2)}", uri) == shown
        assert {"Cookie", "Authorization", "Referer"} <= set(re.findall(r"request>headers>(\w+) delete", log))


def test_the_proxies_hide_in_paths_what_the_servers_own_log_hides() -> None:
    for file in ("nginx.conf", "Caddyfile"):
        hidden = re.findall(r"/\+\(\?:(.*?)\)/", (DEPLOY / file).read_text(encoding="utf-8"))
        assert hidden
        assert all(set(each.replace("/+", "/").split("|")) == {p.strip("/") for p in _WITH_IDS} for each in hidden)
