"""From the bytes of an upload to text, refusing at once what is no text file."""

import re

from allocation.errors import UploadEmptyError, UploadEncodingError, UploadTooLargeError, UploadTypeError

LARGEST_FILE = 5 * 1024 * 1024
LONGEST_LINE = 20_000

# The first bytes of files that people rename to .csv.
_SIGNATURES = {
    b"PK\x03\x04": "a spreadsheet (.xlsx) or a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (.xls) or another Office document",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"%PDF": "a PDF document",
    b"MZ": "a program",
    b"\x7fELF": "a program",
    b"\x1f\x8b": "a compressed file (.gz)",
    b"7z\xbc\xaf": "a compressed file (.7z)",
    b"SQLite format 3": "a database",
    b"PORTFOLIO": "a Portfolio Performance file with a password (save it as XML without one)",
}
_MARKUP = {
    "<!doctype html": "a web page (perhaps the broker's sign-in page)",
    "<html": "a web page (perhaps the broker's sign-in page)",
    "{\\rtf": "a word processor's document",
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# Invisible characters that spreadsheets and web pages leave behind; a no-break space is a space.
_INVISIBLE = {ord(c): None for c in "\ufeff\u200b\u200c\u200d\u2060"} | {0x00A0: " ", 0x202F: " "}


def read_text(content: bytes) -> str:
    """The file as text: UTF-8, UTF-16 with its mark, or Windows-1252, without invisible characters.

    Raises:
        ImportFileError: too large, empty, binary, a web page, or in another encoding.
    """
    if len(content) > LARGEST_FILE:
        raise UploadTooLargeError(
            "The file is larger than 5 MB. A positions export is far smaller; export only the positions."
        )
    _refuse_binary(content)
    text = _decode(content).translate(_INVISIBLE)
    if not text.strip():
        raise UploadEmptyError("The file is empty. Export the positions again and choose the new file.")
    _refuse_markup(text)
    return text


def _refuse_binary(content: bytes) -> None:
    for signature, what in _SIGNATURES.items():
        if content.startswith(signature) and not (signature == b"MZ" and b"\x00" not in content[:1024]):
            raise UploadTypeError(
                f"The file is {what}, not a text file. Export the positions as CSV and choose that file."
            )


def _decode(content: bytes) -> str:
    encodings = _candidate_encodings(content)
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _CONTROL.search(text):
            break
        return text
    raise UploadEncodingError(
        "The file is not readable text: it holds binary or control characters, or is UTF-16 without its mark. "
        "Save it as CSV in UTF-8 and choose it again."
    )


def _candidate_encodings(content: bytes) -> tuple[str, ...]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    return ("utf-8-sig", "cp1252")


def _refuse_markup(text: str) -> None:
    start = text.lstrip()[:40].lower()
    for opening, what in _MARKUP.items():
        if start.startswith(opening):
            raise UploadTypeError(
                f"The file is {what}, not a CSV table. Export the positions as CSV and choose that file."
            )


def refuse_long_line(text: str) -> None:
    """Refuse a line that no table has; documents such as XML and JSON may be written in a single one."""
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > LONGEST_LINE:
            raise UploadTooLargeError(
                f"Line {number} has {len(line):,} characters; no positions table has such a line. "
                "Export the positions as CSV and choose that file.",
                (f"line {number}",),
            )
