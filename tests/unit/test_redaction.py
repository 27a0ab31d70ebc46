"""What a log may not say, and what it still says."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from allocation import redaction
from allocation.acting import begin_request
from allocation.redaction import HIDDEN, LONGEST, hide_always, hide_here, on_one_line, only_words, redacted

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"token endpoint said {JWT}", JWT),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("got password=hunter2 from form", "hunter2"),
        ('{"password": "correct horse", "user": "ann"}', "correct horse"),
        ("{'client_secret': 'it\\'s mine', 'x': 1}", "mine"),
        ('{"refresh_token": "never closed', "never closed"),
        ("Set-Cookie: evenkeel_browser=zzz", "zzz"),
        ("GET /oauth/callback?code=abc&state=def HTTP/1.1", "abc"),
        ("GET /oauth/callback?code=abc&state=def HTTP/1.1", "def"),
        ("see https://a.example/x?foo=bar", "bar"),
        ("code_verifier=abc", "abc"),
        ("nonce: n-1", "n-1"),
        ("postgresql://ann:pa55@db/evenkeel refused", "pa55"),
        ("PUT /_stcore/upload_file/6d1c7f0e-aaaa-bbbb-cccc-1234567890ab/x", "6d1c7f0e"),
        ("GET /media/0a1b2c3d.csv", "0a1b2c3d"),
        (f"key {43 * 'q7'}1a", "1a"),
        ("seed JBSWY3DPEHPK3PXPJBSWY3DP", "JBSWY3DPEHPK3PXPJBSWY3DP"),
        ("recovery k7md-92xq-p4rt did not work", "k7md-92xq-p4rt"),
        ("account Z12345678 has no cash", "Z12345678"),
        ("account number 123456789", "123456789"),
        ("hash 5f4dcc3b5aa765d61d8327deb882cf99", "5f4dcc3b5aa765d61d8327deb882cf99"),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(text: str, secret: str) -> None:
    assert secret not in redacted(text)
    assert HIDDEN in redacted(text)
    assert secret not in only_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "local: credentials_wrong",
        "google: refused: the ID token is for another audience",
        "Fault on a page",
        "3 of 8 prices are missing on 2026-11-20 at 12:30:15",
        "took 1250.75 ms for AAPL, BRK.B and ^GSPC",
        "The database /var/lib/evenkeel/evenkeel.sqlite cannot be opened",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redacted(text) == text


def test_a_value_of_the_settings_is_never_said_again() -> None:
    hide_always(["swordfish"])

    assert redacted("they tried swordfish twice") == f"they tried {HIDDEN} twice"


def test_what_a_visitor_typed_is_hidden_in_their_request_and_no_longer() -> None:
    begin_request()
    hide_here("open sesame")

    assert redacted("no user has open sesame") == f"no user has {HIDDEN}"

    begin_request()
    hide_here("something else")
    assert redacted("no user has open sesame") == "no user has open sesame"


def test_of_a_message_nobody_foresaw_only_words_stay() -> None:
    said = only_words("Cannot reach 'pa55 word' of x9!k with Tr0ub4dor&3 in KeyError, sqlalchemy.exc or after 30 tries")

    assert said == "Cannot reach … of … with … in KeyError, sqlalchemy.exc or after 30 tries"


@given(some.text(max_size=200))
def test_no_text_begins_a_line_of_its_own_or_moves_the_cursor(text: str) -> None:
    assert redacted(f"user {text} refused").isprintable()


def test_control_characters_are_written_out() -> None:
    assert on_one_line("a\r\nb\x1b[31m\u2028c\x00\u202e\ud800") == "a\\r\\nb\\x1b[31m\\u2028c\\x00\\u202e\\ud800"


@given(some.text(alphabet="abc=:\"'&;, \\", max_size=400))
def test_hiding_ends_soon_whatever_the_text(text: str) -> None:
    redacted(f"password {text}")


# What a pattern that tries again from every place takes minutes for.
ENDLESS = [
    "a-",
    "A1-",
    "abcd-",
    "-",
    "_",
    "a",
    "a1",
    "aaaaaa.",
    "token=",
    'code="',
    "code= bearer ",
    'pin="\\',
    "a/?a=",
    "://a",
    "'\"`",
]


@pytest.mark.parametrize("piece", ENDLESS)
@pytest.mark.parametrize("before", ["", "bearer ", "password='", "://"])
def test_hiding_takes_no_longer_than_reading(piece: str, before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "LONGEST", 1_000_000)  # or else most of it is not even looked at

    assert only_words(before + piece * (200_000 // len(piece)))


def test_no_text_is_said_without_end() -> None:
    assert len(redacted("word " * 100_000)) < LONGEST + 10
    assert len(redacted("w" * 100_000)) < LONGEST + 10


@pytest.mark.parametrize(
    "text",
    [
        JWT,
        "Zb8pQm2-vX0aWc9Jt4LrYk6NfGhDsEu1iOqTbVnMxCw",
        "?code=abcdef",
        "'of plain words'",
        'password: "of plain words"',
    ],
)
def test_a_secret_that_the_cut_runs_through_is_hidden_as_well(text: str) -> None:
    begin_request()
    hide_here("of plain words")

    for room in range(len(text) + 1):
        told = redacted("x " * ((LONGEST - room) // 2) + "y" * (room % 2) + " /" + text + " and on" * 9)
        assert not re.search("Zb8|eyJ|abc|plain|words", told)


def test_a_quotation_that_the_cut_runs_through_is_no_less_of_one() -> None:
    assert "secretly" not in only_words("x " * (LONGEST // 2 - 20) + "invalid 'secretly " + "said " * 20 + "'")


@given(some.text(alphabet="aB1-_. é", max_size=60))
def test_the_patterns_that_give_nothing_back_hide_what_the_plain_ones_would(text: str) -> None:
    groups = re.compile(r"\b(?=[a-zA-Z0-9-]*\d)[a-zA-Z0-9]{4,8}(?:-[a-zA-Z0-9]{4,8}){1,7}\b(?!-)")
    parts = re.compile(r"\b[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*")

    assert redaction._GROUPS.sub(HIDDEN, text) == groups.sub(HIDDEN, text)
    hidden = {place for found in redaction._JWT.finditer(text) for place in range(*found.span())}
    assert all(set(range(*found.span())) <= hidden for found in parts.finditer(text))
