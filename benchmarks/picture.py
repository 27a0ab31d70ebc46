"""Draw docs/pictures/versus-pyportfolioopt.png from the numbers of versus_pyportfolioopt.py --json.

    python benchmarks/picture.py benchmarks/results/versus_pyportfolioopt.json

Needs requirements-dev.txt and a Chromium on the machine.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright
from plotly.subplots import make_subplots

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.running import chromium_path, launch_chromium  # noqa: E402  after the path is set

PICTURE = ROOT / "docs" / "pictures" / "versus-pyportfolioopt.png"
WIDTH, HEIGHT = 1100, 520
# Colours that the colour-blind tell apart (Okabe and Ito); each line has its own marker besides.
SERIES = (
    ("bare_lp_ratio", "LP ÷ kernel alone", "#0072B2", "circle"),
    ("lp_ratio", "LP ÷ labels in, labels out", "#D55E00", "square"),
    ("greedy_ratio", "greedy ÷ labels in, labels out", "#009E73", "diamond"),
)
SHARES = (
    ("proved", "ours proved best", "#0072B2", "circle"),
    ("better_than_lp", "ours nearer to the target than LP", "#D55E00", "square"),
    ("better_than_greedy", "ours nearer to the target than greedy", "#009E73", "diamond"),
)


def draw(rows: list[dict[str, Any]]) -> go.Figure:
    """How many times longer they take, and how often the answer is better, by the number of lines."""
    figure = make_subplots(1, 2, subplot_titles=("Times as long (median of pairs)", "Share of instances"))
    for column, series in ((1, SERIES), (2, SHARES)):
        for key, name, colour, symbol in series:
            seen = [row for row in rows if row[key] > 0]
            figure.add_scatter(
                x=[row["lines"] for row in seen],
                y=[row[key] for row in seen],
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"symbol": symbol, "size": 9},
                legend="legend" if column == 1 else "legend2",
                row=1,
                col=column,
            )
    ticks = [row["lines"] for row in rows]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{n:,}" for n in ticks], title="lines")
    figure.update_yaxes(type="log", ticksuffix=" ×", dtick=1, row=1, col=1)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.05], row=1, col=2)
    figure.update_layout(
        template="plotly_white",
        width=WIDTH,
        height=HEIGHT,
        margin={"l": 60, "r": 20, "t": 40, "b": 160},
        font={"family": "Source Sans Pro, Helvetica, Arial, sans-serif", "size": 14},
        legend={"x": 0, "y": -0.22, "yanchor": "top"},
        legend2={"x": 0.55, "y": -0.22, "yanchor": "top"},
    )
    return figure


def photograph(figure: go.Figure, picture: Path) -> None:
    """The figure as a browser shows it."""
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright, chromium_path())
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2)
        page.set_content(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}))
        page.locator(".main-svg").first.wait_for()
        page.screenshot(path=picture)
        browser.close()


def main() -> None:
    """One picture from one file of numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("numbers", type=Path)
    photograph(draw(json.loads(parser.parse_args().numbers.read_text())["rows"]), PICTURE)
    print(f"{PICTURE.relative_to(ROOT)} is drawn.")


if __name__ == "__main__":
    main()
