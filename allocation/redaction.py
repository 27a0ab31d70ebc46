"""What a log may not say: values that look like secrets, values named like secrets, and those we were told of."""

import re
from collections.abc import Iterable
from contextvars import ContextVar

from allocation.acting import acting

HIDDEN = "[hidden]"
_SHORTEST_TOLD = 4

# Whoever can make the server log a text chooses it: every pattern takes time in proportion to its length. So what repeats gives
# nothing back (possessive), begins where its run begins, or is bounded; and no text is longer than this.
LONGEST = 8_192
_CUT = " […]"

# Named like a secret, whatever the value looks like: name=value, "name": "value", Name: value.
_NAMES = (
    r"pass(?:word|wd|phrase)?|secret|token|cookie|auth(?:orization)?|api[_-]?key|(?:private|sealing|vault)[_-]?key|seed|otp|totp|"
    r"pin|code|state|nonce|verifier|challenge|assertion|session(?:[_-]?id)?|sid|credential|account[_ -]?number"
)
_NAMED = re.compile(
    r"(?i)(?P<name>(?:" + _NAMES + r")s?[\"']?\s{0,3}[=:]\s{0,3})"
    r"(?:\"(?:\\[\s\S]|[^\"\\])*+\"?|'(?:\\[\s\S]|[^'\\])*+'?|(?:bearer|basic|digest)\s++[^\s,;&]++|[^\s,;&\"'})\]]++)"
)
_SCHEME = re.compile(r"(?i)\b(?:bearer|basic|digest)\s++[A-Za-z0-9._~+/=-]{6,}+")
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@]++@")
_QUERY = re.compile(r"(?<=[\w/])\?[\w%.~-]++=[^\s\"'<>]*+")
_JWT = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{6,}+\.[A-Za-z0-9_-]{6,}+\.[A-Za-z0-9_-]*+")
_OF_SESSION = re.compile(r"(/_stcore/upload_file/|/media/)[^\s\"']++")
# Random text: long, and of more than one kind of character; or the alphabet of a TOTP seed; or groups of a recovery code.
_RANDOM = re.compile(
    r"(?<![\w+/=-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{20,}+|\b[A-Z2-7]{16,}+\b|\b[0-9a-fA-F]{16,}+\b"
)
# No longer than eight groups of eight, so no digit further away makes a difference.
_GROUPS = re.compile(r"\b(?=[a-zA-Z0-9-]{0,70}\d)[a-zA-Z0-9]{4,8}+(?:-[a-zA-Z0-9]{4,8}+){1,7}+\b(?!-)")
_NUMBER = re.compile(r"(?<![\w.,:-])[A-Z]{0,3}-?\d{6,}+(?![\w.,:]|-\d)")

# A message nobody foresaw: what is plainly a word stays, the rest goes.
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_QUOTED_TO_THE_CUT = re.compile(r"'[^']*(?:'|\Z)|\"[^\"]*(?:\"|\Z)|`[^`]*(?:`|\Z)")
_WORD = re.compile(r"[(\[]?(?:[A-Z]?[a-z]+(?:[A-Z][a-z]+)*(?:[_.][a-z]+)*|[A-Z]{1,5}|\d{1,4})[)\]]?[.,:;!?]*")

_LAST_WORD = re.compile(r"(?<!\S)\S++\Z")

_told_for_good: set[str] = set()
_told_here: ContextVar[tuple[str, tuple[str, ...]]] = ContextVar("evenkeel_told_here", default=("", ()))


def hide_always(secrets: Iterable[str]) -> None:
    """Values that may never be said as long as the process lives: those of the settings."""
    _told_for_good.update(secret for secret in secrets if len(secret) >= _SHORTEST_TOLD)


def hide_here(*secrets: str) -> None:
    """Values that may not be said in this request: what a visitor typed, whatever it looks like."""
    request_id, before = _told_here.get()
    now = acting().request_id
    kept = before if request_id == now else ()
    _told_here.set((now, (*kept, *(secret for secret in secrets if len(secret) >= _SHORTEST_TOLD))))


def redacted(text: str) -> str:
    """The beginning of the text, without its secrets and on one line."""
    for secret in sorted({*_told_for_good, *_told_here.get()[1]}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text, cut = _beginning(text)
    text = _IN_ADDRESS.sub(f"{HIDDEN}@", text)
    text = _OF_SESSION.sub(rf"\1{HIDDEN}", text)
    text = _QUERY.sub(f"?{HIDDEN}", text)
    text = _NAMED.sub(rf"\g<name>{HIDDEN}", text)
    for pattern in (_SCHEME, _JWT, _RANDOM, _GROUPS, _NUMBER):
        text = pattern.sub(HIDDEN, text)
    return on_one_line(text + cut)


def only_words(text: str) -> str:
    """What is plainly words of a text that anybody may have had a hand in, such as the message of an unforeseen fault."""
    said = redacted(text)
    unquoted = (_QUOTED_TO_THE_CUT if said.endswith(_CUT) else _QUOTED).sub("…", said)
    return " ".join(word if _WORD.fullmatch(word) or word == HIDDEN else "…" for word in unquoted.split())


def on_one_line(text: str) -> str:
    """Whatever cannot be seen is written out: no value begins a line of its own, or turns the reading direction."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def _beginning(text: str) -> tuple[str, str]:
    """As much as is said, and a mark where that is not all. What the cut runs through is not said: it may be half a secret."""
    if len(text) <= LONGEST:
        return text, ""
    whole = _LAST_WORD.sub("", text[: LONGEST + 1])
    return whole, _CUT
