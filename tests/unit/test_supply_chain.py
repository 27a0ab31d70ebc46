"""The checks of what the app is made of fail where they could not look; they do not pass by saying nothing."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILE = Path(__file__).parents[2] / ".ci" / "supply_chain.py"
DOTENV = {"name": "python-dotenv", "version": "1.0.1", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2026-28684"]}]}


@pytest.fixture(scope="module")
def chain() -> ModuleType:
    spec = importlib.util.spec_from_file_location("supply_chain", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(*packages: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": [*packages, DOTENV]}


def sound(name: str) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": []}


def test_every_requirement_is_one_of_the_wanted_packages(chain: ModuleType) -> None:
    text = "# a comment\nstreamlit>=1.67,<1.68  # the pages\nSQLAlchemy>=2.1\npsycopg[binary]>=3.3\n-r other.txt\n"

    assert chain.wanted_packages(text) == {"streamlit", "sqlalchemy", "psycopg"}


def test_a_bill_that_leaves_a_requirement_out_is_refused(chain: ModuleType) -> None:
    bill = {"components": [{"name": "SQLAlchemy", "version": "2.1.0"}, {"name": "oddity"}]}

    assert chain.what_the_bill_leaves_out(bill, {"sqlalchemy", "streamlit"}) == [
        "streamlit is not in the bill",
        "oddity has no version",
    ]


def test_an_audit_that_looked_at_everything_and_found_nothing_new_passes(chain: ModuleType) -> None:
    assert chain.what_the_audit_found(report(sound("streamlit")), {"streamlit"}) == []


def test_an_audit_that_could_look_at_nothing_does_not_pass(chain: ModuleType) -> None:
    skipped = {"name": "streamlit", "skip_reason": "not found on PyPI"}

    assert chain.what_the_audit_found({"dependencies": []}, {"streamlit"}) == ["streamlit was not audited"]
    assert "streamlit was not audited: not found on PyPI" in chain.what_the_audit_found(report(skipped), {"streamlit"})


def test_a_vulnerability_is_named_with_its_package(chain: ModuleType) -> None:
    bad = {"name": "streamlit", "version": "1.10", "vulns": [{"id": "PYSEC-2022-250", "aliases": ["CVE-2022-35918"]}]}

    assert chain.what_the_audit_found(report(bad), {"streamlit"}) == ["streamlit 1.10: PYSEC-2022-250"]


def test_an_exception_that_nothing_needs_any_more_is_a_fault(chain: ModuleType) -> None:
    said = chain.what_the_audit_found({"dependencies": [sound("streamlit")]}, {"streamlit"})

    assert said == ["the exception CVE-2026-28684 is not needed any more"]
