"""User names and passwords: which ones an account may have, and how a password is kept."""

import re
import threading
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from allocation.errors import NewAccountError

LONGEST_USER_NAME = 64
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
FEWEST_DIFFERENT_CHARACTERS = 5
# RFC 9106, section 4, the second recommended choice: 64 MiB, three passes, four lanes.
MEMORY_KIB, PASSES, LANES = 65_536, 3, 4
# Each check takes that memory; more at once than this wait for their turn.
MOST_AT_ONCE = 4
_USER_NAME = re.compile(rf"[^\W_][\w.@+-]{{0,{LONGEST_USER_NAME - 1}}}")
# The words that lists of stolen passwords are made of; a password that is little else is guessed in seconds.
_COMMON = re.compile(
    r"password|passw0rd|p@ssw0rd|qwerty(uiop)?|asdfgh(jkl)?|zxcvbn(m)?|letmein|welcome|iloveyou|football|baseball"
    r"|dragon|monkey|sunshine|princess|superman|trustno1|changeme|administrator|admin|evenkeel|abc123|1q2w3e4r(5t)?"
)
_FEWEST_UNCOMMON_CHARACTERS = 6


class Passwords:
    """Makes and checks password hashes (argon2id)."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._turns = threading.BoundedSemaphore(MOST_AT_ONCE)

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        with self._turns:
            return self._hasher.hash(normal(password))

    def matches(self, password_hash: str, password: str) -> bool:
        """Whether this is the password. Where there is no hash the answer is no, and takes as long as any other."""
        # One character more than the longest never matches, and hashing stays cheap.
        secret = normal(password[: LONGEST_PASSWORD + 1])
        try:
            with self._turns:
                return self._hasher.verify(password_hash or self._hash_of_nobody, secret) and bool(password_hash)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than those of now."""
        return self._hasher.check_needs_rehash(password_hash)

    @cached_property
    def _hash_of_nobody(self) -> str:
        return self._hasher.hash("a password that nobody has")


def check_user_name(user_name: str) -> str:
    """The user name in its normal form, if an account may be called that."""
    name = normal(user_name).strip()
    if not _USER_NAME.fullmatch(name):
        raise NewAccountError(
            "Choose a user name of up to 64 letters, digits and . _ @ + - characters, starting with a letter or digit.",
            ("user_name",),
        )
    return name


def check_new_password(password: str, user_name: str) -> str:
    """The password in its normal form, if it is long enough and not among the first that anybody would try."""
    secret = normal(password)
    if len(secret) < SHORTEST_PASSWORD:
        _refuse(f"Choose a password of at least {SHORTEST_PASSWORD} characters; a few words in a row are fine.")
    if len(secret) > LONGEST_PASSWORD:
        _refuse(f"Choose a password of at most {LONGEST_PASSWORD} characters.")
    plain = secret.casefold()
    if plain.strip() == normal(user_name).strip().casefold():
        _refuse("Choose a password that is not the user name.")
    rest = re.sub(r"\d+|\W+", "", _COMMON.sub("", plain))
    if len(set(plain)) < FEWEST_DIFFERENT_CHARACTERS or (
        _COMMON.search(plain) and len(rest) < _FEWEST_UNCOMMON_CHARACTERS
    ):
        _refuse(
            "This password is among the first that anybody would try. Choose a few words in a row that only you know."
        )
    if plain.isdigit():
        _refuse("Choose a password with letters in it, not only digits.")
    return secret


def _refuse(sentence: str) -> None:
    raise NewAccountError(sentence, ("password",))


def normal(text: str) -> str:
    """One form for what looks the same, so that any keyboard can type it (NIST SP 800-63B, section 5.1.1.2)."""
    return unicodedata.normalize("NFKC", text)
