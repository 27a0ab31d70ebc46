"""Local accounts: a user name and a password on this installation, for a machine without an identity provider."""

import hmac
import re
import threading
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from allocation.errors import CredentialsError, NewAccountError
from allocation.ports import Directory, User
from allocation.sign_in.patience import Patience

LONGEST_USER_NAME = 64
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
FEWEST_DIFFERENT_CHARACTERS = 5
_USER_NAME = re.compile(rf"[^\W_][\w.@+-]{{0,{LONGEST_USER_NAME - 1}}}")
# The words that lists of stolen passwords are made of; a password that is little else is guessed in seconds.
_COMMON = re.compile(
    r"password|passw0rd|p@ssw0rd|qwerty(uiop)?|asdfgh(jkl)?|zxcvbn(m)?|letmein|welcome|iloveyou|football|baseball"
    r"|dragon|monkey|sunshine|princess|superman|trustno1|changeme|administrator|admin|evenkeel|abc123|1q2w3e4r(5t)?"
)
_FEWEST_UNCOMMON_CHARACTERS = 6


class LocalAccounts:
    """Creates the first local account and checks passwords, patiently but not endlessly.

    Args:
        setup_code: what the creator of the first account must know, where others than the owner can reach the page.
    """

    def __init__(self, directory: Directory, patience: Patience | None = None, setup_code: str = "") -> None:
        self._directory = directory
        self._patience = patience or Patience()
        self._setup_code = setup_code
        self._creating = threading.Lock()
        self._hasher = PasswordHasher()

    @property
    def first_run(self) -> bool:
        """Whether nobody created a local account yet."""
        return not self._directory.has_local_users()

    @property
    def asks_for_code(self) -> bool:
        """Whether the first account is only for somebody who can read the server's log."""
        return bool(self._setup_code)

    def create_first(self, user_name: str, password: str, setup_code: str = "") -> User:
        """The first local account.

        Raises:
            NewAccountError: the setup code is wrong, the name or the password is unfit, or somebody was first.
        """
        if not hmac.compare_digest(setup_code.strip().encode("utf-8", "replace"), self._setup_code.encode()):
            raise NewAccountError("This is not the setup code. Copy it from the log of the server.", ("setup_code",))
        name, secret = check_user_name(user_name), check_new_password(password, user_name)
        with self._creating:
            if not self.first_run:
                raise NewAccountError("The first account exists already. Sign in with it.", ("user_name",))
            return self._directory.create_local_user(name, self._hasher.hash(secret))

    def check(self, user_name: str, password: str) -> User:
        """Whose credentials these are.

        Raises:
            CredentialsError: unknown name or wrong password; the two answer alike, in about the same time.
            TooManyAttemptsError: after several wrong passwords, for a while.
        """
        name = _normal(user_name[: LONGEST_USER_NAME + 1]).strip()  # what no account is called is not worth remembering
        attempt = self._patience.attempt(name.casefold())
        known = self._directory.local_credentials(name)
        expected = known.password_hash if known else self._hash_of_nobody
        if not self._matches(expected, password) or known is None:
            raise CredentialsError
        self._patience.succeeded(attempt)
        return known.user

    def _matches(self, password_hash: str, password: str) -> bool:
        # One character more than the longest never matches, and hashing stays cheap.
        secret = _normal(password[: LONGEST_PASSWORD + 1])
        try:
            return self._hasher.verify(password_hash, secret)
        except (VerificationError, InvalidHashError):
            return False

    @cached_property
    def _hash_of_nobody(self) -> str:
        """What an unknown name is checked against, so that it takes as long as a known one."""
        return self._hasher.hash("a password that nobody has")


def check_user_name(user_name: str) -> str:
    """The user name in its normal form, if an account may be called that."""
    name = _normal(user_name).strip()
    if not _USER_NAME.fullmatch(name):
        raise NewAccountError(
            "Choose a user name of up to 64 letters, digits and . _ @ + - characters, starting with a letter or digit.",
            ("user_name",),
        )
    return name


def check_new_password(password: str, user_name: str) -> str:
    """The password in its normal form, if it is long enough and not among the first that anybody would try."""
    secret = _normal(password)
    if len(secret) < SHORTEST_PASSWORD:
        _refuse(f"Choose a password of at least {SHORTEST_PASSWORD} characters; a few words in a row are fine.")
    if len(secret) > LONGEST_PASSWORD:
        _refuse(f"Choose a password of at most {LONGEST_PASSWORD} characters.")
    plain = secret.casefold()
    if plain.strip() == _normal(user_name).strip().casefold():
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


def _normal(text: str) -> str:
    """One form for what looks the same, so that any keyboard can type it (NIST SP 800-63B, section 5.1.1.2)."""
    return unicodedata.normalize("NFKC", text)
