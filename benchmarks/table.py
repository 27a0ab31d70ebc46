"""Put the numbers of versus_pyportfolioopt.py --json into docs/benchmarks.md, as its table.

python benchmarks/table.py benchmarks/results/versus_pyportfolioopt.json
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
HEAD = (
    "lines",
    "instances (LP)",
    "greedy ÷ ours",
    "LP ÷ ours",
    "LP ÷ bare",
    "proved",
    "better than greedy",
    "better than LP",
    "worse",
)
# The table on the page: every line in a row that begins with a bar, under this head.
TABLE = re.compile(rf"^\| {re.escape(HEAD[0])} \| {re.escape(HEAD[1])} .*\n(?:\|.*\n)+", re.MULTILINE)


def table(rows: list[dict[str, Any]]) -> str:
    """The table in Markdown, a line for each size."""
    lines = [HEAD, ("--:",) * len(HEAD), *(_cells(row) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    lp = ("–", "–", "–")
    if row["lp_instances"]:
        lp = (f"{row['lp_ratio']:,.0f}", f"{row['bare_lp_ratio']:,.0f}", f"{row['better_than_lp']:.0%}")
    return (
        f"{row['lines']:,}",
        f"{row['instances']} ({row['lp_instances']})",
        f"{row['greedy_ratio']:.1f}",
        lp[0],
        lp[1],
        f"{row['proved']:.1%}",
        f"{row['better_than_greedy']:.0%}",
        lp[2],
        str(row["worse"]),
    )


def main() -> None:
    """One table from one file of numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("numbers", type=Path)
    rows = json.loads(parser.parse_args().numbers.read_text(encoding="utf-8"))["rows"]
    page, places = TABLE.subn(table(rows), PAGE.read_text(encoding="utf-8"))
    if places != 1:
        raise SystemExit(f"{PAGE.name} has {places} such tables; it should have one.")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
