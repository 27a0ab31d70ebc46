"""What may be wrong with an upload, as one table: the case of the catalogue, the bytes, the stable code.

What never reaches a reader is tested where it is stopped: a body of unknown size (U02), uploads without end (U14), another's
session (U16) in test_files_at_the_edge.py; formulas on the way out (U12) with the exports; the same file twice (U13) with the page.
"""

import gzip
import io
import pickle
import zipfile
from datetime import UTC, datetime

import pytest

from allocation.adapters.importers import LARGEST_FILE, read_accounts
from allocation.errors import ImportFileError, UnknownColumnsError

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
GENERIC = b"symbol,quantity\nVTI,1\n"


def archive(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return packed.getvalue()


CASES = {
    "U01 a byte more than 5 MB": (b"x" * (LARGEST_FILE + 1), "UPLOAD_TOO_LARGE"),
    "U03 a million rows": (b"symbol,quantity\n" + b"A,1\n" * 1_000_000, "UPLOAD_TOO_LARGE"),
    "U03 ten thousand columns": (b"symbol" + b",x" * 10_000 + b"\n", "UPLOAD_TOO_LARGE"),
    "U03 one long line": (b"symbol," + b"q" * 4_000_000, "UPLOAD_TOO_LARGE"),
    "U04 a program": (b"MZ\x90\x00" + b"\x00" * 60, "UPLOAD_TYPE"),
    "U04 an image": (b"\x89PNG\r\n\x1a\n" + b"\x00" * 60, "UPLOAD_TYPE"),
    "U05 a bomb": (archive(xl__workbook_dot_xml=b"<a/>", big_dot_xml=b"0" * 60_000_000), "UPLOAD_ARCHIVE"),
    "U05 an archive in a spreadsheet": (archive(xl__workbook_dot_xml=b"", xl__x_dot_zip=b"PK"), "UPLOAD_ARCHIVE"),
    "U05 macros": (archive(xl__workbook_dot_xml=b"", xl__vbaProject_dot_bin=b"x"), "UPLOAD_ARCHIVE"),
    "U05 links to other files": (
        archive(xl__workbook_dot_xml=b"", xl__externalLinks__a_dot_xml=b"<a/>"),
        "UPLOAD_ARCHIVE",
    ),
    "U05 an entity": (archive(xl__workbook_dot_xml=b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'), "UPLOAD_ARCHIVE"),
    "U06 gzip": (gzip.compress(GENERIC), "UPLOAD_TYPE"),
    "U06 zip": (archive(positions_dot_csv=GENERIC), "UPLOAD_TYPE"),
    "U06 YAML": (b"symbol: VTI\nquantity: 1\n", "UPLOAD_TYPE"),
    "U06 pickle": (pickle.dumps({"symbol": "VTI"}), "UPLOAD_ENCODING"),
    "U07 empty": (b"", "UPLOAD_EMPTY"),
    "U07 blanks": (b" \r\n\t\n", "UPLOAD_EMPTY"),
    "U07 a header alone": (b"symbol,quantity\n", "UPLOAD_EMPTY"),
    "U08 NUL bytes": (b"symbol,quantity\nVTI,1\x00\n", "UPLOAD_ENCODING"),
    "U08 UTF-16 without its mark": (GENERIC.decode().encode("utf-16-le"), "UPLOAD_ENCODING"),
    "U08 bytes of no encoding": (b"symbol,quantity\nVTI\x81,1\n", "UPLOAD_ENCODING"),
    "U10 a column is missing": (b"symbol,price\nVTI,1\n", "UPLOAD_HEADER"),
    "U10 a column is there twice": (b"symbol,quantity,quantity\nVTI,1,1\n", "UPLOAD_HEADER"),
    "U10 a column is unknown": (b"symbol,quantity,colour\nVTI,1,red\n", "UPLOAD_HEADER"),
    "U11 a quotation mark is missing": (b'symbol,quantity\n"VTI,1\n', "UPLOAD_ROWS"),
    "U11 a line is longer than the header": (b"symbol,quantity\nVTI,1,2\n", "UPLOAD_ROWS"),
    "U17 a day that does not exist": (b"symbol,quantity,unit cost,acquired\nVTI,1,2,31/02/2026\n", "UPLOAD_DATE"),
    "U17 a day that could be two": (b"symbol,quantity,unit cost,acquired\nVTI,1,2,03/04/26\n", "UPLOAD_DATE"),
    "U18 a number that could be two": (b"symbol;quantity\nVTI;1.234\n", "UPLOAD_NUMBER"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_upload_that_cannot_be_an_account_is_refused_with_its_code(case: str):
    content, code = CASES[case]

    with pytest.raises(ImportFileError) as refusal:
        read_accounts(content, "../../etc/passwd\r\n😀" * 20, NOW)

    assert refusal.value.code == code
    assert "\r" not in str(refusal.value)


@pytest.mark.parametrize("case", [name for name in CASES if name.startswith("U10 a column is ")])
def test_columns_that_are_not_ours_can_be_chosen_by_hand(case: str):
    with pytest.raises(UnknownColumnsError if "twice" not in case else ImportFileError, match="symbol and quantity"):
        read_accounts(CASES[case][0], "x", NOW)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffsymbol,quantity\r\nVTI,1\r\n".encode(),
        "\ufeffsymbol;quantity;price\nVTI;1;250,5\n".encode(),
        "symbol\tquantity\nVTI\t1\n".encode("utf-16"),
    ],
)
def test_what_is_unambiguous_is_read_whatever_program_wrote_it(content: bytes):
    """U09."""
    assert read_accounts(content, "x", NOW).portfolios[0].quantities == {"VTI": 1}


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "@SUM", "-1+1", "+1"])
def test_a_formula_is_text_and_no_symbol(cell: str):
    """U12, on the way in."""
    file = read_accounts(f"symbol,quantity\nVTI,1\n{cell},1\n".encode(), "x", NOW)

    assert file.portfolios[0].quantities == {"VTI": 1}
    assert [problem.line_number for problem in file.problems] == [3]
