"""The figures carry the facts of the tables they stand beside."""

from decimal import Decimal

from allocation.desk import WeightRow
from allocation.figures import MOST_ROWS, TradeOffStep, fold_rows, tradeoff_figure, weights_figure

D = Decimal


def row(label: str, current: str | None, target: str | None = None, after: str | None = None) -> WeightRow:
    return WeightRow(label, "", *(None if w is None else D(w) for w in (current, target, after)))


def many(count: int) -> list[WeightRow]:
    lines = [row(f"S{i}", f"0.00{i % 9 + 1}", "0.001", "0.002") for i in range(count)]
    return [*lines, row("Cash", "0.1", "0.1", "0.1")]


def test_each_weight_is_drawn_at_its_percentage_in_the_order_of_the_table() -> None:
    figure = weights_figure([row("VTI", "0.8", "0.6", "0.61"), row("Cash", "0.2", "0.4", "0.39")])

    marks = {trace.name: (list(trace.y), list(trace.x)) for trace in figure.data if trace.mode == "markers"}

    assert marks == {
        "Current": (["VTI", "Cash"], [80, 20]),
        "Target": (["VTI", "Cash"], [60, 40]),
        "After": (["VTI", "Cash"], [61, 39]),
    }
    assert figure.layout.yaxis.range == (1.5, -0.5)


def test_every_row_of_the_chart_is_as_high_as_a_row_of_the_table() -> None:
    figure = weights_figure([row(f"S{i}", "0.1") for i in range(10)], 34)

    layout = figure.layout

    assert layout.margin.t == 34
    assert layout.height - layout.margin.t - layout.margin.b == 10 * 34


def test_the_three_weights_differ_in_shape_not_only_in_colour() -> None:
    figure = weights_figure([row("VTI", "0.8", "0.6", "0.61")])

    marks = [trace for trace in figure.data if trace.mode == "markers"]

    assert len({trace.marker.symbol for trace in marks}) == 3
    assert len({trace.marker.color for trace in marks}) == 3


def test_an_unknown_weight_is_a_gap_and_never_a_zero() -> None:
    figure = weights_figure([row("VTI", None, "0.6", None), row("Cash", "0.2", "0.4", "0.39")])

    marks = {trace.name: list(trace.x) for trace in figure.data if trace.mode == "markers"}
    thread = next(trace for trace in figure.data if trace.mode == "lines")

    assert marks["Current"] == [None, 20]
    assert list(thread.y) == ["Cash", "Cash", None]


def test_many_lines_are_folded_into_the_largest_and_one_other_row() -> None:
    rows = many(200)

    shown = fold_rows(rows)

    assert len(shown) == MOST_ROWS
    assert shown[-1].label == "Cash"
    assert shown[-2].label == "Other (172 lines)"
    kept = [r.label for r in shown[:-2]]
    assert kept == [r.label for r in rows if r.label in kept]
    assert sum(r.current or 0 for r in shown) == sum(r.current or 0 for r in rows)


def test_a_table_that_fits_is_not_folded() -> None:
    rows = many(MOST_ROWS - 1)

    assert fold_rows(rows) == rows


def test_the_rows_keep_their_order_when_a_line_is_added() -> None:
    figure = weights_figure([row("VTI", "0.8"), row("GLD", "0"), row("Cash", "0.2")])

    assert figure.layout.yaxis.categoryorder == "array"
    assert figure.layout.yaxis.categoryarray == ("VTI", "GLD", "Cash")


def test_the_plan_on_the_desk_is_told_apart_by_its_shape_and_not_by_colour_alone() -> None:
    steps = [
        TradeOffStep(Decimal(0), Decimal("0.2")),
        TradeOffStep(Decimal(1), Decimal("0.1"), adopted=True),
        TradeOffStep(Decimal(2), Decimal("0.05")),
    ]

    points = tradeoff_figure(steps, "Trades").data[0]

    assert list(points.y) == [20.0, 10.0, 5.0]
    assert list(points.marker.symbol) == ["circle", "diamond", "circle"]
