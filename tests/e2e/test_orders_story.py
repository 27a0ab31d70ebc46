"""From review to fills in a real browser, with a real worker beside the server: as many orders as lines, each once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from allocation.authorisation import Verb
from allocation.bootstrap import Workbench, workbench
from allocation.limits import Limits
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.paper_terms import PaperTerms
from allocation.settings import Settings
from allocation.targets import TargetAllocation
from tests.e2e.running import RunningApp, running_app, settled

pytestmark = pytest.mark.browser
D = Decimal
LAX = Limits(market_hours=False, quote_minutes=600, collar=D("0.05"))
SYMBOLS = tuple(f"S{number}" for number in range(8))


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningApp]:
    with running_app(tmp_path) as app:
        yield app


def opened_account(bench: Workbench, user: str) -> str:
    """A paper account of eight securities, away from equal weights."""
    now = datetime.now(UTC)
    held = tuple(
        Position(s, D(10 + n % 5), quote=Quote(s, D(40 + 5 * n), "USD", now, PriceSource.FILE))
        for n, s in enumerate(SYMBOLS)
    )
    start = Portfolio(Account("main", "Main"), held, D(1500))
    account: str = bench.links.open_paper(user, "Rehearsal", start, PaperTerms(spread=D(0))).account.id
    bench.store.save_target(user, account, TargetAllocation.of(dict.fromkeys(SYMBOLS, "0.12")))
    bench.orders.save_limits(user, account, LAX)
    return account


def test_a_double_click_another_click_a_reload_and_a_closed_tab_send_each_order_once(
    page: Page, own_server: RunningApp
) -> None:
    page.goto(own_server.url)
    page.get_by_label("User name").first.fill("jane")
    page.get_by_label("Password").first.fill("correct horse battery")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("Signed in as")).to_be_visible()
    bench = workbench(Settings(data_dir=own_server.data_dir, prices="off"))
    user = bench.people.everybody()[0].user.id
    account = opened_account(bench, user)
    page.goto(f"{own_server.url}/orders")
    page.get_by_role("button", name="Review orders").click()
    page.get_by_role("button", name="Send ").first.click()
    settled(page)

    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).dblclick()
    expect(
        page.get_by_role("button", name="Call back what is not filled").or_(page.get_by_text("Done at"))
    ).to_be_visible()
    page.get_by_text("Limits for orders").click()
    page.reload()
    elsewhere = page.context.new_page()
    page.close()
    elsewhere.goto(f"{own_server.url}/orders")

    expect(elsewhere.get_by_text("Done at").first).to_be_visible()
    (batch,) = bench.orders.batches(user, account)
    assert len(batch.lines) >= 4
    assert {(line.state.value, line.attempts) for line in batch.lines} == {("filled", 1)}
    way = bench.links.linked(user)[account]
    ids = [line.order.client_id for line in batch.lines]
    found = bench.links.open(user, account, Verb.SEND_ORDERS).broker.orders(way.broker_account, batch.reviewed_at)
    assert sorted(report.order.client_id for report in found) == sorted(ids)
