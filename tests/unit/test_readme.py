"""README says what is so: its examples run, its tables are complete, its pictures and links exist."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from allocation.request import read_request
from allocation.settings import ENVIRONMENT_PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first code block in this language."""
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_python_example_gives_the_shares_it_promises(capsys: pytest.CaptureFixture[str]) -> None:
    example = block("python")
    promised = re.search(r"plan\.shares  # (\{.*\})", example)
    names: dict[str, object] = {}

    exec(example, names)

    assert promised is not None
    assert repr(names["plan"].shares) == promised.group(1)  # type: ignore[attr-defined]
    assert capsys.readouterr().out.startswith("account,side,symbol")


def test_the_request_example_is_one() -> None:
    request = read_request(json.dumps(json.loads(block("json"))))

    assert dict(request.to_target().weights) == {"VTI": Decimal("0.6"), "BND": Decimal("0.3")}


def test_every_setting_from_the_environment_is_in_the_table() -> None:
    named = set(re.findall(rf"`{ENVIRONMENT_PREFIX}([A-Z_]+)`", README))

    kept_elsewhere = {"PROVIDERS"}  # .streamlit/secrets.toml
    assert named | kept_elsewhere == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("document", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))])
def test_every_file_a_document_links_to_exists(document: str) -> None:
    folder = (ROOT / document).parent
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", (ROOT / document).read_text(encoding="utf-8"))

    missing = [link for link in links if not (folder / link).exists()]

    assert missing == []
