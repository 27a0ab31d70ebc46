"""Planted secrets: one day in the life of a server, told every kind of secret there is, and where none of them is after."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from allocation.adapters.alpaca_kind import AlpacaKind
from allocation.adapters.sql.database import open_database
from allocation.adapters.sql.tables import sealed_secret
from allocation.authorisation import Role
from allocation.bootstrap import Workbench, workbench
from allocation.brokers import Mode
from allocation.errors import AllocationError, TokenUnreadableError
from allocation.linking import Link
from allocation.model import Account, Portfolio, Position
from allocation.ports import User
from allocation.settings import Settings
from allocation.sign_in import totp
from allocation.sign_in.patience import Patience
from allocation.sign_in.second_factor import SecondFactors
from allocation.vault import secret_named
from tests import openid_provider
from tests.alpaca_side import AlpacaSide
from tests.e2e.running import ROOT, RunningApp, running_app
from tests.openid_provider import OpenIdProvider, running_provider

pytestmark = pytest.mark.browser

PASSWORD, WRONG_PASSWORD = "canary battery staple one", "canary-Wr0ng!password"
ACCOUNT_NUMBER = "Z987654321"
CHOSEN = {
    "password": PASSWORD,
    "wrong password": WRONG_PASSWORD,
    "wrong setup code": "canary0setup0code",
    "client secret": openid_provider.CLIENT_SECRET,
    "access token": "canary-access-token-5b1c",
    "refresh token": "canary-refresh-token-77aa",
    "unsolicited code": "canary-code-from-nowhere",
    "unsolicited state": "canary-state-from-nowhere",
    "broker token": "canary broker token 1a2b3c",
    "metrics token": "canary-metrics-token-9f",
    "authorization header": "Y2FuYXJ5OmF1dGhvcml6YXRpb24=",
    "database password": "canary-Pa55-database",
    "account number": ACCOUNT_NUMBER,
}
# The keeper of an account needs its whole number to find it again in the next file; everywhere else it is masked.
KEPT_IN_THE_DATABASE = {"account number"}


@dataclass
class Day:
    """What was secret, and everything that was written or shown meanwhile."""

    secrets: dict[str, str] = field(default_factory=lambda: dict(CHOSEN))
    places: dict[str, str] = field(default_factory=dict)

    def show(self, place: str, text: str) -> None:
        self.places[place] = self.places.get(place, "") + "\n" + text


class ListeningHandler(openid_provider._Handler):
    """The provider's side of the flow, which learns the verifier and keeps the codes."""

    day: Day

    def _refusal(self, form: dict[str, str]) -> str:
        asked = self.server.codes.get(form.get("code", ""), {})
        self.day.secrets |= {"PKCE verifier": form.get("code_verifier", ""), "OAuth code": form.get("code", "")}
        self.day.secrets |= {name: asked[name] for name in ("state", "nonce") if name in asked}
        return super()._refusal(form)


def listen(provider: OpenIdProvider, day: Day) -> None:
    def keep(tokens: dict[str, Any]) -> None:
        tokens |= {"access_token": CHOSEN["access token"], "refresh_token": CHOSEN["refresh token"]}
        day.secrets["ID token"] = tokens["id_token"]
        day.secrets["ID token's claims"], day.secrets["ID token's signature"] = tokens["id_token"].split(".")[1:]

    provider.change_tokens = keep
    provider.RequestHandlerClass = type("Listening", (ListeningHandler,), {"day": day})  # type: ignore[assignment]


@pytest.fixture(scope="module")
def day(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Day:
    day, directory = Day(), tmp_path_factory.mktemp("canaries")
    environment = {
        "EVENKEEL_LOG_FILE": str(directory / "evenkeel.log"),
        "EVENKEEL_METRICS_TOKEN": CHOSEN["metrics token"],
        "STREAMLIT_SERVER_ADDRESS": "0.0.0.0",
    }
    with running_provider() as provider:
        listen(provider, day)
        with running_app(directory, provider.secrets_toml, environment) as app:
            spend_the_day(browser, app, day)
            day.secrets["vault key"] = (app.data_dir / "secret.key").read_text().strip()
            keep_what_was_written(app, day, directory, environment)
    return day


def spend_the_day(browser: Browser, app: RunningApp, day: Day) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    create_the_first_account(page, app, day)
    bench = workbench(Settings(data_dir=app.data_dir, prices="off"))
    jane = User(bench.people.everybody()[0].user.id, "jane")
    recovery_code = plant_at_rest(bench, jane, day)
    look_round(page, app, day)
    sign_out(page)
    sign_in_with_a_recovery_code(page, day, recovery_code)
    remember(page, day)
    sign_out(page)
    sign_in_with_the_provider(page, day)
    remember(page, day)
    knock_from_outside(app)
    context.close()


def create_the_first_account(page: Page, app: RunningApp, day: Day) -> None:
    page.goto(app.url)
    page.get_by_role("textbox", name="Setup code").wait_for()
    printed = next(line for line in app.log.read_text().splitlines() if "The setup code" in line)
    day.secrets["setup code"] = printed.split()[-1]
    for code in (CHOSEN["wrong setup code"], day.secrets["setup code"]):
        page.get_by_role("textbox", name="Setup code").fill(code)
        fill_in(page, PASSWORD, "Create account")
        if code == CHOSEN["wrong setup code"]:
            expect(page.get_by_text("not the setup code")).to_be_visible()
            day.show("a page that refuses", without_fields(page))
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def plant_at_rest(bench: Workbench, jane: User, day: Day) -> str:
    """A second factor, a broker's token, an invitation and an account; a recovery code to sign in with."""
    factors = SecondFactors(bench.credentials, bench.vault, Patience(bench.failures), bench.trail)
    day.secrets["TOTP seed"] = factors.begin(jane).key.replace(" ", "")
    seed = bench.vault.open(jane.id, "second_factor", bench.credentials.second_factor(jane.id).sealed_seed)  # type: ignore[union-attr]
    day.secrets["TOTP seed, raw"] = seed.hex()
    codes = factors.confirm(jane, totp.code_at(seed, totp.step_at(datetime.now(UTC))))
    day.secrets["recovery code"], day.secrets["unused recovery code"] = codes[:2]
    sealed = bench.vault.seal(jane.id, secret_named("broker"), CHOSEN["broker token"].encode())
    database = open_database(bench.settings.database_url.get_secret_value())
    row = {"user_id": jane.id, "name": "broker", "sealed": sealed, "saved_at": datetime.now(UTC)}
    with database.writing(jane.id) as connection:
        connection.execute(sealed_secret.insert(), row)
    with pytest.raises(TokenUnreadableError):
        bench.vault.open(jane.id, secret_named("another"), sealed)
    link_a_broker(bench, jane, day)
    token = bench.teams.invite(jane.id, bench.teams.create_team(jane.id, "Family"), Role.VIEWER)
    day.secrets["invitation token"] = token
    with pytest.raises(AllocationError):
        bench.teams.accept(jane.id, token + "x")
    holdings = Portfolio(
        Account("main", "Main", "Broker", ACCOUNT_NUMBER), (Position("VTI", Decimal(10)),), Decimal(100)
    )
    bench.store.save_portfolios(jane.id, [holdings])
    return codes[0]


def link_a_broker(bench: Workbench, jane: User, day: Day) -> None:
    """Link, fail to link, refresh: all that keys are needed for."""
    with ExitStack() as closing:
        alpaca = AlpacaSide(closing)
        bench.links._kinds["alpaca"] = AlpacaKind(wire_of=lambda _host: alpaca.wire)
        keys = {"key_id": alpaca.stub.key_id, "secret": alpaca.stub.secret}
        day.secrets |= {"broker key": keys["key_id"], "broker secret": keys["secret"]}
        with pytest.raises(AllocationError):
            bench.links.begin(jane.id, "alpaca", "keys", Mode.PAPER, keys | {"secret": CHOSEN["broker token"]})
        link = bench.links.begin(jane.id, "alpaca", "keys", Mode.PAPER, keys)
        assert isinstance(link, Link)
        (linked,) = bench.links.refresh(jane.id, link.id).saved
        bench.store.rename_account(jane.id, linked.account.id, "Zulu at Alpaca")  # the others' place stays the first


def look_round(page: Page, app: RunningApp, day: Day) -> None:
    shown = {"accounts": "Accounts", "holdings": "Main", "rebalance": "Main", "history": "History"}
    for address, title in shown.items():
        page.goto(f"{app.url}/{address}")
        expect(page.get_by_role("heading", name=title).first).to_be_visible()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        day.show("pages", page.content())


def sign_in_with_a_recovery_code(page: Page, day: Day, recovery_code: str) -> None:
    fill_in(page, WRONG_PASSWORD, "Sign in")
    expect(page.get_by_text("do not match")).to_be_visible()
    day.show("a page that refuses", without_fields(page))
    fill_in(page, PASSWORD, "Sign in")
    for typed in ("0000-0000-0000-0000", recovery_code):
        page.get_by_role("textbox", name="Code", exact=True).fill(typed)
        page.get_by_role("button", name="Continue", exact=True).click()
        if typed != recovery_code:
            expect(page.get_by_text("not right")).to_be_visible()
            day.show("a page that refuses", without_fields(page))
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def sign_in_with_the_provider(page: Page, day: Day) -> None:
    with page.expect_popup() as opening:
        page.frame_locator("iframe").get_by_role("button", name="Continue with Acme").click()
    opening.value.get_by_role("link", name="Approve").click()
    expect(page.get_by_text("jane@example.com")).to_be_visible()
    day.show("pages", page.content())


def knock_from_outside(app: RunningApp) -> None:
    query = urlencode({"code": CHOSEN["unsolicited code"], "state": CHOSEN["unsolicited state"]})
    for address in (
        f"/oauth/callback?{query}",
        f"/?{query}",
        "/metrics",
        "/media/x.csv?token=canary-access-token-5b1c",
    ):
        headers = {"Authorization": f"Basic {CHOSEN['authorization header']}", "Cookie": "evenkeel_browser=x"}
        try:
            urllib.request.urlopen(urllib.request.Request(app.url + address, headers=headers), timeout=10).read()
        except urllib.error.HTTPError as error:
            error.close()


def remember(page: Page, day: Day) -> None:
    """The cookies, which are secrets, and all else a script in the page could get at."""
    for cookie in page.context.cookies():
        if cookie.get("httpOnly"):
            day.secrets[f"cookie {cookie['name']} {len(day.secrets)}"] = cookie["value"]
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
    day.show("browser storage", kept)


def keep_what_was_written(app: RunningApp, day: Day, directory: Path, environment: Mapping[str, str]) -> None:
    printed = [line for line in app.log.read_text().splitlines() if "The setup code" not in line]
    day.show("log", "\n".join(printed))
    day.show("log file", (directory / "evenkeel.log").read_text())
    with sqlite3.connect(app.data_dir / "evenkeel.sqlite") as plain:
        day.show("database", "\n".join(plain.iterdump()))
    for file in app.data_dir.glob("evenkeel.sqlite*"):
        day.show("database", file.read_bytes().decode("latin-1"))
    told = {**os.environ, **environment, "EVENKEEL_DATA_DIR": str(app.data_dir), "EVENKEEL_PRICES": "off"}
    for url in ("", f"postgresql://jane:{CHOSEN['database password']}@127.0.0.1:1/evenkeel"):
        command = [sys.executable, "-m", "allocation"]
        for action in (["support-bundle"], ["trail", "verify"], ["keys", "list"]):
            ran = subprocess.run(
                [*command, *action],
                cwd=ROOT,
                env={**told, "EVENKEEL_DATABASE_URL": url},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            day.show("support bundle" if action == ["support-bundle"] else "command line", ran.stdout + ran.stderr)


def fill_in(page: Page, password: str, press: str) -> None:
    page.get_by_label("User name").fill("jane")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name=press, exact=True).click()


def without_fields(page: Page) -> str:
    """All of the page but for what its visitor typed, which stands in the fields until they leave."""
    return re.sub(r' value="[^"]*"', "", page.content())


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Explore the demo")).to_be_visible()


PLACES = [
    "log",
    "log file",
    "database",
    "support bundle",
    "command line",
    "pages",
    "a page that refuses",
    "browser storage",
]


@pytest.mark.parametrize("place", PLACES)
def test_no_planted_secret_is_found(day: Day, place: str) -> None:
    but = KEPT_IN_THE_DATABASE if place == "database" else set()

    found = [name for name, secret in day.secrets.items() if secret in day.places[place] and name not in but]

    assert found == []


def test_the_day_had_every_kind_of_secret_and_each_place_has_something_to_say(day: Day) -> None:
    assert len(day.secrets) >= 20
    assert all(len(secret) >= 8 for secret in day.secrets.values())
    assert {
        "PKCE verifier",
        "OAuth code",
        "state",
        "nonce",
        "ID token",
        "setup code",
        "vault key",
    } <= day.secrets.keys()
    assert sum(name.startswith("cookie") for name in day.secrets) >= 3
    assert set(day.places) == set(PLACES)
    assert ACCOUNT_NUMBER[-4:] in day.places["pages"]
    assert '"trail_first_broken_line": null' in day.places["support bundle"]


def test_what_happened_is_in_the_trail_all_the_same(day: Day) -> None:
    said = day.places["database"]

    kinds = ("user_created", "sign_in", "sign_in_refused", "second_factor_on", "second_factor_refused", "import")
    assert [kind for kind in (*kinds, "recovery_code_used", "sign_out") if f"'{kind}'" not in said] == []


def test_every_line_of_the_log_is_a_whole_one(day: Day) -> None:
    lines = [line for line in day.places["log file"].splitlines() if line]

    told = [json.loads(line) for line in lines]
    assert {"evenkeel.access", "evenkeel.sign_in"} <= {line["logger"] for line in told}
    assert all(
        re.fullmatch(r"[0-9a-f]{10}", line["request_id"]) for line in told if line["logger"] == "evenkeel.access"
    )
    assert datetime.fromisoformat(told[0]["time"]) > datetime.now(UTC) - timedelta(hours=1)
