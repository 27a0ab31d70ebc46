"""The worker: takes what was confirmed to the paper broker, alone in its installation, and ends when nobody is there."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from allocation.authorisation import Verb
from allocation.bootstrap import Workbench, workbench
from allocation.journal import Batch, Intent, LineState
from allocation.limits import Limits
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.order_draft import Place, Terms, draft_batch
from allocation.orders import Order
from allocation.paper_terms import PaperTerms
from allocation.plan import plan_trades
from allocation.settings import Settings
from allocation.targets import TargetAllocation
from allocation.trade_plan import Side
from allocation.working import Worker

D = Decimal
LAX = Limits(order_share=D(1), turnover=D(1), market_hours=False)


@dataclass
class Desk:
    """A paper account with ten VTI at 100, and its worker."""

    bench: Workbench
    user: str
    account: str
    worker: Worker

    def confirm(self) -> Batch:
        """A plan of half VTI, half BND, confirmed."""
        opened = self.bench.links.linked(self.user)[self.account]
        portfolio = self.bench.store.portfolio(self.user, self.account)
        target = TargetAllocation.of({"VTI": "0.5", "BND": "0.5"})
        plan = plan_trades(portfolio, target, {"VTI": D(100), "BND": D(50)})
        place = Place(
            self.user,
            self.account,
            "paper-paper",
            opened.broker_account,
            "USD",
            False,
            self.bench.orders.latest(self.user, self.account),
            portfolio.cash,
            portfolio.quantities,
        )
        batch = draft_batch(plan, place, Terms(), datetime.now(UTC))
        return self.bench.orders.commit(self.user, self.account, batch, Intent.EXECUTE)

    def work(self) -> None:
        """Rounds until nothing is due."""
        for _ in range(50):
            if not self.worker.round():
                return
            self.worker._waiting.clear()  # a test waits for nothing


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    bench = workbench(Settings(data_dir=tmp_path, prices="off"))
    user = bench.people.add("ann", datetime.now(UTC)).id
    now = datetime.now(UTC)

    def held(symbol: str, quantity: int, price: int) -> Position:
        return Position(symbol, D(quantity), quote=Quote(symbol, D(price), "USD", now, PriceSource.FILE))

    start = Portfolio(Account("main", "Main"), (held("VTI", 10, 100), held("BND", 2, 50)), D(100))
    opened = bench.links.open_paper(user, "Rehearsal", start, PaperTerms(spread=D(0)))
    bench.orders.save_limits(user, opened.account.id, LAX)
    return Desk(bench, user, opened.account.id, Worker(bench, Event()))


def test_a_confirmed_batch_is_filled_and_the_account_shows_it(desk: Desk) -> None:
    batch = desk.confirm()

    desk.work()

    done = desk.bench.orders.batch(desk.user, desk.account, batch.id)
    assert [line.state for line in done.lines] == [LineState.FILLED, LineState.FILLED]
    assert done.closed_at is not None
    assert done.differences == {}
    assert desk.bench.store.portfolio(desk.user, desk.account).quantities == {"VTI": D(6), "BND": D(12)}


def test_planning_again_after_the_fills_trades_nothing(desk: Desk) -> None:
    desk.confirm()
    desk.work()

    after = desk.bench.store.portfolio(desk.user, desk.account)

    target = TargetAllocation.of({"VTI": "0.5", "BND": "0.5"})
    assert plan_trades(after, target, {"VTI": D(100), "BND": D(50)}).trades == ()


def test_a_link_that_is_gone_pauses_the_batch_and_says_so(desk: Desk) -> None:
    batch = desk.confirm()
    desk.bench.links.unlink(desk.user, desk.bench.links.linked(desk.user)[desk.account].link.id)

    desk.worker.round()

    paused = desk.bench.orders.batch(desk.user, desk.account, batch.id)
    assert paused.paused_code == "link_refused"
    assert "Link one" in paused.paused_reason


def test_what_the_fills_do_not_explain_is_shown_after_a_while_and_the_batch_is_closed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = desk.confirm()
    way = desk.bench.links.open(desk.user, desk.account, Verb.SEND_ORDERS)
    commit = desk.bench.journal.note

    def deal_by_hand(batch_id: str, now: datetime, what: str, changes: Any, **details: Any) -> Batch:
        if what == "begun":
            way.broker.place(Order("by-hand", way.account.broker_account, "BND", Side.SELL, D(1)))
        return commit(batch_id, now, what, changes, **details)

    monkeypatch.setattr(desk.bench.journal, "note", deal_by_hand)
    monkeypatch.setattr("allocation.working.SETTLE", timedelta(0))
    desk.work()

    assert desk.bench.orders.batch(desk.user, desk.account, batch.id).differences == {"BND": -1}


def test_a_second_worker_waits_for_the_first(desk: Desk) -> None:
    with desk.bench.journal.alone_of_all() as first, desk.bench.journal.alone_of_all() as second:
        assert first is not None
        assert second is None


def test_an_embedded_worker_ends_with_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EVENKEEL_PRICES", "off")
    command = [sys.executable, "-m", "allocation", "orders", "work", "--embedded"]

    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 0, ended.stderr
    assert '"rounds"' in ended.stdout
