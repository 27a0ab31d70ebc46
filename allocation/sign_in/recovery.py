"""Recovery codes: ten ways in without the phone, each usable once, kept as hashes only."""

import hashlib
import re
import secrets

CODES = 10
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is easily read as something else
_LENGTH, _GROUP = 16, 4  # 80 random bits: a fast hash keeps them well enough
_MISREAD = str.maketrans("OIL", "011")


def new_codes() -> tuple[str, ...]:
    """Ten codes to be shown once."""
    return tuple(new_code() for _ in range(CODES))


def new_code() -> str:
    """A code that is easily passed on: read aloud, written down, typed."""
    return _in_groups("".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)))


def looks_like_recovery_code(typed: str) -> bool:
    """Whether this has the form of a recovery code."""
    return len(plain(typed)) == _LENGTH


def hash_of(user_id: str, code: str) -> str:
    """What is kept of a user's code, however it was typed."""
    return hashlib.sha256(f"{user_id}\0{plain(code)}".encode("utf-8", "replace")).hexdigest()


def as_text(user_name: str, codes: tuple[str, ...]) -> str:
    """The codes as a file to keep."""
    lines = (f"Recovery codes of {user_name} for Evenkeel. Each works once, in place of the code of the phone.", *codes)
    return "\n".join(lines) + "\n"


def plain(typed: str) -> str:
    """The code that was meant: without hyphens and spaces, in capitals, and no letter that stands for a digit."""
    return re.sub(r"[\s\-–—]+", "", typed[:100]).upper().translate(_MISREAD)


def _in_groups(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))
