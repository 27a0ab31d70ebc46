"""Spreadsheets are read as the tables in them; what unpacks too far, acts or points elsewhere is refused."""

import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from allocation.adapters.importers import ImportedFile, read_accounts
from allocation.adapters.importers.workbook import MOST_MEMBERS
from allocation.errors import ImportFileError
from allocation.model import TaxLot

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
Cell = str | float | date | None


def workbook(*sheets: list[list[Cell]]) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def with_part(name: str, part: bytes, of: bytes | None = None) -> bytes:
    buffer = io.BytesIO(of or workbook([["symbol", "quantity"], ["VTI", 1]]))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, part)
    return buffer.getvalue()


def read(content: bytes) -> ImportedFile:
    return read_accounts(content, "x.xlsx", NOW)


def test_the_generic_table_is_read_with_its_numbers_and_days():
    file = read(
        workbook(
            [
                ["symbol", "quantity", "unit cost", "acquired"],
                ["VTI", 10.1, 221.5, date(2024, 3, 15)],
                ["CASH", 1250, None, None],
            ]
        )
    )

    assert file.portfolios[0].positions[0].lots == (TaxLot(Decimal("10.1"), Decimal("221.5"), date(2024, 3, 15)),)
    assert file.portfolios[0].cash == Decimal(1250)


def test_a_brokers_table_is_read_like_its_csv_from_whatever_sheet_has_it():
    rows = [line.split(",") for line in (GOLDEN / "etrade_lots.csv").read_text(encoding="utf-8").splitlines()]

    file = read(workbook([["Notes"]], rows))

    assert file.portfolios[0].quantities == {"VTI": Decimal(100), "BND": Decimal(50), "SCHD": Decimal(50)}
    assert file.reconciliations[0].difference == 0


def test_a_formula_is_never_calculated():
    with pytest.raises(ImportFileError, match="line 2"):
        read(workbook([["symbol", "quantity"], ["VTI", "=1+1"]]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (with_part("xl/vbaProject.bin", b"x"), "macros"),
        (with_part("xl/externalLinks/externalLink1.xml", b"<x/>"), "links to other files"),
        (with_part("xl/embeddings/inner.zip", b"x"), "macros, links"),
        (with_part("xl/big.xml", b" " * 20_000_000), "times its size"),
        (with_part("xl/evil.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><x/>'), "document type"),
        (with_part("xl/worksheets/sheet9.xml", "<x/>".encode("utf-16")), "document type"),
        (workbook([["symbol", "quantity"]] + [["VTI", 1]] * 10_001), "more than 10,000 rows"),
        (workbook([["Notes"]]), "No header of a known format"),
        (workbook([["symbol", "quantity"], ["VTI", 1]])[:-400], "damaged"),
    ],
)
def test_a_spreadsheet_that_could_do_harm_is_refused_with_a_sentence(content: bytes, said: str):
    with pytest.raises(ImportFileError, match=said):
        read(content)


def test_more_parts_than_any_export_has_are_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(MOST_MEMBERS + 1):
            archive.writestr(f"{number}.xml", "<x/>")

    with pytest.raises(ImportFileError, match="201 parts"):
        read(buffer.getvalue())


def test_a_zip_archive_is_no_spreadsheet():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("positions.csv", "symbol,quantity\nVTI,1\n")

    with pytest.raises(ImportFileError, match="zip archive"):
        read(buffer.getvalue())
