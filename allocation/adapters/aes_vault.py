"""The vault: AES-256-GCM with the key's id in front, bound to user and name (NIST SP 800-38D)."""

import json
import os
from collections.abc import Callable, Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from allocation.errors import TokenUnreadableError
from allocation.vault import KEY_ID_BYTES, SealingKey

# The layout: what this is, which key, the nonce, then the sealed text with its tag.
_MARK = b"EK1"
_NONCE_BYTES = 12
HEADER_BYTES = len(_MARK) + KEY_ID_BYTES
_TAG_BYTES = 16
SHORTEST = HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES


class AesVault:
    """A `Vault` whose first key seals and all of whose keys open.

    Nonces are random: a key may seal 2³² secrets (SP 800-38D §8.3), some hundred years of sign-ins.

    Args:
        keys: at least one.
        read_again: asked when something was sealed with a key unknown here: another process may have changed them.
        unreadable: told the user and the name of what did not open, to be written down.
    """

    def __init__(
        self,
        keys: Iterable[SealingKey],
        read_again: Callable[[], tuple[SealingKey, ...]] | None = None,
        unreadable: Callable[[str, str], None] = lambda _user_id, _name: None,
    ) -> None:
        self._read_again = read_again
        self._unreadable = unreadable
        self._use(tuple(keys))

    def seal(self, user_id: str, name: str, secret: bytes) -> bytes:
        """What may be written down in place of the secret."""
        header, nonce = _MARK + self._first, os.urandom(_NONCE_BYTES)
        return header + nonce + self._ring[self._first].encrypt(nonce, secret, _bound_to(header, user_id, name))

    def open(self, user_id: str, name: str, sealed: bytes) -> bytes:
        """The secret again; raises `TokenUnreadableError` for anything this vault did not seal for this user and name."""
        secret = self._opened(user_id, name, sealed)
        if secret is None:
            self._unreadable(user_id, name)
            raise TokenUnreadableError
        return secret

    def seals_with(self, sealed: bytes) -> bool:
        """Whether this was sealed with the key that seals now."""
        return key_id_of(sealed) == self._first

    def _opened(self, user_id: str, name: str, sealed: bytes) -> bytes | None:
        cipher = self._cipher(key_id_of(sealed)) if len(sealed) >= SHORTEST else None
        if cipher is None:
            return None
        header, nonce = sealed[:HEADER_BYTES], sealed[HEADER_BYTES : HEADER_BYTES + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[HEADER_BYTES + _NONCE_BYTES :], _bound_to(header, user_id, name))
        except InvalidTag:
            return None

    def _cipher(self, key_id: bytes) -> AESGCM | None:
        if key_id and key_id not in self._ring and self._read_again is not None:
            self._use(self._read_again())
        return self._ring.get(key_id)

    def _use(self, keys: tuple[SealingKey, ...]) -> None:
        self._ring = {key.id: AESGCM(key.secret) for key in keys}
        self._first = keys[0].id


def key_id_of(sealed: bytes) -> bytes:
    """The id of the key that sealed this; empty when nothing of ours did."""
    return sealed[len(_MARK) : HEADER_BYTES] if sealed.startswith(_MARK) else b""


def _bound_to(header: bytes, user_id: str, name: str) -> bytes:
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") are not the same.
    return header + json.dumps(["evenkeel", name, user_id]).encode("ascii")
