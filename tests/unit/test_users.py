"""The commands about users, for whoever runs an installation."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from allocation.__main__ import main
from allocation.bootstrap import Workbench, workbench
from allocation.errors import CredentialsError
from allocation.settings import load_settings
from allocation.sign_in.local import LocalAccounts
from allocation.sign_in.patience import Patience
from allocation.vault import SECOND_FACTOR
from tests.installation import NOON, PASSWORD


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EVENKEEL_PRICES", "off")


@pytest.fixture
def bench() -> Workbench:
    """The server that runs meanwhile, with Jane's account and a provider's Mary."""
    bench = workbench(load_settings())
    accounts_of(bench).create_first("Jane", PASSWORD)
    bench.directory.user_for_identity("https://id.example.com", "4711", "Mary", "mary@example.com")
    return bench


def accounts_of(bench: Workbench) -> LocalAccounts:
    return LocalAccounts(bench.credentials, bench.people, Patience(bench.failures), bench.trail)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit status of a command, and what it printed."""
    status = main(("users", *arguments))
    return status, json.loads(capsys.readouterr().out)


def test_everybody_is_listed_without_anything_secret(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    status, answer = told(capsys, "list")

    assert status == 0
    assert [(user["user_name"], user["name"], user["has_password"]) for user in answer["users"]] == [
        ("jane", "Jane", True),
        (None, "Mary", False),
    ]
    assert "argon2" not in str(answer)


def test_somebody_who_is_added_chooses_a_password_with_the_printed_code(
    bench: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = told(capsys, "add", "john")

    accounts_of(bench).redeem("john", answer["code"], PASSWORD)

    assert status == 0
    assert answer["good_for_hours"] == 24
    assert accounts_of(bench).check("john", PASSWORD).name == "john"


@pytest.mark.parametrize("typed", [str.lower, lambda code: code.replace("-", " "), lambda code: code.replace("-", "")])
def test_a_code_that_was_read_aloud_may_be_typed_in_any_way(
    bench: Workbench, typed: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, answer = told(capsys, "add", "john")

    accounts_of(bench).redeem("john", typed(answer["code"]), PASSWORD)

    assert len(answer["code"].split("-")) == 4
    assert accounts_of(bench).check("john", PASSWORD).name == "john"


@pytest.mark.parametrize("name", ["", "  "])
def test_whoever_gives_no_name_is_told_that_it_is_missing(
    bench: Workbench, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = told(capsys, "add", name)

    assert status == 2
    assert answer["error"]["message"].startswith("A name is missing")


@pytest.mark.parametrize(("encoding", "quote"), [("utf-8", "“"), ("ascii", "\\u201c")])
def test_the_answer_is_readable_and_escaped_only_where_it_must_be(
    encoding: str, quote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding))

    status = main(("users", "add", "john"))

    text = written.getvalue().decode(encoding)
    assert status == 0
    assert f"under {quote}Set a password" in text
    assert "under “Set a password" in json.loads(text)["message"]


@pytest.mark.parametrize("name", ["JANE", "jo hn", "<b>"])
def test_a_name_that_is_taken_or_unfit_is_refused(
    bench: Workbench, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = told(capsys, "add", name)

    assert status == 2
    assert answer["error"]["culprits"] == ["user_name"]


def test_a_disabled_user_cannot_sign_in_until_enabled(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "disable", "Jane")
    with pytest.raises(CredentialsError):
        accounts_of(bench).check("jane", PASSWORD)

    told(capsys, "enable", "jane")

    assert accounts_of(bench).check("jane", PASSWORD)


def test_a_user_of_a_provider_is_named_by_id(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    _, answer = told(capsys, "list")
    mary = answer["users"][1]["id"]

    told(capsys, "disable", mary)

    _, answer = told(capsys, "list")
    assert answer["users"][1]["disabled_since"]


def test_a_forgotten_password_is_replaced_with_a_code(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    _, answer = told(capsys, "reset-password", "jane")
    with pytest.raises(CredentialsError):
        accounts_of(bench).check("jane", PASSWORD)

    accounts_of(bench).redeem("jane", answer["code"], "another horse battery")

    assert accounts_of(bench).check("jane", "another horse battery")


def test_a_lost_second_factor_is_taken_away(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    jane = bench.people.everybody()[0].user
    bench.credentials.begin_second_factor(jane.id, bench.vault.seal(jane.id, SECOND_FACTOR, b"seed"))
    bench.credentials.confirm_second_factor(jane.id, 1, ["hash"], NOON)

    status, _ = told(capsys, "reset-second-factor", "jane")

    assert status == 0
    assert bench.credentials.second_factor(jane.id) is None


@pytest.mark.parametrize(
    "arguments",
    [("disable",), ("disable", "nobody"), ("reset-password", "Mary"), ("reset-second-factor", ""), ("explode", "jane")],
)
def test_what_names_nobody_is_refused_with_the_way_out(
    bench: Workbench, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = told(capsys, *arguments)

    assert status == 2
    assert answer["error"]["message"]


def test_a_password_is_not_reset_where_there_is_none(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    _, answer = told(capsys, "list")

    status, refused = told(capsys, "reset-password", answer["users"][1]["id"])

    assert status == 2
    assert "provider" in refused["error"]["message"]


def test_what_the_operator_did_is_in_the_trail(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("disable", "enable", "reset-second-factor", "reset-password"):
        told(capsys, action, "jane")
    told(capsys, "add", "john")

    lines, _ = bench.trail.head()

    assert bench.trail.first_break() is None
    assert lines == 6
