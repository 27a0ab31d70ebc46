"""The plan as files, on the rebalancing page: what each format gives, who may have it, and until when."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
import streamlit as st
from openpyxl import load_workbook
from streamlit.testing.v1 import AppTest

from allocation.errors import AccountNotFoundError, NotAllowedError
from allocation.model import Account, Position, TaxLot
from allocation.orders import client_id_of
from allocation.presence import Proof
from pages.shared import deferred, downloads
from pages.shared.cache import demos, owners, workbench
from pages.shared.deferred import SessionEndedError, while_signed_in
from pages.shared.owners import DEMO, Owner
from tests.app.conftest import OpenApp
from tests.app.desks import open_page, store_with
from tests.builders import a_portfolio

PAGE = "pages/rebalance.py"
D = Decimal
FAMILY = Account("main", "Family", "Fidelity", "Z12345678")
Files = dict[str, tuple[dict[str, Any], Callable[[], bytes]]]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    """What the page offers, by key: the button's options, and what makes the content at a click."""
    kept: Files = {}
    button = st.download_button

    def noted(label: str, data: Any, *args: Any, **options: Any) -> bool:
        kept[options["key"].removeprefix("rebalance.")] = (options, data)
        return button(label, data, *args, **options)

    monkeypatch.setattr(downloads.st, "download_button", noted)
    monkeypatch.setattr(downloads, "while_signed_in", lambda _, make: make)
    return kept


@pytest.fixture
def desk(open_app: OpenApp, files: Files) -> AppTest:
    """8 BRK B at 100 and 200 in cash, half of it wanted in VTI: 3 go, 5 come."""
    store = store_with(a_portfolio({"BRK B": 8}, 200, FAMILY), target={"BRK.B": "0.5", "VTI": "0.5"})
    return open_page(open_app, PAGE, store, {"BRK B": "100", "VTI": "100"})


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_every_format_holds_the_trades_on_the_page(desk: AppTest, files: Files) -> None:
    made = {key: make() if callable(make) else make for key, (_, make) in files.items()}

    assert not desk.exception
    assert set(made) == {"csv", "xlsx", "json", "interactive_brokers", "fidelity", "alpaca"}
    assert [row[:3] for row in rows(made["interactive_brokers"])[1:]] == [["SELL", "3", "BRK B"], ["BUY", "5", "VTI"]]
    assert [row[2:5] for row in rows(made["fidelity"])] == [["S", "3", "BRKB"], ["B", "5", "VTI"]]
    assert [row[1:4] for row in rows(made["csv"])[1:]] == [["sell", "BRK B", "3"], ["buy", "VTI", "5"]]
    plan_id = json.loads(made["json"])["plan_id"]
    assert [o["client_order_id"] for o in json.loads(made["alpaca"])] == [
        client_id_of("main", plan_id, n) for n in (0, 1)
    ]
    record = load_workbook(BytesIO(made["xlsx"]))["Decision"]
    assert plan_id in {cell.value for cell in record["B"]}


def test_orders_can_be_limited_to_the_planned_price(desk: AppTest, files: Files) -> None:
    desk.segmented_control(key="rebalance.formats.type").set_value("limit").run()

    basket = rows(files["interactive_brokers"][1]())

    assert [row[-2:] for row in basket] == [["OrderType", "LmtPrice"], ["LMT", "100"], ["LMT", "100"]]


def test_what_has_to_be_filled_in_for_fidelity_is_said_until_its_codes_are_typed(desk: AppTest, files: Files) -> None:
    assert any("Fill in before you import: Price Type, Time In Force" in c.value for c in desk.caption)

    desk.text_input(key="rebalance.formats.market").set_value("M")
    desk.text_input(key="rebalance.formats.day").set_value("D").run()

    assert not any("Fill in before" in c.value for c in desk.caption)
    assert rows(files["fidelity"][1]())[0] == ["Z12345678", "", "S", "3", "BRKB", "M", "D", ""]


def test_a_code_that_is_none_is_said_and_left_out(desk: AppTest, files: Files) -> None:
    desk.text_input(key="rebalance.formats.market").set_value("=").run()

    assert any("one or two letters" in e.value for e in desk.error)
    assert rows(files["fidelity"][1]())[0][5] == ""


def test_a_format_that_cannot_hold_the_plan_says_why(open_app: OpenApp, files: Files) -> None:
    store = store_with(a_portfolio({"VOD.L": 8}, 200), target={"VOD.L": "1"})

    app = open_page(open_app, PAGE, store, {"VOD.L": "10"})

    assert files["alpaca"][0]["disabled"]
    assert not files["interactive_brokers"][0]["disabled"]
    assert any("listed outside the United States" in c.value for c in app.caption)


def test_without_trades_there_is_a_record_but_no_order(open_app: OpenApp, files: Files) -> None:
    open_page(open_app, PAGE, store_with(a_portfolio({"VTI": 8}), target={"VTI": "1"}), {"VTI": "10"})

    assert set(files) == {"csv", "xlsx", "json"}
    assert files["csv"][0]["disabled"]
    assert "Decision" in load_workbook(BytesIO(files["xlsx"][1]())).sheetnames


def test_lots_that_no_brokers_file_names_are_pointed_out(open_app: OpenApp, files: Files) -> None:
    lots = (TaxLot(D(3), D(90), date(2024, 1, 2)), TaxLot(D(5), D(80), date(2025, 1, 2)))
    held = replace(a_portfolio(cash=200, account=FAMILY), positions=(Position("VTI", D(8), lots),))

    app = open_page(open_app, PAGE, store_with(held, target={"VTI": "0.5"}), {"VTI": "100"})

    assert "of 202" in files["csv"][1].decode()
    assert any("No broker's file names tax lots" in c.value for c in app.caption)


# ── At the click ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def offered(demo_app: AppTest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bytes]:
    """A download that was offered to a visitor of the demo in a tab."""
    session = demo_app.session_state["state.signed_in"].session
    monkeypatch.setattr(deferred, "this_tab", lambda: "tab")
    demos().begin("browser", datetime.now(UTC))
    owners().note("tab", Owner("browser", DEMO))
    return while_signed_in(session, lambda: b"trades")


def test_a_download_is_made_for_whoever_it_was_offered_to(offered: Callable[[], bytes]) -> None:
    assert offered() == b"trades"


def test_a_download_is_not_made_once_the_tab_is_somebody_elses(offered: Callable[[], bytes]) -> None:
    owners().note("tab", Owner("browser", "somebody"))

    with pytest.raises(SessionEndedError):
        offered()


def test_a_download_is_not_made_once_the_session_ended(offered: Callable[[], bytes]) -> None:
    demos().end("browser")

    with pytest.raises(SessionEndedError):
        offered()


def test_a_download_of_an_account_that_is_gone_is_not_made(demo_app: AppTest, offered: Callable[[], bytes]) -> None:
    session = demo_app.session_state["state.signed_in"].session
    session.store.remove_account(session.user.id, session.accounts.selected_id)

    with pytest.raises(AccountNotFoundError):
        offered()


def test_a_download_is_not_made_for_a_role_that_may_not_export(
    demo_app: AppTest, offered: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = demo_app.session_state["state.signed_in"].session

    def refuse(*_: object) -> None:
        raise NotAllowedError("viewer", "download the account's trades", "trader")

    monkeypatch.setattr(session.store, "authorise", refuse)

    with pytest.raises(NotAllowedError):
        offered()


def test_a_download_lives_as_long_as_the_users_session(demo_app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    session, now = demo_app.session_state["state.signed_in"].session, datetime.now(UTC)
    user = workbench().directory.user_for_identity("https://id.example", "ann", "Ann", "ann@example.org")
    handle = workbench().sessions.begin(Proof(user, now), "browser", "Firefox", now)
    monkeypatch.setattr(deferred, "this_tab", lambda: "tab")
    owners().note("tab", Owner("browser", handle))
    offer = while_signed_in(session, lambda: b"trades")
    assert offer() == b"trades"

    workbench().sessions.end(handle, now)

    with pytest.raises(SessionEndedError):
        offer()
