"""Time-based one-time codes (RFC 6238) as every authenticator app makes them: SHA-1, thirty seconds, six digits."""

import hmac
import secrets
import unicodedata
from base64 import b32encode
from datetime import datetime
from urllib.parse import quote, urlencode

from allocation.errors import SecondFactorError, SignInClockError

STEP_SECONDS = 30
DIGITS = 6
SEED_BYTES = 20  # RFC 4226, section 4, R6
ISSUER = "Evenkeel"
# One step either way, for a code typed late and a clock that is a little off (RFC 6238, section 5.2) …
_NEAR = 1
# … and ten, where a code opens nothing, but says that a clock is off.
_FAR = 10


def new_seed() -> bytes:
    """What phone and server share."""
    return secrets.token_bytes(SEED_BYTES)


def step_at(moment: datetime) -> int:
    """The number of whole steps since 1970."""
    return int(moment.timestamp()) // STEP_SECONDS


def code_at(seed: bytes, step: int, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """The code of a step (RFC 4226, section 5.3)."""
    mac = hmac.digest(seed, step.to_bytes(8, "big"), algorithm)
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def looks_like_code(typed: str) -> bool:
    """Whether this has the form of a code; spaces do not count."""
    code = _plain(typed)
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def step_of_code(seed: bytes, typed: str, now: datetime, last_step: int | None = None) -> int:
    """The step whose code was typed; to be kept as the last one, so that no code counts twice.

    Raises:
        SecondFactorError: the code is of no step near now, or not newer than the last one that counted.
        SignInClockError: the code is of a step some minutes away.
    """
    code, middle = _plain(typed).encode("utf-8", "replace"), step_at(now)
    after = -1 if last_step is None else last_step
    # Every step is compared, whichever fits: how long it takes says nothing.
    fitting = [
        step
        for step in range(max(0, middle - _FAR), middle + _FAR + 1)
        if hmac.compare_digest(code_at(seed, step).encode(), code) and step > after
    ]
    near = [step for step in fitting if abs(step - middle) <= _NEAR]
    if near:
        return near[0]
    if fitting:
        raise SignInClockError(now, fitting)
    raise SecondFactorError


def setup_address(seed: bytes, user_name: str) -> str:
    """What the QR code says to an authenticator app (the key URI format that all of them read)."""
    about = {"secret": _base32(seed), "issuer": ISSUER, "algorithm": "SHA1", "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{quote(ISSUER)}:{quote(user_name, safe='')}?{urlencode(about)}"


def setup_key(seed: bytes) -> str:
    """The same by hand: groups of four letters and digits."""
    text = _base32(seed)
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _base32(seed: bytes) -> str:
    return b32encode(seed).decode().rstrip("=")


def _plain(typed: str) -> str:
    return "".join(unicodedata.normalize("NFKC", typed[:100]).split())
