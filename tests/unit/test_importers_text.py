"""What is no text file, no table, or too much of it is refused at once with a sentence; nothing else ever comes out."""

import io
import time
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.adapters.importers import read_accounts
from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.dates import read_moment
from allocation.adapters.importers.text import LARGEST_FILE
from allocation.errors import AllocationError, ImportFileError, NumberError

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \r\n \r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (zipped(), "spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old spreadsheet"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "program"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"OFXHEADER:100", "header but no statement"),
        (b"symbol,quantity\nVTI\x00,3\n", "control characters"),
        ("symbol,quantity\nVTI,3\n".encode("utf-16-le"), "UTF-16 without its mark"),
        (b"symbol,quantity\nVTI\x81,3\n", "not readable text"),
        (b"\xff\xfes", "not readable text"),
        (b"symbol,quantity\n", "no positions"),
        (b'symbol,quantity\nVTI,"3\n', "begins on line 2"),
        (b'symbol,quantity\nVTI,"3\nBND,4\nAGG,"5\n', "begins on line 2"),
        (b'symbol,quantity\nVTI,"3\nBND"\n', "runs over several lines"),
        (b"symbol,quantity\nVTI,3,9\n", "line 2 (3 fields, the header has 2)"),
        (b"symbol,quantity\nVTI\n", "line 2 (1 fields, the header has 2)"),
        (b"hello", "No header of a known format"),
        (b"Date,Action,Symbol,Quantity,Price\n2026-01-02,Buy,VTI,3,250\n", "list of transactions"),
        (b"symbol" + b"," * 256 + b"\n", "257 columns"),
        (b"symbol,quantity\n" + b"VTI,1\n" * 10_001, "more than 10,000 rows"),
        (b"x" * 20_001, "characters"),
        (b"x" * (LARGEST_FILE + 1), "larger than 5 MB"),
    ],
)
def test_what_is_no_positions_file_is_refused_with_a_sentence(content: bytes, said: str):
    with pytest.raises(ImportFileError) as refusal:
        read_accounts(content, "positions.csv", NOW)

    assert said in str(refusal.value)


def test_a_hostile_file_name_is_shown_harmlessly():
    with pytest.raises(ImportFileError) as refusal:
        read_accounts(b"hello", "‮x\r\n![](http://example.com/p.png)" + "a" * 300, NOW)

    assert "\r" not in str(refusal.value)
    assert "‮" not in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_invisible_characters_of_web_pages_and_spreadsheets_are_dropped():
    file = read_accounts("symbol,quantity\n\u200bVTI\u00a0,\u00a03\u200b\n".encode(), "x.csv", NOW)

    assert file.portfolios[0].quantities == {"VTI": Decimal(3)}


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("$1,234.56", "1234.56"),
        ("($126.93)", "-126.93"),
        ("-$126.93", "-126.93"),
        ("$-126.93", "-126.93"),
        ("−5", "-5"),
        ("$550.50 ", "550.50"),
        ("+$2.5", "2.5"),
        ("1,234.567", "1234.567"),
        (".5", "0.5"),
        ("1,234,567", "1234567"),
    ],
)
def test_amounts_are_read_as_brokers_print_them(cell: str, amount: str):
    assert read_amount(cell, "The value") == Decimal(amount)


@pytest.mark.parametrize("cell", ["", "--", "-", "n/a", "N/A", " -- ", "null"])
def test_marks_for_no_amount_are_no_amount(cell: str):
    assert read_amount(cell, "The value") is None


@pytest.mark.parametrize(
    "cell",
    ["1,23", "1.2.3", "12,34,567", "+2.5%", "abc", "1e5", "NaN", "inf", "--5", "(-5)", "$", "1 234", "１２", "0x10"],
)
def test_what_could_be_read_in_two_ways_or_in_none_is_refused(cell: str):
    with pytest.raises(NumberError):
        read_amount(cell, "The value")


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("Date downloaded Nov-20-2026 4:10 p.m ET", "2026-11-20T16:10:00-05:00"),
        ("Date downloaded Jul-12-2026 12:35 a.m. ET", "2026-07-12T00:35:00-04:00"),
        ("Date downloaded 09/26/2026 10:00 PM ET", "2026-09-26T22:00:00-04:00"),
        ("Positions for account X ...123 as of 12:33 PM ET, 2025/05/04", "2025-05-04T12:33:00-04:00"),
        ("Positions for account(s) as of Jul-02-2026", "2026-07-02T00:00:00-04:00"),
    ],
)
def test_the_files_own_date_is_read_in_eastern_time(line: str, moment: str):
    assert read_moment(line).isoformat() == moment


@pytest.mark.parametrize(
    "line", ["Date downloaded", "as of 02/31/2026", "Foo-12-2026", "as of 99:99 PM ET, 2026/01/02"]
)
def test_a_date_that_is_none_is_not_guessed(line: str):
    assert read_moment(line) is None


def noise() -> dict[str, bytes]:
    return {
        "bytes": bytes((i * 2654435761 >> 13) & 0xFF for i in range(LARGEST_FILE)),
        "one line": b"a,b" * (LARGEST_FILE // 3),
        "commas": (b"," * 60 + b"\n") * (LARGEST_FILE // 61),
        "quotes": (b'",' * 30 + b"\n") * (LARGEST_FILE // 61),
        "percent signs": b"symbol,description,market value\n" + (b"A," + b"1%" * 9_000 + b",1\n") * 290,
        "words": (b"the quick brown fox jumps over\n") * (LARGEST_FILE // 31),
    }


@pytest.mark.parametrize("kind", list(noise()))
def test_five_megabytes_of_noise_are_refused_within_two_seconds(kind: str):
    content = noise()[kind]

    begun = time.process_time()  # ours alone, however busy the machine
    with pytest.raises(AllocationError):
        read_accounts(content, "noise.csv", NOW)

    assert time.process_time() - begun < 2


SAMPLES = [path.read_bytes() for path in sorted(GOLDEN.glob("*.*"))]


@given(st.binary(max_size=2_000))
@settings(max_examples=300, deadline=None)
def test_random_bytes_never_raise_anything_but_a_refusal(content: bytes):
    only_refuses(content)


@given(
    sample=st.sampled_from(SAMPLES),
    at=st.floats(0, 1),
    cut=st.integers(0, 60),
    put=st.one_of(
        st.binary(max_size=12), st.sampled_from([b'"', b",", b"\n", b"\x00", b"1e999", b"-", b"**", b"\xff", b",,,,,,"])
    ),
)
@settings(max_examples=400, deadline=None)
def test_damaged_exports_never_raise_anything_but_a_refusal(sample: bytes, at: float, cut: int, put: bytes):
    place = int(at * len(sample))

    only_refuses(sample[:place] + put + sample[place + cut :])


@given(
    cells=st.lists(
        st.lists(
            st.one_of(st.text(max_size=8), st.sampled_from(["SPAXX**", "1", "$5", "--", "Account Total", "CASH"])),
            max_size=9,
        ),
        max_size=6,
    ),
    header=st.sampled_from([sample.split(b"\n")[0].decode("cp1252", "replace") for sample in SAMPLES]),
)
@settings(max_examples=300, deadline=None)
def test_any_cells_under_a_known_header_never_raise_anything_but_a_refusal(cells: list[list[str]], header: str):
    only_refuses("\n".join([header, *(",".join(row) for row in cells)]).encode("utf-8", "ignore"))


def only_refuses(content: bytes) -> None:
    try:
        file = read_accounts(content, "x.csv", NOW)
    except AllocationError:
        return
    assert file.portfolios
    assert all(p.quantity > 0 for portfolio in file.portfolios for p in portfolio.positions)
