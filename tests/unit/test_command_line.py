"""The command line: one JSON answer, an exit status, never a traceback."""

import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from allocation.__main__ import main
from tests.builders import a_plan, a_request


class Shell:
    """Runs commands in this process and keeps what they print."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def file(self, content: Any, name: str = "request.json") -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    def run(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        status = main(arguments)
        out, err = self.capsys.readouterr()
        return status, json.loads(out), err

    def refused(self, *arguments: str) -> dict[str, Any]:
        status, answer, err = self.run(*arguments)
        assert status == 2
        assert set(answer) == {"error"}
        assert err.strip() == answer["error"]["message"]
        error: dict[str, Any] = answer["error"]
        assert set(error) == {"code", "message", "culprits"}
        return error


@pytest.fixture
def shell(tmp_path, capsys):
    return Shell(tmp_path, capsys)


def test_a_request_is_answered_with_its_plan(shell):
    status, answer, err = shell.run("plan", shell.file(a_request()))

    expected = a_plan({"VTI": 0.6, "BND": 0.3}, {"VTI": 250.1, "BND": 72.31}, {"VTI": 10, "BND": 5}, cash=1250)
    assert (status, err) == (0, "")
    assert answer == expected.as_dict()


def test_rows_in_another_order_give_the_same_plan(shell):
    request = a_request()
    turned = {key: request[key] for key in reversed(request)}
    turned["accounts"] = [{**request["accounts"][0], "positions": request["accounts"][0]["positions"][::-1]}]
    turned["target"] = {"weights": {"BND": 0.3, "VTI": 0.60}}

    assert shell.run("plan", shell.file(request)) == shell.run("plan", shell.file(turned))


def test_a_printed_plan_verifies_against_its_request(shell):
    request = shell.file(a_request())
    _, plan, _ = shell.run("plan", request)

    assert shell.run("verify", request, shell.file(plan, "plan.json")) == (0, {"verified": True, "faults": []}, "")


def test_a_tampered_plan_does_not_verify(shell):
    request = shell.file(a_request())
    _, plan, _ = shell.run("plan", request)
    plan["trades"][0]["price"] = "1"

    status, answer, _ = shell.run("verify", request, shell.file(plan, "plan.json"))

    assert (status, answer["verified"]) == (1, False)
    assert {fault["code"] for fault in answer["faults"]} == {"price"}


def test_a_plan_without_its_shape_is_refused(shell):
    request = shell.file(a_request())
    _, plan, _ = shell.run("plan", request)
    del plan["trades"][0]["price"]

    error = shell.refused("verify", request, shell.file(plan, "plan.json"))

    assert error["culprits"] == [f"trades[{plan['trades'][0]['symbol']}].price"]


def test_the_schemas_describe_request_and_response(shell):
    status, answer, _ = shell.run("schema")

    assert status == 0
    assert set(answer) == {"request", "response"}
    assert set(answer["request"]["properties"]) == {"accounts", "securities", "target", "rules"}
    assert "plan_id" in answer["response"]["properties"]


@pytest.mark.parametrize(
    ("changes", "code", "culprit"),
    [
        ({"target": {"weights": {"VTI": "0.76", "BND": "0.6"}}}, "target_sum", "VTI"),
        ({"target": {"weights": {"VTI": "0.6", "BND": 60}}}, "target_invalid", "BND"),
        ({"target": {"weights": {"VTI": "NaN"}}}, "number_invalid", "target.weights.VTI"),
        ({"target": {"weights": {"VTI": True}}}, "number_invalid", "target.weights.VTI"),
        ({"target": {"weights": {"VTI": -0.1}}}, "target_invalid", "VTI"),
        ({"securities": {"VTI": {"price": 1e308}}}, "number_invalid", "securities.VTI.price"),
        ({"securities": {"VTI": {"price": 250}}}, "price_missing", "BND"),
        ({"securities": {"VTI": {"price": 250}, "BND": {}}}, "price_missing", "BND"),
        ({"securities": {"VTI": {"price": 0}, "BND": {"price": -1}}}, "price_invalid", "BND"),
        ({"accounts": [{"cash": 0}]}, "portfolio_empty", "account"),
        ({"accounts": [{"cash": 10, "cash_flow": -20}]}, "withdrawal_too_large", "cash_flow"),
        ({"accounts": [{"positions": [{"symbol": "VTI", "quantity": -1}]}]}, "holding_invalid", "VTI"),
        ({"accounts": [{"positions": [{"symbol": "VTI", "quantity": 1e19}]}]}, "number_invalid",
         "accounts[0].positions[VTI].quantity"),
        ({"rules": {"min_trade": 1}}, "request_invalid", "rules.min_trade"),
        ({"rules": {"selling": "never", "cash_reserve": 2000}}, "infeasible", "selling"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_its_culprit(shell, changes, code, culprit):
    error = shell.refused("plan", shell.file(a_request(**changes)))

    assert error["code"] == code
    assert culprit in error["culprits"]


@pytest.mark.parametrize("over", ["trades", "turnover"])
def test_the_frontier_ends_with_the_plan(shell, over):
    request = shell.file(a_request())

    _, told, _ = shell.run("frontier", request, "--over", over)
    _, plan, _ = shell.run("plan", request)

    assert told["over"] == over
    assert told["points"][-1]["plan"] == plan


def test_the_least_contribution_comes_with_a_plan_without_sales(shell):
    status, told, _ = shell.run("least-contribution", shell.file(a_request()))

    assert status == 0
    # 10 × 250.10 is 60 % of 4,168.333…; there are 4,112.55.
    assert Decimal(told["contribution"]) == Decimal("55.79")
    assert {trade["side"] for trade in told["plan"]["trades"]} == {"buy"}


def test_a_frontier_over_something_else_is_refused(shell):
    assert "--over" in shell.refused("frontier", "x.json", "--over", "luck")["message"]


def test_each_trade_says_what_the_plan_would_be_without_it(shell):
    name = shell.file(a_request())

    plain, explained = (shell.run("plan", *options, name)[1]["trades"] for options in ((), ("--without-it",)))

    assert all(trade["without_it"] is None for trade in plain)
    assert all(Decimal(trade["without_it"]["drift"]) > 0 for trade in explained)
    assert [{**trade, "without_it": None} for trade in explained] == plain


@pytest.mark.parametrize("arguments", [(), ("plan",), ("plant", "x"), ("plan", "a", "b"), ("plan", "--fast", "x")])
def test_a_command_that_is_none_is_refused(shell, arguments):
    assert "plan REQUEST.json" in shell.refused(*arguments)["message"]


@pytest.mark.parametrize("name", ["missing.json", "", "a\0b", "."])
def test_a_file_that_cannot_be_read_is_refused(shell, name):
    assert "cannot be read" in shell.refused("plan", name)["message"]


def test_five_megabytes_of_noise_are_refused(shell, tmp_path):
    noise = tmp_path / "noise.json"
    noise.write_bytes(bytes(range(256)) * 20_000)

    assert "larger than 5 MB" in shell.refused("plan", str(noise))["message"]


def test_standard_input_that_is_no_text_is_refused(shell, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe{}"), encoding="utf-8"))

    assert "not UTF-8" in shell.refused("plan", "-")["message"]


def test_the_module_runs_from_standard_input_and_loads_no_tables():
    program = (
        "import sys, runpy; sys.argv = ['allocation', 'plan', '-']; runpy.run_module('allocation', run_name='__main__')"
    )
    watch = f"import atexit, sys\natexit.register(lambda: print('pandas' in sys.modules, file=sys.stderr))\n{program}"

    done = subprocess.run(
        [sys.executable, "-c", watch], input=json.dumps(a_request()), capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "optimal"
    assert done.stderr.strip() == "False"


def test_importing_the_package_loads_nothing_heavy():
    watch = (
        "import sys, allocation; "
        "print([m for m in ('pandas', 'numpy', 'pydantic', 'sqlalchemy', 'streamlit') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("where", [">&-", "> /dev/full", "| true"])
def test_an_answer_that_nobody_takes_leaves_no_traceback(shell, where):
    command = f"{sys.executable} -m allocation plan {shell.file(a_request())} {where}"

    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)

    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_closed_standard_input_is_refused_in_a_sentence():
    command = f"{sys.executable} -m allocation plan - <&-"

    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "standard input is closed" in json.loads(done.stdout)["error"]["message"]


@pytest.mark.parametrize(
    ("changes", "culprits"),
    [
        ({"accounts": [{"positions": [{"symbol": "VTI", "quantity": -1}, {"symbol": "BND", "quantity": -2}]}]},
         ["VTI", "BND"]),
        ({"target": {"weights": {"<script>": "0.1", "=cmd": "0.1", "VTI": "0.6"}}}, ["<script>", "=cmd"]),
        ({"rules": {"lock": ["ＶＴＩ", "@SUM"]}}, ["\\uff36\\uff34\\uff29", "@SUM"]),
    ],
)  # fmt: skip
def test_every_line_that_is_wrong_is_named(shell, changes, culprits):
    assert shell.refused("plan", shell.file(a_request(**changes)))["culprits"] == culprits


def test_the_schema_allows_counts_as_text(shell):
    _, answer, _ = shell.run("schema")

    rules, totals = answer["request"]["$defs"]["Rules"], answer["response"]["$defs"]["Totals"]
    assert rules["properties"]["max_trades"]["anyOf"][0]["type"] == ["integer", "string"]
    assert totals["properties"]["trades"]["type"] == "integer"
