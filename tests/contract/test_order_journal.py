"""The journal of orders on every database: whole or not at all, compared before it is changed, and one executor a time."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Executable, delete, text, update
from sqlalchemy.exc import DatabaseError

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.journal import SqlJournal
from allocation.adapters.sql.order_desk import SqlOrderDesk
from allocation.adapters.sql.order_tables import order_batch, order_event, order_line
from allocation.adapters.sql.turns import turn_at
from allocation.bookkeeping import Heartbeat
from allocation.errors import AccountNotFoundError, NotAllowedError, StoreUnavailableError
from allocation.journal import (
    Batch,
    BatchOvertakenError,
    Decision,
    Intent,
    JournalError,
    LineState,
    MovedMeanwhileError,
    sending,
    step,
    told,
)
from allocation.limits import Limits
from allocation.model import TaxLot
from allocation.orders import OrderStatus
from allocation.trail import EventKind
from tests.order_builders import NOW, D, a_batch, a_line, a_report
from tests.people import World, new_world

LATER = NOW + timedelta(seconds=5)


@pytest.fixture
def world(database: Database) -> World:
    return new_world(database)


@pytest.fixture
def desk(world: World) -> SqlOrderDesk:
    return SqlOrderDesk(world.database, world.trail, lambda: NOW)


@pytest.fixture
def journal(world: World) -> SqlJournal:
    return SqlJournal(world.database)


def committed(world: World, desk: SqlOrderDesk, *lines: object, **changes: object) -> Batch:
    batch = a_batch(*lines, owner_id=world.ann, **changes)  # type: ignore[arg-type]
    return desk.commit(world.ann, "main", batch, Intent.EXECUTE)


def test_a_batch_comes_back_as_it_was_committed(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    sale = a_line(1, "sell", "2.5", increment="0.001", limit="99.10")
    sale = replace(sale, order=replace(sale.order, lots=(TaxLot(D("2.5"), D("80.01"), NOW.date()),)))
    batch = a_batch(sale, a_line(2, symbol="BND"), holdings={"VTI": "10"}, cash="12.30", owner_id=world.ann)

    kept = desk.commit(world.ann, "main", batch, Intent.EXECUTE)

    assert kept == replace(batch, intent=Intent.EXECUTE, wanted_at=NOW)
    assert journal.load(batch.id) == kept == desk.batch(world.ann, "main", batch.id)
    assert journal.due() == (kept,)


def test_a_batch_that_waits_is_not_due(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch = desk.commit(world.ann, "main", a_batch(owner_id=world.ann), Intent.WAIT)

    assert journal.due() == ()
    desk.intend(world.ann, "main", batch.id, Intent.EXECUTE)
    assert [each.id for each in journal.due()] == [batch.id]


def test_two_clicks_and_two_tabs_make_one_batch(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch = a_batch(owner_id=world.ann)

    with ThreadPoolExecutor(4) as tabs:
        kept = set(tabs.map(lambda _: desk.commit(world.ann, "main", batch, Intent.EXECUTE).id, range(4)))

    assert kept == {batch.id}
    assert len(journal.due()) == 1
    assert len(journal.due()[0].lines) == 1


def test_another_plan_reviewed_before_the_last_batch_is_refused(world: World, desk: SqlOrderDesk) -> None:
    committed(world, desk)

    with pytest.raises(BatchOvertakenError, match="still under way"):
        committed(world, desk, plan_id="another")


def test_the_next_batch_follows_the_last_one_that_is_done(
    world: World, desk: SqlOrderDesk, journal: SqlJournal
) -> None:
    first = committed(world, desk)
    journal.note(first.id, LATER, "closed", {"closed_at": LATER})

    with pytest.raises(BatchOvertakenError, match="since the review"):
        committed(world, desk, plan_id="another")
    second = committed(world, desk, plan_id="another", follows=first.id, reviewed_at=LATER)

    assert desk.latest(world.ann, "main") == second.id
    assert [each.id for each in desk.batches(world.ann, "main")] == [second.id, first.id]


def test_a_line_changes_only_from_what_it_was(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch = committed(world, desk)
    line = batch.lines[0]
    first = journal.write(line, sending(line, LATER), batch.id, LATER)

    with pytest.raises(MovedMeanwhileError, match="VTI"):
        journal.write(line, step(line, LineState.SKIPPED), batch.id, LATER)

    assert journal.load(batch.id).lines == (first,)


def test_of_several_executors_one_takes_the_step(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch = committed(world, desk)
    line = batch.lines[0]

    def take(_: int) -> bool:
        try:
            journal.write(line, sending(line, LATER), batch.id, LATER)
        except MovedMeanwhileError:
            return False
        return True

    with ThreadPoolExecutor(4) as executors:
        assert sorted(executors.map(take, range(4))) == [False, False, False, True]
    assert [event.what for event in desk.events(world.ann, "main", batch.id)] == ["reviewed", "submitting"]


def test_every_step_is_an_event_with_what_changed(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch = committed(world, desk)
    sent = journal.write(batch.lines[0], sending(batch.lines[0], LATER), batch.id, LATER)
    journal.write(sent, told(sent, a_report(sent, OrderStatus.FILLED, 10, price="99.50")), batch.id, LATER)

    reviewed, submitting, filled = desk.events(world.ann, "main", batch.id)

    assert (reviewed.what, reviewed.by, reviewed.details) == ("reviewed", world.ann, {"intent": "execute"})
    assert (submitting.line, submitting.details) == (1, {"from": "reviewed", "to": "submitting", "attempts": 1})
    assert filled.details["average_price"] == "99.5"
    assert [event.number for event in (reviewed, submitting, filled)] == [1, 2, 3]


def test_a_line_and_its_event_are_written_together_or_not_at_all(
    world: World, desk: SqlOrderDesk, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allocation.adapters.sql import journal as module

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailableError("disk full")

    batch = committed(world, desk)
    monkeypatch.setattr(module, "add_event", fail)

    with pytest.raises(StoreUnavailableError):
        journal.write(batch.lines[0], sending(batch.lines[0], LATER), batch.id, LATER)

    assert journal.load(batch.id) == batch


@pytest.mark.parametrize(
    "statement",
    [update(order_event).values(what="nothing"), delete(order_event), delete(order_line), delete(order_batch)],
)
def test_events_are_only_added_and_nothing_is_deleted(world: World, desk: SqlOrderDesk, statement: Executable) -> None:
    batch = committed(world, desk)

    if world.database.engine.dialect.name == "sqlite":
        with pytest.raises(DatabaseError, match="only added to"), world.database.writing(world.ann) as connection:
            connection.execute(statement)
    else:  # PostgreSQL's fence lets nobody find what they may not change
        with world.database.writing(world.ann) as connection:
            assert connection.execute(statement).rowcount == 0

    assert desk.batch(world.ann, "main", batch.id) == batch
    assert [event.what for event in desk.events(world.ann, "main", batch.id)] == ["reviewed"]


def test_the_database_itself_refuses_to_change_an_event(
    world: World, desk: SqlOrderDesk, request: pytest.FixtureRequest
) -> None:
    committed(world, desk)
    if world.database.engine.dialect.name == "postgresql":
        engine = request.getfixturevalue("postgres_superuser")  # whom no policy holds
    else:
        engine = world.database.engine

    with pytest.raises(DatabaseError, match="only added to"), engine.begin() as connection:
        connection.execute(text("UPDATE order_event SET what = 'nothing'"))


def test_purchases_are_made_smaller_and_never_larger(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch = committed(world, desk, a_line(1), a_line(2, symbol="BND"), a_line(3, symbol="TIP"))

    fitted = journal.fit(batch.id, {1: D(7), 2: D(0), 3: D(10)}, LATER, "less came in")
    again = journal.fit(batch.id, {1: D(9), 3: D(11)}, LATER, "less came in")

    assert [(line.order.quantity, line.reviewed_quantity, line.state) for line in fitted.lines] == [
        (D(7), D(10), LineState.REVIEWED),
        (D(10), D(10), LineState.SKIPPED),
        (D(10), D(10), LineState.REVIEWED),
    ]
    assert again == fitted == journal.load(batch.id)
    assert fitted.sized_at == LATER


def test_what_was_sent_is_never_made_smaller(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch = committed(world, desk)
    journal.write(batch.lines[0], sending(batch.lines[0], LATER), batch.id, LATER)

    assert journal.fit(batch.id, {1: D(7)}, LATER, "less came in").lines[0].order.quantity == 10


def test_orders_sent_lately_are_counted_over_all_batches_of_the_account(
    world: World, desk: SqlOrderDesk, journal: SqlJournal
) -> None:
    first = committed(world, desk)
    journal.write(first.lines[0], sending(first.lines[0], NOW), first.id, NOW)
    second = journal.note(first.id, LATER, "closed", {"closed_at": LATER})

    assert journal.sent_since(second, NOW - timedelta(seconds=1)) == (NOW,)
    assert journal.sent_since(second, NOW) == ()
    assert journal.sent_since(replace(second, broker_account="b2"), NOW - timedelta(seconds=1)) == ()


def test_a_stopped_account_says_why_until_a_person_lets_it_go_on(
    world: World, desk: SqlOrderDesk, journal: SqlJournal
) -> None:
    batch = committed(world, desk)
    desk.stop(world.ann, "main", "Ann pressed stop.")
    stop = desk.stop_of(world.ann, "main")

    assert stop is not None
    assert (stop.by, stop.reason, journal.stopped(batch)) == (world.ann, "Ann pressed stop.", "Ann pressed stop.")
    desk.let_go(world.ann, "main")
    assert (desk.stop_of(world.ann, "main"), journal.stopped(batch)) == (None, "")
    journal.freeze(batch, "More was filled than asked for.", LATER)
    assert journal.stopped(batch) == "More was filled than asked for."


def test_limits_are_the_accounts_own_and_survive_a_stop(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch, limits = committed(world, desk), Limits(order_share=D("0.1"), orders=5)
    assert journal.limits(batch) == Limits()

    desk.save_limits(world.ann, "main", limits)
    desk.stop(world.ann, "main", "")

    assert journal.limits(batch) == desk.limits(world.ann, "main") == limits


def test_a_person_decides_a_held_line_once(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch = committed(world, desk)
    journal.write(batch.lines[0], step(batch.lines[0], LineState.HOLD, note="A sale failed."), batch.id, LATER)

    decided = desk.decide(world.ann, "main", batch.id, 1, Decision.SKIP)

    assert decided.lines[0].state == LineState.SKIPPED
    with pytest.raises(JournalError, match="waits for no such decision"):
        desk.decide(world.ann, "main", batch.id, 1, Decision.SKIP)


def test_a_stopped_batch_is_not_started_again(world: World, desk: SqlOrderDesk) -> None:
    batch = committed(world, desk)
    desk.intend(world.ann, "main", batch.id, Intent.STOP)

    with pytest.raises(JournalError, match="Plan the rest"):
        desk.intend(world.ann, "main", batch.id, Intent.EXECUTE)


def test_whoever_sees_the_account_sees_its_orders_and_traders_send_them(world: World, desk: SqlOrderDesk) -> None:
    batch = committed(world, desk)
    viewer, trader, stranger = (world.users[w] for w in ("a viewer of the team", "a trader of the team", "a stranger"))

    assert desk.batch(viewer, world.share, batch.id) == batch
    assert desk.intend(trader, world.share, batch.id, Intent.STOP).intent == Intent.STOP
    with pytest.raises(NotAllowedError):
        desk.intend(viewer, world.share, batch.id, Intent.STOP)
    with pytest.raises(AccountNotFoundError):
        desk.batch(stranger, world.share, batch.id)


def test_a_batch_of_another_account_is_not_there(world: World, desk: SqlOrderDesk) -> None:
    batch = committed(world, desk)
    stranger = world.users["a stranger"]
    world.store.save_portfolios(stranger, [world.store.portfolio(world.ann, "main")])

    with pytest.raises(JournalError, match="no such batch"):
        desk.batch(stranger, "main", batch.id)


def test_an_account_is_not_removed_under_its_orders(world: World, desk: SqlOrderDesk, journal: SqlJournal) -> None:
    batch = committed(world, desk)

    with pytest.raises(JournalError, match="under way"):
        world.store.remove_account(world.ann, "main")
    journal.note(batch.id, LATER, "closed", {"closed_at": LATER})
    world.store.remove_account(world.ann, "main")

    assert journal.load(batch.id).closed_at == LATER  # what happened outlives the account


def test_what_people_do_with_orders_is_in_the_trail(world: World, desk: SqlOrderDesk) -> None:
    batch = committed(world, desk)
    desk.intend(world.ann, "main", batch.id, Intent.STOP)
    desk.stop(world.ann, "main", "")
    desk.let_go(world.ann, "main")
    desk.save_limits(world.ann, "main", Limits())

    kinds = [line.kind for line in world.trail.of_user(world.ann)[:5]]
    assert kinds[::-1] == [
        EventKind.ORDERS_CONFIRMED,
        EventKind.ORDERS_CANCELLED,
        EventKind.ORDERS_STOPPED,
        EventKind.ORDERS_ALLOWED,
        EventKind.LIMITS_SET,
    ]


def test_one_turn_at_a_time_and_the_next_when_it_ends(world: World, journal: SqlJournal, desk: SqlOrderDesk) -> None:
    batch = committed(world, desk)

    with journal.alone(batch) as first, journal.alone(batch) as second:
        assert first is not None
        assert first.lasts()
        assert second is None
        with journal.alone(replace(batch, broker_account="b2")) as elsewhere:
            assert elsewhere is not None
    with journal.alone(batch) as third:
        assert third is not None


HOLDING = """
import sys, time
from allocation.adapters.sql.database import open_database
from allocation.adapters.sql.turns import turn_at
with turn_at(open_database(sys.argv[1]), "x") as turn:
    print(turn is not None, flush=True)
    time.sleep(60)
"""


def test_a_turn_ends_with_the_process_that_was_killed(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    other = subprocess.Popen([sys.executable, "-c", HOLDING, url], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"

    with turn_at(database, "x") as while_it_lives:
        assert while_it_lives is None
    other.kill()
    other.wait(10)

    assert any(_taken(database) for _ in range(200))


def _taken(database: Database) -> bool:
    with turn_at(database, "x") as turn:
        return turn is not None


def test_executors_say_that_they_are_at_work(desk: SqlOrderDesk, journal: SqlJournal) -> None:
    journal.beat(Heartbeat("a", NOW, NOW))
    journal.beat(Heartbeat("a", NOW, LATER, "waiting"))

    assert desk.heartbeats(NOW) == (Heartbeat("a", NOW, LATER, "waiting"),)
    assert desk.heartbeats(LATER) == ()


def test_nobody_on_duty_sees_what_is_not_orders(world: World, journal: SqlJournal, desk: SqlOrderDesk) -> None:
    committed(world, desk)
    if world.database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no fence")

    with journal._reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM account")).scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM order_batch")).scalar() == 1
