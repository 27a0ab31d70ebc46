"""No plan of a book leaves without a check that knows only the tables: planted faults are found and made good."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from allocation.book import Book, Planner, judge, rebalance_book, solve_partition
from allocation.book.columns import read_positions
from allocation.book.compiled import Loops
from allocation.book.partition import withhold
from allocation.book.quick import Quick, solve_quickly
from allocation.book.survey import Survey
from allocation.rules import Rules

COUNT = 12
LINES = {"AAA": (31.07, 0.3), "BBB": (250.1, 0.5), "CCC": (7.31, 0.15)}


def accounts(price_of_bbb: float = 250.1) -> pa.Table:
    rows = [
        {
            "account_id": f"a{i:02}",
            "model_id": "m",
            "symbol": symbol,
            "quantity": float((7 * i + 3 * k) % 23),
            "price": price_of_bbb if symbol == "BBB" else price,
            "cash": 1234.5 + 17 * i,
        }
        for i in range(COUNT)
        for k, (symbol, (price, _)) in enumerate(LINES.items())
    ]
    return pa.Table.from_pylist(rows)


MODELS = pa.table(
    {
        "model_id": ["m"] * len(LINES),
        "symbol": list(LINES),
        "weight": [weight for _, weight in LINES.values()],
    }
)


def planner_for(table: pa.Table, rules: Rules | None = None) -> Planner:
    rows = read_positions(table)
    return Planner(MODELS, rules or Rules(), Survey((rows,)).known(), rows.schema)


def faults(table: pa.Table, trades: pa.Table, summary: pa.Table, rules: Rules | None = None) -> list[str]:
    planner = planner_for(table, rules)
    found = planner.expected.faults(read_positions(table), trades, summary)
    return [name for name, faulty in zip(summary.column("account_id").to_pylist(), found, strict=True) if faulty]


def changed(table: pa.Table, name: str, row: int, by: float) -> pa.Table:
    numbers = table.column(name).to_numpy().copy()
    numbers[row] += by
    return table.set_column(
        table.column_names.index(name), table.schema.field(name), pa.array(numbers, table.schema.field(name).type)
    )


@pytest.fixture(scope="module")
def book() -> Book:
    return rebalance_book(accounts(), MODELS)


def test_a_right_book_has_no_faults(book: Book) -> None:
    assert len(book.trades) > COUNT
    assert faults(accounts(), book.trades, book.summary) == []


def test_a_price_that_is_not_the_account_s_is_found(book: Book) -> None:
    found = faults(accounts(price_of_bbb=250.2), book.trades, book.summary)

    assert len(found) == COUNT


def test_a_column_shifted_by_one_row_is_found(book: Book) -> None:
    shifted = np.roll(book.trades.column("trade_quantity").to_numpy(), 1)
    trades = book.trades.set_column(2, "trade_quantity", pa.array(shifted))

    assert len(faults(accounts(), trades, book.summary)) >= COUNT // 2


@pytest.mark.parametrize(
    "column", ["objective", "bound", "drift_before", "drift_after", "total", "cash_after", "trades"]
)
def test_a_figure_that_is_off_is_found(book: Book, column: str) -> None:
    summary = changed(book.summary, column, 4, 1)

    assert faults(accounts(), book.trades, summary) == ["a04"]


@pytest.mark.parametrize(("column", "by"), [("trade_quantity", 1), ("price", 0.01), ("value", 0.01), ("cost", 0.01)])
def test_a_trade_that_is_off_is_found(book: Book, column: str, by: float) -> None:
    trades = changed(book.trades, column, 0, by)

    assert faults(accounts(), trades, book.summary) == [book.trades.column("account_id")[0].as_py()]


def test_cash_counted_twice_is_found(book: Book) -> None:
    richer = changed(accounts(), "cash", 0, 0)
    twice = richer.set_column(5, "cash", pa.array(2 * richer.column("cash").to_numpy()))
    wrong = rebalance_book(twice, MODELS)

    assert len(faults(accounts(), wrong.trades, wrong.summary)) == COUNT


@pytest.mark.parametrize(
    "rules",
    [
        Rules(lock=frozenset({"BBB"})),
        Rules(do_not_buy=frozenset({"BBB"}), do_not_sell=frozenset({"BBB"})),
        Rules(increment=Decimal(7)),
        Rules(min_trade_value=Decimal(10_000)),
    ],
    ids=["lock", "forbidden sides", "increment", "smallest trade"],
)
def test_a_rule_that_was_not_kept_is_found(book: Book, rules: Rules) -> None:
    traders = {row["account_id"] for row in book.trades.to_pylist() if row["symbol"] == "BBB"}

    assert traders <= set(faults(accounts(), book.trades, book.summary, rules))


def test_a_faulty_plan_is_withheld_and_made_the_exact_way(
    book: Book, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def slip(*question: object) -> Quick | None:
        quick = solve_quickly(*question)  # type: ignore[arg-type]
        assert quick is not None
        return Quick(
            quick.done,
            changed(quick.trades, "trade_quantity", 0, 1),
            quick.summary,
            quick.account_of_trade,
            quick.account_of_row,
        )

    monkeypatch.setattr("allocation.book.partition.solve_quickly", slip)
    rows = read_positions(accounts())

    part = solve_partition(rows, planner_for(accounts()))

    assert "1 plans made in columns are withheld" in caplog.text
    assert part.trades.equals(book.trades)
    assert part.summary.column("account_id").equals(book.summary.column("account_id"))
    assert faults(accounts(), part.trades, part.summary) == []


def test_nothing_is_withheld_where_there_is_no_fault() -> None:
    rows, planner = read_positions(accounts()), planner_for(accounts())
    assert planner.catalogue is not None
    quick = solve_quickly(rows, planner.catalogue, planner.rules, planner.money)
    assert quick is not None

    assert withhold(quick, np.zeros(len(quick.summary), bool)) is quick


def test_the_judge_finds_the_same_faults_compiled(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    trades = changed(book.trades, "trade_quantity", 3, 1)
    summary = changed(book.summary, "drift_after", 7, 0.001)
    plain = faults(accounts(), trades, summary)
    compiled = Loops(judge, "judge")
    compiled.ready()
    monkeypatch.setattr("allocation.book.proof._JUDGE", compiled)

    assert len(plain) == 2
    assert faults(accounts(), trades, summary) == plain
    assert faults(accounts(), book.trades, book.summary) == []
