"""The keys that seal what is secret at rest, and the names under which it is sealed."""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from allocation.errors import SettingsError

KEY_BYTES = 32
KEY_ID_BYTES = 8

# What the seal binds a secret to, beside its user: a row copied into the place of another does not open.
SECOND_FACTOR = "second_factor"


def id_token_of(session_handle: str) -> str:
    """The name of a session's ID token."""
    return f"id_token:{session_handle}"


def broker_link_named(link_id: str) -> str:
    """The name under which sealed_secret has what opens a link to a broker."""
    return f"broker_link:{link_id}"


def secret_named(name: str) -> str:
    """The name of a row of sealed_secret."""
    return f"secret:{name}"


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key of 256 bits. Its id may be shown: it says which key, and nothing about it."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise SettingsError(
                f"A secret key has {len(self.secret)} bytes; it must have {KEY_BYTES}. Make one with "
                "`python -m allocation keys new`.",
                ("secret_keys",),
            )

    @property
    def id(self) -> bytes:
        """Which key this is, as it stands in front of what it sealed."""
        return hashlib.sha256(b"evenkeel key id\x00" + self.secret).digest()[:KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """The key as it is written in a file or an environment. Never shown, never logged."""
        return base64.urlsafe_b64encode(self.secret).decode("ascii")


def new_key() -> SealingKey:
    """A key nobody had before."""
    return SealingKey(secrets.token_bytes(KEY_BYTES))


def read_keys(texts: Iterable[str], place: str) -> tuple[SealingKey, ...]:
    """Keys as they are written, the one that seals first; `place` is where they stand, for the refusal.

    Raises:
        SettingsError: a key that cannot be read; its text is not shown.
    """
    written = [text.strip() for text in texts if text.strip()]
    if not written:
        raise SettingsError(f"{place} holds no key. Make one with `python -m allocation keys new`.", ("secret_keys",))
    return tuple(_read(text, place) for text in written)


def _read(text: str, place: str) -> SealingKey:
    try:
        return SealingKey(
            base64.b64decode(text.encode("ascii").translate(bytes.maketrans(b"-_", b"+/")), validate=True)
        )
    except (binascii.Error, UnicodeEncodeError):
        message = f"{place} holds something that is not a key in base64. Make one with `python -m allocation keys new`."
        raise SettingsError(message, ("secret_keys",)) from None
