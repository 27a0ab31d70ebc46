"""The support bundle: what a helper needs, and none of the installation's secrets."""

import json
from pathlib import Path

import pytest

from allocation.__main__ import main
from allocation.bootstrap import workbench
from allocation.settings import load_settings
from allocation.trail import EventKind


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EVENKEEL_LOG_FILE", str(tmp_path / "evenkeel.log"))
    monkeypatch.setenv("EVENKEEL_METRICS_TOKEN", "swordfish-and-chips")
    return tmp_path


def test_a_bundle_tells_versions_settings_keys_database_and_the_end_of_the_log(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = workbench(load_settings())
    bench.trail.record(EventKind.IMPORT, "main", user_id="u1")
    (installation / "evenkeel.log").write_text("".join(f'{{"message": "line {n}"}}\n' for n in range(300)))

    assert main(("support-bundle",)) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["versions"]["streamlit"].startswith("1.67")
    assert told["settings"]["prices"] == "yahoo"
    assert told["settings"]["metrics_token"] == "set"
    assert len(told["keys"]) == 1
    assert told["database"]["kind"] == "sqlite"
    assert (told["database"]["trail_lines"], told["database"]["trail_first_broken_line"]) == (1, None)
    assert (len(told["log"]), told["log"][-1]) == (200, '{"message": "line 299"}')


def test_no_secret_of_the_installation_is_in_its_bundle(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workbench(load_settings())
    key = (installation / "data" / "secret.key").read_text().strip()
    (installation / "evenkeel.log").write_text(
        f"of an older version: {key} and swordfish-and-chips, password=hunter2\n"
    )

    main(("support-bundle",))

    said = capsys.readouterr().out
    assert not [secret for secret in (key, "swordfish-and-chips", "hunter2") if secret in said]


def test_an_installation_whose_database_is_out_of_reach_has_a_bundle_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", "postgresql://ann:pa55w0rd@127.0.0.1:1/evenkeel")

    assert main(("support-bundle",)) == 0

    said = capsys.readouterr().out
    assert json.loads(said)["database"]["error"] == "settings_invalid"
    assert "pa55w0rd" not in said


def test_the_id_of_a_request_is_in_the_bundle_and_what_only_looks_like_one_is_not(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"message": 'no "request_id": "1111111111"', "request_id": "1234567890", "user": "0123456789abcdef" * 2}
    (installation / "evenkeel.log").write_text(json.dumps(line) + "\n")

    main(("support-bundle",))

    (told,) = json.loads(capsys.readouterr().out)["log"]
    assert json.loads(told)["request_id"] == "1234567890"
    assert "1111111111" not in told
    assert "0123456789abcdef" not in told
