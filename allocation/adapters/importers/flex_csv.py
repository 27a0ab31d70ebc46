"""Interactive Brokers' Flex query as CSV: the same sections as in its XML, one below the other, turned into the same tree.

What the file looks like, by observation of files with and without "section codes" (an option of the query):
- with them, BOF, BOA and BOS lines begin the file, an account and a section, HEADER and DATA lines carry the section's code
  (POST open positions, CRTT cash report, EQUT net asset value, RATE conversion rates), EOS, EOA and EOF end them;
- without them, a new header, which again names ClientAccountID, begins each section;
- the columns are the XML's attributes in other words: CurrencyPrimary is `currency`, Quantity is `position`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from allocation.adapters.importers import flex
from allocation.adapters.importers.markup import Element
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import Row
from allocation.errors import UploadRowsError

NAME = flex.NAME

# The columns that go by another name in the XML; the others differ in their first capital only.
_ATTRIBUTES = {
    "ClientAccountID": "accountId",
    "CurrencyPrimary": "currency",
    "AssetClass": "assetCategory",
    "Quantity": "position",
    "FXRateToBase": "fxRateToBase",
    "FromCurrency": "fromCurrency",
}
_CODES = {
    "POST": "OpenPosition",
    "CRTT": "CashReportCurrency",
    "EQUT": "EquitySummaryByReportDateInBase",
    "ACCT": "AccountInformation",
    "RATE": "ConversionRate",
}
# What tells a section without a code: the columns that only it has.
_TELLING: tuple[tuple[str, frozenset[str]], ...] = (
    ("OpenPosition", frozenset({"Symbol", "PositionValue"})),
    ("OpenPosition", frozenset({"Symbol", "Quantity", "MarkPrice", "CostBasisMoney"})),
    ("CashReportCurrency", frozenset({"CurrencyPrimary", "EndingCash"})),
    ("ConversionRate", frozenset({"FromCurrency", "ToCurrency", "Rate"})),
    ("EquitySummaryByReportDateInBase", frozenset({"ReportDate", "Total", "Cash"})),
    ("EquitySummaryByReportDateInBase", frozenset({"ReportDate", "Total", "DividendAccruals"})),
)
_OF_EVERY_SECTION = frozenset({"ClientAccountID", "CurrencyPrimary", "AssetClass", "FXRateToBase", "LevelOfDetail"})
_CODED = frozenset({"BOF", "BOA", "BOS", "HEADER", "DATA", "EOS", "EOA", "EOF"})
_LEFT_OUT = "Left out"


def detect(rows: Sequence[Row]) -> Row | None:
    """The first header of a Flex query's sections, whichever they are."""
    first = next((row for row in rows if row.filled), None)
    if first is None:
        return None
    if first.cells[0] in _CODED and any(row.cells[:1] == ("HEADER",) for row in rows):
        return first
    return first if _is_header(first) or _section(first.cells) != _LEFT_OUT else None


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read every account of the query."""
    filled = [row for row in rows if row.filled]
    coded = header.cells[0] in _CODED
    statements: dict[str, Element] = {}
    left_out = 0
    for section, row, cells in _with_codes(filled) if coded else _without_codes(filled):
        if section == _LEFT_OUT:
            left_out += 1
            continue
        number = cells.get("accountId", "")
        statement = statements.setdefault(number, Element("FlexStatement", row.number, {"accountId": number}))
        statement.children.append(Element(section, row.number, cells))
    if left_out:
        reading.notes.append(f"{left_out} lines of sections other than positions, cash and totals were left out.")
    flex.read_statements(list(statements.values()), reading)


def _with_codes(rows: Iterable[Row]) -> Iterator[tuple[str, Row, dict[str, str]]]:
    """Each data line with its section, by the code in it."""
    names: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if len(row.cells) < 3 or row.cells[0] not in ("HEADER", "DATA"):
            continue
        code = row.cells[1]
        if row.cells[0] == "HEADER":
            names[code] = row.cells[2:]
        elif code in names:
            yield _CODES.get(code, _LEFT_OUT), row, _attributes(row, names[code], row.cells[2:])


def _without_codes(rows: Iterable[Row]) -> Iterator[tuple[str, Row, dict[str, str]]]:
    """Each data line with its section, by the header above it."""
    names: tuple[str, ...] = ()
    for row in rows:
        if _is_header(row) or (not names and _section(row.cells) != _LEFT_OUT):
            names = row.cells
        else:
            yield _section(names), row, _attributes(row, names, row.cells)


def _is_header(row: Row) -> bool:
    return len(_OF_EVERY_SECTION & set(row.cells)) > 1


def _section(names: Sequence[str]) -> str:
    known = set(names)
    return next((section for section, telling in _TELLING if telling <= known), _LEFT_OUT)


def _attributes(row: Row, names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """A line's cells under the names the XML has for them."""
    if any(cells[len(names) :]):
        raise UploadRowsError(
            f"Line {row.number} has {len(cells)} fields, its header {len(names)}. Run the query again and choose the new file.",
            (f"line {row.number}",),
        )
    named = dict(zip(names, cells, strict=False))
    return {_spelled(name): cell for name, cell in named.items() if name}


def _spelled(name: str, known: Mapping[str, str] = _ATTRIBUTES) -> str:
    return known.get(name, name[0].lower() + name[1:])
