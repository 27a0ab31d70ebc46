"""Opening a database: its migrations, its file, and what is said when it cannot be used."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from allocation.adapters.sql import schema
from allocation.adapters.sql.database import Database, open_database
from allocation.errors import SettingsError, StoreUnavailableError
from tests.servers import open_at_once


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'evenkeel.sqlite'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


def test_the_program_knows_its_newest_migration(database: Database) -> None:
    with database.reading() as connection:
        scripts = ScriptDirectory.from_config(schema.alembic_config(connection))

        assert scripts.get_heads() == [schema.HEAD]
        assert schema.version_of(connection) == schema.HEAD


def test_a_migration_that_breaks_off_leaves_no_table_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def upgrade_and_break(config: object, _revision: str) -> None:
        upgrade(config, "head")
        raise KeyboardInterrupt

    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", upgrade_and_break)

    with pytest.raises(KeyboardInterrupt):
        open_database(url)

    with sqlite3.connect(url.removeprefix("sqlite:///")) as plain:
        assert plain.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_a_database_of_a_newer_program_is_left_alone(url: str) -> None:
    open_database(url).close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as plain:
        plain.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SettingsError, match=r"newer Evenkeel.*'9999'.*Update Evenkeel"):
        open_database(url)

    with sqlite3.connect(url.removeprefix("sqlite:///")) as plain:
        assert plain.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


def test_servers_that_start_at_the_same_time_wait_for_one_another(url: str) -> None:
    said = open_at_once(url, 4)

    assert said == [("open\n", "")] * 4


def test_the_second_start_does_without_alembic(url: str) -> None:
    open_database(url).close()
    start = (
        f"import sys; from allocation.adapters.sql.database import open_database; open_database({url!r}); "
        "print('alembic' in sys.modules)"
    )

    ran = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True, timeout=60)

    assert ran.stdout == "False\n"


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems have file modes")
def test_the_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "fresh" / "evenkeel"

    database = open_database(f"sqlite:///{folder / 'evenkeel.sqlite'}")

    with database.writing():
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert modes == dict.fromkeys(("evenkeel.sqlite", "evenkeel.sqlite-wal", "evenkeel.sqlite-shm"), 0o600)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    database.close()


def test_every_connection_is_durable_and_keeps_its_references(database: Database) -> None:
    with database.reading() as first, database.reading() as second:
        for connection in (first, second):
            found = {
                p: connection.exec_driver_sql(f"PRAGMA {p}").scalar()
                for p in ("journal_mode", "synchronous", "foreign_keys")
            }
            assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_reader_sees_one_moment_while_another_writes(database: Database) -> None:
    add = "INSERT INTO quote VALUES ('VTI', '1', 'USD', '2026-11-20 12:00:00.000000', 'yahoo')"

    with database.reading() as reader:
        before = reader.exec_driver_sql("SELECT count(*) FROM quote").scalar()
        with database.writing() as writer:
            writer.exec_driver_sql(add)
        after = reader.exec_driver_sql("SELECT count(*) FROM quote").scalar()

    assert (before, after) == (0, 0)


@pytest.mark.parametrize(
    ("url_text", "said"),
    [
        ("not a url", "cannot be read"),
        ("mysql://u:hush@db/x", "not in mysql"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://u:hush@127.0.0.1:1/x", r"postgresql://u:\*\*\*@127.0.0.1:1/x cannot be opened"),
    ],
)
def test_a_database_url_that_cannot_work_is_refused_without_its_password(url_text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refusal:
        open_database(url_text)

    assert "hush" not in str(refusal.value)
    assert refusal.value.culprits == ("database_url",)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    letter = tmp_path / "evenkeel.sqlite"
    letter.write_text("Dear diary, " * 100)

    with pytest.raises(SettingsError, match="file is not a database"):
        open_database(f"sqlite:///{letter}")

    assert letter.read_text() == "Dear diary, " * 100


def test_a_folder_in_the_way_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="cannot be opened and written"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'evenkeel.sqlite'}")
    with pytest.raises(SettingsError, match="cannot be opened and written"):
        open_database(f"sqlite:///{tmp_path}")


def test_a_full_disk_is_said_and_nothing_is_half_saved(database: Database) -> None:
    add = "INSERT INTO quote VALUES (?, '1', 'USD', '2026-11-20 12:00:00.000000', 'yahoo')"

    def save_more_than_fits() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite's own way to run out of room
            connection.exec_driver_sql(add, ("SMALL",))
            connection.exec_driver_sql(add, ("LARGE" * 1_000_000,))

    with pytest.raises(StoreUnavailableError, match="database or disk is full"):
        save_more_than_fits()

    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM quote").scalar() == 0
