"""The vault: AES-256-GCM with the key's id in front, bound to user and name (NIST SP 800-38D)."""

import json
import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from allocation.errors import TokenUnreadableError
from allocation.vault import KEY_ID_BYTES, SealingKey

# The layout: what this is, which key, the nonce, then the sealed text with its tag.
_MARK = b"EK1"
_NONCE_BYTES = 12
_HEADER_BYTES = len(_MARK) + KEY_ID_BYTES
_TAG_BYTES = 16


class AesVault:
    """A `Vault` whose first key seals and all of whose keys open.

    Nonces are random: a key may seal 2³² secrets (SP 800-38D §8.3), some hundred years of sign-ins.
    """

    def __init__(self, keys: Iterable[SealingKey]) -> None:
        ring = {key.id: AESGCM(key.secret) for key in reversed(tuple(keys))}
        self._ring = ring
        self._first = tuple(ring)[-1]

    def seal(self, user_id: str, name: str, secret: bytes) -> bytes:
        """What may be written down in place of the secret."""
        header, nonce = _MARK + self._first, os.urandom(_NONCE_BYTES)
        return header + nonce + self._ring[self._first].encrypt(nonce, secret, _bound_to(header, user_id, name))

    def open(self, user_id: str, name: str, sealed: bytes) -> bytes:
        """The secret again; raises `TokenUnreadableError` for anything this vault did not seal for this user and name."""
        cipher = self._ring.get(key_id_of(sealed))
        if cipher is None or len(sealed) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES:
            raise TokenUnreadableError
        header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], _bound_to(header, user_id, name))
        except InvalidTag:
            raise TokenUnreadableError from None


def key_id_of(sealed: bytes) -> bytes:
    """The id of the key that sealed this; empty when nothing of ours did."""
    return sealed[len(_MARK) : _HEADER_BYTES] if sealed.startswith(_MARK) else b""


def _bound_to(header: bytes, user_id: str, name: str) -> bytes:
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") are not the same.
    return header + json.dumps(["evenkeel", name, user_id]).encode("ascii")
