"""Weights and trade-offs as Plotly figures: pure values in, a figure out; colour never speaks alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]  # plotly ships no types

from allocation.desk import WeightRow

# Middle tones with at least 3:1 against both a white and a near-black page, told apart by every kind of colour vision.
CURRENT_COLOR = "#7d8794"
TARGET_COLOR = "#c2690a"
AFTER_COLOR = "#0b8a82"
MOST_ROWS = 30
ROW_HEIGHT = 34
_AXIS_HEIGHT = 30
_GRID_COLOR = "rgba(125, 135, 148, 0.28)"


@dataclass(frozen=True, slots=True)
class TradeOffStep:
    """One budget of a trade-off, the drift it leaves as a fraction, and whether it is the plan on the desk."""

    budget: Decimal
    drift: Decimal
    adopted: bool = False


TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "y unified",
        "legend": {
            "orientation": "h",
            "x": -0.001,  # left of the plot, if by a hair: then it may use the room above the labels, and stays one row
            "y": 1,
            "xanchor": "left",
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "xaxis": {"ticksuffix": " %", "rangemode": "tozero", "fixedrange": True, "zeroline": False, "nticks": 6},
        "yaxis": {"automargin": "width", "fixedrange": True, "type": "category", "ticklabelstandoff": 10},
    }
)


def weights_figure(rows: Sequence[WeightRow], row_height: int = ROW_HEIGHT) -> go.Figure:
    """Current, target and after weight of every row, top to bottom in the order given; at most `MOST_ROWS` rows.

    Three shapes on one line: a ring where the row stands, an upright bar where it should be, a dot where the plan
    brings it, and a thread from ring to dot. The legend is one row high, so that beside a table of the same row height
    every line of the chart continues its line of the table.
    """
    shown = fold_rows(rows)
    labels = [row.label for row in shown]
    figure = _rows_figure(labels, row_height)
    figure.add_trace(_threads(shown))
    figure.add_trace(_marks("Current", labels, [r.current for r in shown], CURRENT_COLOR, "circle-open", 11, 2))
    figure.add_trace(_marks("Target", labels, [r.target for r in shown], TARGET_COLOR, "line-ns-open", 17, 3))
    figure.add_trace(_marks("After", labels, [r.after for r in shown], AFTER_COLOR, "circle", 9, 0))
    return figure


def tradeoff_figure(steps: Sequence[TradeOffStep], title: str, suffix: str = "") -> go.Figure:
    """How near each budget brings the account to its targets: drift in percent over the budget, today's plan marked.

    Args:
        steps: by budget, from the smallest on.
        title: what the budget is counted in.
        suffix: stands behind every number of the budget's axis.
    """
    budgets, drifts = [float(step.budget) for step in steps], [_percent(step.drift) for step in steps]
    figure = go.Figure(layout={"template": TEMPLATE, "height": 300, "hovermode": "closest", "showlegend": False})
    figure.update_layout(margin={"t": 12, "b": 44, "l": 4, "r": 14}, clickmode="event+select", dragmode=False)
    figure.update_xaxes(title=title, ticksuffix=suffix, showgrid=True, gridcolor=_GRID_COLOR)
    figure.update_yaxes(type="linear", ticksuffix=" %", rangemode="tozero", gridcolor=_GRID_COLOR, title="Drift")
    marker = {
        "color": [TARGET_COLOR if step.adopted else AFTER_COLOR for step in steps],
        "symbol": ["diamond" if step.adopted else "circle" for step in steps],
        "size": [15 if step.adopted else 10 for step in steps],
    }
    figure.add_trace(
        go.Scatter(
            x=budgets,
            y=drifts,
            mode="lines+markers",
            marker=marker,
            line={"color": CURRENT_COLOR, "width": 1, "dash": "dot"},
            hovertemplate=f"%{{x}}{suffix}<br>drift %{{y:.2f}} %<extra></extra>",
            cliponaxis=False,
        )
    )
    return figure


def fold_rows(rows: Sequence[WeightRow], most: int = MOST_ROWS) -> list[WeightRow]:
    """The rows themselves, or the largest ones in their order with the rest summed up as "Other (n lines)".

    The last row, cash, always stays and stays last.
    """
    if len(rows) <= most:
        return list(rows)
    *lines, cash = rows
    largest = sorted(range(len(lines)), key=lambda i: (-_largest_weight(lines[i]), i))[: most - 2]
    kept = [lines[i] for i in sorted(largest)]
    folded = [lines[i] for i in sorted(set(range(len(lines))) - set(largest))]
    other = WeightRow(
        f"Other ({len(folded)} lines)",
        "",
        *(_sum_known(map(attrgetter(kind), folded)) for kind in ("current", "target", "after")),
    )
    return [*kept, other, cash]


def _largest_weight(row: WeightRow) -> Decimal:
    return max((w for w in (row.current, row.target, row.after) if w is not None), default=Decimal(0))


def _sum_known(weights: Iterable[Decimal | None]) -> Decimal | None:
    known = [w for w in weights if w is not None]
    return sum(known, Decimal(0)) if known else None


def _rows_figure(labels: list[str], row_height: int) -> go.Figure:
    """An empty figure with a row of exactly this height for every label beneath a heading of the same height."""
    count = len(labels)
    figure = go.Figure(layout={"template": TEMPLATE, "height": row_height * (count + 1) + _AXIS_HEIGHT})
    figure.update_layout(margin={"t": row_height, "b": _AXIS_HEIGHT, "l": 4, "r": 14, "pad": 0})
    figure.update_yaxes(
        range=[count - 0.5, -0.5], showgrid=True, gridcolor=_GRID_COLOR, tickson="boundaries", ticklen=0
    )
    # A figure drawn before in this place would keep its order and put a new row last, beside another line's table row.
    figure.update_yaxes(categoryorder="array", categoryarray=labels)
    figure.update_xaxes(showgrid=True, gridcolor=_GRID_COLOR)
    return figure


def _threads(rows: Sequence[WeightRow]) -> go.Scatter:
    """One line from current to after per row; gaps between rows keep it a single, cheap trace."""
    x: list[float | None] = []
    y: list[str | None] = []
    for row in rows:
        if row.current is not None and row.after is not None:
            x += [_percent(row.current), _percent(row.after), None]
            y += [row.label, row.label, None]
    line = {"color": CURRENT_COLOR, "width": 2}
    return go.Scatter(x=x, y=y, mode="lines", line=line, opacity=0.55, showlegend=False, hoverinfo="skip", name="Move")


def _marks(
    name: str, labels: list[str], weights: list[Decimal | None], color: str, symbol: str, size: int, width: int
) -> go.Scatter:
    marker: dict[str, Any] = {"color": color, "symbol": symbol, "size": size, "line": {"color": color, "width": width}}
    percents = [_percent(w) for w in weights]
    return go.Scatter(
        name=name, x=percents, y=labels, mode="markers", marker=marker, hovertemplate="%{x:.2f} %", cliponaxis=False
    )


def _percent(weight: Decimal | None) -> float | None:
    return None if weight is None else float(weight * 100)
