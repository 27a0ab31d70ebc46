"""A book: many accounts in one call, each as if it were planned by itself."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from allocation.__main__ import main
from allocation.book import Book, Progress, rebalance_book, rebalance_files
from allocation.errors import RequestError
from allocation.model import Account, Portfolio, Position
from allocation.plan import plan_trades
from allocation.rules import Rules
from allocation.targets import TargetAllocation

ROOT = Path(__file__).parents[2]
Line = tuple[str, str, str, str | None, str | None, str | None]
COLUMNS = ("account_id", "model_id", "symbol", "quantity", "price", "cash")
MODELS = pa.table(
    {
        "model_id": ["growth", "growth", "calm", "calm"],
        "symbol": ["VTI", "BND", "VTI", "BND"],
        "weight": ["0.6", "0.3", "0.2", "0.8"],
    }
)
TWO_ACCOUNTS: Sequence[Line] = (
    ("anna", "growth", "VTI", "10", "250.10", "1250.00"),
    ("anna", "growth", "BND", "5", "72.31", None),
    ("anna", "growth", "AAPL", "3", "190", None),
    ("ben", "calm", "VTI", "4", "250.10", "0"),
    ("ben", "calm", "BND", "0", "72.31", "0"),
)


def positions(lines: Sequence[Line], **more: Sequence[Any]) -> pa.Table:
    columns = {name: [line[i] for line in lines] for i, name in enumerate(COLUMNS)}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()} | more)


def trades_of(book: Book, account: str) -> dict[str, Decimal]:
    rows = [row for row in book.trades.to_pylist() if row["account_id"] == account]
    return {row["symbol"]: Decimal(str(row["trade_quantity"])) for row in rows}


def summary_of(book: Book, account: str) -> dict[str, Any]:
    (row,) = [row for row in book.summary.to_pylist() if row["account_id"] == account]
    return row


def refusal(book: Book, account: str) -> tuple[str, str]:
    row = summary_of(book, account)
    assert row["status"] == "refused"
    assert trades_of(book, account) == {}
    return row["error_code"], row["error_message"]


def shares(book: Book) -> Mapping[str, dict[str, Decimal]]:
    return {row["account_id"]: trades_of(book, row["account_id"]) for row in book.summary.to_pylist()}


def test_every_account_gets_the_plan_it_would_get_alone() -> None:
    book = rebalance_book(positions(TWO_ACCOUNTS), MODELS)

    alone = plan_trades(
        Portfolio(
            Account("anna", "anna"),
            (Position("VTI", Decimal(10)), Position("BND", Decimal(5)), Position("AAPL", Decimal(3))),
            Decimal("1250.00"),
        ),
        TargetAllocation.of({"VTI": "0.6", "BND": "0.3"}),
        {"VTI": Decimal("250.10"), "BND": Decimal("72.31"), "AAPL": Decimal(190)},
    )
    assert trades_of(book, "anna") == {t.symbol: t.signed_quantity for t in alone.trades}
    told = summary_of(book, "anna")
    assert told["objective"] == pytest.approx(float(alone.objective.value), rel=1e-12)
    assert told["drift_before"] == pytest.approx(float(alone.before.drift), abs=1e-12)
    assert told["drift_after"] == pytest.approx(float(alone.after.drift), abs=1e-12)
    assert (told["total"], told["cash_after"]) == (alone.before.total, alone.after.cash)
    assert (told["status"], told["trades"]) == ("optimal", len(alone.trades))


def test_one_bad_account_never_stops_the_book() -> None:
    bad: Sequence[Line] = (("carl", "growth", "VTI", "-1", "250.10", "0"),)

    book = rebalance_book(positions([TWO_ACCOUNTS[0], *bad, *TWO_ACCOUNTS[3:]]), MODELS)

    assert [row["status"] for row in book.summary.to_pylist()] == ["optimal", "refused", "optimal"]
    assert refusal(book, "carl")[0] == "holding_invalid"


@pytest.mark.parametrize(
    ("lines", "code", "told"),
    [
        ([("a", "none", "VTI", "1", "250", "0")], "model_unknown", "'none'"),
        ([("a", None, "VTI", "1", "250", "0")], "model_unknown", "no model_id"),
        ([("a", "growth", "VTI", None, "250", "0")], "holding_invalid", "VTI has no quantity"),
        ([("a", "growth", None, "3", None, "100")], "holding_invalid", "no symbol"),
        ([("a", "growth", "XYZ", "1", None, "0")], "price_missing", "BND, VTI and XYZ"),
        ([("a", "growth", "VTI", "one", "250", "0")], "number_invalid", "The quantity of VTI is 'one'"),
        ([("a", "growth", "VTI", "nan", "250", "0")], "number_invalid", "'nan'"),
        ([("a", "growth", "V TI\x07", "1", "250", "0")], "symbol_invalid", "V TI"),
        (
            [("a", "growth", "VTI", "1", "-2", "0"), ("a", "growth", "BND", "0", "72", "0")],
            "price_invalid",
            "VTI is -2",
        ),
        (
            [("a", "growth", "VTI", "1", "250", "5"), ("a", "growth", "BND", "1", "72", "6")],
            "request_invalid",
            "disagree on cash: 5 and 6",
        ),
        (
            [("a", "growth", "VTI", "1", "250", "0"), ("a", "calm", "BND", "1", "72", "0")],
            "request_invalid",
            "disagree on model_id: calm and growth",
        ),
        (
            [("a", "growth", "VTI", "1", "250", "0"), ("a", "growth", "vti", "1", "250", "0")],
            "symbol_duplicate",
            "VTI",
        ),
        (
            [("a", "growth", "VTI", "0", "250", "0"), ("a", "growth", "BND", "0", "72", "0")],
            "portfolio_empty",
            "nothing",
        ),
    ],
)
def test_every_refusal_is_named(lines: Sequence[Line], code: str, told: str) -> None:
    book = rebalance_book(positions(lines), MODELS)

    found, message = refusal(book, "a")
    assert found == code
    assert told in message


def test_a_book_of_one_security_and_one_model_still_names_strangers() -> None:
    models = pa.table({"model_id": ["growth"], "symbol": ["VTI"], "weight": ["1"]})
    lines = [("a", "calm", "VTI", "1", "250.10", "0"), ("b", "growth", "XYZ", "1", None, "0"), *TWO_ACCOUNTS[:1]]

    book = rebalance_book(positions(lines), models)

    assert refusal(book, "a")[0] == "model_unknown"
    assert refusal(book, "b")[0] == "price_missing"
    assert trades_of(book, "anna") == {"VTI": 4}


def test_a_model_that_comes_to_more_than_the_whole_refuses_its_accounts_only() -> None:
    models = pa.table({"model_id": ["growth", "calm"], "symbol": ["VTI", "BND"], "weight": ["1.2", "1"]})

    book = rebalance_book(positions(TWO_ACCOUNTS), models)

    assert refusal(book, "anna")[0] == "target_invalid"
    assert "Model growth" in refusal(book, "anna")[1]
    assert summary_of(book, "ben")["status"] == "optimal"


def test_a_line_that_is_wanted_and_not_listed_takes_the_price_on_which_the_book_agrees() -> None:
    lines = [*TWO_ACCOUNTS[:3], ("ben", "calm", "VTI", "4", "250.10", "0")]

    book = rebalance_book(positions(lines), MODELS)

    assert trades_of(book, "ben") == {"VTI": -3, "BND": 10}


def test_a_price_on_which_the_book_disagrees_is_not_guessed() -> None:
    other = ("carl", "calm", "BND", "1", "72.40", "0")
    lines = [*TWO_ACCOUNTS[:3], other, ("ben", "calm", "VTI", "4", "250.10", "0")]

    book = rebalance_book(positions(lines), MODELS)

    code, message = refusal(book, "ben")
    assert code == "price_missing"
    assert "different prices for BND" in message


def test_an_account_of_cash_alone_is_a_row_without_a_symbol() -> None:
    lines = [*TWO_ACCOUNTS, ("cash", "calm", None, None, None, "1000")]

    book = rebalance_book(positions(lines), MODELS)

    assert trades_of(book, "cash") == {"VTI": 1, "BND": 10}


def test_rows_of_one_account_may_be_scattered_in_a_table() -> None:
    order = [3, 0, 4, 2, 1]

    book = rebalance_book(positions([TWO_ACCOUNTS[i] for i in order]), MODELS)

    assert shares(book) == shares(rebalance_book(positions(TWO_ACCOUNTS), MODELS))
    assert book.summary.column("account_id").to_pylist() == ["ben", "anna"]


def test_numbers_may_come_as_texts_floats_or_decimals() -> None:
    texts = positions(TWO_ACCOUNTS)
    numbers = {name: texts.column(name) for name in ("quantity", "price", "cash")}

    for kind in (pa.float64(), pa.decimal128(20, 4)):
        told = {name: column.cast(kind) for name, column in numbers.items()}
        table = pa.table({name: told.get(name, texts.column(name)) for name in COLUMNS})
        book = rebalance_book(table, MODELS)
        assert shares(book) == shares(rebalance_book(texts, MODELS))


def test_money_comes_out_exact_unless_it_came_in_as_floats() -> None:
    exact = rebalance_book(positions(TWO_ACCOUNTS), MODELS)
    assert exact.trades.schema.field("value").type == pa.decimal128(38, 18)
    assert Decimal("1084.65") in exact.trades.column("value").to_pylist()

    table = positions(TWO_ACCOUNTS)
    floats = table.set_column(4, "price", table.column("price").cast(pa.float64()))
    assert rebalance_book(floats, MODELS).trades.schema.field("value").type == pa.float64()


def test_steps_flows_and_tax_treatment_are_the_accounts_own() -> None:
    lines = TWO_ACCOUNTS[3:]
    more = {"increment": ["0.01", "1"], "cash_flow": ["-100", None], "tax_treatment": ["tax_free", None]}

    book = rebalance_book(positions(lines, **more), MODELS)

    assert summary_of(book, "ben")["total"] == Decimal("900.40")
    assert trades_of(book, "ben")["VTI"] % 1 != 0


def test_the_rules_hold_in_every_account() -> None:
    book = rebalance_book(positions(TWO_ACCOUNTS), MODELS, Rules(selling="never"))

    assert set(book.trades.column("side").to_pylist()) == {"buy"}


def test_missing_and_misspelt_columns_are_all_named() -> None:
    table = positions(TWO_ACCOUNTS)

    with pytest.raises(RequestError, match="price and cash"):
        rebalance_book(table.drop_columns(["price", "cash"]), MODELS)
    with pytest.raises(RequestError, match="did you mean increment"):
        rebalance_book(table.append_column("increments", pa.array(["1"] * len(table))), MODELS)


def many(count: int) -> pa.Table:
    """Accounts with a line each, in order."""
    return positions([(f"a{i:05}", "calm", "VTI", str(i % 7 + 1), "250.10", "10") for i in range(count)])


PRICED = MODELS.append_column("price", pa.array(["250.10", "72.31", "250.10", "72.31"]))


def test_a_book_is_stopped_by_its_watcher_after_whole_accounts() -> None:
    seen: list[Progress] = []

    def watch(progress: Progress) -> bool:
        seen.append(progress)
        return len(seen) < 2

    book = rebalance_book(many(700), PRICED, watch=watch)

    assert book.stopped_after == seen[-1].last == f"a{seen[-1].done - 1:05}"
    assert len(book.summary) == seen[-1].done < seen[-1].accounts == 700


def test_threads_give_the_same_book() -> None:
    table = many(600)

    assert rebalance_book(table, PRICED, workers=2) == rebalance_book(table, PRICED)


def test_processes_give_the_same_book() -> None:
    table, rules = many(300), Rules(min_trade_value=Decimal("0.3"), max_trades=1)

    book = rebalance_book(table, PRICED, rules, workers=2)

    assert book.one_by_one == 300
    assert book == rebalance_book(table, PRICED, rules)


def test_a_book_of_ties_goes_to_processes_and_is_the_same() -> None:
    tied = pa.table(
        {"model_id": ["growth"] * 2, "symbol": ["VTI", "BND"], "weight": ["0.5", "0.5"], "price": ["10", "10"]}
    )
    table = positions([(f"a{i:05}", "growth", "VTI", "0", "10", "10") for i in range(300)])

    book = rebalance_book(table, tied, workers=2)

    assert book.one_by_one == 300
    assert book == rebalance_book(table, tied)


def test_a_process_that_dies_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """From standard input, no process can be started anew: each dies before its first account."""
    told = (
        "import pyarrow as pa\n"
        "from allocation.book import rebalance_book\n"
        "from allocation.rules import Rules\n"
        "p = pa.table({'account_id': ['a'], 'model_id': ['m'], 'symbol': ['VTI'], 'quantity': [1], 'price': [9], 'cash': [0]})\n"
        "m = pa.table({'model_id': ['m'] * 9000, 'symbol': [f'S{i}' for i in range(9000)], 'weight': [0.0001] * 9000})\n"
        "rebalance_book(p, m, Rules(max_trades=1), workers=2)\n"
    )
    ended = subprocess.run(
        [sys.executable], input=told, capture_output=True, text=True, timeout=100, cwd=ROOT, check=False
    )

    assert "WorkersLostError" in ended.stderr


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow"])
def test_files_give_the_same_book(tmp_path: Path, ending: str) -> None:
    accounts, models = write(tmp_path / f"accounts.{ending}", many(600)), write(tmp_path / "models.csv", PRICED)

    report = rebalance_files(accounts, models, tmp_path / "out")

    in_memory = rebalance_book(many(600), PRICED)
    assert pq.read_table(report.trades_file) == in_memory.trades
    assert pq.read_table(report.summary_file) == in_memory.summary
    assert report.statuses == {"optimal": 600}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["summary.parquet", "trades.parquet"]


def test_a_csv_of_trades_has_plain_numbers_and_no_formulas(tmp_path: Path) -> None:
    table = positions([("=1+1", "calm", "VTI", "4", "250.10", "0"), ("=1+1", "calm", "BND", "0", "72.31", "0")])
    accounts, models = write(tmp_path / "accounts.csv", table), write(tmp_path / "models.csv", MODELS)

    report = rebalance_files(accounts, models, tmp_path / "trades.csv")

    assert report.trades_file.read_text().splitlines() == [
        '"account_id","symbol","trade_quantity","price","value","cost","tax","side"',
        '"\'=1+1","BND","10","72.31","723.1","0","0","buy"',
        '"\'=1+1","VTI","-3","250.1","750.3","0","0","sell"',
    ]
    assert report.summary_file == tmp_path / "trades.summary.csv"


def test_an_account_scattered_over_a_file_is_refused_once(tmp_path: Path) -> None:
    scattered = [TWO_ACCOUNTS[i] for i in (0, 3, 4, 1, 2)]
    accounts, models = write(tmp_path / "a.parquet", positions(scattered)), write(tmp_path / "m.parquet", MODELS)

    report = rebalance_files(accounts, models, tmp_path / "out")

    assert report.statuses == {"optimal": 1, "refused": 1}
    trades, summary = pq.read_table(report.trades_file), pq.read_table(report.summary_file)
    assert set(trades.column("account_id").to_pylist()) == {"ben"}
    assert "Sort the file" in summary_of(Book(trades, summary), "anna")["error_message"]


def test_work_that_is_stopped_leaves_finished_accounts_under_another_name(tmp_path: Path) -> None:
    accounts, models = write(tmp_path / "a.parquet", many(700)), write(tmp_path / "m.csv", PRICED)

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    report = rebalance_files(accounts, models, tmp_path / "trades.parquet", watch=interrupt)

    assert report.trades_file == tmp_path / "trades.partial.parquet"
    assert not (tmp_path / "trades.parquet").exists()
    summary = pq.read_table(report.summary_file)
    assert 0 < len(summary) == report.accounts < 700
    assert report.stopped_after == summary.column("account_id")[-1].as_py()


def test_work_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    accounts, models = write(tmp_path / "a.parquet", many(50)), write(tmp_path / "m.csv", PRICED)

    def fail(progress: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rebalance_files(accounts, models, tmp_path / "out", watch=fail)

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["nothing.parquet", "nothing.csv", "nothing.arrow", "nothing.xls"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    models = write(tmp_path / "m.csv", PRICED)

    with pytest.raises(RequestError, match=name):
        rebalance_files(tmp_path / name, models, tmp_path / "out")


def write(path: Path, table: pa.Table) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        arrow_csv.write_csv(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    return path


def test_the_example_of_the_document_runs_as_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = ROOT / "docs"
    accounts, models = docs / "examples" / "book_accounts.csv", docs / "examples" / "book_models.csv"
    out = tmp_path / "trades.csv"

    status = main(["book", str(accounts), "--models", str(models), "--out", str(out), "--workers", "1"])

    said, told = capsys.readouterr()
    assert status == 0
    assert json.loads(said)["statuses"] == {"optimal": 3, "refused": 1}
    assert "4 of 4 accounts, 1 refused" in told
    assert f"```text\n{out.read_text()}```" in (docs / "book.md").read_text()


def test_the_command_reads_the_rules_of_a_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accounts, models = write(tmp_path / "a.csv", positions(TWO_ACCOUNTS)), write(tmp_path / "m.csv", MODELS)
    rules, misspelt = tmp_path / "rules.json", tmp_path / "misspelt.json"
    rules.write_text('{"selling": "never"}')
    misspelt.write_text('{"seling": "never"}')
    command = ["book", str(accounts), "--models", str(models), "--out", str(tmp_path / "out"), "--workers", "1"]

    assert main([*command, "--rules", str(rules)]) == 0
    assert set(pq.read_table(tmp_path / "out" / "trades.parquet").column("side").to_pylist()) == {"buy"}
    capsys.readouterr()
    assert main([*command, "--rules", str(misspelt)]) == 2
    assert "seling" in capsys.readouterr().err


def test_a_command_that_is_interrupted_says_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, models = write(tmp_path / "a.csv", many(700)), write(tmp_path / "m.csv", PRICED)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("allocation.book.command._Telling.__call__", interrupt)
    status = main(["book", str(accounts), "--models", str(models), "--out", str(tmp_path), "--workers", "1"])

    said, told = capsys.readouterr()
    assert status == 130
    assert f"Stopped after account {json.loads(said)['stopped_after']}" in told
    assert (tmp_path / "trades.partial.parquet").exists()
