"""An installation with local accounts on a database of its own and a clock that is set by hand."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from allocation.adapters.aes_vault import AesVault
from allocation.adapters.sql.credentials import SqlCredentials
from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.failures import SqlFailureLog
from allocation.adapters.sql.people import SqlPeople
from allocation.adapters.sql.sessions import SqlSessions
from allocation.adapters.sql.trail import SqlTrail
from allocation.ports import Failures
from allocation.sign_in.local import LocalAccounts
from allocation.sign_in.patience import Patience
from allocation.sign_in.second_factor import SecondFactors
from allocation.vault import new_key

PASSWORD = "correct horse battery"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)


@dataclass
class Clock:
    """Shows what it is set to."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass
class FailuresInMemory:
    """A log of failures for tests of what is done with them."""

    kept: dict[str, Failures] = field(default_factory=dict)

    def revise(self, keys: Iterable[str], change: Callable[[Mapping[str, Failures]], Mapping[str, Failures]]) -> None:
        self.kept.update(change({key: self.kept[key] for key in keys if key in self.kept}))

    def forget(self, before: datetime) -> None:
        self.kept = {key: failures for key, failures in self.kept.items() if failures.last >= before}


class Installation:
    """The parts of a workbench that know local users, with one sealing key made for the day."""

    def __init__(self, database: Database, setup_code: str = "") -> None:
        self.clock = Clock()
        self.database = database
        self.trail = SqlTrail(database)
        self.vault = AesVault((new_key(),))
        self.credentials = SqlCredentials(database)
        self.people = SqlPeople(database)
        self.failures = SqlFailureLog(database)
        self.sessions = SqlSessions(database, self.vault, IDLE, ABSOLUTE)
        patience = Patience(self.failures, self.clock)
        self.accounts = LocalAccounts(self.credentials, self.people, patience, self.trail, setup_code, self.clock)
        self.factors = SecondFactors(self.credentials, self.vault, patience, self.trail, self.clock)

    def told(self) -> list[str]:
        """The kinds of what the trail has about everybody, in order."""
        with self.database.reading() as connection:
            return list(connection.exec_driver_sql("SELECT kind FROM audit_event ORDER BY number").scalars())


def new_database(directory: Path) -> Database:
    """An empty SQLite database with all its tables."""
    shutil.copy(_empty_database(), directory / "evenkeel.sqlite")
    return open_database(f"sqlite:///{directory / 'evenkeel.sqlite'}")


@cache
def _empty_database() -> Path:
    """Made once: to make the tables takes longer than most tests."""
    place = Path(tempfile.mkdtemp(prefix="evenkeel-empty-")) / "evenkeel.sqlite"
    with closing(open_database(f"sqlite:///{place}")):
        return place
