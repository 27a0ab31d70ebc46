"""The commands for whoever runs an installation: keys and audit trail."""

import json
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert

from allocation.__main__ import main
from allocation.adapters.sql.tables import app_user, sealed_secret
from allocation.bootstrap import Workbench, workbench
from allocation.errors import SettingsError, TokenUnreadableError
from allocation.settings import load_settings
from allocation.trail import EventKind
from allocation.vault import secret_named
from tests.contract.test_trail import NOW


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EVENKEEL_PRICES", "off")
    return tmp_path / "data"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    """The exit status of a command, and what it printed."""
    status = main(arguments)
    return status, json.loads(capsys.readouterr().out)


def keep_a_secret(bench: Workbench) -> None:
    from allocation.adapters.sql.database import open_database

    sealed = bench.vault.seal("ann", secret_named("broker"), b"hush")
    database = open_database(bench.settings.database_url.get_secret_value())
    person = {"id": "ann", "kind": "local", "user_name": "ann", "name": "Ann", "email": "", "created_at": NOW}
    with database.writing() as connection:
        connection.execute(insert(app_user), person)
        connection.execute(
            insert(sealed_secret), {"user_id": "ann", "name": "broker", "sealed": sealed, "saved_at": NOW}
        )
    database.close()


def kept_secret(bench: Workbench, data_dir: Path) -> bytes:
    with sqlite3.connect(data_dir / "evenkeel.sqlite") as plain:
        (sealed,) = plain.execute("SELECT sealed FROM sealed_secret").fetchone()
    return bench.vault.open("ann", secret_named("broker"), sealed)


def test_a_running_server_goes_on_while_the_key_is_changed_and_the_old_one_retired(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = workbench(load_settings())
    keep_a_secret(running)
    _, before = told(capsys, "keys", "list")

    status, rotated = told(capsys, "keys", "rotate")
    _, during = told(capsys, "keys", "list")
    _, retired = told(capsys, "keys", "retire")

    assert status == 0
    assert (rotated["sealed_anew"], rotated["lost"]) == (1, 0)
    (first,) = before["keys"]  # type: ignore[misc]
    assert during["keys"] == [
        {"id": rotated["key"], "seals": True, "secrets": 1},
        {"id": first["id"], "seals": False, "secrets": 0},
    ]
    assert retired == {"kept": [rotated["key"]], "retired": [first["id"]]}
    assert kept_secret(running, installation) == b"hush"
    assert kept_secret(workbench(load_settings()), installation) == b"hush"
    assert running.trail.first_break() is None


def test_a_key_that_still_seals_something_is_not_retired(
    installation: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_a_secret(workbench(load_settings()))
    path = installation / "secret.key"
    _, fresh = told(capsys, "keys", "new")
    path.write_text(f"{fresh['key']}\n{path.read_text()}")

    _, retired = told(capsys, "keys", "retire")
    _, resealed = told(capsys, "keys", "reseal")
    _, retired_then = told(capsys, "keys", "retire")

    assert retired["retired"] == []
    assert resealed["sealed_anew"] == 1
    assert len(retired_then["retired"]) == 1  # type: ignore[arg-type]
    assert len(path.read_text().split()) == 1


def test_a_lost_key_stops_the_server_until_it_is_back_or_what_it_sealed_is_forgotten(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_a_secret(workbench(load_settings()))
    (installation / "secret.key").unlink()

    with pytest.raises(
        SettingsError, match="1 secret in the database was sealed with a key that is not in the key file"
    ):
        workbench(load_settings())
    assert not (installation / "secret.key").exists()

    assert told(capsys, "keys", "forget") == (0, {"forgotten": 1})
    workbench(load_settings())


def test_a_secret_that_does_not_open_is_in_its_users_history() -> None:
    bench = workbench(load_settings())
    sealed = bench.vault.seal("ann", secret_named("broker"), b"hush")

    for user in ("bob", ""):
        with pytest.raises(TokenUnreadableError):
            bench.vault.open(user, secret_named("broker"), sealed)

    assert [(line.kind, line.subject) for line in bench.trail.of_user("bob")] == [("token_unreadable", "secret")]
    assert bench.trail.head()[0] == 1


def test_keys_are_listed_by_their_ids_alone(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workbench(load_settings())
    key = (installation / "secret.key").read_text().strip()

    main(("keys", "list"))
    main(("keys", "rotate"))
    main(("keys", "retire"))

    assert key not in capsys.readouterr().out


def test_without_keys_there_is_nothing_to_look_after(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("keys", "list")) == 2
    assert "There are no keys in the key file" in capsys.readouterr().out


def test_the_trail_is_checked_to_its_head_and_that_head_later_shows_what_was_cut_off(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trail = workbench(load_settings()).trail
    for number in range(3):
        trail.record(EventKind.IMPORT, f"account {number}", user_id="ann")

    status, whole = told(capsys, "trail", "verify")
    head = str(whole["head"])
    with sqlite3.connect(installation / "evenkeel.sqlite") as plain:
        plain.execute("DROP TRIGGER audit_event_no_delete")
        plain.execute("DELETE FROM audit_event WHERE number = 3")
    unnoticed, _ = told(capsys, "trail", "verify")
    noticed, cut = told(capsys, "trail", "verify", "--head", head)

    assert (status, whole["whole"], whole["lines"]) == (0, True, 3)
    assert unnoticed == 0
    assert (noticed, cut["first_broken_line"]) == (1, 3)


def test_a_changed_line_is_named_with_status_1(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trail = workbench(load_settings()).trail
    for number in range(3):
        trail.record(EventKind.IMPORT, f"account {number}", user_id="ann")
    with sqlite3.connect(installation / "evenkeel.sqlite") as plain:
        plain.execute("DROP TRIGGER audit_event_no_update")
        plain.execute("UPDATE audit_event SET user_id = 'bob' WHERE number = 2")

    status, found = told(capsys, "trail", "verify")

    assert status == 1
    assert found == {"whole": False, "first_broken_line": 2, "reason": "line 2 is not what was written"}


@pytest.mark.parametrize("head", ["", "3", "3:abc", "x:" + "0" * 64])
def test_a_head_that_is_none_is_refused(head: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("trail", "verify", "--head", f" {head}")) in (0, 2)
    assert head == "" or "an earlier" in capsys.readouterr().out
