"""A batch at a broker that names no client ids: each order once, whatever is lost and however often we begin anew."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.adapters.sql.database import open_database
from allocation.adapters.sql.journal import SqlJournal
from allocation.adapters.sql.order_desk import SqlOrderDesk
from allocation.adapters.sql.people import SqlPeople
from allocation.adapters.sql.store import SqlStore
from allocation.execution import Executor, Means, Progress, Standing
from allocation.journal import Batch, Intent, Line
from allocation.limits import Limits
from allocation.model import Account, Portfolio, PriceSource, Quote
from tests.broker_side import CASH, HELD, PRICES, AfterFault
from tests.etrade_side import EtradeSide
from tests.etrade_stub import KEY
from tests.order_builders import a_batch, a_line

D = Decimal
LAX = Limits(order_share=D(1), turnover=D(1), duplicate_minutes=0)


class Alone:
    """Nobody else wants the turn."""

    def lasts(self) -> bool:
        return True


class Desk:
    """An account at the loopback E*TRADE, and a process that dies after each round."""

    def __init__(self, path: Path, closing: ExitStack) -> None:
        self.etrade = EtradeSide(closing)
        database = open_database(f"sqlite:///{path / 'evenkeel.sqlite'}")
        closing.callback(database.close)
        self.ann = SqlPeople(database).add("ann", self.now()).id
        SqlStore(database).save_portfolios(self.ann, [Portfolio(Account("main", "Main"), ())])
        self.desk, self.journal = SqlOrderDesk(database, now=self.now), SqlJournal(database)
        self.desk.save_limits(self.ann, "main", LAX)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def confirm(self, *lines: Line) -> Batch:
        batch = a_batch(*lines, owner_id=self.ann, holdings=HELD, cash=CASH, live=True, reviewed_at=self.now())
        named = tuple(replace(line, order=replace(line.order, account=KEY)) for line in batch.lines)
        return self.desk.commit(self.ann, "main", replace(batch, broker_account=KEY, lines=named), Intent.EXECUTE)

    def advance(self, batch: Batch) -> Progress:
        """One round of a process that remembers nothing of the one before."""
        self.etrade.broker = self.etrade.opened()
        means = Means(self.journal, self.etrade.broker, self._quotes, self.now)
        return Executor(means, Alone()).advance(batch.id)

    def _quotes(self, symbols: object) -> dict[str, Quote]:
        return {s: Quote(s, price, "USD", self.now(), PriceSource.YAHOO) for s, price in PRICES.items()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as closing:
        yield Desk(tmp_path, closing)


def lines() -> tuple[Line, Line]:
    return a_line(1, "sell", 2, "VTI", price=250), a_line(2, "buy", 10, "BND", price="72.31")


def ordered(desk: Desk) -> list[tuple[str, str, str]]:
    return [(o.terms["orderAction"], o.terms["symbol"], o.terms["quantity"]) for o in desk.etrade.stub.orders]


@pytest.mark.parametrize("fault", [None, *AfterFault])
def test_every_order_is_placed_once_though_an_answer_is_lost_and_the_process_with_it(
    desk: Desk, fault: AfterFault | None
) -> None:
    batch = desk.confirm(*lines())
    if fault is not None:
        desk.etrade.suffer_after(fault)

    for _ in range(3):
        progress = desk.advance(batch)
        desk.etrade.recover()

    assert progress.standing == Standing.DONE
    assert [line.state.value for line in progress.batch.lines] == ["filled", "filled"]
    assert ordered(desk) == [("SELL", "VTI", "2"), ("BUY", "BND", "10")]
    assert progress.batch.differences == {}


def test_an_open_order_of_an_earlier_process_is_followed_until_it_is_filled(desk: Desk) -> None:
    desk.etrade.stub.standing = True
    batch = desk.confirm(*lines())

    waiting = desk.advance(batch)
    desk.etrade.stub.standing = False
    desk.etrade.stub._fill(desk.etrade.stub.orders[0])
    desk.advance(batch)
    done = desk.advance(batch)

    assert waiting.standing == Standing.WAITING
    assert done.standing == Standing.DONE
    assert ordered(desk) == [("SELL", "VTI", "2"), ("BUY", "BND", "10")]


def test_an_open_order_of_an_earlier_process_is_called_back(desk: Desk) -> None:
    desk.etrade.stub.standing = True
    batch = desk.confirm(*lines())
    desk.advance(batch)

    desk.desk.intend(desk.ann, "main", batch.id, Intent.STOP)
    desk.advance(batch)

    assert [order.status for order in desk.etrade.stub.orders] == ["CANCELLED"]


def test_an_order_in_doubt_that_looks_like_another_is_left_to_a_person(desk: Desk) -> None:
    batch = desk.confirm(*lines())
    desk.etrade.suffer_after(AfterFault.GATEWAY)
    desk.advance(batch)
    placed = desk.etrade.stub.orders
    placed.append(replace(placed[0], number=900))  # the customer sold the same by hand

    held = desk.advance(batch)

    assert held.standing == Standing.HELD
    assert held.batch.lines[0].state.value == "hold"
    assert "2 orders that look like" in held.batch.lines[0].note
    assert ordered(desk) == [("SELL", "VTI", "2"), ("SELL", "VTI", "2")]
