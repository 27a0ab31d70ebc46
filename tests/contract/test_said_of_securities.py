"""What users say of securities, held against every store: each user's own, digit for digit, and on record."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from allocation.adapters.memory import MemoryStore
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.people import SqlPeople
from allocation.adapters.sql.security_tables import security_class
from allocation.adapters.sql.store import SqlStore
from allocation.adapters.sql.trail import SqlTrail
from allocation.errors import UserDisabledError
from allocation.ports import Store
from allocation.securities import FactsSource, SecurityFacts
from allocation.trail import EventKind

D = Decimal
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
THIRDS = {"Bonds — Übersee 🙂": D("0.333333333333"), "A; DROP TABLE": D("0.333333333334"), "C": D("0.333333333333")}
FACTS = SecurityFacts("BRK.B", THIRDS, "Financial services", "United States", "US0846707026")


@dataclass(frozen=True)
class Kept:
    """A store under test and two users it knows."""

    store: Store
    ann: str
    bob: str


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, opened: Callable[[str], Database]) -> Kept:
    if request.param == "memory":
        return Kept(MemoryStore(), "ann", "bob")
    database = opened(request.param)
    people = SqlPeople(database)
    ann, bob = (people.add(name, NOON).id for name in ("ann", "bob"))
    return Kept(SqlStore(database), ann, bob)


def test_facts_come_back_as_they_were_said_and_in_their_order(kept: Kept) -> None:
    kept.store.save_security_facts(kept.ann, FACTS)

    found = kept.store.security_facts(kept.ann)

    assert found == {"BRK-B": FACTS}
    assert list(found["BRK-B"].classes) == list(THIRDS)


def test_what_is_said_later_stands_in_place_of_what_was_said(kept: Kept) -> None:
    later = SecurityFacts("BRK B", {"US stocks": D(1)}, source=FactsSource.SAMPLE)

    kept.store.save_security_facts(kept.ann, FACTS)
    kept.store.save_security_facts(kept.ann, later)

    assert kept.store.security_facts(kept.ann) == {"BRK-B": later}


def test_facts_are_forgotten_under_any_spelling_and_harmlessly_twice(kept: Kept) -> None:
    kept.store.save_security_facts(kept.ann, FACTS)

    kept.store.remove_security_facts(kept.ann, "BRK/B")
    kept.store.remove_security_facts(kept.ann, "BRK/B")

    assert kept.store.security_facts(kept.ann) == {}


def test_nobody_sees_or_changes_what_another_user_said(kept: Kept) -> None:
    kept.store.save_security_facts(kept.ann, FACTS)
    kept.store.save_security_facts(kept.bob, SecurityFacts("BRK.B", sector="Insurance"))

    kept.store.remove_security_facts(kept.bob, "BRK.B")

    assert kept.store.security_facts(kept.bob) == {}
    assert kept.store.security_facts(kept.ann) == {"BRK-B": FACTS}


def test_what_was_said_and_forgotten_is_on_record(database: Database) -> None:
    trail = SqlTrail(database)
    store, ann = SqlStore(database, trail), SqlPeople(database).add("ann", NOON).id

    store.save_security_facts(ann, FACTS)
    store.remove_security_facts(ann, "BRK.B")
    store.remove_security_facts(ann, "BRK.B")

    kinds = [EventKind.SECURITY_DESCRIBED, EventKind.SECURITY_FORGOTTEN]
    assert [(line.kind, line.subject) for line in trail.of_user(ann, kinds)] == [
        ("security_forgotten", "BRK-B"),
        ("security_described", "BRK-B"),
    ]


def test_whoever_was_disabled_reads_and_says_nothing(database: Database) -> None:
    store, people = SqlStore(database), SqlPeople(database)
    ann = people.add("ann", NOON).id
    store.save_security_facts(ann, FACTS)

    people.disable(ann, NOON)

    assert store.security_facts(ann) == {}
    with pytest.raises(UserDisabledError):
        store.save_security_facts(ann, FACTS)


def test_the_database_itself_shows_a_user_their_own_classes_only(postgres: Database) -> None:
    store, people = SqlStore(postgres), SqlPeople(postgres)
    ann, sam = (people.add(name, NOON).id for name in ("ann-of-classes", "sam-of-classes"))
    store.save_security_facts(ann, FACTS)

    with postgres.reading(sam) as connection:
        assert connection.execute(select(security_class)).all() == []
    with postgres.reading(ann) as connection:
        assert len(connection.execute(select(security_class)).all()) == 3
