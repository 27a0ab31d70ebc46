"""A batch on its way to the broker: sales first, each order once, and every doubt resolved or left to a person."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from allocation.adapters.sql.database import open_database
from allocation.adapters.sql.journal import SqlJournal
from allocation.adapters.sql.order_desk import SqlOrderDesk
from allocation.adapters.sql.people import SqlPeople
from allocation.adapters.sql.store import SqlStore
from allocation.execution import Executor, Means, Progress, Standing
from allocation.journal import Batch, Decision, Intent, Line, LineState
from allocation.limits import Limits
from allocation.model import Account, Portfolio
from allocation.orders import OrderStatus
from tests.order_builders import NOW, D, a_batch, a_line
from tests.scripted_broker import SIGNED_OUT, UNREACHABLE, ScriptedBroker

LAX = Limits(order_share=D(1), turnover=D(1), duplicate_minutes=0)


class Turn:
    """Whoever is alone has it."""

    ours = True

    def lasts(self) -> bool:
        return self.ours


class Bench:
    """One account with its journal, its broker and a clock that a test moves."""

    def __init__(self, path: Path) -> None:
        self.database = open_database(f"sqlite:///{path / 'evenkeel.sqlite'}")
        self.ann = SqlPeople(self.database).add("ann", NOW).id
        SqlStore(self.database).save_portfolios(self.ann, [Portfolio(Account("main", "Main"), ())])
        self.desk = SqlOrderDesk(self.database, now=lambda: self.now)
        self.journal = SqlJournal(self.database)
        self.desk.save_limits(self.ann, "main", LAX)
        self.now = NOW
        self.turn = Turn()
        self.broker = ScriptedBroker()
        self.halted: dict[str, str] = {}

    def confirm(self, *lines: Line, **changes: object) -> Batch:
        """A batch reviewed against what the broker holds now."""
        batch = a_batch(*lines, owner_id=self.ann, holdings=self.broker.held, cash=self.broker.cash, **changes)  # type: ignore[arg-type]
        return self.desk.commit(self.ann, "main", batch, Intent.EXECUTE)

    def executor(self) -> Executor:
        means = Means(
            self.journal, self.broker, self.broker.quotes, lambda: self.now, lambda s, _c, _n: self.halted.get(s, "")
        )
        return Executor(means, self.turn)

    def advance(self, batch: Batch) -> Progress:
        """One round of an executor that remembers nothing of the round before."""
        return self.executor().advance(batch.id)

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.database.close()


def states(progress: Progress) -> list[str]:
    return [line.state.value for line in progress.batch.lines]


def sell(number: int, quantity: int, symbol: str) -> Line:
    return a_line(number, "sell", quantity, symbol)


def buy(number: int, quantity: int, symbol: str) -> Line:
    return a_line(number, "buy", quantity, symbol)


def test_sales_go_first_and_the_batch_is_closed_when_the_broker_holds_what_was_bought(bench: Bench) -> None:
    bench.broker = ScriptedBroker({"VTI": 10}, cash=0)
    batch = bench.confirm(buy(1, 5, "BND"), sell(2, 5, "VTI"))

    done = bench.advance(batch)

    assert done.standing == Standing.DONE
    assert [order.symbol for order in bench.broker.placed] == ["VTI", "BND"]
    assert states(done) == ["filled", "filled"]
    assert done.batch.closed_at == NOW
    assert done.batch.differences == {}


def test_purchases_wait_until_every_sale_is_over(bench: Bench) -> None:
    bench.broker = ScriptedBroker({"VTI": 10}, cash=500)
    bench.broker.script = ["open"]
    batch = bench.confirm(sell(1, 5, "VTI"), buy(2, 4, "BND"))

    waiting = bench.advance(batch)
    bench.broker.fill("VTI", 2)
    partly = bench.advance(batch)
    bench.broker.fill("VTI")
    done = bench.advance(batch)

    assert (waiting.standing, states(waiting)) == (Standing.WAITING, ["accepted", "reviewed"])
    assert states(partly) == ["partial", "reviewed"]
    assert (done.standing, states(done)) == (Standing.DONE, ["filled", "filled"])


def test_purchases_are_sized_to_the_cash_that_came_in(bench: Bench) -> None:
    bench.broker = ScriptedBroker({"VTI": 10, "AAPL": 10}, cash=0)
    batch = bench.confirm(sell(1, 10, "VTI"), buy(2, 5, "BND"), buy(3, 5, "TIP"))
    bench.broker.prices["VTI"] = D(98)  # 980 instead of 1,000 came in

    done = bench.advance(batch)

    assert [(line.order.symbol, line.filled) for line in done.batch.lines] == [("VTI", 10), ("BND", 5), ("TIP", 4)]
    assert bench.broker.cash == 80


def test_a_fee_that_nobody_foresaw_makes_the_last_purchase_smaller(bench: Bench) -> None:
    bench.broker = ScriptedBroker({}, cash=1000)
    bench.broker.fee = D(1)
    batch = bench.confirm(buy(1, 5, "BND"), buy(2, 5, "TIP"))

    done = bench.advance(batch)

    assert [line.filled for line in done.batch.lines] == [5, 4]
    assert bench.broker.cash == 98


def test_what_is_to_be_kept_is_not_spent(bench: Bench) -> None:
    bench.broker = ScriptedBroker({}, cash=1000)
    batch = bench.confirm(buy(1, 10, "BND"), keep=D(150))

    assert [line.filled for line in bench.advance(batch).batch.lines] == [8]


def test_the_purchases_that_needed_a_failed_sale_are_held(bench: Bench) -> None:
    bench.broker = ScriptedBroker({"VTI": 10}, cash=500)
    bench.broker.script = ["refused"]
    batch = bench.confirm(sell(1, 5, "VTI"), buy(2, 4, "BND"), buy(3, 4, "TIP"))

    held = bench.advance(batch)

    assert states(held) == ["refused", "filled", "hold"]
    assert held.standing == Standing.HELD
    assert "The sale of VTI did not bring the money" in held.said


def test_a_person_lets_a_held_purchase_go_as_far_as_the_money_does(bench: Bench) -> None:
    bench.broker = ScriptedBroker({"VTI": 10}, cash=500)
    bench.broker.script = ["refused"]
    batch = bench.confirm(sell(1, 5, "VTI"), buy(2, 3, "BND"), buy(3, 4, "TIP"))
    bench.advance(batch)

    bench.desk.decide(bench.ann, "main", batch.id, 3, Decision.SEND)
    done = bench.advance(batch)

    assert states(done) == ["refused", "filled", "hold"]  # it still needs the sale's money …
    bench.desk.decide(bench.ann, "main", batch.id, 3, Decision.SKIP)
    assert bench.advance(batch).standing == Standing.DONE


def test_a_partial_fill_that_is_cancelled_books_its_part_and_leaves_the_rest(bench: Bench) -> None:
    bench.broker.script = ["open"]
    batch = bench.confirm(buy(1, 10, "BND"))
    bench.advance(batch)

    bench.broker.fill("BND", 4, OrderStatus.CANCELLED)
    done = bench.advance(batch)

    (line,) = done.batch.lines
    assert (done.standing, line.state, line.filled, bench.broker.held["BND"]) == (
        Standing.DONE,
        LineState.CANCELLED,
        4,
        4,
    )


# ── Doubt ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("unique", [True, False])
def test_an_accepted_order_whose_answer_was_lost_is_found_and_not_sent_again(bench: Bench, unique: bool) -> None:
    bench.broker = ScriptedBroker(unique=unique)
    bench.broker.script = ["lost"]
    batch = bench.confirm(buy(1, 5, "BND"))

    doubtful = bench.advance(batch)
    done = bench.advance(batch)

    assert states(doubtful) == ["unknown"]
    assert (done.standing, states(done), bench.broker.asked) == (Standing.DONE, ["filled"], 1)


def test_an_order_that_did_not_arrive_is_sent_again_under_its_id_where_ids_are_unique(bench: Bench) -> None:
    bench.broker.script = ["gone", "gone"]
    batch = bench.confirm(buy(1, 5, "BND"))

    rounds = [bench.advance(batch) for _ in range(3)]

    assert [states(each) for each in rounds] == [["unknown"], ["unknown"], ["filled"]]
    assert [order.client_id for order in bench.broker.placed] == [batch.lines[0].order.client_id]
    assert rounds[-1].batch.lines[0].attempts == 3


def test_where_ids_are_not_unique_nothing_in_doubt_is_sent_again(bench: Bench) -> None:
    bench.broker = ScriptedBroker(unique=False)
    bench.broker.script = ["gone"]
    batch = bench.confirm(buy(1, 5, "BND"))

    bench.advance(batch)
    looking = bench.advance(batch)
    bench.later(minutes=2)
    held = bench.advance(batch)

    assert (states(looking), states(held), held.standing) == (["unknown"], ["hold"], Standing.HELD)
    assert bench.broker.asked == 1


def test_a_held_order_that_shows_up_late_is_taken_up(bench: Bench) -> None:
    bench.broker = ScriptedBroker(unique=False)
    bench.broker.script = ["lost"]
    bench.broker.hidden = 2
    batch = bench.confirm(buy(1, 5, "BND"))
    bench.advance(batch)
    bench.later(minutes=2)

    held, found = bench.advance(batch), bench.advance(batch)
    done = bench.advance(batch)

    assert states(held) == ["hold"]
    assert "filled" in states(found) + states(done)
    assert len(bench.broker.placed) == 1


def test_a_broker_that_shows_its_orders_late_gets_no_second_one(bench: Bench) -> None:
    bench.broker.script = ["lost"]
    bench.broker.hidden = 3
    batch = bench.confirm(buy(1, 5, "BND"))

    rounds = [bench.advance(batch) for _ in range(5)]

    assert len(bench.broker.placed) == 1
    assert states(rounds[-1]) == ["filled"]


def test_nothing_is_sent_again_after_a_day(bench: Bench) -> None:
    bench.broker.script = ["gone"]
    batch = bench.confirm(buy(1, 5, "BND"))
    bench.advance(batch)
    bench.later(hours=24)

    assert states(bench.advance(batch)) == ["hold"]
    assert bench.broker.asked == 1


def test_a_clock_that_went_back_sends_nothing_again(bench: Bench) -> None:
    bench.broker.script = ["gone"]
    batch = bench.confirm(buy(1, 5, "BND"))
    bench.advance(batch)
    bench.later(hours=-1)

    assert states(bench.advance(batch)) == ["unknown"]
    assert bench.broker.asked == 1


def test_a_refusal_of_an_order_in_doubt_says_nothing_about_the_first_attempt(bench: Bench) -> None:
    bench.broker.script = ["gone", "refused"]
    batch = bench.confirm(buy(1, 5, "BND"))
    executor = bench.executor()

    for _ in range(3):
        last = executor.advance(batch.id)
    bench.later(minutes=2)

    assert states(last) == ["unknown"]
    assert states(executor.advance(batch.id)) == ["hold"]
    assert bench.broker.asked == 2


def test_an_executor_that_went_away_while_sending_left_an_order_in_doubt(bench: Bench) -> None:
    from allocation.journal import sending

    batch = bench.confirm(buy(1, 5, "BND"))
    bench.journal.note(batch.id, NOW, "begun", {"begun_at": NOW})
    bench.journal.write(batch.lines[0], sending(batch.lines[0], NOW), batch.id, NOW)

    done = bench.advance(batch)

    assert states(done) == ["filled"]
    assert len(bench.broker.placed) == 1


def test_other_terms_under_the_same_id_stop_the_batch(bench: Bench) -> None:
    bench.broker.script = ["lost"]
    batch = bench.confirm(buy(1, 5, "BND"), buy(2, 2, "TIP"))
    bench.broker.script = ["lost", "open"]
    bench.advance(batch)
    report = bench.broker.report_of("BND")
    bench.broker.report(replace(report, order=replace(report.order, quantity=D(50))))

    stopped = bench.advance(batch)

    assert stopped.batch.lines[0].state == LineState.CONFLICT
    assert (stopped.standing, stopped.batch.paused_code) == (Standing.PAUSED, "ORDER_CONFLICT")


def test_more_filled_than_asked_for_freezes_the_account(bench: Bench) -> None:
    bench.broker.script = ["open"]
    batch = bench.confirm(buy(1, 5, "BND"))
    bench.advance(batch)
    report = bench.broker.report_of("BND")
    bench.broker.report(replace(report, status=OrderStatus.FILLED, filled=D(6), average_price=D(100)))

    bench.advance(batch)

    stop = bench.desk.stop_of(bench.ann, "main")
    assert stop is not None
    assert "filled 6 units of BND, and 5 were asked for" in stop.reason


# ── In the middle ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_link_that_expires_in_the_middle_pauses_and_goes_on_where_it_was(bench: Bench) -> None:
    bench.broker.script = ["", "auth"]
    batch = bench.confirm(buy(1, 2, "BND"), buy(2, 2, "TIP"))

    paused = bench.advance(batch)
    still = bench.advance(batch)
    bench.desk.intend(bench.ann, "main", batch.id, Intent.EXECUTE)
    done = bench.advance(batch)

    assert (paused.standing, paused.batch.paused_code, states(paused)) == (
        Standing.PAUSED,
        "BROKER_AUTH",
        ["filled", "reviewed"],
    )
    assert still.standing == Standing.PAUSED
    assert (done.standing, states(done)) == (Standing.DONE, ["filled", "filled"])
    assert len(bench.broker.placed) == 2


def test_a_link_that_is_dead_when_orders_are_in_doubt_leaves_them_in_doubt(bench: Bench) -> None:
    bench.broker.script = ["lost"]
    batch = bench.confirm(buy(1, 2, "BND"))
    bench.advance(batch)

    bench.broker.down = SIGNED_OUT
    paused = bench.advance(batch)
    bench.broker.down = None
    bench.desk.intend(bench.ann, "main", batch.id, Intent.EXECUTE)

    assert (paused.standing, states(paused)) == (Standing.PAUSED, ["unknown"])
    assert states(bench.advance(batch)) == ["filled"]


def test_a_broker_that_does_not_answer_is_waited_for(bench: Bench) -> None:
    batch = bench.confirm(buy(1, 2, "BND"))
    bench.broker.down = UNREACHABLE

    waiting = bench.advance(batch)
    bench.broker.down = None

    assert (waiting.standing, waiting.said, states(waiting)) == (Standing.WAITING, str(UNREACHABLE), ["reviewed"])
    assert bench.advance(batch).standing == Standing.DONE


def test_the_kill_switch_stops_what_was_not_sent_and_follows_what_was(bench: Bench) -> None:
    bench.broker.script = ["open"]
    bench.broker.held["VTI"] = D(2)
    batch = bench.confirm(sell(1, 2, "VTI"), buy(2, 2, "TIP"))
    bench.advance(batch)
    bench.desk.stop(bench.ann, "main", "Ann pressed stop.")
    bench.broker.fill("VTI")

    stopped = bench.advance(batch)

    assert (stopped.standing, stopped.batch.paused_code) == (Standing.PAUSED, "KILL_SWITCH")
    assert states(stopped) == ["filled", "reviewed"]


def test_the_kill_switch_is_asked_before_every_order(bench: Bench) -> None:
    batch = bench.confirm(buy(1, 2, "BND"), buy(2, 2, "TIP"))
    place = bench.broker.place

    def place_and_stop(order, preview=None):  # type: ignore[no-untyped-def]
        report = place(order, preview)
        bench.desk.stop(bench.ann, "main", "Ann pressed stop.")
        return report

    bench.broker.place = place_and_stop  # type: ignore[method-assign]
    stopped = bench.advance(batch)

    assert states(stopped) == ["filled", "reviewed"]
    assert stopped.batch.paused_code == "KILL_SWITCH"
    assert "Ann pressed stop." in stopped.said


def test_calling_back_cancels_what_is_open_and_sends_nothing_more(bench: Bench) -> None:
    bench.broker = ScriptedBroker({"VTI": 10})
    bench.broker.script = ["part"]
    batch = bench.confirm(sell(1, 10, "VTI"), buy(2, 2, "TIP"))
    bench.advance(batch)

    bench.desk.intend(bench.ann, "main", batch.id, Intent.STOP)
    done = bench.advance(batch)

    assert (done.standing, states(done)) == (Standing.DONE, ["cancelled", "skipped"])
    assert done.batch.lines[0].filled == 5
    assert len(bench.broker.placed) == 1


def test_an_executor_that_lost_its_turn_sends_nothing(bench: Bench) -> None:
    batch = bench.confirm(buy(1, 2, "BND"))
    bench.turn.ours = False

    assert "Another executor" in bench.advance(batch).said
    assert bench.broker.asked == 0


def test_no_more_orders_leave_in_a_minute_than_the_limit_says(bench: Bench) -> None:
    bench.desk.save_limits(bench.ann, "main", replace(LAX, orders_per_minute=2))
    batch = bench.confirm(*(buy(number, 1, f"S{number}") for number in range(1, 4)))

    waiting = bench.advance(batch)
    bench.later(seconds=61)
    done = bench.advance(batch)

    assert states(waiting) == ["filled", "filled", "reviewed"]
    assert done.standing == Standing.DONE


# ── Before anything is sent ─────────────────────────────────────────────────────────────────────────────────────────


def change_price(bench: Bench) -> None:
    bench.broker.prices["BND"] = D(103)


def change_holdings(bench: Bench) -> None:
    bench.broker.held["VTI"] = D(1)


def wait_too_long(bench: Bench) -> None:
    bench.later(minutes=6)


def turn_the_clock_back(bench: Bench) -> None:
    bench.later(hours=-1)


def close_the_market(bench: Bench) -> None:
    bench.halted["BND"] = "the exchange is closed"


def block_the_account(bench: Bench) -> None:
    bench.broker.blocked = "margin call"


def press_stop(bench: Bench) -> None:
    bench.desk.stop(bench.ann, "main", "Ann pressed stop.")


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (change_price, "REVIEW_EXPIRED"),
        (change_holdings, "REVIEW_EXPIRED"),
        (wait_too_long, "REVIEW_EXPIRED"),
        (turn_the_clock_back, "REVIEW_EXPIRED"),
        (close_the_market, "MARKET_CLOSED"),
        (block_the_account, "ACCOUNT_BLOCKED"),
        (press_stop, "KILL_SWITCH"),
    ],
)
def test_a_batch_that_does_not_pass_the_gate_is_closed_with_nothing_sent(
    bench: Bench, happens: object, code: str
) -> None:
    batch = bench.confirm(buy(1, 2, "BND"), buy(2, 2, "TIP"))
    happens(bench)  # type: ignore[operator]

    refused = bench.advance(batch)

    assert (refused.standing, refused.batch.paused_code, states(refused)) == (
        Standing.DONE,
        code,
        ["skipped", "skipped"],
    )
    assert refused.said
    assert bench.broker.asked == 0


def test_a_price_that_leaves_the_collar_in_the_middle_holds_the_order(bench: Bench) -> None:
    bench.broker.script = ["open"]
    bench.broker.held["VTI"] = D(2)
    batch = bench.confirm(sell(1, 2, "VTI"), buy(2, 2, "BND"))
    bench.advance(batch)
    bench.broker.fill("VTI")
    change_price(bench)

    held = bench.advance(batch)

    assert states(held) == ["filled", "hold"]
    assert "3 % apart" in held.said


# ── Afterwards ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_holdings_that_the_fills_do_not_explain_are_shown_and_nothing_is_changed(bench: Bench) -> None:
    bench.broker.script = ["open"]
    batch = bench.confirm(buy(1, 2, "BND"))
    bench.advance(batch)
    bench.broker.fill("BND")
    bench.broker.held["AAPL"] = D(3)
    executor = bench.executor()

    first = executor.advance(batch.id)
    bench.later(minutes=2)
    closed = executor.advance(batch.id)

    assert first.standing == Standing.WAITING
    assert (closed.standing, closed.batch.differences) == (Standing.DONE, {"AAPL": 3})


def test_a_closed_batch_is_left_alone(bench: Bench) -> None:
    batch = bench.confirm(buy(1, 2, "BND"))
    bench.advance(batch)
    bench.broker.down = UNREACHABLE

    assert bench.advance(batch).standing == Standing.DONE


def test_many_open_orders_are_followed_by_one_list(bench: Bench) -> None:
    bench.broker.script = ["open"] * 5
    batch = bench.confirm(*(buy(number, 1, f"S{number}") for number in range(1, 6)))
    bench.advance(batch)
    for number in range(1, 6):
        bench.broker.fill(f"S{number}")
    bench.broker.find = None  # type: ignore[assignment,method-assign]  nobody is asked one by one

    assert bench.advance(batch).standing == Standing.DONE
