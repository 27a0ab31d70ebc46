"""A copy of a running database: whole, private, and never over somebody's file."""

import json
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from allocation.__main__ import main
from allocation.adapters.sql.backup import back_up
from allocation.adapters.sql.database import open_database
from allocation.bootstrap import workbench
from allocation.errors import RequestError, SettingsError
from allocation.settings import load_settings


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EVENKEEL_PRICES", "off")
    return tmp_path


def test_a_copy_taken_while_others_write_opens_as_a_whole_database(tmp_path: Path) -> None:
    source, copy, stop = tmp_path / "running.sqlite", tmp_path / "copy.sqlite", threading.Event()
    open_database(f"sqlite:///{source}").close()
    with sqlite3.connect(source) as prepare:
        prepare.execute("CREATE TABLE pair (a, b)")

    def write_pairs() -> None:
        with sqlite3.connect(source, timeout=5) as writer:
            number = 0
            while not stop.is_set():
                with writer:  # both or neither
                    writer.execute("INSERT INTO pair VALUES (?, ?)", (number, "x" * 2000))
                    writer.execute("INSERT INTO pair VALUES (?, ?)", (number, "y" * 2000))
                number += 1

    writer = threading.Thread(target=write_pairs)
    writer.start()
    try:
        size = back_up(f"sqlite:///{source}", copy)
    finally:
        stop.set()
        writer.join()

    with sqlite3.connect(copy) as read:
        assert read.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert read.execute("SELECT count(*) FROM (SELECT a FROM pair GROUP BY a HAVING count(*) <> 2)").fetchone() == (
            0,
        )
    assert size == copy.stat().st_size
    open_database(f"sqlite:///{copy}").close()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no modes")
def test_the_copy_is_for_its_owner_alone(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workbench(load_settings())

    assert main(["backup", str(installation / "copy.sqlite")]) == 0

    said = json.loads(capsys.readouterr().out)
    assert said["bytes"] > 0
    assert stat.S_IMODE((installation / "copy.sqlite").stat().st_mode) == 0o600


def test_a_file_that_is_there_already_is_left_alone(installation: Path) -> None:
    workbench(load_settings())
    precious = installation / "precious.txt"
    precious.write_text("mine")

    with pytest.raises(RequestError, match="exists already"):
        back_up(load_settings().database_url.get_secret_value(), precious)

    assert precious.read_text() == "mine"


def test_what_is_no_sqlite_database_is_not_copied_in_part(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database at all" * 1000)

    with pytest.raises(RequestError, match="Nothing was left there"):
        back_up(f"sqlite:///{broken}", tmp_path / "copy.sqlite")

    assert not (tmp_path / "copy.sqlite").exists()


@pytest.mark.parametrize(
    ("url", "said"), [("postgresql://u:hush@host/name", "pg_dump"), ("sqlite:////nowhere/at/all.sqlite", "no database")]
)
def test_where_there_is_nothing_to_copy_the_sentence_says_what_to_do(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        back_up(url, tmp_path / "copy.sqlite")

    assert "hush" not in str(refused.value)
