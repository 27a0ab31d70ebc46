"""What the database promises when things go wrong in the middle, or happen at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.directory import SqlDirectory
from allocation.adapters.sql.people import SqlPeople
from allocation.adapters.sql.quote_cache import SqlQuoteCache
from allocation.adapters.sql.store import SqlStore
from allocation.errors import AccountNotFoundError, NumberError, StoreUnavailableError
from allocation.model import Account, Portfolio, Position, PriceSource, Quote, SetAside, TaxLot
from allocation.targets import TargetAllocation

D = Decimal
OLD = Portfolio(Account("main", "Main"), (Position("VTI", D(10)),), D(100))
NEW = replace(OLD, positions=(Position("BND", D(5)),), cash=D(7))


def new_user(database: Database, name: str = "ann") -> str:
    return SqlPeople(database).add(name, datetime.now(UTC)).id


def test_an_import_refused_by_its_last_account_saves_none(database: Database) -> None:
    store, ann = SqlStore(database), new_user(database)
    store.save_portfolios(ann, [OLD])
    without_a_zone = Portfolio(Account("other", "Other"), (), as_of=datetime(2026, 11, 20))  # noqa: DTZ001

    with pytest.raises(NumberError, match="time zone"):
        store.save_portfolios(ann, [NEW, without_a_zone])

    assert store.portfolio(ann, "main") == OLD
    assert [a.id for a in store.accounts(ann)] == ["main"]


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from allocation.adapters.sql import rows
from allocation.adapters.sql.database import open_database
from allocation.adapters.sql.store import SqlStore
from allocation.model import Account, Portfolio

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

rows.set_aside_rows = killed  # the old holdings are deleted and the new ones are in by then
SqlStore(open_database(sys.argv[1])).save_portfolios(sys.argv[2], [Portfolio(Account("main", "Changed"), ())])
"""


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems can kill without notice")
def test_a_server_killed_in_the_middle_of_an_import_leaves_what_was_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'evenkeel.sqlite'}"
    database = open_database(url)
    store, ann = SqlStore(database), new_user(database)
    store.save_portfolios(ann, [OLD])
    store.save_target(ann, "main", TargetAllocation.of({"VTI": 1}))

    killed = subprocess.run([sys.executable, "-c", KILLED_IN_THE_MIDDLE, url, ann], check=False, timeout=60)

    assert killed.returncode == -signal.SIGKILL
    assert store.portfolio(ann, "main") == OLD
    assert store.target(ann, "main") == TargetAllocation.of({"VTI": 1})
    database.close()


def at_once(*deeds: Callable[[int], object], times: int = 15) -> list[BaseException]:
    """Every deed, over and over, each in a thread of its own; what they raised."""

    def repeat(deed: Callable[[int], object]) -> list[BaseException]:
        return [error for n in range(times) if (error := outcome(deed, n))]

    def outcome(deed: Callable[[int], object], n: int) -> BaseException | None:
        try:
            deed(n)
        except Exception as error:  # noqa: BLE001  it is what the test looks at
            return error
        return None

    with ThreadPoolExecutor(len(deeds)) as threads:
        return [error for errors in threads.map(repeat, deeds) for error in errors]


def test_two_who_save_the_same_accounts_at_once_both_succeed_and_nothing_is_mixed(database: Database) -> None:
    store, ann = SqlStore(database), new_user(database)
    a, b = OLD, replace(OLD, account=Account("other", "Other"))
    store.save_portfolios(ann, [a])
    seen: list[Portfolio] = []

    raised = at_once(
        lambda n: store.save_portfolios(ann, [a, b]),
        lambda n: store.save_portfolios(ann, [replace(b, cash=D(7)), NEW]),
        lambda n: store.save_target(ann, "main", TargetAllocation.of({"VTI": "0.5", "BND": "0.5"})),
        lambda n: seen.append(store.portfolio(ann, "main")),
    )

    assert raised == []
    assert store.portfolio(ann, "main") in (OLD, NEW)
    assert seen
    assert all(portfolio in (OLD, NEW) for portfolio in seen)


def test_an_account_removed_while_its_target_is_saved_is_simply_not_there(database: Database) -> None:
    store, ann = SqlStore(database), new_user(database)

    raised = at_once(
        lambda n: store.save_portfolios(ann, [OLD]),
        lambda n: store.remove_account(ann, "main"),
        lambda n: store.save_target(ann, "main", TargetAllocation.of({"VTI": 1})),
    )

    assert {type(error) for error in raised} <= {AccountNotFoundError}


def test_the_same_person_signing_in_twice_at_once_is_one_person(database: Database) -> None:
    directory = SqlDirectory(database)
    ids: list[str] = []

    raised = at_once(*[lambda n: ids.append(directory.user_for_identity("https://a", f"s{n}", "A", "").id)] * 3)

    assert raised == []
    assert len(set(ids)) == 15


def test_quotes_saved_at_once_do_not_lock_each_other_out(database: Database) -> None:
    cache = SqlQuoteCache(database)
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    quotes = [Quote(f"S{n}", D(5), "USD", moment, PriceSource.YAHOO) for n in range(30)]

    raised = at_once(
        lambda n: cache.save(quotes), lambda n: cache.save(quotes[::-1]), lambda n: cache.save(quotes[10:])
    )

    assert raised == []
    assert len(cache.load(q.symbol for q in quotes)) == 30


def test_a_postgresql_that_dropped_its_connections_is_asked_again(postgres: Database, postgres_url: str) -> None:
    store = SqlStore(postgres)
    store.accounts("nobody")
    drop = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database() AND usename = current_user"
    )

    with create_engine(postgres_url).connect() as connection:
        dropped = connection.execute(drop).scalars().all()

    assert any(dropped)
    assert store.accounts("nobody") == ()


def test_a_database_that_somebody_else_holds_is_said_and_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allocation.adapters.sql.database.BUSY_SECONDS", 0.1)
    database = open_database(f"sqlite:///{tmp_path / 'evenkeel.sqlite'}")
    ann = new_user(database)

    with database.writing(), pytest.raises(StoreUnavailableError, match="database is locked"):
        SqlStore(database).save_portfolios(ann, [OLD])

    assert SqlStore(database).accounts(ann) == ()
    database.close()


words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)
amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14)
units = st.decimals(allow_nan=False, min_value=0, max_value=10**14)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001
lots = st.builds(TaxLot, units, amounts, st.none() | st.dates(date(1990, 1, 1)))


@st.composite
def portfolios(draw: st.DrawFn) -> Portfolio:
    symbols = draw(st.lists(st.from_regex(r"[A-Z]{1,5}(\.[A-Z])?", fullmatch=True), unique=True, max_size=4))
    positions = []
    for symbol in symbols:
        held = tuple(draw(st.lists(lots, max_size=3)))
        quantity = sum((lot.quantity for lot in held), D(0)) if held else draw(units)
        positions.append(Position(symbol, quantity, held, draw(words)))
    aside = tuple(draw(st.lists(st.builds(SetAside, words, words, st.none() | amounts), max_size=2)))
    account = Account("main", draw(words), draw(words), draw(words), note=draw(words))
    return Portfolio(account, tuple(positions), draw(amounts), draw(st.none() | moments), aside)


@given(portfolio=portfolios())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_whatever_an_account_holds_comes_back_as_it_was(database: Database, portfolio: Portfolio) -> None:
    store = SqlStore(database)
    user = SqlDirectory(database).user_for_identity("https://a", "s", "A", "").id

    store.save_portfolios(user, [portfolio])

    assert store.portfolio(user, "main") == portfolio
