"""What a plan of one account loads: nothing that takes longer to load than the plan takes to find."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAVY = ("numpy", "highspy", "pandas", "numba", "scipy")
PLAN_AND_TELL = f"""
import runpy, sys
sys.argv = ["allocation", "plan", sys.argv[1]]
try:
    runpy.run_module("allocation", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


def a_request(rules: dict[str, Any], accounts: int = 1) -> dict[str, Any]:
    """Three securities, held and wanted in every account."""
    held = [{"symbol": symbol, "quantity": "7"} for symbol in ("AAA", "BBB")]
    return {
        "accounts": [{"id": f"a{n}", "cash": "500", "positions": held} for n in range(accounts)],
        "securities": {"AAA": {"price": "10.5"}, "BBB": {"price": "40"}, "CCC": {"price": "7.25"}},
        "target": {"weights": {"AAA": "0.4", "BBB": "0.3", "CCC": "0.25"}},
        "rules": rules,
    }


def loaded_by(request: dict[str, Any], folder: Path) -> list[str]:
    """The heavy libraries that a plan of this request loads, in a process of its own."""
    path = folder / "request.json"
    path.write_text(json.dumps(request))
    done = subprocess.run(
        [sys.executable, "-c", PLAN_AND_TELL, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout)["status"] == "optimal"
    return done.stderr.split()


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"objective": "l1"},
        {"costs": {"per_trade": "1"}, "min_trade_value": "20"},
        {"taxes": {"short_term_rate": "0.3", "long_term_rate": "0.15", "as_of": "2024-02-29"}},
    ],
    ids=["plain", "l1", "costs", "taxes"],
)
def test_a_plan_of_one_account_loads_no_heavy_library(rules: dict[str, Any], tmp_path: Path) -> None:
    assert loaded_by(a_request(rules), tmp_path) == []


def test_a_household_may_load_what_it_needs(tmp_path: Path) -> None:
    assert "highspy" in loaded_by(a_request({}, accounts=2), tmp_path)
