"""What the audit trail promises on every database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError

from allocation.acting import Acting, act_as, acting, begin_request
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.store import SqlStore
from allocation.adapters.sql.tables import app_user, audit_event
from allocation.adapters.sql.trail import SqlTrail
from allocation.errors import AllocationError, StoreUnavailableError
from allocation.model import Account, Portfolio
from allocation.ports import Trail
from allocation.trail import NO_HASH, EventKind

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def trail(database: Database) -> Trail:
    return SqlTrail(database, lambda: NOW)


def tamper(database: Database, statement: str) -> None:
    """What only somebody with the database in their hands can do: take the guards away, and change it."""
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit_event DISABLE TRIGGER USER"))
        else:
            connection.execute(text("DROP TRIGGER audit_event_no_update"))
            connection.execute(text("DROP TRIGGER audit_event_no_delete"))
        connection.execute(text(statement))
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit_event ENABLE TRIGGER USER"))


def test_a_line_says_when_who_in_which_request_what_and_to_what(trail: Trail) -> None:
    request = begin_request()
    act_as("u1", "handle")

    trail.record(EventKind.IMPORT, "main", format="schwab", positions=3)

    (line,) = trail.of_user("u1")
    assert (line.number, line.at, line.user_id, line.session, line.request_id) == (1, NOW, "u1", "handle", request)
    assert (line.kind, line.subject, dict(line.told)) == ("import", "main", {"format": "schwab", "positions": 3})


def test_at_sign_in_the_user_is_named_because_nobody_is_at_work_yet(trail: Trail) -> None:
    begin_request()

    trail.record(EventKind.SIGN_IN, "ann", user_id="u1", session="handle")

    assert acting() == Acting(acting().request_id)
    assert [(line.kind, line.session) for line in trail.of_user("u1")] == [("sign_in", "handle")]


def test_a_user_reads_their_own_lines_newest_first_and_a_part_of_them(trail: Trail) -> None:
    for user, kind in [("u1", EventKind.SIGN_IN), ("u2", EventKind.SIGN_IN), ("u1", EventKind.IMPORT)]:
        trail.record(kind, user_id=user)
    trail.record(EventKind.SIGN_OUT, user_id="u1")

    assert [line.number for line in trail.of_user("u1")] == [4, 3, 1]
    assert [line.number for line in trail.of_user("u1", limit=1)] == [4]
    assert [line.number for line in trail.of_user("u1", before=3)] == [1]
    assert [line.number for line in trail.of_user("u1", [EventKind.SIGN_IN, EventKind.SIGN_OUT])] == [4, 1]
    assert trail.of_user("u3") == ()


def test_an_untouched_trail_is_whole(trail: Trail) -> None:
    assert trail.head() == (0, NO_HASH)
    assert trail.first_break() is None

    for number in range(5):
        trail.record(
            EventKind.IMPORT, f"account {number}\x00 \udcff ü", note="\x00\udcff", count=number, on=True, none=None
        )

    assert trail.first_break() is None
    assert trail.head()[0] == 5


def test_writers_at_the_same_time_leave_no_gap_and_no_fork(trail: Trail) -> None:
    def write(_: int) -> None:
        trail.record(EventKind.PRICE_ENTERED, "VTI", user_id="u1")

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(40)))

    assert [line.number for line in trail.of_user("u1")] == list(range(40, 0, -1))
    assert trail.first_break() is None


@pytest.mark.parametrize(
    "change", [update(audit_event).values(subject="other"), delete(audit_event)], ids=["update", "delete"]
)
def test_the_database_refuses_to_change_or_remove_a_line(database: Database, trail: Trail, change: object) -> None:
    trail.record(EventKind.SIGN_IN, user_id="u1")

    with pytest.raises((DatabaseError, AllocationError), match="only added to"), database.writing() as connection:
        connection.execute(change)  # type: ignore[call-overload]

    assert len(trail.of_user("u1")) == 1


def test_postgresql_refuses_to_empty_it_as_well(postgres: Database) -> None:
    with pytest.raises((DatabaseError, AllocationError), match="only added to"), postgres.writing() as connection:
        connection.execute(text("TRUNCATE audit_event"))


@pytest.mark.parametrize(
    ("statement", "broken", "said"),
    [
        ("UPDATE audit_event SET subject = 'theirs' WHERE number = 2", 2, "not what was written"),
        ("UPDATE audit_event SET details = '{\"count\": 1}' WHERE number = 2", 2, "not what was written"),
        ("UPDATE audit_event SET details = 'no JSON' WHERE number = 2", 2, "not what was written"),
        ("UPDATE audit_event SET user_id = NULL WHERE number = 3", 3, "not what was written"),
        ("DELETE FROM audit_event WHERE number = 2", 2, "missing"),
        ("DELETE FROM audit_event WHERE number = 1", 1, "missing"),
        ("UPDATE audit_event SET previous_hash = hash WHERE number = 3", 3, "does not follow"),
    ],
)
def test_the_first_line_that_was_changed_is_named(
    database: Database, trail: Trail, statement: str, broken: int, said: str
) -> None:
    for number in range(4):
        trail.record(EventKind.IMPORT, "main", user_id="u1", count=number)

    tamper(database, statement)

    found = trail.first_break()
    assert found is not None
    assert found.number == broken
    assert said in found.reason


def test_a_line_slipped_in_at_the_end_is_found(database: Database, trail: Trail) -> None:
    trail.record(EventKind.IMPORT, "main", user_id="u1")
    with database.writing() as connection:
        (kept,) = connection.execute(select(audit_event)).mappings()
        connection.execute(insert(audit_event), {**kept, "number": 2, "previous_hash": kept["hash"]})

    found = trail.first_break()

    assert found is not None
    assert found.number == 2


class BrokenTrail(SqlTrail):
    """A trail that cannot be written to."""

    def record(self, *_: Any, **__: Any) -> None:
        raise StoreUnavailableError("disk full")


def test_a_change_that_cannot_be_written_down_is_not_made(database: Database) -> None:
    portfolio = Portfolio(Account("main", "Main"), (), Decimal(100))
    with database.writing() as connection:
        person = {"id": "u1", "kind": "local", "user_name": "ann", "name": "Ann", "email": "", "created_at": NOW}
        connection.execute(insert(app_user), person)

    with pytest.raises(StoreUnavailableError):
        SqlStore(database, BrokenTrail(database)).save_portfolios("u1", [portfolio])

    trail = SqlTrail(database)
    store = SqlStore(database, trail)
    assert store.accounts("u1") == ()
    store.save_portfolios("u1", [portfolio])
    assert [line.kind for line in trail.of_user("u1")] == ["import"]


def test_what_is_undone_leaves_no_line_behind(database: Database, trail: Trail) -> None:
    def break_off() -> None:
        with database.writing():
            trail.record(EventKind.IMPORT, "main", user_id="u1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()

    assert trail.head() == (0, NO_HASH)
    trail.record(EventKind.IMPORT, "main", user_id="u1")
    assert trail.head()[0] == 1


def test_changes_of_many_at_the_same_time_are_all_written_down(database: Database, trail: Trail) -> None:
    store = SqlStore(database, trail)
    with database.writing() as connection:
        for number in range(4):
            user = {"id": f"u{number}", "user_name": f"u{number}", "created_at": NOW}
            connection.execute(insert(app_user), {**user, "kind": "local", "name": "Ann", "email": ""})

    def import_one(number: int) -> None:
        for day in range(5):
            store.save_portfolios(f"u{number}", [Portfolio(Account("main", f"Main {day}"), (), Decimal(day))])

    with ThreadPoolExecutor(4) as users:
        list(users.map(import_one, range(4)))

    assert trail.head()[0] == 20
    assert trail.first_break() is None
