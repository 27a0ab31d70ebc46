"""docs/security.md names tests and files; every one of them is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
_NAMED = re.compile(r"`([\w./-]+\.(?:py|md|toml))(?:::(test_\w+))?`")
_ROW = re.compile(r"^\| (\d+\.\d+\.\d+[^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)


def test_every_file_and_test_that_is_named_is_there() -> None:
    named = _NAMED.findall(DOCUMENT)

    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (ROOT / file).is_file() or (test and f"def {test}(" not in (ROOT / file).read_text(encoding="utf-8"))
    ]

    assert len(named) > 90
    assert missing == []


@pytest.mark.parametrize(("item", "proof"), [(item, proof) for item, _, proof in _ROW.findall(DOCUMENT)])
def test_every_item_has_a_test_or_a_place(item: str, proof: str) -> None:
    assert _NAMED.search(proof) or "there are no orders yet" in DOCUMENT.split(f"| {item}|")[1].split("\n")[0]


def test_the_table_is_as_long_as_it_was() -> None:
    assert len(_ROW.findall(DOCUMENT)) >= 50
