"""Local accounts: a user name and a password on this installation, for whoever has no identity provider."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from allocation.errors import CredentialsError, NewAccountError, PasswordCodeError, PasswordError
from allocation.ports import Credentials, LocalCredentials, People, Trail, User
from allocation.sign_in import recovery
from allocation.sign_in.passwords import LONGEST_USER_NAME, Passwords, check_new_password, check_user_name, normal
from allocation.sign_in.patience import Attempt, Patience
from allocation.trail import EventKind

CODE_GOOD_FOR = timedelta(hours=24)


class LocalAccounts:
    """Creates the first local account, checks passwords, patiently but not endlessly, and changes them.

    Args:
        setup_code: what the creator of the first account must know, where others than the owner can reach the page.
    """

    def __init__(
        self,
        credentials: Credentials,
        people: People,
        patience: Patience,
        trail: Trail,
        setup_code: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._credentials = credentials
        self._people = people
        self._patience = patience
        self._trail = trail
        self._setup_code = setup_code
        self._now = now
        self._passwords = Passwords()

    @property
    def first_run(self) -> bool:
        """Whether nobody created a local account yet."""
        return not self._credentials.has_local_users()

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
            raise NewAccountError(
                "This is not the setup code. The server printed it when this page was first opened.", ("setup_code",)
            )
        name, secret = check_user_name(user_name), check_new_password(password, user_name)
        user = self._credentials.create_first(name, self._passwords.hash(secret), self._now())
        if user is None:
            raise NewAccountError("The first account exists already. Sign in with it.", ("user_name",))
        self._trail.record(EventKind.USER_CREATED, user.id, user_id=user.id, by="setup")
        return user

    def check(self, user_name: str, password: str, address: str = "", browser: str = "") -> User:
        """Whose credentials these are.

        Args:
            address: where the attempt comes from; empty when nobody knows.
            browser: the key of the browser it is made in; empty when it keeps no cookies.

        Raises:
            CredentialsError: unknown name or wrong password; the two answer alike, in about the same time.
            TooManyAttemptsError: after several wrong passwords, for a while.
        """
        name = normal(user_name[: LONGEST_USER_NAME + 1]).strip()  # what no account is called is not worth remembering
        known, right = self._try(name, password, (address, browser), lambda: self._credentials.by_name(name))
        if known is None or not right or known.disabled:
            # Whoever the name belongs to sees it in their history; what was typed is written nowhere.
            self._trail.record(EventKind.SIGN_IN_REFUSED, "local", user_id=known.user.id if known else None)
            raise CredentialsError
        return known.user

    def confirm(self, user: User, password: str, address: str = "", browser: str = "") -> None:
        """Somebody who is signed in gives the password again.

        Raises:
            PasswordError: it is not the password.
            TooManyAttemptsError: after several wrong passwords, for a while.
        """
        _, right = self._try(user.name, password, (address, browser), lambda: self._credentials.of_user(user.id))
        if not right:
            raise PasswordError

    def change_password(
        self, user: User, old: str, new: str, keep_session: str, address: str = "", browser: str = ""
    ) -> None:
        """A new password; every other session of the user ends.

        Raises:
            PasswordError: the old one is not right.
            NewAccountError: the new one is unfit, or the old one.
        """
        try:
            self.confirm(user, old, address, browser)
        except PasswordError:
            self._trail.record(EventKind.PASSWORD_CHANGE_REFUSED, user.id, user_id=user.id)
            raise
        secret = check_new_password(new, user.name)
        if normal(old) == secret:
            raise NewAccountError("Choose a password that is not the one before.", ("password",))
        self._credentials.change_password(user.id, self._passwords.hash(secret), self._now(), keep_session)
        self._trail.record(EventKind.PASSWORD_CHANGED, user.id, user_id=user.id)

    def new_password_code(self, user: User) -> str:
        """A code with which the user may choose a password, once and within a day; the old one ends now."""
        code, now = recovery.new_code(), self._now()
        self._people.keep_password_code(user.id, _hash(code), now + CODE_GOOD_FOR, now)
        return code

    def redeem(self, user_name: str, code: str, password: str, address: str = "", browser: str = "") -> None:
        """Choose a password with a code.

        Raises:
            PasswordCodeError: name and code do not belong together, or the code was used or is too old.
            NewAccountError: the password is unfit; the code is still good.
            TooManyAttemptsError: after several wrong codes, for a while.
        """
        secret = check_new_password(password, user_name)
        name = normal(user_name[: LONGEST_USER_NAME + 1]).strip()
        attempt = self._attempt(name, (address, browser))
        known, new_hash = self._credentials.by_name(name), self._passwords.hash(secret)
        user_id = known.user.id if known else ""
        if not self._people.redeem_password_code(user_id, _hash(code), new_hash, self._now()):
            raise PasswordCodeError
        self._patience.succeeded(attempt)
        self._trail.record(EventKind.PASSWORD_CHANGED, user_id, user_id=user_id, by="code")

    def _try(
        self, name: str, password: str, origin: tuple[str, str], find: Callable[[], LocalCredentials | None]
    ) -> tuple[LocalCredentials | None, bool]:
        """Whose password is tried, and whether it is right; its hash is brought up to date on the way."""
        attempt = self._attempt(name, origin)
        known = find()
        if not self._passwords.matches(known.password_hash if known else "", password) or known is None:
            return known, False
        self._patience.succeeded(attempt)
        if self._passwords.is_outdated(known.password_hash):
            self._credentials.rehash(known.user.id, known.password_hash, self._passwords.hash(password))
        return known, True

    def _attempt(self, name: str, origin: tuple[str, str]) -> Attempt:
        """One more attempt from this address and browser."""
        address, browser = origin
        known = self._credentials.knows_browser(name, browser)
        return self._patience.attempt(name.casefold(), address, browser if known else "")


def _hash(code: str) -> str:
    # The code is long and random; a slow hash would add nothing. However it is typed, it is the same one.
    return hashlib.sha256(recovery.plain(code).encode("utf-8", "replace")).hexdigest()
